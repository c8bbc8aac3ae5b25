// How far each partition was known to have spoken: what this shard has seen stored, and what the others' heartbeats say.
// A stored watermark that is behind it means that SEGMENTS went back; claiming.ts asks, actors/worker/shard.ts remembers.
import type { PartitionNo, Seq } from "../../lib/core/types.ts";
import type { Watermark } from "../../lib/ports/delta-sink.ts";
import { OutputRegressed } from "../../lib/ports/errors.ts";

/** Both only grow, whoever owns the partition. */
export interface Spoken {
  readonly epoch: number;
  readonly done: Seq;
}

export class Recollection {
  private readonly spoken = new Map<PartitionNo, Spoken>();

  note(partition: PartitionNo, { epoch, done }: Spoken): void {
    const known = this.spoken.get(partition);
    this.spoken.set(partition, {
      epoch: Math.max(epoch, known?.epoch ?? 0),
      done: Math.max(done, known?.done ?? 0),
    });
  }

  /** Why `stored`, if it is the newest record but one's own, cannot be all that was said; undefined when it can. */
  doubtOf(partition: PartitionNo, stored: Watermark | null): OutputRegressed | undefined {
    const known = this.spoken.get(partition);
    const { epoch, done } = stored ?? { epoch: 0, done: 0 };
    if (known === undefined || (epoch >= known.epoch && done >= known.done)) return undefined;
    const holds =
      stored === null ? "knows nothing of it" : `knows its deltas up to input ${done} (owner number ${epoch})`;
    return new OutputRegressed(
      partition,
      `SEGMENTS ${holds}, but they were said up to input ${known.done} (owner number ${known.epoch}): the stream lost its tail ` +
        "or was restored from an older copy, and what was heard since is not in it; restore a newer copy, or restart all " +
        "workers to make it again from the logs",
    );
  }
}
