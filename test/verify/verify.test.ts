// verify tells apart what can go wrong with what was said: lost, repeated, altered, out of order; and with who is in.
import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS, type Delta, type LogRecord } from "../../lib/core/types.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { EXAMPLES_MAX } from "../../lib/verify/collected.ts";
import { verifyTable } from "../../lib/verify/table.ts";
import { combineReports, type LiveMembership, verifyPartition } from "../../lib/verify/verify.ts";

const options = {
  partition: 0,
  partitions: 1,
  clockMode: "log",
  clockStepMsMax: 1_000,
  limits: DEFAULT_LIMITS,
} as const;

/** Forty shoppers put something into their carts, one second after the other; every other one pays. */
function shopLog(): LogRecord[] {
  const rule = { cart: { value: { gt: 0 } } };
  const bodies: [LogRecord["kind"], unknown][] = [
    ["control", { revision: 1, entry: { op: "apply", define: [{ id: "carts", rule }], remove: [] } }],
  ];
  for (let user = 0; user < 40; user += 1) {
    const added = { type: "track", userId: `u${user}`, event: "Product Added" };
    bodies.push(["event", { ...added, properties: { product_id: "p", price: 5 } }]);
    if (user % 2 === 0) bodies.push(["event", { ...added, event: "Order Completed" }]);
  }
  bodies.push(["event", { type: "track", event: "Nobody's" }]);
  return bodies.map(([kind, body], index) => ({
    seq: index + 1,
    stamp: 1_000_000 + index * 1_000,
    kind,
    body: Buffer.from(JSON.stringify(body)),
  }));
}

function truthOf(records: readonly LogRecord[]): { deltas: Delta[]; memberships: LiveMembership[] } {
  const oracle = new Oracle(options);
  const deltas = records.flatMap((record) => oracle.apply(record));
  const memberships = [...oracle.memberships()].flatMap(([segment, members]) =>
    [...members].flatMap(([id, { in: isIn, n, since }]) => (isIn ? [{ segment, id, n, since }] : [])),
  );
  return { deltas, memberships };
}

async function verified(change: (deltas: Delta[], memberships: LiveMembership[]) => void) {
  const records = shopLog();
  const { deltas, memberships } = truthOf(records);
  change(deltas, memberships);
  const stored = deltas.map((delta, index) => ({ seq: 100 + index, delta }));
  return verifyPartition({ options, records, deltas: stored, memberships });
}

describe("deltas", () => {
  test("the same deltas and memberships are equal, and all is counted", async () => {
    const report = await verified(() => {});
    expect(report).toMatchObject({ inputs: 62, members: 40, equal: true, rejects: { "no-user-id": 1 } });
    expect(report.deltas).toMatchObject({ expected: 60, actual: 60 });
    expect(report.memberships).toMatchObject({ expected: 20, actual: 20 });
  });

  test("one lost delta is one lost delta, not a shift of all that follow", async () => {
    const { deltas, equal } = await verified((said) => said.splice(10, 1));
    expect(equal).toBe(false);
    expect(deltas.lost.count).toBe(1);
    expect(deltas.repeated.count + deltas.wrong.count + deltas.disordered.count).toBe(0);
  });

  test("a delta said again is repeated, at once or much later", async () => {
    const { deltas, equal } = await verified((said) => {
      said.splice(11, 0, said[10]!);
      said.push(said[0]!);
    });
    expect(equal).toBe(false);
    expect(deltas.repeated).toMatchObject({ count: 2 });
    expect(deltas.repeated.examples[0]).toMatch(/^at 111: \{"segment":"carts"/);
    expect(deltas.lost.count + deltas.wrong.count + deltas.disordered.count).toBe(0);
  });

  test("two neighbours changed over: one of them is out of order", async () => {
    const { deltas, equal } = await verified((said) => {
      [said[20], said[21]] = [said[21]!, said[20]!];
    });
    expect(equal).toBe(false);
    expect(deltas.disordered.count).toBe(1);
    expect(deltas.lost.count + deltas.repeated.count + deltas.wrong.count).toBe(0);
  });

  test.each<[string, Partial<Delta>]>([
    ["segment", { segment: "other" }],
    ["version", { version: 2 }],
    ["id", { id: "u999" }],
    ["change", { change: "left" }],
    ["n", { n: 9 }],
    ["at", { at: 1 }],
    ["cause's position", { cause: { type: "event", seq: 1 } }],
    ["cause's lateness", { cause: { type: "event", seq: 2, late: true } }],
  ])("another %s is a wrong delta, and the right one is lost", async (_, change) => {
    const { deltas, equal } = await verified((said) => {
      said[0] = { ...said[0]!, ...change };
    });
    expect(equal).toBe(false);
    expect(deltas).toMatchObject({ wrong: { count: 1 }, lost: { count: 1 }, repeated: { count: 0 } });
  });

  test("all are counted, the first twenty are shown", async () => {
    const { deltas } = await verified((said) => said.splice(0, 30));
    expect(deltas.lost.count).toBe(30);
    expect(deltas.lost.examples).toHaveLength(EXAMPLES_MAX);
  });
});

describe("memberships", () => {
  test("one that is not there is missing, one too many is extra", async () => {
    const { memberships, equal } = await verified((_, live) => {
      live.splice(3, 1);
      live.push({ segment: "carts", id: "stranger", n: 1, since: 5 });
    });
    expect(equal).toBe(false);
    expect(memberships).toMatchObject({ missing: { count: 1 }, extra: { count: 1 } });
  });

  test("another number or another time of joining is a difference", async () => {
    for (const change of [{ n: 7 }, { since: 7 }]) {
      const { memberships, equal } = await verified((_, live) => {
        live[0] = { ...live[0]!, ...change };
      });
      expect(equal).toBe(false);
      expect(memberships).toMatchObject({ missing: { count: 1 }, extra: { count: 1 } });
    }
  });
});

describe("all partitions", () => {
  test("the table says equal and how many", async () => {
    const report = await verified(() => {});
    const table = verifyTable(combineReports([report, report]));
    expect(table).toBe(
      [
        "124 messages in 2 partitions, 80 members; refused: no-user-id 2",
        "",
        "             expected  live  differences",
        "memberships        40    40  none",
        "deltas            120   120  none",
        "",
        "memberships equal (40), deltas equal (120)",
      ].join("\n"),
    );
  });

  test("the table names what differs, and where", async () => {
    const good = await verified(() => {});
    const bad = await verified((said, live) => {
      said.splice(0, 2);
      live.pop();
    });
    const combined = combineReports([good, { ...bad, partition: 7 }]);
    expect(combined.equal).toBe(false);
    const table = verifyTable(combined);
    expect(table).toContain("memberships        40    39  1 missing");
    expect(table).toContain("deltas            120   118  2 lost");
    expect(table).toMatch(/deltas lost:\n {2}partition 7: \{"segment":"carts"/);
    expect(table.split("\n").at(-1)).toBe("memberships DIFFERENT, deltas DIFFERENT");
  });
});
