// Between two attempts of one who publishes: why it has to be tried again, and how long that waits. For speaker.ts and links.ts.
import type { Counters } from "../../lib/ports/questions.ts";
import { pause, type Runtime } from "../../lib/ports/runtime.ts";
import { Backoff } from "./signal.ts";

const RETRY_MS_MIN = 10;
const RETRY_MS_MAX = 1_000;

export class Retries {
  /** Why the last attempt has to be made again; undefined since one went well. */
  problem: string | undefined;
  private readonly runtime: Runtime;
  private readonly counters: Pick<Counters, "publishRetries">;
  private readonly backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);

  constructor(runtime: Runtime, counters: Pick<Counters, "publishRetries">) {
    this.runtime = runtime;
    this.counters = counters;
  }

  wentWell(): void {
    this.problem = undefined;
    this.backoff.reset();
  }

  /** Resolves when it may be tried again: later each time, until one goes well. */
  async holdBack(reason: string): Promise<void> {
    this.problem = reason;
    this.counters.publishRetries += 1;
    await pause(this.runtime, this.backoff.next(this.runtime.random()));
  }
}
