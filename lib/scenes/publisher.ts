// Lets a scene's traffic out at a steady pace, every event acked by its log.
// Stands after lib/shop and lib/saas; cmd/dev.ts starts it, once for each.
import { setTimeout as sleep } from "node:timers/promises";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { Names } from "../nats/names.ts";
import { publish } from "../nats/wire.ts";
import type { SceneEvent } from "./scene.ts";

const TURN_MS = 50;
const UNACKED_MAX = 256;
const OUTAGE_PAUSE_MS = 1_000;

export interface ScenePublisherOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly traffic: Iterable<SceneEvent> | AsyncIterable<SceneEvent>;
  readonly eventsPerSecond: number;
  /** Ends the scene; what is on its way is still waited for. */
  readonly signal: AbortSignal;
  /** Told once an outage, and again when events go in. */
  readonly onOutage: (reason: string | undefined) => void;
}

export interface SceneReport {
  readonly stored: number;
  readonly failed: number;
}

export async function playScene(options: ScenePublisherOptions): Promise<SceneReport> {
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
    // What was not sent meanwhile is not made up for: a scene's people do not wait either.
    startedMs = performance.now();
    sent = 0;
  }
  await Promise.all(unacked);
  return counts;
}

function dueBy(startedMs: number, eventsPerSecond: number): number {
  return ((performance.now() - startedMs) / 1_000) * eventsPerSecond;
}

/** The reason when it was not stored. Its id makes a second try within two minutes harmless, but a scene does not try. */
async function send(
  { nc, names }: ScenePublisherOptions,
  { subject, subjectToken, event }: SceneEvent,
): Promise<string | undefined> {
  const mh = headers();
  mh.set("Nats-Msg-Id", event.messageId);
  const to = subject === "events" ? names.eventSubject(subjectToken) : names.accountSubject(subjectToken);
  const ended = await publish(nc, to, JSON.stringify(event), mh);
  return ended.kind === "stored" ? undefined : ended.kind === "fenced" ? "fenced" : ended.reason;
}
