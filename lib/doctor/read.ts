// Reads what the audit judges: of each partition manifest, watermark, log and owner, in that order. It only looks.
// checkpoints.ts reads the manifest and its blobs; audit.ts asks for all of it.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Millis, PartitionNo, Seq } from "../core/types.ts";
import { revisionsReplaced } from "../nats/control-erasing.ts";
import { NatsDeltaSink } from "../nats/delta-sink.ts";
import { NatsLedger } from "../nats/erasing.ts";
import { NatsEventLog } from "../nats/event-log.ts";
import { Gate } from "../nats/gate.ts";
import type { Names } from "../nats/names.ts";
import { NatsPageStore } from "../nats/page-store.ts";
import type { Questions } from "../nats/questions.ts";
import { api } from "../nats/wire.ts";
import type { CheckpointReader, Ref } from "./checkpoints.ts";
import type { PartitionFacts, StreamFacts } from "./facts.ts";

const NANOS_PER_MS = 1_000_000;
const PAGES_UNDER_WAY_MAX = 16;
/** Of more holes than this the server is not asked where they are. */
const DELETED_LISTED_MAX = 10_000;

export interface AuditReaderOptions<R extends Ref> {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly questions: Pick<Questions, "statusOf">;
  readonly checkpoints: CheckpointReader<R>;
  /** Resolves with whether the shard was heard since the audit began, after long enough for a heartbeat. */
  heard(shard: string): Promise<boolean>;
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
    const { nc, names, questions, checkpoints, heard } = this.options;
    const pages = new NatsPageStore(nc, names, partition, this.requests);
    const manifest = await checkpoints.read(partition, pages);
    const watermark = await new NatsDeltaSink(nc, names, partition, this.batches).readWatermark();
    const log = await this.logFacts(partition);
    const positions = manifest.generations.map(({ position }) => position);
    const wanted = [watermark?.value.done ?? 0, ...positions, (positions.at(-1) ?? 0) + 1];
    const stamps = await this.stamps(partition, wanted, log);
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

  private async logFacts(partition: PartitionNo): Promise<StreamFacts> {
    const { nc, names } = this.options;
    const found = await this.stream(names.eventsStream(partition));
    const book = await new NatsLedger(nc, names, partition).read();
    return withErased(found, new Set(book.seqs()));
  }

  async definitions(): Promise<StreamFacts> {
    const { nc, names } = this.options;
    const found = await this.stream(names.definitionsStream);
    return withErased(found, await revisionsReplaced(nc, names));
  }

  private async stamps(
    partition: PartitionNo,
    wanted: readonly Seq[],
    { first, last }: StreamFacts,
  ): Promise<ReadonlyMap<Seq, Millis>> {
    const { nc, names } = this.options;
    const log = new NatsEventLog(nc, names, partition);
    const there = [...new Set(wanted)].filter((seq) => seq > 0 && seq >= first && seq <= last);
    const found = await Promise.all(there.map(async (seq) => [seq, await log.stampAt(seq)] as const));
    return new Map(found.filter((one): one is [Seq, Millis] => one[1] !== undefined));
  }
}

/** What was erased counts as there: only a hole that the ledger does not name is one. */
function withErased(found: StreamFacts, erased: ReadonlySet<Seq>): StreamFacts {
  if (erased.size === 0) return found;
  let { first } = found;
  while (erased.has(first - 1)) first -= 1;
  const stillThere = new Set(found.deleted);
  const deleted = found.deleted.filter((seq) => !erased.has(seq));
  const listsAll = found.deleted.length === found.numDeleted;
  const isHole = (seq: Seq): boolean => seq > found.first && seq <= found.last && (!listsAll || stillThere.has(seq));
  const numDeleted = listsAll ? deleted.length : Math.max(0, found.numDeleted - [...erased].filter(isHole).length);
  return { ...found, first, deleted, numDeleted };
}

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
