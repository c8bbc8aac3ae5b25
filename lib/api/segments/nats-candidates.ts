// Trials over NATS: owners are asked slice by slice, logs are read and played here, one at a time, for that takes processor
// and memory of this process. Answers candidates.ts.
import type { BacktestReport } from "../../backtest/backtest.ts";
import { backtested, type Candidate, type Played, type Playing, type Span } from "../../backtest/played.ts";
import { seenNames } from "../../cli/seen-names.ts";
import type { TrialPart } from "../../core/partition.ts";
import type { SeenNames } from "../../core/rules/checks/seen.ts";
import type { Questions } from "../../nats/questions.ts";
import type { Candidates, Watching } from "./candidates.ts";
import type { Catalogue } from "./catalogue.ts";
import { triedExactly } from "./exact-trial.ts";
import { NotPossible } from "./not-possible.ts";
import { runTrial, type TrialProgress } from "./trial.ts";

/** A larger data set is played by the command line, which is a process of its own. */
const MESSAGES_MAX = 5_000_000;
const MEMBERS_MAX = 1_000_000;
/** Of the machines that play logs, as the options are when nobody says anything. */
export const MACHINE_DEFAULT = { clockStepMsMax: 30 * 86_400_000, pageBytesMax: 65_536 };
/** Names are looked up again after so long. */
const SEEN_MS = 10_000;

export interface NatsCandidatesOptions extends Omit<Playing, "state" | "onProgress" | "signal" | "messagesMax"> {
  readonly catalogue: Catalogue;
  readonly questions: Questions;
}

export class NatsCandidates implements Candidates {
  private readonly options: NatsCandidatesOptions;
  private isPlaying = false;
  private seen: { readonly atMs: number; readonly names: Promise<SeenNames | undefined> } | undefined;

  constructor(options: NatsCandidatesOptions) {
    this.options = options;
  }

  tryOut({ source }: Candidate, samples: number, watching: Watching<TrialProgress>): Promise<TrialPart> {
    const { questions, partitions } = this.options;
    return runTrial({
      ...watching,
      partitions,
      samples,
      ask: (partition, cursor) => questions.tryOut(partition, source, cursor, samples),
    });
  }

  tryExactly(candidate: Candidate, samples: number, watching: Watching<Played>): Promise<TrialPart> {
    const { catalogue, questions } = this.options;
    const { id } = candidate.definition;
    const now = async (): Promise<readonly string[]> => {
      if (catalogue.entry(id)?.state !== "live") return [];
      return (await questions.members(id, MEMBERS_MAX)).members.map((member) => member.id);
    };
    return this.alone(watching, (logs) => triedExactly(logs, candidate, samples, now));
  }

  backtest(candidate: Candidate, span: Span, watching: Watching<Played>): Promise<BacktestReport> {
    return this.alone(watching, async (logs) => {
      const { report } = await backtested(logs, candidate, span, (test, moment) => test.endAt(moment));
      return report;
    });
  }

  seenNames(): Promise<SeenNames | undefined> {
    const now = performance.now();
    if (this.seen === undefined || now - this.seen.atMs > SEEN_MS) {
      // A warning less is no reason to refuse an answer.
      this.seen = { atMs: now, names: seenNames(this.options).catch(() => undefined) };
    }
    return this.seen.names;
  }

  private async alone<T>(watching: Watching<Played>, play: (logs: Playing) => Promise<T>): Promise<T> {
    if (this.isPlaying) {
      throw new NotPossible(
        "busy",
        "busy",
        "The logs are being played for somebody else just now; ask again in a while.",
      );
    }
    this.isPlaying = true;
    try {
      return await play({
        ...this.options,
        ...watching,
        state: this.options.catalogue.state,
        messagesMax: MESSAGES_MAX,
      });
    } finally {
      this.isPlaying = false;
    }
  }
}
