// A partition's machine: moves the log's clock, fires what falls due on the way, then applies the message. The one place
// where the order of rules.md 4.1 is written down. Pages, plans and evaluation are its neighbours' business.
import { Packr, Unpackr } from "msgpackr";
import { decodeEvent } from "../decode.ts";
import type { UserEvent } from "../events.ts";
import type { Situation, Situations } from "../feeds.ts";
import { hashOf, partitionOf } from "../ids.ts";
import type { LinkMessage } from "../links.ts";
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
import { questionKeys } from "../rules/questions/questions.ts";
import { visitDetailsKey, visitsKey } from "../rules/questions/visit-questions.ts";
import type {
  Cause,
  Delta,
  Json,
  LogRecord,
  MemberId,
  Millis,
  Reject,
  RejectReason,
  SegmentId,
  Seq,
} from "../types.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { explainSegment } from "./answers/explain.ts";
import { Trial } from "./answers/trial.ts";
import { viewOf } from "./answers/view.ts";
import { type ControlOutcome, type ControlState, readItems, SharedControl } from "./control-state.ts";
import { Evaluation } from "./evaluation.ts";
import { applyEvent, prepareEvent } from "./event-step.ts";
import { isThere } from "./leaves/situations.ts";
import { type Actor, earliestOf, newActor } from "./member/actor.ts";
import type { KnownItems } from "./member/known-items.ts";
import { attachDetails, visitListOf } from "./member/visits.ts";
import { type Page, type PageDirectory, PageTable, WALK_END } from "./pages/pages.ts";
import { compilePlan, type Plan, type VisitPlan } from "./plan.ts";
import type { World } from "./reading.ts";

/** The log broke its own order, or a step was asked for something impossible: the partition must stop. */
export class Fault extends Error {
  override name = "Fault";
}

const META_FORMAT = 2;
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

interface Meta {
  readonly format: number;
  readonly position: Seq;
  readonly clock: Millis;
  readonly revision: number;
  readonly installed: number[];
  readonly universe: number;
  readonly sizes: [SegmentId, number][];
  readonly since: [string, Millis][];
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
  #plan!: Plan;
  #evaluation!: Evaluation;
  #position: Seq = 0;
  #clock: Millis = 0;
  /** The first instant at which what a feed said ends by itself, and some rule reads it. */
  #nextEnd: Millis = Number.POSITIVE_INFINITY;
  #universe = 0;
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
    this.#setPlan(past?.plan ?? this.#control.plan([]));
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
    core.#control = shared.fold(source.entries);
    core.#installed = meta.installed;
    for (const [segment, size] of meta.sizes) core.#sizes.set(segment, size);
    for (const [question, since] of meta.since) core.#since.set(question, since);
    core.#pages.restore(meta.directory);
    core.#setPlan(core.#control.plan(core.#installed));
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

  get deadline(): Millis {
    return Math.min(this.#pages.deadline, this.#nextEnd);
  }

  get residentBytes(): number {
    return this.#pages.residentBytes;
  }

  /** Follows the control state: what is asked, and what members are read against. */
  #setPlan(plan: Plan): void {
    const { vocabulary, catalogue, situations } = this.#control;
    const held = this.#world as World | undefined;
    const isSame = held?.vocabulary === vocabulary && held.catalogue === catalogue && held.situations === situations;
    if (plan === this.#plan && isSame) return;
    if (!isSame) this.#world = { limits: this.#options.limits, vocabulary, catalogue, situations };
    if (plan === this.#plan) this.#evaluation.readAgainst(this.#world);
    else this.#evaluation = new Evaluation(plan, this.#world, this.work);
    this.#plan = plan;
    this.#nextEnd = this.#endAfter(this.#clock);
  }

  #endAfter(after: Millis): Millis {
    const { situations } = this.#world;
    const { situationPaths } = this.#plan;
    if (situationPaths.size === 0) return Number.POSITIVE_INFINITY;
    let end = situations.nextEnd(after);
    while (end !== Number.POSITIVE_INFINITY && !situations.endingAt(end).some(({ kind }) => situationPaths.has(kind))) {
      end = situations.nextEnd(end);
    }
    return end;
  }

  /** A shadow reads by the vocabulary of what it folds for, whatever was in force back then. */
  #readBy(world: World): void {
    this.#world = world;
    this.#evaluation = new Evaluation(this.#plan, world, this.work);
  }

  // ── a step ────────────────────────────────────────────────────────────────────────────────────────────────────────

