// How much of what a consumer that does nothing can take does the whole product take? Guess: a tenth to a fifth of B0 with
// JSON.parse and objects, two fifths once decoding and counters are flat.
//
// Events lie in JetStream, put there through the mapping. Each side reads all logs in a process of its own, B0, E, B1, B0own in
// turn. E is the worker's own shard (actors/worker/shard.ts, default options, one shard) in that process, with 1,000 segments in
// force, deltas and watermarks stored, checkpoints on. The data set's clock is `event`, so every run makes the same deltas.
import assert from "node:assert/strict";
import type { SideName, SideResult } from "./sides/consume.ts";
import { type Bench, type Row, size } from "./support/bench.ts";
import { runAlone } from "./support/cli.ts";
import { type LoadEvent, loadEvents } from "./support/load.ts";
import { FIRST_EVENT_SEQ, type Prepared, prepare } from "./support/machine.ts";
import { median, ratioOf, thousands } from "./support/measure.ts";
import {
  cpuText,
  type Filled,
  filledServer,
  hashOfDeltas,
  readDeltas,
  runSide,
  steadyPerSecond,
  storedDeltas,
  wholePerSecond,
} from "./support/rounds.ts";
import { rulesOf } from "./support/rules.ts";
import { compareWithOracle, concerning, sampleOf } from "./support/truth.ts";

const ORDER: readonly SideName[] = ["B0", "E", "B1", "B0own"];
const LABELS: Readonly<Record<SideName, string>> = {
  B0: "official client doing nothing",
  B0own: "our receive path doing nothing",
  B1: "official client, position by hand, JSON parsed",
  E: "worker",
};

export const bench: Bench = {
  name: "end-to-end",
  question: "JSON in, deltas out, beside consumers that do nothing",
  sizes: {
    full: { events: 300_000, users: 200_000, segments: 1_000, partitions: 32, rounds: 3, sample: 400 },
    quick: { events: 100_000, users: 50_000, segments: 1_000, partitions: 32, rounds: 1, sample: 200 },
    tiny: { events: 400, users: 60, segments: 120, partitions: 2, rounds: 1, sample: 60 },
  },
  async run(sizes, progress) {
    const partitions = size(sizes, "partitions");
    const rules = rulesOf("gated", size(sizes, "segments"));
    const load = (): Iterable<LoadEvent> => loadEvents({ events: size(sizes, "events"), users: size(sizes, "users") });
    const filled = await filledServer(partitions, rules.definitions, load(), progress);
    try {
      const results = new Map<SideName, SideResult[]>(ORDER.map((side) => [side, []]));
      const hashes = new Set<string>();
      let said: string[] = [];
      for (let round = 0; round < size(sizes, "rounds"); round += 1) {
        for (const side of round % 2 === 0 ? ORDER : [...ORDER].reverse()) {
          progress(`round ${round + 1}: ${side}`);
          const result = await runSide(filled, side);
          results.get(side)!.push(result);
          if (side !== "E") continue;
          said = await storedDeltas(filled.server);
          hashes.add(hashOfDeltas(said));
        }
      }
      assert.equal(hashes.size, 1, "two runs over the same logs did not say the same");
      progress("compared with the oracle");
      const checked = await compareSample(filled, prepare(load(), 0, partitions), rules, said, size(sizes, "sample"));
      const events = filled.ends.reduce((sum, end) => sum + end, 0);
      const flips = `${(said.length / events).toFixed(3)} flips an event`;
      return {
        rows: rowsOf(results, flips),
        checked: [`every round said the same ${said.length.toLocaleString("en-US")} deltas`, checked],
        hash: [...hashes][0]!,
      };
    } finally {
      await filled.server.stop();
    }
  },
};

/** One partition's people, as the log of that partition holds them. */
async function compareSample(
  { ends, partitions }: Filled,
  prepared: readonly Prepared[],
  rules: ReturnType<typeof rulesOf>,
  said: readonly string[],
  events: number,
): Promise<string> {
  const last = FIRST_EVENT_SEQ + prepared.length - 1;
  assert.equal(ends[0], last, "partition 0's log is not three messages of definitions and then the load");
  const people = sampleOf(prepared, 1, events);
  const oracle = { partitions, clockMode: "event", clockStepMsMax: 30 * 86_400_000 } as const;
  const definitions = concerning(rules, people);
  return compareWithOracle({ prepared, people, definitions, deltas: readDeltas(said), oracle });
}

function rowsOf(results: ReadonlyMap<SideName, readonly SideResult[]>, flips: string): Row[] {
  const of = (side: SideName): readonly SideResult[] => results.get(side)!;
  const goals = {
    B0: { least: 0.4, aim: 0.75, better: "more" },
    B0own: { least: 0.4, aim: 0.5, better: "more" },
  } as const;
  const row = (base: SideName, label: string, rate: (result: SideResult) => number): Row => {
    const [worker, other] = [of("E").map(rate), of(base).map(rate)];
    const isGoal = rate === steadyPerSecond && (base === "B0" || base === "B0own");
    return {
      question: `worker ÷ ${LABELS[base]}, ${label}`,
      ...(isGoal ? { goal: goals[base] } : {}),
      left: { name: "worker", value: thousands(median(worker)) },
      right: { name: base, value: thousands(median(other)) },
      ratio: ratioOf(worker, other),
      ...(rate === steadyPerSecond
        ? { notes: [`worker: ${cpuText(of("E").at(-1)!)}; ${base}: ${cpuText(of(base).at(-1)!)}; ${flips}`] }
        : {}),
    };
  };
  return [
    row("B0", "after the first fifth", steadyPerSecond),
    row("B0own", "after the first fifth", steadyPerSecond),
    row("B1", "after the first fifth", steadyPerSecond),
    row("B0", "whole run, from the first claim to the last delta stored", wholePerSecond),
  ];
}

await runAlone(import.meta.url, bench);
