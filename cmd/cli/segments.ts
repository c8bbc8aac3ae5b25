// rollcall segments apply | ls | show | schema | rm: definitions from files into the control log, and what is there.
// The checks and the writing are lib/api/segments/apply.ts; this file reads options and prints.
import type { Command } from "commander";
import { type ApplyRequest, assertFits, planApply } from "../../lib/api/segments/apply.ts";
import type { CatalogueEntry } from "../../lib/api/segments/catalogue.ts";
import type { Preparation } from "../../lib/api/segments/preparations.ts";
import { type Said, saidOf } from "../../lib/api/segments/said.ts";
import { EXIT, endingOf } from "../../lib/cli/errors.ts";
import { membersText } from "../../lib/cli/member-text.ts";
import { count } from "../../lib/cli/numbers.ts";
import { describeRule } from "../../lib/cli/rule-text.ts";
import { plain, type Style, styleFor } from "../../lib/cli/style.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import { wrap } from "../../lib/cli/wrap.ts";
import { nearest } from "../../lib/core/rules/parse/problems.ts";
import { definitionSchema } from "../../lib/core/rules/words/schema.ts";
import { loadDefinitions, type PlacedProblem } from "../../lib/definitions/load.ts";
import { addAnalytics } from "./analytics.ts";
import {
  applyAndWait,
  costText,
  difference,
  isAnybodyKnown,
  refused,
  tellWarnings,
  tellWarningsOf,
} from "./applying.ts";
import { addBacktests } from "./backtests.ts";
import { type Context, connected, optionsOf, unknownSegment } from "./context.ts";
import { addLifecycle, keepDrafts, preparationsNow, preparationText } from "./lifecycle.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { addTrials } from "./trials.ts";

export function addSegments(program: Command): void {
  const segments = program.command("segments").description("define segments, and see which there are");
  segments
    .command("apply")
    .description("define or change segments from YAML or JSON files; all as one batch, in any order")
    .argument("<paths...>", "files, or folders of files")
    .option("--dry-run", "check everything and show the difference; change nothing")
    .option("--no-wait", "do not wait until it is in force everywhere")
    .option("--draft", "keep the definitions as drafts: nobody joins or leaves until `segments publish`")
    .action((paths: string[], options: ApplyOptions, command: Command) => applyFiles(command, paths, options));
  withOutput(segments.command("ls").description("list segments with their sizes")).action(
    (options: { output: Format }, command: Command) => connected(command, (context) => list(context, options.output)),
  );
  withOutput(segments.command("show").description("one segment: its definition, version and size"), ["table", "json"])
    .argument("<id>")
    .action((id: string, options: { output: Format }, command: Command) =>
      connected(command, (context) => show(context, id, options.output)),
    );
  segments
    .command("schema")
    .description("the JSON Schema of a definition, for editors and programs that write one")
    .action(() => printJson(definitionSchema()));
  addTrials(segments);
  addAnalytics(segments);
  addBacktests(segments);
  addLifecycle(segments);
  segments
    .command("rm")
    .description("delete segments; everybody leaves them")
    .argument("<ids...>")
    .option("--no-wait", "do not wait until it is in force everywhere")
    .action((ids: string[], options: { wait: boolean }, command: Command) =>
      connected(command, async (context) => {
        const request = {
          loaded: { definitions: [], lists: [], problems: [], isWhole: true },
          remove: ids,
          limits: context.config.limits,
        };
        await applyAndWait(context, request, options.wait);
      }),
    );
}

interface ApplyOptions {
  readonly dryRun?: boolean;
  readonly draft?: boolean;
  readonly wait: boolean;
}

async function applyFiles(command: Command, paths: string[], options: ApplyOptions): Promise<void> {
  const { limits } = optionsOf(command).config;
  const loaded = await loadDefinitions(paths, limits);
  tellWarnings(loaded.warnings);
  if (loaded.problems.length > 0) throw refused(await allProblems(command, { loaded, remove: [], limits }));
  await connected(command, async (context) => {
    if (options.draft === true) return keepDrafts(context, loaded);
    const request = { loaded, remove: [], limits };
    if (options.dryRun === true) {
      const plan = planApply(await context.catalogue(), { ...request, hasHistory: await isAnybodyKnown(context) });
      if (plan.problems.length > 0) throw refused(plan.problems);
      await tellWarningsOf(context, plan, request);
      for (const entry of plan.entries) assertFits(context.control, entry);
      print(difference(plan, true));
      return;
    }
    await applyAndWait(context, request, options.wait);
  });
}

