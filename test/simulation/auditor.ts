// Looks on at every message the moment the server stores it, and says what must not be: the safety of protocol.md, checked
// against the oracle, which is fed each log as it grows. Knows the streams alone and nothing of what workers think.
import { type Digest, digestText, EMPTY_DIGEST, extendDigest } from "../../actors/partition/digest.ts";
import {
  type BlobRef,
  decodeDirectory,
  decodeManifest,
  hashOf,
  type Manifest,
} from "../../actors/partition/manifest.ts";
import { keysOf } from "../../actors/partition/shelf.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import { decodeDelta, encodeDelta } from "../../lib/core/deltas.ts";
import type { LogRecord, Millis, PartitionNo, Reject, Seq } from "../../lib/core/types.ts";
import type { MemoryMessage, MemoryServer, MemoryStream } from "../../lib/memory/server.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import { Oracle, type OracleOptions } from "../../lib/oracle/oracle.ts";
import type { Watermark } from "../../lib/ports/delta-sink.ts";
import { entriesOf, ledgerOf, Recording, recordOf } from "../support/erasures.ts";
import { ErasureAuditor } from "./erasures.ts";
import { membershipsAfter, shownBy } from "./picture.ts";

/** What was broken, in the words of the protocol; a shrunken failure must break the same. */
export type Rule =
  | "wrong-delta"
  | "repeated-delta"
  | "lost-delta"
  | "wrong-link"
  | "repeated-link"
  | "lost-link"
  | "wrong-trace"
  | "activated-unsettled"
  | "stale-writer"
  | "watermark-ahead"
  | "watermark-back"
  | "watermark-from"
  | "watermark-digest"
  | "watermark-fingerprint"
  | "acquire-moves"
  | "epoch"
  | "two-outstanding"
  | "manifest-ahead"
  | "manifest-incomplete"
  | "manifest-wrong"
  | "page-rewritten"
  | "rejects"
  | "membership"
  | "left-behind"
  | "erased-too-much"
  | "audit"
  | "liveness"
  | "late-silence"
  | "refusal"
  | "error"
  | "exception";

export class Violation extends Error {
  override readonly name = "Violation";
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(message);
    this.rule = rule;
  }
}

interface Expected {
  readonly body: string;
  /** The input that makes it. */
  readonly seq: number;
  /** After it. */
  readonly digest: Digest;
}

/** What one partition says to another, by the log of the one that speaks, and how much of it stands in the other's. */
interface Linked {
  readonly expected: { readonly body: string; readonly seq: number }[];
  stored: number;
}

interface Standing {
  /** By the one that is spoken to. */
  readonly links: readonly Linked[];
  oracle: Oracle;
  /** All of its log, whatever has been erased from it since. */
  readonly log: Recording;
  heard: number;
  readonly expected: Expected[];
  /** So many of them are stored, and where. */
  storedAt: number[];
  watermark: { readonly seq: number; readonly value: Watermark } | undefined;
}

const text = new TextDecoder();
const OPENED_EVERY = 4;

export class Auditor {
  violation: Violation | undefined;
  /** How much was looked at. */
  readonly erasures: ErasureAuditor;
  readonly counts = {
    inputs: 0,
    deltas: 0,
    links: 0,
    traces: 0,
    watermarks: 0,
    manifests: 0,
    pictures: 0,
    takeovers: 0,
  };
  private readonly server: MemoryServer;
  private readonly options: (partition: PartitionNo) => OracleOptions;
  private readonly standings: Standing[];
  private readonly writer: () => string | undefined;
  private spoken = 0;
  private remembered = 0;
  private readonly pages = new Map<string, string>();
  /** What a fault spoiled on purpose is judged by itself. */
  private readonly spoiled = new Set<PartitionNo | "CHECKPOINT">();
  private readonly spoiledLogs = new Set<PartitionNo>();

  constructor(
    server: MemoryServer,
    partitions: number,
    options: (partition: PartitionNo) => OracleOptions,
    writer: () => string | undefined,
  ) {
    this.server = server;
    this.options = options;
    this.writer = writer;
    this.erasures = new ErasureAuditor(server, partitions);
    this.standings = Array.from({ length: partitions }, (_, partition) => this.begin(partition, partitions));
    for (let partition = 0; partition < partitions; partition += 1)
      this.follow(memoryLogStream(partition), () => this.hear(partition));
    this.follow("SEGMENTS", () => this.speak());
    this.follow("CHECKPOINT", () => this.remember());
    this.follow("DEFINITIONS", () => this.lookAtActivation());
  }

