// One topic with its listeners and its last messages: the source tells it once, however many listen, and whoever comes back
// soon is told what they missed. feed.ts opens one when somebody asks, and closes it some time after nobody does.
import type { Said, Source, Telling } from "./source.ts";

/** What a topic told, kept for a while; bounded by number, by size, and by age: it may name somebody who was erased since. */
const KEPT_MAX = 256;
const KEPT_BYTES_MAX = 512 * 1024;
const KEPT_MS_MAX = 5 * 60_000;

export interface Told {
  /** Counted over all topics of the feed. */
  readonly seq: number;
  /** The lines of the message but its id, for who sees personal data. */
  readonly full: string;
  /** And for who does not. */
  readonly masked: string;
}

export interface Listener {
  hear(told: Told): void;
}

export class Channel {
  readonly topic: string;
  readonly listeners = new Set<Listener>();
  /** Nothing that was told after this is lost. */
  private completeSince: number;
  private kept: (Told & { readonly at: number })[] = [];
  private keptBytes = 0;
  private readonly source: Source;
  private readonly nextSeq: () => number;
  private readonly now: () => number;

  /** `seq`: the last that the feed told of anything. `now`: milliseconds that only go forwards. */
  constructor(topic: string, source: Source, seq: number, nextSeq: () => number, now = () => performance.now()) {
    this.topic = topic;
    this.now = now;
    this.source = source;
    this.completeSince = seq;
    this.nextSeq = nextSeq;
    source.start((telling) => this.tell(telling));
  }

  close(): void {
    this.source.stop();
    this.listeners.clear();
    this.kept = [];
  }

  ready(): Promise<void> {
    return this.source.ready();
  }

  snapshot(personal: boolean): string {
    return frameOf(this.topic, { event: "snapshot", said: this.source.whole() }, personal);
  }

  /** What was told after `seq`; undefined when some of it is not kept any more. */
  since(seq: number): readonly Told[] | undefined {
    this.letGo();
    return seq < this.completeSince ? undefined : this.kept.filter((told) => told.seq > seq);
  }

  private tell(telling: Telling): void {
    // As text at once: what it was made of may be many times as large, and nobody would count it.
    const [full, masked] = [frameOf(this.topic, telling, true), frameOf(this.topic, telling, false)];
    const told = { seq: this.nextSeq(), full, masked: masked === full ? full : masked };
    this.keep(told);
    for (const listener of [...this.listeners]) listener.hear(told);
  }

  private keep(told: Told): void {
    this.kept.push({ ...told, at: this.now() });
    this.keptBytes += sizeOf(told);
    this.letGo();
  }

  /** Of what is kept, all that is too much or too old; asked now and then where nothing is told. */
  letGo(): void {
    const until = this.now() - KEPT_MS_MAX;
    while (this.kept.length > KEPT_MAX || this.keptBytes > KEPT_BYTES_MAX || (this.kept[0]?.at ?? until) < until) {
      const gone = this.kept.shift()!;
      this.keptBytes -= sizeOf(gone);
      this.completeSince = gone.seq;
    }
  }
}

function sizeOf({ full, masked }: Told): number {
  return full.length + (masked === full ? 0 : masked.length);
}

/** JSON has no line breaks of its own, so one data line is enough. */
function frameOf(topic: string, { event, said }: { readonly event: string; readonly said: Said }, personal: boolean) {
  return `event: ${event}\ndata: ${JSON.stringify({ topic, data: said(personal) })}\n\n`;
}