  apply(record: LogRecord): Iterator<Need, void, void> | undefined {
    if (record.seq !== this.#position + 1 && this.#position !== 0) {
      throw new Fault(`log message ${record.seq} follows ${this.#position}: the log has a hole`);
    }
    if (record.kind !== "event") return this.#step(record, undefined, this.#clockAfter(record));
    const event = this.#read(record);
    if (event === undefined) return this.#step(record, undefined, this.#clockOfRefused(record));
    const hash = this.#hash;
    const clock = this.#clockOf(this.#options.clockMode === "log" ? record.stamp : (event.timestamp ?? record.stamp));
    // The common case needs no waiting: nothing is due and the member's page is here.
    const page = this.deadline > clock ? this.#pages.residentAt(hash) : undefined;
    if (page !== undefined) {
      this.#clock = clock;
      this.#applyEvent(record, event, page);
      this.#position = record.seq;
      return undefined;
    }
    return this.#step(record, event, clock, hash);
  }

  *#step(record: LogRecord, event: UserEvent | undefined, clock: Millis, hash = 0): Generator<Need, void, void> {
    yield* this.#advance(clock, record.seq);
    if (event !== undefined) {
      const page = this.#pages.pageAt(hash);
      if (!this.#pages.isResident(page)) yield page;
      this.#applyEvent(record, event, this.#pages.get(page));
    } else if (record.kind === "control") yield* this.#applyControl(record);
    else if (record.kind === "ready") yield* this.#pages.keepingPages(this.#install(record));
    this.#position = record.seq;
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
    const { partition, partitions, limits, clockMode, clockStepMsMax } = this.#options;
    const decoded = decodeEvent(record.body, limits);
    if (!decoded.ok) {
      this.#refuse(record, decoded.reason, decoded.detail);
      return undefined;
    }
    const event = decoded.value;
    this.#hash = hashOf(event.userId);
    const home = this.#hash % partitions;
    if (home !== partition) {
      const detail = `this id belongs to partition ${home}, but the message came by the subject of another id (partition ${partition}): publish to events.<the id, percent-encoded>`;
      this.#refuse(record, "wrong-partition", detail);
      return undefined;
    }
    const at = event.timestamp ?? record.stamp;
    if (clockMode === "event" && this.#clock > 0 && at > this.#clock + clockStepMsMax) {
      const detail = `its time is ${at - this.#clock} ms ahead of the clock, more than clock.maxStep (${clockStepMsMax} ms): correct it, or move the clock with a clock message`;
      this.#refuse(record, "clock-step", detail);
      return undefined;
    }
    return event;
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
      this.#sayInOrder(said);
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
    for (const actor of page.actors.values()) {
      const there = ending.length === 0 ? ending : ending.filter(({ place }) => isThere(actor.place, place));
      if (actor.due <= due || there.length > 0) this.#wake(page, actor, due, { type: "time", seq }, said, there);
      if (actor.due < next) next = actor.due;
    }
    this.#pages.rescheduleAt(page, next);
  }

