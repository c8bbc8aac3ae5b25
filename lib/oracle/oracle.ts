// The oracle: who is in which segment, recomputed the slow and obvious way from one partition's log (rules.md 4).
// Tests and `rollcall replay --verify` hold the engine against it; the two share the parsed rule and no evaluation.
import { decodeAccountMessage, decodeEvent } from "../core/decode.ts";
import { isMeant } from "../core/erasure.ts";
import type { AccountEvent, Decoded, UserEvent } from "../core/events.ts";
import { partitionOf } from "../core/ids.ts";
import {
  decodeLink,
  type FlagId,
  type LinkBody,
  type LinkItem,
  type LinkMessage,
  type UserItem,
} from "../core/links.ts";
import type {
  Cause,
  Delta,
  Limits,
  LogRecord,
  MemberId,
  MemberKind,
  Millis,
  PartitionNo,
  Reject,
  SegmentId,
  Seq,
} from "../core/types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../core/vocabulary.ts";
import { type Active, Control, type ControlChange, isObject, readJson } from "./control.ts";
import { historyInstants, membershipInstants, movingInstants } from "./due.ts";
import { type Question, ruleHolds } from "./evaluate.ts";
import { Forgotten } from "./forgotten.ts";
import { inOrder, Member, type Membership } from "./history.ts";
import { asDone, asSent, byAccount, linkedOf } from "./linked.ts";
import { nestedIn, type Readable } from "./nesting.ts";
import { Rounds } from "./rounds.ts";
import type { Refusal } from "./shop.ts";
import { Speech } from "./speech.ts";
import { Unheard } from "./unheard.ts";
import { Wakeups } from "./wakeups.ts";

export interface OracleOptions {
  readonly partition: PartitionNo;
  readonly partitions: number;
  readonly clockMode: "log" | "event";
  readonly clockStepMsMax: number;
  readonly limits: Limits;
  /** In force until an entry says another; by default the one that everybody starts with. */
  readonly vocabulary?: Vocabulary;
}

export type { Membership } from "./history.ts";

type ListChange = Extract<ControlChange, { readonly type: "list" }>;
type Erasure = Extract<ControlChange, { readonly type: "erase" }>;

/** Segments whose change is announced whatever stay and cooldown say. */
type Named = ReadonlySet<SegmentId>;
const NONE: Named = new Set();

/** The instants ahead at which silence might change a member's standing in a segment, or a flag of his. */
interface Agenda {
  readonly watched: Readable;
  /** By what the member has done: sorted, and passed one by one. */
  readonly ahead: Float64Array;
  next: number;
  /** By the member's memberships: worked out after every evaluation. */
  others: readonly Millis[];
}

export class Oracle {
  readonly rejects: Reject[] = [];
  readonly #options: Required<OracleOptions>;
  readonly #control: Control;
  readonly #users = new Map<MemberId, Member>();
  readonly #accounts = new Map<MemberId, Member>();
  readonly #agendas = new Map<Member, readonly Agenda[]>();
  readonly #wakeups = new Wakeups();
  readonly #speech: Speech;
  readonly #rounds: Rounds;
  readonly #forgotten = new Forgotten();
  readonly #unheard = new Unheard();
  /** By sender, how many of its messages have been heard. */
  readonly #heard = new Map<PartitionNo, number>();
  #clock: Millis = 0;
  /** Of the flags that are lit, the ids. */
  #lit = "";
  #deltas: Delta[] = [];
  #links: LinkMessage[] = [];

  constructor(options: OracleOptions) {
    this.#options = { vocabulary: DEFAULT_VOCABULARY, ...options };
    this.#control = new Control(options.limits, this.#options.vocabulary);
    this.#speech = new Speech(options.partition, options.partitions);
    this.#rounds = new Rounds(options.partitions);
  }

  get clock(): Millis {
    return this.#clock;
  }

  /** How many users and accounts are known. */
  get universe(): number {
    return this.#users.size + this.#accounts.size;
  }

  /** Messages to other partitions (and to itself) since the last call. */
  takeLinks(): LinkMessage[] {
    return this.#links.splice(0);
  }

