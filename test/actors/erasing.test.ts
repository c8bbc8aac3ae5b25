// Somebody is erased from a real server: no byte of the id or of what was told is left in its files, and everybody else is as
// before, also for whoever takes the partitions over and for whoever reads the logs.
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Shard } from "../../actors/worker/shard.ts";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { scanStore } from "../../lib/cli/store-scan.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { MemberKind } from "../../lib/core/types.ts";
import { AuditReader } from "../../lib/doctor/read.ts";
import { NatsControlLog } from "../../lib/nats/control-log.ts";
import { NatsErasures, NatsLedger } from "../../lib/nats/erasing.ts";
import { NatsEventLog } from "../../lib/nats/event-log.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { eraseMessage } from "../../lib/nats/wire.ts";
import { PATIENTLY, type Provisioned, provisioned } from "../support/nats.ts";
import { testShard } from "../support/shards.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
const SETTINGS = { erasureHoldMs: 0 };

interface Heard {
  readonly segment: string;
  readonly id: string;
  readonly change: string;
  readonly n: number;
  readonly cause: { readonly type: string };
}

let server: Provisioned;
let client: NatsConnection;
let control: NatsControlLog;
let questions: Questions;
let shard: Shard;
const heard: Heard[] = [];

/** An id that begins so and lives in a partition. */
function idIn(partition: number, name: string): string {
  for (let index = 0; ; index += 1) {
    const id = `${name}${index}`;
    if (partitionOf(id, PARTITIONS) === partition) return id;
  }
}

const [ann, bob, acme] = [idIn(0, "ann-lovelace-"), idIn(0, "bob-"), idIn(1, "acme-")];
const SECRETS = [ann, "ada@example.net", "Marylebone"];

beforeAll(async () => {
  server = await provisioned({ partitions: PARTITIONS });
  client = await server.connection("client");
  client.subscribe("segment.*.*", { callback: (_error, message) => void heard.push(message.json<Heard>()) });
  control = new NatsControlLog(client, server.names);
  questions = new Questions(client, server.names, PARTITIONS);
  shard = await newShard("a");
});

afterAll(async () => {
  await server.stop();
});

async function newShard(name: string): Promise<Shard> {
  const nc = await server.connection(name);
  const made = testShard({ nc, names: server.names, partitions: PARTITIONS, shard: name, settings: SETTINGS });
  made.start();
  return made;
}

async function say(entry: ControlEntry): Promise<number> {
  const last = await control.lastRevision();
  await control.append(entry, last);
  return last + 1;
}

async function send(userId: string, body: object): Promise<void> {
  await client.request(`events.${userId}`, JSON.stringify({ userId, ...body }), PATIENTLY);
}

async function everybodyAt(revision: number): Promise<void> {
  await until(`revision ${revision} everywhere`, async () => {
    const status = await questions.status();
    return status.every((one) => one?.phase === "running" && one.revision >= revision && one.folding.length === 0);
  });
}

async function erase(id: string, kind: MemberKind = "user"): Promise<void> {
  const revision = await say({ op: "erase", ...erasedOf(kind, id, "a random key") });
  const ledgers = Array.from({ length: PARTITIONS }, (_, p) => new NatsLedger(client, server.names, p));
  await until(`revision ${revision} is through everywhere`, async () => {
    const books = await Promise.all(ledgers.map((ledger) => ledger.read()));
    return books.every((book) => book.phaseOf(revision) === "deleted");
  });
  await until(`revision ${revision} is out of the control log`, async () =>
    (await new NatsErasures(client, server.names).outOfControlLog()).has(revision),
  );
}

/** The control log as somebody reads it who begins now. */
async function entriesNow(): Promise<ControlEntry[]> {
  const last = await control.lastRevision();
  const entries: ControlEntry[] = [];
  let fault: Error | undefined;
  const following = new NatsControlLog(client, server.names).follow(
    ({ entry }) => entries.push(entry),
    (error) => {
      fault = error;
    },
  );
  await until("all entries", () => entries.length === last || fault !== undefined);
  following.stop();
  if (fault !== undefined) throw fault;
  return entries;
}

/** In which of the server's files one of them stands. */
const filesWith = (secrets: readonly string[]) => scanStore(server.dataDir, secrets);

const of = (id: string): string[] =>
  heard
    .filter((delta) => delta.id === id)
    .map(({ segment, change, n, cause }) => `${segment} ${change} ${n} ${cause.type}`);

test("nothing is left of a user, and everything of everybody else", async () => {
  const define = [
    { id: "fans", kind: "user", rule: { event: { name: "Song Played", count: { gte: 2 } } } },
    { id: "busy", kind: "account", rule: { event: { name: "Song Played", count: { gte: 3 } } } },
    { id: "wide", kind: "account", rule: { users: { rule: { event: { name: "Song Played" } }, count: { gte: 2 } } } },
  ];
  await everybodyAt((await say({ op: "apply", define, remove: [] })) + 1);
  const secret = { where: "Marylebone" };
  await send(ann, { type: "identify", traits: { email: "ada@example.net", home: "Marylebone" } });
  for (const user of [ann, bob]) await send(user, { type: "group", groupId: acme });
  for (const user of [ann, bob]) {
    for (let played = 0; played < 2; played += 1)
      await send(user, {
        type: "track",
        event: "Song Played",
        properties: { by: user, ...(user === ann ? secret : {}) },
      });
  }
  await send(ann, { type: "track", properties: { note: "no event, so it is refused: ada@example.net" } });
  await until("all is announced", () => of(ann).length + of(bob).length === 2 && of(acme).length === 2);
  await until("all of it stands in files", async () => {
    const { found } = await filesWith(SECRETS);
    return found.length > 3 && SECRETS.every((secret) => found.some(({ value }) => value === secret));
  });

  await erase(ann);
  expect(of(ann)).toEqual(["fans joined 1 event", "fans left 2 erasure"]);
  await until("one user less", () => of(acme).length === 3);
  expect(of(acme).at(-1)).toBe("wide left 2 event");
  expect(await filesWith(SECRETS)).toMatchObject({ found: [], unread: [] });
});

