// A few users of one partition, or a few accounts, and of its log only what concerns them: the oracle, fed with that, says of
// them exactly what it would say fed with everything (test/doctor/sample.test.ts). What each member does is independent of the
// others; only the clock is common, so every message of others is passed on as a bare movement of the clock. What accounts say
// to users, and what users do in their accounts, comes by links, of which theirs are kept and numbered anew.
import type { ControlCopy } from "../core/control.ts";
import { decodeAccountMessage, decodeEvent } from "../core/decode.ts";
import { partitionOf } from "../core/ids.ts";
import { decodeLink, encodeLink, type LinkItem, type UserItem } from "../core/links.ts";
import { idsIn, isListEntry, type ListEntry, withoutIds } from "../core/list-entries.ts";
import type { LogRecord, MemberId, MemberKind, Millis, PartitionNo, Seq } from "../core/types.ts";
import { isObject, readJson } from "../oracle/control.ts";
import type { OracleOptions } from "../oracle/oracle.ts";
import { LeftOut } from "../verify/left-out.ts";

export interface SampleOptions {
  /** Whose members; absent is users. */
  readonly kind?: MemberKind;
  readonly membersMax: number;
  /** The oracle looks at a whole history each time, so whoever has done more than this is left out. */
  readonly eventsPerMemberMax: number;
  /** Which members: those with the lowest ranks. */
  rank(id: MemberId): number;
}

interface Chosen {
  readonly rank: number;
  readonly records: LogRecord[];
  /** How much other partitions have told of an account. */
  items: number;
}

/** What another partition says of members who were in the sample when it came. */
interface Heard {
  readonly record: LogRecord;
  readonly from: PartitionNo;
  readonly items: readonly LinkItem[];
}

