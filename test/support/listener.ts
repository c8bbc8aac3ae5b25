// A plain NATS client, as another service would have it: it subscribes to segment.*.joined and segment.*.left and notes
// when each delta came. Nothing of ours between it and the server.
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { until } from "./until.ts";

export interface Heard {
  readonly subject: string;
  readonly segment: string;
  readonly version: number;
  readonly kind: string;
  readonly id: string;
  readonly change: "joined" | "left";
  readonly n: number;
  /** ISO 8601. */
  readonly at: string;
  readonly cause: { readonly type: string; readonly seq: number; readonly messageId?: string };
  /** Wall clock, and monotonic clock. */
  readonly heardMs: number;
  readonly heardAt: number;
}

export class Listener {
  readonly nc: NatsConnection;
  readonly heard: Heard[] = [];

  private constructor(nc: NatsConnection) {
    this.nc = nc;
    for (const subject of ["segment.*.joined", "segment.*.left"]) {
      nc.subscribe(subject, {
        callback: (error, message) => {
          if (error !== null) return;
          const delta = message.json<Omit<Heard, "subject" | "heardMs" | "heardAt">>();
          this.heard.push({ ...delta, subject: message.subject, heardMs: Date.now(), heardAt: performance.now() });
        },
      });
    }
  }

  static async open(url: string): Promise<Listener> {
    const listener = new Listener(await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 }));
    await listener.nc.flush();
    return listener;
  }

  /** Publishes as a channel does, and waits for the log's word that it is stored. */
  async send(token: string, event: unknown): Promise<number> {
    const body = typeof event === "string" || event instanceof Uint8Array ? event : JSON.stringify(event);
    const reply = await this.nc.request(`events.${token}`, body, { timeout: 10_000 });
    const ack = reply.json<{ seq?: number; error?: { description?: string } }>();
    if (ack.seq === undefined) throw new Error(`events.${token} was not stored: ${ack.error?.description}`);
    return ack.seq;
  }

  of(id: string, segment?: string): Heard[] {
    return this.heard.filter((delta) => delta.id === id && (segment === undefined || delta.segment === segment));
  }

  /** The delta with that number, when it comes. */
  async delta(segment: string, id: string, n: number, timeoutMs?: number): Promise<Heard> {
    const find = (): Heard | undefined => this.of(id, segment).find((delta) => delta.n === n);
    await until(`delta ${n} of ${id} in ${segment}`, () => find() !== undefined, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}; heard of ${id}: ${JSON.stringify(this.of(id))}`);
    });
    return find()!;
  }

  close(): Promise<void> {
    return this.nc.close();
  }
}

export function track(userId: string, event: string, properties: object = {}, more: object = {}): object {
  return { type: "track", userId, event, properties, ...more };
}
