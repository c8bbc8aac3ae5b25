// HTTP over a bare socket: bytes go out exactly as they were made, and what comes back is read with care. A client library
// would refuse to send most of what is sent here. shots.ts makes the bytes, judge.ts reads the answers.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Piece {
  readonly bytes: Buffer;
  /** Before it goes out. */
  readonly pauseMs?: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Outcome {
  readonly answers: readonly Answered[];
  /** Late: there was an answer to wait for, and it did not come. */
  readonly end: "answered" | "closed" | "late" | "garbled";
  readonly tookMs: number;
  /** What could not be read. */
  readonly rest: string;
}

export interface Sending {
  readonly pieces: readonly Piece[];
  /** Of each answer that is waited for, the method that asked for it. */
  readonly methods: readonly string[];
  readonly boundMs: number;
  /** Nothing more will come from here: whoever waits for the rest of a body learns that there is none. */
  readonly halfClose?: true;
  /** Goes away without reading. */
  readonly hangUp?: true;
}

const CONNECT_MS_MAX = 10_000;
const REST_SHOWN_MAX = 400;
const LOOK_MS = 2_000;

/** A connection that is used for one request after the other, until somebody closes it. */
export class Wire {
  private socket: Socket | undefined;
  private readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  async send(sending: Sending): Promise<Outcome> {
    const startedMs = performance.now();
    const socket = await this.open();
    const reading = new Reading(socket, sending.methods);
    const sent = write(socket, sending);
    if (sending.hangUp) {
      await sent;
      this.close();
      return { answers: [], end: "closed", tookMs: performance.now() - startedMs, rest: "" };
    }
    const end = await Promise.race([reading.ended, sleep(sending.boundMs, "late" as const, { ref: false })]);
    reading.stop();
    // A socket on which something else may still come is no good for the next request.
    if (end !== "answered" || sending.halfClose === true || reading.mustClose || socket.destroyed) this.close();
    return { answers: reading.answers, end, tookMs: performance.now() - startedMs, rest: reading.rest };
  }

  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  private async open(): Promise<Socket> {
    if (this.socket !== undefined && !this.socket.destroyed && this.socket.writable) return this.socket;
    const socket = connect({ port: this.port, host: "127.0.0.1", noDelay: true });
    // What goes wrong with it is seen by its close.
    socket.on("error", () => {});
    this.socket = socket;
    await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS_MAX) });
    return socket;
  }
}

async function write(socket: Socket, { pieces, halfClose, hangUp }: Sending): Promise<void> {
  for (const { bytes, pauseMs } of pieces) {
    if (pauseMs !== undefined) await sleep(pauseMs);
    if (socket.destroyed) return;
    // Called, too, when the other side has gone: who reads sees that.
    await new Promise<void>((resolve) => {
      socket.write(bytes, () => resolve());
    });
  }
  if (halfClose === true && hangUp !== true) socket.end();
}

/** Answers as they come, one for each method. */
class Reading {
  readonly answers: Answered[] = [];
  readonly ended: Promise<"answered" | "closed" | "garbled">;
  mustClose = false;
  private readonly socket: Socket;
  private readonly methods: readonly string[];
  private bytes = Buffer.alloc(0);
  private neededMin = 0;
  private end: (how: "answered" | "closed" | "garbled") => void = () => {};
  private readonly onData = (chunk: Buffer): void => this.take(chunk);
  private readonly onClose = (): void => this.closed();

  constructor(socket: Socket, methods: readonly string[]) {
    this.socket = socket;
    this.methods = methods;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    socket.on("data", this.onData);
    socket.once("end", this.onClose);
    socket.once("error", this.onClose);
    // A socket that is gone says nothing more.
    if (socket.destroyed) this.closed();
  }

  get rest(): string {
    return this.bytes.subarray(0, REST_SHOWN_MAX).toString("latin1");
  }

  stop(): void {
    this.socket.off("data", this.onData);
    this.socket.off("end", this.onClose);
    this.socket.off("error", this.onClose);
  }

  private take(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    if (this.bytes.length < this.neededMin) return;
    try {
      while (this.answers.length < this.methods.length) {
        const read = answerIn(this.bytes, this.methods[this.answers.length]!, false);
        if ("neededMin" in read) {
          this.neededMin = read.neededMin;
          return;
        }
        this.bytes = this.bytes.subarray(read.length);
        this.neededMin = 0;
        if (read.answer.status >= 200) this.answers.push(read.answer);
        this.mustClose ||= read.isLast;
        if (read.isLast) break;
      }
      this.end("answered");
    } catch {
      this.end("garbled");
    }
  }

  private closed(): void {
    try {
      const read =
        this.bytes.length === 0 ? undefined : answerIn(this.bytes, this.methods[this.answers.length] ?? "", true);
      if (read !== undefined && "answer" in read) {
        this.answers.push(read.answer);
        this.bytes = this.bytes.subarray(read.length);
      }
      this.end("closed");
    } catch {
      this.end("garbled");
    }
  }
}

type Read =
  | { readonly answer: Answered; readonly length: number; readonly isLast: boolean }
  | { readonly neededMin: number };

function answerIn(bytes: Buffer, method: string, isClosed: boolean): Read {
  const head = bytes.indexOf("\r\n\r\n");
  if (head < 0) return { neededMin: bytes.length + 1 };
  const [first, ...lines] = bytes.subarray(0, head).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})( |$)/.exec(first!)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) throw new Error("no status line");
  const headers = Object.fromEntries(lines.map(fieldOf));
  const start = head + 4;
  const isLast = headers.connection?.toLowerCase() === "close";
  const whole = (end: number, body: Buffer, last = isLast): Read => ({
    answer: { status, headers, text: body.toString() },
    length: end,
    isLast: last,
  });
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return whole(start, Buffer.alloc(0));
  // It has no end: that it has begun is its answer.
  if (headers["content-type"]?.startsWith("text/event-stream") === true)
    return whole(bytes.length, Buffer.alloc(0), true);
  if (headers["transfer-encoding"] === "chunked") {
    const chunked = chunksIn(bytes, start);
    return chunked === undefined ? { neededMin: bytes.length + 1 } : whole(chunked.end, chunked.body);
  }
  const length = headers["content-length"];
  if (length === undefined)
    return isClosed ? whole(bytes.length, bytes.subarray(start), true) : { neededMin: bytes.length + 1 };
  const end = start + Number(length);
  return bytes.length < end ? { neededMin: end } : whole(end, bytes.subarray(start, end));
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(":");
  if (colon <= 0) throw new Error("no header");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function chunksIn(bytes: Buffer, start: number): { readonly end: number; readonly body: Buffer } | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, line).toString("latin1"), 16);
    if (Number.isNaN(size)) throw new Error("no chunk");
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { end: next, body: Buffer.concat(chunks) };
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}

/** How long a question without side effects takes from here: what others wait for who ask at the same time. */
export async function pingMs(wire: Wire): Promise<number> {
  const bytes = Buffer.from("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const { answers, tookMs } = await wire.send({ pieces: [{ bytes }], methods: ["GET"], boundMs: LOOK_MS * 10 });
  return answers[0]?.status === 200 ? tookMs : Number.POSITIVE_INFINITY;
}
