// npm run fuzz [-- --minutes 5 --seed N --only ingest,define --shot N]: wild input against the product as it runs, and what came of it.
// Progress goes to stderr, the report to stdout. Exit codes: 0 clean, 1 faults, 2 bad arguments.
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { styleFor } from "../../lib/cli/style.ts";
import { positive } from "../support/seed-options.ts";
import { fuzz } from "./fuzz.ts";
import { growthOf, textOf } from "./report.ts";
import { GROUPS, type Group } from "./shots.ts";

const EXIT = { clean: 0, faults: 1, usage: 2 } as const;
const SEED_MAX = 1_000_000;
const NATS = "nats";

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly only: readonly (Group | typeof NATS)[];
  readonly shot?: number;
}

function minutesOf(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("a number above 0 is wanted");
  return value;
}

function groupsOf(text: string): Options["only"] {
  const names = text.split(",");
  const known: readonly string[] = [...GROUPS, NATS];
  if (!names.every((name) => known.includes(name))) throw new InvalidArgumentError(`there are ${known.join(", ")}`);
  return names as unknown as Options["only"];
}

const program = new Command("npm run fuzz --")
  .description(
    "Fires wild input at a server, a worker and HTTP that it starts, and holds every answer against the document.",
  )
  .addOption(new Option("--minutes <n>", "how long").default(5).argParser(minutesOf))
  .addOption(
    new Option("--seed <n>", "which input; without it, a new one each time")
      .default((Math.floor(Date.now() / 1_000) % SEED_MAX) + 1)
      .argParser(positive),
  )
  .addOption(new Option("--only <groups>", "with commas between").default([...GROUPS, NATS]).argParser(groupsOf))
  .addOption(new Option("--shot <n>", "this one alone, as a failure names it").argParser(Number))
  .exitOverride();

async function main(): Promise<number> {
  program.parse();
  const { minutes, seed, only, shot } = program.opts<Options>();
  const startedMs = performance.now();
  const report = await fuzz({
    seed,
    minutes,
    groups: GROUPS.filter((group) => only.includes(group)),
    questions: only.includes(NATS),
    ...(shot === undefined ? {} : { shot }),
    say: (line) =>
      process.stderr.write(`${((performance.now() - startedMs) / 1_000).toFixed(0).padStart(5)} s  ${line}\n`),
  });
  process.stdout.write(`${textOf(report, styleFor(process.stdout))}\n`);
  return report.faults.length + growthOf(report).length === 0 ? EXIT.clean : EXIT.faults;
}

process.exit(
  await main().catch((error: unknown) => {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.clean : EXIT.usage;
    process.stderr.write(`fuzz: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.faults;
  }),
);
