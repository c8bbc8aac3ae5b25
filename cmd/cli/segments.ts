// rollcall segments apply | ls | show | rm: definitions from files into the control log, and what is there.
// The checks and the writing are lib/api/apply.ts; this file reads options and prints.
import type { Command } from "commander";
import {
  type ActivationProgress,
  type Applied,
  type ApplyPlan,
  ApplyRefused,
  type ApplyRequest,
  apply,
  assertFits,
  planApply,
  waitUntilActive,
} from "../../lib/api/apply.ts";
import type { CatalogueEntry } from "../../lib/api/catalogue.ts";
import { CliError, EXIT, endingOf } from "../../lib/cli/errors.ts";
import { count, counted } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { describeRule } from "../../lib/cli/rule-text.ts";
import { plain, styleFor } from "../../lib/cli/style.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import { nearest } from "../../lib/core/rules/problems.ts";
import { loadDefinitions, type PlacedProblem } from "../../lib/definitions/load.ts";
import { type Context, connected, optionsOf, unknownSegment } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { addTrials } from "./trials.ts";

const POLL_MS = 100;

export function addSegments(program: Command): void {
  const segments = program.command("segments").description("define segments, and see which there are");
  segments
    .command("apply")
    .description("define or change segments from YAML or JSON files; all as one batch, in any order")
    .argument("<paths...>", "files, or folders of files")
    .option("--dry-run", "check everything and show the difference; change nothing")
    .option("--no-wait", "do not wait until it is in force everywhere")
    .action((paths: string[], options: { dryRun?: boolean; wait: boolean }, command: Command) =>
      applyFiles(command, paths, options),
    );
  withOutput(segments.command("ls").description("list segments with their sizes")).action(
    (options: { output: Format }, command: Command) => connected(command, (context) => list(context, options.output)),
  );
  withOutput(segments.command("show").description("one segment: its definition, version and size"), ["table", "json"])
    .argument("<id>")
    .action((id: string, options: { output: Format }, command: Command) =>
      connected(command, (context) => show(context, id, options.output)),
    );
  addTrials(segments);
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

async function applyFiles(
  command: Command,
  paths: string[],
  options: { dryRun?: boolean; wait: boolean },
): Promise<void> {
  const { limits } = optionsOf(command).config;
  const loaded = await loadDefinitions(paths, limits);
  tellWarnings(loaded.warnings);
  if (loaded.problems.length > 0) throw refused(await allProblems(command, { loaded, remove: [], limits }));
  await connected(command, async (context) => {
    const request = { loaded, remove: [], limits };
    if (options.dryRun === true) {
      const plan = planApply(await context.catalogue(), request);
      if (plan.problems.length > 0) throw refused(plan.problems);
      if (plan.entry !== undefined) assertFits(context.control, plan.entry);
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

async function applyAndWait(context: Context, request: ApplyRequest, wait: boolean): Promise<void> {
  const catalogue = await context.catalogue();
  const applied = await applyOrRefuse(context, request);
  print(difference(applied.plan, false));
  const { revision } = applied;
  if (revision === undefined || !wait) return;
  const bar = progressBar("reading history");
  let last: ActivationProgress | undefined;
  try {
    await waitUntilActive({
      catalogue,
      status: () => context.questions.status(),
      revision,
      pollMs: POLL_MS,
      onProgress: (progress) => {
        last = progress;
        const note = progress.silent > 0 ? `${progress.silent} without a worker` : undefined;
        const state = {
          fraction: progress.fraction,
          done: progress.inForce,
          unit: `of ${progress.partitions} partitions`,
        };
        bar.update(note === undefined ? state : { ...state, note });
      },
    });
  } catch (error) {
    if (error instanceof ApplyRefused) throw new CliError(EXIT.usage, error.message);
    throw error;
  } finally {
    bar.end();
  }
  note(styleFor(process.stderr).green(`in force in all ${last?.partitions} partitions`));
}

async function applyOrRefuse(context: Context, request: ApplyRequest): Promise<Applied> {
  try {
    return await apply(context.control, await context.catalogue(), request);
  } catch (error) {
    if (error instanceof ApplyRefused && error.problems.length > 0) throw refused(error.problems);
    throw error;
  }
}

function refused(problems: readonly PlacedProblem[]): CliError {
  const style = styleFor(process.stderr);
  const lines = problems.map((problem) => problemLine(problem, style.red("error")));
  return new CliError(EXIT.usage, `${lines.join("\n")}\n${counted(problems.length, "problem")}; nothing was applied.`);
}

function tellWarnings(warnings: readonly PlacedProblem[]): void {
  const style = styleFor(process.stderr);
  for (const warning of warnings) note(problemLine(warning, style.yellow("warning")));
}

function problemLine({ file, line, column, message, hint }: PlacedProblem, kind: string): string {
  const place = file === "" ? "" : line === 0 ? `${file}: ` : `${file}:${line}:${column}: `;
  return `${place}${kind}: ${plain(message)}${hint === undefined ? "" : ` (did you mean ${plain(hint)}?)`}`;
}

function difference(plan: ApplyPlan, dryRun: boolean): string {
  const style = styleFor(process.stdout);
  const lines = [
    ...plan.created.map((id) => `${style.green("+")} ${id}  ${style.dim("new")}`),
    ...plan.changed.map((id) => `${style.yellow("~")} ${id}  ${style.dim("changed")}`),
    ...plan.removed.map((id) => `${style.red("-")} ${id}  ${style.dim("removed")}`),
    ...plan.lists.map(
      ({ id, members }) => `${style.yellow("~")} list ${id}  ${style.dim(counted(members.length, "member"))}`,
    ),
  ];
  const counts = [
    `${count(plan.created.length)} new`,
    `${count(plan.changed.length)} changed`,
    ...(plan.removed.length > 0 ? [`${count(plan.removed.length)} removed`] : []),
    `${count(plan.unchanged.length)} unchanged`,
  ].join(", ");
  return [...lines, dryRun ? `${counts}; nothing was applied (--dry-run)` : counts].join("\n");
}

interface Listed extends CatalogueEntry {
  readonly size: number | null;
}

const COLUMNS: readonly Column<Listed>[] = [
  { title: "SEGMENT", key: "id", value: (row) => row.id },
  {
    title: "MEMBERS",
    key: "size",
    value: (row) => row.size,
    show: (row) => (row.size === null ? "–" : count(row.size)),
    align: "right",
  },
  { title: "STATE", key: "state", value: (row) => row.state, show: (row) => stateOf(row) },
  { title: "VERSION", key: "version", value: (row) => row.version, align: "right" },
  { title: "NAME", key: "name", value: (row) => row.name },
];

function stateOf({ state, nextVersion }: Listed): string {
  return nextVersion === null ? state : `${state}, version ${nextVersion} in preparation`;
}

async function list(context: Context, format: Format): Promise<void> {
  const catalogue = await context.catalogue();
  const sizes = await sizesOf(context);
  const rows = catalogue
    .segments()
    .map((entry) => ({ ...entry, size: sizes?.[entry.id] ?? (sizes === undefined ? null : 0) }));
  print(printRows(rows, COLUMNS, format, context.style));
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
  if (format === "json") return printJson({ ...entry, size });
  const { style } = context;
  const facts = [
    `${size === null ? "–" : counted(size, "member")}`,
    stateOf({ ...entry, size }),
    `version ${entry.version}`,
  ];
  print(`${style.bold(plain(entry.name))}  ${style.dim(id)}`);
  if (entry.description !== "") print(plain(entry.description));
  print(`${facts.join(style.dim(" · "))}\n\n${describeRule(entry.definition)}`);
}
