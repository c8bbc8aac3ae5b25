// Workers and partitions as people who run them see them, and what they may wish of them: that a partition goes to a worker,
// that a worker gives all of its away. Wishes change who asks for a partition (actors/worker/rendezvous.ts); that it changes
// hands only when its owner lets go stays as it is. Asked by lib/api/routes/cluster.ts, the live stream and the command line.
import type { Millis, PartitionNo } from "../../core/types.ts";
import type { ClusterBook, KnownShard, ProcessFacts, Wishes } from "../../ports/cluster.ts";
import type { PartitionStatus } from "../../ports/questions.ts";
import { HttpError } from "../http/http-error.ts";
import { shown } from "../http/refusals.ts";

/** Somewhat longer than the others wait: whoever is silent for so long holds nothing any more. */
const SILENT_MS_MAX = 5_000;
const ATTEMPTS_MAX = 8;

export interface WorkerView {
  /** A shard: what owns partitions. A worker process runs one or several. */
  readonly id: string;
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  readonly alive: boolean;
  readonly silentMs: Millis;
  /** It gives its partitions away, because somebody wishes it. */
  readonly drained: boolean;
  readonly partitions: readonly PartitionNo[];
  /** Of all its partitions. */
  readonly lag: number;
  /** Of the one that is furthest behind. */
  readonly lagMs: Millis;
  readonly eventsPerSecond: number;
  /** Of the process, which several shards may share; null where it does not say. */
  readonly process: ProcessFacts | null;
  readonly problems: readonly string[];
}

export interface PartitionView {
  readonly partition: PartitionNo;
  /** Null: nobody answers for it. */
  readonly owner: string | null;
  readonly phase: string | null;
  readonly epoch: number | null;
  readonly position: number | null;
  readonly lag: number | null;
  readonly lagMs: Millis | null;
  readonly eventsPerSecond: number | null;
  readonly unsaid: number | null;
  readonly members: number | null;
  readonly residentBytes: number | null;
  readonly checkpointAgeMs: Millis | null;
  /** The worker that somebody wishes to have it; null: rendezvous hashing decides. */
  readonly wished: string | null;
  readonly problems: readonly string[];
}

export interface Operations {
  readonly workers: readonly WorkerView[];
  readonly partitions: readonly PartitionView[];
}

type Statuses = readonly (PartitionStatus | null)[];

export class Operating {
  private readonly cluster: ClusterBook;
  private readonly statuses: () => Promise<Statuses>;

  constructor(cluster: ClusterBook, statuses: () => Promise<Statuses>) {
    this.cluster = cluster;
    this.statuses = statuses;
  }

  async look(): Promise<Operations> {
    const [shards, { wishes }, statuses] = await Promise.all([
      this.cluster.shards(),
      this.cluster.readWishes(),
      this.statuses(),
    ]);
    return {
      workers: shards.map((shard) => workerView(shard, statuses, wishes)),
      partitions: statuses.map((status, partition) => partitionView(status, partition, wishes)),
    };
  }

  /** The partition goes to that shard as soon as its owner has let go. */
  async move(partition: PartitionNo, to: string): Promise<PartitionView> {
    await this.assertPartition(partition);
    const alive = await this.alive();
    if (!alive.includes(to)) throw noWorker(to, alive);
    await this.wish((wishes) => ({ ...wishes, moves: { ...wishes.moves, [partition]: to } }));
    return (await this.look()).partitions[partition]!;
  }

  /** Rendezvous hashing decides again. */
  async moveBack(partition: PartitionNo): Promise<PartitionView> {
    await this.assertPartition(partition);
    await this.wish(({ moves: { [partition]: _, ...moves }, drained }) => ({ moves, drained }));
    return (await this.look()).partitions[partition]!;
  }

  /** All shards of a worker, or one of them, give their partitions away and take no others. */
  async drain(worker: string): Promise<readonly WorkerView[]> {
    const alive = await this.alive();
    const ids = alive.filter((id) => id === worker || workerOf(id) === worker);
    if (ids.length === 0) throw noWorker(worker, alive);
    await this.wish(({ moves, drained }) => {
      const all = new Set([...drained, ...ids]);
      if (alive.every((id) => all.has(id))) {
        throw new HttpError(
          409,
          "last-worker",
          "Nobody would be left to hold the partitions; start another worker first.",
        );
      }
      const kept = Object.entries(moves).filter(([, to]) => !ids.includes(to));
      return { moves: Object.fromEntries(kept), drained: [...all].sort() };
    });
    return (await this.look()).workers.filter(({ id }) => ids.includes(id));
  }

