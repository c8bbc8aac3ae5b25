// A request whose body arrives in two parts, over a bare socket: the second when the test says so.
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface SlowAnswer {
  readonly status: number;
  readonly body: unknown;
  /** The header. */
  readonly connection: string;
}

export class SlowRequest {
  /** The connection has ended. */
  readonly ended: Promise<void>;
  private readonly socket: Socket;
  private readonly rest: string;
  private text = "";

  private constructor(socket: Socket, rest: string) {
    this.socket = socket;
    this.rest = rest;
    socket.setEncoding("utf8").on("data", (more: string) => {
      this.text += more;
    });
    // One that is cut off says so by its end.
    socket.on("error", () => {});
    this.ended = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  /** Sends the head and half of the body. */
  static async begin(url: string, path: string, json: object, headers: object = {}): Promise<SlowRequest> {
    const { port, host } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    await once(socket, "connect");
    const body = JSON.stringify(json);
    const all = { host, "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    const half = Math.floor(body.length / 2);
    const request = new SlowRequest(socket, body.slice(half));
    socket.write(`POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body.slice(0, half)}`);
    return request;
  }

  async end(): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(this.rest, () => resolve()));
  }

  /** Once the connection has ended. */
  async answer(): Promise<SlowAnswer> {
    await this.ended;
    const [head = "", body = ""] = this.text.split("\r\n\r\n");
    const status = Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1] ?? 0);
    return { status, body: JSON.parse(body || "null"), connection: /^connection: (\S+)/im.exec(head)?.[1] ?? "" };
  }
}
