// What do 99,000 more segments cost an event, when no more of them flip? Guess: a tenth, for the larger tables miss the
// processor's cache more often. In process: machine.apply on prepared records, the two machines in turns of a few thousand,
// by processor time.

import { encodeDelta } from "../lib/core/deltas.ts";
import type { PartitionCore } from "../lib/core/engine/core.ts";
import type { Delta } from "../lib/core/types.ts";
import { type Bench, type Progress, type Result, type Row, type Sizes, size } from "./support/bench.ts";
import { runAlone } from "./support/cli.ts";
import { loadEvents } from "./support/load.ts";
import { drive, introduce, machineWith, type Prepared, prepare } from "./support/machine.ts";
import { Digest, median, ownCpu, quartileRatio, thousands } from "./support/measure.ts";
import { type Mix, rulesOf } from "./support/rules.ts";
import { compareWithOracle, concerning, sampleOf } from "./support/truth.ts";

const GOALS = {
  gated: { least: 0.9, aim: 0.97, better: "more" },
  ungated: { least: 0.7, aim: 0.85, better: "more" },
} as const;
/** The first part of a run is not counted: code is not compiled yet, and windows are empty. */
const WARM_SHARE = 0.2;

interface Runner {
  readonly machine: PartitionCore;
  readonly deltas: Delta[];
  readonly perSecond: number[];
}

export const bench: Bench = {
  name: "segments",
  question: "100,000 segments against 1,000, equal flips",
  sizes: {
    full: { events: 80_000, users: 30_000, segments: 100_000, base: 1_000, chunk: 2_000, sample: 400 },
    quick: { events: 30_000, users: 10_000, segments: 100_000, base: 1_000, chunk: 2_000, sample: 150 },
    tiny: { events: 800, users: 150, segments: 300, base: 60, chunk: 200, sample: 25 },
  },
  async run(sizes, progress) {
    const prepared = prepare(loadEvents({ events: size(sizes, "events"), users: size(sizes, "users") }));
    const digest = new Digest();
    const rows: Row[] = [];
    const checked: string[] = [];
    for (const mix of ["gated", "ungated"] as const) {
      const row = await compare(mix, prepared, sizes, digest, progress);
      rows.push(row.row);
      checked.push(...row.checked);
    }
    return { rows, checked, hash: digest.text } satisfies Result;
  },
};

async function compare(mix: Mix, prepared: readonly Prepared[], sizes: Sizes, digest: Digest, progress: Progress) {
  const counts = [size(sizes, "segments"), size(sizes, "base")] as const;
  const rules = counts.map((count) => rulesOf(mix, count));
  const runners = rules.map(({ definitions }, index): Runner => {
    progress(`${mix}: ${counts[index]!.toLocaleString("en-US")} segments are compiled`);
    const machine = machineWith(definitions);
    introduce(machine, prepared);
    return { machine, deltas: machine.takeDeltas(), perSecond: [] };
  });
  const main = prepared.filter(({ isMain }) => isMain);
  const chunk = size(sizes, "chunk");
  for (let from = 0; from < main.length; from += chunk) {
    const events = main.slice(from, from + chunk);
    // Whoever goes second finds the caches as the other left them, so they take turns at that, too.
    const order = (from / chunk) % 2 === 0 ? runners : [...runners].reverse();
    for (const runner of order) runner.perSecond.push(speedOver(runner, events));
    progress(`${mix}: ${from + events.length} of ${main.length} events`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const checked = runners.map((runner, index) => {
    const people = sampleOf(prepared, 50, size(sizes, "sample"));
    const definitions = concerning(rules[index]!, people);
    for (const delta of runner.deltas) digest.add(encodeDelta(delta));
    return `${mix}, ${counts[index]} segments: ${compareWithOracle({ prepared, people, definitions, deltas: runner.deltas })}`;
  });
  const warm = Math.floor((main.length / chunk) * WARM_SHARE);
  const [many, few] = runners.map(({ perSecond }) => perSecond.slice(warm)) as [number[], number[]];
  const row: Row = {
    question: `${counts[0].toLocaleString("en-US")} segments ÷ ${counts[1].toLocaleString("en-US")}, ${mix} rules`,
    goal: GOALS[mix],
    left: { name: `${counts[0]} segments`, value: thousands(median(many)) },
    right: { name: `${counts[1]} segments`, value: thousands(median(few)) },
    ratio: quartileRatio(many, few),
    notes: runners.map(({ machine }, index) => `${counts[index]}: ${workText(machine, main.length)}`),
  };
  return { row, checked };
}

function speedOver(runner: Runner, events: readonly Prepared[]): number {
  const { machine } = runner;
  const startedUs = ownCpu();
  for (const { record } of events) drive(machine, record);
  const spentUs = ownCpu() - startedUs;
  runner.deltas.push(...machine.takeDeltas());
  return (events.length / spentUs) * 1_000_000;
}

export function workText({ work }: PartitionCore, events: number): string {
  const per = (count: number): string => (count / events).toFixed(3);
  return `${per(work.touches)} crossings, ${per(work.evaluations)} evaluations, ${per(work.flips)} flips, ${per(work.wakeUps)} wake-ups an event`;
}

await runAlone(import.meta.url, bench);
