// A server in memory and the ways in which a real one fails its clients: lost, late and refused requests, lost answers, a cut
// or slow line, a server that is killed or frozen. Above stream.ts, below world.ts; time and chance come from the Runtime alone.
//
//   a request    client ──line──▶ server ──work──▶ line ──▶ client        what can happen to it
//   ok           ────────────────────────────────────────▶
//   request-lost ──────✗                                                  not done, no answer
//   reply-lost   ────────────────────────────✗                            done, no answer
//   late         ───── … ───────────────────▶                             no answer in time, done afterwards
//   retry        ─────────────────✗──────────────────────▶                not done, and said so
import type { Runtime } from "../ports/runtime.ts";
import { MemoryStream } from "./stream.ts";

export type { Expectation, MemoryMessage, NewMessage } from "./stream.ts";
export { MemoryStream };

/** What becomes of one request. `late`: it arrives, but after its sender has given up waiting. */
export type Fate = "ok" | "request-lost" | "reply-lost" | "late" | "retry";

/** A client's line: nothing passes; only what it sends passes; what it sends is on its way for as long as that lasts. */
type Line = "cut" | "deaf" | "held";

export interface MemoryServerOptions {
  readonly runtime: Runtime;
  /** Decides every request's fate; none means that all go well. `call` names the operation, such as `publish` or `put`. */
  readonly fate?: (client: string, call: string) => Fate;
  readonly latencyMs?: number;
  readonly timeoutMs?: number;
  /** Body of one message. Default: what our nats.conf says. */
  readonly payloadBytesMax?: number;
}

/** The client gave up waiting. */
export class TimedOut extends Error {
  override readonly name = "TimedOut";
}

