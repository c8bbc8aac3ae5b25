// Profiles, search and the catalogue through the real system: messages go in, a worker keeps where they stand, HTTP and the
// command line show them; and what is shown is the same after another worker has taken over.
import { afterAll, beforeAll, expect, test } from "vitest";
import { listen, type RunningApi } from "../../lib/api/http/listen.ts";
import { TRAIL_MAX } from "../../lib/core/engine/member/trail.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { HTTP_DEFAULTS } from "../api/api-in-memory.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { PATIENTLY } from "../support/nats.ts";

const PARTITIONS = 4;
/** More than the owner keeps the places of. */
const VIEWS = TRAIL_MAX + 15;
const SEGMENTS = [
  "segments:",
  "  - { id: viewers, name: Viewers, rule: { event: { name: Viewed, window: { last: 1h } } } }",
  "  - { id: pro-viewers, name: Pros, rule: { all: [{ event: { name: Viewed } }, { trait: { plan: pro } }] } }",
].join("\n");

let rig: CliRig;
let api: RunningApi;

beforeAll(async () => {
  rig = await openCliRig(PARTITIONS);
  await rig.rollcall("segments", "apply", await rig.fileOf("segments.yaml", `${SEGMENTS}\n`));
  const { names, partitions, url: natsUrl } = rig.server;
  api = await listen({
    nc: await rig.server.connection("api"),
    names,
    partitions,
    clock: "log",
    limits: DEFAULT_LIMITS,
    http: { ...HTTP_DEFAULTS, requestsPerMinuteMax: 0 },
    host: "127.0.0.1",
    port: 0,
    natsUrl,
    version: "0.0.0",
    log: { warn: () => {}, error: () => {} },
  });
  await tell();
});
afterAll(async () => {
  await api?.stop();
  await rig?.close();
});

async function tell(): Promise<void> {
  const nc = await rig.server.connection();
  const stored: Promise<unknown>[] = [];
  const send = (userId: string, message: object) =>
    stored.push(nc.request(`events.${userId}`, JSON.stringify({ userId, ...message }), PATIENTLY));
  send("ann", { type: "identify", messageId: "who", traits: { name: "Ann Miller", plan: "basic" } });
  send("ann", { type: "group", groupId: "acme", traits: { seats: 3 } });
  for (let n = 1; n <= VIEWS; n += 1) {
    send("ann", { type: "track", event: "Viewed", messageId: `v${n}`, properties: { n, product_id: `p${n % 3}` } });
    for (let other = 0; other < 8; other += 1) send(`u${other}`, { type: "track", event: "Looked", properties: { n } });
  }
  send("ann", { type: "track", event: "Order Completed", messageId: "o", properties: { order_id: "1", total: 50 } });
  send("ann", { type: "track", event: "Order Refunded", properties: { order_id: "1", total: 20 } });
  await Promise.all(stored);
  await rig.caughtUp();
}

interface Page {
  // biome-ignore lint/suspicious/noExplicitAny: the contract test holds answers against their schemas
  readonly items: readonly any[];
  readonly next: string | null;
  readonly [field: string]: unknown;
}

