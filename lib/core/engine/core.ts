// A partition's machine: moves the log's clock, fires what falls due on the way, then applies the message. The one place
// where the order of rules.md 4.1 is written down. Pages, plans and evaluation are its neighbours' business.
import { Packr, Unpackr } from "msgpackr";
import type { ComparePart } from "../comparing.ts";
import type { AccountEvent, UserEvent } from "../events.ts";
import { compareIds } from "../ids.ts";
import { decodeLink, type FlagId, type LinkMessage } from "../links.ts";
import { type ColumnsAsked, compareRanks, type FoundMember, type MemberSet } from "../members.ts";
import type {
  AccountUser,
  AccountView,
  BackfillJob,
  EvictedPage,
  ExplainNode,
  FoundPart,
  FrozenPartition,
  HeldSegment,
  HistoryView,
  MemberRow,
  NearPage,
  Need,
  OrdersView,
  PageNo,
  PageWalk,
  PartitionMachine,
  PartitionOptions,
  RestoreSource,
  SearchAsked,
  SearchHit,
  SearchWalk,
  ShadowFold,
  StandingView,
  TrialWalk,
  UserView,
  VisitsPage,
  WorkCounts,
} from "../partition.ts";
import { parseDefinition } from "../rules/parse/parse.ts";
import { questionsOf } from "../rules/questions/questions.ts";
import { sentenceOf } from "../rules/words/sentence.ts";
import type {
  Delta,
  Json,
  LogRecord,
  MemberId,
  MemberKind,
  Millis,
  PartitionNo,
  Reject,
  SegmentId,
  Seq,
} from "../types.ts";
import { rowOf } from "./answers/columns.ts";
import { Comparing } from "./answers/comparing.ts";
import { explainFlag, explainSegment, type Reader } from "./answers/explain.ts";
import { historyOf, ordersOf, visitsOf } from "./answers/profile.ts";
import { seekerFor } from "./answers/search.ts";
import { nearOf, standingOf } from "./answers/standing.ts";
import { Trial } from "./answers/trial.ts";
import { accountViewOf, segmentsHeld, viewOf } from "./answers/view.ts";
import { type ControlState, SharedControl } from "./control-state.ts";
import { applyList, applySituation, sweep } from "./control-step.ts";
import { erase } from "./erase-step.ts";
import { Fault } from "./fault.ts";
import { Shadow } from "./history.ts";
import { clockOfEvent, readAccountMessage, readEvent } from "./intake.ts";
import { readJson } from "./json.ts";
import { light } from "./links/lighting.ts";
import { hearLink, hearOwn } from "./links/link-step.ts";
import { Outbox } from "./links/outbox.ts";
import { RoundBook, type WrittenRounds } from "./links/rounds.ts";
import { Unheard, type WrittenUnheard } from "./links/unheard.ts";
import { flagsOn } from "./member/accounts.ts";
import { type Actor, earliestOf } from "./member/actor.ts";
import { Floors, type WrittenFloors } from "./member/floors.ts";
import { markOf } from "./pages/hashing.ts";
import { type Page, type PageDirectory, PageTable, WALK_END } from "./pages/pages.ts";
import { compilePlan } from "./plan/compile.ts";
import type { Plan } from "./plan/shapes.ts";
import { KINDS, Room } from "./room.ts";
import { advance } from "./time-step.ts";
import { applyUserEvent, bringCrowds } from "./user-step.ts";

const META_FORMAT = 6;
// What people named `toJSON` is a field like any other, and no function.
const packr = new Packr({ useRecords: false, useToJSON: false });
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
  readonly floors: WrittenFloors;
  readonly unheard: WrittenUnheard;
  readonly directory: PageDirectory;
}

export class PartitionCore implements PartitionMachine {
  readonly #room: Room;
  readonly #shared: SharedControl;
  #control: ControlState;
  /** Pending revisions whose history is folded in: their counters are kept, though nothing asks them yet. */
  #installed: number[] = [];
  #shadow: Shadow | undefined;
  #rounds: RoundBook;
  /** Messages of each partition that were applied. */
  #heard = new Map<PartitionNo, number>();
  #position: Seq = 0;
  /** Questions whose past did not reach back to the log's first message, and the time from which they know it. */
  readonly #since = new Map<string, Millis>();

