// The content of an export on its way into the store, in pieces, and out of it again; bounded, summed up, and patient with a
// store that does not answer at once.
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExportFiles } from "../../ports/jobs.ts";
import { JobEnded } from "./runner.ts";

const PATIENCE_MS = 60_000;
const PAUSE_MS = 500;

export interface ContentMade {
  readonly bytes: number;
  readonly sha256: string;
  readonly chunks: number;
}

export class ContentWriter {
  private readonly files: ExportFiles;
  private readonly id: string;
  private readonly bytesMax: number;
  private readonly signal: AbortSignal;
  private readonly hash = createHash("sha256");
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private chunks = 0;
  bytes = 0;

  constructor(files: ExportFiles, id: string, bytesMax: number, signal: AbortSignal) {
    this.files = files;
    this.id = id;
    this.bytesMax = bytesMax;
    this.signal = signal;
  }

  async add(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    this.bytes += bytes.length;
    if (this.bytes > this.bytesMax) {
      const remedy = "Ask for fewer columns, or for a segment that is smaller; the option exportBytesMax is the bound";
      throw new JobEnded("failed", `It would be larger than ${this.bytesMax} bytes. ${remedy}.`);
    }
    this.hash.update(bytes);
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (this.waitingBytes >= this.files.chunkBytesMax) await this.send(false);
  }

  /** All of it is stored. One piece there is always, so that none tells that it is kept no more. */
  async end(): Promise<ContentMade> {
    await this.send(true);
    return { bytes: this.bytes, sha256: this.hash.digest("hex"), chunks: this.chunks };
  }

  private async send(isEnd: boolean): Promise<void> {
    const all = Buffer.concat(this.waiting);
    const size = this.files.chunkBytesMax;
    let at = 0;
    for (; all.length - at >= size; at += size) await this.store(all.subarray(at, at + size));
    const rest = all.subarray(at);
    if (isEnd && (rest.length > 0 || this.chunks === 0)) await this.store(rest);
    this.waiting = isEnd ? [] : [rest];
    this.waitingBytes = isEnd ? 0 : rest.length;
  }

  private async store(bytes: Uint8Array): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      this.signal.throwIfAborted();
      const ended = await this.files.write(this.id, this.chunks, bytes);
      // Nobody else writes there: a piece that is there is this one, whose answer was lost.
      if (ended.kind === "stored" || ended.kind === "fenced") break;
      if (performance.now() > until || (ended.kind === "retry" && ended.isFull === true)) {
        throw new JobEnded(
          "failed",
          `The stream EXPORTS did not take it: ${ended.reason}. Make room, or ask again later.`,
        );
      }
      await sleep(PAUSE_MS, undefined, { signal: this.signal });
    }
    this.chunks += 1;
  }
}

/** Its first piece is there; whoever reads on is told by an error where one is gone meanwhile. */
export async function* contentOf(
  files: ExportFiles,
  id: string,
  chunks: number,
  first: Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield first;
  for (let index = 1; index < chunks; index += 1) {
    const bytes = await files.read(id, index);
    if (bytes === undefined) throw new Error(`piece ${index} of ${chunks} of ${id} is gone`);
    yield bytes;
  }
}
