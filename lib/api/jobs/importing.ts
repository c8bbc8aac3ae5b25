// An import from its first byte to its last row, as the command line and HTTP do it: through the door, into the logs, with how
// far it is as a job that operators see. Reading and writing are lib/import.
import { decodeAccountMessage, decodeEvent } from "../../core/decode.ts";
import type { JsonObject, Limits } from "../../core/types.ts";
import { instantOf } from "../../enrich/clock-skew.ts";
import { enrich, type Tables } from "../../enrich/enrich.ts";
import type { LineSource } from "../../import/lines.ts";
import type { ImportLogs, LogLane } from "../../import/log-writer.ts";
import type { Mapping, RowKind } from "../../import/mapping.ts";
import { type FileFormat, type ImportResult, importLines, type RejectedRow } from "../../import/run.ts";
import type { JobWish, RunningJob, Told } from "./runner.ts";

export interface DoorSettings {
  readonly tables: Tables;
  /** Of the vocabulary. */
  readonly trustedSources: readonly string[];
  readonly keepIp: boolean;
}

export interface ImportAsk {
  readonly source: LineSource;
  readonly name: string;
  readonly format?: FileFormat;
  readonly mapping: Mapping | undefined;
  readonly mark: string;
  /** Leave out what an import of the same file that was stopped has stored. */
  readonly resume: boolean;
  /** Some of this very file is there already, and counts again: told before a row is read, where the logs end with it. */
  readonly onRepeat: () => void;
  readonly onReject: (row: RejectedRow) => void;
  readonly onProgress?: (bytesRead: number, stored: number) => void;
}

export interface ImportDesk {
  readonly logs: ImportLogs;
  readonly door: DoorSettings;
  readonly limits: Limits;
  readonly clock: "log" | "event";
}

export interface Imported extends ImportResult {
  readonly stored: number;
  /** Why the clocks of all partitions do not stand where the file ends, where they should. */
  readonly clocks: string | null;
}

/** As it is written down when it begins. */
export function importWish(file: string, bytesTotal: number | null): Omit<JobWish, "by"> {
  const nothingYet = { stored: 0, refused: 0, skipped: 0 };
  return { kind: "import", target: file, targetKind: "file", unit: "bytes", total: bytesTotal, import: nothingYet };
}

/** As it is written down at its end. */
export function importTold({ stored, rejected: refused, skipped, clocks }: Imported): Told {
  return { import: { stored, refused, skipped }, problem: clocks };
}

/**
 * Throws what stopped it, such as ImportStopped. `job` is told how far it is, also of what was stored before it stopped, and
 * ends it by its signal; undefined where the data set keeps no jobs.
 */
export async function importInto(desk: ImportDesk, ask: ImportAsk, job: RunningJob | undefined): Promise<Imported> {
  const { logs, limits, clock } = desk;
  const { source, name, mapping, mark, resume } = ask;
  const storedBefore = resume ? await logs.storedUpTo(mark, job?.signal) : new Map<LogLane, number>();
  if (!resume && (await logs.endWith(mark))) ask.onRepeat();
  const writer = logs.writer(mark);
  const counts = { refused: 0, skipped: 0 };
  const tell = (): void => {
    ask.onProgress?.(source.bytesRead(), writer.stored);
    job?.progress(source.bytesRead(), { import: { stored: writer.stored, ...counts } });
  };
  try {
    const result = await importLines({
      source,
      name,
      ...(ask.format === undefined ? {} : { format: ask.format }),
      mapping,
      partitions: logs.partitions,
      clock,
      storedUpTo: storedBefore,
      enrich: throughDoor(desk.door),
      write: (partition, line, body, kind) => writer.add(partition, line, body, kind),
      refusal: (body, kind) => refusalOf(body, kind, limits),
      onReject: (row) => {
        counts.refused += 1;
        ask.onReject(row);
      },
      onProgress: tell,
      ...(job === undefined ? {} : { signal: job.signal }),
    });
    counts.skipped = result.skipped;
    await writer.flush();
    const clocks = clock === "event" ? await clocksMoved(logs, result.lastTime) : null;
    return { ...result, stored: writer.stored, clocks };
  } finally {
    // What is under way when it breaks off is stored or not by the time that anybody is told, and may resume.
    await writer.stop();
    tell();
  }
}

/** Whoever may import is trusted as the vocabulary says of `import`. When a line was received, only it can say. */
function throughDoor({ tables, trustedSources, keepIp }: DoorSettings): (message: JsonObject) => JsonObject {
  return (message) =>
    enrich(message, { tables, trustedSources, keepIp, source: "import", receivedAt: instantOf(message.receivedAt) });
}

/** What the engine would refuse is refused here, where the line number is known. */
function refusalOf(body: Uint8Array, kind: RowKind, limits: Limits): string | undefined {
  const decoded = kind === "event" ? decodeEvent(body, limits) : decodeAccountMessage(body, limits);
  return decoded.ok ? undefined : `${decoded.reason}: ${decoded.detail}`;
}

/** All rows are in by now; who may not move clocks has that to say, and no more. */
async function clocksMoved(logs: ImportLogs, to: number | undefined): Promise<string | null> {
  if (to === undefined) return null;
  try {
    await logs.moveClocks(to);
    return null;
  } catch (error) {
    const remedy = "they move with the next events of each partition";
    return `All rows are stored, but the clocks could not be moved to the file's end (${(error as Error).message}); ${remedy}.`;
  }
}