  #wake(page: Page, actor: Actor, now: Millis, cause: Cause, said: Delta[], ending: readonly Situation[]): void {
    const evaluation = this.#evaluation;
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
    const joined = evaluation.flip("user", cause, (delta) => said.push(delta));
    evaluation.arm(values || joined);
    // Waking him at the same instant again and again would stop the partition without a word.
    if (actor.due <= now) throw new Fault(`a member's deadline does not move past ${new Date(now).toISOString()}`);
    this.work.wakeUps += 1;
    if (said.length === before) this.work.idleWakeUps += 1;
  }

  /** Compares what was said of a member's place, by `before` at `from`, with what is said now. */
  #situationMoved(actor: Actor, kind: string, before: Situations, from: Millis, now: Millis): void {
    const was = before.valuesAt(kind, actor.place, from);
    this.#evaluation.situationChanged(kind, was, this.#world.situations.valuesAt(kind, actor.place, now));
  }

  // ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #applyEvent(record: LogRecord, event: UserEvent, home: Page): void {
    const clock = this.#clock;
    const given = event.timestamp ?? record.stamp;
    const at = this.#options.clockMode === "log" ? Math.min(given, clock) : given;
    let page = home;
    let actor = page.actors.get(event.userId);
    const prepared = prepareEvent(actor, event, at, this.#world);
    if (!prepared.ok) {
      this.#refuse(record, prepared.reason, prepared.detail);
      return;
    }
    this.#pages.willChange(page);
    const evaluation = this.#evaluation;
    const isNew = actor === undefined;
    if (actor === undefined) {
      actor = newActor(event.userId, clock);
      page = this.#admit(page, actor);
    }
    const late = at < actor.newest;
    evaluation.begin(actor, clock);
    if (isNew) evaluation.markNew();
    const { place } = actor;
    const step = { plan: this.#plan, evaluation, world: this.#world };
    const values = applyEvent(step, actor, event, prepared, { seq: record.seq, at, clock }, ({ reason, detail }) =>
      this.#refuse(record, reason, detail),
    );
    // Most events flip nothing, so a cause is only made where something was touched.
    const joined = !evaluation.isIdle && evaluation.flip("user", causeOf(record.seq, event.messageId, late), this.#say);
    evaluation.arm(values || joined);
    if (actor.place !== place) page.places.add(actor.place);
    this.#pages.armed(page, actor.due);
  }

  /** Takes in somebody nobody knew; returns the page where he is now. */
  #admit(page: Page, actor: Actor): Page {
    this.#universe += 1;
    this.#pages.addActor(page, actor);
    return this.#pages.get(this.#pages.pageOf(actor.id));
  }

  readonly #say = (delta: Delta): void => {
    this.#deltas.push(delta);
    const size = this.#sizes.get(delta.segment) ?? 0;
    this.#sizes.set(delta.segment, size + (delta.change === "joined" ? 1 : -1));
  };

  /** Deltas of one instant and many members: by member, and of one member as they came. */
  #sayInOrder(deltas: Delta[]): void {
    deltas.sort((left, right) => compareIds(left.id, right.id));
    for (const delta of deltas) this.#say(delta);
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
    this.#setPlan(state.plan(this.#installed));
    if (outcome.type === "rejected") this.#refuse(record, "bad-control", outcome.detail);
    else if (outcome.type === "sweep") yield* this.#pages.keepingPages(this.#sweep(outcome, record.seq));
    else if (outcome.type === "list") yield* this.#pages.keepingPages(this.#applyList(outcome, record.seq));
    else if (outcome.type === "situation")
      yield* this.#pages.keepingPages(this.#applySituation(outcome, situations, record.seq));
  }

  /** Announces exactly the difference that a change of definitions makes, to everybody known, as one input. */
  *#sweep(outcome: Extract<ControlOutcome, { type: "sweep" }>, seq: Seq): Generator<Need, void, void> {
    const cause: Cause = { type: "definition", seq };
    const said: Ranked[] = [];
    for (const no of this.#pages.numbers()) {
      yield null;
      if (!this.#pages.isResident(no)) yield no;
      const page = this.#pages.get(no);
      this.#pages.willChange(page);
      for (const actor of page.actors.values()) this.#sweepActor(actor, outcome, cause, said);
      this.#pages.reschedule(page);
    }
    said.sort((left, right) => compareIds(left.delta.id, right.delta.id) || compareRanks(left, right));
    for (const { delta } of said) this.#say(delta);
    for (const { definition } of outcome.removed) this.#sizes.delete(definition.id);
  }

  #sweepActor(actor: Actor, outcome: Extract<ControlOutcome, { type: "sweep" }>, cause: Cause, said: Ranked[]): void {
    const evaluation = this.#evaluation;
    const rank = (delta: Delta, level: number): void => {
      said.push({ delta, level });
    };
    evaluation.begin(actor, this.#clock, outcome.named);
    const expel = (id: SegmentId, version: number, level: number): void => {
      const delta = evaluation.expel(id, version, "user", cause);
      if (delta === undefined) return;
      rank(delta, level);
      for (const leaf of this.#plan.segmentLeaves.get(id) ?? []) evaluation.touch(leaf);
      for (const leaf of this.#plan.joinedLeaves.get(id) ?? []) evaluation.touch(leaf);
    };
    for (const { definition, version, level } of outcome.removed) expel(definition.id, version, level);
    evaluation.refreshAll();
    for (const id of outcome.named) {
      const no = this.#plan.segmentNo.get(id);
      if (no !== undefined) evaluation.mark(no);
      else expel(id, this.#control.active.get(id)!.version, this.#control.levelOf(id));
    }
    evaluation.flip("user", cause, (delta) => rank(delta, this.#control.levelOf(delta.segment)));
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
        for (const actor of [...page.actors.values()]) {
          if (!mine.has(actor.id) && actor.lists?.has(outcome.id))
            this.#setList(actor.id, outcome.id, false, seq, said);
        }
      }
    }
    for (const id of mine) {
      const page = this.#pages.pageOf(id);
      if (!this.#pages.isResident(page)) yield page;
      this.#setList(id, outcome.id, outcome.mode !== "remove", seq, said);
    }
    this.#sayInOrder(said);
  }

  /** Looks at everybody who is there, as one input; whose page holds nobody of that place stays where it is. */
  *#applySituation({ kind, place }: Situation, before: Situations, seq: Seq): Generator<Need, void, void> {
    if (!this.#plan.situationPaths.has(kind)) return;
    const evaluation = this.#evaluation;
    const clock = this.#clock;
    const said: Delta[] = [];
    for (const no of this.#pages.numbersAt(place)) {
      yield null;
      if (!this.#pages.isResident(no)) yield no;
      const page = this.#pages.get(no);
      for (const actor of page.actors.values()) {
        if (!isThere(actor.place, place)) continue;
        evaluation.begin(actor, clock);
        this.#situationMoved(actor, kind, before, clock, clock);
        if (evaluation.isQuiet) continue;
        this.#pages.willChange(page);
        const joined = evaluation.flip("user", { type: "feed", seq }, (delta) => said.push(delta));
        evaluation.arm(joined);
        this.#pages.armed(page, actor.due);
      }
    }
    this.#sayInOrder(said);
  }

  #setList(id: MemberId, list: string, on: boolean, seq: Seq, said: Delta[]): void {
    let page = this.#pages.get(this.#pages.pageOf(id));
    let actor = page.actors.get(id);
    const isNew = actor === undefined;
    if (actor !== undefined && (actor.lists?.has(list) === true) === on) return;
    this.#pages.willChange(page);
    if (actor === undefined) {
      actor = newActor(id, this.#clock);
      page = this.#admit(page, actor);
    }
    const evaluation = this.#evaluation;
    evaluation.begin(actor, this.#clock);
    if (isNew) evaluation.markNew();
    actor.lists ??= new Set();
    if (on) actor.lists.add(list);
    else actor.lists.delete(list);
    for (const leaf of this.#plan.listLeaves.get(list) ?? []) evaluation.touch(leaf);
    const joined = evaluation.flip("user", { type: "list", seq }, (delta) => said.push(delta));
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
    const past = {
      revision,
      plan: compilePlan([], dark),
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
    const asked = [...define.values()].flatMap((word) => questionKeys(word.definition, word.vocabulary));
    // Also what somebody else asked when it was applied, and has given up since.
    const fresh = [...new Set(asked)].filter((key) => !this.#plan.asks(key));
    shadow.settle(this.#clock);
    for (const question of fresh) {
      if (shadow.since === undefined) this.#since.delete(question);
      else this.#since.set(question, shadow.since);
    }
    for (const no of this.#pages.numbers()) {
      yield null;
      if (!this.#pages.isResident(no)) yield no;
      const page = this.#pages.get(no);
      this.#pages.willChange(page);
      for (const actor of page.actors.values()) {
        shadow.giveTo(actor, fresh);
        // Silence moves a memory before anybody asks it, and from what it was then the next events go on. A counter that
        // nobody asks yet wakes in vain once, and then waits: a deadline that memory left out would come back with its page.
        actor.counterDue = earliestOf(actor);
        actor.due = Math.min(actor.due, actor.counterDue);
      }
      this.#pages.reschedule(page);
    }
    this.#shadow = undefined;
    this.#installed = [...this.#installed, revision];
    this.#setPlan(this.#control.plan(this.#installed));
  }

  /** Of a shadow: fires what fell due after its last event. */
  settle(clock: Millis): Iterator<Need, void, void> {
    return this.#advance(this.#clockOf(clock), this.#position);
  }

  /** Of a shadow: the actor it folded, if it met him. */
  folded(id: MemberId): Actor | undefined {
    return this.#pages.get(this.#pages.pageOf(id)).actors.get(id);
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
    return [];
  }

  unsettled(): readonly number[] {
    return [];
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
    for (const { id, memberships } of this.#pages.get(page).actors.values()) {
      const held = memberships.get(segment);
      if (held?.in) members.push({ id, n: held.n, since: held.since });
    }
    return members;
  }

  idsOn(page: PageNo): readonly MemberId[] {
    return [...this.#pages.get(page).actors.keys()];
  }

  user(id: MemberId): UserView | undefined {
    const actor = this.#pages.get(this.#pages.pageOf(id)).actors.get(id);
    return actor === undefined ? undefined : viewOf(actor, this.#clock, this.#world);
  }

  account(_id: MemberId): AccountView | undefined {
    return undefined;
  }

  crowdPage(account: MemberId): PageNo {
    return this.#pages.pageOf(account);
  }

  crowdPages(_account: MemberId): readonly PageNo[] {
    return [];
  }

  usersOn(_page: PageNo, _account: MemberId): readonly AccountUser[] {
    return [];
  }

  explain(segment: SegmentId, id: MemberId): ExplainNode | undefined {
    const actor = this.#pages.get(this.#pages.pageOf(id)).actors.get(id);
    const active = this.#control.active.get(segment);
    if (actor === undefined || active === undefined) return undefined;
    const since = (question: string): Millis | undefined => this.#since.get(question);
    return explainSegment(active, this.#plan, actor, this.#clock, this.#world, since);
  }

  tryOut(source: Json, cursor: number, samplesMax: number): TrialWalk {
    const parsed = parseDefinition(source, this.#options.limits);
    if (!parsed.ok) {
      const { path, message } = parsed.problems[0]!;
      throw new RangeError(`${path}: ${message}`);
    }
    // As an apply would be read, and so read against what will be in force then.
    const vocabulary = this.#control.newestVocabulary;
    const trial = new Trial(parsed.definition, vocabulary, this.#plan, samplesMax);
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
        for (const actor of pages.get(page).actors.values()) trial.look(actor, this.#clock, world);
        at = next;
      },
    };
  }

  /** Moves a shadow past a message that is no event. */
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
  readonly plan: Plan;
  readonly vocabulary: Vocabulary;
  /** The live path's: of a log whose beginning is gone, it knows what was said there. */
  readonly catalogue: KnownItems;
}

/** The fold of one job's questions over the log, beside the live path; it keeps everybody in memory and says nothing. */
class Shadow implements ShadowFold {
  readonly revision: number;
  readonly #core: PartitionCore;
  readonly #visitLists: readonly VisitPlan[];
  /** Stamp of the first message there was, where the log had lost its beginning. */
  since: Millis | undefined;

  constructor(revision: number, options: PartitionOptions, shared: SharedControl, past: Past) {
    this.revision = revision;
    this.#visitLists = past.plan.visitLists;
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
    if (record.kind !== "event") this.#core.pass(record);
    else {
      // Nothing is ever due here and every page is at hand, so driving it through asks for nothing.
      const step = this.#core.apply(record);
      for (let need = step?.next(); need !== undefined && need.done !== true; need = step?.next());
    }
    this.#core.takeRejects();
  }

  /** Up to the clock of whoever takes it over: what is given has no deadline in the past, where nobody may be woken. */
  settle(clock: Millis): void {
    const step = this.#core.settle(clock);
    for (let need = step.next(); need.done !== true; need = step.next());
    this.#core.takeDeltas();
  }

  giveTo(actor: Actor, keys: readonly string[]): void {
    const folded = this.#core.folded(actor.id);
    for (const key of keys) {
      const state = folded?.counters.get(key);
      if (state === undefined) actor.counters.delete(key);
      else actor.counters.set(key, state);
      if (state?.waiting !== undefined) actor.viewing = new Set(actor.viewing).add(key);
      const kept = folded?.kept.get(key);
      if (kept === undefined) actor.kept.delete(key);
      else actor.kept.set(key, kept);
    }
    for (const { idleMs } of this.#visitLists) this.#giveVisits(actor, folded, idleMs, keys);
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

const NOTHING_ENDS: readonly Situation[] = [];

interface Ranked {
  readonly delta: Delta;
  readonly level: number;
}

function compareRanks(left: Ranked, right: Ranked): number {
  if (left.level !== right.level) return left.level - right.level;
  return left.delta.segment < right.delta.segment ? -1 : left.delta.segment > right.delta.segment ? 1 : 0;
}

/** By the bytes of UTF-8. Plain texts compare as they are; only beyond the basic plane do code units disagree. */
export function compareIds(left: string, right: string): number {
  if (left === right) return 0;
  if (/[\ud800-\udfff]/.test(left) || /[\ud800-\udfff]/.test(right)) {
    return Buffer.compare(Buffer.from(left, "utf8"), Buffer.from(right, "utf8"));
  }
  return left < right ? -1 : 1;
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
