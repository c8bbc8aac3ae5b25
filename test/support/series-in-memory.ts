// The bucket of time series and the stream that they are counted from, in memory: a write can be refused, lost on its way or lost
// on its way back, and another process may write in between. Answers lib/ports/series.ts.
import type { Published } from "../../lib/ports/publishing.ts";
import type {
  CountedDelta,
  DeltaFollowing,
  SeriesPosition,
  SeriesStore,
  StoredPosition,
  WrittenChunk,
} from "../../lib/ports/series.ts";

export type Fate = "stored" | "lost" | "stored-unheard";

export class SeriesInMemory implements SeriesStore {
  readonly deltas: CountedDelta[] = [];
  readonly kept = new Map<string, string>();
  /** What becomes of the next writes, in order; after the last one all are stored. */
  readonly fates: Fate[] = [];
  chunksMax = 900;
  written = 0;
  fenced = 0;
  private stored: StoredPosition = { position: { seq: 0, at: "" }, revision: 0 };
  private readonly followers = new Set<() => void>();

  say(...deltas: readonly Omit<CountedDelta, "seq">[]): void {
    // Watermarks lie between deltas.
    for (const delta of deltas) this.deltas.push({ seq: (this.deltas.at(-1)?.seq ?? 0) + 2, ...delta });
    for (const tell of this.followers) tell();
  }

  async position(): Promise<StoredPosition> {
    return this.stored;
  }

  async chunks(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return new Map(keys.flatMap((key) => (this.kept.has(key) ? [[key, this.kept.get(key)!] as const] : [])));
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return [...this.kept.keys()].filter((key) => key.startsWith(prefix));
  }

  async write(expected: number, position: SeriesPosition, chunks: readonly WrittenChunk[]): Promise<Published> {
    const fate = this.fates.shift() ?? "stored";
    if (fate === "lost") return { kind: "unknown", reason: "no answer" };
    if (expected !== this.stored.revision) {
      this.fenced += 1;
      return { kind: "fenced" };
    }
    for (const { key, body } of chunks) this.kept.set(key, body);
    this.written += 1;
    this.stored = { position, revision: this.stored.revision + chunks.length + 1 };
    if (fate === "stored-unheard") return { kind: "unknown", reason: "no answer" };
    return { kind: "stored", seq: this.stored.revision };
  }

  async lastDelta(): Promise<number> {
    return this.deltas.at(-1)?.seq ?? 0;
  }

  async lastMessage(): Promise<number> {
    return this.lastDelta();
  }

  follow(from: number, room: () => number, onDelta: (delta: CountedDelta) => void): DeltaFollowing {
    let next = from;
    const tell = (): void => {
      for (const delta of this.deltas) {
        if (room() <= 0) return;
        if (delta.seq < next) continue;
        next = delta.seq + 1;
        onDelta(delta);
      }
    };
    this.followers.add(tell);
    queueMicrotask(tell);
    return { refill: tell, stop: () => void this.followers.delete(tell) };
  }
}