/** With those that only a look at the data set finds, such as cycles; without a server, what is wrong in the files themselves. */
async function allProblems(command: Command, request: ApplyRequest): Promise<readonly PlacedProblem[]> {
  let problems = request.loaded.problems;
  try {
    await connected(command, async (context) => {
      problems = planApply(await context.catalogue(), request).problems;
    });
  } catch (error) {
    if (endingOf(error).exitCode !== EXIT.unreachable) throw error;
  }
  return problems;
}

interface Listed extends CatalogueEntry {
  readonly size: number | null;
}

const columnsOf = (preparations: readonly Preparation[]): readonly Column<Listed>[] => [
  { title: "SEGMENT", key: "id", value: (row) => row.id },
  { title: "KIND", key: "kind", value: (row) => row.kind },
  {
    title: "MEMBERS",
    key: "size",
    value: (row) => row.size,
    show: (row) => (row.size === null ? "–" : count(row.size)),
    align: "right",
  },
  { title: "STATE", key: "state", value: (row) => row.state, show: (row) => stateOf(row, preparations) },
  { title: "VERSION", key: "version", value: (row) => row.version, align: "right" },
  { title: "NAME", key: "name", value: (row) => row.name },
];

/** "live", "backfilling 43 %", "live, version 2 failed". */
function stateOf({ id, state, nextVersion, hasDraft }: Listed, preparations: readonly Preparation[]): string {
  const preparation = preparations.findLast(({ segments }) => segments.includes(id));
  const words = preparation === undefined ? "backfilling" : preparationText(preparation);
  const parts = [state === "backfilling" ? words : state];
  if (nextVersion !== null) parts.push(`version ${nextVersion} ${words}`);
  if (hasDraft && state !== "draft") parts.push("with a draft");
  return parts.join(", ");
}

async function list(context: Context, format: Format): Promise<void> {
  const catalogue = await context.catalogue();
  const sizes = await sizesOf(context);
  const rows = catalogue
    .segments()
    .map((entry) => ({ ...entry, size: sizes?.[entry.id] ?? (sizes === undefined ? null : 0) }));
  print(printRows(rows, columnsOf(await preparationsNow(context)), format, context.style));
  if (rows.length === 0) note("There are no segments yet. Apply some: rollcall segments apply config/segments");
}

/** Undefined, and said, while not every partition answers: a list of segments is still worth printing. */
async function sizesOf(context: Context): Promise<Readonly<Record<string, number>> | undefined> {
  try {
    return (await context.questions.sizes()).sizes;
  } catch (error) {
    note(styleFor(process.stderr).yellow(`sizes are not known: ${(error as Error).message}`));
    return undefined;
  }
}

async function show(context: Context, id: string, format: Format): Promise<void> {
  const catalogue = await context.catalogue();
  const entry = catalogue.entry(id);
  if (entry === undefined) {
    throw unknownSegment(
      id,
      catalogue,
      nearest(
        id,
        catalogue.segments().map((segment) => segment.id),
      ),
    );
  }
  const size = (await sizesOf(context))?.[id] ?? null;
  const said = saidOf(entry, catalogue, context.config.limits);
  if (format === "json") return printJson({ ...entry, size, ...said });
  const { style } = context;
  const facts = [
    size === null ? `${entry.kind}s` : membersText(size, entry.kind),
    stateOf({ ...entry, size }, await preparationsNow(context)),
    `version ${entry.version}`,
  ];
  print(`${style.bold(plain(entry.name))}  ${style.dim(id)}`);
  if (entry.description !== "") print(plain(entry.description));
  print(facts.join(style.dim(" · ")));
  if (said !== undefined) print(`\n${saidText(said, style)}`);
  print(`\n${describeRule(entry.definition)}`);
}

const COLUMNS_MAX = 100;

function saidText({ sentence, cost }: Said, style: Style): string {
  const columns = Math.min(process.stdout.columns ?? 80, COLUMNS_MAX);
  const costLines = wrap(costText(cost).trim(), columns).map((line) => style.dim(line));
  return [...wrap(plain(sentence), columns), ...costLines].join("\n");
}
