// Counts the deltas of SEGMENTS into the time series, each once: chunks and the position up to which they are counted are stored
// together, fenced by that position. Every api process has one; whoever is fenced stands by, and takes over when nobody counts.
//
//   SEGMENTS ──deltas──▶ waiting ──some at a time──▶ chunks of this process ──one batch──▶ SERIES: chunks + position
//
// Begun anew, it goes on at the stored position: what was not stored is counted again, what was is not.
import type { Published } from "../ports/publishing.ts";
import { type CountedDelta, SeriesMissing, type SeriesPosition, type SeriesStore } from "../ports/series.ts";
import { type Cells, cellOf, chunkKey, count, decodeCells, encodeCells, STEPS, type Step, stepOfKey } from "./cells.ts";

/** Deltas that wait to be counted; beyond it the stream waits. */
const WAITING_MAX = 20_000;
/** Chunks held in memory; beyond it all are read again when they are needed. */
const HELD_MAX = 20_000;
const RETRY_MS = 1_000;

export interface Retention {
  /** How long minutes and hours are kept after their last change; 0 keeps them. Days are kept always. */
  readonly minutesKeptMs: number;
  readonly hoursKeptMs: number;
}

const DAY_MS = 86_400_000;
export const RETENTION_DEFAULT: Retention = { minutesKeptMs: 7 * DAY_MS, hoursKeptMs: 400 * DAY_MS };

export interface KeeperLog {
  warn(fields: object, message: string): void;
}

export interface KeeperOptions extends Retention {
  readonly store: SeriesStore;
  readonly log: KeeperLog;
  /** How long deltas may wait, so that many are written at once. */
  readonly writeEveryMs?: number;
  /** How long whoever stands by watches a position that does not move while there is something to count. */
  readonly standByMs?: number;
}

const WRITE_EVERY_MS = 1_000;
const STAND_BY_MS = 5_000;

type Ended = "stored" | "fenced" | "again";

export class SeriesKeeper {
  private readonly options: KeeperOptions;
  private readonly keepMs: Readonly<Record<Step, number>>;
  private stopped = false;
  private wake: () => void = () => {};
  private readonly running: Promise<void>;
  /** Between two lookings at the stored position: what is known of it, and what follows it. */
  private position: SeriesPosition = { seq: 0, at: "" };
  private revision = 0;
  private readonly held = new Map<string, Cells>();
  private waiting: CountedDelta[] = [];
  private fault: Error | undefined;
  private isMissing = false;

  constructor(options: KeeperOptions) {
    this.options = options;
    this.keepMs = { minute: options.minutesKeptMs, hour: options.hoursKeptMs, day: 0 };
    this.running = this.run();
  }

  /** What waits is left to whoever counts next. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        const ended = await this.keep();
        if (ended === "fenced") await this.standBy();
      } catch (error) {
        if (this.stopped) return;
        this.warn(error as Error);
        await this.sleep(RETRY_MS);
      }
    }
  }

  /** Of an older data set, which has no series until a worker of this version has come, it is said once. */
  private warn(error: Error): void {
    const isMissing = error instanceof SeriesMissing;
    if (isMissing && this.isMissing) return;
    this.isMissing = isMissing;
    this.options.log.warn({ err: error }, "series: segments are not counted just now; trying again");
  }

  /** Counts from the stored position on, until somebody else does or something is in doubt. */
  private async keep(): Promise<Ended> {
    const { store, writeEveryMs = WRITE_EVERY_MS } = this.options;
    this.forget();
    ({ position: this.position, revision: this.revision } = await store.position());
    this.isMissing = false;
    await this.assertSameStream();
    const following = store.follow(
      this.position.seq + 1,
      () => WAITING_MAX - this.waiting.length,
      (delta) => {
        this.waiting.push(delta);
        this.wake();
      },
      (error) => {
        this.fault = error;
        this.wake();
      },
    );
    try {
      while (!this.stopped) {
        if (this.fault !== undefined) throw this.fault;
        if (this.waiting.length === 0) await this.sleep(undefined);
        else if (this.waiting.length < WAITING_MAX / 2) await this.sleep(writeEveryMs, true);
        if (this.stopped || this.waiting.length === 0) continue;
        const ended = await this.writeSome();
        if (ended !== "stored") return ended;
        following.refill();
      }
      return "stored";
    } finally {
      following.stop();
    }
  }