/** The server said no, and did nothing. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

const TIMEOUT_MS = 3_000;
const PAYLOAD_BYTES_MAX = 8 * 1024 * 1024;
const DONE_BEFORE_KILL = 0.5;
const SENT_AGAIN = 0.5;

export class MemoryServer {
  readonly runtime: Runtime;
  readonly payloadBytesMax: number;
  fate: (client: string, call: string) => Fate;
  private readonly streams = new Map<string, MemoryStream>();
  private readonly subscribers = new Map<string, Set<(payload: unknown) => void>>();
  private readonly lines = new Map<string, Line>();
  /** What is on a held line, by client. */
  private readonly underWay = new Map<string, (() => void)[]>();
  private readonly returns = new Set<(client?: string) => void>();
  private readonly latencyMs: number;
  private readonly timeoutMs: number;
  private state: "up" | "down" | "frozen" = "up";
  /** Changes with every kill and restart: an answer comes only on the connection that its request went out on. */
  private connection = 0;
  /** What arrived while the server could not work: done when it can again. */
  private backlog: (() => void)[] = [];
  /** Requests on their way: a kill decides what becomes of them. */
  private readonly arriving = new Set<() => void>();

  constructor(options: MemoryServerOptions) {
    this.runtime = options.runtime;
    this.fate = options.fate ?? (() => "ok");
    this.latencyMs = options.latencyMs ?? 0;
    this.timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.payloadBytesMax = options.payloadBytesMax ?? PAYLOAD_BYTES_MAX;
  }

  stream(name: string): MemoryStream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = new MemoryStream(this.runtime);
      this.streams.set(name, stream);
    }
    return stream;
  }

  /** As if it had been deleted and made anew. */
  replaceStream(name: string): MemoryStream {
    const old = this.streams.get(name);
    this.streams.delete(name);
    const stream = this.stream(name);
    old?.deleteConsumers();
    return stream;
  }

  /** As if it had been restored from a backup. */
  putStream(name: string, stream: MemoryStream): void {
    const old = this.streams.get(name);
    this.streams.set(name, stream);
    old?.deleteConsumers();
  }

  /** Nothing this client sends arrives, and it hears nothing, until it is healed. */
  isolate(client: string): void {
    this.underWay.delete(client);
    this.lines.set(client, "cut");
  }

  /** What this client sends arrives, but it hears nothing, no answer either, until it is healed. */
  deafen(client: string): void {
    this.lines.set(client, "deaf");
  }

  /** What this client sends is on its way until it is healed, and arrives then, in order. */
  hold(client: string): void {
    this.lines.set(client, "held");
  }

  heal(client: string): void {
    const line = this.lines.get(client);
    this.lines.delete(client);
    const sent = this.underWay.get(client) ?? [];
    this.underWay.delete(client);
    for (const work of sent) work();
    if (line === "cut" || line === "deaf") this.tellReturn(client);
  }

  isIsolated(client: string): boolean {
    return this.lines.get(client) === "cut";
  }

  /** Whether anything that the server sends gets to this client now. */
  reaches(client: string): boolean {
    const line = this.lines.get(client);
    return this.state === "up" && line !== "cut" && line !== "deaf";
  }

  /** `kill -9`: what is stored stays. Of what was on its way some was done, some not, and nobody is told. */
  kill(): void {
    this.state = "down";
    this.connection += 1;
    this.backlog = [];
    const arriving = [...this.arriving];
    this.arriving.clear();
    for (const work of arriving) if (this.runtime.random() < DONE_BEFORE_KILL) work();
  }

  /** After a kill. Clients connect again, and whoever reads begins again from its own position. */
  restart(): void {
    this.connection += 1;
    this.start();
  }

  /** There, but silent, as after SIGSTOP: what is sent waits in its sockets. */
  freeze(): void {
    if (this.state === "up") this.state = "frozen";
  }

  thaw(): void {
    if (this.state === "frozen") this.start();
  }

  private start(): void {
    this.state = "up";
    const waiting = this.backlog;
    this.backlog = [];
    for (const work of waiting) work();
    this.tellReturn();
  }

  /** One request of a client: on its way, done here, and back, each of which can fail. */
  call<T>(client: string, name: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const patience = this.runtime.after(this.timeoutMs, () => reject(new TimedOut(`${name}: no answer`)));
      const attempt = (): (() => void) => {
        try {
          const result = work();
          return () => resolve(result);
        } catch (error) {
          return () => reject(error);
        }
      };
      const { connection } = this;
      const answer = (reply: () => void): void => {
        if (connection !== this.connection || !this.reaches(client)) return;
        patience.cancel();
        reply();
      };
      const fate = this.isIsolated(client) ? "request-lost" : this.fate(client, name);
      if (fate === "ok") this.send(client, () => answer(attempt()));
      else if (fate === "retry") this.send(client, () => answer(() => reject(new Unavailable(`${name}: not now`))));
      else if (fate === "reply-lost") this.send(client, attempt);
      else if (fate === "late") this.runtime.after(this.timeoutMs * 2, () => this.arrive(attempt));
    });
  }

  /** Puts a request on the client's line. */
  private send(client: string, work: () => void): void {
    if (this.lines.get(client) === "held") {
      this.keepUnderWay(client, () => this.arrive(work));
      return;
    }
    this.arriving.add(work);
    this.runtime.after(this.latencyMs, () => {
      if (this.arriving.delete(work)) this.arrive(work);
    });
  }

  /** A client sends again what it had not sent when the line broke, or does not: both happen to a server that is down. */
  private arrive(work: () => void): void {
    if (this.state === "up") work();
    else if (this.state === "frozen" || this.runtime.random() < SENT_AGAIN) this.backlog.push(work);
  }

  private keepUnderWay(client: string, arrive: () => void): void {
    const sent = this.underWay.get(client) ?? [];
    sent.push(arrive);
    this.underWay.set(client, sent);
  }

  /** Told when the server can be heard again: by this client, or, without a name, by all. */
  onReturn(client: string, run: () => void): () => void {
    const listener = (who?: string): void => {
      if (who === undefined || who === client) run();
    };
    this.returns.add(listener);
    return () => {
      this.returns.delete(listener);
    };
  }

  private tellReturn(client?: string): void {
    for (const listener of [...this.returns]) listener(client);
  }

  /** Core publish and subscribe: heard by who listens now. */
  tell(client: string, channel: string, payload: unknown): void {
    if (this.isIsolated(client)) return;
    const deliver = (): void => {
      for (const listener of [...(this.subscribers.get(channel) ?? [])]) this.runtime.after(0, () => listener(payload));
    };
    if (this.lines.get(client) === "held") this.keepUnderWay(client, () => this.arrive(deliver));
    else this.arrive(deliver);
  }

  listen(client: string, channel: string, run: (payload: never) => void): () => void {
    const listener = (payload: unknown): void => {
      if (this.reaches(client)) run(payload as never);
    };
    const listeners = this.subscribers.get(channel) ?? new Set();
    listeners.add(listener);
    this.subscribers.set(channel, listeners);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Whether anybody listens there. */
  hasListener(channel: string): boolean {
    return (this.subscribers.get(channel)?.size ?? 0) > 0;
  }
}
