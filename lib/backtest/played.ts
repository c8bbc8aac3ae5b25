// Logs played through machines of their own: what a back-test, a trial by history and `explain --at` stand on. Nothing that
// runs knows of it. Used by the command line and by the HTTP interface; what one log does is backtest.ts.
import { setImmediate } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { explained } from "../api/audience/explaining.ts";
import { logRecords } from "../cli/read-streams.ts";
import { inOrder, sideBySide } from "../cli/side-by-side.ts";
import type { ControlState } from "../core/engine/control-state.ts";
import { partitionOf } from "../core/ids.ts";
import type { ExplainNode, MembershipView } from "../core/partition.ts";
import { type Definition, type Rule, rulesInside } from "../core/rules/ast.ts";
import { references } from "../core/rules/checks/graph.ts";
import type { Json, Limits, MemberId, Millis, PartitionNo, SegmentId } from "../core/types.ts";
import { DEFAULT_VOCABULARY } from "../core/vocabulary.ts";
import { vocabularyDocument } from "../core/vocabulary-document.ts";
import { NatsEventLog } from "../nats/event-log.ts";
import type { Names } from "../nats/names.ts";
import type { LogBounds } from "../ports/event-log.ts";
import { Backtest, type BacktestOptions, type BacktestPart, type BacktestReport, reportOf } from "./backtest.ts";
import { BacktestTogether, questionsTo } from "./together.ts";

const LOGS_AT_ONCE = 4;
const PROGRESS_EVERY = 1_000;
/** Whoever plays logs beside other work lets that have its turn. */
const TURN_MS_MAX = 10;

/** The data set whose logs are played, and whoever watches. */
export interface Playing {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  readonly clock: "log" | "event";
  readonly limits: Limits;
  readonly clockStepMsMax: number;
  readonly pageBytesMax: number;
  readonly state: ControlState;
  /** Of all messages; at the first, and then now and then. */
  readonly onProgress?: (played: Played) => void;
  readonly signal?: AbortSignal;
  /** More than so many messages are refused; left out: there is no bound. */
  readonly messagesMax?: number;
}

export interface Played {
  readonly done: number;
  readonly total: number;
}

export interface Candidate {
  readonly source: Json;
  readonly definition: Definition;
}

/** The logs are not such that they can be played. */
export class NotPlayable extends Error {
  override readonly name = "NotPlayable";
}

export interface Span {
  readonly from: Millis;
  readonly to: Millis;
}

/** Plays every log; `end` is called with each partition's test once its log is through. */
export async function backtested<P extends BacktestPart>(
  context: Playing,
  candidate: Candidate,
  { from, to }: Span,
  end: (test: Backtest, now: Millis) => P,
): Promise<{ readonly parts: readonly P[]; readonly report: BacktestReport }> {
  const common = commonOptions(context, candidate, from);
  const { definition } = candidate;
  const { active } = context.state;
  const logs = await logsOf(context);
  const progress = progressOf(context, logs);
  const parts = isAcross(definition, active)
    ? (await playedTogether(context, common, logs, progress, to)).tests.map((test) => end(test, to))
    : await playedApart(context, common, logs, progress, (test) => end(test, to));
  return { parts, report: reportOf(parts, { from, to, zone: definition.zone }) };
}

/** One more message; a promise where others have their turn first. */
type Step = () => Promise<void> | undefined;

async function logsOf(context: Playing): Promise<readonly LogBounds[]> {
  const { nc, names, partitions } = context;
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const logs = await Promise.all(all.map((partition) => new NatsEventLog(nc, names, partition).bounds()));
  assertWhole(context, logs);
  return logs;
}

