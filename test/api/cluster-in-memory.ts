// Workers and wishes in memory, for tests of the HTTP interface.
import {
  type ClusterBook,
  type KnownShard,
  type KnownWishes,
  NO_WISHES,
  type Wishes,
} from "../../lib/ports/cluster.ts";
import type { Published } from "../../lib/ports/publishing.ts";

export class ClusterInMemory implements ClusterBook {
  known: KnownShard[] = [shardOf("worker-1"), shardOf("worker-b-1"), shardOf("worker-b-2")];
  wishes: KnownWishes = { wishes: NO_WISHES, revision: 0 };
  /** Of how many writes to come another is first. */
  races = 0;

  async shards(): Promise<readonly KnownShard[]> {
    return this.known;
  }

  async readWishes(): Promise<KnownWishes> {
    return this.wishes;
  }

  async writeWishes(wishes: Wishes, expected: number): Promise<Published> {
    if (this.races > 0) {
      this.races -= 1;
      this.wishes = { ...this.wishes, revision: this.wishes.revision + 1 };
    }
    if (expected !== this.wishes.revision) return { kind: "fenced" };
    this.wishes = { wishes, revision: expected + 1 };
    return { kind: "stored", seq: expected + 1 };
  }
}

export function shardOf(shard: string, silentMs = 100): KnownShard {
  const process = { rssBytes: 90_000_000, heapBytes: 30_000_000, uptimeMs: 5_000 };
  return { beat: { shard, beat: 7, host: "here", pid: 4_711, process, holds: [], wants: [] }, silentMs };
}
