// A partition's machine: moves the log's clock, fires what falls due on the way, then applies the message. The one place
// where the order of rules.md 4.1 is written down. Pages, plans and evaluation are its neighbours' business.
import { Packr, Unpackr } from "msgpackr";
import { decodeAccountMessage, decodeEvent } from "../decode.ts";
import type { AccountEvent, UserEvent } from "../events.ts";
import type { Situation, Situations } from "../feeds.ts";
import { compareIds, hashOf, partitionOf } from "../ids.ts";
import { decodeLink, type FlagId, type LinkMessage, type UserItem } from "../links.ts";
import type {
  AccountUser,
  AccountView,
  BackfillJob,
  EvictedPage,
  ExplainNode,
  FrozenPartition,
  Need,
  PageNo,
  PartitionMachine,
  PartitionOptions,
  RestoreSource,
  ShadowFold,
  TrialWalk,
  UserView,
  WorkCounts,
} from "../partition.ts";
import { parseDefinition } from "../rules/parse/parse.ts";
import { questionsOf } from "../rules/questions/questions.ts";
import { visitDetailsKey, visitsKey } from "../rules/questions/visit-questions.ts";
import { sentenceOf } from "../rules/words/sentence.ts";
import type {
  Cause,
  Delta,
  Json,
  LogRecord,
  MemberId,
  MemberKind,
  Millis,
  PartitionNo,
  Reject,
  RejectReason,
  SegmentId,
  Seq,
} from "../types.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { explainFlag, explainSegment } from "./answers/explain.ts";
import { Trial } from "./answers/trial.ts";
import { accountViewOf, viewOf } from "./answers/view.ts";
import { type ControlOutcome, type ControlState, type Plans, readItems, SharedControl } from "./control-state.ts";
import type { CountingStep } from "./counting/counting.ts";
import { Evaluation } from "./evaluation.ts";
import { applyEvent, NOBODY, prepareEvent } from "./event-step.ts";
import { isThere } from "./leaves/situations.ts";
import { AccountStep, hearLink, type StepRoom } from "./links/link-step.ts";
import { Outbox } from "./links/outbox.ts";
import { RoundBook, type WrittenRounds } from "./links/rounds.ts";
import { flagsOn, hiddenId } from "./member/accounts.ts";
import { type Actor, earliestOf, newActor } from "./member/actor.ts";
import type { KnownItems } from "./member/known-items.ts";
import { attachDetails, visitListOf } from "./member/visits.ts";
import { type Page, type PageDirectory, PageTable, WALK_END } from "./pages/pages.ts";
import { compilePlan } from "./plan/compile.ts";
import type { Plan, VisitPlan } from "./plan/shapes.ts";
import { inOrder } from "./slices.ts";
import type { World } from "./world.ts";

/** The log broke its own order, or a step was asked for something impossible: the partition must stop. */
export class Fault extends Error {
  override name = "Fault";
}

const META_FORMAT = 3;
const KINDS: readonly MemberKind[] = ["account", "user"];
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

interface Meta {
  readonly format: number;
  readonly position: Seq;
  readonly clock: Millis;
  readonly revision: number;
  readonly installed: number[];
  readonly universe: number;
  readonly accounts: number;
  readonly sizes: [SegmentId, number][];
  readonly since: [string, Millis][];
  /** Messages made for each partition, and heard of each. */
  readonly told: [PartitionNo, number][];
  readonly heard: [PartitionNo, number][];
  readonly rounds: WrittenRounds;
  readonly directory: PageDirectory;
}

export class PartitionCore implements PartitionMachine {
  readonly #options: PartitionOptions;
  #world!: World;
  readonly #pages: PageTable;
  readonly #shared: SharedControl;
  readonly work: WorkCounts = { touches: 0, evaluations: 0, flips: 0, wakeUps: 0, idleWakeUps: 0 };
  #control: ControlState;
  /** Pending revisions whose history is folded in: their counters are kept, though nothing asks them yet. */
  #installed: number[] = [];
  #shadow: Shadow | undefined;
  #plans!: Plans;
  #step!: Readonly<Record<MemberKind, CountingStep>>;
  #outbox: Outbox;
  #rounds: RoundBook;
  /** Messages of each partition that were applied. */
  #heard = new Map<PartitionNo, number>();
  #position: Seq = 0;
  #clock: Millis = 0;
  /** The first instant at which what a feed said ends by itself, and some rule reads it. */
  #nextEnd: Millis = Number.POSITIVE_INFINITY;
  #universe = 0;
  #accounts = 0;
  /** Of the member whose event was read last. */
  #hash = 0;
  readonly #sizes = new Map<SegmentId, number>();
  /** Questions whose past did not reach back to the log's first message, and the time from which they know it. */
  readonly #since = new Map<string, Millis>();
  #deltas: Delta[] = [];
  #rejects: Reject[] = [];

  readonly #past: Past | undefined;
  /** Of a shadow: the newest control entry it has passed. */
  #passed = 0;

  constructor(options: PartitionOptions, shared: SharedControl, past?: Past) {
    this.#options = options;
    this.#pages = new PageTable(options);
    this.#shared = shared;
    this.#control = shared.fold([]);
    this.#outbox = new Outbox(options.partition, options.partitions);
    this.#rounds = new RoundBook(options.partitions);
    this.#setPlans(past?.plans ?? this.#control.plans([]));
    this.#past = past;
    if (past !== undefined) this.#readBy({ ...this.#world, vocabulary: past.vocabulary });
  }

  static restore(options: PartitionOptions, source: RestoreSource, shared: SharedControl): PartitionCore {
    const meta = unpackr.unpack(source.meta) as Meta;
    if (meta.format !== META_FORMAT) {
      throw new Fault(`checkpoint format ${meta.format} is not ${META_FORMAT}: it was written by another version`);
    }
    if (meta.revision !== source.entries.length) {
      throw new Fault(`checkpoint is at control revision ${meta.revision}, but ${source.entries.length} were given`);
    }
    const core = new PartitionCore(options, shared);
    core.#position = meta.position;
    core.#clock = meta.clock;
    core.#universe = meta.universe;
    core.#accounts = meta.accounts;
    core.#outbox = new Outbox(options.partition, options.partitions, meta.told);
    core.#heard = new Map(meta.heard);
    core.#rounds = new RoundBook(options.partitions, meta.rounds);
    core.#control = shared.fold(source.entries);
    core.#installed = meta.installed;
    for (const [segment, size] of meta.sizes) core.#sizes.set(segment, size);
    for (const [question, since] of meta.since) core.#since.set(question, since);
    core.#pages.restore(meta.directory);
    core.#setPlans(core.#control.plans(core.#installed));
    return core;
  }

