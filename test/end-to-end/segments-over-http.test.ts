// A segment's life over HTTP alone, on a real server with a real worker: made, read from history, live, edited as exactly the
// difference, back again, in use and therefore not deleted; tried and back-tested; and what the log of changes says of it all.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiRig, openApiRig } from "../support/api-rig.ts";
import { PATIENTLY } from "../support/nats.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;
const USERS = 20;
let rig: ApiRig;
/** What a subscriber has heard of `pinged`. */
const deltas: string[] = [];

beforeAll(async () => {
  rig = await openApiRig(PARTITIONS);
  const subscriber = await rig.cli.server.connection("subscriber");
  subscriber.subscribe("segment.pinged.*", { callback: (_, message) => void deltas.push(message.subject) });
  await subscriber.flush();
  const nc = await rig.cli.server.connection("channel");
  for (let index = 0; index < USERS; index += 1) {
    // Half of them ping once, half of them twice.
    for (let times = 0; times <= index % 2; times += 1) {
      await nc.request(
        `events.u${index}`,
        JSON.stringify({ type: "track", userId: `u${index}`, event: "Ping" }),
        PATIENTLY,
      );
    }
  }
  await rig.cli.caughtUp();
});
afterAll(() => rig?.close());

interface Answer {
  readonly status: number;
  readonly etag: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON there is; each test says what it expects.
  readonly body: any;
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const type = typeof body === "string" ? "text/csv" : "application/json";
  const response = await fetch(rig.url + path, {
    method,
    headers: {
      authorization: `Bearer ${rig.adminKey}`,
      ...(body === undefined ? {} : { "content-type": type }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  return { status: response.status, etag: response.headers.get("etag"), body: isJson ? JSON.parse(text) : text };
}

const pinged = (atLeast: number) => ({ id: "pinged", rule: { event: { name: "Ping", count: { gte: atLeast } } } });

const isLive = (id: string, version: number) =>
  until(`${id} is live in version ${version}`, async () => {
    const { body } = await ask("GET", `/v1/segments/${id}`);
    return body.state === "live" && body.version === version && body.nextVersion === null;
  });

/** Once the owners have taken it, too. */
const hasMembers = (id: string, size: number) =>
  until(`${id} has ${size} members`, async () => (await ask("GET", `/v1/segments/${id}`)).body.size === size);

test("it is tried and checked before it is there, and answers line by line", async () => {
  const tried = await ask("POST", "/v1/segments/try", { definition: pinged(1), history: true });
  expect(tried.body).toMatchObject({ members: USERS, in: USERS, unknown: 0, joins: USERS });
  const check = await ask("POST", "/v1/segments/validate", {
    definition: { ...pinged(1), rule: { event: { name: "Pong" } } },
  });
  expect(check.body).toMatchObject({
    valid: true,
    cost: { class: "history" },
    warnings: [{ path: "rule.event.name" }],
  });
  const lines = await ask("POST", "/v1/segments/backtest?stream", { definition: pinged(2), days: 1 });
  const said = (lines.body as string)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(said.at(0)).toMatchObject({ progress: { done: 1 } });
  expect(said.at(-1)).toMatchObject({ result: { joined: USERS / 2, size: USERS / 2, universe: USERS } });
});

test("it is made, reads its history, is live and has its members", async () => {
  // Without a worker nothing is folded, so there is time to look.
  await rig.cli.stopWorker();
  const made = await ask("POST", "/v1/segments", pinged(1));
  expect([made.status, made.body.waits, made.etag]).toEqual([202, true, '"1"']);
  expect((await ask("GET", "/v1/segments/pinged")).body).toMatchObject({ state: "backfilling" });
  expect((await ask("GET", "/v1/segments/pinged/progress")).body.preparations).toMatchObject([
    { segments: ["pinged"] },
  ]);
  await rig.cli.startWorker();
  await isLive("pinged", 1);
  await hasMembers("pinged", USERS);
  await until("their joining has been announced", () => deltas.length === USERS);
  expect((await ask("GET", "/v1/preparations")).body).toEqual({ preparations: [] });
});

test("an edit announces exactly the difference, and so does the way back", async () => {
  deltas.length = 0;
  const edited = await ask("PUT", "/v1/segments/pinged", pinged(2), { "if-match": '"1"' });
  expect([edited.status < 300, edited.body.changed]).toEqual([true, ["pinged"]]);
  await isLive("pinged", 2);
  await hasMembers("pinged", USERS / 2);
  await until("the difference has been announced", () => deltas.length >= USERS / 2);
  expect(deltas).toEqual(Array(USERS / 2).fill("segment.pinged.left"));
  expect((await ask("PUT", "/v1/segments/pinged", pinged(3), { "if-match": '"1"' })).status).toBe(412);
  const { body: diff } = await ask("GET", "/v1/segments/pinged/diff?from=1&to=2");
  expect(diff).toMatchObject({ same: false, tree: { change: "changed" } });
  await ask("POST", "/v1/segments/pinged/rollback", { version: 1 });
  await isLive("pinged", 3);
  await hasMembers("pinged", USERS);
  await until("the way back has been announced", () => deltas.length >= USERS);
  expect(deltas.slice(USERS / 2)).toEqual(Array(USERS / 2).fill("segment.pinged.joined"));
});

test("what is in use is not deleted, and then it is", async () => {
  await ask("POST", "/v1/lists/testers/upload", "user_id,name\nu1,Ann\nu2,Bob\n");
  const both = { all: [{ segment: { in: ["pinged"] } }, { list: { in: ["testers"] } }] };
  await ask("POST", "/v1/segments", { id: "testing", rule: both });
  await hasMembers("testing", 2);
  expect((await ask("GET", "/v1/segments/pinged/used-in")).body).toEqual({ segments: ["testing"], engagement: false });
  for (const path of ["/v1/segments/pinged", "/v1/lists/testers"]) {
    const refused = await ask("DELETE", path);
    expect([refused.status, refused.body.error.problems]).toMatchObject([409, [{ path: "testing" }]]);
  }
  for (const path of ["/v1/segments/testing", "/v1/segments/pinged", "/v1/lists/testers"]) {
    expect((await ask("DELETE", path)).status, path).toBe(200);
  }
  expect((await ask("GET", "/v1/segments")).body.segments).toEqual([]);
});

test("the log of changes says who did what, also of what is gone", async () => {
  const { body } = await ask("GET", "/v1/segments/pinged/history");
  const changes = body.items.map(({ what, versions }: { what: string; versions: number[] }) => [what, versions]);
  expect(changes).toEqual([
    ["segments.delete", []],
    ["segments.rollback", [3]],
    ["segments.replace", [2]],
    ["segments.create", [1]],
  ]);
  const key = rig.adminKey.slice("rk_".length).slice(0, 10);
  expect(new Set(body.items.map(({ who }: { who: string }) => who))).toEqual(new Set([key]));
});
