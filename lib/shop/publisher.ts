// Lets the sample shop's traffic out at a steady pace, every event acked by its log.
// Last of the shop's files; cmd/dev.ts starts it.
import { setTimeout as sleep } from "node:timers/promises";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { Names } from "../nats/names.ts";
import { publish } from "../nats/wire.ts";
import type { ShopEvent } from "./traffic.ts";

const TURN_MS = 50;
const UNACKED_MAX = 256;
const OUTAGE_PAUSE_MS = 1_000;

export interface ShopPublisherOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly traffic: Iterable<ShopEvent> | AsyncIterable<ShopEvent>;
  readonly eventsPerSecond: number;
  /** Ends the shop; what is on its way is still waited for. */
  readonly signal: AbortSignal;
  /** Told once an outage, and again when events go in. */
  readonly onOutage: (reason: string | undefined) => void;
}

export interface ShopReport {
  readonly stored: number;
  readonly failed: number;
}

export async function runShop(options: ShopPublisherOptions): Promise<ShopReport> {
  const { eventsPerSecond, signal } = options;
  const counts = { stored: 0, failed: 0 };
  const unacked = new Set<Promise<void>>();
  let outage = false;
  let startedMs = performance.now();
  let sent = 0;
  for await (const event of options.traffic) {
    while (!signal.aborted && (sent >= dueBy(startedMs, eventsPerSecond) || unacked.size >= UNACKED_MAX)) {
      await sleep(TURN_MS, undefined, { signal }).catch(() => {});
    }
    if (signal.aborted) break;
    const ack = send(options, event).then((reason) => {
      unacked.delete(ack);
      if (reason === undefined) counts.stored += 1;
      else counts.failed += 1;
      if ((reason !== undefined) !== outage) options.onOutage(reason);
      outage = reason !== undefined;
    });
    unacked.add(ack);
    sent += 1;
    if (!outage) continue;
    await sleep(OUTAGE_PAUSE_MS, undefined, { signal }).catch(() => {});
    // What was not sent meanwhile is not made up for: a shop's customers do not wait either.
    startedMs = performance.now();
    sent = 0;
  }
  await Promise.all(unacked);
  return counts;
}

function dueBy(startedMs: number, eventsPerSecond: number): number {
  return ((performance.now() - startedMs) / 1_000) * eventsPerSecond;
}

/** The reason when it was not stored. Its id makes a second try within two minutes harmless, but the shop does not try. */
async function send(
  { nc, names }: ShopPublisherOptions,
  { subjectToken, event }: ShopEvent,
): Promise<string | undefined> {
  const mh = headers();
  mh.set("Nats-Msg-Id", event.messageId);
  const ended = await publish(nc, names.eventSubject(subjectToken), JSON.stringify(event), mh);
  return ended.kind === "stored" ? undefined : ended.kind === "fenced" ? "fenced" : ended.reason;
}