  constructor(options: PartitionOptions, shared: SharedControl) {
    this.#shared = shared;
    this.#control = shared.fold([]);
    this.#room = new Room(options, this.#control.plans([]), this.#control);
    this.#rounds = new RoundBook(options.partitions);
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
    const room = core.#room;
    room.clock = meta.clock;
    room.universe = meta.universe;
    room.accounts = meta.accounts;
    room.outbox = new Outbox(options.partition, options.partitions, meta.told);
    room.floors = new Floors(meta.floors);
    room.unheard = new Unheard(meta.unheard);
    core.#heard = new Map(meta.heard);
    core.#rounds = new RoundBook(options.partitions, meta.rounds);
    core.#control = shared.fold(source.entries);
    core.#installed = meta.installed;
    for (const [segment, size] of meta.sizes) room.sizes.set(segment, size);
    for (const [question, since] of meta.since) core.#since.set(question, since);
    room.pages.restore(meta.directory);
    room.follow(core.#control.plans(core.#installed), core.#control);
    return core;
  }

  get position(): Seq {
    return this.#position;
  }

  get clock(): Millis {
    return this.#room.clock;
  }

  get controlRevision(): number {
    return this.#control.revision;
  }

  get control(): ControlState {
    return this.#control;
  }

  get work(): WorkCounts {
    return this.#room.work;
  }

  get universe(): number {
    return this.#room.universe;
  }

  get accounts(): number {
    return this.#room.accounts;
  }

  get deadline(): Millis {
    return this.#room.deadline;
  }

  get residentBytes(): number {
    return this.#room.pages.residentBytes;
  }

  // ── a step ────────────────────────────────────────────────────────────────────────────────────────────────────────

  apply(record: LogRecord): Iterator<Need, void, void> | undefined {
    if (record.seq !== this.#position + 1 && this.#position !== 0) {
      throw new Fault(`log message ${record.seq} follows ${this.#position}: the log has a hole`);
    }
    const room = this.#room;
    if (record.kind === "account") return this.#applyAccountMessage(record);
    if (record.kind !== "event") return this.#after(record, room.clockAfter(record), this.#applyOther(record));
    const read = readEvent(room, record);
    if (read === undefined) return this.#after(record, room.clockOfRefused(record));
    const { event, hash } = read;
    const clock = clockOfEvent(room, event, record);
    // The common case needs no waiting: nothing is due and the member's page is here.
    const isPlain = room.deadline > clock && event.type !== "group";
    const page = isPlain ? room.pages.residentAt(hash) : undefined;
    if (page !== undefined) {
      room.clock = clock;
      applyUserEvent(room, record, event, page);
      this.#complete(record);
      return undefined;
    }
    return this.#after(record, clock, this.#bringAndApply(record, event, hash));
  }

  /** A whole step: what falls due first, then what the message does. */
  *#after(record: LogRecord, clock: Millis, work?: Generator<Need, void, void>): Generator<Need, void, void> {
    yield* advance(this.#room, clock, record.seq);
    this.#room.outbox.timePassed();
    if (work !== undefined) yield* work;
    this.#complete(record);
  }

  #complete({ seq }: LogRecord): void {
    this.#room.outbox.close(seq);
    this.#position = seq;
  }

  *#bringAndApply(record: LogRecord, event: UserEvent, hash: number): Generator<Need, void, void> {
    const { pages } = this.#room;
    const page = yield* pages.bring(pages.pageAt(hash));
    if (event.type === "group") yield* bringCrowds(this.#room, event, page);
    applyUserEvent(this.#room, record, event, page);
  }

  *#applyOther(record: LogRecord): Generator<Need, void, void> {
    if (record.kind === "control") yield* this.#applyControl(record);
    else if (record.kind === "ready") {
      const litBefore = this.#litFlags;
      yield* this.#room.pages.keepingPages(this.#install(record));
      yield* this.#tendFlags(record.seq, litBefore);
    } else if (record.kind === "link") yield* this.#hearLink(record);
  }

