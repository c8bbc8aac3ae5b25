// A few users of one partition, and of its log only what concerns them: the oracle, fed with that, says of them exactly what
// it would say fed with everything (test/doctor/sample.test.ts). What each member does is independent of the others; only the
// clock is common, so every message of others is passed on as a bare movement of the clock. What accounts say to them comes by
// links, of which theirs are kept and numbered anew. Accounts themselves are not in the sample: all their users' events make them.
import type { ControlCopy, ControlEntry } from "../core/control.ts";
import { decodeAccountMessage, decodeEvent } from "../core/decode.ts";
import { partitionOf } from "../core/ids.ts";
import { decodeLink, encodeLink, type LinkItem } from "../core/links.ts";
import type { LogRecord, MemberId, Millis, PartitionNo, Seq } from "../core/types.ts";
import { isObject, readJson } from "../oracle/control.ts";
import type { OracleOptions } from "../oracle/oracle.ts";

export interface SampleOptions {
  readonly membersMax: number;
  /** The oracle looks at a whole history each time, so whoever has done more than this is left out. */
  readonly eventsPerMemberMax: number;
  /** Which members: those with the lowest ranks. */
  rank(id: MemberId): number;
}

interface Chosen {
  readonly rank: number;
  readonly records: LogRecord[];
}

const NOTHING = new Uint8Array();

/**
 * Takes the log message by message, from the first. The bound on ranks only ever falls, so whoever is in the sample now has
 * been in it since the first message about them, and whoever was not then never will be.
 */
export class MemberSample {
  /** Messages taken; the log has no hole, so it is the last sequence, too. */
  position: Seq = 0;
  private readonly oracle: OracleOptions;
  private readonly options: SampleOptions;
  private readonly chosen = new Map<MemberId, Chosen>();
  private readonly tooBusy = new Set<MemberId>();
  private rankMax = Number.POSITIVE_INFINITY;
  /** That anybody in the sample was ever in. */
  private readonly accounts = new Set<MemberId>();
  /** How many messages of each sender are kept. */
  private readonly linked = new Map<PartitionNo, number>();
  /** Control and clock messages, and links. */
  private readonly common: LogRecord[] = [];
  /** Where others' messages moved the clock on, and to when: two numbers each, since a log may have many millions. */
  private readonly tickSeqs: Seq[] = [];
  private readonly tickTimes: Millis[] = [];
  /** The same of members who left the sample. */
  private readonly leftBehind: LogRecord[] = [];
  private clock: Millis = 0;

  constructor(oracle: OracleOptions, options: SampleOptions) {
    this.oracle = oracle;
    this.options = options;
  }

  get members(): readonly MemberId[] {
    return [...this.chosen.keys()];
  }

  /** Members who would have been in it, had they done less. */
  get leftOut(): number {
    return this.tooBusy.size;
  }

  has(id: MemberId): boolean {
    return this.chosen.has(id);
  }

  add(record: LogRecord): void {
    this.position = record.seq;
    const before = this.clock;
    if (this.oracle.clockMode === "log") this.clock = Math.max(this.clock, record.stamp);
    const kept = record.kind === "event" ? this.addEvent(record) : this.addOther(record);
    if (kept || this.clock === before) return;
    this.tickSeqs.push(record.seq);
    this.tickTimes.push(this.clock);
  }

  /** What the oracle is to be fed with, in the log's order. */
  *records(): Generator<LogRecord> {
    const own = [...this.chosen.values()].flatMap(({ records }) => records);
    const common = this.common.map((record) => this.onlyChosen(record));
    const kept = [...own, ...common, ...this.leftBehind].sort((a, b) => a.seq - b.seq);
    let next = 0;
    for (const [index, seq] of this.tickSeqs.entries()) {
      while (next < kept.length && kept[next]!.seq < seq) yield kept[next++]!;
      yield this.tick(seq, this.tickTimes[index]!);
    }
    yield* kept.slice(next);
  }

  /** Whether the record is kept. */
  private addEvent(record: LogRecord): boolean {
    const { limits, partition, partitions } = this.oracle;
    const decoded = decodeEvent(record.body, limits);
    if (!decoded.ok) return false;
    const { userId, groupId, timestamp } = decoded.value;
    if (partitionOf(userId, partitions) !== partition || !this.moves(timestamp ?? record.stamp)) return false;
    const member = this.consider(userId);
    if (member === undefined) return false;
    if (typeof groupId === "string") this.accounts.add(groupId);
    member.records.push(record);
    if (member.records.length > this.options.eventsPerMemberMax) {
      this.tooBusy.add(userId);
      this.leave(userId);
    }
    return true;
  }

