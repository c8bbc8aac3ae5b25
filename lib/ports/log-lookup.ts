// Looking things up in the logs of partitions, for whoever shows what stands there: by position, and from one to another.
// Answered by lib/nats/log-lookup.ts; the engine never asks, it reads forwards (event-log.ts).
import type { LogRecord, PartitionNo, Seq } from "../core/types.ts";

export interface LogLookup {
  /** In the order of the positions; undefined in place of a message that is gone. */
  at(partition: PartitionNo, seqs: readonly Seq[]): Promise<readonly (LogRecord | undefined)[]>;
  /** What stands from one position to another, both among them, oldest first. What is gone is left out: it may be all. */
  between(partition: PartitionNo, from: Seq, to: Seq): Promise<readonly LogRecord[]>;
  /** An empty log has last = first − 1. */
  bounds(partition: PartitionNo): Promise<{ readonly first: Seq; readonly last: Seq }>;
}