  /** About an account, by no user: as of its own time, where that is the clock. */
  #applyAccountMessage(record: LogRecord): Iterator<Need, void, void> {
    const room = this.#room;
    const event = readAccountMessage(room, record);
    if (event === undefined) return this.#after(record, room.clockOfRefused(record));
    return this.#after(record, clockOfEvent(room, event, record), this.#bringAndHear(record, event));
  }

  *#bringAndHear(record: LogRecord, event: AccountEvent): Generator<Need, void, void> {
    yield* this.#room.pages.bring(this.#room.pages.pageOf(event.accountId));
    hearOwn(this.#room, record, event);
  }

  /** Messages of one partition come in order, each once: anything else means that this log, or that one, is not what it was. */
  *#hearLink(record: LogRecord): Generator<Need, void, void> {
    const body = decodeLink(readJson(record.body));
    if (body === undefined || body.from >= this.#room.options.partitions) {
      this.#room.refuse(record, "bad-link", "a link message is JSON {from, n, items}, and only workers publish it");
      return;
    }
    const { from, n, items } = body;
    const heard = this.#heard.get(from) ?? 0;
    if (n !== heard + 1) {
      const what = n <= heard ? "repeats" : "has a hole";
      throw new Fault(`message ${n} of partition ${from} follows its message ${heard}: the link ${what}`);
    }
    this.#heard.set(from, n);
    yield* this.#room.pages.keepingPages(hearLink(this.#room, record, body));
    for (const item of items) {
      if (item.op === "lit") this.#rounds.hear(from, item.revision, item.round);
      else if (item.op === "erased" && item.heard === undefined) this.#room.outbox.heardErased(from, item.revision);
    }
    this.#sayRounds();
  }

  // ── control ───────────────────────────────────────────────────────────────────────────────────────────────────────

  *#applyControl(record: LogRecord): Generator<Need, void, void> {
    const copy = readJson(record.body) as { readonly revision?: unknown; readonly entry?: unknown } | undefined;
    if (typeof copy !== "object" || copy === null || !Number.isSafeInteger(copy.revision)) {
      this.#room.refuse(record, "bad-control", "a control message is JSON {revision, entry}; publish it again as such");
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
    this.#room.follow(state.plans(this.#installed), state);
    if (outcome.type === "rejected") this.#room.refuse(record, "bad-control", outcome.detail);
    else if (outcome.type === "sweep")
      yield* this.#room.pages.keepingPages(sweep(this.#room, state, outcome, record.seq));
    else if (outcome.type === "list") yield* this.#room.pages.keepingPages(applyList(this.#room, outcome, record.seq));
    else if (outcome.type === "situation")
      yield* this.#room.pages.keepingPages(applySituation(this.#room, outcome, situations, record.seq));
    else if (outcome.type === "erase") yield* erase(this.#room, state, outcome.erased, record.seq);
    yield* this.#tendFlags(record.seq, litBefore);
  }

  // ── flags ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  get #litFlags(): ReadonlySet<FlagId> {
    return new Set(KINDS.flatMap((kind) => this.#room.plans[kind].flags.lit));
  }

  /** After a change of plan: begins to evaluate what is asked from here on, and tells the others when that is done. */
  *#tendFlags(seq: Seq, litBefore: ReadonlySet<FlagId>): Generator<Need, void, void> {
    const fresh = [...this.#litFlags].filter((flag) => !litBefore.has(flag));
    if (fresh.length > 0) yield* this.#room.pages.keepingPages(light(this.#room, fresh, seq));
    const { pending, revision: known } = this.#control;
    this.#rounds.keep((revision) => revision > known || pending.has(revision));
    this.#sayRounds();
  }

  #sayRounds(): void {
    const batch = this.#control.lit(this.#installed);
    if (batch === undefined) return;
    for (const round of this.#rounds.due(batch.revision, this.#control.roundsOf(batch)))
      this.#room.outbox.lit(batch.revision, round);
  }

  unsettled(): readonly number[] {
    return [...this.#control.pending.values()]
      .filter((batch) => !this.#rounds.isSettled(batch.revision, this.#control.roundsOf(batch)))
      .map(({ revision }) => revision);
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
    return new Shadow(this.#room.options, past);
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
      [...new Set(asked.flatMap((questions) => questions[kind]))].filter((key) => !this.#room.plans[kind].asks(key));
    const fresh = { user: freshOf("user"), account: freshOf("account") };
    shadow.settle(this.#room.clock);
    for (const kind of KINDS) {
      for (const question of fresh[kind]) {
        if (shadow.since === undefined) this.#since.delete(sinceKey(kind, question));
        else this.#since.set(sinceKey(kind, question), shadow.since);
      }
    }
    const { pages } = this.#room;
    yield* pages.pass(pages.numbers(), (page) => {
      pages.willChange(page);
      for (const actor of KINDS.flatMap((kind) => [...page[kind].values()])) {
        shadow.giveTo(actor, fresh[actor.kind]);
        // Silence moves a memory before anybody asks it, and from what it was then the next events go on. A counter that
        // nobody asks yet wakes in vain once, and then waits: a deadline that memory left out would come back with its page.
        actor.counterDue = earliestOf(actor);
        actor.due = Math.min(actor.due, actor.counterDue);
      }
      pages.reschedule(page);
    });
    this.#shadow = undefined;
    this.#installed = [...this.#installed, revision];
    this.#room.follow(this.#control.plans(this.#installed), this.#control);
  }

  // ── what was said ─────────────────────────────────────────────────────────────────────────────────────────────────

  takeDeltas(): Delta[] {
    return this.#room.takeDeltas();
  }

  takeRejects(): Reject[] {
    return this.#room.takeRejects();
  }

  takeLinks(): LinkMessage[] {
    return this.#room.outbox.take();
  }

  // ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  pageOf(id: MemberId): PageNo {
    return this.#room.pages.pageOf(id);
  }

  pageNumbers(): readonly PageNo[] {
    return this.#room.pages.numbers();
  }

  isResident(page: PageNo): boolean {
    return this.#room.pages.isResident(page);
  }

  providePage(page: PageNo, bytes: Uint8Array): void {
    this.#room.pages.provide(page, bytes);
  }

  evictPages(): EvictedPage[] {
    return this.#room.pages.evict();
  }

  freeze(): FrozenPartition {
    const pages = this.#room.pages;
    const directory = pages.freeze();
    const meta: Meta = {
      format: META_FORMAT,
      position: this.#position,
      clock: this.#room.clock,
      revision: this.#control.revision,
      installed: this.#installed,
      universe: this.#room.universe,
      accounts: this.#room.accounts,
      told: this.#room.outbox.made,
      heard: [...this.#heard],
      rounds: this.#rounds.written,
      floors: this.#room.floors.written,
      unheard: this.#room.unheard.written,
      sizes: [...this.#room.sizes],
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
    return new Map(Array.from(this.#control.active.keys(), (id) => [id, this.#room.sizes.get(id) ?? 0]));
  }

  membersOn(page: PageNo, segment: SegmentId): { readonly id: MemberId; readonly n: number; readonly since: Millis }[] {
    const members: { id: MemberId; n: number; since: Millis }[] = [];
    const kind = this.#control.active.get(segment)?.definition.kind ?? "user";
    for (const { id, memberships } of this.#room.pages.get(page)[kind].values()) {
      const held = memberships.get(segment);
      if (held?.in) members.push({ id, n: held.n, since: held.since });
    }
    return members;
  }

  idsOn(page: PageNo, kind: MemberKind): readonly MemberId[] {
    return [...this.#room.pages.get(page)[kind].keys()];
  }

  /** Of a member whose page is resident. */
  member(kind: MemberKind, id: MemberId): Actor | undefined {
    return this.#room.member(kind, id);
  }

  user(id: MemberId): UserView | undefined {
    const actor = this.member("user", id);
    return actor === undefined ? undefined : viewOf(actor, this.#room.clock, this.#room.world);
  }

  segmentsOf(id: MemberId): readonly HeldSegment[] | undefined {
    const actor = this.member("user", id);
    return actor === undefined ? undefined : segmentsHeld(actor);
  }

  account(id: MemberId): AccountView | undefined {
    const actor = this.member("account", id);
    if (actor === undefined) return undefined;
    return accountViewOf(actor, this.#room.clock, this.#room.world, this.#usersRules());
  }

  /** The rules `users` that are evaluated, by their texts. */
  #usersRules(): ReadonlyMap<FlagId, string> {
    const { flags } = this.#control;
    return new Map(this.#room.plans.user.flags.lit.map((id) => [id, sentenceOf(flags.byId(id)!.rule)]));
  }

  crowdPage(account: MemberId): PageNo {
    return this.#room.pages.pageOf(account);
  }

  crowdPages(account: MemberId): readonly PageNo[] {
    return this.#room.pages.crowdPages(account);
  }

  usersOn(page: PageNo, account: MemberId): readonly AccountUser[] {
    const rules = this.#usersRules();
    const users = [...this.#room.pages.get(page).user.values()].filter((actor) => actor.account?.id === account);
    return users.map((actor) => ({
      id: actor.id,
      holds: flagsOn(actor, rules.keys()).map((flag) => rules.get(flag)!),
      ...(typeof actor.traits.role === "string" ? { role: actor.traits.role } : {}),
      since: actor.account!.since,
      lastSeen: actor.lastSeen,
    }));
  }

  explain(segment: SegmentId, id: MemberId): ExplainNode | undefined {
    const { active, flags } = this.#control;
    const word = active.get(segment);
    const flag = word === undefined ? flags.byId(segment) : undefined;
    const kind = word?.definition.kind ?? flag?.side ?? "user";
    const actor = this.member(kind, id);
    if (actor === undefined) return undefined;
    const by = this.#readerOf(kind);
    if (word !== undefined) return explainSegment(word, actor, by);
    return flag === undefined ? undefined : explainFlag(flag, actor, by);
  }

  #readerOf(kind: MemberKind): Reader {
    const since = (question: string): Millis | undefined => this.#since.get(sinceKey(kind, question));
    const { plans, clock, world } = this.#room;
    return { plan: plans[kind], flags: this.#control.flags, now: clock, world, since };
  }

  history(kind: MemberKind, id: MemberId): HistoryView | undefined {
    const actor = this.member(kind, id);
    return actor === undefined ? undefined : historyOf(actor);
  }

  orders(
    kind: MemberKind,
    id: MemberId,
    before: readonly [at: Millis, seq: Seq] | undefined,
    limit: number,
  ): OrdersView | undefined {
    const actor = this.member(kind, id);
    return actor === undefined ? undefined : ordersOf(actor, this.#room.world, before, limit);
  }

  visits(kind: MemberKind, id: MemberId, before: Millis | undefined, limit: number): VisitsPage | undefined {
    const actor = this.member(kind, id);
    return actor === undefined ? undefined : visitsOf(actor, this.#room.clock, this.#room.world, before, limit);
  }

  standing(kind: MemberKind, id: MemberId): readonly StandingView[] | undefined {
    const actor = this.member(kind, id);
    return actor === undefined ? undefined : standingOf(actor, this.#control.active, this.#readerOf(kind));
  }

  near(kind: MemberKind, id: MemberId, after: SegmentId | undefined, limit: number): NearPage | undefined {
    const actor = this.member(kind, id);
    return actor === undefined ? undefined : nearOf(actor, this.#control.active, after, limit, this.#readerOf(kind));
  }

  search(asked: SearchAsked, cursor: number): SearchWalk {
    const seek = seekerFor(asked);
    const kinds = asked.kind === undefined ? KINDS : [asked.kind];
    const { pages } = this.#room;
    const hits: SearchHit[] = [];
    let at = cursor;
    let looked = 0;
    return {
      hits,
      get looked() {
        return looked;
      },
      get page() {
        return at < WALK_END ? pages.walk(at).page : undefined;
      },
      get cursor() {
        return at;
      },
      look: () => {
        const { page, next } = pages.walk(at);
        const members = kinds.flatMap((kind) => [...pages.get(page)[kind].values()]);
        looked += members.length;
        const found = members.flatMap((actor): SearchHit[] => {
          const place = PageTable.placeOf(actor.id);
          const hit = place < at ? undefined : seek(actor);
          return hit === undefined ? [] : [{ ...hit, ...whoIs(actor), at: place }];
        });
        hits.push(...found.sort((left, right) => left.at - right.at || compareIds(left.id, right.id)));
        at = next;
      },
    };
  }

  tryOut(source: Json, cursor: number, samplesMax: number): TrialWalk {
    const parsed = parseDefinition(source, this.#room.options.limits);
    if (!parsed.ok) {
      const { path, message } = parsed.problems[0]!;
      throw new RangeError(`${path}: ${message}`);
    }
    // As an apply would be read, and so read against what will be in force then.
    const vocabulary = this.#control.newestVocabulary;
    const { kind } = parsed.definition;
    const { flags } = this.#control;
    const trial = new Trial({ definition: parsed.definition, vocabulary }, this.#room.plans[kind], flags, samplesMax);
    const world = { ...this.#room.world, vocabulary };
    return this.#walk(trial.part, cursor, (page) => {
      for (const actor of page[kind].values()) trial.look(actor, this.#room.clock, world);
    });
  }

  gather(set: MemberSet, cursor: number): PageWalk<FoundPart> {
    const part = { members: 0, found: [] as FoundMember[] };
    const [first] = set.in;
    return this.#walk(part, cursor, (page) => {
      const found: FoundMember[] = [];
      for (const { id, memberships } of page[set.kind].values()) {
        part.members += 1;
        if (!isIn(memberships, set)) continue;
        const { n, since } = memberships.get(first!)!;
        found.push({ id, n, since, place: PageTable.placeOf(id), mark: markOf(id) });
      }
      part.found.push(...found.sort(compareRanks("any")));
    });
  }

  row(kind: MemberKind, id: MemberId, asked: ColumnsAsked): MemberRow | undefined {
    const actor = this.member(kind, id);
    return actor === undefined ? undefined : rowOf(actor, asked, this.#room.world);
  }

  compare(kind: MemberKind, segments: readonly SegmentId[], cursor: number): PageWalk<ComparePart> {
    const { clock, plans, world } = this.#room;
    const comparing = new Comparing(segments, plans[kind], clock, world);
    return this.#walk(comparing.part, cursor, (page) => {
      for (const actor of page[kind].values()) comparing.look(actor);
    });
  }

  /** From a cursor on, page by page: the page is provided, then looked at. */
  #walk<Part>(part: Part, cursor: number, lookAt: (page: Page) => void): PageWalk<Part> {
    const { pages } = this.#room;
    let at = cursor;
    return {
      part,
      get page() {
        return at < WALK_END ? pages.walk(at).page : undefined;
      },
      get cursor() {
        return at;
      },
      look: () => {
        const { page, next } = pages.walk(at);
        lookAt(pages.get(page));
        at = next;
      },
    };
  }
}

function whoIs({ kind, id, traits, lastSeen }: Actor): Pick<SearchHit, "kind" | "id" | "name" | "lastSeen"> {
  return { kind, id, ...(typeof traits.name === "string" ? { name: traits.name } : {}), lastSeen };
}

function isIn(memberships: Actor["memberships"], set: MemberSet): boolean {
  const holds = (segment: SegmentId): boolean => memberships.get(segment)?.in === true;
  return set.in.every(holds) && !set.out.some(holds);
}

/** From when on the answer to a question is known; users and accounts may ask the same. */
function sinceKey(kind: MemberKind, question: string): string {
  return kind === "user" ? question : `account ${question}`;
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
