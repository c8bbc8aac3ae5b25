// rollcall jobs ls | show | cancel: backfills, imports and exports, how far they are, and what came of them.
// What they are is lib/api/jobs; exporting is export.ts, importing import.ts.
import { type Command, Option } from "commander";
import { JOB_KINDS, JobBook, type JobKind, type JobView } from "../../lib/api/jobs/book.ts";
import { isEnded } from "../../lib/api/jobs/runner.ts";
import { NotPossible } from "../../lib/api/segments/not-possible.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { bytes, count, counted, duration, instant } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { plain, type Style } from "../../lib/cli/style.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import { wrap } from "../../lib/cli/wrap.ts";
import { NatsJobStore } from "../../lib/nats/jobs.ts";
import { JOB_STATES, type JobState } from "../../lib/ports/jobs.ts";
import { type Context, connected } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { wholeNumber } from "./people.ts";

const LAST_DEFAULT = 20;
const LOOK_MS = 500;
/** Whatever the others hold, the table then fits in 80 columns. */
const TARGET_COLUMNS = 16;
const TITLE_COLUMNS = 10;
const COLUMNS_MAX = 100;

interface ListOptions {
  readonly kind?: JobKind;
  readonly state?: JobState;
  readonly last: number;
  readonly output: Format;
}

export function addJobs(program: Command): void {
  const jobs = program
    .command("jobs")
    .description("backfills, imports and exports: how far they are, what came of them");
  withOutput(jobs.command("ls", { isDefault: true }).description("the newest jobs, newest first"))
    .addOption(new Option("--kind <kind>", "only those").choices(JOB_KINDS))
    .addOption(new Option("--state <state>", "only those").choices(JOB_STATES))
    .option("--last <n>", "so many of the newest", wholeNumber, LAST_DEFAULT)
    .action((options: ListOptions, command: Command) => connected(command, (context) => list(context, options)));
  withOutput(jobs.command("show").description("one job"), ["table", "json"])
    .argument("<id>")
    .option("--follow", "stay until it has ended, with a bar; exit 1 where it has failed")
    .action((id: string, options: { output: Format; follow?: boolean }, command: Command) =>
      connected(command, (context) => show(context, id, options)),
    );
  jobs
    .command("cancel")
    .description("let a job end: what is stored of an import stays, nothing of an export is kept")
    .argument("<id>")
    .action((id: string, _options: unknown, command: Command) => connected(command, (context) => cancel(context, id)));
}

async function bookOf({ nc, names, control, config, questions, catalogue }: Context): Promise<JobBook> {
  return new JobBook({
    control,
    catalogue: await catalogue(),
    limits: config.limits,
    store: new NatsJobStore(nc, names),
    keptMs: config.jobsKeptMs,
    statuses: () => questions.status(),
  });
}

// ── ls ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

const COLUMNS: readonly Column<JobView>[] = [
  { title: "JOB", key: "id", value: ({ id }) => id },
  { title: "OF", key: "target", value: ({ target }) => target, show: ({ target }) => shortened(plain(target)) },
  { title: "STATE", key: "state", value: ({ state }) => state, show: stateText },
  { title: "DONE", key: "done", value: ({ progress }) => progress.done, show: doneText, align: "right" },
  { title: "WHEN", key: "startedAt", value: ({ startedAt }) => startedAt, show: whenText },
];

/** What the table leaves out, for spreadsheets and programs. */
const MORE: readonly Column<JobView>[] = [
  { title: "KIND", key: "kind", value: ({ kind }) => kind },
  { title: "TOTAL", key: "total", value: ({ progress }) => progress.total },
  { title: "UNIT", key: "unit", value: ({ progress }) => progress.unit },
  { title: "RATE", key: "perSecond", value: ({ perSecond }) => perSecond },
  { title: "LEFT", key: "leftMs", value: ({ leftMs }) => leftMs },
  { title: "FINISHED", key: "finishedAt", value: ({ finishedAt }) => finishedAt },
  { title: "BY", key: "by", value: ({ by }) => by },
  { title: "PROBLEM", key: "problem", value: ({ problem }) => problem },
];

async function list(context: Context, { last: limit, output, ...only }: ListOptions): Promise<void> {
  const { items, next } = await (await bookOf(context)).page({ ...only, limit });
  const columns = output === "table" ? COLUMNS : [...COLUMNS, ...MORE];
  print(printRows(items, columns, output, context.style));
  if (output !== "table") return;
  if (items.length === 0) note("There are no jobs. `rollcall import` and `rollcall export` make some.");
  if (next !== null) note(`There are older ones: --last shows more than ${count(limit)}.`);
  if (items.some(({ state }) => state === "failed")) note("`rollcall jobs show ID` tells why one has failed.");
}

function shortened(text: string): string {
  return text.length > TARGET_COLUMNS ? `${text.slice(0, TARGET_COLUMNS - 1)}…` : text;
}

/** "running 43 %"; "done, not kept" of an export whose content is gone. */
function stateText({ state, progress: { done, total }, export: made }: JobView): string {
  if (state === "done" && made !== null && made.expiresAt !== null && made.link === null) return "done, not kept";
  if (state !== "running" || total === null || total === 0) return state;
  return `running ${Math.floor((Math.min(done, total) * 100) / total)} %`;
}

