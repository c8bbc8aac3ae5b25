// Reads what the audit judges: of each partition manifest, watermark, log and owner, in that order, and the blobs it remembers by.
// It only looks. How a manifest is read is the caller's to say, since the shell defines it (actors/partition/manifest.ts).
import type { NatsConnection } from "@nats-io/transport-node";
import type { Millis, PartitionNo, Seq } from "../core/types.ts";
import { NatsDeltaSink } from "../nats/delta-sink.ts";
import { Gate } from "../nats/gate.ts";
import type { Names } from "../nats/names.ts";
import { NatsPageStore } from "../nats/page-store.ts";
import type { Questions } from "../nats/questions.ts";
import { api, storedMessage } from "../nats/wire.ts";
import type { PageStore } from "../ports/page-store.ts";
import type { BadBlob, GenerationFacts, ManifestFacts, PartitionFacts, StreamFacts } from "./facts.ts";

const NANOS_PER_MS = 1_000_000;
const PAGES_UNDER_WAY_MAX = 16;
/** Of more holes than this the server is not asked where they are. */
const DELETED_LISTED_MAX = 10_000;

/** Where a blob is and what it must hash to. */
interface Ref {
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

export interface AuditReaderOptions<R extends Ref> {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly questions: Pick<Questions, "statusOf">;
  readonly codec: ManifestCodec<R>;
  /** Pages looked at in each partition, beside every checkpoint's own two blobs. */
  readonly pagesMax: number;
  /** Resolves with whether the shard was heard since the audit began, after long enough for a heartbeat. */
  heard(shard: string): Promise<boolean>;
  /** Which pages are looked at; 0 ≤ x < 1. */
  random(): number;
}

export class AuditReader<R extends Ref> {
  private readonly options: AuditReaderOptions<R>;
  private readonly requests = new Gate(PAGES_UNDER_WAY_MAX);
  private readonly batches = new Gate(1);

  constructor(options: AuditReaderOptions<R>) {
    this.options = options;
  }

  /** The manifest before the watermark before the log: each may only have grown when the next is read. */
  async partition(partition: PartitionNo): Promise<PartitionFacts> {
    const { nc, names, questions, heard } = this.options;
    const manifest = await this.manifest(partition);
    const watermark = await new NatsDeltaSink(nc, names, partition, this.batches).readWatermark();
    const log = await this.stream(names.eventsStream(partition));
    const positions = manifest.generations.map(({ position }) => position);
    const wanted = [watermark?.value.done ?? 0, ...positions, (positions.at(-1) ?? 0) + 1];
    const stamps = await this.stamps(names.eventsStream(partition), wanted, log);
    const status = await questions.statusOf(partition);
    const owner = watermark?.value.owner ?? null;
    const ownerHeard = status !== null || owner === null || (await heard(owner));
    return { partition, manifest, watermark, log, stamps, status, ownerHeard };
  }

  async stream(stream: string): Promise<StreamFacts> {
    const brief = await api<StreamInfo>(this.options.nc, `STREAM.INFO.${stream}`);
    const { num_deleted: numDeleted = 0 } = brief.state;
    const listed = numDeleted > 0 && numDeleted <= DELETED_LISTED_MAX;
    const { config, state } = listed
      ? await api<StreamInfo>(this.options.nc, `STREAM.INFO.${stream}`, { deleted_details: true })
      : brief;
    return {
      messages: state.messages,
      first: state.messages === 0 ? state.last_seq + 1 : state.first_seq,
      last: state.last_seq,
      deleted: state.deleted ?? [],
      numDeleted: state.num_deleted ?? 0,
      lost: state.lost?.msgs?.length ?? 0,
      maxAgeMs: (config.max_age ?? 0) / NANOS_PER_MS,
    };
  }

  private async stamps(
    stream: string,
    wanted: readonly Seq[],
    { first, last }: StreamFacts,
  ): Promise<ReadonlyMap<Seq, Millis>> {
    const there = [...new Set(wanted)].filter((seq) => seq > 0 && seq >= first && seq <= last);
    const found = await Promise.all(
      there.map(async (seq) => [seq, (await storedMessage(this.options.nc, stream, { seq }))?.stampMs] as const),
    );
    return new Map(found.filter((one): one is [Seq, Millis] => one[1] !== undefined));
  }

  /** A blob that is gone was cleaned up, when its checkpoint is no longer named: then the manifest is read anew. */
  private async manifest(partition: PartitionNo): Promise<ManifestFacts> {
    const { nc, names, codec } = this.options;
    const pages = new NatsPageStore(nc, names, partition, this.requests);
    for (;;) {
      const stored = await pages.readManifest();
      if (stored === undefined) return { there: false, epoch: 0, generations: [], blobs: 0, blobsLooked: 0 };
      let decoded: ReturnType<typeof codec.decodeManifest>;
      try {
        decoded = codec.decodeManifest(partition, stored.bytes);
      } catch (error) {
        return { ...UNREADABLE, unreadable: withoutPartition(partition, error) };
      }
      const looked = await this.look(partition, pages, decoded.generations);
      if (looked.generations.every(({ bad }) => bad.length === 0)) return { ...looked, epoch: decoded.epoch };
      const now = await pages.readManifest();
      if (now?.revision === stored.revision) return { ...looked, epoch: decoded.epoch };
    }
  }

  private async look(
    partition: PartitionNo,
    pages: PageStore,
    generations: readonly Generation<R>[],
  ): Promise<Omit<ManifestFacts, "epoch">> {
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

  private async load(pages: PageStore, ref: R): Promise<{ readonly bytes?: Uint8Array; readonly bad?: BadBlob }> {
    const { codec } = this.options;
    const parts = await Promise.all(codec.keysOf(ref).map((key) => pages.get(key)));
    const there = parts.filter((part) => part !== undefined);
    if (there.length < parts.length) return { bad: { key: ref.key, what: "is missing" } };
    const bytes = there.length === 1 ? there[0]! : Buffer.concat(there);
    if (codec.hashOf(bytes) === ref.hash) return { bytes };
    return { bad: { key: ref.key, what: "has other bytes than were written" } };
  }
}

const UNREADABLE = { there: true, epoch: 0, generations: [], blobs: 0, blobsLooked: 0 } as const;

interface StreamInfo {
  readonly config: { readonly max_age?: number };
  readonly state: {
    readonly messages: number;
    readonly first_seq: number;
    readonly last_seq: number;
    readonly num_deleted?: number;
    readonly deleted?: readonly Seq[];
    readonly lost?: { readonly msgs?: readonly Seq[] | null };
  };
}

function withoutPartition(partition: PartitionNo, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(`partition ${partition}: `, "");
}
