// Two kinds of what a topic tells: something that is asked for again and again and told when it differs, and things that
// happen and are told in batches. Either keeps what a newcomer must know first. The topics themselves are sources.ts.
import type { Json } from "../../core/types.ts";
import { type Meant, Recent, type Whose } from "../audience/recent.ts";

/** What is told, for whoever sees personal data and for whoever does not. */
export type Said = (personal: boolean) => Json;

export interface Telling {
  /** `snapshot`: forget what was told before. */
  readonly event: "snapshot" | "delta";
  readonly said: Said;
}

export interface Source {
  /** Begins; from then on it tells. */
  start(tell: (telling: Telling) => void): void;
  stop(): void;
  /** Resolves once `whole` can say something. Never rejects. */
  ready(): Promise<void>;
  /** Everything up to what was told last. */
  whole(): Said;
}

/** Nobody can say just now; a snapshot follows as soon as somebody can. */
const UNAVAILABLE: Said = () => ({ unavailable: true });
/** Four a second a topic at most. */
const BATCH_MS = 250;

export interface Polled<T> {
  readonly periodMs: number;
  ask(): Promise<T>;
  /** All of it. */
  whole(value: T, personal: boolean): Json;
  /** What differs; undefined: nothing does. */
  difference(before: T, after: T, personal: boolean): Json | undefined;
}

/** Asked once a period however many listen, and never again before an answer has come. */
export class PolledSource<T extends object> implements Source {
  private readonly polled: Polled<T>;
  private tell: (telling: Telling) => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;
  private value: T | undefined;
  private first: Promise<void> | undefined;
  private stopped = false;

  constructor(polled: Polled<T>) {
    this.polled = polled;
  }

  start(tell: (telling: Telling) => void): void {
    this.tell = tell;
    this.first = this.poll();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  ready(): Promise<void> {
    return this.first ?? Promise.resolve();
  }

  whole(): Said {
    const { value, polled } = this;
    return value === undefined ? UNAVAILABLE : (personal) => polled.whole(value, personal);
  }

  private async poll(): Promise<void> {
    const isFirst = this.first === undefined;
    const before = this.value;
    this.value = await this.polled.ask().catch(() => undefined);
    if (this.stopped) return;
    if (!isFirst) this.tellDifference(before, this.value);
    this.timer = setTimeout(() => void this.poll(), this.polled.periodMs);
  }

  private tellDifference(before: T | undefined, after: T | undefined): void {
    const { difference } = this.polled;
    if (before === undefined || after === undefined) {
      if (before !== after) this.tell({ event: "snapshot", said: this.whole() });
    } else if (difference(before, after, true) !== undefined) {
      // Who sees less may see no difference, and is told that there is one.
      this.tell({ event: "delta", said: (personal) => difference(before, after, personal) ?? {} });
    }
  }
}

export interface Gathered<T> {
  /** Calls for each one that happens, until the function it gives is called. */
  listen(onOne: (one: T) => void): () => void;
  /** The last ones before anybody listened, newest first. */
  readonly recent: readonly T[];
  whose(one: T): readonly Whose[];
  /** Calls for everybody who is erased, until the function it gives is called. */
  onErased(listener: (isMeant: Meant) => void): () => void;
  /** A burst is sampled: the stream shows that it happens, the log holds all of it. */
  readonly batchMax: number;
  shown(one: T, personal: boolean): Json;
  /** What a newcomer is told besides; asked once, when the first one comes. */
  besides?(): Promise<(personal: boolean) => Readonly<Record<string, Json>>>;
}

const RECENT_MAX = 50;

/** What happens within a quarter of a second is told together. */
export class GatheredSource<T> implements Source {
  private readonly gathered: Gathered<T>;
  private deafen: () => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;
  private waiting: T[] = [];
  private skipped = 0;
  /** Told already: what is waiting is told to the newcomer after its snapshot. */
  private readonly recent: Recent<T>;
  /** Who was erased while something waits: it is told yet, and then forgotten. */
  private erased: Meant[] = [];
  private besides: (personal: boolean) => Readonly<Record<string, Json>> = () => ({});

  constructor(gathered: Gathered<T>) {
    this.gathered = gathered;
    this.recent = new Recent(RECENT_MAX, (one) => gathered.whose(one), gathered.recent);
  }

  start(tell: (telling: Telling) => void): void {
    const ends = [
      this.gathered.listen((one) => {
        if (this.waiting.length < this.gathered.batchMax) this.waiting.push(one);
        else this.skipped += 1;
      }),
      this.gathered.onErased((isMeant) => {
        this.recent.forget(isMeant);
        if (this.waiting.length > 0) this.erased.push(isMeant);
      }),
    ];
    this.deafen = () => {
      for (const end of ends) end();
    };
    this.timer = setInterval(() => this.flush(tell), BATCH_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.deafen();
  }

  async ready(): Promise<void> {
    if (this.gathered.besides === undefined) return;
    this.besides = await this.gathered.besides().catch(() => this.besides);
  }

  whole(): Said {
    const { besides, gathered } = this;
    const recent = this.recent.newestFirst;
    return (personal) => ({ ...besides(personal), recent: recent.map((one) => gathered.shown(one, personal)) });
  }

  private flush(tell: (telling: Telling) => void): void {
    if (this.waiting.length === 0) return;
    const { waiting, skipped, gathered } = this;
    this.waiting = [];
    this.skipped = 0;
    this.recent.add(...waiting);
    for (const isMeant of this.erased.splice(0)) this.recent.forget(isMeant);
    tell({
      event: "delta",
      said: (personal) => ({ items: waiting.map((one) => gathered.shown(one, personal)), skipped }),
    });
  }
}