  /** As many as fit one batch. */
  private async writeSome(): Promise<Ended> {
    const { store } = this.options;
    const { taken, keys } = this.firstOfWaiting();
    await this.hold([...keys]);
    for (const delta of taken) {
      for (const step of STEPS) {
        const cell = cellOf(delta.at, step);
        count(this.held.get(chunkKey(delta.segment, step, cell))!, cell, delta.change);
      }
    }
    const position = { seq: taken.at(-1)!.seq, at: new Date().toISOString() };
    const chunks = Array.from(keys, (key) => ({
      key,
      body: encodeCells(this.held.get(key)!),
      keepMs: this.keepMs[stepOfKey(key)],
    }));
    const written = await store.write(this.revision, position, chunks);
    if (written.kind !== "stored") return this.inDoubt(written);
    this.waiting.splice(0, taken.length);
    this.position = position;
    this.revision = written.seq;
    if (this.held.size > HELD_MAX) this.held.clear();
    return "stored";
  }

  private firstOfWaiting(): { readonly taken: readonly CountedDelta[]; readonly keys: ReadonlySet<string> } {
    const keys = new Set<string>();
    let taken = 0;
    for (const { segment, at } of this.waiting) {
      if (keys.size + STEPS.length > this.options.store.chunksMax) break;
      for (const step of STEPS) keys.add(chunkKey(segment, step, cellOf(at, step)));
      taken += 1;
    }
    return { taken: this.waiting.slice(0, taken), keys };
  }

  /** While the position is ours nobody else has changed a chunk, so what was read or written once is still so. */
  private async hold(keys: readonly string[]): Promise<void> {
    const missing = keys.filter((key) => !this.held.has(key));
    const found = await this.options.store.chunks(missing);
    for (const key of missing) this.held.set(key, decodeCells(found.get(key) ?? "[]"));
  }

  /** Whatever became of it, the stored position tells: what this process believes is forgotten. */
  private inDoubt(written: Exclude<Published, { kind: "stored" }>): Ended {
    this.forget();
    if (written.kind === "fenced") return "fenced";
    throw new Error(`writing the time series: ${written.reason}`);
  }

  private forget(): void {
    this.held.clear();
    this.waiting = [];
    this.fault = undefined;
  }

  /** Somebody else counts: watches until they no longer do though there is something to count. */
  private async standBy(): Promise<void> {
    const { store, standByMs = STAND_BY_MS } = this.options;
    for (let seen = -1; !this.stopped; ) {
      const { position, revision } = await store.position();
      const isBehind = (await store.lastDelta()) > position.seq;
      if (revision === seen && isBehind) return;
      seen = isBehind ? revision : -1;
      await this.sleep(standByMs);
    }
  }

  private async assertSameStream(): Promise<void> {
    const last = await this.options.store.lastMessage();
    if (last >= this.position.seq) return;
    throw new Error(
      `the time series are counted up to message ${this.position.seq} of SEGMENTS, which ends at ${last}: it is an older ` +
        "copy. Restore both from one backup, or purge the bucket SERIES (`nats stream purge KV_SERIES`): all is counted anew then",
    );
  }

  /** Until it is woken, or so long; what comes meanwhile wakes nobody who gathers. */
  private sleep(ms: number | undefined, gathers = false): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.wake = () => {
        if (gathers && !this.stopped && this.fault === undefined && this.waiting.length < WAITING_MAX / 2) return;
        clearTimeout(timer);
        resolve();
      };
      if (this.stopped) this.wake();
    });
  }
}
