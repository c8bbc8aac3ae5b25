// The oracle: who is in which segment, recomputed the slow and obvious way from one partition's log (rules.md 4).
// Tests and `rollcall replay --verify` hold the engine against it; the two share the parsed rule and no evaluation.
import { decodeEvent } from "../core/decode.ts";
import type { UserEvent } from "../core/events.ts";
import { partitionOf } from "../core/ids.ts";
import type {
  Cause,
  Delta,
  Limits,
  LogRecord,
  MemberId,
  Millis,
  PartitionNo,
  Reject,
  SegmentId,
} from "../core/types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../core/vocabulary.ts";
import { type Active, Control, isObject, readJson } from "./control.ts";
import { historyInstants, membershipInstants, movingInstants } from "./due.ts";
import { type Question, ruleHolds } from "./evaluate.ts";
import { Member, type Membership } from "./history.ts";
import { nestedIn } from "./nesting.ts";
import type { Refusal } from "./shop.ts";
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

/** Segments whose change is announced whatever stay and cooldown say. */
type Named = ReadonlySet<SegmentId>;
const NONE: Named = new Set();

/** The instants ahead at which silence might change a member's standing in a segment. */
interface Agenda {
  readonly segment: Active;
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
  readonly #members = new Map<MemberId, Member>();
  readonly #agendas = new Map<Member, readonly Agenda[]>();
  readonly #wakeups = new Wakeups();
  #clock: Millis = 0;
  #deltas: Delta[] = [];

  constructor(options: OracleOptions) {
    this.#options = { vocabulary: DEFAULT_VOCABULARY, ...options };
    this.#control = new Control(options.limits, this.#options.vocabulary);
  }

  get clock(): Millis {
    return this.#clock;
  }

  /** How many members are known. */
  get universe(): number {
    return this.#members.size;
  }

  /** One step: every deadline up to the new clock, instant by instant, then the message. */
  apply(record: LogRecord): Delta[] {
    this.#deltas = [];
    if (this.#options.clockMode === "log") this.#advance(record.stamp, record);
    const refusal = this.#applyMessage(record);
    if (refusal !== undefined) {
      const { seq, stamp, body } = record;
      this.rejects.push({ seq, stamp, ...refusal, body });
    }
    return this.#deltas;
  }

  #applyMessage(record: LogRecord): Refusal | undefined {
    switch (record.kind) {
      case "event":
        return this.#applyEvent(record);
      case "control":
        return this.#applyControl(record);
      case "clock":
        return this.#options.clockMode === "event" ? this.#applyClock(record) : undefined;
      default:
        return undefined;
    }
  }