  /** What the log says must be said by now, and how much of it is stored. */
  progress(partition: PartitionNo): { readonly expected: number; readonly stored: number } {
    const { expected, storedAt } = this.standings[partition]!;
    return { expected: expected.length, stored: storedAt.length };
  }

  /** Its log as it was before anything was erased. */
  history(partition: PartitionNo): LogRecord[] {
    return this.standings[partition]!.log.records;
  }

  watermark(partition: PartitionNo): Watermark | undefined {
    return this.standings[partition]!.watermark?.value;
  }

  oracle(partition: PartitionNo): Oracle {
    return this.standings[partition]!.oracle;
  }

  /** From now on the partition, or all that CHECKPOINT holds, is somebody else's to judge. */
  exempt(what: PartitionNo | "CHECKPOINT"): void {
    this.spoiled.add(what);
  }

  /** Its log was harmed itself, and says no more what it said. */
  exemptLog(partition: PartitionNo): void {
    this.exempt(partition);
    this.spoiledLogs.add(partition);
  }

  /** The first of the deltas expected from a place on that was due before an instant. */
  dueBefore(partition: PartitionNo, from: number, instant: number): string | undefined {
    const { expected } = this.standings[partition]!;
    return expected.slice(from).find(({ body }) => Date.parse((JSON.parse(body) as { at: string }).at) < instant)?.body;
  }

  /** Deltas that silence made, stored after a place in SEGMENTS, each with the instants at which it was due and stored. */
  silences(
    partition: PartitionNo,
    after: number,
  ): { readonly due: number; readonly storedMs: number; readonly body: string }[] {
    const { expected, storedAt } = this.standings[partition]!;
    return storedAt.flatMap((seq, index) => {
      if (seq <= after) return [];
      const { body } = expected[index]!;
      const { at, cause } = JSON.parse(body) as { at: string; cause: { type: string } };
      const stored = this.server.stream("SEGMENTS").at(seq);
      return cause.type === "time" && stored !== undefined
        ? [{ due: Date.parse(at), storedMs: stored.stamp, body }]
        : [];
    });
  }

  private begin(partition: PartitionNo, partitions: number): Standing {
    const oracle = new Oracle(this.options(partition));
    const links = Array.from({ length: partitions }, () => ({ expected: [], stored: 0 }));
    const log = new Recording(this.server, memoryLogStream(partition));
    return { oracle, links, log, heard: 0, expected: [], storedAt: [], watermark: undefined };
  }

  private follow(stream: string, look: () => void): void {
    this.server.stream(stream).listen(() => {
      try {
        look();
      } catch (error) {
        this.violation ??= error instanceof Violation ? error : new Violation("exception", String(error));
      }
    });
  }

  private hear(partition: PartitionNo): void {
    if (this.spoiledLogs.has(partition)) return;
    const standing = this.standings[partition]!;
    for (const message of standing.log.messages.slice(standing.heard)) {
      standing.heard = message.seq;
      this.counts.inputs += 1;
      const record = recordOf(message);
      this.erasures.hear(partition, record);
      if (record.kind === "link") this.lookAtLink(partition, message);
      for (const delta of standing.oracle.apply(record)) {
        const body = encodeDelta(delta);
        const before = standing.expected.at(-1)?.digest ?? EMPTY_DIGEST;
        standing.expected.push({ body, seq: delta.cause.seq, digest: extendDigest(before, body) });
      }
      for (const { to, body, seq } of standing.oracle.takeLinks()) standing.links[to]!.expected.push({ body, seq });
    }
  }

  /** What asks flags takes effect only when all partitions have heard all others say that theirs are evaluated. */
  private lookAtActivation(): void {
    const stream = this.server.stream("DEFINITIONS");
    const entry = entryOf(stream.at(stream.last)!);
    if (entry.op !== "activate") return;
    for (const [partition, { oracle }] of this.standings.entries())
      if (!this.spoiled.has(partition) && oracle.unsettled().includes(entry.revision))
        throw new Violation(
          "activated-unsettled",
          `entry ${stream.last} activates revision ${entry.revision}, whose flags partition ${partition} does not know yet`,
        );
  }

