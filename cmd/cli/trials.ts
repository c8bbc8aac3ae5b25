// rollcall segments try | diff: what a definition would do, before it is applied. Nothing is changed by either.
// The walk over all people is lib/api/trial.ts; what is printed, lib/cli/trial-text.ts.
import type { Command } from "commander";
import { diffLines } from "diff";
import type { Catalogue } from "../../lib/api/catalogue.ts";
import { runTrial, trialOut } from "../../lib/api/trial.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { describeRule } from "../../lib/cli/rule-text.ts";
import { plain, type Style } from "../../lib/cli/style.ts";
import type { Format } from "../../lib/cli/table.ts";
import { movesText, trialText } from "../../lib/cli/trial-text.ts";
import type { TrialPart } from "../../lib/core/partition.ts";
import type { Definition } from "../../lib/core/rules/ast.ts";
import { definitionSentence } from "../../lib/core/rules/sentence.ts";
import type { Json } from "../../lib/core/types.ts";
import { loadDefinitions } from "../../lib/definitions/load.ts";
import { type Context, connected, optionsOf } from "./context.ts";
import { print, printJson, withOutput } from "./output.ts";
import { wholeNumber } from "./people.ts";

const SAMPLES_DEFAULT = 5;
const COLUMNS_MAX = 120;

export function addTrials(segments: Command): void {
  withOutput(segments.command("try").description("who would be in, before anything is applied; nothing is changed"), [
    "table",
    "json",
  ])
    .argument("<file>", "a file with one definition")
    .option("--sample <n>", "show so many people of each kind", wholeNumber, SAMPLES_DEFAULT)
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
  readonly output: Format;
}

interface Candidate {
  readonly source: Json;
  readonly definition: Definition;
}

/** Definitions of files that parse; else what is wrong with them, with its place. */
export async function candidatesOf(command: Command, paths: readonly string[]): Promise<readonly Candidate[]> {
  const { definitions, problems } = await loadDefinitions(paths, optionsOf(command).config.limits);
  if (problems.length > 0) {
    const lines = problems.map(({ file, line, column, message, hint }) => {
      const meant = hint === undefined ? "" : ` (did you mean ${plain(hint)}?)`;
      return `${file}:${line}:${column}: ${plain(message)}${meant}`;
    });
    throw new CliError(EXIT.usage, lines.join("\n"));
  }
  return definitions.flatMap(({ source, definition }) => (definition === undefined ? [] : [{ source, definition }]));
}

async function tryFile(context: Context, command: Command, file: string, options: TryOptions): Promise<void> {
  const found = await candidatesOf(command, [file]);
  const [candidate, ...others] = found;
  if (candidate === undefined || others.length > 0) {
    throw new CliError(
      EXIT.usage,
      `${file} holds ${found.length} definitions, and \`segments try\` looks at one; \`segments diff\` takes many.`,
    );
  }
  const part = await tried(context, candidate.source, options.sample);
  if (options.output === "json") return printJson(trialOut(part) as object);
  const { definition } = candidate;
  const { style } = context;
  print(
    `${style.bold(plain(definition.name))}  ${style.dim(definition.id)}\n${plain(definitionSentence(definition))}\n`,
  );
  const columns = Math.min(process.stdout.columns ?? 80, COLUMNS_MAX);
  print(trialText({ part, against: await inForce(context, definition.id) }, style, columns));
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
        bar.update({ fraction: Math.min(1, looked / Math.max(1, universe)), done: looked, unit: "people" }),
    });
  } finally {
    bar.end();
  }
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
