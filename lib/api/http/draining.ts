// The end of a process that serves HTTP. Whose request it has begun to take is answered, also where the body is still arriving; whoever
// asks now is told to ask again, and is soon heard by another one. server.ts puts both ends of it around what routes do to end.
//
//   preClose: begun ──▶ live streams and jobs end (their own hooks) ──▶ the last hook: answered, or waited long enough ──▶ connections close
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { HttpError } from "./http-error.ts";

/** As a worker's drain: an orchestrator waits half a minute, and then kills. */
export const DRAIN_MS_MAX = 20_000;

export class Draining {
  private readonly server: Server;
  private readonly msMax: number;
  /** Of requests whose head has come, by their connection: one that waits behind another does not close when that ends. */
  private readonly open = new Map<Socket, Set<ServerResponse>>();
  private isBegun = false;
  private onEmpty: () => void = () => {};

  /** A request takes no longer than `timeoutMs`, so nobody is waited for longer. */
  constructor(server: Server, timeoutMs: number) {
    this.server = server;
    this.msMax = Math.min(timeoutMs, DRAIN_MS_MAX);
    server.on("request", (request, response) => this.heard(request, response));
    server.on("connection", (socket) => socket.once("close", () => this.over(socket)));
  }

  /** From now on `assertOpen` throws. */
  begin(): void {
    this.isBegun = true;
    this.server.closeIdleConnections();
    // Whoever keeps a connection would ask on it once more.
    for (const responses of this.open.values())
      for (const response of responses) if (!response.headersSent) response.setHeader("connection", "close");
  }

  assertOpen(): void {
    if (!this.isBegun) return;
    throw new HttpError(
      503,
      "not-answered",
      "This process is being stopped. Ask again: another one answers, or this one does soon.",
    );
  }

  /** Resolves once all have been answered, or have gone, or have had their time. */
  async answered(): Promise<void> {
    if (this.open.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.msMax);
      this.onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private heard({ socket }: IncomingMessage, response: ServerResponse): void {
    // It is refused.
    if (this.isBegun) return;
    const responses = this.open.get(socket) ?? new Set();
    this.open.set(socket, responses.add(response));
    response.once("close", () => {
      responses.delete(response);
      if (responses.size === 0) this.over(socket);
    });
  }

  private over(socket: Socket): void {
    if (this.open.delete(socket) && this.open.size === 0) this.onEmpty();
  }
}
