// What the auditor holds against the streams, without I/O: numbering, order, fences, the history of watermarks.
// Below audit.ts, which reads the streams and recomputes; each check tells what it found in words that name the place.
import type { LinkMessage } from "../../lib/core/links.ts";
import type { Delta, Millis, PartitionNo, Seq } from "../../lib/core/types.ts";
import type { Watermark } from "../../lib/ports/delta-sink.ts";
import { Collected } from "../../lib/verify/collected.ts";
import type { StoredDelta } from "../../lib/verify/verify.ts";

/** A delta as SEGMENTS holds it, with the headers that it was published under. */
export interface FencedDelta extends StoredDelta {
  /** The record that its owner expected to be the last one. A batch is fenced by its commit alone. */
  readonly fence: Seq | undefined;
  readonly fenceSubject: string | undefined;
  readonly batch: { readonly id: string; readonly place: number } | undefined;
}

/** A watermark as it was stored once; newer ones replaced it since. */
export interface NotedRecord {
  readonly seq: Seq;
  readonly value: Watermark;
}

/** What the oracle and the log know about one partition. */
export interface Truth {
  readonly logLast: Seq;
  /** Of the log's message at that place; undefined beyond its end. */
  stampOf(seq: Seq): Millis | undefined;
  /** Over the deltas that inputs up to there must make. */
  digestAt(seq: Seq): string;
}

/** Of each member in each segment: 1 joined, 2 left, 3 joined … */
export function numberingFaults(deltas: readonly StoredDelta[]): Collected {
  const faults = new Collected();
  const last = new Map<string, number>();
  for (const { seq, delta } of deltas) {
    const { segment, kind, id, n, change } = delta;
    const key = JSON.stringify([segment, kind, id]);
    const before = last.get(key) ?? 0;
    last.set(key, n);
    if (n === before + 1 && change === (n % 2 === 1 ? "joined" : "left")) continue;
    faults.add(() => `at ${seq}: ${segment} ${id} ${change} ${n} after ${before}`);
  }
  return faults;
}

/** Within a partition the deltas of an earlier input stand before those of a later one. */
export function orderFaults(deltas: readonly StoredDelta[]): Collected {
  const faults = new Collected();
  let highest = 0;
  for (const { seq, delta } of deltas) {
    if (delta.cause.seq < highest) faults.add(() => `at ${seq}: a delta of input ${delta.cause.seq} after ${highest}`);
    highest = Math.max(highest, delta.cause.seq);
  }
  return faults;
}

export interface Fencing {
  readonly singles: number;
  readonly batches: number;
  readonly faults: Collected;
}

/**
 * Nothing is stored under a record that had been replaced by then. A single names its record; a batch is stored whole, and
 * directly behind it stands the record that committed it, so whatever follows must be fenced by that one or a newer one.
 */
export function checkFencing(
  deltas: readonly FencedDelta[],
  records: readonly NotedRecord[],
  watermarkSubject: string,
): Fencing {
  const faults = new Collected();
  let singles = 0;
  let batches = 0;
  let newest = 0;
  let noted = 0;
  for (let at = 0; at < deltas.length; at += 1) {
    const { seq, fence, fenceSubject, batch } = deltas[at]!;
    while (noted < records.length && records[noted]!.seq < seq) {
      newest = Math.max(newest, records[noted]!.seq);
      noted += 1;
    }
    if (batch !== undefined) {
      const end = endOfBatch(deltas, at);
      if (end === undefined) faults.add(() => `at ${seq}: a batch is torn`);
      batches += 1;
      at = end ?? at;
      newest = Math.max(newest, deltas[at]!.seq + 1);
      continue;
    }
    singles += 1;
    if (fence === undefined || fenceSubject !== watermarkSubject) {
      faults.add(() => `at ${seq}: stored without a fence of its partition`);
    } else if (fence < newest || fence >= seq) {
      faults.add(() => `at ${seq}: stored under the record at ${fence}, when the newest was ${newest}`);
    }
    newest = Math.max(newest, fence ?? 0);
  }
  return { singles, batches, faults };
}

/** Index of the last delta of the batch that begins at `at`; undefined when it is not whole. */
function endOfBatch(deltas: readonly FencedDelta[], at: number): number | undefined {
  const first = deltas[at]!;
  if (first.batch?.place !== 1) return undefined;
  let end = at;
  while (deltas[end + 1]?.batch?.id === first.batch.id) {
    end += 1;
    const { seq, batch } = deltas[end]!;
    if (seq !== first.seq + end - at || batch?.place !== end - at + 1) return undefined;
  }
  return end;
}