  get position(): Seq {
    return this.#position;
  }

  get clock(): Millis {
    return this.#clock;
  }

  get controlRevision(): number {
    return this.#control.revision;
  }

  get control(): ControlState {
    return this.#control;
  }

  get universe(): number {
    return this.#universe;
  }

  get accounts(): number {
    return this.#accounts;
  }

  get deadline(): Millis {
    return Math.min(this.#pages.deadline, this.#nextEnd);
  }

  get residentBytes(): number {
    return this.#pages.residentBytes;
  }

  /** Follows the control state: what is asked, and what members are read against. */
  #setPlans(plans: Plans): void {
    const { vocabulary, catalogue, situations } = this.#control;
    const held = this.#world as World | undefined;
    const isSame = held?.vocabulary === vocabulary && held.catalogue === catalogue && held.situations === situations;
    if (plans === this.#plans && isSame) return;
    if (!isSame) this.#world = { limits: this.#options.limits, vocabulary, catalogue, situations };
    if (plans !== this.#plans) this.#begin(plans);
    else if (!isSame) this.#readBy(this.#world);
    this.#nextEnd = this.#endAfter(this.#clock);
  }

  #begin(plans: Plans): void {
    this.#plans = plans;
    const stepOf = (kind: MemberKind): CountingStep => {
      const plan = plans[kind];
      const options = { plan, world: this.#world, work: this.work, turned: this.#turned };
      return { plan, evaluation: new Evaluation(options), world: this.#world };
    };
    this.#step = { user: stepOf("user"), account: stepOf("account") };
  }

  /** A flag has turned for somebody here: whoever asks it elsewhere is told when the step is over. */
  readonly #turned = (actor: Actor, flag: FlagId, on: boolean): void => {
    if (actor.kind === "account") this.#outbox.accountTurned(actor, flag, on);
    else if (actor.account !== undefined) this.#outbox.userTurned(actor.account, flag, on);
  };

  #endAfter(after: Millis): Millis {
    const { situations } = this.#world;
    if (!KINDS.some((kind) => this.#plans[kind].situationPaths.size > 0)) return Number.POSITIVE_INFINITY;
    let end = situations.nextEnd(after);
    while (end !== Number.POSITIVE_INFINITY && !situations.endingAt(end).some(({ kind }) => this.#readsFeed(kind))) {
      end = situations.nextEnd(end);
    }
    return end;
  }

  #readsFeed(feed: string): boolean {
    return KINDS.some((kind) => this.#plans[kind].situationPaths.has(feed));
  }

  #readBy(world: World): void {
    this.#world = world;
    const reading = (kind: MemberKind): CountingStep => {
      const { plan, evaluation } = this.#step[kind];
      evaluation.readAgainst(world);
      return { plan, evaluation, world };
    };
    this.#step = { user: reading("user"), account: reading("account") };
  }

  // ── a step ────────────────────────────────────────────────────────────────────────────────────────────────────────

  apply(record: LogRecord): Iterator<Need, void, void> | undefined {
    if (record.seq !== this.#position + 1 && this.#position !== 0) {
      throw new Fault(`log message ${record.seq} follows ${this.#position}: the log has a hole`);
    }
    if (record.kind === "account") return this.#applyAccountMessage(record);
    if (record.kind !== "event") return this.#after(record, this.#clockAfter(record), this.#applyOther(record));
    const event = this.#read(record);
    if (event === undefined) return this.#after(record, this.#clockOfRefused(record));
    const hash = this.#hash;
    const clock = this.#clockOf(this.#options.clockMode === "log" ? record.stamp : (event.timestamp ?? record.stamp));
    // The common case needs no waiting: nothing is due and the member's page is here.
    const isPlain = this.deadline > clock && event.type !== "group";
    const page = isPlain ? this.#pages.residentAt(hash) : undefined;
    if (page !== undefined) {
      this.#clock = clock;
      this.#applyEvent(record, event, page);
      this.#complete(record);
      return undefined;
    }
    return this.#after(record, clock, this.#bringAndApply(record, event, hash));
  }

  /** A whole step: what falls due first, then what the message does. */
  *#after(record: LogRecord, clock: Millis, work?: Generator<Need, void, void>): Generator<Need, void, void> {
    yield* this.#advance(clock, record.seq);
    if (work !== undefined) yield* work;
    this.#complete(record);
  }

  #complete({ seq }: LogRecord): void {
    this.#outbox.close(seq);
    this.#position = seq;
  }

  *#bringAndApply(record: LogRecord, event: UserEvent, hash: number): Generator<Need, void, void> {
    const page = this.#pages.pageAt(hash);
    if (!this.#pages.isResident(page)) yield page;
    if (event.type === "group") yield* this.#bringCrowds(event, this.#pages.get(page));
    this.#applyEvent(record, event, this.#pages.get(page));
  }

  /** The pages on which it stands where users are: of the account that he leaves, and of the one that he joins. */
  *#bringCrowds({ userId, groupId }: UserEvent, page: Page): Generator<Need, void, void> {
    for (const account of [page.user.get(userId)?.account?.id, groupId]) {
      if (account === undefined || account === null) continue;
      const no = this.#pages.pageOf(account);
      if (!this.#pages.isResident(no)) yield no;
    }
  }

  *#applyOther(record: LogRecord): Generator<Need, void, void> {
    if (record.kind === "control") yield* this.#applyControl(record);
    else if (record.kind === "ready") {
      const litBefore = this.#litFlags;
      yield* this.#pages.keepingPages(this.#install(record));
      yield* this.#tendFlags(record.seq, litBefore);
    } else if (record.kind === "link") yield* this.#hearLink(record);
  }

