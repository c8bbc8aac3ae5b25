// Who else is alive, as this shard hears it: judged by silence since the last heartbeat on our own monotonic clock, never by
// a time that somebody else wrote. It decides when to try to own a partition, not whether that is safe.
import type { PartitionNo } from "../../lib/core/types.ts";
import type { Cluster, Hearing, Heartbeat, PartitionReport } from "../../lib/ports/cluster.ts";
import type { Runtime } from "../../lib/ports/runtime.ts";
import type { Recollection } from "../partition/recollection.ts";

interface Neighbour {
  beat: Heartbeat;
  heardMs: number;
  /** When it last said that it holds a partition. */
  readonly heldMs: Map<PartitionNo, number>;
}

export class Neighbours {
  private readonly runtime: Runtime;
  private readonly expiryMs: number;
  private readonly shards = new Map<string, Neighbour>();
  private readonly hearings: readonly Hearing[];
  private readonly startedMs: number;
  private readonly recollection: Recollection;

  constructor(cluster: Cluster, runtime: Runtime, expiryMs: number, recollection: Recollection, onChange: () => void) {
    this.runtime = runtime;
    this.expiryMs = expiryMs;
    this.recollection = recollection;
    this.startedMs = runtime.monotonicMs();
    this.hearings = [
      cluster.hear((beat) => {
        if (this.hear(beat)) onChange();
      }),
      cluster.hearLeaving((shard) => {
        if (this.shards.delete(shard)) onChange();
      }),
    ];
  }

  stop(): void {
    for (const hearing of this.hearings) hearing.stop();
  }

  /** Shards that were heard lately. */
  alive(): string[] {
    const nowMs = this.runtime.monotonicMs();
    for (const [shard, { heardMs }] of this.shards) if (nowMs - heardMs > this.expiryMs) this.shards.delete(shard);
    return [...this.shards.keys()].sort();
  }

  /** True when that shard was silent about the partition for so long that it need not be waited for. */
  hasLetGo(shard: string, partition: PartitionNo): boolean {
    const nowMs = this.runtime.monotonicMs();
    const heldMs = this.shards.get(shard)?.heldMs.get(partition);
    // Who has just started has heard nobody yet, and must listen for as long as silence takes to mean something.
    return nowMs - Math.max(heldMs ?? 0, this.startedMs) > this.expiryMs;
  }

  /** Whoever lives has been heard since we began to listen. */
  get hasListened(): boolean {
    return this.runtime.monotonicMs() - this.startedMs > this.expiryMs;
  }

  /** The live shards that ask for a partition. */
  wanting(partition: PartitionNo): string[] {
    return this.alive().filter((shard) => this.shards.get(shard)!.beat.wants.includes(partition));
  }

  /** What the live owners report, one report a partition at most. */
  reports(): Map<PartitionNo, PartitionReport> {
    const reports = new Map<PartitionNo, PartitionReport>();
    for (const shard of this.alive()) {
      for (const report of this.shards.get(shard)!.beat.holds) {
        const known = reports.get(report.partition);
        if (known === undefined || known.epoch < report.epoch) reports.set(report.partition, report);
      }
    }
    return reports;
  }

  /** True when it changes who lives, who holds or who wants what. */
  private hear(beat: Heartbeat): boolean {
    const nowMs = this.runtime.monotonicMs();
    const known = this.shards.get(beat.shard);
    const neighbour = known ?? { beat, heardMs: nowMs, heldMs: new Map<PartitionNo, number>() };
    const changed = known === undefined || essence(known.beat) !== essence(beat);
    neighbour.beat = beat;
    neighbour.heardMs = nowMs;
    for (const report of beat.holds) {
      neighbour.heldMs.set(report.partition, nowMs);
      this.recollection.note(report.partition, report);
    }
    this.shards.set(beat.shard, neighbour);
    return changed;
  }
}

function essence({ holds, wants }: Heartbeat): string {
  const held = holds.map(
    ({ partition, phase, revision, folding }) => `${partition}${phase}${revision}/${folding.join(",")}`,
  );
  return `${held.join(" ")}|${wants.join(" ")}`;
}
