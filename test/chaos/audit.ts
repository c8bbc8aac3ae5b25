// The auditor: reads EVENTS_*, SEGMENTS and CHECKPOINT, recomputes with the oracle, and says what is not as the laws promise.
// It asks no worker anything. audit-main.ts makes a process of it; audit-checks.ts holds the checks that need no I/O.
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { digestText, EMPTY_DIGEST, extendDigest } from "../../actors/partition/digest.ts";
import {
  type BlobRef,
  decodeDirectory,
  decodeManifest,
  type Generation,
  hashOf,
  type Manifest,
} from "../../actors/partition/manifest.ts";
import { keysOf } from "../../actors/partition/shelf.ts";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { decodeDelta, deltaId, encodeDelta } from "../../lib/core/deltas.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { LinkBody, LinkMessage } from "../../lib/core/links.ts";
import { DEFAULT_LIMITS, type Delta, type PartitionNo, type Seq } from "../../lib/core/types.ts";
import { DELTA_ID_HEADER, PARTITION_HEADER } from "../../lib/nats/delta-sink.ts";
import type { Names } from "../../lib/nats/names.ts";
import { StreamReader } from "../../lib/nats/stream-reader.ts";
import { type StoredMessage, storedMessage, streamState } from "../../lib/nats/wire.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import type { Watermark } from "../../lib/ports/delta-sink.ts";
import { Collected, type Differences } from "../../lib/verify/collected.ts";
import { compareDeltas } from "../../lib/verify/verify.ts";
import {
  checkFencing,
  type FencedDelta,
  firstBeyond,
  historyOf,
  type Linked,
  linkFaults,
  type NotedRecord,
  numberingFaults,
  orderFaults,
  recordFaults,
  type Truth,
} from "./audit-checks.ts";

const DAY_MS = 86_400_000;
const CLOCK_STEP_MS_MAX = 30 * DAY_MS;
const IN_FLIGHT_MAX = 2_000;
const LOOK_MS = 100;
/** A page that is gone may have been replaced while we read; a manifest that stays the same may not lose one. */
const MANIFEST_TRIES = 5;
const LOGS_AT_ONCE = 4;
const RECORDS_PER_BREATH = 64;
const READ_TRIES = 10;

export interface AuditOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  /** Watermarks that were seen while they stood. */
  readonly noted?: ReadonlyMap<PartitionNo, readonly NotedRecord[]>;
  /** So long it is waited until every event of the logs is behind a watermark. */
  readonly spokenMsMax?: number;
  readonly onProgress?: (partitionsDone: number) => void;
}

/** Everything that can be found; a kind that found nothing has count 0. */
export const FINDINGS = [
  "lost",
  "repeated",
  "wrong",
  "disordered",
  "misnumbered",
  "misplaced",
  "mislabelled",
  "unfenced",
  "watermarks",
  "checkpoints",
  "links",
  "unspoken",
] as const;

export type Finding = (typeof FINDINGS)[number];

export interface AuditReport {
  readonly held: boolean;
  readonly partitions: number;
  /** Messages of all logs, and the events among them. */
  readonly inputs: number;
  readonly events: number;
  readonly members: number;
  readonly deltas: { readonly expected: number; readonly stored: number };
  /** Messages of partitions to each other that stand in the logs. */
  readonly links: number;
  /** How they were published. */
  readonly singles: number;
  readonly batches: number;
  /** Watermarks that were checked, and the owners of partitions that they name. */
  readonly records: number;
  readonly claims: number;
  /** Pages and tables of checkpoints, hashed. */
  readonly blobs: number;
  readonly findings: Readonly<Record<Finding, Differences>>;
  readonly tookMs: number;
}

type PartitionAudit = Omit<AuditReport, "held" | "partitions" | "tookMs"> & { readonly linked: Linked };