/** Every record that was seen, against what the log and the oracle say, and against the record before it. */
export function recordFaults(records: readonly NotedRecord[], deltas: readonly StoredDelta[], truth: Truth): Collected {
  const faults = new Collected();
  let before: NotedRecord | undefined;
  for (const record of records) {
    for (const fault of [...stepFaults(before?.value, record.value), ...valueFaults(record, deltas, truth)]) {
      const { epoch, owner } = record.value;
      faults.add(() => `watermark at ${record.seq} (epoch ${epoch}, ${owner ?? "released"}): ${fault}`);
    }
    before = record;
  }
  return faults;
}

function stepFaults(before: Watermark | undefined, { epoch, owner, done, from }: Watermark): string[] {
  if (before === undefined) return [];
  const faults: string[] = [];
  if (epoch < before.epoch) faults.push(`epoch ${before.epoch} came before`);
  if (done < before.done) faults.push(`done ${done} after ${before.done}`);
  if (from < before.from) faults.push(`from ${from} after ${before.from}`);
  if (epoch === before.epoch && before.owner === null) faults.push("its epoch had been released");
  if (epoch === before.epoch && owner !== null && owner !== before.owner)
    faults.push(`its epoch was ${before.owner}'s`);
  return faults;
}

function valueFaults({ seq, value }: NotedRecord, deltas: readonly StoredDelta[], truth: Truth): string[] {
  const { done, from, digest, fingerprint } = value;
  if (done > truth.logLast) return [`done ${done}, and the log ends at ${truth.logLast}`];
  const faults: string[] = [];
  if (done > 0 && truth.stampOf(done) !== fingerprint) faults.push(`input ${done} has another stamp`);
  if (truth.digestAt(done) !== digest) faults.push(`digest ${digest}, the logs make ${truth.digestAt(done)}`);
  const beyond = firstBeyond(deltas, done);
  const last = deltas[beyond - 1];
  const next = deltas[beyond];
  if (last !== undefined && last.seq > seq)
    faults.push(`a delta of input ${last.delta.cause.seq} came only at ${last.seq}`);
  if (next !== undefined && next.seq < from) faults.push(`a later input's delta stands at ${next.seq}, before ${from}`);
  return faults;
}

/** Index of the first delta of an input after `done`: deltas stand in the order of their inputs. */
export function firstBeyond(deltas: readonly { readonly delta: Pick<Delta, "cause"> }[], done: Seq): number {
  let low = 0;
  let high = deltas.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (deltas[middle]!.delta.cause.seq <= done) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The records of one partition in the order of SEGMENTS, each once. */
export function historyOf(
  partition: PartitionNo,
  noted: ReadonlyMap<PartitionNo, readonly NotedRecord[]>,
  newest: NotedRecord | undefined,
): readonly NotedRecord[] {
  const seen = noted.get(partition) ?? [];
  if (newest === undefined || seen.some(({ seq }) => seq === newest.seq)) return seen;
  return [...seen, newest].sort((a, b) => a.seq - b.seq);
}

/** Of one partition: what its log makes it say to others, what it has heard of each, and the input its checkpoint covers. */
export interface Linked {
  readonly made: readonly LinkMessage[];
  readonly heard: ReadonlyMap<PartitionNo, readonly string[]>;
  readonly covered: Seq;
}

/** What stands in a log of another partition is what that one's log says, from the first on; a checkpoint covers none that is missing. */
export function linkFaults(all: readonly Linked[]): Collected {
  const faults = new Collected();
  for (const [from, { made, covered }] of all.entries()) {
    for (const [to, { heard }] of all.entries()) {
      const due = made.filter((link) => link.to === to);
      const stored = heard.get(from) ?? [];
      const at = stored.findIndex((body, index) => body !== due[index]?.body);
      const way = `partition ${from} to ${to}`;
      if (at >= 0) faults.add(() => `${way}: ${stored[at]} stands there, its log says ${due[at]?.body ?? "no more"}`);
      const missing = due[stored.length];
      if (missing !== undefined && missing.seq <= covered)
        faults.add(
          () => `${way}: ${missing.body} of input ${missing.seq} is not there, the checkpoint is at ${covered}`,
        );
    }
  }
  return faults;
}