function progressOf({ onProgress, signal, messagesMax }: Playing, logs: readonly LogBounds[]): Step {
  const total = logs.reduce((sum, { last }) => sum + last, 0);
  if (messagesMax !== undefined && total > messagesMax) {
    throw new NotPlayable(
      `The logs hold ${total} messages, and here at most ${messagesMax} are played: use \`rollcall segments backtest\`, or \`try --history\`, which run by themselves.`,
    );
  }
  let done = 0;
  let turnBegan = performance.now();
  return () => {
    done += 1;
    if (done === 1 || done % PROGRESS_EVERY === 0) onProgress?.({ done, total });
    if (performance.now() - turnBegan < TURN_MS_MAX) return undefined;
    signal?.throwIfAborted();
    return setImmediate().then(() => {
      turnBegan = performance.now();
    });
  };
}

/** A few logs at a time: no more than those need be in memory. */
function playedApart<P>(
  { nc, names }: Playing,
  common: BacktestOptions,
  logs: readonly LogBounds[],
  step: Step,
  end: (test: Backtest) => P,
): Promise<readonly P[]> {
  const play = async (partition: PartitionNo): Promise<P> => {
    const test = new Backtest({ ...common, partition: { ...common.partition, partition } });
    for await (const record of logRecords(nc, names, partition, logs[partition]!.last)) {
      test.apply(record);
      await step();
    }
    return end(test);
  };
  return sideBySide([...logs.keys()], LOGS_AT_ONCE, play);
}

/** All logs at once, in the order of their stamps, up to a moment. */
async function playedTogether(
  { nc, names }: Playing,
  common: BacktestOptions,
  logs: readonly LogBounds[],
  step: Step,
  to: Millis,
): Promise<BacktestTogether> {
  const together = new BacktestTogether(common);
  const sources = logs.map(({ last }, partition) => logRecords(nc, names, partition, last));
  for await (const { from, item } of inOrder(sources, ({ stamp }) => stamp)) {
    if (item.stamp > to) break;
    together.apply(from, item);
    await step();
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
export async function explainedAt(context: Playing, id: SegmentId, member: MemberId, at: Millis): Promise<ExplainedAt> {
  const { active } = context.state;
  const definition = active.get(id)?.definition;
  if (definition === undefined) return { clock: at, explain: null, memberships: [] };
  const common = commonOptions(context, { definition, source: definition.source }, at);
  const partition = partitionOf(member, context.partitions);
  if (!isAcross(definition, active)) {
    const { machine } = await playedUpTo(context, common, partition, at);
    const explain = machine.explain(id, member) ?? null;
    return { clock: machine.clock, explain, memberships: membershipsOf(machine, definition, member) };
  }
  const logs = await logsOf(context);
  const { tests } = await playedTogether(context, common, logs, progressOf(context, logs), at);
  const machines = tests.map((test) => test.machine);
  const found = await explained({ questions: questionsTo(machines) }, id, { kind: definition.kind, id: member });
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
  context: Playing,
  common: BacktestOptions,
  partition: PartitionNo,
  at: Millis,
): Promise<Backtest> {
  const { nc, names } = context;
  const log = await new NatsEventLog(nc, names, partition).bounds();
  assertWhole(context, [log], partition);
  const test = new Backtest({ ...common, partition: { ...common.partition, partition } });
  const step = progressOf(context, [log]);
  for await (const record of logRecords(nc, names, partition, log.last)) {
    if (record.stamp > at) break;
    test.apply(record);
    await step();
  }
  test.endAt(at);
  return test;
}

function commonOptions(context: Playing, { definition, source }: Candidate, from: Millis): BacktestOptions {
  const { limits, clockStepMsMax, pageBytesMax, partitions, clock, state } = context;
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
      clockStepMsMax,
      limits,
      pageCacheBytesMax: Number.POSITIVE_INFINITY,
      pageBytesMax,
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

/** A past that is not there cannot be played. What was erased is: something stands in its place. */
function assertWhole({ names }: Playing, logs: readonly LogBounds[], from: PartitionNo = 0): void {
  const trimmed = logs.findIndex(({ first }) => first > 1);
  if (trimmed === -1) return;
  throw new NotPlayable(
    `${names.eventsStream(from + trimmed)} begins at ${logs[trimmed]!.first}: its past was trimmed, so it cannot be played from its beginning.`,
  );
}
