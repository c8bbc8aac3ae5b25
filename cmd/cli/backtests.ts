// rollcall segments backtest, and the exact form of `segments try`: the logs are read here and played through machines of
// their own (lib/backtest), so nothing running knows of it and nothing is changed.
import type { Command } from "commander";
import {
  Backtest,
  type BacktestOptions,
  type BacktestPart,
  type BacktestReport,
  reportOf,
} from "../../lib/backtest/backtest.ts";
import { backtestText } from "../../lib/cli/backtest-text.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { sideBySide } from "../../lib/cli/side-by-side.ts";
import type { Format } from "../../lib/cli/table.ts";
import type { Definition } from "../../lib/core/rules/ast.ts";
import { references } from "../../lib/core/rules/graph.ts";
import type { Json, Millis, PartitionNo, SegmentId } from "../../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../../lib/core/vocabulary.ts";
import { vocabularyDocument } from "../../lib/core/vocabulary-document.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { type Candidate, oneCandidate } from "./candidates.ts";
import { type Context, connected } from "./context.ts";
import { print, printJson, withOutput } from "./output.ts";
import { wholeNumber } from "./people.ts";

const DAY_MS = 86_400_000;
const DAYS_DEFAULT = 30;
const LOGS_AT_ONCE = 4;
const PROGRESS_EVERY = 1_000;
const COLUMNS_MAX = 100;

export function addBacktests(segments: Command): void {
  withOutput(
    segments
      .command("backtest")
      .description("what a definition would have done in the last days, from the logs; nothing is changed"),
  )
    .argument("<file>", "a file with one definition")
    .option("--days <n>", "so many days up to now", wholeNumber, DAYS_DEFAULT)
    .action((file: string, options: { days: number; output: Format }, command: Command) =>
      connected(command, async (context) => {
        const candidate = await oneCandidate(command, file);
        const to = Date.now();
        const from = to - options.days * DAY_MS;
        const { report } = await backtested(context, candidate, { from, to }, (test, now) => test.endAt(now));
        show(context, candidate.definition, report, options.output);
      }),
    );
}

function show(context: Context, { id, name }: Definition, report: BacktestReport, format: Format): void {
  const columns = Math.min(process.stdout.columns ?? 80, COLUMNS_MAX);
  if (format === "json") printJson(report);
  else if (format === "csv") {
    const rows = report.days.map(({ day, joined, left, size }) => [day, joined, left, size].join(","));
    print(["day,joined,left,size", ...rows].join("\n"));
  } else print(backtestText({ id, name, report }, context.style, columns));
}

export interface Span {
  readonly from: Millis;
  readonly to: Millis;
}

/** Plays every log; `end` is called with each partition's test once its log is through. */
export async function backtested<P extends BacktestPart>(
  context: Context,
  candidate: Candidate,
  { from, to }: Span,
  end: (test: Backtest, now: Millis) => P,
): Promise<{ readonly parts: readonly P[]; readonly report: BacktestReport }> {
  const { nc, names, partitions } = context;
  const common = await commonOptions(context, candidate, from);
  const logs = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => streamState(nc, names.eventsStream(partition))),
  );
  assertWhole(context, logs);
  const total = logs.reduce((sum, { last }) => sum + last, 0);
  const bar = progressBar("playing the logs");
  let done = 0;
  const play = async (partition: PartitionNo): Promise<P> => {
    const test = new Backtest({ ...common, partition: { ...common.partition, partition } });
    for await (const record of logRecords(nc, names, partition, logs[partition]!.last)) {
      test.apply(record);
      done += 1;
      if (done % PROGRESS_EVERY === 0) bar.update({ fraction: done / total, done, unit: "messages" });
    }
    return end(test, to);
  };
  try {
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    const parts = await sideBySide(all, LOGS_AT_ONCE, play);
    return { parts, report: reportOf(parts, { from, to, zone: candidate.definition.zone }) };
  } finally {
    bar.end();
  }
}

async function commonOptions(
  context: Context,
  { definition, source }: Candidate,
  from: Millis,
): Promise<BacktestOptions> {
  const { config, partitions, clock } = context;
  const { state } = await context.catalogue();
  const { vocabulary } = state;
  return {
    id: definition.id,
    sources: [...sourcesBehind(definition, state.active), source],
    vocabulary: vocabulary === DEFAULT_VOCABULARY ? undefined : vocabularyDocument(vocabulary),
    zone: definition.zone,
    from,
    partition: {
      partition: 0,
      partitions,
      clockMode: clock,
      clockStepMsMax: config.clockStepMsMax,
      limits: config.limits,
      vocabulary,
      pageCacheBytesMax: Number.POSITIVE_INFINITY,
      pageBytesMax: config.pageBytesMax,
    },
  };
}

/** As they are in force, of all segments that a definition leads to. */
function sourcesBehind(
  definition: Definition,
  active: ReadonlyMap<SegmentId, { readonly definition: Definition }>,
): Json[] {
  const found = new Map<SegmentId, Json>();
  const visit = ({ rule }: Definition): void => {
    for (const id of references(rule)) {
      const behind = active.get(id)?.definition;
      if (behind === undefined || id === definition.id || found.has(id)) continue;
      found.set(id, behind.source);
      visit(behind);
    }
  };
  visit(definition);
  return [...found.values()];
}

/** A past that is not there cannot be played. */
function assertWhole({ names }: Context, logs: readonly { readonly first: number }[]): void {
  const trimmed = logs.findIndex(({ first }) => first > 1);
  if (trimmed === -1) return;
  throw new CliError(
    EXIT.failed,
    `${names.eventsStream(trimmed)} begins at ${logs[trimmed]!.first}: its past was trimmed, so it cannot be played from its beginning.`,
  );
}
