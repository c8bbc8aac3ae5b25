// rollcall import: files of the past, CSV or NDJSON, into the partitions' logs.
// Reading and writing are lib/import; this file finds the mapping, warns, shows how far it is and what was refused.

import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Command } from "commander";
import { addFlags } from "../../config/flags.ts";
import { type ImportDesk, type Imported, importInto, importTold, importWish } from "../../lib/api/jobs/importing.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { count, counted, duration, instant } from "../../lib/cli/numbers.ts";
import { type ProgressBar, progressBar } from "../../lib/cli/progress.ts";
import { plain, styleFor } from "../../lib/cli/style.ts";
import { openTables } from "../../lib/enrich/enrich.ts";
import { accountsMapping } from "../../lib/import/account-rows.ts";
import { type FoundMapping, findMapping, namedMapping } from "../../lib/import/find-mapping.ts";
import { openLines } from "../../lib/import/lines.ts";
import { NatsImportLogs } from "../../lib/import/log-writer.ts";
import type { Mapping } from "../../lib/import/mapping.ts";
import { formatOf, markOf, type RejectedRow } from "../../lib/import/run.ts";
import { CELL_TYPES, type CellType } from "../../lib/import/values.ts";
import { typeOption } from "./column-types.ts";
import { type Context, connected } from "./context.ts";
import { DOOR_OPTIONS } from "./enrich.ts";
import { note, print } from "./output.ts";
import { inJob, ownJob } from "./own-job.ts";
import { packageDir } from "./package-dir.ts";

const REJECTS_SHOWN = 20;

interface ImportFlags {
  readonly map?: string;
  readonly rejects?: string;
  readonly resume?: boolean;
  readonly accounts?: boolean;
  readonly id?: string;
  readonly type: ReadonlyMap<string, CellType>;
}

const ID_DEFAULT = "id";

export function addImport(program: Command): void {
  addFlags(program.command("import"), DOOR_OPTIONS)
    .description("bring in events, or accounts, from files: CSV or NDJSON, .gz too")
    .argument("<files...>")
    .option("--map <path>", "mapping of columns (default: the one in an examples folder whose `files` fits the name)")
    .option("--rejects <path>", "write every refused row, with line number and reason, to this file (NDJSON)")
    .option("--accounts", "the rows are accounts: one column is the id, the others are traits; no mapping is needed")
    .option("--id <column>", `with --accounts: the column or key of the account's id (default: ${ID_DEFAULT})`)
    .addOption(typeOption(CELL_TYPES, "others are text").conflicts("map"))
    .option("--resume", "leave out what an import of the same file that was stopped has stored already")
    .addHelpText(
      "after",
      [
        "\nA mapping is a small YAML file; examples/rees46.map.yaml is one. NDJSON without a mapping is taken as Segment-spec messages.",
        "Accounts need none: import accounts.csv --accounts --type seats=number. Each row is said of the account as a group call says it.",
        "From `ip` and `userAgent` of a mapping, or of a message's context, the place and the device are written into the event.",
        "A row that is refused is told and counted, and the others go in: the exit code is 0 all the same. --rejects FILE holds what was refused.",
      ].join("\n"),
    )
    .action((files: string[], flags: ImportFlags, command: Command) =>
      connected(command, async (context) => {
        const desk = await deskOf(context);
        for (const file of files) await importOne(context, desk, file, flags);
      }),
    );
}

/** Whoever may import is trusted as the vocabulary says of `import`. */
async function deskOf(context: Context): Promise<ImportDesk> {
  const { config, nc, names, partitions, clock } = context;
  const { trustedSources } = (await context.catalogue()).state.vocabulary;
  return {
    logs: new NatsImportLogs(nc, names, partitions),
    door: { tables: openTables(config), trustedSources, keepIp: config.keepIp },
    limits: config.limits,
    clock,
  };
}

async function importOne(context: Context, desk: ImportDesk, path: string, flags: ImportFlags): Promise<void> {
  await assertReadable(path);
  const found = await mappingFor(path, flags);
  const { resume = false } = flags;
  const mark = await markOf(path);
  const name = basename(path);
  const source = await openLines(path);
  const bar = progressBar(name);
  const rejects = new Rejects(bar, flags.rejects);
  const job = await ownJob(context, importWish(name, source.bytesTotal));
  const startedMs = performance.now();
  let stored = 0;
  try {
    const work = (): Promise<Imported> =>
      importInto(
        desk,
        {
          source,
          name: path,
          mapping: found?.mapping,
          mark,
          resume,
          onRepeat: () => warnOfRepeat(path),
          onReject: (row) => rejects.add(row),
          onProgress: (bytesRead, rows) => {
            stored = rows;
            bar.update({ fraction: bytesRead / Math.max(1, source.bytesTotal ?? 0), done: rows, unit: "rows stored" });
          },
        },
        job,
      );
    const result = await inJob(job, work, importTold, " --resume goes on where it stopped.");
    bar.end();
    tell(path, found, result, performance.now() - startedMs, desk.clock);
  } finally {
    bar.end();
    await rejects.close();
    // What is in stays in, whatever came after it.
    if (stored > 0) await context.audited({ what: "events.import", target: name, detail: { events: stored } });
  }
}

