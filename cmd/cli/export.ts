// rollcall export: all members of a segment, to a file or to stdout. It reads them by itself and nothing of it is kept on the
// server, but that it was done stands in the list of jobs and in the log of changes. What is written is lib/api/jobs/export-text.ts.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { open, rename, rm } from "node:fs/promises";
import { type Command, Option } from "commander";
import { columnsAsked, columnWords, type MemberPlace, memberPage, membersOf } from "../../lib/api/audience/members.ts";
import { type ExportText, exportTexts, PAGE_MEMBERS } from "../../lib/api/jobs/export-text.ts";
import { exportWish } from "../../lib/api/jobs/exporting.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { membersText } from "../../lib/cli/member-text.ts";
import { bytes as bytesText, duration } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { EXPORT_FORMATS, type ExportFormat, type ExportMade } from "../../lib/ports/jobs.ts";
import { type Context, connected } from "./context.ts";
import { note } from "./output.ts";
import { inJob, ownJob } from "./own-job.ts";
import { segmentNamed } from "./people.ts";

const PATIENCE_MS = 30_000;
/** What is over sooner needs no bar. */
const SHOWN_AFTER_MS = 1_000;

interface ExportOptions {
  readonly format: ExportFormat;
  readonly columns?: string;
  readonly out?: string;
}

export function addExport(program: Command): void {
  program
    .command("export")
    .description("all members of a segment, to a file or to stdout")
    .argument("<segment>")
    .addOption(new Option("--format <format>", "how to write them").choices(EXPORT_FORMATS).default("csv"))
    .option("--columns <columns>", "besides id, n and since: orders,lastSeen,trait:plan")
    .option("-o, --out <path>", "write to this file, once it is whole (default: stdout)")
    .addHelpText(
      "after",
      [
        "\nColumns: firstSeen, lastSeen, orders, revenue, visits, cart, account, lists, traits, and single traits as trait:NAME.",
        "Who is a member from the first moment to the last is in it once; who joins or leaves meanwhile may be.",
        "In CSV, text that a spreadsheet would take for a formula (it begins with = + - or @) has a ' before it.",
      ].join("\n"),
    )
    .action((segment: string, options: ExportOptions, command: Command) =>
      connected(command, (context) => exportOne(context, segment, options)),
    );
}

async function exportOne(context: Context, id: string, options: ExportOptions): Promise<void> {
  const { kind, state } = await segmentNamed(context, id);
  const columns = wordsOf(options.columns);
  if (state !== "live") throw new CliError(EXIT.usage, `${id} has no members: it is ${state}.`);
  const out = await targetOf(options.out);
  // Its content is whoever's at the command line: nothing of it is kept by the server.
  const wish = exportWish(id, kind, { format: options.format, columns, personal: true });
  const job = await ownJob(context, { ...wish, total: null });
  const bar = progressBar(id);
  const startedMs = performance.now();
  const hash = createHash("sha256");
  const made = { rows: 0, bytes: 0 };
  const write = async ({ text, rows, total }: ExportText): Promise<void> => {
    const content = Buffer.from(text);
    hash.update(content);
    Object.assign(made, { rows, bytes: made.bytes + content.length });
    await out.write(content);
    job?.progress(rows, { total });
    if (performance.now() - startedMs > SHOWN_AFTER_MS) {
      bar.update({ fraction: total === 0 ? undefined : rows / total, done: rows, unit: `${kind}s` });
    }
  };
  const work = async (): Promise<{ export: ExportMade }> => {
    const set = membersOf(kind, id);
    const ask = { order: "any", limit: PAGE_MEMBERS, ...columnsAsked(options.columns) } as const;
    const source = {
      page: (from: MemberPlace | undefined) => memberPage(context.questions, set, { ...ask, from }),
      signal: job?.signal ?? new AbortController().signal,
      patienceMs: PATIENCE_MS,
    };
    for await (const text of exportTexts(source, options.format, columns)) await write(text);
    await out.whole();
    return { export: { ...wish.export, ...made, sha256: hash.digest("hex") } };
  };
  try {
    await inJob(job, work, (told) => told);
  } catch (error) {
    await out.drop();
    throw error;
  } finally {
    bar.end();
  }
  const { rows, bytes } = made;
  await context.audited({ what: "exports.write", target: id, detail: { rows, bytes, columns: [...columns] } });
  const where = options.out === undefined ? "" : ` in ${options.out}`;
  note(`${membersText(rows, kind)}, ${bytesText(bytes)}${where} (${duration(performance.now() - startedMs)})`);
}

function wordsOf(columns: string | undefined): readonly string[] {
  try {
    columnsAsked(columns);
    return columnWords(columns);
  } catch (error) {
    throw new CliError(EXIT.usage, (error as Error).message.replace("query.columns", "--columns"));
  }
}

interface Target {
  write(content: Buffer): Promise<void>;
  /** All of it is where it belongs. */
  whole(): Promise<void>;
  /** Nothing of it is left. */
  drop(): Promise<void>;
}

const STDOUT: Target = {
  async write(content) {
    if (!process.stdout.write(content)) await once(process.stdout, "drain");
  },
  whole: async () => {},
  drop: async () => {},
};

/** A file has its name once it is whole; what breaks off leaves none behind that looks as if it were. */
async function targetOf(path: string | undefined): Promise<Target> {
  if (path === undefined) return STDOUT;
  const partial = `${path}.part`;
  const file = await open(partial, "w").catch((error: Error) => {
    throw new CliError(EXIT.usage, `${path} cannot be written: ${error.message}`);
  });
  return {
    write: (content) => file.writeFile(content),
    async whole() {
      await file.close();
      await rename(partial, path);
    },
    async drop() {
      await file.close();
      await rm(partial, { force: true });
    },
  };
}
