// Law 4 as a plain subscriber sees it: of each member in each segment joined and left alternate, numbered 1, 2, 3 … without a
// gap or a repeat. Keeps one number a member and segment, so that it can listen to millions.
import type { NatsConnection } from "@nats-io/transport-node";

const FAULTS_SHOWN = 10;

export class Alternation {
  heard = 0;
  readonly faults: string[] = [];
  private readonly last = new Map<string, number>();

  private constructor() {}

  /** Hears everything from now on; whoever opens it before the first delta hears all. */
  static async open(nc: NatsConnection): Promise<Alternation> {
    const alternation = new Alternation();
    nc.subscribe("segment.*.*", {
      callback: (error, message) => {
        if (error === null) alternation.hear(message.subject, message.json());
      },
    });
    await nc.flush();
    return alternation;
  }

  private hear(subject: string, delta: { segment: string; id: string; change: string; n: number }): void {
    const { segment, id, change, n } = delta;
    this.heard += 1;
    const key = `${segment} ${id}`;
    const before = this.last.get(key) ?? 0;
    this.last.set(key, n);
    const alternates = change === (n % 2 === 1 ? "joined" : "left");
    if (n === before + 1 && alternates && subject === `segment.${segment}.${change}`) return;
    if (this.faults.length < FAULTS_SHOWN) this.faults.push(`${subject} ${id}: ${change} ${n} after ${before}`);
  }
}