  #clockOf(stamp: Millis): Millis {
    return stamp > this.#clock ? stamp : this.#clock;
  }

  /** In event mode a refused message does not move the clock. */
  #clockOfRefused(record: LogRecord): Millis {
    return this.#options.clockMode === "log" ? this.#clockOf(record.stamp) : this.#clock;
  }

  /** Where a message that is no event moves the clock. */
  #clockAfter(record: LogRecord): Millis {
    if (this.#options.clockMode === "log") return this.#clockOf(record.stamp);
    if (record.kind !== "clock") return this.#clock;
    const to = (readJson(record.body) as { readonly to?: unknown } | undefined)?.to;
    if (typeof to === "number" && Number.isFinite(to) && to >= 0) return this.#clockOf(to);
    this.#refuse(record, "bad-clock", 'a clock message is {"to": milliseconds since 1970}; publish it again as such');
    return this.#clock;
  }

  /** An event that is fit to be applied; else it is refused here. */
  #read(record: LogRecord): UserEvent | undefined {
    const decoded = decodeEvent(record.body, this.#options.limits);
    if (!decoded.ok) {
      this.#refuse(record, decoded.reason, decoded.detail);
      return undefined;
    }
    const event = decoded.value;
    this.#hash = hashOf(event.userId);
    const isFit =
      this.#isHome(record, this.#hash, "events.<the id, percent-encoded>") &&
      this.#isWithinReach(record, event.timestamp ?? record.stamp);
    return isFit ? event : undefined;
  }

  /** About an account, by no user: as of its own time, where that is the clock. */
  #applyAccountMessage(record: LogRecord): Iterator<Need, void, void> {
    const event = this.#readAccountMessage(record);
    if (event === undefined) return this.#after(record, this.#clockOfRefused(record));
    const given = event.timestamp ?? record.stamp;
    const clock = this.#clockOf(this.#options.clockMode === "log" ? record.stamp : given);
    return this.#after(record, clock, this.#applyToAccount(record, event, given));
  }

  *#applyToAccount(record: LogRecord, event: AccountEvent, given: Millis): Generator<Need, void, void> {
    const no = this.#pages.pageOf(event.accountId);
    if (!this.#pages.isResident(no)) yield no;
    const own = { ...event, userId: NOBODY, anonymousId: undefined, isAnonymous: false };
    AccountStep.hearOwn(this.#room, record, event.accountId, own, given, this.#say);
  }

  #readAccountMessage(record: LogRecord): AccountEvent | undefined {
    const decoded = decodeAccountMessage(record.body, this.#options.limits);
    if (!decoded.ok) {
      this.#refuse(record, decoded.reason, decoded.detail);
      return undefined;
    }
    const { accountId, timestamp } = decoded.value;
    const isFit =
      this.#isHome(record, hashOf(accountId), "accounts.<the id, percent-encoded>") &&
      this.#isWithinReach(record, timestamp ?? record.stamp);
    return isFit ? decoded.value : undefined;
  }

  #isHome(record: LogRecord, hash: number, subject: string): boolean {
    const { partition, partitions } = this.#options;
    const home = hash % partitions;
    if (home === partition) return true;
    const detail = `this id belongs to partition ${home}, but the message came by the subject of another id (partition ${partition}): publish to ${subject}`;
    this.#refuse(record, "wrong-partition", detail);
    return false;
  }

  #isWithinReach(record: LogRecord, at: Millis): boolean {
    const { clockMode, clockStepMsMax } = this.#options;
    if (clockMode !== "event" || this.#clock === 0 || at <= this.#clock + clockStepMsMax) return true;
    const detail = `its time is ${at - this.#clock} ms ahead of the clock, more than clock.maxStep (${clockStepMsMax} ms): correct it, or move the clock with a clock message`;
    this.#refuse(record, "clock-step", detail);
    return false;
  }

  /** Messages of one partition come in order, each once: anything else means that this log, or that one, is not what it was. */
  *#hearLink(record: LogRecord): Generator<Need, void, void> {
    const body = decodeLink(readJson(record.body));
    if (body === undefined || body.from >= this.#options.partitions) {
      this.#refuse(record, "bad-link", "a link message is JSON {from, n, items}, and only workers publish it");
      return;
    }
    const { from, n, items } = body;
    const heard = this.#heard.get(from) ?? 0;
    if (n !== heard + 1) {
      const what = n <= heard ? "repeats" : "has a hole";
      throw new Fault(`message ${n} of partition ${from} follows its message ${heard}: the link ${what}`);
    }
    this.#heard.set(from, n);
    yield* this.#pages.keepingPages(hearLink(this.#room, record, body, this.#say));
    for (const item of items) if (item.op === "lit") this.#rounds.hear(from, item.revision, item.round);
    this.#sayRounds();
  }

  /** For the steps that have a file of their own. */
  get #room(): StepRoom {
    return {
      pages: this.#pages,
      outbox: this.#outbox,
      clock: this.#clock,
      cutsToClock: this.#options.clockMode === "log",
      step: this.#step,
      admit: (page, id) => {
        const actor = newActor("account", id, this.#clock);
        this.#admit(page, actor);
        return actor;
      },
      refuse: (record, reason, detail) => this.#refuse(record, reason, detail),
    };
  }

  #refuse(record: LogRecord, reason: RejectReason, detail: string): void {
    this.#rejects.push({ seq: record.seq, stamp: record.stamp, reason, detail, body: record.body });
  }

  // ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Moves the clock, firing every deadline up to it as of its own instant, before whatever moved it. */
  *#advance(clock: Millis, seq: Seq): Generator<Need, void, void> {
    for (let due = this.deadline; due <= clock; due = this.deadline) {
      const said: Delta[] = [];
      const ending = due === this.#nextEnd ? this.#world.situations.endingAt(due) : NOTHING_ENDS;
      if (ending.length === 0) yield* this.#fireAll(this.#pages.pagesDueAt(due), due, seq, said, ending);
      else {
        const pages = new Set(this.#pages.pagesDueAt(due));
        for (const { place } of ending) for (const no of this.#pages.numbersAt(place)) pages.add(no);
        yield* this.#pages.keepingPages(this.#fireAll(pages, due, seq, said, ending));
        this.#nextEnd = this.#endAfter(due);
      }
      yield* this.#sayInOrder(said);
    }
    this.#clock = clock;
  }

  *#fireAll(
    pages: Iterable<PageNo>,
    due: Millis,
    seq: Seq,
    said: Delta[],
    ending: readonly Situation[],
  ): Generator<Need, void, void> {
    for (const no of pages) {
      if (ending.length > 0) yield null;
      if (!this.#pages.isResident(no)) yield no;
      this.#fire(this.#pages.get(no), due, seq, said, ending);
    }
  }

  #fire(page: Page, due: Millis, seq: Seq, said: Delta[], ending: readonly Situation[]): void {
    let next = Number.POSITIVE_INFINITY;
    for (const kind of KINDS) {
      for (const actor of page[kind].values()) {
        const there = ending.length === 0 ? ending : ending.filter(({ place }) => isThere(actor.place, place));
        if (actor.due <= due || there.length > 0) this.#wake(page, actor, due, { type: "time", seq }, said, there);
        if (actor.due < next) next = actor.due;
      }
    }
    this.#pages.rescheduleAt(page, next);
  }

  #wake(page: Page, actor: Actor, now: Millis, cause: Cause, said: Delta[], ending: readonly Situation[]): void {
    const { evaluation } = this.#step[actor.kind];
    const before = said.length;
    evaluation.begin(actor, now);
    const isDue = actor.due <= now;
    const values = actor.valueDue <= now;
    if (isDue) {
      this.#pages.willChange(page);
      evaluation.touchDue();
    }
    for (const { kind } of ending) this.#situationMoved(actor, kind, this.#world.situations, now - 1, now);
    // Most who are at a place are in no segment that reads what was said of it.
    if (!isDue && evaluation.isQuiet) return;
    this.#pages.willChange(page);
    const joined = evaluation.flip(cause, (delta) => said.push(delta));
    evaluation.arm(values || joined);
    // Waking him at the same instant again and again would stop the partition without a word.
    if (actor.due <= now) throw new Fault(`a member's deadline does not move past ${new Date(now).toISOString()}`);
    this.work.wakeUps += 1;
    if (said.length === before) this.work.idleWakeUps += 1;
  }

  /** Compares what was said of a member's place, by `before` at `from`, with what is said now. */
  #situationMoved(actor: Actor, kind: string, before: Situations, from: Millis, now: Millis): void {
    const was = before.valuesAt(kind, actor.place, from);
    this.#step[actor.kind].evaluation.situationChanged(
      kind,
      was,
      this.#world.situations.valuesAt(kind, actor.place, now),
    );
  }

  // ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #applyEvent(record: LogRecord, event: UserEvent, home: Page): void {
    const clock = this.#clock;
    const given = event.timestamp ?? record.stamp;
    const at = this.#options.clockMode === "log" ? Math.min(given, clock) : given;
    let page = home;
    let actor = page.user.get(event.userId);
    const step = this.#step.user;
    const prepared = prepareEvent("user", actor, event, at, this.#world);
    if (!prepared.ok) {
      this.#refuse(record, prepared.reason, prepared.detail);
      return;
    }
    this.#pages.willChange(page);
    const { evaluation } = step;
    const isNew = actor === undefined;
    if (actor === undefined) {
      actor = newActor("user", event.userId, clock);
      page = this.#admit(page, actor);
    }
    const late = at < actor.newest;
    evaluation.begin(actor, clock);
    if (isNew) evaluation.markNew();
    const { place } = actor;
    const values = applyEvent(step, actor, event, prepared, { seq: record.seq, at, clock }, ({ reason, detail }) =>
      this.#refuse(record, reason, detail),
    );
    this.#tellAccount(actor, event, at, record.seq);
    // Most events flip nothing, so a cause is only made where something was touched.
    const joined = !evaluation.isIdle && evaluation.flip(causeOf(record.seq, event.messageId, late), this.#say);
    evaluation.arm(values || joined);
    if (actor.place !== place) page.places.add(actor.place);
    this.#pages.armed(page, actor.due);
  }

  /** What a user does is done in his account, too: the one that he is in by now. */
  #tellAccount(actor: Actor, event: UserEvent, at: Millis, seq: Seq): void {
    if (event.type === "identify" || this.#past !== undefined) return;
    if (event.type === "group") {
      this.#callGroup(actor, event, at, seq);
      return;
    }
    const { account, id: user } = actor;
    if (account === undefined) return;
    const { type, name, channel, messageId, properties, context } = event;
    const told = {
      type,
      name,
      ...(channel === undefined ? {} : { channel }),
      ...messageIdOf(messageId),
      properties,
      context,
    };
    this.#outbox.tell(account, { op: "event", account: account.id, user, at, event: told });
  }

  /** From here on he is in that account, or in none. */
  #callGroup(actor: Actor, event: UserEvent, at: Millis, seq: Seq): void {
    const { account: before, id: user } = actor;
    const { groupId = null, traits } = event;
    const moves = groupId !== (before?.id ?? null);
    const on = moves ? flagsOn(actor, this.#plans.user.flags.lit) : [];
    if (moves && before !== undefined) {
      this.#outbox.tell(before, { op: "leave", account: before.id, user, on });
      this.#pages.crowdMoves(before.id, user, -1);
      actor.account = undefined;
      this.#step.user.evaluation.accountFlagsMoved(before.on ?? []);
    }
    if (groupId === null) return;
    if (moves) {
      const home = partitionOf(groupId, this.#options.partitions);
      actor.account = { id: groupId, home, seq, since: this.#clock, on: undefined };
      this.#pages.crowdMoves(groupId, user, 1);
    }
    const called = { account: groupId, user, at, traits, ...messageIdOf(event.messageId) };
    this.#outbox.tell(actor.account!, { op: "group", ...called, ...(moves ? { join: { seq, on } } : {}) });
  }

  /** Takes in somebody nobody knew; returns the page where he is now. */
  #admit(page: Page, actor: Actor): Page {
    this.#universe += 1;
    if (actor.kind === "account") this.#accounts += 1;
    this.#pages.addActor(page, actor);
    return this.#pages.get(this.#pages.pageOf(actor.id));
  }

  readonly #say = (delta: Delta): void => {
    this.#deltas.push(delta);
    const size = this.#sizes.get(delta.segment) ?? 0;
    this.#sizes.set(delta.segment, size + (delta.change === "joined" ? 1 : -1));
  };

  /** Deltas of one instant and many members: by kind and member, and of one member as they came. */
  *#sayInOrder(deltas: Delta[]): Generator<Need, void, void> {
    yield* inOrder(deltas, compareMembers, this.#say);
  }

  // ── control ───────────────────────────────────────────────────────────────────────────────────────────────────────

  *#applyControl(record: LogRecord): Generator<Need, void, void> {
    const copy = readJson(record.body) as { readonly revision?: unknown; readonly entry?: unknown } | undefined;
    if (typeof copy !== "object" || copy === null || !Number.isSafeInteger(copy.revision)) {
      this.#refuse(record, "bad-control", "a control message is JSON {revision, entry}; publish it again as such");
      return;
    }
    const revision = copy.revision as number;
    if (revision <= this.#control.revision) return;
    if (revision > this.#control.revision + 1) {
      const held = this.#control.revision;
      throw new Fault(`control revision ${revision} follows ${held}: an entry is missing in this log`);
    }
    const { situations } = this.#control;
    const { state, outcome } = this.#shared.next(this.#control, copy.entry);
    this.#control = state;
    this.#installed = this.#installed.filter((pending) => state.pending.has(pending));
    const litBefore = this.#litFlags;
    this.#setPlans(state.plans(this.#installed));
    if (outcome.type === "rejected") this.#refuse(record, "bad-control", outcome.detail);
    else if (outcome.type === "sweep") yield* this.#pages.keepingPages(this.#sweep(outcome, record.seq));
    else if (outcome.type === "list") yield* this.#pages.keepingPages(this.#applyList(outcome, record.seq));
    else if (outcome.type === "situation")
      yield* this.#pages.keepingPages(this.#applySituation(outcome, situations, record.seq));
    yield* this.#tendFlags(record.seq, litBefore);
  }

  // ── flags ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  get #litFlags(): ReadonlySet<FlagId> {
    return new Set(KINDS.flatMap((kind) => this.#plans[kind].flags.lit));
  }

  /** After a change of plan: begins to evaluate what is asked from here on, and tells the others when that is done. */
  *#tendFlags(seq: Seq, litBefore: ReadonlySet<FlagId>): Generator<Need, void, void> {
    const fresh = [...this.#litFlags].filter((flag) => !litBefore.has(flag));
    if (fresh.length > 0) yield* this.#pages.keepingPages(this.#light(fresh, seq));
    const { pending, revision: known } = this.#control;
    this.#rounds.keep((revision) => revision > known || pending.has(revision));
    this.#sayRounds();
  }

  /** Evaluates these flags for everybody; what holds of them is told. */
  *#light(flags: readonly FlagId[], seq: Seq): Generator<Need, void, void> {
    const hidden = flags.map(hiddenId);
    const said: Delta[] = [];
    for (const no of this.#pages.numbers()) {
      yield null;
      if (!this.#pages.isResident(no)) yield no;
      const page = this.#pages.get(no);
      this.#pages.willChange(page);
      for (const kind of KINDS) {
        const { plan, evaluation } = this.#step[kind];
        const segments = hidden.flatMap((id) => plan.segmentNo.get(id) ?? []);
        if (segments.length === 0) continue;
        for (const actor of page[kind].values()) {
          evaluation.begin(actor, this.#clock);
          evaluation.refreshAll();
          for (const segment of segments) evaluation.mark(segment);
          evaluation.flip({ type: "definition", seq }, (delta) => said.push(delta));
          evaluation.arm(true);
        }
      }
      this.#pages.reschedule(page);
    }
    yield* this.#sayInOrder(said);
  }

  #sayRounds(): void {
    const batch = this.#control.lit(this.#installed);
    if (batch === undefined) return;
    for (const round of this.#rounds.due(batch.revision, this.#control.roundsOf(batch)))
      this.#outbox.lit(batch.revision, round);
  }

  unsettled(): readonly number[] {
    return [...this.#control.pending.values()]
      .filter((batch) => !this.#rounds.isSettled(batch.revision, this.#control.roundsOf(batch)))
      .map(({ revision }) => revision);
  }

  // ── sweeps and lists ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Announces exactly the difference that a change of definitions makes, to everybody known, as one input. */
  *#sweep(outcome: Extract<ControlOutcome, { type: "sweep" }>, seq: Seq): Generator<Need, void, void> {
    const cause: Cause = { type: "definition", seq };
    const said: Ranked[] = [];
    for (const no of this.#pages.numbers()) {
      yield null;
      if (!this.#pages.isResident(no)) yield no;
      const page = this.#pages.get(no);
      this.#pages.willChange(page);
      for (const kind of KINDS) {
        for (const actor of page[kind].values()) this.#sweepActor(actor, outcome, cause, said);
      }
      this.#pages.reschedule(page);
    }
    const compare = (left: Ranked, right: Ranked): number =>
      compareMembers(left.delta, right.delta) || compareRanks(left, right);
    yield* inOrder(said, compare, ({ delta }) => this.#say(delta));
    for (const { definition } of outcome.removed) this.#sizes.delete(definition.id);
  }

  #sweepActor(actor: Actor, outcome: Extract<ControlOutcome, { type: "sweep" }>, cause: Cause, said: Ranked[]): void {
    const { plan, evaluation } = this.#step[actor.kind];
    const rank = (delta: Delta, level: number): void => {
      said.push({ delta, level });
    };
    evaluation.begin(actor, this.#clock, outcome.named);
    const expel = (id: SegmentId, version: number, level: number): void => {
      const delta = evaluation.expel(id, version, cause);
      if (delta === undefined) return;
      rank(delta, level);
      for (const leaf of plan.segmentLeaves.get(id) ?? []) evaluation.touch(leaf);
      for (const leaf of plan.joinedLeaves.get(id) ?? []) evaluation.touch(leaf);
    };
    for (const { definition, version, level } of outcome.removed) expel(definition.id, version, level);
    evaluation.refreshAll();
    for (const id of outcome.named) {
      const no = plan.segmentNo.get(id);
      if (no !== undefined) evaluation.mark(no);
      else expel(id, this.#control.active.get(id)!.version, this.#control.levelOf(id));
    }
    evaluation.flip(cause, (delta) => rank(delta, this.#control.levelOf(delta.segment)));
    evaluation.arm(true);
  }

  *#applyList(outcome: Extract<ControlOutcome, { type: "list" }>, seq: Seq): Generator<Need, void, void> {
    const { partition, partitions } = this.#options;
    const mine = new Set(outcome.members.filter((id) => partitionOf(id, partitions) === partition));
    const said: Delta[] = [];
    if (outcome.mode === "replace") {
      for (const no of this.#pages.numbers()) {
        yield null;
        if (!this.#pages.isResident(no)) yield no;
        const page = this.#pages.get(no);
        for (const actor of [...page[outcome.kind].values()]) {
          if (!mine.has(actor.id) && actor.lists?.has(outcome.id)) this.#setList(actor.id, outcome, false, seq, said);
        }
      }
    }
    for (const id of mine) {
      const page = this.#pages.pageOf(id);
      if (!this.#pages.isResident(page)) yield page;
      this.#setList(id, outcome, outcome.mode !== "remove", seq, said);
    }
    yield* this.#sayInOrder(said);
  }

  /** Looks at everybody who is there, as one input; whose page holds nobody of that place stays where it is. */
  *#applySituation({ kind, place }: Situation, before: Situations, seq: Seq): Generator<Need, void, void> {
    if (!this.#readsFeed(kind)) return;
    const clock = this.#clock;
    const said: Delta[] = [];
    for (const no of this.#pages.numbersAt(place)) {
      yield null;
      if (!this.#pages.isResident(no)) yield no;
      const page = this.#pages.get(no);
      for (const actor of KINDS.flatMap((one) => [...page[one].values()])) {
        if (!isThere(actor.place, place)) continue;
        const { evaluation } = this.#step[actor.kind];
        evaluation.begin(actor, clock);
        this.#situationMoved(actor, kind, before, clock, clock);
        if (evaluation.isQuiet) continue;
        this.#pages.willChange(page);
        const joined = evaluation.flip({ type: "feed", seq }, (delta) => said.push(delta));
        evaluation.arm(joined);
        this.#pages.armed(page, actor.due);
      }
    }
    yield* this.#sayInOrder(said);
  }

  #setList(
    id: MemberId,
    { id: list, kind }: { readonly id: string; readonly kind: MemberKind },
    on: boolean,
    seq: Seq,
    said: Delta[],
  ): void {
    let page = this.#pages.get(this.#pages.pageOf(id));
    let actor = page[kind].get(id);
    const isNew = actor === undefined;
    if (actor !== undefined && (actor.lists?.has(list) === true) === on) return;
    this.#pages.willChange(page);
    if (actor === undefined) {
      actor = newActor(kind, id, this.#clock);
      page = this.#admit(page, actor);
    }
    const { plan, evaluation } = this.#step[kind];
    evaluation.begin(actor, this.#clock);
    if (isNew) evaluation.markNew();
    actor.lists ??= new Set();
    if (on) actor.lists.add(list);
    else actor.lists.delete(list);
    for (const leaf of plan.listLeaves.get(list) ?? []) evaluation.touch(leaf);
    const joined = evaluation.flip({ type: "list", seq }, (delta) => said.push(delta));
    evaluation.arm(joined);
    this.#pages.armed(page, actor.due);
  }

  // ── history ───────────────────────────────────────────────────────────────────────────────────────────────────────

  backfillJobs(): readonly BackfillJob[] {
    const jobs: BackfillJob[] = [];
    for (const [revision, batch] of this.#control.pending) {
      if (batch.questions.length === 0 || this.#installed.includes(revision)) continue;
      jobs.push({ revision, segments: [...batch.define.keys()] });
    }
    return jobs.sort((a, b) => a.revision - b.revision);
  }

  shadow(revision: number): ShadowFold {
    const batch = this.#control.pending.get(revision);
    if (batch === undefined) throw new Fault(`revision ${revision} waits for no history here`);
    const dark = [...batch.define.values()];
    // All of a batch are read by one vocabulary; of an emptied batch nothing is read.
    const shadowOf = (kind: MemberKind): Plan => compilePlan({ kind, active: [], dark, flags: this.#control.flags });
    const past = {
      revision,
      plans: { user: shadowOf("user"), account: shadowOf("account") },
      vocabulary: dark[0]?.vocabulary ?? this.#control.vocabulary,
      catalogue: this.#control.catalogue,
    };
    return new Shadow(revision, this.#options, this.#shared, past);
  }

  needsShadow(record: LogRecord): boolean {
    return record.kind === "ready" && this.#jobOf(record) !== undefined;
  }

  #jobOf(record: LogRecord): number | undefined {
    const revision = (readJson(record.body) as { readonly revision?: unknown } | undefined)?.revision;
    return this.backfillJobs().find((job) => job.revision === revision)?.revision;
  }

  provideShadow(shadow: ShadowFold): void {
    if (!(shadow instanceof Shadow)) throw new Fault("a shadow fold of another machine was given");
    this.#shadow = shadow;
  }

  /** Puts the counters of a folded history under the people they belong to. */
  *#install(record: LogRecord): Generator<Need, void, void> {
    const revision = this.#jobOf(record);
    if (revision === undefined) return;
    const shadow = this.#shadow;
    if (shadow?.revision !== revision || shadow.position !== record.seq - 1) {
      throw new Fault(`ready for revision ${revision} at ${record.seq} came before its history was folded up to there`);
    }
    const { define } = this.#control.pending.get(revision)!;
    const asked = Array.from(define.values(), (word) => questionsOf(word.definition, word.vocabulary));
    // Also what somebody else asked when it was applied, and has given up since.
    const freshOf = (kind: MemberKind): string[] =>
      [...new Set(asked.flatMap((questions) => questions[kind]))].filter((key) => !this.#plans[kind].asks(key));
    const fresh = { user: freshOf("user"), account: freshOf("account") };
    shadow.settle(this.#clock);
    for (const kind of KINDS) {
      for (const question of fresh[kind]) {
        if (shadow.since === undefined) this.#since.delete(sinceKey(kind, question));
        else this.#since.set(sinceKey(kind, question), shadow.since);
      }
    }
    for (const no of this.#pages.numbers()) {
      yield null;
      if (!this.#pages.isResident(no)) yield no;
      const page = this.#pages.get(no);
      this.#pages.willChange(page);
      for (const actor of KINDS.flatMap((kind) => [...page[kind].values()])) {
        shadow.giveTo(actor, fresh[actor.kind]);
        // Silence moves a memory before anybody asks it, and from what it was then the next events go on. A counter that
        // nobody asks yet wakes in vain once, and then waits: a deadline that memory left out would come back with its page.
        actor.counterDue = earliestOf(actor);
        actor.due = Math.min(actor.due, actor.counterDue);
      }
      this.#pages.reschedule(page);
    }
    this.#shadow = undefined;
    this.#installed = [...this.#installed, revision];
    this.#setPlans(this.#control.plans(this.#installed));
  }

  /** Of a shadow: fires what fell due after its last event. */
  settle(clock: Millis): Iterator<Need, void, void> {
    return this.#advance(this.#clockOf(clock), this.#position);
  }

  /** Of a shadow: the actor it folded, if it met him. */
  folded(kind: MemberKind, id: MemberId): Actor | undefined {
    return this.#pages.get(this.#pages.pageOf(id))[kind].get(id);
  }

  // ── what was said ─────────────────────────────────────────────────────────────────────────────────────────────────

  takeDeltas(): Delta[] {
    const taken = this.#deltas;
    if (taken.length > 0) this.#deltas = [];
    return taken;
  }

  takeRejects(): Reject[] {
    const taken = this.#rejects;
    if (taken.length > 0) this.#rejects = [];
    return taken;
  }

  takeLinks(): LinkMessage[] {
    return this.#outbox.take();
  }

  // ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  pageOf(id: MemberId): PageNo {
    return this.#pages.pageOf(id);
  }

  pageNumbers(): readonly PageNo[] {
    return this.#pages.numbers();
  }

  isResident(page: PageNo): boolean {
    return this.#pages.isResident(page);
  }

  providePage(page: PageNo, bytes: Uint8Array): void {
    this.#pages.provide(page, bytes);
  }

  evictPages(): EvictedPage[] {
    return this.#pages.evict();
  }

  freeze(): FrozenPartition {
    const pages = this.#pages;
    const directory = pages.freeze();
    const meta: Meta = {
      format: META_FORMAT,
      position: this.#position,
      clock: this.#clock,
      revision: this.#control.revision,
      installed: this.#installed,
      universe: this.#universe,
      accounts: this.#accounts,
      told: this.#outbox.made,
      heard: [...this.#heard],
      rounds: this.#rounds.written,
      sizes: [...this.#sizes],
      since: [...this.#since],
      directory,
    };
    return {
      position: this.#position,
      meta: Uint8Array.from(packr.pack(meta)),
      pages: directory.entries.map(([no]) => no),
      next: () => pages.nextFrozen(),
    };
  }

  // ── questions ─────────────────────────────────────────────────────────────────────────────────────────────────────

  sizes(): ReadonlyMap<SegmentId, number> {
    return new Map(Array.from(this.#control.active.keys(), (id) => [id, this.#sizes.get(id) ?? 0]));
  }

  membersOn(page: PageNo, segment: SegmentId): { readonly id: MemberId; readonly n: number; readonly since: Millis }[] {
    const members: { id: MemberId; n: number; since: Millis }[] = [];
    const kind = this.#control.active.get(segment)?.definition.kind ?? "user";
    for (const { id, memberships } of this.#pages.get(page)[kind].values()) {
      const held = memberships.get(segment);
      if (held?.in) members.push({ id, n: held.n, since: held.since });
    }
    return members;
  }

  idsOn(page: PageNo, kind: MemberKind): readonly MemberId[] {
    return [...this.#pages.get(page)[kind].keys()];
  }

  /** Of a member whose page is resident. */
  #member(kind: MemberKind, id: MemberId): Actor | undefined {
    return this.#pages.get(this.#pages.pageOf(id))[kind].get(id);
  }

  user(id: MemberId): UserView | undefined {
    const actor = this.#member("user", id);
    return actor === undefined ? undefined : viewOf(actor, this.#clock, this.#world);
  }

  account(id: MemberId): AccountView | undefined {
    const actor = this.#member("account", id);
    if (actor === undefined) return undefined;
    return accountViewOf(actor, this.#clock, this.#world, this.#usersRules());
  }

  /** The rules `users` that are evaluated, by their texts. */
  #usersRules(): ReadonlyMap<FlagId, string> {
    const { flags } = this.#control;
    return new Map(this.#plans.user.flags.lit.map((id) => [id, sentenceOf(flags.byId(id)!.rule)]));
  }

  crowdPage(account: MemberId): PageNo {
    return this.#pages.pageOf(account);
  }

  crowdPages(account: MemberId): readonly PageNo[] {
    return this.#pages.crowdPages(account);
  }

  usersOn(page: PageNo, account: MemberId): readonly AccountUser[] {
    const rules = this.#usersRules();
    const users = [...this.#pages.get(page).user.values()].filter((actor) => actor.account?.id === account);
    return users.map((actor) => ({
      id: actor.id,
      holds: flagsOn(actor, rules.keys()).map((flag) => rules.get(flag)!),
    }));
  }

  explain(segment: SegmentId, id: MemberId): ExplainNode | undefined {
    const { active, flags } = this.#control;
    const word = active.get(segment);
    const flag = word === undefined ? flags.byId(segment) : undefined;
    const kind = word?.definition.kind ?? flag?.side ?? "user";
    const actor = this.#member(kind, id);
    if (actor === undefined) return undefined;
    const since = (question: string): Millis | undefined => this.#since.get(sinceKey(kind, question));
    const by = { plan: this.#plans[kind], flags, now: this.#clock, world: this.#world, since };
    if (word !== undefined) return explainSegment(word, actor, by);
    return flag === undefined ? undefined : explainFlag(flag, actor, by);
  }

  tryOut(source: Json, cursor: number, samplesMax: number): TrialWalk {
    const parsed = parseDefinition(source, this.#options.limits);
    if (!parsed.ok) {
      const { path, message } = parsed.problems[0]!;
      throw new RangeError(`${path}: ${message}`);
    }
    // As an apply would be read, and so read against what will be in force then.
    const vocabulary = this.#control.newestVocabulary;
    const { kind } = parsed.definition;
    const { flags } = this.#control;
    const trial = new Trial({ definition: parsed.definition, vocabulary }, this.#plans[kind], flags, samplesMax);
    const world = { ...this.#world, vocabulary };
    const pages = this.#pages;
    let at = cursor;
    return {
      part: trial.part,
      get page() {
        return at < WALK_END ? pages.walk(at).page : undefined;
      },
      get cursor() {
        return at;
      },
      look: () => {
        const { page, next } = pages.walk(at);
        for (const actor of pages.get(page)[kind].values()) trial.look(actor, this.#clock, world);
        at = next;
      },
    };
  }

  /** Of a shadow: what users did in an account; who is in it matters to nobody yet. */
  *foldLink(record: LogRecord): Generator<Need, void, void> {
    const body = decodeLink(readJson(record.body));
    const items = (body?.items ?? []).flatMap((item): UserItem[] => {
      if (item.op === "event") return [item];
      if (item.op !== "group") return [];
      const { join: _, ...called } = item;
      return [called];
    });
    yield* this.#after(record, this.#clockAfter(record), this.#foldItems(record, items));
  }

  /** As of the clock of its own step, not of the one before. */
  *#foldItems(record: LogRecord, items: readonly UserItem[]): Generator<Need, void, void> {
    yield* hearLink(this.#room, record, { from: 0, n: 1, items }, this.#say);
  }

  /** Moves a shadow past a message that tells of nobody. */
  pass(record: LogRecord): void {
    if (record.kind === "clock" || this.#options.clockMode === "log") this.#clock = this.#clockAfter(record);
    if (record.kind === "control") this.#passControl(record);
    this.#position = record.seq;
  }

  /** Items count from their place in the log on, for what is folded as for what was applied there. */
  #passControl(record: LogRecord): void {
    const copy = readJson(record.body) as { readonly revision?: unknown; readonly entry?: unknown } | undefined;
    const revision = Number(copy?.revision);
    if (!(revision > this.#passed)) return;
    if (revision > this.#passed + 1) this.#knowItems(this.#past!.catalogue.upTo(revision - 1));
    this.#passed = revision;
    const entry = readItems(copy?.entry);
    if (entry === undefined) return;
    this.#knowItems((this.#world.catalogue as KnownItems).after(revision, entry));
  }

  #knowItems(catalogue: KnownItems): void {
    this.#readBy({ ...this.#world, catalogue });
  }

  /** Of a shadow whose log has lost its beginning: until a control entry tells which, items are those of its definition. */
  beginWithoutBeginning(): void {
    this.#knowItems(this.#past!.catalogue.upTo(this.#past!.revision));
  }
}

/** What a shadow folds for, and by what it reads. */
interface Past {
  readonly revision: number;
  readonly plans: Plans;
  readonly vocabulary: Vocabulary;
  /** The live path's: of a log whose beginning is gone, it knows what was said there. */
  readonly catalogue: KnownItems;
}

/** The fold of one job's questions over the log, beside the live path; it keeps everybody in memory and says nothing. */
class Shadow implements ShadowFold {
  readonly revision: number;
  readonly #core: PartitionCore;
  readonly #visitLists: Readonly<Record<MemberKind, readonly VisitPlan[]>>;
  /** Stamp of the first message there was, where the log had lost its beginning. */
  since: Millis | undefined;

  constructor(revision: number, options: PartitionOptions, shared: SharedControl, past: Past) {
    this.revision = revision;
    this.#visitLists = { user: past.plans.user.visitLists, account: past.plans.account.visitLists };
    this.#core = new PartitionCore({ ...options, pageCacheBytesMax: Number.POSITIVE_INFINITY }, shared, past);
  }

  get position(): Seq {
    return this.#core.position;
  }

  apply(record: LogRecord): void {
    if (this.position === 0 && record.seq > 1) {
      this.since = record.stamp;
      this.#core.beginWithoutBeginning();
    }
    // Nothing is ever due here and every page is at hand, so driving it through asks for nothing.
    if (record.kind === "event" || record.kind === "account") drive(this.#core.apply(record));
    else if (record.kind === "link") drive(this.#core.foldLink(record));
    else this.#core.pass(record);
    this.#core.takeRejects();
  }

  /** Up to the clock of whoever takes it over: what is given has no deadline in the past, where nobody may be woken. */
  settle(clock: Millis): void {
    drive(this.#core.settle(clock));
    this.#core.takeDeltas();
  }

  giveTo(actor: Actor, keys: readonly string[]): void {
    const folded = this.#core.folded(actor.kind, actor.id);
    for (const key of keys) {
      const state = folded?.counters.get(key);
      if (state === undefined) actor.counters.delete(key);
      else actor.counters.set(key, state);
      if (state?.waiting !== undefined) actor.viewing = new Set(actor.viewing).add(key);
      const kept = folded?.kept.get(key);
      if (kept === undefined) actor.kept.delete(key);
      else actor.kept.set(key, kept);
    }
    for (const { idleMs } of this.#visitLists[actor.kind]) this.#giveVisits(actor, folded, idleMs, keys);
  }

  /** A list that nobody asked for so far, whole; or, to one that is kept already, what is known of each visit. */
  #giveVisits(actor: Actor, folded: Actor | undefined, idleMs: Millis, keys: readonly string[]): void {
    const found = folded === undefined ? undefined : visitListOf(folded, idleMs);
    if (keys.includes(visitsKey(idleMs))) {
      const others = actor.visits.filter((list) => list.idleMs !== idleMs);
      actor.visits = found === undefined ? others : [...others, found];
    } else if (keys.includes(visitDetailsKey(idleMs))) {
      const list = visitListOf(actor, idleMs);
      if (list !== undefined) attachDetails(list, found);
    }
  }
}

function drive(step: Iterator<Need, void, void> | undefined): void {
  for (let need = step?.next(); need !== undefined && need.done !== true; need = step?.next());
}

const NOTHING_ENDS: readonly Situation[] = [];

/** From when on the answer to a question is known; users and accounts may ask the same. */
function sinceKey(kind: MemberKind, question: string): string {
  return kind === "user" ? question : `account ${question}`;
}

function compareMembers(left: Delta, right: Delta): number {
  if (left.kind !== right.kind) return left.kind < right.kind ? -1 : 1;
  return compareIds(left.id, right.id);
}

function messageIdOf(messageId: string | undefined): { readonly messageId?: string } {
  return messageId === undefined ? {} : { messageId };
}

interface Ranked {
  readonly delta: Delta;
  readonly level: number;
}

function compareRanks(left: Ranked, right: Ranked): number {
  if (left.level !== right.level) return left.level - right.level;
  return left.delta.segment < right.delta.segment ? -1 : left.delta.segment > right.delta.segment ? 1 : 0;
}

function causeOf(seq: Seq, messageId: string | undefined, late: boolean): Cause {
  return {
    type: "event",
    seq,
    ...(messageId === undefined ? {} : { messageId }),
    ...(late ? { late: true } : {}),
  };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}

/** A partition that knows nothing yet. `shared` is given once for all partitions of a process. */
export function createPartition(options: PartitionOptions, shared?: SharedControl): PartitionCore {
  return new PartitionCore(options, shared ?? new SharedControl(options.limits));
}

export function restorePartition(
  options: PartitionOptions,
  source: RestoreSource,
  shared?: SharedControl,
): PartitionCore {
  return PartitionCore.restore(options, source, shared ?? new SharedControl(options.limits));
}