test("whoever takes over goes on, and whoever comes back is new", async () => {
  shard.abort();
  shard = await newShard("b");
  await until("taken over", async () => (await questions.status()).every((one) => one?.phase === "running"));
  await send(ann, { type: "track", event: "Song Played", properties: {} });
  await send(bob, { type: "group", groupId: null });
  await send(ann, { type: "track", event: "Song Played", properties: {} });
  await until("back again", () => of(ann).length === 3);
  expect(of(ann).at(-1)).toBe("fans joined 3 event");
  const [status] = await questions.status();
  expect(status!.error).toBeNull();
});

test("entries that put somebody on a list are without them, also after another was erased", async () => {
  const [eve, fay, dot] = [idIn(0, "eve-turing-"), idIn(3, "fay-turing-"), idIn(2, "dot-")];
  const firm = idIn(2, "firm-turing-");
  const list = (members: string[], more: object = {}): ControlEntry => ({
    op: "list",
    id: "vips",
    mode: "add",
    members,
    ...more,
  });
  const rule = { list: { in: ["vips"] } };
  const first = (await say(list([eve, dot, fay]))) - 1;
  const defined = await say({ op: "apply", define: [{ id: "invited", kind: "user", rule }], remove: [] });
  await everybodyAt(defined);
  await until("it is in force", async () => of(eve).length === 1);
  await say(list([eve, bob], { mode: "replace" }));
  await say(list([fay, firm], { id: "firms", kind: "account" }));
  await say({ op: "list", id: "vips", mode: "remove", members: [eve, 7 as unknown as string] });
  await everybodyAt(await say({ op: "removeList", id: "firms" }));
  await until("all is announced", () => of(bob).at(-1)?.startsWith("invited joined") === true);
  const written = await entriesNow();

  await erase(eve);
  expect(of(eve)).toEqual(["invited joined 1 definition", "invited left 2 erasure"]);
  expect(await filesWith(["eve-turing"])).toMatchObject({ found: [], unread: [] });
  expect((await entriesNow()).slice(first)).toEqual([
    list([dot, fay]),
    written[first + 1],
    list([bob], { mode: "replace" }),
    list([fay, firm], { id: "firms", kind: "account" }),
    { op: "list", id: "vips", mode: "remove", members: [7] },
    ...written.slice(first + 5),
    expect.objectContaining({ op: "erase" }),
  ]);

  // The same entry once more; an account of the same name is somebody else.
  await erase(fay);
  const now = await entriesNow();
  expect(now[first]).toEqual(list([dot]));
  expect(now[first + 3]).toEqual(written[first + 3]);
  await erase(fay, "account");
  await erase(firm, "account");
  const gone = await filesWith(["eve-turing", "fay-turing", "firm-turing"]);
  expect(gone).toMatchObject({ found: [], unread: [] });
  expect((await entriesNow())[first + 3]).toEqual(list([], { id: "firms", kind: "account" }));

  const doctor = new AuditReader({
    nc: client,
    names: server.names,
    questions,
    checkpoints: { read: () => Promise.reject(new Error("not asked")) } as never,
    heard: async () => true,
  });
  expect(await doctor.definitions()).toMatchObject({ first: 1, numDeleted: 0, deleted: [] });

  shard.abort();
  shard = await newShard("c");
  await until("taken over", async () => (await questions.status()).every((one) => one?.phase === "running"), 30_000);
  await everybodyAt(await say(list([eve])));
  await until("on the list again", () => of(eve).length === 3);
  expect(of(eve).at(-1)).toBe("invited joined 3 list");
  expect((await questions.status()).map((status) => status?.error)).toEqual([null, null, null, null]);
});

test("readers of a log find stand-ins where somebody was erased, and nowhere else", async () => {
  const log = new NatsEventLog(client, server.names, 0);
  const { first, last } = await log.bounds();
  expect(first).toBe(1);
  const records = [];
  for await (const record of logRecords(client, server.names, 0, last)) records.push(record);
  expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  const text = records.map(({ body }) => Buffer.from(body).toString()).join("\n");
  expect(text).toContain(bob);
  await eraseMessage(client, server.names.eventsStream(0), records.find(({ kind }) => kind === "event")!.seq);
  const read = async (): Promise<void> => {
    for await (const record of logRecords(client, server.names, 0, last)) expect(record.seq).toBeGreaterThan(0);
  };
  await expect(read()).rejects.toThrow(/no erasure explains it/);
});
