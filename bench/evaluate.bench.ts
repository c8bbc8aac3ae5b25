// What is the threshold index worth beside looking at every segment? Guess: at 100,000 segments a look at all of them takes
// a millisecond and more, old state and new one, and the index with its timers one microsecond.
//
// The step of the index is the whole step of a machine less that of a machine without segments: counters, index, evaluation
// and timers, but neither decoding nor finding the person. Full re-evaluation looks at the equality that a segment insists on
// first, by a plain comparison, and runs the same compiled rules on the same state for the few that pass: nobody would write it
// slower. What the compiled rules alone would take stands in the notes.
import assert from "node:assert/strict";
import { encodeDelta } from "../lib/core/deltas.ts";
import type { PartitionCore } from "../lib/core/engine/core.ts";
import type { Actor } from "../lib/core/engine/member/actor.ts";
import type { Plan } from "../lib/core/engine/plan/shapes.ts";
import { programHolds } from "../lib/core/engine/reading.ts";
import { NO_CATALOGUE, NO_SITUATIONS } from "../lib/core/feeds.ts";
import type { Scalar } from "../lib/core/rules/ast.ts";
import { DEFAULT_LIMITS, type Millis } from "../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../lib/core/vocabulary.ts";
import { workText } from "./segments.bench.ts";
import { type Bench, type Progress, type Row, type Sizes, size } from "./support/bench.ts";
import { runAlone } from "./support/cli.ts";
import { loadEvents } from "./support/load.ts";
import { drive, introduce, machineWith, type Prepared, prepare } from "./support/machine.ts";
import { Digest, median, micros, ownCpu, quantile } from "./support/measure.ts";
import { rulesOf } from "./support/rules.ts";

const GOAL = { least: 1_000, aim: 2_500, better: "more" } as const;
const WARM_SHARE = 0.2;

export const bench: Bench = {
  name: "evaluate",
  question: "the step with the index against full re-evaluation of old and new state",
  sizes: {
    full: { events: 100_000, users: 20_000, chunk: 2_000, looked: 4, segments: 100_000 },
    quick: { events: 40_000, users: 10_000, chunk: 1_000, looked: 2, segments: 100_000 },
    tiny: { events: 1_200, users: 200, chunk: 100, looked: 2, segments: 1_000 },
  },
  async run(sizes, progress) {
    const prepared = prepare(loadEvents({ events: size(sizes, "events"), users: size(sizes, "users") }));
    const digest = new Digest();
    const rows: Row[] = [];
    const checked: string[] = [];
    for (const segments of [100, 1_000, 10_000, 100_000]) {
      if (segments > size(sizes, "segments")) break;
      const { row, compared } = await measure(segments, prepared, sizes, digest, progress);
      rows.push(row);
      checked.push(
        `${segments} segments: ${compared.toLocaleString("en-US")} memberships kept by the index equal those looked up anew`,
      );
    }
    return { rows, checked, hash: digest.text };
  },
};

interface Times {
  readonly step: number[];
  readonly bare: number[];
  /** Old and new state together: with the gate first, and by the compiled rules alone. */
  readonly full: number[];
  readonly plain: number[];
}

/** The equality that each segment insists on, if any. */
interface Gates {
  readonly traits: readonly (string | undefined)[];
  readonly values: readonly (Scalar | undefined)[];
}