  /** Whoever said it, and be it an owner of old: it is the next that the sender's log says, byte for byte. */
  private lookAtLink(to: PartitionNo, message: MemoryMessage): void {
    const from = Number(message.subject.split(".")[1]);
    if (this.spoiledLogs.has(from)) return;
    const linked = this.standings[from]!.links[to]!;
    const body = text.decode(message.body);
    const next = linked.expected[linked.stored];
    this.counts.links += 1;
    if (next?.body === body) {
      linked.stored += 1;
      // What time had moved before the message stands in the same link without a trace: nobody's is not wrong.
      if (message.headers.traceparent !== undefined) this.assertTrace(from, next.seq, message);
      return;
    }
    const place = linked.expected.findIndex((expected) => expected.body === body);
    const where = `partition ${from} to ${to}: ${body} is stored at ${message.seq}`;
    if (place < 0)
      throw new Violation("wrong-link", `${where}, which the sender's log does not say; it says ${next?.body}`);
    if (place < linked.stored) throw new Violation("repeated-link", `${where}, and was said before`);
    throw new Violation("lost-link", `${where}, but ${next?.body} comes before it and is not stored`);
  }

  private speak(): void {
    const stream = this.server.stream("SEGMENTS");
    for (const message of stream.from(this.spoken + 1)) {
      this.spoken = message.seq;
      const isWatermark = message.subject.startsWith("watermark.");
      const partition = Number(isWatermark ? message.subject.split(".")[1] : message.headers.partition);
      if (this.spoiled.has(partition)) continue;
      if (isWatermark) this.lookAtWatermark(partition, message);
      else this.lookAtDelta(partition, message);
    }
  }

  private lookAtDelta(partition: PartitionNo, message: MemoryMessage): void {
    const standing = this.standings[partition]!;
    const body = text.decode(message.body);
    const next = standing.expected[standing.storedAt.length];
    this.counts.deltas += 1;
    this.assertOwner(partition, `a delta at ${message.seq}`);
    if (next?.body === body) {
      standing.storedAt.push(message.seq);
      const { cause } = decodeDelta(body);
      this.assertTrace(partition, cause.type === "event" ? cause.seq : undefined, message);
      return;
    }
    const place = standing.expected.findIndex((expected) => expected.body === body);
    const where = `partition ${partition}: ${body} is stored at ${message.seq}`;
    if (place < 0) throw new Violation("wrong-delta", `${where}, which the log does not say`);
    if (place < standing.storedAt.length)
      throw new Violation("repeated-delta", `${where}, and was at ${standing.storedAt[place]} already`);
    throw new Violation("lost-delta", `${where}, but ${next?.body} comes before it and is not stored`);
  }

  /** Beside what was said stands what stands beside the message that caused it, or nothing. */
  private assertTrace(partition: PartitionNo, seq: number | undefined, { headers, seq: at }: MemoryMessage): void {
    const cause = seq === undefined ? undefined : this.server.stream(memoryLogStream(partition)).at(seq);
    // What is gone from the log by now says nothing any more.
    if (seq !== undefined && cause === undefined) return;
    const told = ({ traceparent, tracestate }: MemoryMessage["headers"]): string => `${traceparent} ${tracestate}`;
    if (headers.traceparent !== undefined) this.counts.traces += 1;
    if (told(headers) === told(cause?.headers ?? {})) return;
    throw new Violation(
      "wrong-trace",
      `partition ${partition}: ${told(headers)} stands beside what is stored at ${at}; of message ${seq} it is ${told(cause?.headers ?? {})}`,
    );
  }

  private lookAtWatermark(partition: PartitionNo, message: MemoryMessage): void {
    const standing = this.standings[partition]!;
    const value = JSON.parse(text.decode(message.body)) as Watermark;
    const before = standing.watermark?.value;
    const where = `partition ${partition}: the watermark at ${message.seq} (epoch ${value.epoch}, owner ${value.owner})`;
    this.counts.watermarks += 1;
    if (before !== undefined && value.epoch < before.epoch)
      throw new Violation("epoch", `${where} follows one of epoch ${before.epoch}`);
    if (value.epoch > (before?.epoch ?? 0)) this.lookAtTakeover(before, value, where);
    else this.assertOwner(partition, where);
    if (before !== undefined && value.done < before.done)
      throw new Violation("watermark-back", `${where} is done up to ${value.done}, it was up to ${before.done}`);
    if (before !== undefined && value.from < before.from)
      throw new Violation("watermark-from", `${where} says from ${value.from}, it was ${before.from}`);
    this.lookAtProgress(partition, standing, value, where);
    standing.watermark = { seq: message.seq, value };
  }

