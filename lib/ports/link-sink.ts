// Where one partition speaks to others: its own subject in the log of each, `log.<to>.link.<from>`, by compare-and-set on the
// last message there. Answered by lib/nats/link-sink.ts and lib/memory/world.ts; used by actors/partition/links.ts.
import type { Trace } from "../core/trace.ts";
import type { PartitionNo, Seq } from "../core/types.ts";
import type { LogBounds } from "./event-log.ts";
import type { Published } from "./publishing.ts";

export interface StoredLink {
  readonly seq: Seq;
  readonly body: string;
}

export interface LinkSink {
  /** What was said last to that partition, through the leader of its log; undefined when nothing of it is there. */
  last(to: PartitionNo): Promise<StoredLink | undefined>;
  /**
   * All or nothing, in order, at most `batchMax`. `expected` is the sequence of the last message there, 0 for none. `traces`
   * stand beside the bodies, in their order, for whoever reads the messages.
   */
  publish(
    to: PartitionNo,
    expected: Seq,
    bodies: readonly string[],
    traces?: readonly (Trace | undefined)[],
  ): Promise<Published>;
  /** Of that partition's log, through its leader. */
  bounds(to: PartitionNo): Promise<LogBounds>;
  readonly batchMax: number;
}
