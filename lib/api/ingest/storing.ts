// Events on their way into the logs: how many may wait for their answer at once, in which order and for how long they go, and what
// whoever sent them is told when not all are stored. Stands between envelopes.ts and the port of lib/ports/intake.ts.
import { durationText } from "../../core/rules/words/sentence.ts";
import type { PartitionNo, Seq } from "../../core/types.ts";
import type { EventIntake, EventToStore, Taken } from "../../ports/intake.ts";
import { HttpError } from "../http/http-error.ts";
import type { HttpSettings } from "../http/http-settings.ts";
import { Trouble } from "./trouble.ts";

/** So many bytes wait at most; the number of events is an option. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** In the words of UTF-16: the memory that a body takes until it is sent. */
const BYTES_A_UNIT = 2;

/** Room in a log is made by people. */
const FULL_RETRY_S_MIN = 15;

/** Up to where each log must be read for all to be heard. */
export type Positions = ReadonlyMap<PartitionNo, Seq>;

type NotStored = Exclude<Taken, { readonly kind: "stored" }>;

const GONE: NotStored = { kind: "unknown", reason: "whoever sent them has gone" };
const TOO_LATE: NotStored = { kind: "unknown", reason: "their logs take longer than a request may (httpTimeout)" };

export class Storing {
  private readonly intake: EventIntake;
  private readonly eventsMax: number;
  private readonly timeoutMs: number;
  /** What whoever sends again may count on. */
  private readonly repeats: string;
  private events = 0;
  private bytes = 0;
  private readonly trouble = new Trouble();

  constructor(intake: EventIntake, bounds: Pick<HttpSettings, "eventsWaitingMax" | "timeoutMs" | "repeatsKnownMs">) {
    this.intake = intake;
    this.eventsMax = bounds.eventsWaitingMax;
    this.timeoutMs = bounds.timeoutMs;
    this.repeats = `what was stored is not stored twice within ${durationText(bounds.repeatsKnownMs)} (repeatsKnown)`;
  }

  /** Resolves once all are stored; else throws, and some may be. For who has gone, or waits too long, no further one is sent. */
  async store(events: readonly EventToStore[], hasGone: () => boolean): Promise<Positions> {
    const begunMs = performance.now();
    const untilMs = begunMs + this.timeoutMs;
    const whyNot = (): NotStored | undefined => {
      if (hasGone()) return GONE;
      return performance.now() < untilMs ? undefined : TOO_LATE;
    };
    const bytes = events.reduce((sum, { body }) => sum + body.length * BYTES_A_UNIT, 0);
    this.enter(events.length, bytes, begunMs);
    try {
      const positions = new Map<PartitionNo, Seq>();
      const ends = await Promise.all(lanesOf(events).map((lane) => this.storeInOrder(lane, positions, whyNot)));
      const failures = ends.filter((end) => end !== undefined);
      if (failures.length > 0) throw this.refusalOf(failures, begunMs);
      return positions;
    } finally {
      this.events -= events.length;
      this.bytes -= bytes;
    }
  }

  /** A request that is larger than the room is let in alone. */
  private enter(events: number, bytes: number, nowMs: number): void {
    const isFull = this.events + events > this.eventsMax || this.bytes + bytes > WAITING_BYTES_MAX;
    if (isFull && this.events > 0) {
      const reason = `${this.events} others wait for their log (httpEventsWaitingMax)`;
      throw this.queueFull(reason, this.trouble.retryAfterS(nowMs, nowMs));
    }
    this.events += events;
    this.bytes += bytes;
  }

  /**
   * One after the other, up to the first that is not stored: were the next one sent before the answer, it could be stored
   * alone, and the repeat of the one before would come after it.
   */
  private async storeInOrder(
    lane: readonly EventToStore[],
    positions: Map<PartitionNo, Seq>,
    whyNot: () => NotStored | undefined,
  ): Promise<NotStored | undefined> {
    for (const event of lane) {
      const why = whyNot();
      if (why !== undefined) return why;
      const taken = await this.intake.store(event);
      if (taken.kind !== "stored") return taken;
      positions.set(taken.partition, Math.max(taken.seq, positions.get(taken.partition) ?? 0));
    }
    return undefined;
  }

  private refusalOf(failures: readonly NotStored[], begunMs: number): HttpError {
    const nowMs = performance.now();
    const full = failures.find((failure) => failure.kind === "retry" && failure.isFull === true);
    if (full?.kind === "retry") {
      const reason = `the log takes no more just now (${full.reason})`;
      return this.queueFull(reason, this.trouble.retryAfterS(begunMs, nowMs, FULL_RETRY_S_MIN));
    }
    const first = failures[0]!;
    const reason = first.kind === "fenced" ? "it was refused" : first.reason;
    const message = `Not every event was stored: ${reason}. Send the request again; ${this.repeats}.`;
    // That somebody leaves is no trouble of the logs.
    const retryAfterS = failures.includes(GONE) ? undefined : this.trouble.retryAfterS(begunMs, nowMs);
    return new HttpError(503, "not-stored", message, undefined, retryAfterS);
  }

  /** Nothing is lost by it, since whoever sent it still has it. */
  private queueFull(reason: string, retryAfterS: number): HttpError {
    const message = `The events were not taken: ${reason}. Send them again; ${this.repeats}.`;
    return new HttpError(429, "queue-full", message, undefined, retryAfterS);
  }
}

/** Of one user, or of one account, each; between them there is no order to keep. */
function lanesOf(events: readonly EventToStore[]): (readonly EventToStore[])[] {
  if (events.length <= 1) return events.length === 0 ? [] : [events];
  const lanes = new Map<string, EventToStore[]>();
  for (const event of events) {
    const key = `${event.kind} ${event.id}`;
    const lane = lanes.get(key);
    if (lane === undefined) lanes.set(key, [event]);
    else lane.push(event);
  }
  return [...lanes.values()];
}
