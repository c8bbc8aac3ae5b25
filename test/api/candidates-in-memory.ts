// Trials and back-tests over one log in memory: what tests of the HTTP interface ask. The machine that plays it is the real one.
import type { Candidates, Watching } from "../../lib/api/segments/candidates.ts";
import type { Catalogue } from "../../lib/api/segments/catalogue.ts";
import type { TrialProgress } from "../../lib/api/segments/trial.ts";
import { Backtest, type BacktestReport, reportOf } from "../../lib/backtest/backtest.ts";
import type { Candidate, Played, Span } from "../../lib/backtest/played.ts";
import type { TrialPart } from "../../lib/core/partition.ts";
import type { SeenNames } from "../../lib/core/rules/checks/seen.ts";
import { DEFAULT_LIMITS, type Json, type LogRecord } from "../../lib/core/types.ts";

export class CandidatesInMemory implements Candidates {
  readonly records: LogRecord[] = [];
  seen: SeenNames | undefined;
  /** Thrown by whatever is asked next. */
  failure: Error | undefined;
  private readonly catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue;
  }

  event(stamp: number, event: Json): void {
    const body = new TextEncoder().encode(JSON.stringify(event));
    this.records.push({ seq: this.records.length + 1, stamp, kind: "event", body });
  }

  async tryOut(candidate: Candidate, samples: number, { onProgress }: Watching<TrialProgress>): Promise<TrialPart> {
    const test = this.played(candidate, 0);
    test.endAt(Date.now());
    const part = test.trial(samples);
    onProgress({ looked: part.members, universe: part.members, soFar: () => part });
    if (this.failure !== undefined) throw this.failure;
    return part;
  }

  async tryExactly(candidate: Candidate, samples: number, { onProgress }: Watching<Played>): Promise<TrialPart> {
    const test = this.played(candidate, 0);
    test.endAt(Date.now());
    onProgress({ done: this.records.length, total: this.records.length });
    return test.trial(samples);
  }

  async backtest(candidate: Candidate, span: Span, { onProgress }: Watching<Played>): Promise<BacktestReport> {
    if (this.failure !== undefined) throw this.failure;
    const test = this.played(candidate, span.from);
    onProgress({ done: this.records.length, total: this.records.length });
    return reportOf([test.endAt(span.to)], { ...span, zone: candidate.definition.zone });
  }

  async seenNames(): Promise<SeenNames | undefined> {
    return this.seen;
  }

  private played({ definition, source }: Candidate, from: number): Backtest {
    const others = [...this.catalogue.state.active.values()].filter((other) => other.definition.id !== definition.id);
    const test = new Backtest({
      id: definition.id,
      sources: [...others.map((other) => other.definition.source), source],
      vocabulary: undefined,
      zone: definition.zone,
      from,
      partition: {
        partition: 0,
        partitions: 1,
        clockMode: "log",
        clockStepMsMax: 3_600_000,
        limits: DEFAULT_LIMITS,
        pageCacheBytesMax: Number.POSITIVE_INFINITY,
        pageBytesMax: 65_536,
      },
    });
    for (const record of this.records) test.apply(record);
    return test;
  }
}