  private lookAtTakeover(before: Watermark | undefined, value: Watermark, where: string): void {
    this.counts.takeovers += 1;
    const writer = this.writer();
    if (writer !== undefined && value.owner !== writer)
      throw new Violation("stale-writer", `${where} was written by ${writer}`);
    if (value.epoch !== (before?.epoch ?? 0) + 1)
      throw new Violation("epoch", `${where} follows epoch ${before?.epoch ?? 0}`);
    const told = ({ done, from, digest, fingerprint }: Watermark): string =>
      JSON.stringify({ done, from, digest, fingerprint });
    if (before !== undefined && told(before) !== told(value))
      throw new Violation("acquire-moves", `${where} takes over ${told(before)} as ${told(value)}`);
  }

  private lookAtProgress(partition: PartitionNo, standing: Standing, value: Watermark, where: string): void {
    const { expected, storedAt, heard } = standing;
    const { done, from, digest, fingerprint } = value;
    if (done > heard)
      throw new Violation("watermark-ahead", `${where} is done up to ${done}, its log ends at ${heard}`);
    let covered = storedAt.length;
    while (covered > 0 && expected[covered - 1]!.seq > done) covered -= 1;
    const missing = expected[storedAt.length];
    if (missing !== undefined && missing.seq <= done)
      throw new Violation("watermark-ahead", `${where} is done up to ${done}, but ${missing.body} is not stored`);
    const tail = storedAt[covered];
    if (tail !== undefined && tail < from)
      throw new Violation("watermark-from", `${where} says from ${from}, but ${expected[covered]!.body} is at ${tail}`);
    const wanted = digestText(covered === 0 ? EMPTY_DIGEST : expected[covered - 1]!.digest);
    if (digest !== wanted)
      throw new Violation("watermark-digest", `${where} says ${digest} up to ${done}, the deltas say ${wanted}`);
    const stamp = done === 0 ? null : (this.stampAt(partition, done) ?? null);
    if (fingerprint !== stamp)
      throw new Violation("watermark-fingerprint", `${where} says ${fingerprint} at ${done}, the log ${stamp}`);
  }

  /** Of a log that was harmed, as it is; else also of what was erased. */
  private stampAt(partition: PartitionNo, seq: Seq): Millis | undefined {
    const stored = this.server.stream(memoryLogStream(partition)).at(seq);
    const { log } = this.standings[partition]!;
    return (stored ?? (this.erasures.count > 0 ? log.at(seq) : undefined))?.stamp;
  }

  /** A stale owner is refused by the stream: whoever speaks is whom the newest watermark names. */
  private assertOwner(partition: PartitionNo, what: string): void {
    const writer = this.writer();
    const owner = this.standings[partition]!.watermark?.value.owner;
    if (writer !== undefined && owner !== writer)
      throw new Violation("stale-writer", `partition ${partition}: ${what} was written by ${writer}; ${owner} owns it`);
  }

  private remember(): void {
    const store = this.server.stream("CHECKPOINT");
    for (const message of store.from(this.remembered + 1)) {
      this.remembered = message.seq;
      const [partition, name] = message.subject.split(".");
      if (this.spoiled.has("CHECKPOINT") || this.spoiled.has(Number(partition))) continue;
      if (name === "manifest") this.lookAtManifest(Number(partition), store, message);
      else this.lookAtPage(message);
    }
  }

  /** Immutable keys: the same key always has the same bytes. */
  private lookAtPage({ subject, body }: MemoryMessage): void {
    const hash = hashOf(body);
    const before = this.pages.get(subject);
    if (before !== undefined && before !== hash)
      throw new Violation("page-rewritten", `${subject} was stored before, with other bytes`);
    this.pages.set(subject, hash);
  }

  /** With its epoch in the manifest, the owner before can write none any more, nor remove what the new one reads. */
  lookAtRestore(partition: PartitionNo, worker: string): void {
    const watermark = this.standings[partition]!.watermark?.value;
    if (this.spoiled.has("CHECKPOINT") || this.spoiled.has(partition) || watermark?.owner !== worker) return;
    const stored = this.server.stream("CHECKPOINT").newest(`${partition}.manifest`);
    const epoch = stored === undefined ? 0 : decodeManifest(partition, stored.body).epoch;
    if (epoch >= watermark.epoch) return;
    this.violation ??= new Violation(
      "epoch",
      `partition ${partition}: ${worker} restores under epoch ${watermark.epoch} while the manifest bears ${epoch}`,
    );
  }

