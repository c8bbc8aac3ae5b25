// Who is alive: one key a shard in the KV bucket CLUSTER. Answers lib/ports/cluster.ts.
// Heartbeats are heard as they are published; the bucket keeps the last one of each for people and tools to look at.
import { headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import type { Cluster, Hearing, Heartbeat } from "../ports/cluster.ts";
import type { Names } from "./names.ts";
import { publish } from "./wire.ts";

const OPERATION = "KV-Operation";
/** Of a shard that is gone nothing is left in the bucket after so long. Whether it is gone, the others know much earlier. */
const KEPT = "60s";

export class NatsCluster implements Cluster {
  private readonly nc: NatsConnection;
  private readonly prefix: string;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.prefix = `$KV.${names.clusterBucket}.shard.`;
  }

  async beat(heartbeat: Heartbeat): Promise<void> {
    // A beat that is lost is followed by another; silence is what the others judge.
    const mh = headers();
    mh.set("Nats-TTL", KEPT);
    await publish(this.nc, this.prefix + heartbeat.shard, JSON.stringify(heartbeat), mh);
  }

  hear(onBeat: (heartbeat: Heartbeat) => void): Hearing {
    return this.listen((_shard, message) => {
      if (message.data.length > 0) onBeat(message.json<Heartbeat>());
    });
  }

  async leave(shard: string): Promise<void> {
    const mh = headers();
    mh.set(OPERATION, "PURGE");
    mh.set("Nats-Rollup", "sub");
    await publish(this.nc, this.prefix + shard, "", mh);
  }

  hearLeaving(onLeave: (shard: string) => void): Hearing {
    return this.listen((shard, message) => {
      if (message.headers?.get(OPERATION) === "PURGE") onLeave(shard);
    });
  }

  private listen(onMessage: (shard: string, message: Msg) => void): Hearing {
    const subscription = this.nc.subscribe(`${this.prefix}*`, {
      callback: (error, message) => {
        if (error === null) onMessage(message.subject.slice(this.prefix.length), message);
      },
    });
    return { stop: () => subscription.unsubscribe() };
  }
}