  /** What waits with flags that are not known everywhere yet, by revision. */
  unsettled(): number[] {
    return this.#control.pendingRevisions.filter((revision) => {
      const depth = this.#control.flagDepth(revision);
      return depth !== undefined && !this.#rounds.hasHeardAll(revision, depth);
    });
  }

  /** Flags that are evaluated here for members of a kind. */
  litFlags(kind: MemberKind): FlagId[] {
    return this.#control.flags.litOf(kind).map(({ id }) => id);
  }

  member(kind: MemberKind, id: MemberId): Member | undefined {
    return this.#ofKind(kind).get(id);
  }

  members(kind: MemberKind): Iterable<Member> {
    return this.#ofKind(kind).values();
  }

  #ofKind(kind: MemberKind): Map<MemberId, Member> {
    return kind === "user" ? this.#users : this.#accounts;
  }

  #all(): Member[] {
    return [...this.#accounts.values(), ...this.#users.values()].sort(inOrder);
  }

  /** Nobody is known of before the message about them is accepted: `keep` makes them known. */
  #memberOf(kind: MemberKind, id: MemberId): Member {
    const { limits, vocabulary } = this.#options;
    const known = this.member(kind, id);
    if (known !== undefined) return known;
    const member = new Member(kind, id, limits, vocabulary);
    member.floor = this.#forgotten.floorOf(member);
    return member;
  }

  #keep(member: Member): void {
    this.#ofKind(member.kind).set(member.id, member);
  }

  /** One step: every deadline up to the new clock, instant by instant, then the message. */
  apply(record: LogRecord): Delta[] {
    this.#deltas = [];
    if (this.#options.clockMode === "log") this.#advance(record.stamp, record);
    const refusal = this.#applyMessage(record);
    if (refusal !== undefined) this.#reject(refusal, record);
    this.#links.push(...this.#speech.endStep(record.seq));
    return this.#deltas;
  }

  #reject(refusal: Refusal, { seq, stamp, body, trace }: LogRecord): void {
    this.rejects.push({ seq, stamp, ...refusal, body, ...(trace === undefined ? {} : { trace }) });
  }

  #applyMessage(record: LogRecord): Refusal | undefined {
    switch (record.kind) {
      case "event":
        return this.#applyEvent(record);
      case "control":
        return this.#applyControl(record);
      case "clock":
        return this.#options.clockMode === "event" ? this.#applyClock(record) : undefined;
      case "account":
        return this.#applyAccountMessage(record);
      case "link":
        return this.#applyLink(record);
      case "ready":
        return this.#applyReady(record);
    }
  }

  /** Everybody who is, or ever was, in a segment. */
  memberships(): Map<SegmentId, Map<MemberId, Membership>> {
    const all = new Map<SegmentId, Map<MemberId, Membership>>();
    for (const member of [...this.#accounts.values(), ...this.#users.values()]) {
      for (const [segment, membership] of member.memberships) {
        const inSegment = all.get(segment) ?? new Map<MemberId, Membership>();
        all.set(segment, inSegment.set(member.id, membership));
      }
    }
    return all;
  }

  /** Every deadline up to `to`, instant by instant, each as of its own instant. */
  #advance(to: Millis, { seq }: LogRecord): void {
    for (let due = this.#wakeups.takeUntil(to); due !== undefined; due = this.#wakeups.takeUntil(to)) {
      this.#clock = due.at;
      this.#evaluateDue(due.member, { type: "time", seq });
    }
    this.#clock = Math.max(this.#clock, to);
  }

  #applyEvent(record: LogRecord): Refusal | undefined {
    const decoded = decodeEvent(record.body, this.#options.limits);
    return this.#applyDecoded(
      decoded,
      (event) => event.userId,
      record,
      (event, time) => this.#take(event, time, record),
    );
  }

  #applyAccountMessage(record: LogRecord): Refusal | undefined {
    const decoded = decodeAccountMessage(record.body, this.#options.limits);
    return this.#applyDecoded(
      decoded,
      (event) => event.accountId,
      record,
      (event, time) => this.#takeOfAccount(event, time, record),
    );
  }

  /** Its place is checked, the clock brought up to it, and its time found, before it is taken. */
  #applyDecoded<T extends UserEvent | AccountEvent>(
    decoded: Decoded<T>,
    idOf: (event: T) => MemberId,
    record: LogRecord,
    take: (event: T, time: Millis) => Refusal | undefined,
  ): Refusal | undefined {
    const { partition, partitions, clockMode, clockStepMsMax } = this.#options;
    if (!decoded.ok) return { reason: decoded.reason, detail: decoded.detail };
    const event = decoded.value;
    const id = idOf(event);
    if (partitionOf(id, partitions) !== partition) {
      const detail = `the id ${JSON.stringify(id)} belongs to another partition than ${partition}; publish it on its own subject`;
      return { reason: "wrong-partition", detail };
    }
    const said = event.timestamp ?? record.stamp;
    if (clockMode === "event") {
      if (this.#clock > 0 && said - this.#clock > clockStepMsMax) {
        return { reason: "clock-step", detail: `its time is more than ${clockStepMsMax} ms ahead of the clock` };
      }
      this.#advance(said, record);
    }
    return take(event, Math.min(said, this.#clock));
  }

  #take(event: UserEvent, time: Millis, record: LogRecord): Refusal | undefined {
    const user = this.#memberOf("user", event.userId);
    const isLate = user.newestTime !== undefined && time < user.newestTime;
    const refusal = user.add(event, { ...this.#occasion(record), time });
    if (refusal !== undefined) return refusal;
    this.#keep(user);
    this.#tellAccount(user, event, time, record.seq);
    this.#evaluateAnew(user, eventCause(record.seq, event.messageId, isLate));
    return undefined;
  }

  #occasion({ seq }: LogRecord): { seq: Seq; clock: Millis; catalogue: Control["catalogue"] } {
    return { seq, clock: this.#clock, catalogue: this.#control.catalogue };
  }

  /** What the account hears of an event of its user, or of who becomes or ceases to be one. */
  #tellAccount(user: Member, event: UserEvent, at: Millis, seq: Seq): void {
    if (event.type === "group") this.#regroup(user, event, at, seq);
    else if (event.type !== "identify" && user.tie !== undefined) {
      this.#speech.tell({ op: "event", account: user.tie.account, user: user.id, at, event: linkedOf(event) });
    }
  }
  #regroup(user: Member, { groupId, traits, messageId }: UserEvent, at: Millis, seq: Seq): void {
    const on = [...user.flags].sort();
    const before = user.tie?.account;
    if (before !== undefined && before !== groupId) {
      this.#speech.tell({ op: "leave", account: before, user: user.id, on });
      user.tie = undefined;
    }
    if (groupId === undefined || groupId === null) return;
    const isNew = before !== groupId;
    if (isNew) user.tie = { account: groupId, join: seq, on: undefined };
    this.#speech.tell({
      op: "group",
      account: groupId,
      user: user.id,
      at,
      traits,
      ...(messageId === undefined ? {} : { messageId }),
      ...(isNew ? { join: { seq, on } } : {}),
    });
  }

  #takeOfAccount(event: AccountEvent, time: Millis, record: LogRecord): Refusal | undefined {
    const account = this.#memberOf("account", event.accountId);
    const isLate = account.newestTime !== undefined && time < account.newestTime;
    const refusal = account.add(asSent(event), { ...this.#occasion(record), time });
    if (refusal !== undefined) return refusal;
    this.#keep(account);
    this.#evaluateAnew(account, eventCause(record.seq, event.messageId, isLate));
    return undefined;
  }

  /** What another partition says: first of accounts that are at home here, then to users. */
  #applyLink(record: LogRecord): Refusal | undefined {
    const link = decodeLink(readJson(record.body));
    if (link === undefined) return { reason: "bad-link", detail: "a link message is JSON {from, n, items}" };
    this.#hearNumber(link);
    for (const [id, items] of byAccount(this.#withoutForgotten(link)))
      this.#hearOfAccount(id, items, link.from, record);
    this.#hearOfUsers(link.items, record.seq);
    for (const item of link.items) {
      if (item.op === "lit") this.#hearLit(item.revision, item.round, link.from);
      if (item.op === "erased" && item.heard !== true) this.#speech.heardErased(item.revision, link.from);
      if (item.op === "erased" && item.heard === true) this.#unheard.heard(item.revision, link.from);
    }
    return undefined;
  }

  /** What a group call told before of an account that was erased here since. */
  #withoutForgotten({ from, items }: LinkBody): LinkItem[] {
    return items.map((item) => {
      const isOld = item.op === "group" && this.#unheard.isOld(item.account, from);
      return isOld ? { ...item, traits: {} } : item;
    });
  }

  #hearNumber({ from, n }: LinkBody): void {
    const heard = this.#heard.get(from) ?? 0;
    if (n !== heard + 1)
      throw new Error(`the link from partition ${from} says ${n} after ${heard}: one is missing, or said twice`);
    this.#heard.set(from, n);
  }

  #hearOfAccount(id: MemberId, items: readonly UserItem[], from: PartitionNo, record: LogRecord): void {
    const account = this.#memberOf("account", id);
    this.#keep(account);
    let messageId: string | undefined;
    let isLate = false;
    for (const item of items) {
      if (item.op === "count") account.crowd.count(item.flag, item.by);
      else if (item.op === "leave") account.crowd.leave(from, item.on);
      else {
        const at = this.#options.clockMode === "event" ? item.at : Math.min(item.at, this.#clock);
        const event = asDone(item);
        const isBehind = account.newestTime !== undefined && at < account.newestTime;
        const refusal = account.add(event, { ...this.#occasion(record), time: at, by: item.user });
        if (refusal !== undefined) this.#reject(refusal, record);
        else {
          messageId = event.messageId ?? messageId;
          isLate ||= isBehind;
        }
        if (item.op === "group" && item.join !== undefined) {
          account.crowd.join(from, item.join.on);
          this.#speech.answer({ account, user: item.user, join: item.join.seq, from });
        }
      }
    }
    this.#evaluateAnew(account, eventCause(record.seq, messageId, isLate));
  }

  #hearOfUsers(items: readonly LinkItem[], seq: Seq): void {
    const touched = new Set<Member>();
    for (const item of items) {
      if (item.op === "flip") {
        for (const user of this.#users.values()) {
          const { tie } = user;
          if (tie?.account !== item.account || tie.on === undefined) continue;
          if (item.on) tie.on.add(item.flag);
          else tie.on.delete(item.flag);
          touched.add(user);
        }
      } else if (item.op === "answer") {
        const user = this.#users.get(item.user);
        if (user?.tie?.account !== item.account || user.tie.join !== item.join) continue;
        user.tie.on = new Set(item.on);
        touched.add(user);
      }
    }
    for (const user of [...touched].sort(inOrder)) this.#evaluateAnew(user, { type: "event", seq });
  }

  #hearLit(revision: number, round: number, from: PartitionNo): void {
    if (!this.#rounds.hear(revision, round, from)) return;
    const depth = this.#control.flagDepth(revision);
    if (depth !== undefined && round < depth) this.#speech.lit(revision, round + 1);
  }

  #applyReady(record: LogRecord): undefined {
    const message = readJson(record.body);
    if (isObject(message) && typeof message.revision === "number") this.#control.ready(message.revision);
    this.#light();
  }

  /** Flags that are lit from here on hold for some, and those that nobody asks for any more for nobody. */
  #light(): void {
    const revision = this.#control.light();
    if (revision !== undefined) this.#speech.lit(revision, 0);
    const lit = JSON.stringify([this.litFlags("account"), this.litFlags("user")]);
    if (lit === this.#lit) return;
    this.#lit = lit;
    for (const member of this.#all()) {
      this.#evaluateFlags(member);
      this.#planAnew(member);
    }
  }

  #applyClock(record: LogRecord): Refusal | undefined {
    const message = readJson(record.body);
    const to = isObject(message) ? message.to : undefined;
    if (typeof to !== "number" || to < 0) {
      return { reason: "bad-clock", detail: "a clock message is JSON {to: milliseconds since 1970}" };
    }
    this.#advance(to, record);
    return undefined;
  }

  #applyControl(record: LogRecord): Refusal | undefined {
    const change = this.#control.apply(record.body);
    if (change.type === "rejected") return { reason: "bad-control", detail: change.detail };
    const { seq } = record;
    if (change.type === "list") this.#changeList(change, { type: "list", seq });
    if (change.type === "feed") for (const member of this.#all()) this.#evaluateAnew(member, { type: "feed", seq });
    if (change.type === "sweep") this.#sweep(change.named, change.removed, { type: "definition", seq });
    if (change.type === "erase") this.#erase(change, seq);
    this.#light();
    return undefined;
  }

  #changeList({ id, kind, mode, members }: ListChange, cause: Cause): void {
    const { partition, partitions } = this.#options;
    const ours = new Set(members.filter((member) => partitionOf(member, partitions) === partition));
    const concerned = new Set<Member>();
    for (const memberId of ours) {
      const member = this.#memberOf(kind, memberId);
      if (this.member(kind, memberId) === undefined) concerned.add(member);
      this.#keep(member);
    }
    for (const member of this.members(kind)) {
      const wasOn = member.lists.has(id);
      const isNamed = ours.has(member.id);
      const isOn = mode === "replace" ? isNamed : mode === "add" ? wasOn || isNamed : wasOn && !isNamed;
      if (wasOn === isOn) continue;
      if (isOn) member.lists.add(id);
      else member.lists.delete(id);
      concerned.add(member);
    }
    for (const member of [...concerned].sort(inOrder)) this.#evaluateAnew(member, cause);
  }

  /** Whoever is erased leaves every segment, and the account; nothing of them is known any more. */
  #erase({ revision, erased }: Erasure, seq: Seq): void {
    const { partition, partitions } = this.#options;
    if (erased.hash % partitions !== partition) return;
    const { kind } = erased;
    const member = [...this.members(kind)].find(({ id }) => isMeant(erased, id));
    if (member !== undefined) {
      const cause: Cause = { type: "erasure", seq };
      for (const segment of this.#control.active) this.#announce(member, segment, false, cause);
      if (member.tie !== undefined)
        this.#speech.tell({ op: "leave", account: member.tie.account, user: member.id, on: [...member.flags].sort() });
      this.#ofKind(kind).delete(member.id);
      this.#agendas.delete(member);
      this.#wakeups.plan(member, Number.POSITIVE_INFINITY);
      if (member.crowd.size > 0) this.#keepUsersOf(member, cause);
      else this.#forgotten.remember(member);
    }
    if (kind === "account") this.#unheard.expect(revision, erased, partitions);
    this.#speech.erased(revision);
  }

  /** Of an account that has users, this alone is still known. */
  #keepUsersOf(before: Member, cause: Cause): void {
    const account = new Member("account", before.id, this.#options.limits, this.#options.vocabulary);
    account.floor = before.floor;
    account.crowd = before.crowd;
    for (const [segment, membership] of before.memberships) account.memberships.set(segment, membership);
    for (const flag of before.flags) account.flags.add(flag);
    this.#keep(account);
    this.#evaluateAnew(account, cause);
  }

  /** Everybody known, once: what a batch of definitions, edits and removals changes is announced as a difference. */
  #sweep(named: Named, removed: readonly Active[], cause: Cause): void {
    const order = [...this.#control.active, ...removed].sort(
      (a, b) => a.level - b.level || (a.definition.id < b.definition.id ? -1 : 1),
    );
    for (const member of this.#all()) {
      for (const segment of order) {
        if (removed.includes(segment)) this.#announce(member, segment, false, cause);
        else this.#evaluateSegment(member, segment, cause, named);
      }
      this.#evaluateFlags(member);
      this.#planAnew(member);
    }
  }

  /** After a message: each segment once, what is nested before what nests it. */
  #evaluateAnew(member: Member, cause: Cause): void {
    for (const segment of this.#control.active) this.#evaluateSegment(member, segment, cause, NONE);
    this.#evaluateFlags(member);
    this.#planAnew(member);
  }

  /** At a deadline: the segments that named this instant, and those that nest others. */
  #evaluateDue(member: Member, cause: Cause): void {
    const agendas = this.#agendas.get(member) ?? [];
    const due = agendas.filter(
      ({ ahead, next, others }) => ahead[next] === this.#clock || others.includes(this.#clock),
    );
    const dueSegments = new Set(due.map(({ watched }) => watched));
    for (const segment of this.#control.active) {
      if (!dueSegments.has(segment) && nestedIn(segment).length === 0) continue;
      this.#evaluateSegment(member, segment, cause, NONE);
    }
    this.#evaluateFlags(member);
    this.#planOn(member, agendas);
  }

  #evaluateSegment(member: Member, segment: Active, cause: Cause, named: Named): void {
    const { definition } = segment;
    const concerns = definition.enabled && definition.kind === member.kind;
    const holds = concerns && ruleHolds(definition.rule, this.#question(member, segment));
    const membership = member.memberships.get(definition.id);
    const isIn = membership?.in ?? false;
    if (holds === isIn) return;
    const heldMs = isIn ? definition.stayMs : definition.cooldownMs;
    const isHeld = membership !== undefined && this.#clock < membership.since + heldMs;
    if (!isHeld || named.has(definition.id)) this.#announce(member, segment, holds, cause);
  }

  #announce(member: Member, { definition, version }: Active, isIn: boolean, cause: Cause): void {
    const membership = member.memberships.get(definition.id);
    if ((membership?.in ?? false) === isIn) return;
    const n = (membership?.n ?? member.floor) + 1;
    member.memberships.set(definition.id, { in: isIn, n, since: this.#clock });
    this.#deltas.push({
      segment: definition.id,
      version,
      kind: member.kind,
      id: member.id,
      change: isIn ? "joined" : "left",
      n,
      at: this.#clock,
      cause,
    });
  }

  /** After the segments, for some flags read them. */
  #evaluateFlags(member: Member): void {
    const lit = this.#control.flags.litOf(member.kind);
    for (const id of member.flags) if (!lit.some((flag) => flag.id === id)) member.flags.delete(id);
    for (const flag of lit) {
      const holds = ruleHolds(flag.definition.rule, this.#question(member, flag));
      if (member.flags.has(flag.id) === holds) continue;
      if (member.kind === "account") this.#speech.turn(member, flag.id, holds);
      else if (member.tie !== undefined) this.#speech.count(member.tie.account, flag.id, holds ? 1 : -1);
      if (holds) member.flags.add(flag.id);
      else member.flags.delete(flag.id);
    }
  }

  #question(member: Member, { definition, vocabulary }: Readable): Question {
    const { situations, flags } = this.#control;
    return { member, clock: this.#clock, zone: definition.zone, vocabulary, situations, flags };
  }

  /** After a change of history or definitions: all instants ahead, worked out from the beginning. */
  #planAnew(member: Member): void {
    const agendas = this.#watched(member.kind).map((watched): Agenda => {
      const instants = historyInstants(watched.definition, this.#question(member, watched));
      const ahead = Float64Array.from(instants.filter((at) => at > this.#clock)).sort();
      return { watched, ahead, next: 0, others: [] };
    });
    this.#agendas.set(member, agendas);
    this.#planOn(member, agendas);
  }

  /** The earliest instant at which silence might change something for the member. */
  #planOn(member: Member, agendas: readonly Agenda[]): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (const agenda of agendas) {
      while (agenda.ahead[agenda.next]! <= this.#clock) agenda.next += 1;
      const { definition } = agenda.watched;
      const question = this.#question(member, agenda.watched);
      const instants = [...membershipInstants(definition, question), ...movingInstants(definition, question)];
      agenda.others = instants.filter((at) => at > this.#clock);
      earliest = Math.min(earliest, agenda.ahead[agenda.next] ?? earliest, ...agenda.others);
    }
    this.#wakeups.plan(member, earliest);
  }

  #watched(kind: MemberKind): readonly Readable[] {
    const segments = this.#control.active.filter(({ definition }) => definition.enabled && definition.kind === kind);
    return [...segments, ...this.#control.flags.litOf(kind)];
  }
}

function eventCause(seq: Seq, messageId: string | undefined, isLate: boolean): Cause {
  return {
    type: "event",
    seq,
    ...(messageId === undefined ? {} : { messageId }),
    ...(isLate ? { late: true } : {}),
  };
}
