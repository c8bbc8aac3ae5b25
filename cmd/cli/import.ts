// rollcall import: files of the past, CSV or NDJSON, into the partitions' logs.
// Reading and writing are lib/import; this file finds the mapping, warns, shows how far it is and what was refused.

import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Command } from "commander";
import { addFlags } from "../../config/flags.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { count, counted, duration, instant } from "../../lib/cli/numbers.ts";
import { type ProgressBar, progressBar } from "../../lib/cli/progress.ts";
import { plain, styleFor } from "../../lib/cli/style.ts";
import { decodeAccountMessage, decodeEvent } from "../../lib/core/decode.ts";
import type { JsonObject, Limits, PartitionNo } from "../../lib/core/types.ts";
import { instantOf } from "../../lib/enrich/clock-skew.ts";
import { enrich, openTables } from "../../lib/enrich/enrich.ts";
import { accountsMapping } from "../../lib/import/account-rows.ts";
import { type FoundMapping, findMapping, namedMapping } from "../../lib/import/find-mapping.ts";
import { type LogLane, LogWriter, laneOf, MARK_HEADER, moveClocks } from "../../lib/import/log-writer.ts";
import type { Mapping, RowKind } from "../../lib/import/mapping.ts";
import { formatOf, type ImportResult, importFile, markOf, type RejectedRow } from "../../lib/import/run.ts";
import { CELL_TYPES, type CellType } from "../../lib/import/values.ts";
import { ApiError, api } from "../../lib/nats/wire.ts";
import { typeOption } from "./column-types.ts";
import { type Context, connected } from "./context.ts";
import { DOOR_OPTIONS } from "./enrich.ts";
import { note, print } from "./output.ts";
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
        const door = await doorOf(context);
        for (const file of files) await importOne(context, door, file, flags);
      }),
    );
}

type Door = (message: JsonObject) => JsonObject;

/** Whoever may import is trusted as the vocabulary says of `import`. When a line was received, only it can say. */
async function doorOf(context: Context): Promise<Door> {
  const tables = openTables(context.config);
  const { trustedSources } = (await context.catalogue()).state.vocabulary;
  const { keepIp } = context.config;
  return (message) =>
    enrich(message, { tables, trustedSources, keepIp, source: "import", receivedAt: instantOf(message.receivedAt) });
}

async function importOne(context: Context, door: Door, path: string, flags: ImportFlags): Promise<void> {
  await assertReadable(path);
  const found = await mappingFor(path, flags);
  const { nc, names, partitions, clock } = context;
  const mark = await markOf(path);
  const storedBefore = await storedUpTo(context, mark);
  warnOfRepeat(path, storedBefore, flags);
  const writer = new LogWriter({ nc, names, partitions, mark });
  const bar = progressBar(basename(path));
  const rejects = new Rejects(bar, flags.rejects);
  const startedMs = performance.now();
  try {
    const result = await importFile({
      path,
      mapping: found?.mapping,
      partitions,
      clock,
      storedUpTo: flags.resume === true ? storedBefore : new Map(),
      enrich: door,
      write: (partition, line, body, kind) => writer.add(partition, line, body, kind),
      refusal: (body, kind) => refusalOf(body, kind, context.config.limits),
      onReject: (row) => rejects.add(row),
      onProgress: ({ bytesRead, bytesTotal }) =>
        bar.update({ fraction: bytesRead / Math.max(1, bytesTotal), done: writer.stored, unit: "rows stored" }),
    });
    await writer.flush();
    if (clock === "event" && result.lastTime !== undefined)
      await moveClocks({ nc, names, partitions }, result.lastTime);
    bar.end();
    if (writer.stored > 0) {
      await context.audited({ what: "events.import", target: basename(path), detail: { events: writer.stored } });
    }
    tell(path, found, result, writer.stored, performance.now() - startedMs, clock);
  } finally {
    bar.end();
    await rejects.close();
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

/** What the engine would refuse is refused here, where the line number is known. */
function refusalOf(body: Uint8Array, kind: RowKind, limits: Limits): string | undefined {
  const decoded = kind === "event" ? decodeEvent(body, limits) : decodeAccountMessage(body, limits);
  return decoded.ok ? undefined : `${decoded.reason}: ${decoded.detail}`;
}

/** Of each log the last line of this very file that it holds, of users and of accounts, when nothing came after it. */
async function storedUpTo({ nc, names, partitions }: Context, mark: string): Promise<Map<LogLane, number>> {
  const lines = new Map<LogLane, number>();
  const ask = async (partition: PartitionNo, kind: RowKind): Promise<void> => {
    const found = await lastHeader(nc, names.eventsStream(partition), names.logSubject(partition, kind));
    const [foundMark, line] = found?.split(" ") ?? [];
    if (foundMark === mark) lines.set(laneOf(partition, kind), Number(line));
  };
  const all = Array.from({ length: partitions }, (_, partition) => [
    ask(partition, "event"),
    ask(partition, "account"),
  ]);
  await Promise.all(all.flat());
  return lines;
}

const NOT_FOUND = 10037;

async function lastHeader(nc: Context["nc"], stream: string, subject: string): Promise<string | undefined> {
  try {
    const { message } = await api<{ message: { hdrs?: string } }>(nc, `STREAM.MSG.GET.${stream}`, {
      last_by_subj: subject,
    });
    const text = Buffer.from(message.hdrs ?? "", "base64").toString("latin1");
    return new RegExp(`^${MARK_HEADER}: ?(.*)$`, "im").exec(text)?.[1]?.trim();
  } catch (error) {
    if (error instanceof ApiError && error.errCode === NOT_FOUND) return undefined;
    throw error;
  }
}

function warnOfRepeat(path: string, stored: ReadonlyMap<LogLane, number>, flags: ImportFlags): void {
  if (stored.size === 0 || flags.resume === true) return;
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
  result: ImportResult,
  stored: number,
  elapsedMs: number,
  clock: "log" | "event",
): void {
  const { bold, dim, yellow } = styleFor(process.stdout);
  const rate = count(Math.round(stored / Math.max(0.001, elapsedMs / 1_000)));
  const refused = `${count(result.rejected)} refused`;
  const parts = [
    `${counted(stored, "row")} stored`,
    result.rejected > 0 ? yellow(refused) : refused,
    ...(result.skipped > 0 ? [`${count(result.skipped)} already in`] : []),
  ];
  print(`${bold(basename(path))}: ${parts.join(", ")} ${dim(`(${duration(elapsedMs)}, ${rate}/s)`)}`);
  if (found?.path !== undefined) print(dim(`  mapped by ${found.path}`));
  if (result.firstTime === undefined || result.lastTime === undefined) return;
  const span = `  events from ${instant(result.firstTime)} to ${instant(result.lastTime)}`;
  print(
    dim(
      clock === "event" ? `${span}; every clock stands there now` : `${span}; counted at their own time, announced now`,
    ),
  );
}
