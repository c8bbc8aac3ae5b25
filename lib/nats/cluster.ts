// Who is alive: one key a shard in the KV bucket CLUSTER. Answers lib/ports/cluster.ts.
// Heartbeats are heard as they are published; the bucket keeps the last one of each for people and tools to look at.
import { headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import {
  type Cluster,
  type ClusterBook,
  type Hearing,
  type Heartbeat,
  type KnownShard,
  type KnownWishes,
  NO_WISHES,
  type Wishes,
} from "../ports/cluster.ts";
import type { Published } from "../ports/publishing.ts";
import type { Names } from "./names.ts";
import { api, expectLast, publish, stampMsOf, storedMessage } from "./wire.ts";

const OPERATION = "KV-Operation";
/** Of a shard that is gone nothing is left in the bucket after so long. Whether it is gone, the others know much earlier. */
const KEPT = "60s";

interface SubjectsReply {
  readonly state: { readonly subjects?: Readonly<Record<string, number>> };
  /** The server's clock. */
  readonly ts?: string;
}

export class NatsCluster implements Cluster, ClusterBook {
  private readonly nc: NatsConnection;
  private readonly stream: string;
  private readonly prefix: string;
  /** All wishes are one value: whoever reads them sees them as they were at one moment. */
  private readonly wishesSubject: string;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.stream = `KV_${names.clusterBucket}`;
    this.prefix = `$KV.${names.clusterBucket}.shard.`;
    this.wishesSubject = `$KV.${names.clusterBucket}.wishes`;
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

  async readWishes(): Promise<KnownWishes> {
    const stored = await storedMessage(this.nc, this.stream, { last_by_subj: this.wishesSubject });
    if (stored === undefined) return { wishes: NO_WISHES, revision: 0 };
    return { wishes: wishesOf(stored.data), revision: stored.seq };
  }

  writeWishes(wishes: Wishes, expected: number): Promise<Published> {
    const mh = expectLast(headers(), this.wishesSubject, expected);
    return publish(this.nc, this.wishesSubject, JSON.stringify(wishes), mh);
  }

  hearWishes(onChange: () => void): Hearing {
    const subscription = this.nc.subscribe(this.wishesSubject, {
      callback: (error) => {
        if (error === null) onChange();
      },
    });
    return { stop: () => subscription.unsubscribe() };
  }

  async shards(): Promise<readonly KnownShard[]> {
    const { state, ts } = await api<SubjectsReply>(this.nc, `STREAM.INFO.${this.stream}`, {
      subjects_filter: `${this.prefix}*`,
    });
    const stored = await Promise.all(
      Object.keys(state.subjects ?? {}).map((subject) =>
        storedMessage(this.nc, this.stream, { last_by_subj: subject }),
      ),
    );
    const known = stored.flatMap((message) => {
      const beat = message === undefined || message.data.length === 0 ? undefined : beatOf(message.data);
      if (beat === undefined) return [];
      const nowMs = ts === undefined ? Date.now() : stampMsOf(ts);
      return [{ beat, silentMs: Math.max(0, nowMs - message!.stampMs) }];
    });
    return known.sort((a, b) => (a.beat.shard < b.beat.shard ? -1 : 1));
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

/** What somebody wrote there by hand is no heartbeat. */
function beatOf(data: Uint8Array): Heartbeat | undefined {
  try {
    const read = JSON.parse(Buffer.from(data).toString()) as Partial<Heartbeat> | null;
    return typeof read?.shard === "string" && Array.isArray(read.holds) ? (read as Heartbeat) : undefined;
  } catch {
    return undefined;
  }
}

/** What cannot be read wishes nothing: the next write replaces it. */
function wishesOf(data: Uint8Array): Wishes {
  try {
    const { moves, drained } = (JSON.parse(Buffer.from(data).toString()) ?? {}) as Partial<Wishes>;
    const isMoves = typeof moves === "object" && moves !== null && Object.values(moves).every(isText);
    return {
      moves: isMoves ? moves : {},
      drained: Array.isArray(drained) ? drained.filter(isText) : [],
    };
  } catch {
    return NO_WISHES;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
