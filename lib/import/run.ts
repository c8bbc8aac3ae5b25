// One import from beginning to end: lines → rows → messages → logs, with what went wrong on the way.
// Used by lib/api/jobs/importing.ts, for the command line and for HTTP.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { encodeId, fnv1a } from "../core/ids.ts";
import type { JsonObject, MemberId, Millis, PartitionNo } from "../core/types.ts";
import { dateReader } from "./dates.ts";
import { type LineSource, openLines } from "./lines.ts";
import { type LogLane, laneOf } from "./log-writer.ts";
import type { Mapped, Mapping, RowKind, RowReader } from "./mapping.ts";
import { csvRows, ndjsonRows, type Row } from "./rows.ts";

export interface ImportOptions {
  readonly source: LineSource;
  /** Of the file; where nothing else says so, its ending tells the format. */
  readonly name: string;
  readonly format?: FileFormat;
  /** Undefined: the file's lines are Segment-spec messages as they are (NDJSON). */
  readonly mapping: Mapping | undefined;
  readonly partitions: number;
  /** With "event" every row needs a time, and the file's last time is told. */
  readonly clock: "log" | "event";
  /** Last line that each log already holds of this file, of users and of accounts, when an import is resumed. */
  readonly storedUpTo: ReadonlyMap<LogLane, number>;
  /** What the door writes into each message before it is checked and stored. */
  readonly enrich: (message: JsonObject) => JsonObject;
  readonly write: (partition: PartitionNo, line: number, body: Uint8Array, kind: RowKind) => Promise<void>;
  /** Why the engine would refuse the message, if it would. */
  readonly refusal: (body: Uint8Array, kind: RowKind) => string | undefined;
  readonly onReject: (reject: RejectedRow) => void;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly signal?: AbortSignal;
}

export interface RejectedRow {
  readonly line: number;
  readonly reason: string;
  readonly raw: string;
}

export interface ImportProgress {
  readonly rows: number;
  readonly bytesRead: number;
  readonly bytesTotal: number | null;
}

export interface ImportResult {
  /** Rows handed to `write`. */
  readonly accepted: number;
  readonly rejected: number;
  /** Rows that an earlier import had stored. */
  readonly skipped: number;
  readonly firstTime: Millis | undefined;
  readonly lastTime: Millis | undefined;
}

const readIso = dateReader("iso");

type Reader = (cells: never, line: number) => Mapped;

export type FileFormat = "csv" | "ndjson";

export async function importFile(
  options: Omit<ImportOptions, "source" | "name"> & { readonly path: string },
): Promise<ImportResult> {
  return importLines({ ...options, name: options.path, source: await openLines(options.path) });
}

export async function importLines(options: ImportOptions): Promise<ImportResult> {
  const { source } = options;
  let read: Reader = (cells: JsonObject) => envelope(options.enrich(cells));
  const chunks = rowsOf(source, options, (reader) => {
    read = reader;
  });
  const result = { accepted: 0, rejected: 0, skipped: 0, firstTime: undefined, lastTime: undefined } as Counting;
  for await (const rows of chunks) {
    for (const row of rows) {
      options.signal?.throwIfAborted();
      await take(row, read, options, result);
    }
    const done = result.accepted + result.rejected + result.skipped;
    options.onProgress({ rows: done, bytesRead: source.bytesRead(), bytesTotal: source.bytesTotal });
  }
  return result;
}

type Counting = { -readonly [K in keyof ImportResult]: ImportResult[K] };

async function take(row: Row, read: Reader, options: ImportOptions, result: Counting): Promise<void> {
  const reject = (reason: string): void => {
    result.rejected += 1;
    options.onReject({ line: row.line, reason, raw: row.raw });
  };
  if (!row.ok) return reject(row.reason);
  const message = read(row.cells as never, row.line);
  if (!message.ok) return reject(message.reason);
  const { kind, time } = message;
  if (time === undefined && options.clock === "event")
    return reject("no time, and this data set's clock is the events' own");
  const token = tokenOf(message.id);
  if (token === undefined) return reject(`the ${kind === "event" ? "user" : "account"} id is not valid Unicode text`);
  const body = Buffer.from(JSON.stringify(message.event));
  const refusal = options.refusal(body, kind);
  if (refusal !== undefined) return reject(refusal);
  if (time !== undefined) {
    result.firstTime = Math.min(result.firstTime ?? time, time);
    result.lastTime = Math.max(result.lastTime ?? time, time);
  }
  const partition = fnv1a(token) % options.partitions;
  if (row.line <= (options.storedUpTo.get(laneOf(partition, kind)) ?? 0)) {
    result.skipped += 1;
    return;
  }
  result.accepted += 1;
  await options.write(partition, row.line, body, kind);
}

function rowsOf(
  source: LineSource,
  options: ImportOptions,
  use: (reader: Reader) => void,
): AsyncIterable<readonly Row[]> {
  const { mapping, name, format = formatOf(mapping, name) } = options;
  if (format === "ndjson") {
    if (mapping !== undefined) use(mapped(mapping.reader(undefined), options));
    return ndjsonRows(source.chunks);
  }
  if (mapping === undefined) throw new Error(`${name}: a CSV file needs a mapping; see --map`);
  const csv = { delimiter: mapping.delimiter, ...(mapping.header === undefined ? {} : { header: mapping.header }) };
  return csvRows(source.chunks, csv, (names) => use(mapped(mapping.reader(names), options)));
}

/** The time of a row is the mapping's: nobody knows when it was sent, so enriching leaves it as it is. */
function mapped(read: RowReader, { enrich }: ImportOptions): RowReader {
  return (cells, line) => {
    const row = read(cells, line);
    return row.ok ? { ...row, event: enrich(row.event) } : row;
  };
}

export function formatOf(mapping: Mapping | undefined, path: string): FileFormat {
  return mapping?.format ?? (/\.(ndjson|jsonl|json)(\.gz)?$/i.test(path) ? "ndjson" : "csv");
}

/** A line that is a message already says itself who it was and when; one with a group and nobody in it is the account's. */
function envelope(cells: JsonObject): Mapped {
  const { userId, anonymousId, groupId, timestamp } = cells;
  const user = textOf(userId) ?? textOf(anonymousId);
  const id = user ?? textOf(groupId);
  if (id === undefined) return { ok: false, reason: "no userId, no anonymousId and no groupId" };
  const time = timestamp === undefined || timestamp === null ? undefined : readIso(String(timestamp));
  if (time === undefined && timestamp !== undefined && timestamp !== null)
    return { ok: false, reason: `timestamp ${JSON.stringify(timestamp)} is not a date` };
  return { ok: true, kind: user === undefined ? "account" : "event", id, time, event: cells };
}

function textOf(value: unknown): MemberId | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Undefined: a lone surrogate, which has no UTF-8. */
function tokenOf(id: MemberId): string | undefined {
  try {
    return encodeId(id);
  } catch {
    return undefined;
  }
}

export const MARK_BYTES = 65_536;

/** Tells a file from others by its size and its beginning; short enough to stand in a header. */
export async function markOf(path: string): Promise<string> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MARK_BYTES), 0, MARK_BYTES, 0);
    return markOfBeginning(size, buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

/** Of the first MARK_BYTES of it; a size that nobody knows is one, too. */
export function markOfBeginning(size: number | null, beginning: Buffer): string {
  const hash = createHash("sha256").update(`${size ?? "unknown"}\n`);
  return hash.update(beginning.subarray(0, MARK_BYTES)).digest("hex").slice(0, 16);
}
