// Logs played through machines of their own (lib/backtest): what `segments backtest`, `segments try --history` and
// `explain --at` stand on. Nothing that runs knows of it.
import { explained } from "../../lib/api/explaining.ts";
import {
  Backtest,
  type BacktestOptions,
  type BacktestPart,
  type BacktestReport,
  reportOf,
} from "../../lib/backtest/backtest.ts";
import { BacktestTogether, questionsTo } from "../../lib/backtest/together.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { inOrder, sideBySide } from "../../lib/cli/side-by-side.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { ExplainNode, MembershipView } from "../../lib/core/partition.ts";
import { type Definition, type Rule, rulesInside } from "../../lib/core/rules/ast.ts";
import { references } from "../../lib/core/rules/checks/graph.ts";
import type { MemberId, Millis, PartitionNo, SegmentId, Seq } from "../../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../../lib/core/vocabulary.ts";
import { vocabularyDocument } from "../../lib/core/vocabulary-document.ts";
import { streamState } from "../../lib/nats/wire.ts";
import type { Candidate } from "./candidates.ts";
import type { Context } from "./context.ts";

const LOGS_AT_ONCE = 4;
const PROGRESS_EVERY = 1_000;

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
  const common = await commonOptions(context, candidate, from);
  const { definition } = candidate;
  const { active } = (await context.catalogue()).state;
  const logs = await logsOf(context);
  const bar = progressOf(logs, "playing the logs");
  try {
    const parts = isAcross(definition, active)
      ? (await playedTogether(context, common, logs, bar, to)).tests.map((test) => end(test, to))
      : await playedApart(context, common, logs, bar, (test) => end(test, to));
    return { parts, report: reportOf(parts, { from, to, zone: definition.zone }) };
  } finally {
    bar.end();
  }
}

interface Log {
  readonly first: Seq;
  readonly last: Seq;
}

interface Progress {
  /** One more message. */
  step(): void;
  end(): void;
}

async function logsOf(context: Context): Promise<readonly Log[]> {
  const { nc, names, partitions } = context;
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const logs = await Promise.all(all.map((partition) => streamState(nc, names.eventsStream(partition))));
  assertWhole(context, logs);
  return logs;
}

function progressOf(logs: readonly Log[], what: string): Progress {
  const total = logs.reduce((sum, { last }) => sum + last, 0);
  const bar = progressBar(what);
  let done = 0;
  return {
    step: () => {
      done += 1;
      if (done % PROGRESS_EVERY === 0) bar.update({ fraction: done / total, done, unit: "messages" });
    },
    end: () => bar.end(),
  };
}

/** A few logs at a time: no more than those need be in memory. */
function playedApart<P>(
  { nc, names }: Context,
  common: BacktestOptions,
  logs: readonly Log[],
  bar: Progress,
  end: (test: Backtest) => P,
): Promise<readonly P[]> {
  const play = async (partition: PartitionNo): Promise<P> => {
    const test = new Backtest({ ...common, partition: { ...common.partition, partition } });
    for await (const record of logRecords(nc, names, partition, logs[partition]!.last)) {
      test.apply(record);
      bar.step();
    }
    return end(test);
  };
  return sideBySide([...logs.keys()], LOGS_AT_ONCE, play);
}

/** All logs at once, in the order of their stamps, up to a moment. */
async function playedTogether(
  { nc, names }: Context,
  common: BacktestOptions,
  logs: readonly Log[],
  bar: Progress,
  to: Millis,
): Promise<BacktestTogether> {
  const together = new BacktestTogether(common);
  const sources = logs.map(({ last }, partition) => logRecords(nc, names, partition, last));
  for await (const { from, item } of inOrder(sources, ({ stamp }) => stamp)) {
    if (item.stamp > to) break;
    together.apply(from, item);
    bar.step();
  }
  together.endAt(to);
  return together;
}

export interface ExplainedAt {
  readonly clock: Millis;
  readonly explain: ExplainNode | null;
  /** Of the member that it is about. */
  readonly memberships: readonly MembershipView[];
}

