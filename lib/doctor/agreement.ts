// Is what was said of a sample of members what the log says, and is it what their owner holds to be true now?
// Pure: the sample (sample.ts) has been taken and the deltas and answers read; lib/verify compares with the oracle.
import { count, counted } from "../cli/numbers.ts";
import { plain } from "../cli/style.ts";
import type { MembershipView } from "../core/partition.ts";
import type { MemberId, MemberKind, PartitionNo, Seq } from "../core/types.ts";
import type { OracleOptions } from "../oracle/oracle.ts";
import type { Differences } from "../verify/collected.ts";
import { type LiveMembership, type PartitionReport, type StoredDelta, verifyPartition } from "../verify/verify.ts";
import type { PartitionFacts } from "./facts.ts";
import { type Finding, findingsOf, ok, page, type Trouble, warn } from "./finding.ts";
import type { MemberSample } from "./sample.ts";

const CHECK = "sample";

/** What an owner answered about one member, as of one position. */
export interface LiveMember {
  readonly id: MemberId;
  readonly position: Seq;
  readonly memberships: readonly MembershipView[];
}

export interface Compared {
  readonly partition: PartitionNo;
  /** Whether the sample is one of users or of accounts. */
  readonly kind: MemberKind;
  readonly sample: MemberSample;
  /** Of the sampled members, in the order in which SEGMENTS holds them. */
  readonly deltas: readonly StoredDelta[];
  readonly live: readonly LiveMember[];
  /** What was said stands for the messages up to here: the watermark's `done`. */
  readonly done: Seq;
}

export interface Agreement {
  readonly report: PartitionReport;
  readonly live: Differences & { readonly members: number };
}

export async function agreementOf(options: OracleOptions, compared: Compared): Promise<Agreement> {
  const { sample, deltas, live } = compared;
  const upTo = deltas.filter(({ delta }) => delta.cause.seq <= sample.position);
  const report = await verifyPartition({
    options,
    records: sample.records(),
    deltas: upTo,
    memberships: standing(upTo),
  });
  return { report, live: liveDifferences(deltas, live) };
}

/** Who is in what, after these deltas. */
function standing(deltas: readonly StoredDelta[]): readonly LiveMembership[] {
  const members = new Map<string, LiveMembership>();
  for (const { delta } of deltas) {
    const { segment, id, n, at, change } = delta;
    const key = `${segment}\n${id}`;
    if (change === "joined") members.set(key, { segment, id, n, since: at });
    else members.delete(key);
  }
  return [...members.values()];
}

/** Deltas add up (law 4): what an owner says at a position is what was said up to there. */
function liveDifferences(deltas: readonly StoredDelta[], live: readonly LiveMember[]): Agreement["live"] {
  const byMember = new Map<MemberId, StoredDelta[]>();
  for (const stored of deltas) {
    const all = byMember.get(stored.delta.id) ?? [];
    byMember.set(stored.delta.id, all);
    all.push(stored);
  }
  const examples: string[] = [];
  for (const { id, position, memberships } of live) {
    const upTo = (byMember.get(id) ?? []).filter(({ delta }) => delta.cause.seq <= position);
    const said = textsOf(standing(upTo));
    const held = textsOf(memberships.filter((membership) => membership.in));
    for (const text of held) if (!said.has(text)) examples.push(`${plain(id)} is ${text}, which was not said`);
    for (const text of said) if (!held.has(text)) examples.push(`${plain(id)} is not ${text}, though it was said`);
  }
  return { count: examples.length, examples, members: live.length };
}

function textsOf(memberships: readonly { segment: string; n: number }[]): ReadonlySet<string> {
  return new Set(memberships.map(({ segment, n }) => `in ${plain(segment)} (n ${n})`));
}

/** `leftOut`: why some partitions could not be compared. */
export function agreementFindings(
  all: readonly (readonly [Compared, Agreement])[],
  leftOut: readonly Trouble[],
): readonly Finding[] {
  const troubles = [...all.flatMap(([compared, agreement]) => troublesOf(compared, agreement)), ...leftOut];
  const told = all.length === 0 ? "nothing was compared" : comparedText(all);
  const findings = findingsOf(CHECK, troubles, told);
  const onlyLeftOut = troubles.length > 0 && troubles.length === leftOut.length && all.length > 0;
  return onlyLeftOut ? [ok(CHECK, told), ...findings] : findings;
}

function troublesOf({ partition }: Compared, { report, live }: Agreement): readonly Trouble[] {
  const { lost, repeated, wrong, disordered } = report.deltas;
  const kinds = { lost, repeated, wrong, disordered };
  const deltas = Object.entries(kinds).flatMap(([kind, { count: number, examples }]): Trouble[] => {
    if (number === 0) return [];
    const text = `${counted(number, "delta")} ${kind}, compared with the log: ${plain(examples[0]!)}${number > 1 ? "; …" : ""}`;
    const remedy = `\`rollcall replay --verify\` compares everything; was a version, a table or an option changed? ${page("DLT-001")}`;
    return [{ kind, verdict: "fail", partition, text, remedy }];
  });
  if (live.count === 0) return deltas;
  const text = `${counted(live.count, "membership")} as its owner holds them differ from what was said: ${live.examples[0]!}`;
  const remedy =
    "restart its worker, which replays the log and stops where it differs; `rollcall replay --verify` compares everything";
  return [...deltas, { kind: "live", verdict: "fail", partition, text, remedy }];
}

function comparedText(all: readonly (readonly [Compared, Agreement])[]): string {
  const total = (of: (compared: Compared, agreement: Agreement) => number): number =>
    all.reduce((sum, [compared, agreement]) => sum + of(compared, agreement), 0);
  const members = total(({ sample }) => sample.members.length);
  const deltas = total((_, { report }) => report.deltas.expected);
  const live = total((_, agreement) => agreement.live.members);
  // A log is read once for both kinds.
  const read = total(({ kind, sample }) => (kind === "user" ? sample.position : 0));
  const done = total((compared) => (compared.kind === "user" ? compared.done : 0));
  const share =
    read >= done ? `all ${counted(read, "message")}` : `the first ${count(read)} of ${counted(done, "message")}`;
  const busy = total(({ sample }) => sample.leftOut);
  return (
    `${counted(members, "member")} recomputed from ${share}: ${counted(deltas, "delta")} as said, ` +
    agreeing(live, members) +
    (busy === 0 ? "" : `; ${counted(busy, "very busy member")} left out`)
  );
}

function agreeing(live: number, members: number): string {
  if (live === 0) return members === 0 ? "nobody to ask about" : "no owner answered for them";
  return `the owners agree about ${live === members ? "all" : count(live)} of them`;
}

/** A past whose beginning is gone cannot be recomputed. With an age limit that is what was asked for. */
export function trimmedFindings(all: readonly Pick<PartitionFacts, "partition" | "log">[]): readonly Finding[] {
  const trimmed = all.filter(({ log }) => log.first > 1);
  const first = trimmed[0];
  if (first === undefined) return [];
  const which = trimmed.length === all.length ? "no partition" : `${trimmed.length} of ${all.length} partitions not`;
  const text = `${which} recomputed: the log of partition ${first.partition} begins at message ${first.log.first}, so its past is not all there`;
  if (trimmed.every(({ log }) => log.maxAgeMs > 0)) return [ok(CHECK, `${text} (its age limit)`)];
  return [warn(CHECK, text, `restore the log from a backup; ${page("LOG-001")}`)];
}