  /** A picture is opened now and then, since it takes as long as a restore. */
  private lookAtPicture(partition: PartitionNo, { generations: [newest] }: Manifest, store: MemoryStream): void {
    if (newest === undefined || newest.number % OPENED_EVERY !== 0) return;
    const where = `partition ${partition}: checkpoint ${newest.number} at ${newest.position}`;
    const directory = decodeDirectory(partition, newest.number, blob(store, where, newest.directory));
    const pages = new Map([...directory].map(([page, ref]) => [page, blob(store, where, ref)]));
    const entries = entriesOf(this.server).slice(0, newest.revision);
    // The last act may have cut them; then it is the next owner who takes the old picture over, and refuses.
    if (entries.length < newest.revision) return;
    const options = { ...this.options(partition), pageCacheBytesMax: Number.MAX_SAFE_INTEGER, pageBytesMax: 100_000 };
    const { memberships: held, overdue } = shownBy({ meta: blob(store, where, newest.meta), pages, entries }, options);
    const { expected } = this.standings[partition]!;
    const wanted = membershipsAfter(
      expected.filter(({ seq }) => seq <= newest.position).map(({ body }) => decodeDelta(body)),
    );
    this.counts.pictures += 1;
    if (overdue !== undefined)
      throw new Violation(
        "manifest-wrong",
        `${where} holds a deadline in its past: ${new Date(overdue).toISOString()}`,
      );
    if (held.join() !== wanted.join())
      throw new Violation("manifest-wrong", `${where} holds ${held.join(", ")}; the deltas say ${wanted.join(", ")}`);
  }

  private lookAtManifest(partition: PartitionNo, store: MemoryStream, message: MemoryMessage): void {
    const manifest = decodeManifest(partition, message.body);
    const watermark = this.standings[partition]!.watermark?.value;
    this.counts.manifests += 1;
    if (watermark === undefined || manifest.epoch > watermark.epoch)
      throw new Violation(
        "epoch",
        `partition ${partition}: a manifest of epoch ${manifest.epoch} before its watermark`,
      );
    this.assertComplete(partition, manifest, watermark, store);
    this.lookAtPicture(partition, manifest, store);
  }

  /** What a manifest promises holds when it is written, and stays true as long as it is the newest. */
  private assertComplete(partition: PartitionNo, manifest: Manifest, watermark: Watermark, store: MemoryStream): void {
    for (const { number, position, stamp, digest, meta, directory } of manifest.generations) {
      const where = `partition ${partition}: checkpoint ${number} at ${position}`;
      if (position > watermark.done)
        throw new Violation("manifest-ahead", `${where} is ahead of what was said, ${watermark.done}`);
      const unsaid = this.unsaidLink(partition, position);
      if (unsaid !== undefined) throw new Violation("manifest-ahead", `${where}, but ${unsaid}`);
      if (digest !== this.digestAt(partition, position))
        throw new Violation(
          "manifest-wrong",
          `${where} has digest ${digest}, the deltas say ${this.digestAt(partition, position)}`,
        );
      if (position > 0 && stamp !== this.stampAt(partition, position))
        throw new Violation("manifest-wrong", `${where} has another fingerprint than the log`);
      const rows = blob(store, where, directory);
      for (const ref of [meta, ...decodeDirectory(partition, number, rows).values()]) blob(store, where, ref);
    }
  }

  /** The first message to anybody of an input up to there that is not stored. */
  private unsaidLink(partition: PartitionNo, upTo: number): string | undefined {
    for (const [to, { expected, stored }] of this.standings[partition]!.links.entries()) {
      const next = expected[stored];
      if (next !== undefined && next.seq <= upTo) return `${next.body} to ${to}, of input ${next.seq}, is not stored`;
    }
    return undefined;
  }

  private digestAt(partition: PartitionNo, position: number): string {
    const { expected } = this.standings[partition]!;
    let count = expected.length;
    while (count > 0 && expected[count - 1]!.seq > position) count -= 1;
    return digestText(count === 0 ? EMPTY_DIGEST : expected[count - 1]!.digest);
  }

