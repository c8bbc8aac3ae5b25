// Whether what was said is what had to be said: one partition's log, recomputed by the oracle, against the deltas that
// SEGMENTS holds and the memberships that are live. Pure; the caller reads the streams and hands over what it found.
import type { Delta, LogRecord, MemberId, Millis, PartitionNo, Reject, SegmentId, Seq } from "../core/types.ts";
import { Oracle, type OracleOptions } from "../oracle/oracle.ts";
import { Collected, type Differences, EXAMPLES_MAX } from "./collected.ts";
import { LeftOut } from "./left-out.ts";
import { LinkBook, type LinkReport } from "./links.ts";

/** A delta as SEGMENTS holds it, with its place there. */
export interface StoredDelta {
  readonly seq: Seq;
  readonly delta: Delta;
}

/** One membership that stands: who is in what, by which change, since when. */
export interface LiveMembership {
  readonly segment: SegmentId;
  readonly id: MemberId;
  readonly n: number;
  readonly since: Millis;
}

/** What was erased from a log: as much of lib/ports/erasing.ts's book as is asked here. */
interface Ledger {
  readonly isFaithful: boolean;
  stampAt(seq: Seq): Millis | undefined;
}

export interface VerifyInput {
  readonly options: OracleOptions;
  /** The log from its first message up to the position that is compared (the watermark's `done`). */
  readonly records: AsyncIterable<LogRecord> | Iterable<LogRecord>;
  /** This partition's deltas of inputs up to that position, in the order in which SEGMENTS holds them. */
  readonly deltas: AsyncIterable<StoredDelta> | Iterable<StoredDelta>;
  /** This partition's memberships at that position. */
  readonly memberships: AsyncIterable<LiveMembership> | Iterable<LiveMembership>;
  /** Hears what this partition says to others, and what others say to it. */
  readonly links?: LinkBook;
  /** Where somebody was erased from this log, it derives less for others than they were told. */
  readonly ledger?: Ledger | undefined;
  /** Called now and then with the number of log messages read. */
  readonly onProgress?: (inputs: number) => void;
}

export interface PartitionReport {
  readonly partition: PartitionNo;
  /** Messages of the log. */
  readonly inputs: number;
  /** Messages of the log that were refused, by reason. */
  readonly rejects: Readonly<Record<string, number>>;
  readonly members: number;
  readonly memberships: {
    readonly expected: number;
    readonly actual: number;
    /** Expected, and not there (or there with another n or since). */
    readonly missing: Differences;
    /** There, and not expected. */
    readonly extra: Differences;
  };
  readonly deltas: {
    readonly expected: number;
    readonly actual: number;
    /** Expected, and never said. */
    readonly lost: Differences;
    /** Said more often than expected. */
    readonly repeated: Differences;
    /** Said, and never expected: an unknown change, or a known one with another content. */
    readonly wrong: Differences;
    /** Said as often as expected, but not where it stands in the order. */
    readonly disordered: Differences;
  };
  readonly equal: boolean;
}

const PROGRESS_EVERY = 10_000;

export async function verifyPartition(input: VerifyInput): Promise<PartitionReport> {
  const oracle = new Oracle(input.options);
  const made: Delta[] = [];
  const leftOut = new LeftOut();
  let inputs = 0;
  for await (const record of input.records) {
    leftOut.hear(record);
    for (const delta of oracle.apply(record)) made.push(delta);
    for (const link of oracle.takeLinks()) {
      if (input.ledger?.isFaithful !== false) input.links?.derive(input.options.partition, link);
    }
    input.links?.hear(input.options.partition, record, input.ledger?.stampAt(record.seq) !== undefined);
    inputs += 1;
    if (inputs % PROGRESS_EVERY === 0) input.onProgress?.(inputs);
  }
  input.onProgress?.(inputs);
  const memberships = await compareMemberships(oracle, input.memberships, leftOut);
  const expected = made.filter(({ kind, id }) => !leftOut.has(kind, id));
  const deltas = await compareDeltas(expected, without(input.deltas, leftOut));
  const differences = [
    memberships.missing,
    memberships.extra,
    deltas.lost,
    deltas.repeated,
    deltas.wrong,
    deltas.disordered,
  ];
  return {
    partition: input.options.partition,
    inputs,
    rejects: reasonsOf(oracle.rejects),
    members: oracle.universe,
    memberships,
    deltas,
    equal: differences.every(({ count }) => count === 0),
  };
}

