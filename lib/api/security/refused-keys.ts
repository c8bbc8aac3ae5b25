// How often keys were refused that came from one address, or one IPv6 net: who only guesses, or has none, is not heard for the rest
// of a minute. A key that is right is never asked about here, unless it stands in a body, which is not read then. Used by guard.ts.
import { LRUCache } from "lru-cache";
import { HttpError } from "../http/http-error.ts";
import { networkOf } from "./counted.ts";

const WINDOW_MS = 60_000;
const NETWORKS_MAX = 10_000;

interface Refused {
  count: number;
  readonly untilMs: number;
}

export class RefusedKeys {
  private readonly max: number;
  private readonly byNetwork = new LRUCache<string, Refused>({ max: NETWORKS_MAX });

  /** 0 is no limit. */
  constructor(perMinuteMax: number) {
    this.max = perMinuteMax === 0 ? Number.POSITIVE_INFINITY : perMinuteMax;
  }

  /** Before what is said is read. */
  assertHeard(address: string, nowMs = Date.now()): void {
    const network = networkOf(address);
    const refused = this.byNetwork.get(network);
    if (refused !== undefined && refused.untilMs > nowMs && refused.count >= this.max)
      throw this.tooMany(refused, nowMs);
  }

  /** What one more is answered. */
  refusalOf(address: string, message: string, nowMs = Date.now()): HttpError {
    const network = networkOf(address);
    let refused = this.byNetwork.get(network);
    if (refused === undefined || refused.untilMs <= nowMs) {
      refused = { count: 0, untilMs: nowMs + WINDOW_MS };
      this.byNetwork.set(network, refused);
    }
    refused.count += 1;
    return refused.count > this.max ? this.tooMany(refused, nowMs) : new HttpError(401, "no-key", message);
  }

  private tooMany({ untilMs }: Refused, nowMs: number): HttpError {
    const seconds = Math.ceil((untilMs - nowMs) / 1_000);
    const message = `From this address ${this.max} requests without a key that is known came within a minute (httpFailuresPerMinuteMax); ask again in ${seconds} s.`;
    return new HttpError(429, "too-many-requests", message, undefined, seconds);
  }
}
