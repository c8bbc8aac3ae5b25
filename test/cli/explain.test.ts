// `explain` against a real server and a real worker: the deciding message with its id, the fewest rules that are missing,
// and the same at a moment of the past.
import { pack } from "msgpackr";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { PATIENTLY } from "../support/nats.ts";

let rig: CliRig;
let between: Date;

beforeAll(async () => {
  rig = await openCliRig(2);
  const rule = `rule:
  all:
    - trait: { plan: pro }
    - event: { name: Report Viewed, count: { gte: 2 }, window: { last: 7d } }
    - not: { event: { name: Complained } }
`;
  const file = await rig.fileOf("fans.yaml", `id: fans\n${rule}`);
  expect((await rig.rollcall("segments", "apply", file)).code).toBe(0);
  const nc = await rig.server.connection("channel");
  const send = (userId: string, body: object) =>
    nc.request(`events.${userId}`, JSON.stringify({ userId, ...body }), PATIENTLY);
  const busy = await rig.fileOf("busy.yaml", "id: busy\nkind: account\nrule: { event: { name: Report Viewed } }\n");
  expect((await rig.rollcall("segments", "apply", busy)).code).toBe(0);
  await send("ann", { type: "group", groupId: "acme" });
  await send("ann", { type: "track", event: "Report Viewed", messageId: "ann-1", timestamp: "2026-03-01T10:00:00Z" });
  const told = { type: "track", groupId: "inc", event: "Report Viewed", messageId: "inc-1" };
  await nc.request("accounts.inc", JSON.stringify(told), PATIENTLY);
  await nc.request(
    "events.cy",
    pack({ type: "track", userId: "cy", event: "Complained", messageId: "cy-1" }),
    PATIENTLY,
  );
  for (const userId of ["ada", "bob"]) {
    await send(userId, { type: "track", event: "Report Viewed", messageId: `${userId}-1` });
  }
  await send("ada", { type: "identify", traits: { plan: "pro" } });
  // The server's stamp of the last message is before this moment, and those of the next ones are after it.
  between = new Date((await rig.clock()) + 1);
  await rig.passes(between.getTime());
  await send("ada", { type: "track", event: "Report Viewed", messageId: "ada-2" });
  await send("bob", { type: "track", event: "Complained", messageId: "bob-2" });
  await rig.caughtUp();
});
afterAll(() => rig.close());

test("who is in: what decided it, by which message", async () => {
  const { out } = await rig.rollcall("explain", "fans", "ada");
  expect(out).toContain("ada is in fans since");
  expect(out).toMatch(/did Report Viewed .* is 2, wanted at least 2 · by Report Viewed .* ago \(ada-2\)/);
  expect(out).not.toContain("missing\n");
  const json = JSON.parse((await rig.rollcall("explain", "fans", "ada", "-o", "json")).out);
  const [, counted] = json.explanation.nodes[0].nodes;
  expect(counted.decidedBy).toMatchObject({ event: "Report Viewed", messageId: "ada-2", seq: expect.any(Number) });
  expect(json.explanation.toSatisfy).toBeUndefined();
});

test("who is not: the fewest rules that would have to turn, those that must not hold among them", async () => {
  const { out } = await rig.rollcall("explain", "fans", "bob");
  expect(out).toContain("bob is not in fans");
  expect(out).toContain("the fewest rules that are missing");
  expect(out).toMatch(/→ trait plan: wanted .*pro/);
  expect(out).toMatch(/→ did Report Viewed .*: wanted at least 2, is 1/);
  expect(out).toMatch(/→ did Complained: must not be at least 1, is 1/);
  const json = JSON.parse((await rig.rollcall("explain", "fans", "bob", "-o", "json")).out);
  expect(json.explanation.toSatisfy.map((turn: { mustPass: boolean }) => turn.mustPass)).toEqual([true, true, false]);
});

test("at a moment of the past the log alone says, up to there", async () => {
  const { out } = await rig.rollcall("explain", "fans", "ada", "--at", between.toISOString());
  expect(out).toContain("ada is not in fans");
  expect(out).toContain("one rule is missing");
  expect(out).toMatch(/→ did Report Viewed .*: wanted at least 2, is 1/);
  const before = await rig.rollcall("explain", "fans", "ada", "--at", "2020-01-01T00:00:00Z");
  expect([before.code, before.err]).toEqual([2, expect.stringContaining('no message has named "ada" by then')]);
  expect((await rig.rollcall("explain", "fans", "ada", "--at", "noon")).code).toBe(2);
});

test.each([
  ["busy", "acme", { event: "Report Viewed", messageId: "ann-1", at: "2026-03-01T10:00:00.000Z" }],
  ["busy", "inc", { event: "Report Viewed", messageId: "inc-1" }],
])("what a user of an account did, or the account itself, decided it: %s, %s", async (segment, id, decidedBy) => {
  const { explanation } = JSON.parse((await rig.rollcall("explain", segment, id, "-o", "json")).out);
  expect(explanation.nodes[0].decidedBy).toMatchObject({ ...decidedBy, seq: expect.any(Number) });
});

test("an event in MessagePack is named as any other", async () => {
  const { explanation } = JSON.parse((await rig.rollcall("explain", "fans", "cy", "-o", "json")).out);
  const [, , not] = explanation.nodes[0].nodes;
  expect(not.nodes[0].decidedBy).toMatchObject({ event: "Complained", messageId: "cy-1" });
});
