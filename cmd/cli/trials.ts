// rollcall segments try | diff: what a definition would do, before it is applied. Nothing is changed by either.
// The walk over all people is lib/api/segments/trial.ts; what is printed, lib/cli/trial-text.ts.
import type { Command } from "commander";
import { diffLines } from "diff";
import type { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { triedExactly } from "../../lib/api/segments/exact-trial.ts";
import { runTrial, trialOut } from "../../lib/api/segments/trial.ts";
import type { Candidate } from "../../lib/backtest/played.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { describeRule } from "../../lib/cli/rule-text.ts";
import { plain, type Style } from "../../lib/cli/style.ts";
import type { Format } from "../../lib/cli/table.ts";
import { movesText, trialText } from "../../lib/cli/trial-text.ts";
import { wrap } from "../../lib/cli/wrap.ts";
import type { TrialPart } from "../../lib/core/partition.ts";
import { definitionSentence } from "../../lib/core/rules/words/sentence.ts";
import type { Json } from "../../lib/core/types.ts";
import { candidatesOf, oneCandidate } from "./candidates.ts";
import { type Context, connected } from "./context.ts";
import { print, printJson, withOutput } from "./output.ts";
import { wholeNumber } from "./people.ts";
import { playing } from "./played.ts";

const SAMPLES_DEFAULT = 5;
const MEMBERS_MAX = 1_000_000;
const COLUMNS_DEFAULT = 80;
const COLUMNS_MAX = 120;

export function addTrials(segments: Command): void {
  withOutput(segments.command("try").description("who would be in, before anything is applied; nothing is changed"), [
    "table",
    "json",
  ])
    .argument("<file>", "a file with one definition")
    .option("--sample <n>", "show so many people of each kind", wholeNumber, SAMPLES_DEFAULT)
    .option("--history", "read all logs, so that nothing is left unknown; takes longer")
    .action((file: string, options: TryOptions, command: Command) =>
      connected(command, (context) => tryFile(context, command, file, options)),
    );
  withOutput(segments.command("diff").description("what files would change: the rules, and who would join and leave"), [
    "table",
    "json",
  ])
    .argument("<paths...>", "files, or folders of files")
    .option("--sample <n>", "show so many people of each kind", wholeNumber, SAMPLES_DEFAULT)
    .action((paths: string[], options: TryOptions, command: Command) =>
      connected(command, (context) => diffFiles(context, command, paths, options)),
    );
}

interface TryOptions {
  readonly sample: number;
  readonly history?: boolean;
  readonly output: Format;
}

async function tryFile(context: Context, command: Command, file: string, options: TryOptions): Promise<void> {
  const candidate = await oneCandidate(command, file);
  const part =
    options.history === true
      ? await exactly(context, candidate, options.sample)
      : await tried(context, candidate.source, options.sample);
  if (options.output === "json") return printJson(trialOut(part) as object);
  const { definition } = candidate;
  const { style } = context;
  const columns = Math.min(process.stdout.columns ?? COLUMNS_DEFAULT, COLUMNS_MAX);
  const sentence = wrap(plain(definitionSentence(definition)), columns).join("\n");
  print(`${style.bold(plain(definition.name))}  ${style.dim(definition.id)}\n${sentence}\n`);
  print(trialText({ kind: definition.kind, part, against: await inForce(context, definition.id) }, style, columns));
}

async function inForce(context: Context, id: string): Promise<{ version: number; size: number } | undefined> {
  const entry = (await context.catalogue()).entry(id);
  if (entry === undefined || entry.version === 0 || entry.state === "backfilling") return undefined;
  return { version: entry.version, size: 0 };
}

async function tried(context: Context, source: Json, samples: number): Promise<TrialPart> {
  const bar = progressBar("looking at everybody");
  try {
    return await runTrial({
      partitions: context.partitions,
      samples,
      ask: (partition, cursor) => context.questions.tryOut(partition, source, cursor, samples),
      onProgress: ({ looked, universe }) =>
        bar.update({ fraction: Math.min(1, looked / Math.max(1, universe)), done: looked, unit: "members" }),
    });
  } finally {
    bar.end();
  }
}

/** Everything is played here, so it is exact; who is in now is asked of the owners. */
async function exactly(context: Context, candidate: Candidate, samples: number): Promise<TrialPart> {
  const { id } = candidate.definition;
  const now = async (): Promise<string[]> => {
    if ((await context.catalogue()).entry(id)?.state !== "live") return [];
    return (await context.questions.members(id, MEMBERS_MAX)).members.map((member) => member.id);
  };
  return playing(context, (logs) => triedExactly(logs, candidate, samples, now));
}

interface Difference {
  readonly id: string;
  readonly change: "new" | "changed" | "unchanged";
  readonly before: Json;
  readonly after: Json;
  readonly trial: TrialPart | undefined;
}

async function diffFiles(context: Context, command: Command, paths: string[], options: TryOptions): Promise<void> {
  const candidates = await candidatesOf(command, paths);
  const catalogue = await context.catalogue();
  const differences: Difference[] = [];
  for (const { source, definition } of candidates) {
    const before = sourceInForce(catalogue, definition.id);
    const change = before === null ? "new" : describeRule(before) === describeRule(source) ? "unchanged" : "changed";
    const trial = change === "unchanged" ? undefined : await tried(context, source, options.sample);
    differences.push({ id: definition.id, change, before, after: source, trial });
  }
  if (options.output === "json") {
    return printJson(
      differences.map(({ trial, ...rest }) => ({ ...rest, trial: trial === undefined ? null : trialOut(trial) })),
    );
  }
  print(differences.map((difference) => differenceText(difference, context.style)).join("\n\n"));
}

function sourceInForce(catalogue: Catalogue, id: string): Json {
  return catalogue.entry(id)?.definition ?? null;
}

function differenceText({ id, change, before, after, trial }: Difference, style: Style): string {
  const title = `${style.bold(plain(id))}  ${style.dim(change)}`;
  if (trial === undefined) return title;
  const lines = diffLines(before === null ? "" : describeRule(before), describeRule(after)).flatMap((part) =>
    part.value
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => {
        if (part.added) return style.green(`+ ${line}`);
        return part.removed ? style.red(`- ${line}`) : `  ${line}`;
      }),
  );
  return [title, ...lines, movesText(trial, style)].join("\n");
}