/** Of an import the rows tell more than its bytes. */
function doneText({ progress: { done }, import: made }: JobView): string {
  return count(made?.stored ?? done);
}

/** "2m 5s left", or how long ago it ended or began. */
function whenText({ leftMs, finishedAt, startedAt, createdAt }: JobView): string {
  if (leftMs !== null) return `${duration(leftMs)} left`;
  const at = finishedAt ?? startedAt ?? createdAt;
  return at === null ? "–" : `${duration(Date.now() - Date.parse(at))} ago`;
}

function secondOf(moment: string): string {
  return instant(Math.floor(Date.parse(moment) / 1_000) * 1_000);
}

// ── show ────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function show(
  context: Context,
  id: string,
  { output, follow }: { readonly output: Format; readonly follow?: boolean },
): Promise<void> {
  const book = await bookOf(context);
  const job = follow === true ? await followed(book, id) : await found(book, id);
  if (output === "json") printJson(job);
  else print(jobText(job, context.style));
  if (follow === true && job.state !== "done") throw new CliError(EXIT.failed, `${id} has ended: ${job.state}.`);
}

async function followed(book: JobBook, id: string): Promise<JobView> {
  let job = await found(book, id);
  const bar = progressBar(plain(job.target));
  try {
    while (!isEnded(job.state)) {
      const { done, total, unit } = job.progress;
      bar.update({ fraction: total === null || total === 0 ? undefined : done / total, done, unit });
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      job = await looked(book, job);
    }
    return job;
  } finally {
    bar.end();
  }
}

/** A backfill that is over is in nobody's list any more. */
async function looked(book: JobBook, job: JobView): Promise<JobView> {
  try {
    return await book.job(job.id);
  } catch (error) {
    if (job.kind !== "backfill" || !(error instanceof NotPossible) || error.why !== "unknown") throw error;
    const now = new Date().toISOString();
    return { ...job, state: "done", leftMs: null, updatedAt: now, finishedAt: now };
  }
}

async function found(book: JobBook, id: string): Promise<JobView> {
  try {
    return await book.job(id);
  } catch (error) {
    if (!(error instanceof NotPossible) || error.why !== "unknown") throw error;
    throw new CliError(EXIT.usage, `There is no job "${plain(id)}". \`rollcall jobs\` lists those that are kept.`);
  }
}

function jobText(job: JobView, style: Style): string {
  const { id, kind, target, targetKind, progress, perSecond, startedAt, finishedAt, by, problem } = job;
  const line = (title: string, text: string): string => {
    const lines = wrap(text, Math.min(process.stdout.columns ?? 80, COLUMNS_MAX) - TITLE_COLUMNS);
    return `${style.dim(title.padEnd(TITLE_COLUMNS))}${lines.join(`\n${" ".repeat(TITLE_COLUMNS)}`)}`;
  };
  const { done, total, unit } = progress;
  const isBytes = unit === "bytes";
  const many = isBytes ? bytes : count;
  const of = `${total === null ? many(done) : `${many(done)} of ${many(total)}`}${isBytes ? "" : ` ${unit}`}`;
  const rate = perSecond > 0 ? `${style.dim(" · ")}${many(perSecond)}/s` : "";
  const took =
    startedAt === null || finishedAt === null ? "" : ` (${duration(Date.parse(finishedAt) - Date.parse(startedAt))})`;
  return [
    `${style.bold(plain(target))}  ${style.dim(`${kind} of a ${targetKind} · ${id}`)}`,
    line("state", `${stateText(job)}${job.leftMs === null ? "" : `, ${duration(job.leftMs)} left`}`),
    line("done", `${of}${rate}`),
    ...(startedAt === null ? [] : [line("started", secondOf(startedAt))]),
    ...(finishedAt === null ? [] : [line("ended", `${secondOf(finishedAt)}${took}`)]),
    ...(by === null ? [] : [line("by", plain(by))]),
    ...madeLines(job, line),
    ...(problem === null ? [] : [line("problem", plain(problem))]),
  ].join("\n");
}

function madeLines(job: JobView, line: (title: string, text: string) => string): readonly string[] {
  if (job.import !== null) {
    const { stored, refused, skipped } = job.import;
    const parts = [`${counted(stored, "row")} stored`, `${count(refused)} refused`];
    return [line("rows", [...parts, ...(skipped > 0 ? [`${count(skipped)} already in`] : [])].join(", "))];
  }
  if (job.export === null) return [];
  const { format, columns, rows, bytes: size, sha256, expiresAt, link } = job.export;
  return [
    line("content", `${format}, ${counted(rows, "row")}, ${bytes(size)}`),
    ...(columns.length === 0 ? [] : [line("columns", plain(columns.join(", ")))]),
    ...(sha256 === null ? [] : [line("sha256", sha256)]),
    ...(link === null ? [] : [line("get it", `GET ${link} until ${secondOf(expiresAt!)}`)]),
  ];
}

// ── cancel ──────────────────────────────────────────────────────────────────────────────────────────────────────────

async function cancel(context: Context, id: string): Promise<void> {
  const book = await bookOf(context);
  await found(book, id);
  const { kind, target, state } = await book.cancel(id);
  await context.audited({ what: "jobs.cancel", target: id, detail: { kind, of: target } });
  note(isEnded(state) ? `${id} has ended: ${state}.` : `${id} is told to end, and does so within seconds.`);
}