async function assertReadable(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true) return;
  throw new CliError(EXIT.usage, `${path}: there is no such file`);
}

interface UsedMapping {
  readonly mapping: Mapping;
  /** Absent: none was needed. */
  readonly path?: string;
}

async function mappingFor(path: string, flags: ImportFlags): Promise<UsedMapping | undefined> {
  const { map, accounts, id, type } = flags;
  if (accounts !== true && (id !== undefined || type.size > 0))
    throw new CliError(EXIT.usage, "--id and --type say what the columns of accounts are; add --accounts.");
  if (accounts !== true) return usersMappingFor(path, map);
  if (map === undefined) return { mapping: accountsMapping(path, { id: id ?? ID_DEFAULT, types: type }) };
  if (id !== undefined || type.size > 0)
    throw new CliError(EXIT.usage, "A mapping says which columns there are; leave out --id and --type, or --map.");
  const named = await namedMapping(map);
  if (named.mapping.about === "accounts") return named;
  throw new CliError(
    EXIT.usage,
    `${map} maps rows of users. Leave out --accounts to import those, or write \`groupId:\` in place of \`user:\`.`,
  );
}

async function usersMappingFor(path: string, named: string | undefined): Promise<FoundMapping | undefined> {
  if (named !== undefined) return namedMapping(named);
  const found = await findMapping(path, packageDir());
  if (found !== undefined || formatOf(undefined, path) === "ndjson") return found;
  throw new CliError(
    EXIT.usage,
    `No mapping says what the columns of ${basename(path)} mean. Write one (examples/rees46.map.yaml shows how) and name it with --map,\nor put it in examples/ with a \`files:\` pattern that fits the name. Where the rows are accounts, say --accounts.`,
  );
}

function warnOfRepeat(path: string): void {
  const { yellow } = styleFor(process.stderr);
  note(
    yellow(
      `warning: ${basename(path)} has been imported into this data set before, at least in part. Every row counts again; --resume leaves out what is in.`,
    ),
  );
}

/** Shows the first few, counts all, writes all to a file where one is named. */
class Rejects {
  private total = 0;
  private readonly bar: ProgressBar;
  private readonly file: WriteStream | undefined;

  constructor(bar: ProgressBar, path: string | undefined) {
    this.bar = bar;
    this.file = path === undefined ? undefined : createWriteStream(path);
  }

  add(row: RejectedRow): void {
    this.total += 1;
    const { yellow } = styleFor(process.stderr);
    if (this.total <= REJECTS_SHOWN) this.bar.line(`${yellow(`line ${row.line}`)}: ${plain(row.reason)}`);
    if (this.total === REJECTS_SHOWN + 1)
      this.bar.line("… more refused rows are counted; --rejects FILE writes them all");
    this.file?.write(`${JSON.stringify(row)}\n`);
  }

  async close(): Promise<void> {
    if (this.file === undefined) return;
    this.file.end();
    await once(this.file, "close");
  }
}

function tell(
  path: string,
  found: UsedMapping | undefined,
  result: Imported,
  elapsedMs: number,
  clock: "log" | "event",
): void {
  const { bold, dim, yellow } = styleFor(process.stdout);
  const { stored } = result;
  const rate = count(Math.round(stored / Math.max(0.001, elapsedMs / 1_000)));
  const refused = `${count(result.rejected)} refused`;
  const parts = [
    `${counted(stored, "row")} stored`,
    result.rejected > 0 ? yellow(refused) : refused,
    ...(result.skipped > 0 ? [`${count(result.skipped)} already in`] : []),
  ];
  print(`${bold(basename(path))}: ${parts.join(", ")} ${dim(`(${duration(elapsedMs)}, ${rate}/s)`)}`);
  if (result.clocks !== null) note(yellow(result.clocks));
  if (found?.path !== undefined) print(dim(`  mapped by ${found.path}`));
  if (result.firstTime === undefined || result.lastTime === undefined) return;
  const span = `  events from ${instant(result.firstTime)} to ${instant(result.lastTime)}`;
  print(
    dim(
      clock === "event" ? `${span}; every clock stands there now` : `${span}; counted at their own time, announced now`,
    ),
  );
}