  /** After a step: whatever the newest manifests name is still there. Called now and then, since it looks at everything. */
  checkStored(): void {
    if (this.violation !== undefined || this.spoiled.has("CHECKPOINT")) return;
    const store = this.server.stream("CHECKPOINT");
    try {
      for (const [partition, { watermark }] of this.standings.entries()) {
        const stored = store.newest(`${partition}.manifest`);
        if (this.spoiled.has(partition)) continue;
        if (stored === undefined || watermark === undefined) continue;
        this.assertComplete(partition, decodeManifest(partition, stored.body), watermark.value, store);
      }
    } catch (error) {
      this.violation = error instanceof Violation ? error : new Violation("exception", String(error));
    }
  }

  /** When the erasures are through, and whoever was stopped meanwhile has had its say: nobody erased stands anywhere. */
  checkForgotten(keepsDeltas: boolean): void {
    if (keepsDeltas) this.checkDeltasKept();
    for (const [partition, { log }] of this.standings.entries()) {
      const stream = this.server.stream(memoryLogStream(partition));
      const wrong = log.messages.find((one) => stream.at(one.seq) === undefined && !this.erasures.mayGo(one));
      if (wrong !== undefined)
        throw new Violation(
          "erased-too-much",
          `partition ${partition}: message ${wrong.seq} is gone, and told of nobody who was erased after it: ${text.decode(wrong.body)}`,
        );
    }
    const [first, ...others] = this.erasures.left(keepsDeltas);
    if (first === undefined) return;
    throw new Violation(
      "left-behind",
      `${first}${others.length === 0 ? "" : `, and so in ${others.length} other places`}`,
    );
  }

  /** Services that are away for less time than deltas are kept hear all of them. */
  private checkDeltasKept(): void {
    const stream = this.server.stream("SEGMENTS");
    for (const [partition, { expected, storedAt }] of this.standings.entries()) {
      const gone = storedAt.findIndex((seq) => stream.at(seq) === undefined);
      if (gone >= 0)
        throw new Violation(
          "lost-delta",
          `partition ${partition}: ${expected[gone]!.body} was deleted before its time was over`,
        );
    }
  }

  /** When everything is over: all that the logs say is stored, and all that was refused was told. */
  checkComplete(): void {
    for (const [partition, { expected, storedAt, oracle }] of this.standings.entries()) {
      if (this.spoiled.has(partition)) continue;
      const missing = expected[storedAt.length];
      if (missing !== undefined)
        throw new Violation("lost-delta", `partition ${partition}: ${missing.body} was never said`);
      const unsaid = this.unsaidLink(partition, Number.POSITIVE_INFINITY);
      if (unsaid !== undefined) throw new Violation("lost-link", `partition ${partition}: ${unsaid}`);
      this.checkRejects(partition, oracle.rejects);
    }
  }

  /** Rejects may be told twice; a reader knows a repeat by partition and sequence. */
  private checkRejects(partition: PartitionNo, wanted: readonly Reject[]): void {
    const told = new Set<string>();
    for (const { subject, headers } of this.server.stream("REJECTS").from(1)) {
      if (headers.partition === `${partition}`) told.add(`${headers.seq} ${subject}`);
    }
    const named = new Set(wanted.map(({ seq, reason }) => `${seq} rejected.${reason}`));
    // Those of whoever was erased are gone with the message.
    const erased = new Set(ledgerOf(this.server, partition).seqs());
    for (const one of named) {
      if (!told.has(one) && !erased.has(Number(one.split(" ", 1)[0])))
        throw new Violation("rejects", `partition ${partition}: message ${one} was not told`);
    }
    for (const one of told) {
      if (!named.has(one))
        throw new Violation("rejects", `partition ${partition}: message ${one} is good, and was told as refused`);
    }
  }
}

function blob(store: MemoryStream, where: string, ref: BlobRef): Uint8Array {
  const parts = keysOf(ref).map((key) => {
    const found = store.newest(key)?.body;
    if (found === undefined) throw new Violation("manifest-incomplete", `${where} names ${key}, which is not there`);
    return found;
  });
  const bytes = Buffer.concat(parts);
  if (hashOf(bytes) !== ref.hash)
    throw new Violation("manifest-incomplete", `${where} names ${ref.key}, which has other bytes`);
  return bytes;
}

function entryOf({ body }: MemoryMessage): ControlEntry {
  return JSON.parse(text.decode(body)) as ControlEntry;
}
