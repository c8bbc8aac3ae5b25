// Silence becomes an event: when a deadline falls due and no message has moved the clock past it, a clock message is
// appended, and the stream's stamp on it is the new time. No deadline, no tick: an idle system is idle.
import type { LogRecord, Millis, Seq } from "../../lib/core/types.ts";
import type { Timer } from "../../lib/ports/runtime.ts";
import type { PartitionContext } from "./context.ts";

/** Timers of the platform take no longer delay than this. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const CLOCK_BODY = "{}";

export class Ticks {
  private readonly context: PartitionContext;
  private readonly wake: () => void;
  /** Server time minus monotonic time, as last seen: a stamp arrives late, never early, so the largest is the best. */
  private offsetMs: number;
  private lastTickMs = Number.NEGATIVE_INFINITY;
  /** A tick that is on its way; its sequence once it is known. */
  private outstanding = false;
  private tickSeq: Seq | undefined;
  private timer: Timer | undefined;
  private timerMs = Number.POSITIVE_INFINITY;

  /** `stamp` is the server's clock, seen just now on a message of one's own. */
  constructor(context: PartitionContext, stamp: Millis, wake: () => void) {
    this.context = context;
    this.wake = wake;
    this.offsetMs = stamp - context.runtime.monotonicMs();
  }

  /** Every record that was processed. */
  observe(record: LogRecord, nowMs: number): void {
    const offsetMs = record.stamp - nowMs;
    if (record.seq === this.tickSeq) {
      // Our own tick, seen as soon as anything can be: also a server whose clock was set back is believed.
      this.offsetMs = offsetMs;
      this.outstanding = false;
      this.tickSeq = undefined;
    } else if (offsetMs > this.offsetMs) this.offsetMs = offsetMs;
  }

  /** The server's clock, as far as is known here: the machine's own may be set to anything. */
  get serverMs(): Millis {
    return this.offsetMs + this.context.runtime.monotonicMs();
  }

  /** After a turn that left nothing to read: tick, or wait until it is time. */
  tend(deadline: Millis, position: Seq): void {
    if (this.tickSeq !== undefined && position >= this.tickSeq) {
      this.outstanding = false;
      this.tickSeq = undefined;
    }
    if (this.context.machine.clockMode === "event" || this.outstanding || deadline === Number.POSITIVE_INFINITY) return;
    const nowMs = this.context.runtime.monotonicMs();
    const dueMs = Math.max(deadline - this.offsetMs, this.lastTickMs + this.context.settings.tickIntervalMsMin);
    if (dueMs <= nowMs) void this.tick(nowMs);
    else this.wakeAt(dueMs, nowMs);
  }

  stop(): void {
    this.timer?.cancel();
    this.outstanding = true;
  }

  private async tick(nowMs: number): Promise<void> {
    this.outstanding = true;
    this.lastTickMs = nowMs;
    const outcome = await this.context.world.log.append("clock", CLOCK_BODY);
    if (outcome.kind === "stored") {
      this.context.counters.ticks += 1;
      this.tickSeq = outcome.seq;
    } else this.outstanding = false;
    // An unanswered tick may still come; one more does no harm.
    this.wake();
  }

  private wakeAt(dueMs: number, nowMs: number): void {
    if (this.timer !== undefined && this.timerMs <= dueMs) return;
    this.timer?.cancel();
    this.timerMs = dueMs;
    this.timer = this.context.runtime.after(Math.min(TIMER_MS_MAX, Math.ceil(dueMs - nowMs)), () => {
      this.timer = undefined;
      this.timerMs = Number.POSITIVE_INFINITY;
      this.wake();
    });
  }
}