async function* without(deltas: VerifyInput["deltas"], leftOut: LeftOut): AsyncGenerator<StoredDelta> {
  for await (const stored of deltas) if (!leftOut.has(stored.delta.kind, stored.delta.id)) yield stored;
}

function reasonsOf(rejects: readonly Reject[]): Record<string, number> {
  const reasons: Record<string, number> = {};
  for (const { reason } of rejects) reasons[reason] = (reasons[reason] ?? 0) + 1;
  return reasons;
}

async function compareMemberships(
  oracle: Oracle,
  live: VerifyInput["memberships"],
  leftOut: LeftOut,
): Promise<PartitionReport["memberships"]> {
  // Which kind a segment is of does not matter: who is left out as one kind is so as the other.
  const isLeftOut = (id: MemberId): boolean => leftOut.has("user", id) || leftOut.has("account", id);
  const expected = new Map<string, LiveMembership>();
  for (const [segment, members] of oracle.memberships()) {
    for (const [id, { in: isIn, n, since }] of members) {
      if (isIn && !isLeftOut(id)) expected.set(JSON.stringify([segment, id]), { segment, id, n, since });
    }
  }
  const expectedCount = expected.size;
  const missing = new Collected();
  const extra = new Collected();
  let actual = 0;
  for await (const found of live) {
    if (isLeftOut(found.id)) continue;
    actual += 1;
    const key = JSON.stringify([found.segment, found.id]);
    const wanted = expected.get(key);
    expected.delete(key);
    if (wanted !== undefined && wanted.n === found.n && wanted.since === found.since) continue;
    extra.add(() => `${membershipText(found)}${wanted === undefined ? "" : `; expected ${membershipText(wanted)}`}`);
    if (wanted !== undefined) missing.add(() => `${membershipText(wanted)}; found ${membershipText(found)}`);
  }
  for (const wanted of expected.values()) missing.add(() => membershipText(wanted));
  return { expected: expectedCount, actual, missing: missing.differences, extra: extra.differences };
}

/**
 * Place by place first: that is all there is to do when nothing is wrong. From the first difference on, both sides are
 * counted by content, so that one lost delta is told as one and not as a shift of all that follow.
 */
export async function compareDeltas(
  expected: readonly Delta[],
  stored: VerifyInput["deltas"],
): Promise<PartitionReport["deltas"]> {
  const rest: StoredDelta[] = [];
  let same = 0;
  let actual = 0;
  for await (const found of stored) {
    actual += 1;
    if (rest.length === 0 && same < expected.length && deltaText(expected[same]!) === deltaText(found.delta)) same += 1;
    else rest.push(found);
  }
  const counted = countDifferences(expected, same, rest);
  return { expected: expected.length, actual, ...counted };
}

type Counted = Pick<PartitionReport["deltas"], "lost" | "repeated" | "wrong" | "disordered">;