/** Why somebody was in, or not, at a moment: by the definition of now, and by what the log held then. */
export async function explainedAt(context: Context, id: SegmentId, member: MemberId, at: Millis): Promise<ExplainedAt> {
  const { active } = (await context.catalogue()).state;
  const definition = active.get(id)?.definition;
  if (definition === undefined) return { clock: at, explain: null, memberships: [] };
  const common = await commonOptions(context, { definition, source: definition.source }, at);
  const partition = partitionOf(member, context.partitions);
  if (!isAcross(definition, active)) {
    const { machine } = await playedUpTo(context, common, partition, at);
    const explain = machine.explain(id, member) ?? null;
    return { clock: machine.clock, explain, memberships: membershipsOf(machine, definition, member) };
  }
  const logs = await logsOf(context);
  const bar = progressOf(logs, "playing the logs");
  const { tests } = await playedTogether(context, common, logs, bar, at).finally(() => bar.end());
  const machines = tests.map((test) => test.machine);
  const found = await explained({ partitions: machines.length, questions: questionsTo(machines) }, id, member);
  return { ...found, memberships: membershipsOf(machines[partition]!, definition, member) };
}

function membershipsOf(
  machine: Backtest["machine"],
  { kind }: Definition,
  member: MemberId,
): readonly MembershipView[] {
  return (kind === "user" ? machine.user(member) : machine.account(member))?.memberships ?? [];
}

async function playedUpTo(
  context: Context,
  common: BacktestOptions,
  partition: PartitionNo,
  at: Millis,
): Promise<Backtest> {
  const { nc, names } = context;
  const state = await streamState(nc, names.eventsStream(partition));
  assertWhole(context, [state], partition);
  const test = new Backtest({ ...common, partition: { ...common.partition, partition } });
  const bar = progressOf([state], "playing the log");
  try {
    for await (const record of logRecords(nc, names, partition, state.last)) {
      if (record.stamp > at) break;
      test.apply(record);
      bar.step();
    }
  } finally {
    bar.end();
  }
  test.endAt(at);
  return test;
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
    sources: [...definitionsBehind(definition, state.active).map((behind) => behind.source), source],
    vocabulary: vocabulary === DEFAULT_VOCABULARY ? undefined : vocabularyDocument(vocabulary),
    zone: definition.zone,
    from,
    partition: {
      partition: 0,
      partitions,
      clockMode: clock,
      clockStepMsMax: config.clockStepMsMax,
      limits: config.limits,
      pageCacheBytesMax: Number.POSITIVE_INFINITY,
      pageBytesMax: config.pageBytesMax,
    },
  };
}

type Active = ReadonlyMap<SegmentId, { readonly definition: Definition }>;

/** One side is evaluated for the other: what partitions would have told each other stands in no log. */
function isAcross(definition: Definition, active: Active): boolean {
  return [definition, ...definitionsBehind(definition, active)].some(({ rule }) => crosses(rule));
}

function crosses(rule: Rule): boolean {
  return rule.op === "account" || rule.op === "users" || rulesInside(rule).some(crosses);
}

/** As they are in force, all segments that a definition leads to, each after those that it refers to itself. */
function definitionsBehind(definition: Definition, active: Active): Definition[] {
  const found = new Map<SegmentId, Definition>();
  const seen = new Set([definition.id]);
  const visit = ({ rule }: Definition): void => {
    for (const id of references(rule)) {
      const behind = active.get(id)?.definition;
      if (behind === undefined || seen.has(id)) continue;
      seen.add(id);
      visit(behind);
      found.set(id, behind);
    }
  };
  visit(definition);
  return [...found.values()];
}

/** A past that is not there cannot be played. */
function assertWhole({ names }: Context, logs: readonly { readonly first: number }[], from: PartitionNo = 0): void {
  const trimmed = logs.findIndex(({ first }) => first > 1);
  if (trimmed === -1) return;
  throw new CliError(
    EXIT.failed,
    `${names.eventsStream(from + trimmed)} begins at ${logs[trimmed]!.first}: its past was trimmed, so it cannot be played from its beginning.`,
  );
}
