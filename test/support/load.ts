// Fast shop traffic for the deep tests: every event is sent until its log has acknowledged it, through outages too.
// What is counted here as stored must be in the logs afterwards, each event once.
import { setTimeout as sleep } from "node:timers/promises";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { Names } from "../../lib/nats/names.ts";
import { publish } from "../../lib/nats/wire.ts";
import type { SceneEvent } from "../../lib/scenes/scene.ts";
import { shopTraffic } from "../../lib/shop/traffic.ts";
import { grouped } from "./grouped.ts";
import { until } from "./until.ts";

const TURN_MS = 10;
const RETRY_MS = 100;
const ONLINE_MAX = 400;
/** A publisher that may have so many unacknowledged lags behind its pace only when the server does. */
const UNACKED_MAX = 1_024;

export interface LoadOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly seed: number;
  readonly shoppers: number;
  readonly eventsPerSecond: number;
  /** That people belong to; none when it is not said. */
  readonly accounts?: number;
}

export class Load {
  /** Events that a log has acknowledged. */
  stored = 0;
  /** Tries that failed and were made again. */
  retries = 0;
  private readonly options: LoadOptions;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private readonly startedMs = performance.now();
  private stoppedMs = 0;
  private abandoned = false;

  constructor(options: LoadOptions) {
    this.options = options;
    this.running = this.run();
  }

  /** Until so many more events are stored. */
  async flows(more: number, timeoutMs = 60_000): Promise<void> {
    const goal = this.stored + more;
    await until(`${more} more events are stored`, () => this.stored >= goal, timeoutMs);
  }

  /** No more, and nobody waits for what is on its way: the end of a test that has failed already. */
  abandon(): void {
    this.stopping.abort();
    this.abandoned = true;
  }

  /** No more; resolves when all that was sent is acknowledged. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  get perSecond(): number {
    const endMs = this.stoppedMs === 0 ? performance.now() : this.stoppedMs;
    return Math.round(this.stored / ((endMs - this.startedMs) / 1_000));
  }

  private async run(): Promise<void> {
    const { seed, shoppers, eventsPerSecond, accounts } = this.options;
    const unacked = new Set<Promise<void>>();
    const online = Math.min(ONLINE_MAX, Math.ceil(shoppers / 4));
    const visits = shopTraffic({ seed, run: `load-${seed}`, shoppers, online, now: Date.now });
    const traffic = accounts === undefined ? visits : grouped(visits, accounts, seed);
    let sent = 0;
    let since = performance.now();
    while (!this.stopping.signal.aborted) {
      let due = Math.floor(((performance.now() - since) / 1_000) * eventsPerSecond) - sent;
      for (; due > 0 && unacked.size < UNACKED_MAX; due -= 1) {
        const ack = this.send(traffic.next().value).then(() => {
          unacked.delete(ack);
        });
        unacked.add(ack);
        sent += 1;
      }
      // What an outage held up is not sent all at once afterwards.
      if (unacked.size >= UNACKED_MAX) {
        since = performance.now();
        sent = 0;
      }
      await sleep(TURN_MS);
    }
    await Promise.all(unacked);
    this.stoppedMs = performance.now();
  }

  private async send({ subjectToken, event }: SceneEvent): Promise<void> {
    const { nc, names } = this.options;
    const mh = headers();
    mh.set("Nats-Msg-Id", event.messageId);
    while (!this.abandoned) {
      const outcome = await publish(nc, names.eventSubject(subjectToken), JSON.stringify(event), mh);
      if (outcome.kind === "stored") {
        this.stored += 1;
        return;
      }
      this.retries += 1;
      await sleep(RETRY_MS);
    }
  }
}
