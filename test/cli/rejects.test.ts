// What was refused, at the command line and on a real server: shown in 80 columns, looked at, sent again into the log, once.
import { afterAll, beforeAll, expect, test } from "vitest";
import { REPLAY_HEADER } from "../../lib/nats/reject-log.ts";
import { NatsRejects } from "../../lib/nats/rejects.ts";
import { headerOf, storedMessage } from "../../lib/nats/wire.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { until } from "../support/until.ts";

const GOOD = '{"type":"track","event":"Product Added","userId":"u1"}';
let rig: CliRig;

beforeAll(async () => {
  rig = await openCliRig(1);
  const nc = await rig.server.connection();
  nc.publish("events.u1", "no JSON, and rather a long text, so that its detail does not fit into a line of a table");
  await nc.flush();
  await until("it was refused", async () => (await rig.rollcall("rejects")).out.includes("not-json"));
  // As a version left them that did not know the type.
  const reject = (seq: number) =>
    ({ seq, stamp: 0, reason: "no-type", detail: "no type", body: Buffer.from(GOOD) }) as const;
  await new NatsRejects(nc, rig.server.names, 0).tell([reject(1_001), reject(1_002)]);
});
afterAll(() => rig.close());

test("the table fits in 80 columns, filters hold, and one is shown with its bytes", async () => {
  const { out } = await rig.rollcall("rejects");
  for (const line of out.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  const rows = JSON.parse((await rig.rollcall("rejects", "--reason", "no-type", "-o", "json")).out) as {
    seq: number;
  }[];
  expect(rows.map(({ seq }) => seq)).toEqual([3, 2]);
  expect((await rig.rollcall("rejects", "show", "1")).out).toContain("no JSON, and rather a long text");
});

test("those named or found by a filter are sent again once, with a header that says so; the engine counts them", async () => {
  const named = await rig.rollcall("rejects", "replay", "2");
  expect([named.code, named.err]).toEqual([
    0,
    expect.stringMatching(/2: sent again; it is message \d+ of partition 0/),
  ]);
  const all = await rig.rollcall("rejects", "replay", "--reason", "no-type");
  expect(all.err).toContain("1 reject sent again.\n1 had been sent again before.");
  const seq = Number(/message (\d+)/.exec(named.err)![1]);
  const nc = await rig.server.connection();
  const stored = (await storedMessage(nc, rig.server.names.eventsStream(0), { seq }))!;
  expect([headerOf(stored, REPLAY_HEADER), Buffer.from(stored.data).toString()]).toEqual(["2", GOOD]);
  await rig.caughtUp();
  expect((await rig.rollcall("user", "u1")).code).toBe(0);
  expect((await rig.rollcall("rejects", "replay", "1")).err).toContain("would be refused again");
  expect((await rig.rollcall("rejects", "replay")).code).toBe(2);
  const again = JSON.parse((await rig.rollcall("rejects", "-o", "json")).out) as { replayed: unknown }[];
  expect(again.map(({ replayed }) => replayed !== null)).toEqual([true, true, false]);
});
