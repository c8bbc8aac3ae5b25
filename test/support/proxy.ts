// A TCP proxy of our own between a client and a nats-server, or between two servers: adds latency, goes silent as a half-open
// connection does, drops what comes back, or hangs up. Used by test/chaos and by tests of one connection's faults.
import { createServer, connect as dial, type Server, type Socket } from "node:net";

/**
 * `flowing`: bytes pass. `silent`: both sides stay connected, and nothing arrives any more, in either direction. `held`: what
 * the client sends is on its way for as long as that lasts, and arrives afterwards.
 */
export type ProxyMode = "flowing" | "silent" | "replies-lost" | "held";

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

interface Delayed {
  readonly chunk: Buffer;
  readonly dueMs: number;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** What the client has sent while its line was held. */
  readonly held: Buffer[];
}

export class TcpProxy {
  readonly port: number;
  private readonly server: Server;
  private readonly pairs = new Set<Pair>();
  private readonly target: ProxyTarget;
  /** What is on its way to each side. */
  private readonly lines = new WeakMap<Socket, Delayed[]>();
  private mode: ProxyMode = "flowing";
  private latencyMs = 0;
  private refusing = false;
  private bytesLeft = Number.POSITIVE_INFINITY;

  private constructor(server: Server, target: ProxyTarget) {
    this.server = server;
    this.target = target;
    this.port = (server.address() as { port: number }).port;
    server.on("connection", (near) => this.pair(near));
  }

  /** Listens on loopback; `port` 0 lets the system choose. */
  static async open(target: ProxyTarget, port = 0): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    return new TcpProxy(server, target);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.pairs.size;
  }

  /** Every chunk waits so long, in each direction; the order stays. */
  delay(latencyMs: number): void {
    this.latencyMs = latencyMs;
  }

  /** What was sent while it was silent is lost with its connections: they are not told, as when a cable is pulled. */
  set(mode: ProxyMode): void {
    const heals = (this.mode === "silent" || this.mode === "replies-lost") && mode === "flowing";
    this.mode = mode;
    if (mode === "flowing") this.release();
    // Bytes were dropped in the middle of a stream, so what is left of it cannot be understood any more.
    if (heals) this.hangUp();
  }

  /** Hangs up on everybody once the clients have sent so much more: in the middle of whatever they are sending then. */
  hangUpAfter(bytes: number): void {
    this.bytesLeft = bytes;
  }

  private release(): void {
    for (const { far, held } of this.pairs) for (const chunk of held.splice(0)) far.write(chunk);
  }

  /** Connects nobody new and hangs up on everybody, until `accept`. */
  refuse(): void {
    this.refusing = true;
    this.hangUp();
  }

  accept(): void {
    this.refusing = false;
  }

  /** Every connection is reset; clients may connect anew. */
  hangUp(): void {
    for (const { near, far } of this.pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    this.pairs.clear();
  }

  async close(): Promise<void> {
    this.hangUp();
    await new Promise((closed) => this.server.close(closed));
  }

  private pair(near: Socket): void {
    if (this.refusing) {
      near.resetAndDestroy();
      return;
    }
    const far = dial(this.target);
    const pair: Pair = { near, far, held: [] };
    this.pairs.add(pair);
    near.setNoDelay(true);
    far.setNoDelay(true);
    const end = (): void => {
      this.pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on("error", end).on("close", end);
    near.on("data", (chunk: Buffer) => this.passOutward(chunk, pair));
    far.on("data", (chunk) => this.pass(chunk, near, false));
  }

  private passOutward(chunk: Buffer, { far, held }: Pair): void {
    if (this.mode === "held") held.push(chunk);
    else this.pass(chunk.subarray(0, this.bytesLeft), far, true);
    this.bytesLeft -= chunk.length;
    if (this.bytesLeft > 0) return;
    this.bytesLeft = Number.POSITIVE_INFINITY;
    // What was passed on is flushed first; resetting at once would throw it away.
    far.end(() => this.hangUp());
  }

  private pass(chunk: Buffer, to: Socket, outward: boolean): void {
    if (this.mode === "silent" || (this.mode === "replies-lost" && !outward)) return;
    const line = this.lines.get(to) ?? [];
    this.lines.set(to, line);
    if (this.latencyMs === 0 && line.length === 0) to.write(chunk);
    else {
      line.push({ chunk, dueMs: performance.now() + this.latencyMs });
      if (line.length === 1) this.deliver(to, line);
    }
  }

  /** One after the other, also when the latency changes while some are on their way: a stream must not be reordered. */
  private deliver(to: Socket, line: Delayed[]): void {
    const [next] = line;
    if (next === undefined) return;
    setTimeout(
      () => {
        line.shift();
        if (to.writable) to.write(next.chunk);
        this.deliver(to, line);
      },
      Math.max(0, next.dueMs - performance.now()),
    );
  }
}