export async function audit(options: AuditOptions): Promise<AuditReport> {
  const startedMs = performance.now();
  const { partitions, onProgress } = options;
  const unspoken = await untilSpoken(options);
  const manifests = await eachPartition(partitions, (partition) => checkedManifest(options, partition));
  const newest = await eachPartition(partitions, (partition) => newestRecord(options, partition));
  const { byPartition, mislabelled } = await readDeltas(options);
  let done = 0;
  const audits = await eachPartition(partitions, async (partition) => {
    const one = await auditPartition(
      options,
      partition,
      byPartition[partition]!,
      newest[partition],
      manifests[partition]!,
    );
    done += 1;
    onProgress?.(done);
    return one;
  });
  const findings = Object.fromEntries(
    FINDINGS.map((kind) => [kind, merged(audits.map(({ findings: found }) => found[kind]))]),
  ) as Record<Finding, Differences>;
  const links = linkFaults(audits.map(({ linked }) => linked)).differences;
  const all = { ...findings, links, unspoken: unspoken.differences, mislabelled: mislabelled.differences };
  const sum = (numberOf: (audit: PartitionAudit) => number): number =>
    audits.reduce((total, one) => total + numberOf(one), 0);
  return {
    held: FINDINGS.every((kind) => all[kind].count === 0),
    partitions,
    inputs: sum((one) => one.inputs),
    events: sum((one) => one.events),
    members: sum((one) => one.members),
    deltas: { expected: sum((one) => one.deltas.expected), stored: sum((one) => one.deltas.stored) },
    links: sum((one) => one.links),
    singles: sum((one) => one.singles),
    batches: sum((one) => one.batches),
    records: sum((one) => one.records),
    claims: sum((one) => one.claims),
    blobs: sum((one) => one.blobs),
    findings: all,
    tookMs: Math.round(performance.now() - startedMs),
  };
}

/** Notes every watermark that is stored from now on, before the next one replaces it. */
export function watchRecords(nc: NatsConnection, names: Names): ReadonlyMap<PartitionNo, readonly NotedRecord[]> {
  const noted = new Map<PartitionNo, NotedRecord[]>();
  let reached = 0;
  new StreamReader({
    nc,
    stream: names.segmentsStream,
    filters: [names.watermarkSubject("*")],
    next: () => reached + 1,
    room: () => IN_FLIGHT_MAX,
    onMessage: (message, { seq }) => {
      if (seq <= reached || message.subject === names.originSubject) return;
      reached = seq;
      const partition = Number(message.subject.split(".").at(-1));
      const records = noted.get(partition) ?? [];
      records.push({ seq, value: message.json<Watermark>() });
      noted.set(partition, records);
    },
    onFault: (error) => {
      throw error;
    },
  });
  return noted;
}

/** Everything acknowledged must be behind a watermark in the end; what is not is told by partition. */
async function untilSpoken(options: AuditOptions): Promise<Collected> {
  const { names, partitions, spokenMsMax = 60_000 } = options;
  const ends = await eachPartition(partitions, (p) =>
    lastOf(options, names.eventsStream(p), names.logSubject(p, "event")),
  );
  const deadline = performance.now() + spokenMsMax;
  for (;;) {
    const late = new Collected();
    const records = await eachPartition(partitions, (partition) => newestRecord(options, partition));
    for (const [partition, end] of ends.entries()) {
      const done = records[partition]?.value.done ?? 0;
      if (end !== undefined && done < end.seq)
        late.add(() => `partition ${partition}: event ${end.seq}, said up to ${done}`);
    }
    if (late.differences.count === 0 || performance.now() > deadline) return late;
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_MS);
    });
  }
}

async function newestRecord(options: AuditOptions, partition: PartitionNo): Promise<NotedRecord | undefined> {
  const { names } = options;
  const stored = await lastOf(options, names.segmentsStream, names.watermarkSubject(partition));
  return stored === undefined ? undefined : { seq: stored.seq, value: jsonOf<Watermark>(stored.data) };
}

