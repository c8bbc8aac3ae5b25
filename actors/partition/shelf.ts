// Where each page of actors is: in memory only while it is on its way to the store, else under an immutable key.
// A changed page that leaves memory is kept here until it is stored, so it can be asked for again at any time.
import type { EvictedPage, PageNo } from "../../lib/core/partition.ts";
import { CheckpointCorrupt } from "../../lib/ports/errors.ts";
import { pause } from "../../lib/ports/runtime.ts";
import { insist } from "./claiming.ts";
import { Halted, type PartitionContext } from "./context.ts";
import { type BlobRef, type Directory, hashOf } from "./manifest.ts";
import { Backoff, Signal } from "./signal.ts";

const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 2_000;

export class Shelf {
  private readonly context: PartitionContext;
  private readonly epoch: number;
  /** The checkpoint that `pages` came from, for error messages and for choosing another one. */
  private readonly generation: number;
  /** Keys are `<p>.<epoch>.<number>.<page>`; the number never repeats within an epoch. */
  private nextNumber = 1;
  private readonly pages: Map<PageNo, BlobRef>;
  private readonly keeping = new Map<string, Uint8Array>();
  private keepingBytes = 0;
  private readonly stored = new Signal();
  /** Pages that were spilled since the last freeze: newer than the frozen picture of them. */
  private spilled = new Set<PageNo>();
  private readonly onStored: () => void;

  constructor(
    context: PartitionContext,
    epoch: number,
    generation: number,
    directory: Directory,
    onStored: () => void,
  ) {
    this.onStored = onStored;
    this.context = context;
    this.epoch = epoch;
    this.generation = generation;
    this.pages = new Map(directory);
  }

  /** Bytes that are not stored yet. */
  get unstoredBytes(): number {
    return this.keepingBytes;
  }

  has(page: PageNo): boolean {
    return this.pages.has(page);
  }

  /** Every page's place now. */
  directory(): Map<PageNo, BlobRef> {
    return new Map(this.pages);
  }

  /** Called when a picture is taken; from now on `spill` makes newer pages than the picture's. */
  beginPicture(): void {
    this.spilled = new Set();
  }

  /** A page of the picture. It is also where the page is now, unless a newer one was spilled meanwhile. */
  keepPicture(page: PageNo, bytes: Uint8Array): BlobRef {
    const ref = this.keep(`${page}`, bytes);
    if (!this.spilled.has(page)) this.pages.set(page, ref);
    return ref;
  }

  /** Pages that left memory. */
  spill(evicted: readonly EvictedPage[]): void {
    for (const { page, bytes } of evicted) {
      if (bytes === undefined) continue;
      this.context.counters.pagesSpilled += 1;
      this.spilled.add(page);
      this.pages.set(page, this.keep(`${page}`, bytes));
    }
  }

  /** Something else that belongs to a checkpoint: its meta, its directory. */
  keep(name: string, bytes: Uint8Array): BlobRef {
    const key = `${this.context.partition}.${this.epoch}.${this.nextNumber}.${name}`;
    this.nextNumber += 1;
    const sizeMax = this.context.world.pages.valueBytesMax;
    const parts = Math.max(1, Math.ceil(bytes.length / sizeMax));
    const ref: BlobRef = { key, hash: hashOf(bytes), bytes: bytes.length, parts };
    this.keeping.set(key, bytes);
    this.keepingBytes += bytes.length;
    void this.store(ref, bytes);
    return ref;
  }

  /** Resolves when all of these are stored. */
  async settled(refs: readonly BlobRef[]): Promise<void> {
    while (refs.some(({ key }) => this.keeping.has(key))) {
      if (this.context.halted()) throw new Halted();
      await this.stored.wait();
    }
  }

  /** The bytes of a page, from memory or from the store. */
  async load(page: PageNo): Promise<Uint8Array> {
    const ref = this.pages.get(page);
    if (ref === undefined)
      throw new CheckpointCorrupt(this.context.partition, this.generation, `no place is known of page ${page}`);
    const kept = this.keeping.get(ref.key);
    if (kept !== undefined) return kept;
    this.context.counters.pagesLoaded += 1;
    return loadBlob(this.context, this.generation, ref);
  }

  private async store(ref: BlobRef, bytes: Uint8Array): Promise<void> {
    const { world, runtime } = this.context;
    const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
    const sizeMax = world.pages.valueBytesMax;
    for (let part = 0; part < ref.parts; ) {
      if (this.context.halted()) break;
      try {
        await world.pages.put(partKey(ref, part), bytes.subarray(part * sizeMax, (part + 1) * sizeMax));
        part += 1;
      } catch (error) {
        this.context.log.warn(
          { partition: this.context.partition, err: error },
          "partition: a page was not stored, trying again",
        );
        await pause(runtime, backoff.next(runtime.random()));
      }
    }
    this.keeping.delete(ref.key);
    this.keepingBytes -= bytes.length;
    this.stored.raise();
    this.onStored();
  }
}

/** Reads a blob through the leader and checks that it is the one that was written. */
export async function loadBlob(context: PartitionContext, generation: number, ref: BlobRef): Promise<Uint8Array> {
  const parts = await Promise.all(
    Array.from({ length: ref.parts }, (_, part) => insist(context, () => context.world.pages.get(partKey(ref, part)))),
  );
  const present = parts.filter((part) => part !== undefined);
  const bytes = present.length === 1 ? present[0]! : Buffer.concat(present);
  if (present.length < ref.parts || hashOf(bytes) !== ref.hash) {
    const what = present.length < ref.parts ? "is missing" : "has other bytes than were written";
    throw new CheckpointCorrupt(context.partition, generation, `${ref.key} of checkpoint ${generation} ${what}`);
  }
  return bytes;
}

function partKey(ref: BlobRef, part: number): string {
  return part === 0 ? ref.key : `${ref.key}.${part}`;
}

/** Keys are `<p>.<epoch>.<number>.<page>`. */
export function epochOf(key: string): number {
  return Number(key.split(".")[1]);
}

export function keysOf(ref: BlobRef): string[] {
  return Array.from({ length: ref.parts }, (_, part) => partKey(ref, part));
}