  async drainNoMore(worker: string): Promise<readonly WorkerView[]> {
    const known = (await this.cluster.shards()).map(({ beat }) => beat.shard);
    const ids = known.filter((id) => id === worker || workerOf(id) === worker);
    if (ids.length === 0) throw noWorker(worker, known);
    await this.wish(({ moves, drained }) => ({ moves, drained: drained.filter((id) => !ids.includes(id)) }));
    return (await this.look()).workers.filter(({ id }) => ids.includes(id));
  }

  private async alive(): Promise<readonly string[]> {
    const shards = await this.cluster.shards();
    return shards.filter(({ silentMs }) => silentMs <= SILENT_MS_MAX).map(({ beat }) => beat.shard);
  }

  private async assertPartition(partition: PartitionNo): Promise<void> {
    const { length } = await this.statuses();
    if (Number.isSafeInteger(partition) && partition >= 0 && partition < length) return;
    throw new HttpError(404, "unknown-partition", `There is no such partition; they are 0 to ${length - 1}.`);
  }

  private async wish(change: (wishes: Wishes) => Wishes): Promise<void> {
    let reason = "others kept changing it";
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { wishes, revision } = await this.cluster.readWishes();
      const ended = await this.cluster.writeWishes(change(wishes), revision);
      if (ended.kind === "stored") return;
      if (ended.kind !== "fenced") reason = ended.reason;
    }
    throw new HttpError(503, "not-answered", `The bucket CLUSTER did not take the wish: ${reason}. Ask again.`);
  }
}

/** A worker's shards are called after it, and numbered. */
export function workerOf(shard: string): string {
  return shard.replace(/-\d+$/, "");
}

function noWorker(id: string, known: readonly string[]): HttpError {
  const there = known.length === 0 ? "none lives" : `there are ${known.slice(0, 8).join(", ")}`;
  return new HttpError(404, "unknown-worker", `There is no living worker ${shown(id)}; ${there}.`);
}

function workerView({ beat, silentMs }: KnownShard, statuses: Statuses, { drained }: Wishes): WorkerView {
  const owned = statuses.filter((status): status is PartitionStatus => status?.owner === beat.shard);
  const alive = silentMs <= SILENT_MS_MAX;
  const refused = owned.filter(({ error }) => error !== null).map(({ partition }) => partition);
  return {
    id: beat.shard,
    worker: workerOf(beat.shard),
    host: beat.host,
    pid: beat.pid,
    alive,
    silentMs,
    drained: drained.includes(beat.shard),
    partitions: owned.map(({ partition }) => partition),
    lag: owned.reduce((sum, { lag }) => sum + lag, 0),
    lagMs: owned.reduce((most, { lagMs }) => Math.max(most, lagMs), 0),
    eventsPerSecond: owned.reduce((sum, status) => sum + status.eventsPerSecond, 0),
    process: beat.process ?? null,
    problems: [
      ...(alive ? [] : ["it is silent; the others take its partitions over"]),
      ...(refused.length === 0 ? [] : [`stopped on a fault: partition ${refused.join(", ")}`]),
    ],
  };
}

function partitionView(status: PartitionStatus | null, partition: PartitionNo, { moves }: Wishes): PartitionView {
  const wished = moves[partition] ?? null;
  if (status === null) {
    const nothing = { owner: null, phase: null, epoch: null, position: null, lag: null, lagMs: null, unsaid: null };
    const problems = ["no worker answers for it; is one running?"];
    const unknown = { eventsPerSecond: null, members: null, residentBytes: null, checkpointAgeMs: null };
    return { partition, ...nothing, ...unknown, wished, problems };
  }
  const { owner, phase, epoch, position, lag, lagMs, eventsPerSecond, unsaid, universe, residentBytes } = status;
  const { checkpointAgeMs, error, problem, folding } = status;
  return {
    partition,
    owner,
    phase,
    epoch,
    position,
    lag,
    lagMs,
    eventsPerSecond,
    unsaid,
    members: universe,
    residentBytes,
    checkpointAgeMs: checkpointAgeMs === null ? null : Math.round(checkpointAgeMs),
    wished,
    problems: [
      ...(error === null ? [] : [`${error.code}: ${error.message}`]),
      ...(problem === null ? [] : [`cannot store what there is to say: ${problem}`]),
      ...folding.flatMap(({ revision, failed }) =>
        failed === null ? [] : [`the history for revision ${revision} cannot be read: ${failed}`],
      ),
    ],
  };
}
