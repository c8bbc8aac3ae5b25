// One open stream: what is written to it, how much of it may lie unread, and how it ends. feed.ts holds all of them.
import type { ServerResponse } from "node:http";

/** Who does not read is let go before it costs memory. */
const UNREAD_BYTES_MAX = 512 * 1024;
/** For the words of a farewell to leave; whoever does not read is cut off then. */
const FAREWELL_MS = 1_000;
const RETRY_MS = 1_000;
/** Not all come back at the same moment. */
const RETRY_SPREAD_MS = 2_000;

export type EndReason = "closing" | "too-slow" | "key-revoked";

const WHY: Readonly<Record<EndReason, string>> = {
  closing: "The server stops. Come back: another one answers, or this one does soon.",
  "too-slow": "More than this stream may hold was left unread. Read faster, or ask for fewer topics.",
  "key-revoked": "The key was revoked.",
};

export class LiveReader {
  readonly personal: boolean;
  private readonly response: ServerResponse;
  private unreadBytesMax = UNREAD_BYTES_MAX;
  private ended = false;

  constructor(response: ServerResponse, personal: boolean, onGone: () => void) {
    this.response = response;
    this.personal = personal;
    response.once("close", () => {
      this.ended = true;
      onGone();
    });
    // A connection that breaks says so by closing, too.
    response.on("error", () => undefined);
  }

  open(headers: Readonly<Record<string, string | number | string[] | undefined>>): void {
    const given = Object.entries(headers).filter(([, value]) => value !== undefined) as [string, string][];
    this.response.writeHead(200, {
      ...Object.fromEntries(given),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    this.write(`retry: ${RETRY_MS}\n\n`);
  }

  /** What a stream begins with is as large as what there is to tell, and is not counted until it has left. */
  greet(frames: readonly string[]): void {
    if (this.ended) return;
    for (const frame of frames) this.response.write(frame);
    this.unreadBytesMax = UNREAD_BYTES_MAX + this.response.writableLength;
    this.response.once("drain", () => {
      this.unreadBytesMax = UNREAD_BYTES_MAX;
    });
  }

  write(text: string): void {
    if (this.ended) return;
    if (this.response.writableLength > this.unreadBytesMax) this.end("too-slow");
    else this.response.write(text);
  }

  /** Says why, and closes; at once where nobody reads. */
  end(reason: EndReason): void {
    if (this.ended) return;
    this.ended = true;
    const retryMs = RETRY_MS + Math.floor(Math.random() * RETRY_SPREAD_MS);
    const said = JSON.stringify({ reason, message: WHY[reason] });
    this.response.end(`retry: ${retryMs}\nevent: end\ndata: ${said}\n\n`);
    setTimeout(() => this.response.destroy(), FAREWELL_MS).unref();
  }
}