/** All deltas that SEGMENTS holds now, by the partition of their member. */
async function readDeltas(options: AuditOptions) {
  const { names, partitions } = options;
  const byPartition: FencedDelta[][] = Array.from({ length: partitions }, () => []);
  const mislabelled = new Collected();
  const subject = names.segmentSubject("*", "*");
  await readUpToLast(options, names.segmentsStream, subject, (message, seq) => {
    const body = message.string();
    const delta = decodeDelta(body);
    const partition = partitionOf(delta.id, partitions);
    byPartition[partition]!.push({ seq, delta, ...fenceOf(message) });
    const label = labelFault(message, body, delta, partition, names);
    if (label !== undefined) mislabelled.add(() => `at ${seq}: ${label}`);
  });
  return { byPartition, mislabelled };
}

function fenceOf({ headers }: Msg): Pick<FencedDelta, "fence" | "fenceSubject" | "batch"> {
  const get = (name: string): string | undefined => headers?.get(name) || undefined;
  const fence = get("Nats-Expected-Last-Subject-Sequence");
  const id = get("Nats-Batch-Id");
  return {
    fence: fence === undefined ? undefined : Number(fence),
    fenceSubject: get("Nats-Expected-Last-Subject-Sequence-Subject"),
    batch: id === undefined ? undefined : { id, place: Number(get("Nats-Batch-Sequence")) },
  };
}

/** Subject and headers say the same as the body, and the body is byte for byte what an owner makes of it. */
function labelFault(
  message: Msg,
  body: string,
  delta: Delta,
  partition: PartitionNo,
  names: Names,
): string | undefined {
  const { headers, subject } = message;
  if (subject !== names.segmentSubject(delta.segment, delta.change))
    return `${subject} holds a delta of ${delta.segment}`;
  if (headers?.get(PARTITION_HEADER) !== `${partition}`) return `${delta.id} belongs to partition ${partition}`;
  if (headers.get(DELTA_ID_HEADER) !== deltaId(delta)) return `its header names another delta than ${deltaId(delta)}`;
  return body === encodeDelta(delta) ? undefined : "its body has another form than an owner gives it";
}

function readUpToLast(
  options: AuditOptions,
  stream: string,
  subject: string,
  onMessage: (message: Msg, seq: Seq) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    void lastOf(options, stream, subject).then((last) => {
      if (last === undefined) return resolve();
      let reached = 0;
      const reader: StreamReader = new StreamReader({
        nc: options.nc,
        stream,
        filters: [subject],
        next: () => reached + 1,
        room: () => IN_FLIGHT_MAX,
        onMessage: (message, { seq }) => {
          if (seq <= reached || reached >= last.seq) return;
          reached = seq;
          try {
            onMessage(message, seq);
          } catch (error) {
            reader.stop();
            reject(new Error(`${message.subject} at ${seq} cannot be read`, { cause: error }));
          }
          if (seq < last.seq) return;
          reader.stop();
          resolve();
        },
        onFault: reject,
      });
    }, reject);
  });
}

async function auditPartition(
  options: AuditOptions,
  partition: PartitionNo,
  stored: readonly FencedDelta[],
  newest: NotedRecord | undefined,
  manifest: CheckedManifest,
): Promise<PartitionAudit> {
  const { names, noted = new Map() } = options;
  const done = newest?.value.done ?? 0;
  // Beyond `done` may stand whatever of the following inputs was said by now, and nothing is lost that is not yet there.
  const upTo = stored.reduce((highest, { delta }) => Math.max(highest, delta.cause.seq), done);
  const { truth, expected, made, heard, ...figures } = await recompute(options, partition, upTo);
  const due = expected.slice(0, firstBeyondOf(expected, done));
  const begun = expected.slice(due.length, due.length + stored.filter(({ delta }) => delta.cause.seq > done).length);
  const { lost, repeated, wrong, disordered } = await compareDeltas([...due, ...begun], stored);
  const history = historyOf(partition, noted, newest);
  const fencing = checkFencing(stored, history, names.watermarkSubject(partition));
  const inPlace = (found: Collected): Differences => within(partition, found.differences);
  const none = new Collected().differences;
  return {
    ...figures,
    deltas: { expected: due.length + begun.length, stored: stored.length },
    singles: fencing.singles,
    batches: fencing.batches,
    records: history.length,
    claims: new Set(history.map(({ value }) => value.epoch)).size,
    blobs: manifest.blobs,
    linked: { made, heard, covered: manifest.manifest?.generations[0]?.position ?? 0 },
    findings: {
      lost: within(partition, lost),
      repeated: within(partition, repeated),
      wrong: within(partition, wrong),
      disordered: within(partition, disordered),
      misnumbered: inPlace(numberingFaults(stored)),
      misplaced: inPlace(orderFaults(stored)),
      mislabelled: none,
      unfenced: inPlace(fencing.faults),
      watermarks: inPlace(recordFaults(history, stored, truth)),
      checkpoints: inPlace(manifestFaults(manifest, newest, truth)),
      links: none,
      unspoken: none,
    },
  };
}

