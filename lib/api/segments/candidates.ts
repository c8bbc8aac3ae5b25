// What a definition would do, asked before anybody applies it: of everybody as they are now, and of the logs.
// Answered by nats-candidates.ts; tests answer it from logs in memory.
import type { BacktestReport } from "../../backtest/backtest.ts";
import type { Candidate, Played, Span } from "../../backtest/played.ts";
import type { TrialPart } from "../../core/partition.ts";
import type { SeenNames } from "../../core/rules/checks/seen.ts";
import type { TrialProgress } from "./trial.ts";

export interface Watching<P> {
  readonly onProgress: (progress: P) => void;
  readonly signal: AbortSignal;
}

export interface Candidates {
  /** Of everybody, by what the owners keep. */
  tryOut(candidate: Candidate, samples: number, watching: Watching<TrialProgress>): Promise<TrialPart>;
  /** By the logs, so that nothing is left unknown. */
  tryExactly(candidate: Candidate, samples: number, watching: Watching<Played>): Promise<TrialPart>;
  backtest(candidate: Candidate, span: Span, watching: Watching<Played>): Promise<BacktestReport>;
  /** Which names people send; undefined while nobody has sent anything, or nobody knows. */
  seenNames(): Promise<SeenNames | undefined>;
}