async function measure(
  segments: number,
  prepared: readonly Prepared[],
  sizes: Sizes,
  digest: Digest,
  progress: Progress,
) {
  const { definitions } = rulesOf("gated", segments);
  const machine = machineWith(definitions);
  const bare = machineWith([]);
  for (const one of [machine, bare]) introduce(one, prepared);
  const main = prepared.filter(({ isMain }) => isMain);
  const times: Times = { step: [], bare: [], full: [], plain: [] };
  const gates = gatesOf(machine);
  const chunk = size(sizes, "chunk");
  let compared = 0;
  for (let from = 0; from < main.length; from += chunk) {
    const events = main.slice(from, from + chunk);
    const looked = events.splice(events.length - size(sizes, "looked"));
    const turns = [
      (): void => void times.step.push(stepUs(machine, events)),
      (): void => void times.bare.push(stepUs(bare, events)),
    ];
    if ((from / chunk) % 2 === 1) turns.reverse();
    for (const turn of turns) turn();
    for (const event of looked) {
      const seen = lookAtAll(machine, gates, event);
      times.full.push(seen.gatedUs);
      times.plain.push(seen.plainUs);
      compared += seen.compared;
      drive(bare, event.record);
    }
    for (const delta of machine.takeDeltas()) digest.add(encodeDelta(delta));
    progress(`${segments} segments: ${from + chunk} of ${main.length} events`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { row: rowOf(segments, machine, times, main.length, segments === size(sizes, "segments")), compared };
}

function rowOf(segments: number, machine: PartitionCore, times: Times, events: number, isLast: boolean): Row {
  const warm = (values: readonly number[]): number[] => values.slice(Math.floor(values.length * WARM_SHARE));
  const steps = warm(times.step);
  const bares = warm(times.bare);
  const index = steps.map((us, at) => Math.max(us - bares[at]!, 1e-3));
  const full = median(warm(times.full));
  const [indexUs, low, high] = [median(index), quantile(index, 0.25), quantile(index, 0.75)];
  return {
    question: `full re-evaluation of old and new state ÷ index and timers, ${segments.toLocaleString("en-US")} segments`,
    ...(isLast ? { goal: GOAL } : {}),
    left: { name: "full", value: micros(full) },
    right: { name: "index", value: micros(indexUs) },
    ratio: { median: full / indexUs, low: full / high, high: full / low },
    notes: [
      `whole step ${micros(median(steps))}, of it without any segment ${micros(median(bares))} (decode, page, visits); full ÷ whole step ${Math.round(full / median(steps))}`,
      `full by the compiled rules alone ${micros(median(warm(times.plain)))}`,
      workText(machine, events),
    ],
  };
}

function stepUs(machine: PartitionCore, events: readonly Prepared[]): number {
  const startedUs = ownCpu();
  for (const { record } of events) drive(machine, record);
  return (ownCpu() - startedUs) / events.length;
}

interface Look {
  readonly gatedUs: number;
  readonly plainUs: number;
  readonly holds: Uint8Array;
}

/** Every segment with the old state, the step, every segment with the new state; and what the index kept must be that. */
function lookAtAll(
  machine: PartitionCore,
  gates: Gates,
  { record, userId }: Prepared,
): Omit<Look, "holds"> & { readonly compared: number } {
  const plan = machine.control.plans([]).user;
  const looks: Look[] = [];
  const look = (): void => {
    const actor = machine.member("user", userId)!;
    const seen = evaluateAll(plan, gates, actor, machine.clock);
    assertKept(plan, actor, seen.holds);
    looks.push(seen);
  };
  look();
  drive(machine, record);
  look();
  const sum = (of: "gatedUs" | "plainUs"): number => looks.reduce((total, one) => total + one[of], 0);
  return { gatedUs: sum("gatedUs"), plainUs: sum("plainUs"), compared: plan.segments.length * looks.length };
}

const world = {
  limits: DEFAULT_LIMITS,
  vocabulary: DEFAULT_VOCABULARY,
  catalogue: NO_CATALOGUE,
  situations: NO_SITUATIONS,
};

function evaluateAll(plan: Plan, gates: Gates, actor: Actor, now: Millis): Look {
  const count = plan.segments.length;
  const holds = new Uint8Array(count);
  const startedUs = ownCpu();
  for (let no = 0; no < count; no += 1) {
    if (programHolds(plan.segments[no]!.program, 0, plan, actor, now, world)) holds[no] = 1;
  }
  const plainUs = ownCpu() - startedUs;
  const again = new Uint8Array(count);
  const { traits, values } = gates;
  const gatedFromUs = ownCpu();
  for (let no = 0; no < count; no += 1) {
    const trait = traits[no];
    if (trait !== undefined && actor.traits[trait] !== values[no]) continue;
    if (programHolds(plan.segments[no]!.program, 0, plan, actor, now, world)) again[no] = 1;
  }
  const gatedUs = ownCpu() - gatedFromUs;
  assert.deepEqual(again, holds, "looking at the gate first changed an answer");
  return { gatedUs, plainUs, holds };
}

function gatesOf({ control }: PartitionCore): Gates {
  const gates = control.plans([]).user.segments.map(({ id }) => {
    const { rule } = control.active.get(id)!.definition;
    for (const part of rule.op === "all" ? rule.rules : []) {
      if (part.op !== "trait" || part.where.op !== "test" || part.where.path.length !== 1) continue;
      const [test] = part.where.test;
      if (part.where.test.length === 1 && test?.op === "eq") return { trait: part.where.path[0], value: test.value };
    }
    return undefined;
  });
  return { traits: gates.map((gate) => gate?.trait), values: gates.map((gate) => gate?.value) };
}

function assertKept(plan: Plan, actor: Actor, holds: Uint8Array): void {
  plan.segments.forEach(({ id }, no) => {
    const kept = actor.memberships.get(id)?.in === true;
    assert.equal(
      kept,
      holds[no] === 1,
      `${actor.id} in ${id}: the index says ${kept}, looking at everything says otherwise`,
    );
  });
}

await runAlone(import.meta.url, bench);
