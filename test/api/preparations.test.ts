// What people are told of a batch that reads its history: every partition's share, the sum, the slowest, the failed.
import { expect, test } from "vitest";
import { preparationsOf } from "../../lib/api/segments/preparations.ts";
import { ControlState } from "../../lib/core/engine/control-state.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";

const define = [{ id: "counting", rule: { event: { name: "Ping", count: { gte: 3 } } } }];
const { state } = new ControlState(DEFAULT_LIMITS).next({ op: "apply", define, remove: [] });

function status(position: number, fold?: Partial<PartitionStatus["folding"][number]>, owner = "a"): PartitionStatus {
  const folding = fold === undefined ? [] : [{ ...FOLD, ...fold }];
  return { revision: 1, owner, position, folding, unsettled: [] } as unknown as PartitionStatus;
}

const FOLD = { revision: 1, from: 1, position: 0, perSecond: 0, segments: ["counting"], failed: null };

test("shares add up; the slowest owner says how long it takes; a log that begins later is counted from there", () => {
  const statuses = [
    status(1_000, { position: 250, perSecond: 100 }),
    status(2_000, { from: 1_001, position: 1_500, perSecond: 10 }, "b"),
    status(500),
  ];
  const [preparation] = preparationsOf(state, statuses);
  expect(preparation!.shares.map(({ state: at, done, total, leftMs }) => [at, done, total, leftMs])).toEqual([
    ["folding", 250, 1_000, 7_500],
    ["folding", 500, 1_000, 50_000],
    ["ready", 500, 500, 0],
  ]);
  expect(preparation).toMatchObject({ revision: 1, segments: ["counting"], done: 1_250, total: 2_500, perSecond: 110 });
  expect(preparation!.leftMs).toBe(50_000);
});

test("partitions of one owner take turns, so what is left of both goes at the pace of both", () => {
  const statuses = [status(1_000, { perSecond: 100 }), status(1_000, { position: 900, perSecond: 100 })];
  expect(preparationsOf(state, statuses)[0]!.leftMs).toBe(5_500);
});

test("while one has not begun, nobody knows how long it takes; a failed one says why", () => {
  expect(preparationsOf(state, [null, status(10, { position: 1, perSecond: 5 })])[0]).toMatchObject({
    leftMs: null,
    failed: null,
  });
  const unsettled = { ...status(10), unsettled: [1] };
  expect(preparationsOf(state, [unsettled])[0]!.shares).toMatchObject([{ state: "waiting", done: 10, total: 10 }]);
  const before = { ...status(10), revision: 0 } as PartitionStatus;
  expect(preparationsOf(state, [before])[0]!.shares).toMatchObject([{ state: "waiting", total: 0 }]);
  const failed = preparationsOf(state, [status(10, { failed: "it was trimmed" })])[0]!;
  expect(failed).toMatchObject({ failed: "it was trimmed", shares: [{ state: "failed", reason: "it was trimmed" }] });
});
