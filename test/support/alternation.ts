// Law 4 as a plain subscriber sees it: of each member in each segment joined and left alternate, numbered 1, 2, 3 … without a
// gap or a repeat. Keeps a number or two a member and segment, so that it can listen to millions.
import type { Msg, NatsConnection } from "@nats-io/transport-node";

const FAULTS_SHOWN = 10;
/** Where the message stands in SEGMENTS; the server puts it on what it republishes. */
const SEQUENCE_HEADER = "Nats-Sequence";

export interface AlternationOptions {
  /**
   * Servers are harmed while it listens: what is said while it is not connected is missed, and a server that wakes after
   * an election may republish what is stored once more. Both are counted; another message in the stream is still a fault.
   */
  readonly loose?: boolean;
}

export class Alternation {
  heard = 0;
  /** Numbers passed over. */
  missed = 0;
  /** The same stored message, heard another time. */
  again = 0;
  readonly faults: string[] = [];
  private readonly last = new Map<string, number>();
  private readonly lastSequence = new Map<string, number>();
  private readonly loose: boolean;

  private constructor(loose: boolean) {
    this.loose = loose;
  }

  /** Hears everything from now on; whoever opens it before the first delta hears all. */
  static async open(nc: NatsConnection, { loose = false }: AlternationOptions = {}): Promise<Alternation> {
    const alternation = new Alternation(loose);
    nc.subscribe("segment.*.*", {
      callback: (error, message) => {
        if (error === null) alternation.hear(message);
      },
    });
    await nc.flush();
    return alternation;
  }

  private hear(message: Msg): void {
    const { segment, id, change, n } = message.json<{ segment: string; id: string; change: string; n: number }>();
    this.heard += 1;
    const key = `${segment} ${id}`;
    const before = this.last.get(key) ?? 0;
    if (this.loose) {
      const sequence = Number(message.headers?.get(SEQUENCE_HEADER));
      if (sequence <= (this.lastSequence.get(key) ?? 0)) {
        this.again += 1;
        return;
      }
      this.lastSequence.set(key, sequence);
    }
    this.last.set(key, n);
    const alternates = change === (n % 2 === 1 ? "joined" : "left");
    const follows = n === before + 1 || (this.loose && n > before);
    if (follows) this.missed += n - before - 1;
    if (follows && alternates && message.subject === `segment.${segment}.${change}`) return;
    if (this.faults.length < FAULTS_SHOWN) this.faults.push(`${message.subject} ${id}: ${change} ${n} after ${before}`);
  }
}
