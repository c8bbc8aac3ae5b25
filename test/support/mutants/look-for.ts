// Plants each bug in turn, runs a program that looks for violations seed by seed until one finds it, and prints the table. A
// bug that no seed finds within the bound fails the run: then the program has a blind spot. Used by the `run.ts` beside
// each list of bugs.
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { Command } from "commander";
import { progressBar } from "../../../lib/cli/progress.ts";
import { styleFor } from "../../../lib/cli/style.ts";
import { MUTANT_VARIABLE, type Mutant } from "./mutant.ts";

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const LINES_SHOWN = 5;
const EXIT_SURVIVED = 1;
const EXIT_VIOLATION = 1;

export interface Search {
  /** Name and description of the command. */
  readonly command: string;
  readonly about: string;
  readonly mutants: readonly Mutant[];
  /** Path of the program; it takes --json, --jobs 1 and --seeds A..B, and prints `Looked`. */
  readonly program: string;
  readonly seedsMax: number;
}

/** What the program prints. */
export interface Looked {
  readonly seeds: number;
  readonly violation?: { readonly seed: number; readonly violation?: { readonly rule: string } };
}

interface Found {
  readonly mutant: Mutant;
  readonly seeds: number;
  readonly violation: Looked["violation"];
  /** The program did not even run. */
  readonly failure: string | undefined;
}

export async function lookForMutants(search: Search): Promise<void> {
  await new Command(search.command)
    .description(search.about)
    .option("--only <names>", "these alone, with commas between", (text) => text.split(","))
    .option("--seeds <n>", "give a bug up after so many", Number, search.seedsMax)
    .option("--jobs <n>", "bugs looked for at a time", Number, availableParallelism())
    .action(async ({ only, seeds, jobs }: { only?: string[]; seeds: number; jobs: number }) => {
      const chosen = search.mutants.filter(({ name }) => only?.includes(name) ?? true);
      const found = await lookForAll(search.program, chosen, seeds, jobs);
      print(tableOf(found));
      const survived = found.filter(({ violation }) => violation === undefined);
      print(`\n${found.length - survived.length} of ${found.length} found within ${seeds} seeds`);
      if (survived.length > 0 || found.length === 0) process.exitCode = EXIT_SURVIVED;
    })
    .parseAsync();
}

async function lookForAll(
  program: string,
  mutants: readonly Mutant[],
  seeds: number,
  jobs: number,
): Promise<readonly Found[]> {
  const bar = progressBar("looking for planted bugs");
  const found = new Map<string, Found>();
  const left = [...mutants];
  const work = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      found.set(mutant.name, await lookFor(program, mutant, seeds));
      bar.update({ fraction: found.size / mutants.length, done: found.size, unit: "bugs" });
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  bar.end();
  return mutants.map(({ name }) => found.get(name)!);
}

/** Looks until a seed finds it that finds nothing in the program as it is; one that does tells nothing of the bug. */
async function lookFor(program: string, mutant: Mutant, seeds: number): Promise<Found> {
  const { seed: hint } = mutant;
  if (hint !== undefined && hint <= seeds) {
    const hinted = await looked(program, hint, hint, mutant);
    if (hinted.violation !== undefined && (await isSound(program, mutant, hint))) return { mutant, ...hinted };
  }
  for (let from = 1; ; ) {
    const planted = await looked(program, from, seeds, mutant);
    if (planted.violation === undefined) return { mutant, ...planted };
    const { seed } = planted.violation;
    if (await isSound(program, mutant, seed)) return { mutant, ...planted };
    process.stdout.write(`seed ${seed} fails without ${mutant.name}, too\n`);
    if (seed === seeds)
      return { mutant, ...planted, violation: undefined, failure: `seed ${seed} fails without it, too` };
    from = seed + 1;
  }
}

async function isSound(program: string, mutant: Mutant, seed: number): Promise<boolean> {
  const { violation, failure } = await looked(program, seed, seed, mutant, false);
  if (failure !== undefined) throw new Error(`${mutant.name}, seed ${seed}, without the bug: ${failure}`);
  return violation === undefined;
}

function looked(
  program: string,
  from: number,
  to: number,
  mutant: Mutant,
  isPlanted = true,
): Promise<Omit<Found, "mutant">> {
  const plant = isPlanted ? ["--import", new URL("plant.js", import.meta.url).href] : [];
  const args = [...plant, program, "--json", "--jobs", "1", "--seeds", `${from}..${to}`];
  const env = {
    ...process.env,
    ...mutant.variables,
    ...(isPlanted ? { [MUTANT_VARIABLE]: JSON.stringify(mutant) } : {}),
  };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => {
      const failed = error !== null && error.code !== EXIT_VIOLATION;
      try {
        const { seeds, violation } = JSON.parse(stdout) as Looked;
        resolve({ seeds, violation, failure: failed ? lastLines(stderr) : undefined });
      } catch {
        resolve({ seeds: 0, violation: undefined, failure: lastLines(stderr) });
      }
    });
  });
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-LINES_SHOWN).join(" ");
}

function tableOf(found: readonly Found[]): string {
  const style = styleFor(process.stdout);
  const width = Math.max(...found.map(({ mutant }) => mutant.name.length));
  const rule = Math.max(...found.map(({ violation }) => violation?.violation?.rule.length ?? 0), "found as".length);
  const lines = found.map(({ mutant, seeds, violation, failure }) => {
    const [seed, as] =
      violation === undefined
        ? ["–", style.red((failure === undefined ? `not found in ${seeds}` : "failed").padEnd(rule))]
        : [`${violation.seed}`, style.green(violation.violation!.rule.padEnd(rule))];
    return `${mutant.name.padEnd(width)}  ${seed.padStart(4)}  ${as}  ${mutant.bug}${failure === undefined ? "" : ` (${failure})`}`;
  });
  return [`${"planted bug".padEnd(width)}  seed  ${"found as".padEnd(rule)}  what is wrong with it`, ...lines].join(
    "\n",
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