  /** Everybody who is, or ever was, in a segment. */
  memberships(): Map<SegmentId, Map<MemberId, Membership>> {
    const all = new Map<SegmentId, Map<MemberId, Membership>>();
    for (const member of this.#members.values()) {
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
    const { limits, partition, partitions, clockMode, clockStepMsMax } = this.#options;
    const decoded = decodeEvent(record.body, limits);
    if (!decoded.ok) return { reason: decoded.reason, detail: decoded.detail };
    const event = decoded.value;
    if (partitionOf(event.userId, partitions) !== partition) {
      const detail = `the id ${JSON.stringify(event.userId)} belongs to another partition than ${partition}; publish it on its own subject`;
      return { reason: "wrong-partition", detail };
    }
    const said = event.timestamp ?? record.stamp;
    if (clockMode === "event") {
      if (this.#clock > 0 && said - this.#clock > clockStepMsMax) {
        return { reason: "clock-step", detail: `its time is more than ${clockStepMsMax} ms ahead of the clock` };
      }
      this.#advance(said, record);
    }
    return this.#take(event, Math.min(said, this.#clock), record);
  }

  #take(event: UserEvent, time: Millis, record: LogRecord): Refusal | undefined {
    const { limits, vocabulary } = this.#options;
    const member = this.#members.get(event.userId) ?? new Member(event.userId, limits, vocabulary);
    const isLate = member.newestTime !== undefined && time < member.newestTime;
    const { catalogue } = this.#control;
    const refusal = member.add(event, { seq: record.seq, time, clock: this.#clock, catalogue });
    if (refusal !== undefined) return refusal;
    this.#members.set(member.id, member);
    const { messageId } = event;
    this.#evaluateAnew(member, {
      type: "event",
      seq: record.seq,
      ...(messageId === undefined ? {} : { messageId }),
      ...(isLate ? { late: true } : {}),
    });
    return undefined;
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
    if (change.type === "list") this.#changeList(change.id, change.mode, change.members, { type: "list", seq });
    if (change.type === "feed") {
      for (const member of byId(this.#members.values())) this.#evaluateAnew(member, { type: "feed", seq });
    }
    if (change.type === "sweep") this.#sweep(change.named, change.removed, { type: "definition", seq });
    return undefined;
  }

  #changeList(id: string, mode: "add" | "remove" | "replace", named: readonly MemberId[], cause: Cause): void {
    const { partition, partitions, limits, vocabulary } = this.#options;
    const ours = new Set(named.filter((member) => partitionOf(member, partitions) === partition));
    const concerned = new Set<Member>();
    for (const memberId of ours) {
      const known = this.#members.get(memberId);
      const member = known ?? new Member(memberId, limits, vocabulary);
      this.#members.set(memberId, member);
      if (known === undefined) concerned.add(member);
    }
    for (const member of this.#members.values()) {
      const wasOn = member.lists.has(id);
      const isNamed = ours.has(member.id);
      const isOn = mode === "replace" ? isNamed : mode === "add" ? wasOn || isNamed : wasOn && !isNamed;
      if (wasOn === isOn) continue;
      if (isOn) member.lists.add(id);
      else member.lists.delete(id);
      concerned.add(member);
    }
    for (const member of byId(concerned)) this.#evaluateAnew(member, cause);
  }

  /** Everybody known, once: what a batch of definitions, edits and removals changes is announced as a difference. */
  #sweep(named: Named, removed: readonly Active[], cause: Cause): void {
    const order = [...this.#control.active, ...removed].sort(
      (a, b) => a.level - b.level || (a.definition.id < b.definition.id ? -1 : 1),
    );
    for (const member of byId(this.#members.values())) {
      for (const segment of order) {
        if (removed.includes(segment)) this.#announce(member, segment, false, cause);
        else this.#evaluateSegment(member, segment, cause, named);
      }
      this.#planAnew(member);
    }
  }

  /** After a message: each segment once, what is nested before what nests it. */
  #evaluateAnew(member: Member, cause: Cause): void {
    for (const segment of this.#control.active) this.#evaluateSegment(member, segment, cause, NONE);
    this.#planAnew(member);
  }

  /** At a deadline: the segments that named this instant, and those that nest others. */
  #evaluateDue(member: Member, cause: Cause): void {
    const agendas = this.#agendas.get(member) ?? [];
    const due = agendas.filter(
      ({ ahead, next, others }) => ahead[next] === this.#clock || others.includes(this.#clock),
    );
    const dueSegments = new Set(due.map(({ segment }) => segment));
    for (const segment of this.#control.active) {
      if (!dueSegments.has(segment) && nestedIn(segment).length === 0) continue;
      this.#evaluateSegment(member, segment, cause, NONE);
    }
    this.#planOn(member, agendas);
  }

  #evaluateSegment(member: Member, segment: Active, cause: Cause, named: Named): void {
    const { definition } = segment;
    const holds = definition.enabled && ruleHolds(definition.rule, this.#question(member, segment));
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
    const n = (membership?.n ?? 0) + 1;
    member.memberships.set(definition.id, { in: isIn, n, since: this.#clock });
    this.#deltas.push({
      segment: definition.id,
      version,
      kind: "user",
      id: member.id,
      change: isIn ? "joined" : "left",
      n,
      at: this.#clock,
      cause,
    });
  }

  #question(member: Member, { definition, vocabulary }: Active): Question {
    const { situations } = this.#control;
    return { member, clock: this.#clock, zone: definition.zone, vocabulary, situations };
  }

  /** After a change of history or definitions: all instants ahead, worked out from the beginning. */
  #planAnew(member: Member): void {
    const agendas = this.#enabled().map((segment): Agenda => {
      const instants = historyInstants(segment.definition, this.#question(member, segment));
      const ahead = Float64Array.from(instants.filter((at) => at > this.#clock)).sort();
      return { segment, ahead, next: 0, others: [] };
    });
    this.#agendas.set(member, agendas);
    this.#planOn(member, agendas);
  }

  /** The earliest instant at which silence might change something for the member. */
  #planOn(member: Member, agendas: readonly Agenda[]): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (const agenda of agendas) {
      while (agenda.ahead[agenda.next]! <= this.#clock) agenda.next += 1;
      const { definition } = agenda.segment;
      const question = this.#question(member, agenda.segment);
      const instants = [...membershipInstants(definition, question), ...movingInstants(definition, question)];
      agenda.others = instants.filter((at) => at > this.#clock);
      earliest = Math.min(earliest, agenda.ahead[agenda.next] ?? earliest, ...agenda.others);
    }
    this.#wakeups.plan(member, earliest);
  }

  #enabled(): readonly Active[] {
    return this.#control.active.filter(({ definition }) => definition.enabled);
  }
}

function byId(members: Iterable<Member>): Member[] {
  return [...members].sort((a, b) => Buffer.compare(a.idBytes, b.idBytes));
}
