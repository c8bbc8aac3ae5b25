// rollcall vocabulary show | diff | apply: what gives events their meaning, as one document. The checks and the writing are
// lib/api/world/vocabulary.ts; this file reads options and prints.
import { type Command, Option } from "commander";
import { Document, isCollection, visit } from "yaml";
import {
  applyVocabulary,
  type PartChange,
  planVocabulary,
  type VocabularyPlan,
  VocabularyRefused,
} from "../../lib/api/world/vocabulary.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { counted } from "../../lib/cli/numbers.ts";
import { describeRule } from "../../lib/cli/rule-text.ts";
import { plain, type Style } from "../../lib/cli/style.ts";
import { wrap } from "../../lib/cli/wrap.ts";
import type { Json, JsonObject, SegmentId } from "../../lib/core/types.ts";
import type { Vocabulary } from "../../lib/core/vocabulary.ts";
import { vocabularyDocument } from "../../lib/core/vocabulary-document.ts";
import { VOCABULARY_SCHEMA } from "../../lib/core/vocabulary-schema.ts";
import { type LoadedValue, loadValues, type PlacedProblem, placed } from "../../lib/definitions/load.ts";
import { refused, tellWarnings, waitInForce } from "./applying.ts";
import { type Context, connected } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";

export function addVocabulary(program: Command): void {
  const vocabulary = program
    .command("vocabulary")
    .description("what gives events their meaning: visits, items, funnels …");
  vocabulary
    .command("show")
    .description("the whole vocabulary in force; as a file it can be edited and applied again")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["yaml", "json"]).default("yaml"))
    .option("--newest", "the newest one, though its history may still be read")
    .action((options: { output: string; newest?: boolean }, command: Command) =>
      connected(command, (context) => show(context, options)),
    );
  withOutput(vocabulary.command("diff").description("which parts a file changes, and which segments that edits"), [
    "table",
    "json",
  ])
    .argument("<file>", "YAML or JSON")
    .action((file: string, options: { output: string }, command: Command) =>
      connected(command, (context) => diff(context, file, options.output)),
    );
  vocabulary
    .command("schema")
    .description("the JSON Schema of a vocabulary, for editors and programs that write one")
    .action(() => printJson(VOCABULARY_SCHEMA));
  vocabulary
    .command("apply")
    .description("make a file the vocabulary; segments that read what changed are edited with it")
    .argument("<file>", "YAML or JSON")
    .option("--no-wait", "do not wait until it is in force everywhere")
    .action((file: string, options: { wait: boolean }, command: Command) =>
      connected(command, (context) => applyFile(context, file, options.wait)),
    );
}

async function show(context: Context, { output, newest }: { output: string; newest?: boolean }): Promise<void> {
  const { state } = await context.catalogue();
  const waits = state.newestVocabulary !== state.vocabulary;
  const shown: Vocabulary = newest === true ? state.newestVocabulary : state.vocabulary;
  const document = vocabularyDocument(shown);
  if (output === "json") printJson(document);
  else print(describeRule(document));
  if (waits && newest !== true) note("A newer vocabulary waits until its history is read: --newest shows it.");
}

async function diff(context: Context, file: string, output: string): Promise<void> {
  const loaded = await loadOne(file);
  const plan = planVocabulary(await context.catalogue(), loaded.value, context.config.limits);
  tellOrRefuse(plan, loaded);
  if (output === "json") return printJson({ changes: plan.changes, edited: plan.edited });
  print(difference(plan, context.style));
}

async function applyFile(context: Context, file: string, wait: boolean): Promise<void> {
  const loaded = await loadOne(file);
  const catalogue = await context.catalogue();
  const { limits } = context.config;
  tellOrRefuse(planVocabulary(catalogue, loaded.value, limits), loaded);
  const { plan, revision } = await applyVocabulary(context.control, catalogue, loaded.value, limits).catch(
    (error: unknown) => {
      throw error instanceof VocabularyRefused ? refusedAt(error.problems, loaded) : error;
    },
  );
  if (revision !== undefined) {
    const parts = plan.changes.map(({ part }) => part);
    await context.audited({ what: "vocabulary.apply", detail: { revision, parts } });
  }
  print(difference(plan, context.style));
  if (revision !== undefined && wait) await waitInForce(context, revision);
}