function firstBeyondOf(expected: readonly Delta[], done: Seq): number {
  return firstBeyond(
    expected.map((delta) => ({ delta })),
    done,
  );
}

/** Computing long without a pause would let our own requests run out of time. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Reading changes nothing, so on a busy machine it is tried again. */
async function patiently<T>(read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await read();
    } catch (error) {
      if (tries === READ_TRIES) throw error;
    }
  }
}

function lastOf({ nc }: AuditOptions, stream: string, subject: string): Promise<StoredMessage | undefined> {
  return patiently(() => storedMessage(nc, stream, { last_by_subj: subject }));
}

/** The slow and obvious way: the oracle reads the log from its first message. */
async function recompute({ nc, names, partitions }: AuditOptions, partition: PartitionNo, upTo: Seq) {
  const oracle = new Oracle({
    partition,
    partitions,
    clockMode: "log",
    clockStepMsMax: CLOCK_STEP_MS_MAX,
    limits: DEFAULT_LIMITS,
  });
  const expected: Delta[] = [];
  const stamps: number[] = [0];
  /** Inputs that made deltas, and the digest after each of them. */
  const inputs: Seq[] = [0];
  const digests: string[] = [digestText(EMPTY_DIGEST)];
  const made: LinkMessage[] = [];
  const heard = new Map<PartitionNo, string[]>();
  let digest = EMPTY_DIGEST;
  let events = 0;
  let links = 0;
  const { last } = await patiently(() => streamState(nc, names.eventsStream(partition)));
  for await (const record of logRecords(nc, names, partition, last)) {
    stamps[record.seq] = record.stamp;
    if (record.kind === "event") events += 1;
    if (record.seq % RECORDS_PER_BREATH === 0) await breathe();
    if (record.kind === "link") {
      const body = Buffer.from(record.body).toString();
      const { from } = JSON.parse(body) as LinkBody;
      heard
        .set(from, heard.get(from) ?? [])
        .get(from)!
        .push(body);
      links += 1;
    }
    const deltas = oracle.apply(record);
    made.push(...oracle.takeLinks());
    if (deltas.length === 0 || record.seq > upTo) continue;
    for (const delta of deltas) {
      expected.push(delta);
      digest = extendDigest(digest, encodeDelta(delta));
    }
    inputs.push(record.seq);
    digests.push(digestText(digest));
  }
  const truth: Truth = {
    logLast: last,
    stampOf: (seq) => stamps[seq],
    digestAt: (seq) => digests[lastUpTo(inputs, seq)]!,
  };
  return { truth, expected, made, heard, inputs: last, events, links, members: oracle.universe };
}

/** Index of the last one that is not beyond `seq`. */
function lastUpTo(rising: readonly Seq[], seq: Seq): number {
  let low = 0;
  let high = rising.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (rising[middle]! <= seq) low = middle;
    else high = middle - 1;
  }
  return low;
}

interface CheckedManifest {
  readonly manifest: Manifest | undefined;
  readonly blobs: number;
  /** What it names and cannot be had. */
  readonly missing: Collected;
}

/** Everything that the manifest names, read and hashed; read anew when it was replaced meanwhile. */
async function checkedManifest(options: AuditOptions, partition: PartitionNo): Promise<CheckedManifest> {
  for (let tries = 1; ; tries += 1) {
    const before = await storedManifest(options, partition);
    const missing = new Collected();
    if (before === undefined) return { manifest: undefined, blobs: 0, missing };
    const manifest = decodeManifest(partition, before.data);
    let blobs = 0;
    for (const generation of manifest.generations)
      blobs += await checkGeneration(options, partition, generation, missing);
    const after = await storedManifest(options, partition);
    if (missing.differences.count === 0 || after?.seq === before.seq || tries === MANIFEST_TRIES)
      return { manifest, blobs, missing };
  }
}