/** `same`: so many expected deltas stand at the beginning of the stored ones, in order. */
function countDifferences(expected: readonly Delta[], same: number, stored: readonly StoredDelta[]): Counted {
  const [lost, repeated, wrong, disordered] = [new Collected(), new Collected(), new Collected(), new Collected()];
  const wanted = new Map<string, number[]>();
  const said = new Set(stored.length === 0 ? [] : expected.slice(0, same).map(deltaText));
  for (const [index, delta] of expected.slice(same).entries()) {
    const text = deltaText(delta);
    wanted.set(text, [...(wanted.get(text) ?? []), same + index]);
  }
  const matched: { readonly place: number; readonly found: StoredDelta }[] = [];
  for (const found of stored) {
    const text = deltaText(found.delta);
    const places = wanted.get(text);
    const place = places?.shift();
    if (place !== undefined) matched.push({ place, found });
    else (places !== undefined || said.has(text) ? repeated : wrong).add(() => `at ${found.seq}: ${text}`);
  }
  for (const [text, places] of wanted) for (const _ of places) lost.add(() => text);
  const inOrder = longestRising(matched.map(({ place }) => place));
  for (const [index, { found }] of matched.entries()) {
    if (!inOrder.has(index)) disordered.add(() => `at ${found.seq}: ${deltaText(found.delta)}`);
  }
  return {
    lost: lost.differences,
    repeated: repeated.differences,
    wrong: wrong.differences,
    disordered: disordered.differences,
  };
}

/** The indexes of a longest rising subsequence: what stands outside it was moved. */
function longestRising(places: readonly number[]): ReadonlySet<number> {
  const tails: number[] = [];
  const before: number[] = [];
  for (const [index, place] of places.entries()) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[tails[middle]!]! < place) low = middle + 1;
      else high = middle;
    }
    before[index] = low === 0 ? -1 : tails[low - 1]!;
    tails[low] = index;
  }
  const rising = new Set<number>();
  for (let index = tails.at(-1) ?? -1; index >= 0; index = before[index]!) rising.add(index);
  return rising;
}

/** Every field of a delta, in one order: two deltas are the same when their texts are. */
function deltaText({ segment, version, kind, id, change, n, at, cause }: Delta): string {
  const { type, seq, messageId, late } = cause;
  return JSON.stringify({ segment, version, kind, id, change, n, at, cause: { type, seq, messageId, late } });
}

function membershipText({ segment, id, n, since }: LiveMembership): string {
  return JSON.stringify({ segment, id, n, since });
}

export interface VerifyReport {
  readonly partitions: number;
  readonly inputs: number;
  readonly rejects: Readonly<Record<string, number>>;
  readonly members: number;
  readonly memberships: PartitionReport["memberships"];
  readonly deltas: PartitionReport["deltas"];
  readonly links: LinkReport;
  readonly equal: boolean;
}

/** All partitions as one; an example says which partition it is of. */
export function combineReports(reports: readonly PartitionReport[], book: LinkBook = new LinkBook()): VerifyReport {
  const links = book.report;
  const total = (numberOf: (report: PartitionReport) => number) =>
    reports.reduce((sum, report) => sum + numberOf(report), 0);
  const merged = (differencesOf: (report: PartitionReport) => Differences): Differences => ({
    count: total((report) => differencesOf(report).count),
    examples: reports
      .flatMap((report) => differencesOf(report).examples.map((text) => `partition ${report.partition}: ${text}`))
      .slice(0, EXAMPLES_MAX),
  });
  const rejects: Record<string, number> = {};
  for (const report of reports) {
    for (const [reason, count] of Object.entries(report.rejects)) rejects[reason] = (rejects[reason] ?? 0) + count;
  }
  return {
    partitions: reports.length,
    inputs: total(({ inputs }) => inputs),
    rejects,
    members: total(({ members }) => members),
    memberships: {
      expected: total(({ memberships }) => memberships.expected),
      actual: total(({ memberships }) => memberships.actual),
      missing: merged(({ memberships }) => memberships.missing),
      extra: merged(({ memberships }) => memberships.extra),
    },
    deltas: {
      expected: total(({ deltas }) => deltas.expected),
      actual: total(({ deltas }) => deltas.actual),
      lost: merged(({ deltas }) => deltas.lost),
      repeated: merged(({ deltas }) => deltas.repeated),
      wrong: merged(({ deltas }) => deltas.wrong),
      disordered: merged(({ deltas }) => deltas.disordered),
    },
    links,
    equal: links.wrong.count === 0 && reports.every(({ equal }) => equal),
  };
}
