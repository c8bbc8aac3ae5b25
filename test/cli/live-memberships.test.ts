// Member lists that were asked at different positions, carried to one position by the deltas after each (law 4).
import { expect, test } from "vitest";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { liveMemberships } from "../../lib/cli/live-memberships.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS, type Delta } from "../../lib/core/types.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import type { StoredDelta } from "../../lib/verify/verify.ts";
import { ControlInMemory } from "../api/control-in-memory.ts";

const PARTITIONS = 2;
const idIn = (partition: number, nth: number): string =>
  Array.from({ length: 100 }, (_, index) => `u${index}`).filter((id) => partitionOf(id, PARTITIONS) === partition)[
    nth
  ]!;
const [ANN, BOB] = [idIn(0, 0), idIn(0, 1)];
const CAT = idIn(1, 0);

function delta(segment: string, id: string, change: Delta["change"], n: number, seq: number): StoredDelta {
  return {
    seq,
    delta: { segment, version: 1, kind: "user", id, change, n, at: seq * 10, cause: { type: "event", seq } },
  };
}

async function catalogueOf(...ids: string[]): Promise<Catalogue> {
  const control = new ControlInMemory();
  control.write({ op: "apply", define: ids.map((id) => ({ id, rule: { cart: { value: { gt: 0 } } } })), remove: [] });
  return Catalogue.open(control, DEFAULT_LIMITS);
}

test("each list is carried from its own position to the newest one, and deltas beyond it are left out", async () => {
  const stored = [
    [
      delta("a", ANN, "joined", 1, 3),
      delta("a", ANN, "left", 2, 6),
      delta("b", BOB, "joined", 1, 7),
      delta("a", BOB, "joined", 1, 9),
    ],
    [delta("a", CAT, "joined", 1, 2)],
  ];
  const asked = {
    // "a" was asked when partition 0 stood at 5, "b" when it stood at 8.
    a: {
      members: [
        { id: ANN, n: 1, since: 30 },
        { id: CAT, n: 1, since: 20 },
      ],
      positions: [5, 4],
    },
    b: { members: [{ id: BOB, n: 1, since: 70 }], positions: [8, 4] },
  };
  let done = 6;
  const standings = await liveMemberships(
    {
      members: async (segment) => {
        const { members, positions } = asked[segment as "a" | "b"];
        return {
          size: members.length,
          members,
          positions: positions.map((position, partition) => ({ partition, position, clock: 0 })),
        };
      },
      // What was processed is not said at once; the second look finds it stored.
      status: async () => {
        done += 1;
        // Partition 1 has written no watermark for long, and has nothing left to say.
        return [
          { done, unsaid: 1, position: 9 } as PartitionStatus,
          { done: 0, unsaid: 0, position: 4 } as PartitionStatus,
        ];
      },
    },
    await catalogueOf("a", "b"),
    PARTITIONS,
    async () => {
      expect(done).toBeGreaterThanOrEqual(8);
      return stored;
    },
  );
  expect(standings[0]).toMatchObject({ position: 8, memberships: [{ segment: "b", id: BOB, n: 1, since: 70 }] });
  expect(standings[0]!.deltas).toHaveLength(3);
  expect(standings[1]).toMatchObject({ position: 4, memberships: [{ segment: "a", id: CAT }] });
});

test("a partition that nobody owns is said, not waited for", async () => {
  const questions = {
    members: async () => ({
      size: 0,
      members: [],
      positions: [
        { partition: 0, position: 1, clock: 0 },
        { partition: 1, position: 1, clock: 0 },
      ],
    }),
    status: async () => [{ done: 1 } as PartitionStatus, null],
  };
  await expect(liveMemberships(questions, await catalogueOf("a"), PARTITIONS, async () => [[], []])).rejects.toThrow(
    "partition 1 has no owner",
  );
});
