// Everything a shard asks of the world, in one place: given once at start, by lib/nats or by lib/memory.
import type { PartitionNo } from "../core/types.ts";
import type { Cluster } from "./cluster.ts";
import type { ControlLog } from "./control-log.ts";
import type { DeltaSink } from "./delta-sink.ts";
import type { ControlEraser, ErasureLedger, StreamEraser } from "./erasing.ts";
import type { EventLog } from "./event-log.ts";
import type { LinkSink } from "./link-sink.ts";
import type { PageStore } from "./page-store.ts";
import type { QuestionDesk } from "./questions.ts";
import type { Rejects } from "./rejects.ts";

export interface PartitionWorld {
  readonly log: EventLog;
  readonly sink: DeltaSink;
  readonly links: LinkSink;
  readonly pages: PageStore;
  readonly rejects: Rejects;
  readonly desk: QuestionDesk;
  readonly ledger: ErasureLedger;
  readonly eraser: StreamEraser;
}

export interface World {
  readonly partitions: number;
  readonly control: ControlLog;
  readonly controlEraser: ControlEraser;
  readonly cluster: Cluster;
  partition(p: PartitionNo): PartitionWorld;
}
