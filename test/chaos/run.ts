// npm run chaos [-- --minutes 10 --seed N --only NAME,NAME --list --report FILE]: real processes under harm, one scenario after
// the other, judged by a process that reads the streams alone. Progress goes to stderr, the table to stdout.
// Exit codes: 0 all held, 1 something did not, 2 bad arguments, 130 interrupted.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { duration } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { styleFor } from "../../lib/cli/style.ts";
import { fnv1a } from "../../lib/core/ids.ts";
import { machineText, markdownOf, type Run, tableOf, verdictOf } from "./report.ts";
import type { Observation, Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import { closeAll } from "./workers/stage.ts";

const EXIT = { held: 0, failed: 1, usage: 2, interrupted: 130 } as const;
const COLUMNS_DEFAULT = 140;
const REDRAW_MS = 250;
const NAME_COLUMNS = 22;
const SEED_MAX = 1_000_000;

let interrupted = false;
/** Where logs go when nobody said where. */
let ownLogs: string | undefined;

const HELP = `npm run chaos -- [options]

Kills, stops, cuts off and restarts real processes under load, and lets an auditor that reads
the streams alone recompute everything and compare.

  --minutes N     about how long, all scenarios together (default 10)
  --seed N        which moments and victims; without it, a new one each time
  --only A,B      these scenarios alone
  --kills N       at least so many kill -9 of workers (default 100)
  --zombies N     at least so many pauses past a take-over (default 20)
  --report FILE   the table as Markdown, too
  --list          what there is
  --help          this

Exit codes: 0 everything held, 1 something did not, 2 bad arguments.
Logs of all processes are kept when something did not hold; ROLLCALL_TEST_LOGS names their folder.
`;

interface Order {
  readonly minutes: number;
  readonly seed: number;
  readonly chosen: readonly Scenario[];
  readonly report: string | undefined;
}

class UsageError extends Error {
  override readonly name = "UsageError";
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        minutes: { type: "string", default: "10" },
        seed: { type: "string", default: `${Math.floor(Date.now() / 1_000) % SEED_MAX}` },
        only: { type: "string" },
        kills: { type: "string", default: "100" },
        zombies: { type: "string", default: "20" },
        report: { type: "string" },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

type Arguments = ReturnType<typeof readArguments>;

function numberOf(name: string, text: string, min: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= min) return value;
  throw new UsageError(`--${name} is a number of at least ${min}, not "${text}"`);
}

function all(given: Arguments): readonly Scenario[] {
  const whole = (name: "kills" | "zombies"): number => Math.floor(numberOf(name, given[name], 1));
  return scenarios({ killsMin: whole("kills"), pausesMin: whole("zombies") });
}

function orderOf(given: Arguments): Order {
  const known = all(given);
  const names = given.only?.split(",").map((name) => name.trim()) ?? known.map(({ name }) => name);
  const unknown = names.find((name) => known.every((one) => one.name !== name));
  if (unknown !== undefined)
    throw new UsageError(
      `there is no scenario "${unknown}"; there are ${known.map(({ name }) => name).join(", ")} (--list tells more)`,
    );
  return {
    minutes: numberOf("minutes", given.minutes, 0),
    seed: Math.floor(numberOf("seed", given.seed, 0)),
    chosen: known.filter(({ name }) => names.includes(name)),
    report: given.report,
  };
}

async function playAll({ chosen, minutes, seed }: Order): Promise<Run> {
  const startedMs = performance.now();
  const style = styleFor(process.stderr);
  const observations: Observation[] = [];
  for (const [index, scenario] of chosen.entries()) {
    const title = `[${index + 1}/${chosen.length}] ${scenario.name}`;
    process.stderr.write(`${style.bold(title)}  ${style.dim(scenario.about)}\n`);
    const rows = await playOne(scenario, { seed: seedOf(seed, scenario), minutes: minutes / chosen.length });
    for (const { fault, times, held } of rows) {
      const verdict = held ? style.green("held") : style.red("FAILED");
      process.stderr.write(`  ${verdict}  ${times} × ${fault}\n`);
    }
    observations.push(...rows);
  }
  return { seed, tookMs: performance.now() - startedMs, observations };
}

/** The same whether a scenario is played alone or among others. */
function seedOf(seed: number, { name }: Scenario): number {
  return fnv1a(`${name}/${seed}`);
}

/** A scenario that breaks off is a row, too: what it waited for in vain is what the product owed. */
async function playOne(
  scenario: Scenario,
  given: { readonly seed: number; readonly minutes: number },
): Promise<readonly Observation[]> {
  const shown = shownProgress(scenario.name, given.minutes);
  const { say } = shown;
  try {
    return await scenario.run({ ...given, say });
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    shown.bar.line(text);
    return [{ fault: scenario.about, times: 0, seen: `it broke off: ${firstLine(error)}`, held: false }];
  } finally {
    shown.end();
  }
}

/** On a terminal a bar with the newest line, elsewhere every line with its time. */
function shownProgress(name: string, minutes: number) {
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  const bar = progressBar(name);
  let steps = 0;
  let newest = "";
  const draw = (): void => {
    const fraction = Math.min(0.99, elapsedMs() / (minutes * 60_000));
    bar.update({ fraction, done: steps, unit: "steps", note: newest });
  };
  const redraw = process.stderr.isTTY ? setInterval(draw, REDRAW_MS) : undefined;
  return {
    bar,
    say: (line: string): void => {
      if (interrupted) return;
      steps += 1;
      newest = line;
      if (redraw === undefined) process.stderr.write(`  ${duration(elapsedMs()).padStart(7)}  ${line}\n`);
      else draw();
    },
    end: (): void => {
      clearInterval(redraw);
      bar.end();
    },
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}

/** Logs of all processes go to a folder that is removed when everything held. */
async function withLogs(play: () => Promise<Run>): Promise<Run> {
  const wanted = process.env.ROLLCALL_TEST_LOGS;
  if (wanted !== undefined && wanted !== "") return play();
  const folder = await mkdtemp(join(tmpdir(), "rollcall-chaos-"));
  ownLogs = folder;
  process.env.ROLLCALL_TEST_LOGS = folder;
  const run = await play();
  if (run.observations.every(({ held }) => held)) await rm(folder, { recursive: true, force: true });
  else process.stderr.write(`\nWhat the auditor found and the logs of all processes are in ${folder}\n`);
  return run;
}

function endOnSignal(): void {
  const end = async (): Promise<void> => {
    if (interrupted) process.exit(EXIT.interrupted);
    interrupted = true;
    process.stderr.write("\nending everything that was started; once more Ctrl-C ends at once\n");
    await closeAll().catch(() => undefined);
    if (ownLogs !== undefined) await rm(ownLogs, { recursive: true, force: true });
    process.exit(EXIT.interrupted);
  };
  process.on("SIGINT", () => void end());
  process.on("SIGTERM", () => void end());
}

async function main(args: readonly string[]): Promise<number> {
  const given = readArguments(args);
  if (given.help) return said(HELP);
  if (given.list)
    return said(
      all(given)
        .map(({ name, about }) => `${name.padEnd(NAME_COLUMNS)} ${about}\n`)
        .join(""),
    );
  const order = orderOf(given);
  endOnSignal();
  const run = await withLogs(() => playAll(order));
  const style = styleFor(process.stdout);
  process.stdout.write(
    `\n${tableOf(run.observations, process.stdout.columns ?? COLUMNS_DEFAULT, style)}\n` +
      `${verdictOf(run)} ${machineText()}, seed ${run.seed}, ${duration(run.tookMs)}.\n`,
  );
  if (order.report !== undefined) await writeFile(order.report, markdownOf(run));
  return run.observations.every(({ held }) => held) ? EXIT.held : EXIT.failed;
}

function said(text: string): number {
  process.stdout.write(text);
  return EXIT.held;
}

const code = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof UsageError) {
    process.stderr.write(`chaos: ${error.message}\n`);
    return EXIT.usage;
  }
  process.stderr.write(`chaos: ${error instanceof Error ? error.stack : String(error)}\n`);
  return EXIT.failed;
});
process.exit(code);
