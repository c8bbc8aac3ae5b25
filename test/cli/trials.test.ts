// `segments try` and `segments diff` against a real server and a real worker: what they say is what applying then does.
import { afterAll, beforeAll, expect, test } from "vitest";
import { partitionOf } from "../../lib/core/ids.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { PATIENTLY } from "../support/nats.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
const PEOPLE = 250;
let rig: CliRig;

beforeAll(async () => {
  rig = await openCliRig(PARTITIONS);
  const nc = await rig.server.connection("channel");
  for (let index = 0; index < PEOPLE; index += 1) {
    const userId = `u${index}`;
    const plan = index % 5 === 0 ? "pro" : "free";
    const traits = { type: "identify", userId, traits: { plan, seats: index % 50 } };
    await nc.request(`events.${userId}`, JSON.stringify(traits), PATIENTLY);
    await nc.request(`events.${userId}`, JSON.stringify({ type: "track", userId, event: "Report Viewed" }), PATIENTLY);
  }
  await rig.caughtUp();
});
afterAll(() => rig.close());

test("try: who would be in, what each node lets through, who misses it by one rule; nothing is changed", async () => {
  const file = await rig.fileOf(
    "pros.yaml",
    "id: pros\nname: Busy pros\nrule:\n  all:\n    - trait: { plan: pro }\n    - trait: { seats: { gte: 20 } }\n",
  );
  const { code, out } = await rig.rollcall("segments", "try", file);
  expect(code).toBe(0);
  expect(out).toContain("30 of 250 people would be in (12.0 %)");
  expect(out).toMatch(/^all +30$/m);
  expect(out).toMatch(/^├─ trait plan +50$/m);
  expect(out).toMatch(/^└─ trait seats +150$/m);
  expect(out).toContain("near misses  140 people fail one rule only");
  expect(out.split("\n").every((line) => line.length <= 80)).toBe(true);
  const json = JSON.parse((await rig.rollcall("segments", "try", file, "-o", "json", "--sample", "2")).out);
  expect(json).toMatchObject({ members: 250, in: 30, unknown: 0, joins: 30, leaves: 0, nearMisses: 140 });
  expect(json.inSample).toHaveLength(2);
  expect((await rig.rollcall("segments", "ls", "-o", "json")).out).toBe("[]\n");
});

test("try: what needs history is said to, and not guessed", async () => {
  const file = await rig.fileOf(
    "readers.yaml",
    "id: readers\nrule:\n  all:\n    - trait: { plan: pro }\n    - event: { name: Report Viewed }\n",
  );
  const { out } = await rig.rollcall("segments", "try", file);
  expect(out).toContain("0 of 250 people would be in");
  expect(out).toContain("50 more depend on history that is not kept yet");
  expect(out).toMatch(/did Report Viewed +needs history$/m);
  expect((await rig.rollcall("segments", "apply", file)).code).toBe(0);
  expect((await rig.rollcall("segments", "try", file)).out).toContain("50 of 250 people would be in");
});

test("try --history and backtest read the logs: nothing is unknown, and nothing is changed", async () => {
  const file = await rig.fileOf(
    "often.yaml",
    "id: often\nname: Often here\nrule:\n  all:\n    - trait: { plan: pro }\n    - event: { name: Report Viewed, window: { last: 7d } }\n",
  );
  const tried = await rig.rollcall("segments", "try", file, "--history");
  expect(tried.out).toContain("50 of 250 people would be in (20.0 %)");
  expect(tried.out).not.toContain("history");
  const { out } = await rig.rollcall("segments", "backtest", file, "--days", "3");
  expect(out).toMatch(/^DAY +JOINED +LEFT +SIZE/m);
  expect(out).toMatch(/50 +– +50 +━+$/m);
  expect(out).toContain("0 before, 50 joined, 0 left: 50 now, of 250 who are known");
  expect(out).toContain("nobody joined 3 times or oftener");
  expect(out.split("\n").every((line) => line.length <= 80)).toBe(true);
  const json = JSON.parse((await rig.rollcall("segments", "backtest", file, "-o", "json")).out);
  expect(json).toMatchObject({ size: 50, universe: 250, joined: 50, left: 0 });
  expect(json.days).toHaveLength(31);
  expect((await rig.rollcall("segments", "ls")).out).not.toContain("often");
});

test("diff: the rules line by line, and who would join and leave", async () => {
  const before = await rig.fileOf("plans.yaml", "id: plans\nrule: { trait: { plan: pro, seats: { lt: 10 } } }\n");
  const fresh = await rig.rollcall("segments", "diff", before);
  expect(fresh.out).toContain("plans  new");
  expect(fresh.out).toContain("10 would join");
  expect((await rig.rollcall("segments", "apply", before)).code).toBe(0);
  const after = await rig.fileOf(
    "plans.yaml",
    "id: plans\nrule: { trait: { plan: pro, seats: { between: [5, 20] } } }\n",
  );
  const { out } = await rig.rollcall("segments", "diff", after);
  expect(out).toMatch(/^- .*lt: 10/m);
  expect(out).toMatch(/^\+ .*between/m);
  expect(out).toMatch(/15 would join \(.*\), 5 would leave \(u\d+/);
  const [json] = JSON.parse((await rig.rollcall("segments", "diff", after, "-o", "json")).out);
  expect(json).toMatchObject({ id: "plans", change: "changed", trial: { joins: 15, leaves: 5 } });
  expect((await rig.rollcall("segments", "diff", before.replace("plans", "readers"))).out).toContain(
    "readers  unchanged",
  );
});

test("apply warns of names that nobody sends, with the one that was probably meant", async () => {
  const file = await rig.fileOf(
    "misspelled.yaml",
    "id: misspelled\nrule:\n  all:\n    - event: { name: { any: [Report Viewed, Reprot Viewed] } }\n    - trait: { plan: pro, seets: { gte: 5 } }\n",
  );
  const { code, err } = await rig.rollcall("segments", "apply", "--dry-run", file);
  expect(code).toBe(0);
  expect(err.split("\n").filter((line) => line !== "")).toEqual([
    `${file}:4:45: warning: rule.all[0].event.name.any[1]: never seen: no event "Reprot Viewed" is among the last 500 messages (did you mean Report Viewed?)`,
    `${file}:5:27: warning: rule.all[1].trait.seets: never seen: no trait "seets" is among the last 500 messages (did you mean seats?)`,
  ]);
});

test("backtest after an erasure that took the beginning of a log", async () => {
  const nc = await rig.server.connection("reader");
  const begins = async () =>
    (await streamState(nc, rig.server.names.eventsStream(partitionOf("u0", PARTITIONS)))).first;
  expect(await begins()).toBe(1);
  expect((await rig.rollcall("erase", "u0")).code).toBe(0);
  await until("the erasure is through", async () => {
    const [erasure] = JSON.parse((await rig.rollcall("erase", "--status", "-o", "json")).out);
    return erasure?.state === "kept for services";
  });
  expect(await begins()).toBeGreaterThan(1);
  const status = await rig.rollcall("erase", "--status");
  expect(status.out).toMatch(/^REVISION +KIND +AT +STATE +HEARD +LISTED +CLEARED +DELETED\n +\d+ +user .* kept /);
  expect(status.out.split("\n").every((line) => line.length <= 80)).toBe(true);
  expect(status.err).toMatch(/^\d+: deltas are kept for services until \S+ \S+Z: partition \d+$/m);
  const file = await rig.fileOf("pro.yaml", "id: pro\nrule: { trait: { plan: pro } }\n");
  const { code, out } = await rig.rollcall("segments", "backtest", file, "-o", "json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ size: 49, universe: 249 });
});
