// All partitions of a back-test at once, for rules of which one side is evaluated for the other: what accounts and their users
// would have told each other is told anew, and counts at once. Stands on backtest.ts, which plays one log by itself.
import { partitionOf } from "../core/ids.ts";
import type { AccountUser, ExplainNode } from "../core/partition.ts";
import type { LogRecord, MemberId, Millis, PartitionNo, SegmentId, Seq } from "../core/types.ts";
import { Backtest, type BacktestOptions } from "./backtest.ts";

export class BacktestTogether {
  readonly tests: readonly Backtest[];
  readonly #options: BacktestOptions;
  #hasBegun = false;

  constructor(options: BacktestOptions) {
    this.#options = { ...options, links: "told" };
    this.tests = Array.from(
      { length: options.partition.partitions },
      (_, partition) => new Backtest({ ...this.#options, partition: { ...options.partition, partition } }),
    );
  }

  /** The next message of any log, by its stamp. */
  apply(partition: PartitionNo, record: LogRecord): void {
    this.#begin(record.stamp);
    this.tests[partition]!.apply(record);
    this.#tell(record.stamp);
  }

  /** Brings everybody up to a moment after the last message. */
  endAt(now: Millis): void {
    this.#begin(now);
    for (const test of this.tests) test.moveTo(now);
    this.#tell(now);
  }

  /** In force before anything has happened, everywhere together; each once all have told what those before it ask. */
  #begin(stamp: Millis): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    for (const test of this.tests) test.defineWorld(stamp);
    for (const source of this.#options.sources) {
      const activations = this.tests.map((test) => test.define(stamp, source));
      this.#tell(stamp);
      for (const activate of activations) activate();
      this.#tell(stamp);
    }
  }

  /** Until nobody has anything more to say. */
  #tell(stamp: Millis): void {
    for (let told = true; told; ) {
      told = false;
      for (const test of this.tests) {
        for (const { to, body } of test.machine.takeLinks()) {
          this.tests[to]!.hear(stamp, body);
          told = true;
        }
      }
    }
  }
}

/** What lib/nats/questions.ts asks owners, asked of machines that are all here, with all their pages. */
export function questionsTo(machines: readonly Backtest["machine"][]) {
  return {
    explain: async (
      segment: SegmentId,
      id: MemberId,
    ): Promise<{ readonly position: Seq; readonly clock: Millis; readonly explain: ExplainNode | null }> => {
      const machine = machines[partitionOf(id, machines.length)]!;
      return { position: machine.position, clock: machine.clock, explain: machine.explain(segment, id) ?? null };
    },
    accountUsers: async (account: MemberId, limit: number, rule?: string): Promise<readonly AccountUser[]> => {
      const users = machines.flatMap((machine) =>
        machine.crowdPages(account).flatMap((page) => machine.usersOn(page, account)),
      );
      const asked = users.filter(({ holds }) => rule === undefined || holds.includes(rule));
      return asked.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
    },
  };
}
