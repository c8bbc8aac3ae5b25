// Keys and the log of changes from the command line, against a real server: what is printed once, what closes the door, what
// another process hears of it, and that HTTP does not listen wider than this machine without a key.
import { Kvm } from "@nats-io/kv";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listen, OpenDoor } from "../../lib/api/http/listen.ts";
import { Keyring } from "../../lib/api/security/keyring.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { NatsAuditLog } from "../../lib/nats/audit.ts";
import { NatsKeyStore } from "../../lib/nats/keys.ts";
import { api } from "../../lib/nats/wire.ts";
import { HTTP_DEFAULTS } from "../api/api-in-memory.ts";
import { typed } from "../support/cli-rig.ts";
import { PATIENTLY, type Provisioned, provisioned } from "../support/nats.ts";
import { until } from "../support/until.ts";

/** The system takes it for 127.0.0.1, and so nobody is let in; a name that is not known to be this machine's is none. */
const ELSEWHERE = "127.1";

let server: Provisioned;
const warnings: string[] = [];

beforeAll(async () => {
  server = await provisioned({ partitions: 2 });
});
afterAll(() => server.stop());

const rollcall = (...args: string[]) => typed(["--nats-url", server.url, ...args]);
const serve = (host: string) => {
  const { nc, names, partitions, url: natsUrl } = server;
  const log = { error: () => {}, warn: (_fields: object, message: string) => void warnings.push(message) };
  const given = { nc, names, partitions, natsUrl, log, host, port: 0, version: "0.0.0", clock: "log" } as const;
  return listen({
    ...given,
    limits: DEFAULT_LIMITS,
    http: HTTP_DEFAULTS,
  });
};

test("without a key HTTP listens on this machine alone, and says so", async () => {
  for (const host of ["0.0.0.0", "::", "192.0.2.1", ELSEWHERE]) {
    const refused = await serve(host).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenDoor);
    expect((refused as Error).message).toContain("rollcall keys create NAME --role admin --personal");
  }
  const open = await serve("127.0.0.1");
  expect((await fetch(`${open.url}/v1/segments`)).status).toBe(200);
  expect(warnings).toEqual([expect.stringContaining("there are no keys yet")]);
  expect((await rollcall("keys", "ls")).err).toContain("There are no keys");

  const created = await rollcall("keys", "create", "front end", "--role", "read");
  expect([created.code, created.out]).toEqual([0, expect.stringMatching(/^rk_[a-z2-7]{10}_[A-Za-z0-9_-]{43}\n$/)]);
  expect(created.err).toContain("It is the first key");
  await until(
    "the running process has heard of it",
    async () => (await fetch(`${open.url}/v1/segments`)).status === 401,
  );
  const headers = { authorization: `Bearer ${created.out.trim()}` };
  expect((await fetch(`${open.url}/v1/segments`, { headers })).status).toBe(200);
  await open.stop();

  const wide = await serve(ELSEWHERE);
  expect((await fetch(`${wide.url}/v1/segments`)).status).toBe(401);
  expect((await fetch(`${wide.url}/v1/segments`, { headers })).status).toBe(200);
  const id = created.out.slice(3, 13);
  const revoked = await rollcall("keys", "revoke", id);
  expect([revoked.code, revoked.err]).toEqual([0, expect.stringContaining("It was the last one")]);
  await until("the key is refused", async () => (await fetch(`${wide.url}/v1/segments`, { headers })).status === 401);
  await wide.stop();
  // A door that was closed once stays closed, also when nobody has a key any more.
  const again = await serve(ELSEWHERE);
  expect((await fetch(`${again.url}/v1/segments`)).status).toBe(401);
  await again.stop();
});

