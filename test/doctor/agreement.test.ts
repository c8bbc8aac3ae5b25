// What was said of a sample, held against the log and against the owner: each kind of difference is told.
import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS, type Delta, type LogRecord } from "../../lib/core/types.ts";
import { agreementFindings, agreementOf, type LiveMember, trimmedFindings } from "../../lib/doctor/agreement.ts";
import { MemberSample } from "../../lib/doctor/sample.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { facts, stream } from "./facts.ts";

const options = {
  partition: 0,
  partitions: 1,
  clockMode: "log",
  clockStepMsMax: 1_000,
  limits: DEFAULT_LIMITS,
} as const;

/** Ten shoppers fill their carts, every other one pays; later ones are of another's sample. */
function shopLog(): LogRecord[] {
  const define = [{ id: "carts", rule: { cart: { value: { gt: 0 } } } }];
  const bodies: [LogRecord["kind"], unknown][] = [
    ["control", { revision: 1, entry: { op: "apply", define, remove: [] } }],
    ["ready", { revision: 1, from: 1 }],
    ["control", { revision: 2, entry: { op: "activate", revision: 1 } }],
  ];
  for (let user = 0; user < 10; user += 1) {
    const event = { type: "track", userId: `u${user}` };
    bodies.push(["event", { ...event, event: "Product Added", properties: { product_id: "p", price: 5 } }]);
    if (user % 2 === 0) bodies.push(["event", { ...event, event: "Order Completed" }]);
  }
  return bodies.map(([kind, body], index) => ({
    seq: index + 1,
    stamp: 1_000_000 + index * 1_000,
    kind,
    body: Buffer.from(JSON.stringify(body)),
  }));
}

interface Changes {
  readonly deltas?: (deltas: Delta[]) => void;
  readonly live?: (live: LiveMember[]) => void;
  readonly upTo?: number;
}

async function found({ deltas: change, live: changeLive, upTo = Number.POSITIVE_INFINITY }: Changes) {
  const log = shopLog();
  const sample = new MemberSample(options, {
    membersMax: 4,
    eventsPerMemberMax: 10,
    rank: (id) => Number(id.slice(1)),
  });
  for (const record of log) if (record.seq <= upTo) sample.add(record);
  const oracle = new Oracle(options);
  const deltas = log.flatMap((record) => oracle.apply(record)).filter(({ id }) => sample.has(id));
  const memberships = oracle.memberships().get("carts")!;
  const live = sample.members.map((id) => ({
    id,
    position: log.length,
    memberships: [{ segment: "carts", ...memberships.get(id)! }],
  }));
  change?.(deltas);
  changeLive?.(live);
  const stored = deltas.map((delta, index) => ({ seq: 50 + index, delta }));
  const compared = { partition: 0, kind: "user" as const, sample, deltas: stored, live, done: log.length };
  const agreement = await agreementOf(options, compared);
  return agreementFindings([[compared, agreement]], []).map(({ verdict, text }) => `${verdict} ${text}`);
}

test("all is as the log says, and what was compared is told", async () => {
  expect(await found({})).toEqual([
    "ok 4 members recomputed from all 18 messages: 6 deltas as said, the owners agree about all of them",
  ]);
});

test("nobody who answers is told as that", async () => {
  expect((await found({ live: (live) => live.splice(0) }))[0]).toMatch(/^ok .* as said, no owner answered for them$/);
});

test("of a log that was read in part, later deltas are not judged, but who is in is", async () => {
  // Up to there u0 has come and gone, and u1 has come.
  expect(await found({ upTo: 6 })).toEqual([
    "ok 2 members recomputed from the first 6 of 18 messages: 3 deltas as said, the owners agree about all of them",
  ]);
  expect(
    (
      await found({ upTo: 6, live: (live) => live.splice(0, 1, { ...live[0]!, memberships: live[1]!.memberships }) })
    )[0],
  ).toContain("u0 is in carts (n 1), which was not said");
});

describe("deltas", () => {
  test("lost", async () => {
    const text = (await found({ deltas: (deltas) => deltas.splice(2, 1) }))[0]!;
    expect(text).toMatch(/^fail partition 0: 1 delta lost, compared with the log: .*"id":"u1"/);
  });

  test("repeated", async () => {
    const text = (await found({ deltas: (deltas) => deltas.push(deltas[2]!), live: (live) => live.pop() }))[0]!;
    expect(text).toMatch(/^fail partition 0: 1 delta repeated/);
  });

  test("altered", async () => {
    const texts = await found({ deltas: (deltas) => deltas.splice(0, 1, { ...deltas[0]!, at: 5 }) });
    expect(texts).toHaveLength(2);
    expect(texts.join()).toMatch(/1 delta lost.*1 delta wrong/);
  });
});

describe("memberships", () => {
  test("an owner who knows of none, or of one too many", async () => {
    const none = await found({ live: (live) => live.splice(1, 1, { ...live[1]!, memberships: [] }) });
    expect(none).toEqual([
      "fail partition 0: 1 membership as its owner holds them differ from what was said: u1 is not in carts (n 1), though it was said",
    ]);
  });

  test("a member asked before the last delta is judged as of then", async () => {
    const before = { id: "u0", position: 4, memberships: [{ segment: "carts", in: true, n: 1, since: 0 }] };
    expect((await found({ live: (live) => live.splice(0, 1, before) }))[0]).toMatch(/^ok/);
    expect((await found({ live: (live) => live.splice(0, 1, { ...before, position: 5 }) }))[0]).toMatch(/^fail/);
  });
});

test("logs without their beginning: told as it was wished, or warned of", () => {
  const trimmed = (maxAgeMs: number) => facts({ log: stream({ first: 40, maxAgeMs }) });
  expect(trimmedFindings([facts()])).toEqual([]);
  expect(trimmedFindings([trimmed(1_000), facts()])[0]).toMatchObject({
    verdict: "ok",
    text: "1 of 2 partitions not recomputed: the log of partition 5 begins at message 40, so its past is not all there (its age limit)",
  });
  expect(trimmedFindings([trimmed(0)])[0]).toMatchObject({
    verdict: "warn",
    text: expect.stringMatching(/^no partition/),
  });
});