function storedManifest(options: AuditOptions, partition: PartitionNo) {
  const { checkpointBucket } = options.names;
  return lastOf(options, `KV_${checkpointBucket}`, `$KV.${checkpointBucket}.${partition}.manifest`);
}

async function checkGeneration(
  options: AuditOptions,
  partition: PartitionNo,
  generation: Generation,
  missing: Collected,
): Promise<number> {
  await readBlob(options, generation.meta, missing);
  const rows = await readBlob(options, generation.directory, missing);
  if (rows === undefined) return 2;
  const pages = [...decodeDirectory(partition, generation.number, rows).values()];
  await Promise.all(pages.map((page) => readBlob(options, page, missing)));
  return 2 + pages.length;
}

async function readBlob(options: AuditOptions, ref: BlobRef, missing: Collected): Promise<Uint8Array | undefined> {
  const { checkpointBucket } = options.names;
  const parts = await Promise.all(
    keysOf(ref).map((key) => lastOf(options, `KV_${checkpointBucket}`, `$KV.${checkpointBucket}.${key}`)),
  );
  if (parts.some((part) => part === undefined)) {
    missing.add(() => `${ref.key} is named and not there`);
    return undefined;
  }
  const bytes = Buffer.concat(parts.map((part) => part!.data));
  if (hashOf(bytes) === ref.hash) return bytes;
  missing.add(() => `${ref.key} has other bytes than were written`);
  return undefined;
}

/** A checkpoint is never ahead of what was said, and stands where the log and the oracle say it does. */
function manifestFaults(
  { manifest, missing }: CheckedManifest,
  newest: NotedRecord | undefined,
  truth: Truth,
): Collected {
  const faults = new Collected();
  for (const example of missing.differences.examples) faults.add(() => example);
  if (manifest === undefined) return faults;
  const { epoch = 0, done = 0 } = newest?.value ?? {};
  if (manifest.epoch > epoch) faults.add(() => `the manifest is of epoch ${manifest.epoch}, the watermark of ${epoch}`);
  for (const [index, { number, position, stamp, digest }] of manifest.generations.entries()) {
    const name = `checkpoint ${number} at input ${position}`;
    const newer = manifest.generations[index - 1];
    if (newer !== undefined && (newer.number <= number || newer.position < position))
      faults.add(() => `${name} stands behind ${newer.number} at ${newer.position}`);
    if (position > done) faults.add(() => `${name} is ahead of the watermark, which says ${done}`);
    else if (position > 0 && truth.stampOf(position) !== stamp)
      faults.add(() => `${name}: that input has another stamp`);
    else if (truth.digestAt(position) !== digest)
      faults.add(() => `${name} has digest ${digest}, the logs make ${truth.digestAt(position)}`);
  }
  return faults;
}

/** While one log is on its way, another is computed. */
async function eachPartition<T>(partitions: number, work: (partition: PartitionNo) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const takeTurns = async (): Promise<void> => {
    while (next < partitions) {
      const partition = next;
      next += 1;
      results[partition] = await work(partition);
    }
  };
  await Promise.all(Array.from({ length: LOGS_AT_ONCE }, takeTurns));
  return results;
}

function within(partition: PartitionNo, { count, examples }: Differences): Differences {
  return { count, examples: examples.map((text) => `partition ${partition}: ${text}`) };
}

function merged(all: readonly Differences[]): Differences {
  const together = new Collected();
  for (const { examples } of all) for (const example of examples) together.add(() => example);
  return { count: all.reduce((sum, { count }) => sum + count, 0), examples: together.differences.examples };
}

function jsonOf<T>(data: Uint8Array): T {
  return JSON.parse(Buffer.from(data).toString("utf8")) as T;
}