test("ls tells all but the secret; what is wrong is refused with a remedy", async () => {
  const made = JSON.parse((await rollcall("keys", "create", "shop", "--role", "ingest", "-o", "json")).out);
  expect(made).toMatchObject({ name: "shop", role: "ingest", personal: false, key: expect.stringMatching(/^rk_/) });
  const listed = JSON.parse((await rollcall("keys", "ls", "-o", "json")).out);
  expect(listed).toMatchObject([
    { name: "front end", revoked: expect.any(String) },
    { name: "shop", revoked: null },
  ]);
  expect(JSON.stringify(listed)).not.toMatch(/rk_|hash/);
  const table = (await rollcall("keys", "ls")).out;
  expect(table).toMatch(/^ID +NAME +ROLE +PERSONAL DATA +CREATED +BY +LAST USED +REVOKED\n/);
  expect(table).toMatch(/shop +ingest +masked/);
  expect((await rollcall("keys", "create", "x", "--role", "god")).code).toBe(2);
  expect((await rollcall("keys", "create", "x")).code).toBe(2);
  expect((await rollcall("keys", "create", " ", "--role", "read")).err).toContain("A name has 1 to 100 characters.");
  const unknown = await rollcall("keys", "revoke", `${made.id.slice(0, 9)}${made.id.endsWith("2") ? "3" : "2"}`);
  expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining("There is no key")]);
  expect((await rollcall("keys", "revoke", listed[0].id)).err).toContain("is revoked already");
});

test("two that change a key at once both succeed, one after the other", async () => {
  const rings = await Promise.all([1, 2].map(() => Keyring.open(new NatsKeyStore(server.nc, server.names))));
  const { key, text } = await rings[0]!.create({ name: "both", role: "read", personal: false }, "test");
  await until("the other has heard of it", () => rings[1]!.verified(text) !== undefined);
  rings[0]!.noteUse(key);
  const revoked = await Promise.all(rings.map((ring) => ring.revoke(key.id)));
  expect(revoked.map((one) => one?.revoked !== undefined)).toEqual([true, true]);
  await until("both refuse it", () => rings.every((ring) => ring.verified(text) === undefined));
  for (const ring of rings) ring.close();
});

test("a key that is deleted from the bucket opens nothing, and the door stays closed", async () => {
  const store = new NatsKeyStore(server.nc, server.names);
  const ring = await Keyring.open(store);
  const { key, text } = await ring.create({ name: "doomed", role: "admin", personal: true }, "test");
  const kv = await new Kvm(server.nc).open(server.names.keysBucket);
  for (const { id } of ring.all()) await kv.delete(id);
  await until("a running process has heard of it", () => ring.verified(text) === undefined);
  const again = await Keyring.open(store);
  expect([again.isOpen, again.verified(text)]).toEqual([false, undefined]);
  expect(again.all()).toContainEqual(expect.objectContaining({ id: key.id, revoked: expect.any(String) }));
  for (const one of [ring, again]) one.close();
});

test("audit tells who changed what, and nothing of it can be removed", async () => {
  await rollcall("lists", "set", "vip", "ann@shop.example");
  const { out } = await rollcall("audit");
  expect(out).toMatch(/^ *SEQ +AT +WHO +WHAT +TARGET +DETAIL\n/);
  expect(out).toMatch(/cli:\S+ +keys\.create +[a-z2-7]{10} +name front end; role read; personal false/);
  expect(out).toMatch(/lists\.replace +vip +revisions 1; members 1/);
  expect(out).not.toContain("ann@");
  const { auditStream } = server.names;
  await expect(api(server.nc, `STREAM.PURGE.${auditStream}`)).rejects.toThrow(/purge not permitted/);
  await expect(api(server.nc, `STREAM.MSG.DELETE.${auditStream}`, { seq: 1 })).rejects.toThrow(/delete not permitted/);
  const last = await rollcall("audit", "--last", "1", "-o", "json");
  expect(JSON.parse(last.out)).toMatchObject([{ what: "lists.replace" }]);
  expect(last.err).toContain("There are older ones");
  expect((await rollcall("audit", "--last", "0")).code).toBe(2);
});

test("what somebody wrote there by hand is shown, and does not end the list", async () => {
  const subject = server.names.auditSubject("keys.create");
  for (const body of ["no json", "7", '{"at": "yesterday"}', '{"at":"2026-01-01T00:00:00Z","who":7}']) {
    await server.nc.request(subject, body, PATIENTLY);
  }
  const { records } = await new NatsAuditLog(server.nc, server.names).read(4);
  expect(records).toHaveLength(4);
  for (const record of records) expect(record).toMatchObject({ who: "unknown", what: "keys.create", target: "" });
  expect((await rollcall("audit")).code).toBe(0);
});
