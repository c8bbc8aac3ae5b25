// A load of which every event flips one person's one segment, so that every event gives one delta; and how long each took.
// Used by the latency and the backfill bench.
import assert from "node:assert/strict";
import type { BenchServer } from "./server.ts";

export const SWITCH = { id: "switched-on", kind: "user", rule: { trait: { on: true } } };

const PEOPLE = 1_000;
const TURN_MS = 2;
const WARM_SHARE = 0.1;
const WAIT_MS_MAX = 20_000;

export class Switching {
  /** Events that were published so far. */
  sent = 0;

  /** Publishes at a steady pace, and waits until each event has been heard of; milliseconds from publish to delta, each. */
  async measure({ nc, names }: Pick<BenchServer, "nc" | "names">, rate: number, seconds: number): Promise<number[]> {
    const total = Math.round(rate * seconds);
    const sentMs = new Float64Array(total);
    const heardMs = new Float64Array(total);
    const [first, heard] = [this.sent, { count: 0 }];
    this.sent += total;
    const subscription = nc.subscribe(names.segmentSubject("*", "*"), {
      callback: (_error, message) => {
        const nowMs = performance.now();
        const body = message.json<{ cause?: { messageId: string }; messageId?: string }>();
        const index = Number(body.cause?.messageId ?? body.messageId) - first;
        if (!(index >= 0 && index < total)) return;
        if (heardMs[index] !== 0) throw new Error(`event ${index} was heard of twice`);
        heardMs[index] = nowMs;
        heard.count += 1;
      },
    });
    await nc.flush();
    const startedMs = performance.now();
    for (let sent = 0; sent < total; ) {
      const due = Math.min(total, Math.ceil(((performance.now() - startedMs) / 1_000) * rate));
      for (; sent < due; sent += 1) {
        sentMs[sent] = performance.now();
        nc.publish(names.eventSubject(`u${(first + sent) % PEOPLE}`), eventOf(first + sent));
      }
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
    const untilMs = performance.now() + WAIT_MS_MAX;
    while (heard.count < total && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    subscription.unsubscribe();
    assert.equal(heard.count, total, "an event was not heard of");
    return Array.from(heardMs, (ms, index) => ms - sentMs[index]!).slice(Math.floor(total * WARM_SHARE));
  }
}

/** Each person is switched on and off in turns, so that every event flips. */
function eventOf(index: number): string {
  const on = Math.floor(index / PEOPLE) % 2 === 0;
  return `{"type":"identify","userId":"u${index % PEOPLE}","messageId":"${index}","traits":{"on":${on}}}`;
}
