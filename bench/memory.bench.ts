// How many bytes does a person in memory take, beside the same facts in Maps and Sets? Guess: as many, as long as the engine
// keeps objects and Maps itself; a quarter once counters lie in flat arrays.
import assert from "node:assert/strict";
import { type MemoryResult, type MemorySpec, memorySide } from "./sides/memory.ts";
import { type Bench, size } from "./support/bench.ts";
import { beside, inChild } from "./support/child.ts";
import { runAlone } from "./support/cli.ts";
import { hashOf, median, ratioOf } from "./support/measure.ts";

const GOAL = { least: 0.4, aim: 0.25, better: "less" } as const;
const SIDE = beside(import.meta.url, "./sides/memory");

export const bench: Bench = {
  name: "memory",
  question: "bytes per resident actor ÷ the same in Map/Set objects",
  sizes: {
    full: { people: 20_000, rounds: 3 },
    quick: { people: 10_000, rounds: 1 },
    tiny: { people: 200, rounds: 1 },
  },
  async run(sizes, progress) {
    const people = size(sizes, "people");
    const results: Record<MemorySpec["side"], MemoryResult[]> = { engine: [], maps: [] };
    for (let round = 0; round < size(sizes, "rounds"); round += 1) {
      for (const side of ["engine", "maps"] as const) {
        progress(`round ${round + 1}: ${side}`);
        results[side].push(await inChild(SIDE, memorySide, { side, people }));
      }
    }
    const members = results.engine[0]!.sizes;
    assert.deepEqual(members, results.maps[0]!.sizes, "the two sides do not agree on who is in the segments");
    const [engine, maps] = [results.engine, results.maps].map((side) => side.map((one) => one.bytesPerPerson)) as [
      number[],
      number[],
    ];
    const bytes = (values: readonly number[]): string => `${Math.round(median(values)).toLocaleString("en-US")} bytes`;
    return {
      rows: [
        {
          question: "bytes per resident actor (16 traits, 4 counters) ÷ the same in Map/Set objects",
          goal: GOAL,
          left: { name: "engine", value: bytes(engine) },
          right: { name: "Map/Set", value: bytes(maps) },
          ratio: ratioOf(engine, maps),
          notes: ["heap used and external memory after a collection, page directory and deadlines included"],
        },
      ],
      checked: [`both sides agree on the sizes of four segments: ${members.join(", ")}`],
      hash: hashOf(members.map(String)),
    };
  },
};

await runAlone(import.meta.url, bench);