  /** With the clock of events, one that is too far ahead is refused, and all others move it. */
  private moves(said: Millis): boolean {
    if (this.oracle.clockMode === "log") return true;
    if (this.clock > 0 && said - this.clock > this.oracle.clockStepMsMax) return false;
    this.clock = Math.max(this.clock, said);
    return true;
  }

  private addOther(record: LogRecord): boolean {
    if (record.kind === "link") return this.addLink(record);
    if (record.kind === "account") return this.passAccount(record);
    if (record.kind === "control") {
      for (const id of listed(record)) if (this.isOurs(id)) this.consider(id);
    } else if (record.kind === "clock" && this.oracle.clockMode === "event") {
      const message = readJson(record.body);
      const to = isObject(message) ? message.to : undefined;
      if (typeof to === "number" && to >= 0) this.clock = Math.max(this.clock, to);
    } else return false;
    this.common.push(record);
    return true;
  }

  /** Nobody in the sample hears it; with the clock of events it moves that. */
  private passAccount({ body, stamp }: LogRecord): false {
    const { limits, partition, partitions } = this.oracle;
    const decoded = decodeAccountMessage(body, limits);
    if (decoded.ok && partitionOf(decoded.value.accountId, partitions) === partition)
      this.moves(decoded.value.timestamp ?? stamp);
    return false;
  }

  private addLink(record: LogRecord): boolean {
    const link = decodeLink(readJson(record.body));
    const items = link?.items.filter((item) => this.concerns(item)) ?? [];
    if (link === undefined || items.length === 0) return false;
    const n = (this.linked.get(link.from) ?? 0) + 1;
    this.linked.set(link.from, n);
    this.common.push({ ...record, body: Buffer.from(encodeLink({ from: link.from, n, items })) });
    return true;
  }

  private concerns(item: LinkItem): boolean {
    if (item.op === "answer") return this.chosen.has(item.user);
    return item.op === "flip" && this.accounts.has(item.account);
  }

  private isOurs(id: MemberId): boolean {
    return partitionOf(id, this.oracle.partitions) === this.oracle.partition;
  }

  private consider(id: MemberId): Chosen | undefined {
    const known = this.chosen.get(id);
    if (known !== undefined || this.tooBusy.has(id)) return known;
    const rank = this.options.rank(id);
    if (rank >= this.rankMax) return undefined;
    const member = { rank, records: [] };
    this.chosen.set(id, member);
    if (this.chosen.size > this.options.membersMax) this.dropLast();
    return this.chosen.get(id);
  }

  private dropLast(): void {
    const [id, { rank }] = [...this.chosen].reduce((last, one) => (one[1].rank > last[1].rank ? one : last));
    this.rankMax = rank;
    this.leave(id);
  }

  /** What was kept of a member still moves the clock. */
  private leave(id: MemberId): void {
    const { records } = this.chosen.get(id)!;
    this.chosen.delete(id);
    for (const { seq, stamp, body } of records) this.leftBehind.push(this.tick(seq, this.timeOf(body, stamp)));
  }

  private timeOf(body: Uint8Array, stamp: Millis): Millis {
    if (this.oracle.clockMode === "log") return stamp;
    const decoded = decodeEvent(body, this.oracle.limits);
    return decoded.ok ? (decoded.value.timestamp ?? stamp) : 0;
  }

  /** A message that moves the clock and does nothing else: by its stamp, or by what it says. */
  private tick(seq: Seq, to: Millis): LogRecord {
    const body = this.oracle.clockMode === "log" ? NOTHING : Buffer.from(JSON.stringify({ to }));
    return { seq, stamp: to, kind: "clock", body };
  }

  /** A list may name many; those who are not looked at need not be known. What makes an entry refused stays in it. */
  private onlyChosen(record: LogRecord): LogRecord {
    const copy = listCopyIn(record);
    if (copy === undefined) return record;
    const members = copy.entry.members.filter((id) => !isId(id) || this.chosen.has(id));
    return { ...record, body: Buffer.from(JSON.stringify({ ...copy, entry: { ...copy.entry, members } })) };
  }
}

type ListCopy = ControlCopy & { readonly entry: ControlEntry & { readonly op: "list" } };

function listCopyIn({ kind, body }: LogRecord): ListCopy | undefined {
  const copy = kind === "control" ? readJson(body) : undefined;
  if (!isObject(copy) || !isObject(copy.entry)) return undefined;
  return copy.entry.op === "list" && Array.isArray(copy.entry.members) ? (copy as unknown as ListCopy) : undefined;
}

function listed(record: LogRecord): readonly MemberId[] {
  const entry = listCopyIn(record)?.entry;
  return entry === undefined || entry.kind === "account" ? [] : entry.members.filter(isId);
}

function isId(id: unknown): id is MemberId {
  return typeof id === "string" && id !== "" && !/\p{Surrogate}/u.test(id);
}