/** Whom a message is about, and the account that it puts a user into. */
interface About {
  readonly kind: MemberKind;
  readonly id: MemberId;
  readonly time: Millis;
  readonly account: MemberId | undefined;
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
  private readonly heard: Heard[] = [];
  /** Control and clock messages. */
  private readonly common: LogRecord[] = [];
  /** Where others' messages moved the clock on, and to when: two numbers each, since a log may have many millions. */
  private readonly tickSeqs: Seq[] = [];
  private readonly tickTimes: Millis[] = [];
  /** The same of members who left the sample. */
  private readonly leftBehind: LogRecord[] = [];
  private clock: Millis = 0;
  /** Nobody can recompute these from what the log still tells. */
  private readonly erased = new LeftOut();

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
    if (this.erased.hear(record)) {
      for (const id of this.chosen.keys()) if (this.erased.has(this.kind, id)) this.leave(id);
    }
    const before = this.clock;
    if (this.oracle.clockMode === "log") this.clock = Math.max(this.clock, record.stamp);
    const kept = this.take(record);
    if (kept || this.clock === before) return;
    this.tickSeqs.push(record.seq);
    this.tickTimes.push(this.clock);
  }

  /** What the oracle is to be fed with, in the log's order. */
  *records(): Generator<LogRecord> {
    const own = [...this.chosen.values()].flatMap(({ records }) => records);
    const common = this.common.map((record) => this.onlyChosen(record));
    const kept = [...own, ...common, ...this.links(), ...this.leftBehind].sort((a, b) => a.seq - b.seq);
    let next = 0;
    for (const [index, seq] of this.tickSeqs.entries()) {
      while (next < kept.length && kept[next]!.seq < seq) yield kept[next++]!;
      yield this.tick(seq, this.tickTimes[index]!);
    }
    yield* kept.slice(next);
  }

  private get kind(): MemberKind {
    return this.options.kind ?? "user";
  }

  /** Whether the record is kept. */
  private take(record: LogRecord): boolean {
    switch (record.kind) {
      case "event":
      case "account":
        return this.addMessage(record);
      case "link":
        return this.addLink(record);
      default:
        return this.addOther(record);
    }
  }

  /** Of a user, or about an account by nobody. With the clock of events it moves that, whoever it is about. */
  private addMessage(record: LogRecord): boolean {
    const about = this.aboutOf(record);
    if (about === undefined || !this.isOurs(about.id) || !this.moves(about.time)) return false;
    const member = about.kind === this.kind ? this.consider(about.id) : undefined;
    if (member === undefined) return false;
    if (about.account !== undefined) this.accounts.add(about.account);
    member.records.push(record);
    this.checkBusy(about.id, member);
    return true;
  }

  /** Undefined when it is refused. */
  private aboutOf({ kind, body, stamp }: LogRecord): About | undefined {
    const { limits } = this.oracle;
    if (kind === "account") {
      const decoded = decodeAccountMessage(body, limits);
      if (!decoded.ok) return undefined;
      const { accountId, timestamp } = decoded.value;
      return { kind: "account", id: accountId, time: timestamp ?? stamp, account: undefined };
    }
    const decoded = decodeEvent(body, limits);
    if (!decoded.ok) return undefined;
    const { userId, groupId, timestamp } = decoded.value;
    return { kind: "user", id: userId, time: timestamp ?? stamp, account: groupId ?? undefined };
  }

  private checkBusy(id: MemberId, { records, items }: Chosen): void {
    if (records.length + items <= this.options.eventsPerMemberMax) return;
    this.tooBusy.add(id);
    this.leave(id);
  }

  /** With the clock of events, one that is too far ahead is refused, and all others move it. */
  private moves(said: Millis): boolean {
    if (this.oracle.clockMode === "log") return true;
    if (this.clock > 0 && said - this.clock > this.oracle.clockStepMsMax) return false;
    this.clock = Math.max(this.clock, said);
    return true;
  }

  private addOther(record: LogRecord): boolean {
    if (record.kind === "control") {
      for (const id of listed(record, this.kind)) if (this.isOurs(id)) this.consider(id);
    } else if (record.kind === "clock" && this.oracle.clockMode === "event") {
      const message = readJson(record.body);
      const to = isObject(message) ? message.to : undefined;
      if (typeof to === "number" && to >= 0) this.clock = Math.max(this.clock, to);
    } else return false;
    this.common.push(record);
    return true;
  }

  private addLink(record: LogRecord): boolean {
    const link = decodeLink(readJson(record.body));
    const items = link?.items.filter((item) => this.concerns(item)) ?? [];
    if (link === undefined || items.length === 0) return false;
    this.heard.push({ record, from: link.from, items });
    return true;
  }

  private concerns(item: LinkItem): boolean {
    switch (item.op) {
      case "lit":
      case "erased":
        return false;
      case "answer":
        return this.kind === "user" && this.chosen.has(item.user);
      case "flip":
        return this.kind === "user" && this.accounts.has(item.account);
      default:
        return this.kind === "account" && this.tells(item);
    }
  }

  /** Of an account, which a group call of its first user makes known. */
  private tells({ op, account }: UserItem): boolean {
    const member = op === "group" ? this.consider(account) : this.chosen.get(account);
    if (member === undefined) return false;
    member.items += 1;
    this.checkBusy(account, member);
    return true;
  }

  /** Numbered as if nothing else had been said; what tells of those alone who have left the sample moves the clock. */
  private *links(): Generator<LogRecord> {
    const said = new Map<PartitionNo, number>();
    for (const { record, from, items: all } of this.heard) {
      const items = all.filter((item) => this.stillConcerns(item));
      if (items.length > 0) {
        const n = (said.get(from) ?? 0) + 1;
        said.set(from, n);
        yield { ...record, body: Buffer.from(encodeLink({ from, n, items })) };
      } else if (this.oracle.clockMode === "log") yield this.tick(record.seq, record.stamp);
    }
  }

  private stillConcerns(item: LinkItem): boolean {
    if (item.op === "lit" || item.op === "erased") return false;
    if (item.op === "flip") return true;
    return this.chosen.has(item.op === "answer" ? item.user : item.account);
  }

  private isOurs(id: MemberId): boolean {
    return partitionOf(id, this.oracle.partitions) === this.oracle.partition;
  }

  private consider(id: MemberId): Chosen | undefined {
    const known = this.chosen.get(id);
    if (known !== undefined || this.tooBusy.has(id)) return known;
    if (this.erased.has(this.kind, id)) return undefined;
    const rank = this.options.rank(id);
    if (rank >= this.rankMax) return undefined;
    const member = { rank, records: [], items: 0 };
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
    for (const record of records) this.leftBehind.push(this.tick(record.seq, this.timeOf(record)));
  }

  private timeOf(record: LogRecord): Millis {
    return this.oracle.clockMode === "log" ? record.stamp : (this.aboutOf(record)?.time ?? 0);
  }

  /** A message that moves the clock and does nothing else: by its stamp, or by what it says. */
  private tick(seq: Seq, to: Millis): LogRecord {
    const body = this.oracle.clockMode === "log" ? NOTHING : Buffer.from(JSON.stringify({ to }));
    return { seq, stamp: to, kind: "clock", body };
  }

  /** Without those who are not looked at: they need not be known. */
  private onlyChosen(record: LogRecord): LogRecord {
    const copy = record.kind === "control" ? copyIn(record) : undefined;
    if (copy === undefined) return record;
    const entry = isListEntry(copy.entry) ? this.chosenOf(copy.entry) : ofNobody(copy.entry);
    return entry === copy.entry ? record : { ...record, body: Buffer.from(JSON.stringify({ ...copy, entry })) };
  }

  /** It may name many. What makes an entry refused stays in it. */
  private chosenOf(entry: ListEntry): ListEntry {
    const isOurKind = (entry.kind ?? "user") === this.kind;
    return withoutIds(entry, (id) => !isOurKind || !this.chosen.has(id));
  }
}

/**
 * Who was erased is in no sample. But where an account was, all partitions are waited for to say that they have heard, and their words
 * are left out here; said of a user, it means nobody.
 */
function ofNobody(entry: Entry): Entry {
  return entry.op === "erase" ? { ...entry, kind: "user" } : entry;
}

type Entry = ControlCopy["entry"];

function copyIn({ body }: LogRecord): ControlCopy | undefined {
  const copy = readJson(body);
  return isObject(copy) && isObject(copy.entry) ? (copy as unknown as ControlCopy) : undefined;
}

function listed(record: LogRecord, kind: MemberKind): readonly MemberId[] {
  const entry = copyIn(record)?.entry;
  return !isListEntry(entry) || (entry.kind ?? "user") !== kind ? [] : idsIn(entry);
}