async function loadOne(file: string): Promise<LoadedValue> {
  const { values, problems } = await loadValues(file);
  if (problems.length > 0) throw refused(problems);
  if (values.length === 1) return values[0]!;
  const found = values.length === 0 ? "nothing" : `${values.length} documents`;
  throw new CliError(EXIT.usage, `${file} should hold one vocabulary; found ${found}.`);
}

function tellOrRefuse({ problems, warnings }: VocabularyPlan, loaded: LoadedValue): void {
  tellWarnings(placedAt(warnings, loaded));
  if (problems.length > 0) throw refusedAt(problems, loaded);
}

function refusedAt(problems: VocabularyPlan["problems"], loaded: LoadedValue): CliError {
  return refused(placedAt(problems, loaded));
}

function placedAt(problems: VocabularyPlan["problems"], { placeOf }: LoadedValue): PlacedProblem[] {
  return problems.map((problem) => placed(problem, placeOf(problem.path)));
}

// ── as people read it ───────────────────────────────────────────────────────────────────────────────────────────────

const LINE_MAX = 78;
const EDITED_SHOWN_MAX = 20;

function difference({ changes, edited }: VocabularyPlan, style: Style): string {
  if (changes.length === 0) return "nothing differs";
  return [...changes.flatMap((change) => changeLines(change, style)), ...wrap(whoIsEdited(edited), LINE_MAX)].join(
    "\n",
  );
}

function whoIsEdited(edited: readonly SegmentId[]): string {
  if (edited.length === 0) return "no segment reads what differs";
  const more = edited.length > EDITED_SHOWN_MAX ? ` and ${edited.length - EDITED_SHOWN_MAX} more` : "";
  return `edits ${counted(edited.length, "segment")}: ${edited.slice(0, EDITED_SHOWN_MAX).join(", ")}${more}`;
}

/** On one line where it fits, else what went and what came below each other. */
function changeLines({ part, before, after }: PartChange, style: Style): string[] {
  const name = plain(part);
  if (before === undefined) return [`${style.green("+")} ${name}  ${style.dim(valueText(after!, name.length + 4))}`];
  if (after === undefined) return [`${style.red("-")} ${name}  ${style.dim(valueText(before, name.length + 4))}`];
  const [was, is] = [flow(before), flow(after)];
  const head = `${style.yellow("~")} ${name}`;
  if (name.length + was.length + is.length + 7 <= LINE_MAX) return [`${head}  ${style.dim(`${was} →`)} ${is}`];
  const went = itemsOf(before).map((item) => valueText(item, 6));
  const came = itemsOf(after).map((item) => valueText(item, 6));
  return [
    head,
    ...went.filter((text) => !came.includes(text)).map((text) => `    ${style.red("-")} ${style.dim(text)}`),
    ...came.filter((text) => !went.includes(text)).map((text) => `    ${style.green("+")} ${text}`),
    ...(went.length === came.length && went.every((text) => came.includes(text)) ? ["    in another order"] : []),
  ];
}

/** A list's items, or a funnel's steps: each is a line of its own. */
function itemsOf(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  const steps = typeof value === "object" && value !== null ? (value as JsonObject).steps : undefined;
  return Array.isArray(steps) ? (steps as readonly Json[]) : [value];
}

/** Cut to what is left of the line after so many columns. */
function valueText(value: Json, taken: number): string {
  const text = flow(value);
  const room = Math.max(20, LINE_MAX - taken);
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}

/** YAML on one line. */
function flow(value: Json): string {
  const document = new Document(value);
  visit(document, {
    Collection(_key, node) {
      if (isCollection(node)) node.flow = true;
    },
  });
  return plain(document.toString({ lineWidth: 0 }).trimEnd());
}
