// The live feed of the page, as server-sent events: `sizes` when they change, `deltas` as they happen, in small batches.
// One poll of the sizes serves every browser that is connected; with none connected nothing is asked.
import type { ServerResponse } from "node:http";
import type { Delta } from "../core/types.ts";
import type { Audience } from "./audience.ts";
import { deltaMasked } from "./security/masking.ts";
import { deltaOut } from "./shapes.ts";

const SIZES_MS = 1_000;
const DELTAS_MS = 250;
const HEARTBEAT_MS = 15_000;
/** A burst is sampled: the page shows that it happens, the stream SEGMENTS holds all of it. */
const DELTAS_A_BATCH_MAX = 20;
const CLIENTS_MAX = 200;
/** A browser that does not read is let go before it costs memory. */
const UNREAD_BYTES_MAX = 1_048_576;
/** A delta names nobody but by their id. */
const NO_TRAITS: ReadonlySet<string> = new Set();

export class LiveFeed {
  private readonly audience: Audience;
  /** Each with whether personal data is shown to it. */
  private readonly clients = new Map<ServerResponse, boolean>();
  private timers: NodeJS.Timeout[] = [];
  private forgetDeltas: () => void = () => {};
  private waiting: Delta[] = [];
  private skipped = 0;
  private lastSizes = "";

  constructor(audience: Audience) {
    this.audience = audience;
  }

  connect(response: ServerResponse, personal: boolean): void {
    if (this.clients.size >= CLIENTS_MAX) {
      response.writeHead(503, { "content-type": "application/json", "retry-after": "10" });
      response.end(
        JSON.stringify({ error: { code: "too-many", message: "Too many live pages are open; try again later." } }),
      );
      return;
    }
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    response.write("retry: 1000\n\n");
    this.clients.set(response, personal);
    if (this.clients.size === 1) this.start();
    else if (this.lastSizes !== "") response.write(message("sizes", this.lastSizes));
    response.once("close", () => this.forget(response));
  }

  close(): void {
    for (const response of [...this.clients.keys()]) {
      response.end();
      this.forget(response);
    }
  }

  private forget(response: ServerResponse): void {
    if (this.clients.delete(response) && this.clients.size === 0) this.stop();
  }

  private start(): void {
    this.forgetDeltas = this.audience.onDelta((delta) => {
      if (this.waiting.length < DELTAS_A_BATCH_MAX) this.waiting.push(delta);
      else this.skipped += 1;
    });
    this.timers = [
      setInterval(() => void this.sendSizes(), SIZES_MS),
      setInterval(() => this.sendDeltas(), DELTAS_MS),
      setInterval(() => this.send(": here\n\n"), HEARTBEAT_MS),
    ];
    void this.sendSizes();
  }

  private stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    this.forgetDeltas();
    this.waiting = [];
    this.skipped = 0;
    this.lastSizes = "";
  }

  private async sendSizes(): Promise<void> {
    const sizes = await this.audience.overview().then(
      (overview) => JSON.stringify(overview),
      () => '{"unavailable":true}',
    );
    if (sizes === this.lastSizes || this.clients.size === 0) return;
    this.lastSizes = sizes;
    this.send(message("sizes", sizes));
  }

  private sendDeltas(): void {
    if (this.waiting.length === 0) return;
    const { waiting, skipped } = this;
    this.waiting = [];
    this.skipped = 0;
    const shown = (personal: boolean): string => {
      const deltas = waiting.map((delta) => deltaOut(deltaMasked(delta, { personal, traitsShown: NO_TRAITS })));
      return message("deltas", JSON.stringify({ deltas, skipped }));
    };
    this.send(shown(true), shown(false));
  }

  private send(text: string, masked = text): void {
    for (const [response, personal] of [...this.clients]) {
      if (response.writableLength > UNREAD_BYTES_MAX) {
        response.destroy();
        this.forget(response);
      } else response.write(personal ? text : masked);
    }
  }
}

/** JSON has no line breaks of its own, so one data line is enough. */
function message(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}
