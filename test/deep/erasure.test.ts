// Somebody is erased over HTTP from a real data set: a scanner finds no byte of what was known of her in the store directory
// afterwards, in no block, compressed or not. Before that it finds all of it, so that the scanner is one.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scanStore } from "../../lib/cli/store-scan.ts";
import { encodeId, partitionOf } from "../../lib/core/ids.ts";
import { type ApiRig, openApiRig } from "../support/api-rig.ts";
import { PATIENTLY } from "../support/nats.ts";
import { openSse } from "../support/sse.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;
const ADA = "ada@analytical.example";
const TRAITS = { email: "augusta-ada@lovelace.example", phone: "+44 20 7946 0812", motto: "das “Webstuhl”-Muster" };
const SECRETS = [ADA, ...Object.values(TRAITS), "Marylebone-1815", "no-such-event-of-hers"];
/** More than the server keeps in one block; the one before is compressed as soon as it is full. */
const FILLER_BYTES = 30 * 1024;
const FILLERS = 320;
const BOB = Array.from({ length: 99 }, (_, index) => `bob-${index}`).find(
  (id) => partitionOf(id, PARTITIONS) === partitionOf(ADA, PARTITIONS),
)!;

let rig: ApiRig;

beforeAll(async () => {
  rig = await openApiRig(PARTITIONS, {}, undefined, { erasureHold: 0, checkpointInterval: "500ms" });
});
afterAll(() => rig?.close());

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON there is; the test says what it expects.
  readonly body: any;
}

async function ask(method: string, path: string, body?: unknown, key = rig.adminKey): Promise<Answer> {
  const response = await fetch(rig.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const say = (...batch: readonly object[]) => ask("POST", "/v1/batch", { batch }, rig.writeKey);

async function isLive(id: string): Promise<void> {
  await until(`${id} is live`, async () => (await ask("GET", `/v1/segments/${id}`)).body.state === "live");
}

/** In its own log, so that her messages stand in a block that is full. */
async function fill(): Promise<void> {
  const nc = await rig.cli.server.connection("channel");
  for (let count = 0; count < FILLERS; count += 1) {
    const properties = { pad: randomBytes(FILLER_BYTES / 2 - 200).toString("hex") };
    const message = JSON.stringify({ type: "track", userId: BOB, event: "Filled", properties });
    await nc.request(`events.${BOB}`, message, PATIENTLY);
  }
  await rig.cli.caughtUp();
}

async function isCompressed(path: string): Promise<boolean> {
  // The server may have replaced the file meanwhile.
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return bytes.subarray(0, 3).toString() === "cmp";
}

test("nothing is left of her, and everything of everybody else", async () => {
  const played = { event: { name: "Song Played", count: { gte: 2 } } };
  await ask("POST", "/v1/segments", { id: "fans", rule: played });
  await ask("POST", "/v1/segments", { id: "londoners", rule: { trait: { email: TRAITS.email.split("@")[0] } } });
  await ask("POST", "/v1/segments", {
    id: "wide",
    kind: "account",
    rule: { users: { rule: played, count: { gte: 2 } } },
  });
  for (const id of ["fans", "wide"]) await isLive(id);
  for (const userId of [ADA, BOB]) {
    const traits = userId === ADA ? TRAITS : { email: "bob@example.net" };
    const properties = { where: userId === ADA ? "Marylebone-1815" : "elsewhere" };
    await say(
      { type: "identify", userId, traits },
      { type: "group", userId, groupId: "acme", traits: { plan: "pro" } },
      { type: "track", userId, event: "Song Played", properties },
      { type: "track", userId, event: "Song Played", properties },
    );
  }
  const friends = Array.from({ length: 4_000 }, (_, index) => `friend-${index}`);
  expect((await ask("POST", "/v1/lists", { id: "vips", members: [...friends, ADA, BOB] })).status).toBe(201);
  expect((await ask("POST", "/v1/lists/vips/remove", { members: [ADA] })).status).toBe(200);
  // Refused, since it names no event; it is told with all that it says.
  const nc = await rig.cli.server.connection("channel");
  nc.publish(`events.${encodeId(ADA)}`, JSON.stringify({ type: "track", userId: ADA, note: SECRETS.at(-1) }));
  await nc.flush();
  await until("both are in, and so is their account", async () => {
    const sizes = await Promise.all(["fans", "wide"].map((id) => ask("GET", `/v1/segments/${id}`)));
    return sizes.map(({ body }) => body.size).join() === "2,1";
  });
  await until("her traits are observed", async () => {
    const { body } = await ask("GET", "/v1/catalog/values?trait=email");
    return JSON.stringify(body).includes(TRAITS.email);
  });
  await until("there is a time series", async () => {
    const { body } = await ask("GET", "/v1/segments/fans/series?step=minute");
    return JSON.stringify(body).includes('"joined":2');
  });
  await fill();
  const store = rig.cli.server.dataDir;
  await until("all of it stands in files, some in a compressed block, some in a page", async () => {
    const { found } = await scanStore(store, SECRETS);
    const compressed = await Promise.all(found.map(({ path }) => isCompressed(path)));
    return (
      SECRETS.every((secret) => found.some(({ value }) => value === secret)) &&
      compressed.includes(true) &&
      found.some(({ path }) => path.includes("KV_"))
    );
  });

  const live = await openSse(`${rig.url}/v1/live?topics=changes`, { authorization: `Bearer ${rig.adminKey}` });
  const begun = await ask("DELETE", `/v1/users/${encodeURIComponent(ADA)}`);
  expect(begun.status).toBe(202);
  const { data } = await live.next((event) => JSON.stringify(event.data).includes('"erasure"'));
  expect(JSON.stringify(data)).toContain(ADA);
  live.close();
  await until("the erasure is through", async () => {
    const { body } = await ask("GET", "/v1/erasures");
    return body.erasures[0].revision === begun.body.revision && body.erasures[0].state === "done";
  });

  expect(await scanStore(store, SECRETS)).toMatchObject({ found: [], unread: [] });
  expect((await rig.cli.rollcall("erase", "--scan", ...SECRETS, "--store", store)).code).toBe(0);
  expect((await ask("GET", `/v1/users/${encodeURIComponent(ADA)}`)).status).toBe(404);
  expect(JSON.stringify((await ask("GET", "/v1/catalog/values?trait=email")).body)).not.toContain("lovelace");
  expect((await ask("GET", "/v1/lists/vips")).body.members).toBe(friends.length + 1);
  await until("bob alone is left", async () => {
    const sizes = await Promise.all(["fans", "wide"].map((id) => ask("GET", `/v1/segments/${id}`)));
    return sizes.map(({ body }) => body.size).join() === "1,0";
  });
  // What a server writes when it starts is no more than what it had.
  await rig.cli.server.kill9();
  await rig.cli.server.restart();
  await rig.cli.caughtUp();
  expect(await scanStore(store, SECRETS)).toMatchObject({ found: [], unread: [] });
  expect((await rig.cli.rollcall("doctor")).out).not.toMatch(/hole|missing|begins at/);
});
