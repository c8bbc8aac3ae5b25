// Everything a shard asks of the world, answered by one NATS connection.
import type { NatsConnection } from "@nats-io/transport-node";
import type { World } from "../ports/world.ts";
import { NatsCluster } from "./cluster.ts";
import { NatsControlEraser } from "./control-erasing.ts";
import { NatsControlLog } from "./control-log.ts";
import { NatsDeltaSink } from "./delta-sink.ts";
import { NatsEraser, NatsLedger } from "./erasing.ts";
import { NatsEventLog } from "./event-log.ts";
import { Gate } from "./gate.ts";
import { NatsLinkSink } from "./link-sink.ts";
import type { Names } from "./names.ts";
import { NatsPageStore } from "./page-store.ts";
import { NatsQuestionDesk } from "./questions.ts";
import { NatsRejects } from "./rejects.ts";

/** The server allows 50 open batches a stream; several shards share them. */
const BATCHES_OPEN_MAX = 8;
const PAGES_UNDER_WAY_MAX = 32;

export function natsWorld(nc: NatsConnection, names: Names, partitions: number): World {
  const batches = new Gate(BATCHES_OPEN_MAX);
  const links = new Gate(BATCHES_OPEN_MAX);
  const pages = new Gate(PAGES_UNDER_WAY_MAX);
  return {
    partitions,
    control: new NatsControlLog(nc, names),
    controlEraser: new NatsControlEraser(nc, names),
    cluster: new NatsCluster(nc, names),
    partition: (p) => ({
      log: new NatsEventLog(nc, names, p),
      sink: new NatsDeltaSink(nc, names, p, batches),
      links: new NatsLinkSink(nc, names, p, links),
      pages: new NatsPageStore(nc, names, p, pages),
      rejects: new NatsRejects(nc, names, p),
      desk: new NatsQuestionDesk(nc, names, p),
      ledger: new NatsLedger(nc, names, p),
      eraser: new NatsEraser(nc, names, p),
    }),
  };
}
