// Reads what a partition remembers by: its manifest, and of the blobs that it names as many as are asked for, each with its hash.
// How a manifest is read is the caller's to say, since the shell defines it (actors/partition/manifest.ts). Below read.ts.
import type { Millis, PartitionNo, Seq } from "../core/types.ts";
import type { PageStore } from "../ports/page-store.ts";
import type { BadBlob, GenerationFacts, ManifestFacts } from "./facts.ts";

/** A cluster that writes checkpoints faster than they can be looked at is not followed for ever. */
const LOOKS_MAX = 5;

/** Where a blob is and what it must hash to. */
export interface Ref {
  readonly key: string;
  readonly hash: string;
}

interface Generation<R extends Ref> {
  readonly number: number;
  readonly position: Seq;
  readonly stamp: Millis;
  readonly meta: R;
  readonly directory: R;
}

/** How the shell writes what it remembers. */
export interface ManifestCodec<R extends Ref = Ref> {
  decodeManifest(
    partition: PartitionNo,
    bytes: Uint8Array,
  ): {
    readonly epoch: number;
    readonly generations: readonly Generation<R>[];
  };
  decodeDirectory(partition: PartitionNo, generation: number, bytes: Uint8Array): ReadonlyMap<number, R>;
  hashOf(bytes: Uint8Array): string;
  keysOf(ref: R): readonly string[];
}

export interface CheckpointReaderOptions<R extends Ref> {
  readonly codec: ManifestCodec<R>;
  /** Pages looked at in each partition, beside every checkpoint's own two blobs. */
  readonly pagesMax: number;
  /** Which pages are looked at; 0 ≤ x < 1. */
  random(): number;
}

type Pages = Pick<PageStore, "get" | "readManifest">;
type Looked = Omit<ManifestFacts, "epoch">;
type Decoded<R extends Ref> = ReturnType<ManifestCodec<R>["decodeManifest"]>;

const NOTHING = { epoch: 0, generations: [], blobs: 0, blobsLooked: 0 } as const;

export class CheckpointReader<R extends Ref> {
  private readonly options: CheckpointReaderOptions<R>;

  constructor(options: CheckpointReaderOptions<R>) {
    this.options = options;
  }

  /**
   * A blob may be gone because its checkpoint was superseded while we looked: the manifest that no longer names it is written
   * first. So what looks bad counts only of checkpoints that are still named afterwards.
   */
  async read(partition: PartitionNo, pages: Pages): Promise<ManifestFacts> {
    let manifest = await this.manifest(partition, pages);
    for (let look = 1; ; look += 1) {
      if (!("decoded" in manifest)) return manifest;
      const { epoch, generations } = manifest.decoded;
      const looked = await this.look(partition, pages, generations);
      if (looked.generations.every(({ bad }) => bad.length === 0)) return { ...looked, epoch };
      manifest = await this.manifest(partition, pages);
      if (!("decoded" in manifest)) return manifest;
      const now = manifest.decoded.generations;
      const still = looked.generations.filter(({ number }) => now.some((one) => one.number === number));
      if (still.length > 0) return { ...looked, generations: still, epoch };
      if (look === LOOKS_MAX) return { ...looked, generations: now.map(notLooked), epoch: manifest.decoded.epoch };
    }
  }

  private async manifest(
    partition: PartitionNo,
    pages: Pages,
  ): Promise<ManifestFacts | { readonly decoded: Decoded<R> }> {
    const stored = await pages.readManifest();
    if (stored === undefined) return { ...NOTHING, there: false };
    try {
      return { decoded: this.options.codec.decodeManifest(partition, stored.bytes) };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { ...NOTHING, there: true, unreadable: text.replace(`partition ${partition}: `, "") };
    }
  }

  private async look(partition: PartitionNo, pages: Pages, generations: readonly Generation<R>[]): Promise<Looked> {
    const own: {
      readonly generation: Generation<R>;
      readonly bad: BadBlob[];
      readonly named: ReadonlyMap<string, R>;
    }[] = [];
    for (const generation of generations) {
      const meta = await this.load(pages, generation.meta);
      const directory = await this.load(pages, generation.directory);
      const bad = [meta.bad, directory.bad].filter((one) => one !== undefined);
      const rows = directory.bytes === undefined ? [] : this.rows(partition, generation, directory.bytes, bad);
      own.push({ generation, bad, named: new Map(rows.map((ref) => [ref.key, ref])) });
    }
    const all = new Map(own.flatMap(({ named }) => [...named]));
    const chosen = this.choose([...all.values()], this.options.pagesMax);
    const spoiled = (await Promise.all(chosen.map((ref) => this.load(pages, ref)))).flatMap(({ bad }) => bad ?? []);
    const facts = own.map(({ generation, bad, named }): GenerationFacts => {
      const { number, position, stamp } = generation;
      return { number, position, stamp, bad: [...bad, ...spoiled.filter(({ key }) => named.has(key))] };
    });
    const ownBlobs = 2 * generations.length;
    return { there: true, generations: facts, blobs: ownBlobs + all.size, blobsLooked: ownBlobs + chosen.length };
  }

  private rows(partition: PartitionNo, { number, directory }: Generation<R>, bytes: Uint8Array, bad: BadBlob[]): R[] {
    try {
      return [...this.options.codec.decodeDirectory(partition, number, bytes).values()];
    } catch {
      bad.push({ key: directory.key, what: "cannot be read" });
      return [];
    }
  }

  /** Other ones each time, so that looking often looks at all. */
  private choose(refs: readonly R[], most: number): readonly R[] {
    if (refs.length <= most) return refs;
    const rest = [...refs];
    return Array.from({ length: most }, () => rest.splice(Math.floor(this.options.random() * rest.length), 1)[0]!);
  }

  private async load(pages: Pages, ref: R): Promise<{ readonly bytes?: Uint8Array; readonly bad?: BadBlob }> {
    const { codec } = this.options;
    const parts = await Promise.all(codec.keysOf(ref).map((key) => pages.get(key)));
    const there = parts.filter((part) => part !== undefined);
    if (there.length < parts.length) return { bad: { key: ref.key, what: "is missing" } };
    const bytes = there.length === 1 ? there[0]! : Buffer.concat(there);
    if (codec.hashOf(bytes) === ref.hash) return { bytes };
    return { bad: { key: ref.key, what: "has other bytes than were written" } };
  }
}

function notLooked({ number, position, stamp }: Omit<GenerationFacts, "bad">): GenerationFacts {
  return { number, position, stamp, bad: [] };
}