async function get(path: string): Promise<Page> {
  const response = await fetch(`${api.url}${path}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Page;
}

async function timeline(path: string): Promise<string[]> {
  const told: string[] = [];
  for (let cursor = ""; ; ) {
    const { items, next } = await get(`${path}?limit=20${cursor}`);
    told.push(...items.map(({ name, type, messageId }) => messageId ?? (name === "" ? type : name)));
    if (next === null) return told;
    cursor = `&cursor=${next}`;
  }
}

const EXPECTED = [
  "Order Refunded",
  "o",
  ...Array.from({ length: VIEWS }, (_, index) => `v${VIEWS - index}`),
  "group",
  "who",
];

test("a timeline is whole and in order, also beyond what the owner knows, and after another worker took over", async () => {
  expect(await timeline("/v1/users/ann/events")).toEqual(EXPECTED);
  // Who belongs to an account is told to it first; identify is the person's own.
  expect(await timeline("/v1/accounts/acme/events")).toEqual(EXPECTED.slice(0, -1));
  await rig.stopWorker();
  await rig.startWorker();
  expect(await timeline("/v1/users/ann/events")).toEqual(EXPECTED);
  expect(await timeline("/v1/accounts/acme/events")).toEqual(EXPECTED.slice(0, -1));
});

test("orders, traits, segments and near misses", async () => {
  expect(await get("/v1/users/ann/orders")).toMatchObject({
    revenue: 30,
    items: [{ id: "1", messageId: "o", placed: 50, total: 30, lowered: 20, changes: [{ event: "Order Refunded" }] }],
  });
  const { items: traits } = await get("/v1/users/ann/traits");
  // Its message is older than those that the owner keeps the places of; its time is kept.
  expect(traits.find(({ name }) => name === "plan")).toMatchObject({
    value: "basic",
    message: null,
    at: expect.any(String),
  });
  const { items: segments } = await get("/v1/users/ann/segments");
  expect(segments).toMatchObject([{ segment: "viewers", name: "Viewers", in: true, until: expect.any(String) }]);
  expect((await get("/v1/users/ann/near-misses")).items).toMatchObject([{ segment: "pro-viewers", actual: "basic" }]);
  expect((await get("/v1/accounts/acme/users")).users).toMatchObject([{ id: "ann", lastSeen: expect.any(String) }]);
});

test("search finds an id at once, and a name among everybody", async () => {
  expect((await get("/v1/search?q=acme")).items).toMatchObject([{ kind: "account", id: "acme", field: "id" }]);
  expect((await get("/v1/search?q=mill")).items).toMatchObject([{ kind: "user", id: "ann", field: "name" }]);
  const { items, partial } = await get("/v1/search?q=u");
  expect([items.map(({ id }) => id).sort(), partial]).toEqual([Array.from({ length: 8 }, (_, n) => `u${n}`), false]);
  const { out } = await rig.rollcall("search", "mill");
  expect(out).toMatch(/^KIND +ID +NAME +FOUND BY +VALUE +LAST SEEN\nuser +ann +Ann Miller +name +Ann Miller +\d/);
  expect((await rig.rollcall("search", "nothing-like-it")).err).toContain("Nobody is found");
});

test("the catalogue has read every message, and counts exactly", async () => {
  const { items, coverage } = await get("/v1/catalog/events");
  expect(coverage).toMatchObject({ approximate: false });
  expect(items).toMatchObject([
    { name: "Looked", count: VIEWS * 8 },
    { name: "Viewed", count: VIEWS },
    { name: "Order Completed", count: 1 },
    { name: "Order Refunded", count: 1 },
  ]);
  const { items: values } = await get("/v1/catalog/values?event=Viewed&property=product_id");
  expect(values.map(({ value }) => value).sort()).toEqual(["p0", "p1", "p2"]);
});

test("the command line tells what somebody did", async () => {
  const { out, err } = await rig.rollcall("user", "ann", "--events", "--limit", "2");
  expect(out).toMatch(
    /^AT +EVENT +MESSAGE +SAYS\n\S.* Order Refunded +– +order_id 1, total 20\n.* Order Completed +o /,
  );
  expect(err).toContain("the newest 2 events; --limit shows more");
  const json = JSON.parse((await rig.rollcall("user", "ann", "--events", "--limit", "500", "-o", "json")).out);
  expect(json).toHaveLength(EXPECTED.length);
  const account = await rig.rollcall("account", "acme", "--events", "--only", "group");
  expect(account.out).toMatch(/^AT +USER +EVENT .*\n.* ann +group +– +seats 3\n$/);
  expect(await rig.rollcall("user", "nobody", "--events")).toMatchObject({ code: 2 });
});
