// npm run simulate: one seed as a story, or very many with one line of result. The first failure is shrunk and told.
import { availableParallelism } from "node:os";
import { Command } from "commander";
import { count, duration } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { styleFor } from "../../lib/cli/style.ts";
import { positive, type SeedRange, seedRange } from "../support/seed-options.ts";
import { type Plan, planOf } from "./plan.ts";
import type { Summary } from "./play.ts";
import { poolOf } from "./pool.ts";
import { shrink } from "./shrink.ts";
import { Simulation } from "./simulation.ts";
import { lineText, storyOf } from "./story.ts";
import { Tally } from "./tally.ts";

const TRIES_MAX = 600;
const SEEDS_DEFAULT: SeedRange = { from: 1, to: 200 };
const EXIT_VIOLATION = 1;
const COLUMNS_DEFAULT = 120;

interface Options {
  readonly seed?: number;
  readonly seeds: SeedRange;
  readonly jobs: number;
  readonly trace?: true;
  readonly shrink: boolean;
  readonly json?: true;
}

const program = new Command("simulate")
  .description("production workers in a simulated world: time, order and every fault are chosen by a seed")
  .option("--seed <n>", "play this one, and tell it as a story when it fails", positive)
  .option("--seeds <a..b>", "play these, on every core", seedRange, SEEDS_DEFAULT)
  .option("--jobs <n>", "processes that play", positive, availableParallelism())
  .option("--trace", "with --seed: every line of what happened")
  .option("--no-shrink", "tell a failure as it was drawn, without making it small first")
  .option("--json", "with --seeds: the result as JSON, and no more after the first failure")
  .action(async (options: Options) => {
    const broken = options.seed === undefined ? await playMany(options) : await playOne(options.seed, options);
    if (broken) process.exitCode = EXIT_VIOLATION;
  });

async function playOne(seed: number, options: Options): Promise<boolean> {
  const plan = planOf(seed);
  const outcome = await new Simulation(plan, true).run();
  if (options.trace === true) for (const line of outcome.lines) print(lineText(line));
  const { virtualMs, alarms, counts, hash, violation, lastAct } = outcome;
  print(
    `seed ${seed}, trace ${hash}: ${duration(virtualMs)} of virtual time, ${count(alarms)} moments, ${described(counts)}`,
  );
  if (lastAct !== undefined) print(`last act: ${lastAct}`);
  if (violation === undefined) {
    print(styleFor(process.stdout).green("nothing was broken"));
    return false;
  }
  await tell(plan, options);
  return true;
}

async function playMany({ seeds: { from, to }, jobs, json, shrink: wantsShrink }: Options): Promise<boolean> {
  const bar = progressBar("simulating");
  const tally = new Tally();
  const total = to - from + 1;
  const startedMs = performance.now();
  let worst: Summary | undefined;
  function* seeds(): Generator<number> {
    for (let seed = from; seed <= to; seed += 1) yield seed;
  }
  await poolOf(jobs).run(seeds(), (summary) => {
    tally.add(summary);
    bar.update({ fraction: tally.seeds / total, done: tally.seeds, unit: "seeds" });
    if (summary.violation === undefined) return true;
    if (worst === undefined || summary.seed < worst.seed) worst = summary;
    if (json !== true) bar.line(`seed ${summary.seed}: ${summary.violation.rule}`);
    return json !== true;
  });
  bar.end();
  if (json === true) {
    print(JSON.stringify({ seeds: tally.seeds, violation: worst }));
    return worst !== undefined;
  }
  print(tally.table(performance.now() - startedMs, process.stdout.columns ?? COLUMNS_DEFAULT));
  if (worst === undefined) return false;
  await tell(planOf(worst.seed), { shrink: wantsShrink });
  return true;
}

/** The failure, as few steps as it takes, and how to see it again. */
async function tell(plan: Plan, { shrink: wantsShrink }: Pick<Options, "shrink">): Promise<void> {
  const { violation } = await new Simulation(plan).run();
  let shown = plan;
  if (wantsShrink && violation !== undefined) {
    const bar = progressBar("shrinking");
    const { plan: small, tries } = await shrink(plan, violation.rule, TRIES_MAX, (done) =>
      bar.update({ fraction: done / TRIES_MAX, done, unit: "tries" }),
    );
    bar.end();
    print(`shrunk from ${plan.steps.length} steps to ${small.steps.length} in ${tries} tries`);
    shown = small;
  }
  print(`\n${storyOf(shown, await new Simulation(shown, true).run())}`);
  print(`\nagain: npm run simulate -- --seed ${plan.seed}`);
}

function described(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, value]) => `${count(value)} ${name}`)
    .join(", ");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await program.parseAsync();
