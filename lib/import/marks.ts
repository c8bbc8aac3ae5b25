// How far an import of a file has come in one log: the mark of its last message there. Live events and other imports may have
// come after it, so the log is read from its end backwards, headers alone, until the mark is found or the log begins.
// Used by log-writer.ts, which writes the marks.
import type { NatsConnection } from "@nats-io/transport-node";
import { StreamReader } from "../nats/stream-reader.ts";
import { headerOf, storedMessage, streamState } from "../nats/wire.ts";

export const MARK_HEADER = "Rollcall-Import";
/** Messages of the first piece; each further one is so many times as large. */
const PIECE_FIRST = 20_000;
const PIECE_GROWTH = 4;
const UNDER_WAY_MAX = 5_000;
const SILENCE_MS_MAX = 30_000;

export interface MarkedLog {
  readonly nc: NatsConnection;
  readonly stream: string;
  readonly subject: string;
}

export function markOfLine(mark: string, line: number): string {
  return `${mark} ${line}`;
}

function lineOf(mark: string, header: string | undefined): number | undefined {
  const [found, line] = header?.split(" ") ?? [];
  return found === mark ? Number(line) : undefined;
}

/** Undefined: there is none at the end of the log, but perhaps further back. */
export async function lineAtEnd({ nc, stream, subject }: MarkedLog, mark: string): Promise<number | undefined> {
  const newest = await storedMessage(nc, stream, { last_by_subj: subject });
  return newest === undefined ? undefined : lineOf(mark, headerOf(newest, MARK_HEADER));
}

/** Undefined: the log holds none. Throws where it cannot be read to its beginning. */
export async function lastLineOf(log: MarkedLog, mark: string, signal?: AbortSignal): Promise<number | undefined> {
  const newest = await storedMessage(log.nc, log.stream, { last_by_subj: log.subject });
  if (newest === undefined) return undefined;
  const { first } = await streamState(log.nc, log.stream);
  let to = newest.seq;
  for (let size = PIECE_FIRST; to >= first; size *= PIECE_GROWTH) {
    const from = Math.max(first, to - size + 1);
    const line = await lastLineWithin(log, mark, { from, to }, signal);
    if (line !== undefined) return line;
    to = from - 1;
  }
  return undefined;
}

/** There is a message at `to` or after it. */
function lastLineWithin(
  { nc, stream, subject }: MarkedLog,
  mark: string,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    let reached = from - 1;
    let line: number | undefined;
    const end = (run: () => void): void => {
      clearTimeout(silence);
      signal?.removeEventListener("abort", abort);
      reader.stop();
      run();
    };
    const abort = (): void => end(() => reject(signal!.reason as Error));
    const silence = setTimeout(() => {
      const why = `the stream ${stream} could not be read`;
      end(() =>
        reject(new Error(`What is stored of this file already cannot be told: ${why}. Nothing was stored now.`)),
      );
    }, SILENCE_MS_MAX);
    const reader = new StreamReader({
      nc,
      stream,
      filters: [subject],
      headersOnly: true,
      next: () => reached + 1,
      room: () => UNDER_WAY_MAX,
      onMessage: (message, { seq, pending }) => {
        if (seq <= reached) return;
        reached = seq;
        silence.refresh();
        if (seq <= to) line = lineOf(mark, message.headers?.get(MARK_HEADER)) ?? line;
        if (seq >= to || pending === 0) end(() => resolve(line));
      },
      onFault: (error) => end(() => reject(error)),
    });
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
  });
}
