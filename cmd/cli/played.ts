// Logs played through machines of their own (lib/backtest): what `segments backtest`, `segments try --history` and
// `explain --at` stand on. Nothing that runs knows of it.
import {
  Backtest,
  type BacktestOptions,
  type BacktestPart,
  type BacktestReport,
  reportOf,
} from "../../lib/backtest/backtest.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { sideBySide } from "../../lib/cli/side-by-side.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { ExplainNode, MembershipView } from "../../lib/core/partition.ts";
import { type Definition, type Rule, rulesInside } from "../../lib/core/rules/ast.ts";
import { references } from "../../lib/core/rules/checks/graph.ts";
import type { MemberId, Millis, PartitionNo, SegmentId } from "../../lib/core/types.ts";
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

export interface ExplainedAt {
  readonly clock: Millis;
  readonly explain: ExplainNode | null;
  /** Of the member that it is about. */
  readonly memberships: readonly MembershipView[];
}

/** Why somebody was in, or not, at a moment: by the definition of now, and by what the log held then. */
export async function explainedAt(context: Context, id: SegmentId, member: MemberId, at: Millis): Promise<ExplainedAt> {
  const { nc, names, partitions } = context;
  const active = (await context.catalogue()).state.active.get(id);
  if (active === undefined) return { clock: at, explain: null, memberships: [] };
  const { definition } = active;
  const common = await commonOptions(context, { definition, source: definition.source }, at);
  const partition = partitionOf(member, partitions);
  const state = await streamState(nc, names.eventsStream(partition));
  assertWhole(context, [state], partition);
  const test = new Backtest({ ...common, partition: { ...common.partition, partition } });
  const bar = progressBar("playing the log");
  try {
    for await (const record of logRecords(nc, names, partition, state.last)) {
      if (record.stamp > at) break;
      test.apply(record);
      if (record.seq % PROGRESS_EVERY === 0) {
        bar.update({ fraction: record.seq / state.last, done: record.seq, unit: "messages" });
      }
    }
  } finally {
    bar.end();
  }
  test.endAt(at);
  const { machine } = test;
  return {
    clock: machine.clock,
    explain: machine.explain(id, member) ?? null,
    memberships: (definition.kind === "user" ? machine.user(member) : machine.account(member))?.memberships ?? [],
  };
}

async function commonOptions(
  context: Context,
  { definition, source }: Candidate,
  from: Millis,
): Promise<BacktestOptions> {
  const { config, partitions, clock } = context;
  const { state } = await context.catalogue();
  assertOneLog(definition, state.active);
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

/** What other partitions would have told of a rule that nobody had is in no log. */
function assertOneLog(definition: Definition, active: Active): void {
  const all = [definition, ...definitionsBehind(definition, active)];
  const crossing = all.find(({ rule }) => crosses(rule));
  if (crossing === undefined) return;
  throw new CliError(
    EXIT.usage,
    `${crossing.id} asks accounts about their users, or users about their account. Logs are played one by one, and what one\npartition would have told another stands in none of them. \`segments try\` and \`explain\` tell of now.`,
  );
}

function crosses(rule: Rule): boolean {
  return rule.op === "account" || rule.op === "users" || rulesInside(rule).some(crosses);
}

/** As they are in force, all segments that a definition leads to. */
function definitionsBehind(definition: Definition, active: Active): Definition[] {
  const found = new Map<SegmentId, Definition>();
  const visit = ({ rule }: Definition): void => {
    for (const id of references(rule)) {
      const behind = active.get(id)?.definition;
      if (behind === undefined || id === definition.id || found.has(id)) continue;
      found.set(id, behind);
      visit(behind);
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
