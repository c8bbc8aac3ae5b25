// npm run laws: as many histories as one has time for, on every core; the first mismatch is told whole. Needs
// `npm run build:proofs`, which compiles it: that is several times faster than a test runner's own transform.
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { count, duration } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import type { Looked } from "../support/mutants/look-for.ts";
import { positive, type SeedRange, seedRange } from "../support/seed-options.ts";
import { playAccounts } from "./accounts/play.ts";
import { Mismatch, NOTHING_YET, play, type Tally } from "./play.ts";

const CHECKS_DEFAULT = 1_000_000;
const EXIT_MISMATCH = 1;
/** Told now and then: a message for each seed would cost as much as a small one. */
const SEEDS_PER_MESSAGE = 10;

interface Options {
  readonly seed?: number;
  readonly seeds?: SeedRange;
  readonly checks: number;
  readonly minutes?: number;
  readonly jobs: number;
  readonly json?: true;
  readonly accounts?: true;
}

type Play = (seed: number, tally: Tally) => void;

/** What a process tells of the seeds since its last word. */
interface Told {
  readonly seeds: number;
  readonly tally: Tally;
  readonly mismatch?: { readonly seed: number; readonly rules: string; readonly text: string };
}

const program = new Command("laws")
  .description("random rules over random histories: the engine against the oracle, delta for delta")
  .option("--seed <n>", "play this one", positive)
  .option("--seeds <a..b>", "play these", seedRange)
  .option(
    "--checks <n>",
    "else from seed 1 on until so many (member, segment) pairs were compared",
    positive,
    CHECKS_DEFAULT,
  )
  .option("--minutes <n>", "no longer than so many, whatever is left", positive)
  .option("--jobs <n>", "processes that play", positive, availableParallelism())
  .addOption(
    new Option("--accounts", "several partitions, and the accounts that their users share").env("LAWS_ACCOUNTS"),
  )
  .option("--json", "the result as JSON")
  .action(async (options: Options) => {
    const { seed } = options;
    const seeds = seed === undefined ? options.seeds : { from: seed, to: seed };
    const result = await playAll(seeds, options);
    if (result.mismatch !== undefined) process.exitCode = EXIT_MISMATCH;
    if (options.json === true) printJson(result);
    else print(result);
  });

interface Result extends Told {
  readonly tookMs: number;
}

async function playAll(seeds: SeedRange | undefined, options: Options): Promise<Result> {
  const { checks, minutes, jobs, json, accounts } = options;
  const startedMs = performance.now();
  const endsMs = startedMs + (minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const bar = json === true ? undefined : progressBar("comparing");
  const total: Tally = { ...NOTHING_YET };
  let played = 0;
  let mismatch: Told["mismatch"];
  const isOver = (): boolean =>
    mismatch !== undefined || performance.now() >= endsMs || (seeds === undefined && total.checks >= checks);
  const hear = (told: Told): boolean => {
    played += told.seeds;
    for (const key of ["checks", "deltas", "records"] as const) total[key] += told.tally[key];
    if (told.mismatch !== undefined && (mismatch === undefined || told.mismatch.seed < mismatch.seed))
      mismatch = told.mismatch;
    const wanted = seeds === undefined ? checks : seeds.to - seeds.from + 1;
    const done = seeds === undefined ? total.checks : played;
    bar?.update({ fraction: Math.min(1, done / wanted), done, unit: seeds === undefined ? "checks" : "seeds" });
    return !isOver();
  };
  await Promise.all(
    Array.from({ length: jobs }, (_, part) => {
      const [from, to] = [(seeds?.from ?? 1) + part, seeds?.to ?? Number.MAX_SAFE_INTEGER];
      const range = { from, to, step: jobs, accounts: accounts === true };
      return jobs === 1 ? playPart(range, hear) : playedApart(range, hear);
    }),
  );
  bar?.end();
  return {
    seeds: played,
    tally: total,
    tookMs: performance.now() - startedMs,
    ...(mismatch === undefined ? {} : { mismatch }),
  };
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly accounts: boolean;
}

/** In a process of its own; it is ended once nobody wants more. */
function playedApart(range: Range, hear: (told: Told) => boolean): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [CHILD, JSON.stringify(range)]);
  return new Promise((resolve, reject) => {
    child.on("message", (told) => {
      if (!hear(told as Told)) child.kill("SIGKILL");
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0 || signal === "SIGKILL") resolve();
      else reject(new Error(`a process that plays seeds ended by itself with ${signal ?? code}`));
    });
  });
}

/** Every `step`th seed from `from` on; gives up when `hear` has heard enough. */
async function playPart({ from, to, step, accounts }: Range, hear: (told: Told) => boolean): Promise<void> {
  const playSeed: Play = accounts ? playAccounts : play;
  let told = { seeds: 0, tally: { ...NOTHING_YET } };
  for (let seed = from; seed <= to; seed += step) {
    told.seeds += 1;
    try {
      playSeed(seed, told.tally);
    } catch (error) {
      hear({ ...told, mismatch: mismatchOf(seed, error) });
      return;
    }
    if (told.seeds < SEEDS_PER_MESSAGE && seed + step <= to) continue;
    if (!hear(told)) return;
    told = { seeds: 0, tally: { ...NOTHING_YET } };
  }
}

/** An engine or oracle that throws is a mismatch, too. */
function mismatchOf(seed: number, error: unknown): NonNullable<Told["mismatch"]> {
  if (error instanceof Mismatch) return { seed, rules: error.rules, text: error.message };
  const { name, message, stack } = error as Error;
  return { seed, rules: `${name}: ${message}`.slice(0, 60), text: `SEED=${seed}: ${stack ?? message}` };
}

function printJson({ seeds, mismatch, tally }: Result): void {
  const looked: Looked & { readonly tally: Tally; readonly text?: string } = {
    seeds,
    tally,
    ...(mismatch === undefined
      ? {}
      : { violation: { seed: mismatch.seed, violation: { rule: mismatch.rules } }, text: mismatch.text }),
  };
  process.stdout.write(`${JSON.stringify(looked)}\n`);
}

function print({ seeds, tally, mismatch, tookMs }: Result): void {
  const lines = [
    ["seeds", count(seeds)],
    ["checks", `${count(tally.checks)} (member, segment) pairs`],
    ["deltas", count(tally.deltas)],
    ["messages", count(tally.records)],
    ["took", duration(tookMs)],
    ["mismatches", mismatch === undefined ? "none" : `seed ${mismatch.seed}`],
  ];
  process.stdout.write(`${lines.map(([name, value]) => `${name!.padEnd(11)} ${value}`).join("\n")}\n`);
  if (mismatch !== undefined) process.stdout.write(`\n${mismatch.text}\n`);
}

const CHILD = "--part";

if (process.argv[2] === CHILD && process.send !== undefined) {
  const send = process.send.bind(process);
  await playPart(JSON.parse(process.argv[3]!) as Range, (told) => send(told));
  process.disconnect();
} else await program.parseAsync();
