// A file's lines, streaming, gzip or not, with their numbers. First of the importer's stages; rows.ts is the next.
// Nothing in a file is fatal: a cut-off archive or an endless line becomes a value that says so.
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

export interface LineSource {
  /** Lines in order, in the chunks in which they were read. */
  readonly chunks: AsyncIterable<readonly Line[]>;
  /** Bytes of the file read so far, compressed as they lie there. */
  bytesRead(): number;
  /** Null: nobody knows. */
  readonly bytesTotal: number | null;
}

export interface Line {
  /** 1, 2, 3 … as an editor shows it. */
  readonly line: number;
  readonly text: string;
  /** Set when the line could not be read whole; `text` then holds what there is of it. */
  readonly trouble?: string;
}

export const LINE_BYTES_MAX = 1_048_576;
const NEWLINE = 0x0a;
const GZIP_MAGIC = [0x1f, 0x8b];

export async function openLines(path: string): Promise<LineSource> {
  const { size } = await stat(path);
  return linesOf(createReadStream(path, { highWaterMark: 256 * 1024 }), size);
}

/** Of bytes that come from anywhere. Whether they are packed is seen by their beginning. */
export function linesOf(bytes: AsyncIterable<Buffer>, bytesTotal: number | null): LineSource {
  let read = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of bytes) {
      read += chunk.length;
      yield chunk;
    }
  };
  return { chunks: splitLines(unpacked(counted())), bytesRead: () => read, bytesTotal };
}

async function* unpacked(bytes: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const head = await beginning(bytes, GZIP_MAGIC.length);
  const all = joined(head, bytes);
  yield* GZIP_MAGIC.every((byte, index) => head[index] === byte) ? unzipped(Readable.from(all)) : all;
}

/** At least so many bytes, unless there are no more. */
export async function beginning(bytes: AsyncIterator<Buffer>, atLeast: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let length = 0; length < atLeast; length += parts.at(-1)!.length) {
    const { done, value } = await bytes.next();
    if (done === true) break;
    parts.push(value);
  }
  return Buffer.concat(parts);
}

export async function* joined(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

class TruncatedArchive extends Error {}

/** Gives all that can be unpacked of a damaged archive before it says that there should have been more. */
async function* unzipped(file: Readable): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  file.on("error", (error) => gunzip.destroy(error));
  try {
    for await (const chunk of file.pipe(gunzip)) yield chunk as Buffer;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (!code.startsWith("Z_")) throw error;
    throw new TruncatedArchive(`the archive is damaged or cut off here (${(error as Error).message})`);
  } finally {
    file.destroy();
  }
}

/** Lines of bytes that come from anywhere, as they come. */
export async function* splitLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<readonly Line[]> {
  let line = 0;
  let rest: Buffer = Buffer.alloc(0);
  // While set, the line under way was too long and is skipped up to its end.
  let skipping = false;
  const finished = (block: Buffer): Line[] => {
    const lines: Line[] = [];
    for (const read of readLines(block)) {
      line += 1;
      if (!skipping) lines.push({ line, ...read, text: plain(read.text, line) });
      skipping = false;
    }
    return lines;
  };
  try {
    for await (const chunk of bytes) {
      const end = chunk.lastIndexOf(NEWLINE);
      const lines = end < 0 ? [] : finished(Buffer.concat([rest, chunk.subarray(0, end)]));
      rest = end < 0 ? Buffer.concat([rest, chunk]) : chunk.subarray(end + 1);
      if (rest.length > LINE_BYTES_MAX) {
        if (!skipping) lines.push({ line: line + 1, text: rest.toString("utf8", 0, 200), trouble: tooLong });
        skipping = true;
        rest = Buffer.alloc(0);
      }
      if (lines.length > 0) yield lines;
    }
    if (rest.length > 0) yield finished(rest);
  } catch (error) {
    if (!(error instanceof TruncatedArchive)) throw error;
    yield [{ line: line + 1, text: rest.toString(), trouble: error.message }];
  }
}

type ReadLine = Pick<Line, "text" | "trouble">;

/** Whole lines. In another encoding different people would become one, so a line that is no UTF-8 says so. */
function readLines(block: Buffer): readonly ReadLine[] {
  if (isUtf8(block)) {
    return block
      .toString()
      .split("\n")
      .map((text) => ({ text }));
  }
  const lines: ReadLine[] = [];
  for (let from = 0; from <= block.length; ) {
    const found = block.indexOf(NEWLINE, from);
    const own = block.subarray(from, found < 0 ? block.length : found);
    lines.push(isUtf8(own) ? { text: own.toString() } : { text: own.toString(), trouble: notUtf8 });
    from += own.length + 1;
  }
  return lines;
}

/** Without the mark that some programs begin a file with, and without the return before the newline. */
function plain(text: string, line: number): string {
  const from = line === 1 && text.startsWith("\uFEFF") ? 1 : 0;
  return text.slice(from, text.endsWith("\r") ? -1 : undefined);
}

const tooLong = `the line is longer than ${LINE_BYTES_MAX.toLocaleString("en")} bytes`;
const notUtf8 = "the line is not UTF-8; store the file in that encoding";
