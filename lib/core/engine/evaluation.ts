// One member, one step: which leaves something touched, which segments are to be looked at for that, which flip, and
// when silence will next matter. Touch first, evaluate once: what lies between old and new state is never announced.

import type { FlagId } from "../links.ts";
import type { WorkCounts } from "../partition.ts";
import type { Path, Scalar } from "../rules/ast.ts";
import type { Cause, Delta, JsonObject, Millis, SegmentId } from "../types.ts";
import {
  type CounterState,
  type CounterView,
  newCounter,
  nextChange,
  nextCrossing,
  readCounter,
  settle,
  settleRunning,
} from "./counting/counters.ts";
import { endlessReach, type LeafNo, type Reach } from "./indexes/numeric-index.ts";
import { isListed, MovedVisit, readListed } from "./leaves/listed.ts";
import { flagOf, revisionOf } from "./member/accounts.ts";
import { type Actor, earliestOf, type Kept } from "./member/actor.ts";
import { withWaiting } from "./member/view-times.ts";
import { type Sources, sourcesRecord, sourcesSeen } from "./member/visit-record.ts";
import { askedList, keepAsked, type VisitList, type VisitMove, visitEndOf } from "./member/visits.ts";
import {
  type CounterBounds,
  type CounterPlan,
  type KeptRecord,
  keptOnly,
  type Plan,
  type SegmentNo,
  topicOfKeep,
  type VisitPlan,
} from "./plan/shapes.ts";
import {
  canonicalVisit,
  cartRecord,
  counterMoment,
  counterView,
  dateMoment,
  deltaDue,
  leafContext,
  momentMoves,
  programHolds,
  readScope,
  recordOf,
  zoneFor,
} from "./reading.ts";
import type { Keep } from "./readings.ts";
import { momentFlips } from "./time/windows.ts";
import { zoneNamed } from "./time/zones.ts";
import { find, isEqual, testFlips } from "./values.ts";
import type { World } from "./world.ts";

/** What an evaluation is done for. */
export interface EvaluationOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly work: WorkCounts;
  /** A flag has turned for a member; nobody else is told. */
  readonly turned: (actor: Actor, flag: FlagId, on: boolean) => void;
}

export class Evaluation {
  readonly #plan: Plan;
  #world: World;
  readonly #work: WorkCounts;
  readonly #turned: EvaluationOptions["turned"];
  /** The visits to keep: those that rules read, and those of the vocabulary in force. */
  #visitLists: readonly VisitPlan[];
  /** Segments to look at: a mark per segment, and a heap by number, which is the order of announcing. */
  readonly #marked: Uint8Array;
  readonly #heap: SegmentNo[] = [];
  #actor!: Actor;
  #now: Millis = 0;
  #ignoreWaits: ReadonlySet<SegmentId> | undefined;
  /** Deadlines are computed from nothing: bounds or gates are others than before. */
  #anew = false;
  /** The counter with the earliest deadline may have moved later. */
  #rescan = false;
  /** A value that time moves is another than before, or is looked at for the first time. */
  #rearm = false;
  readonly touch = (leaf: LeafNo): void => this.#touch(leaf);
  readonly #touchPlain = (leaf: LeafNo): void => {
    this.#work.touches += 1;
    for (const segment of this.#plan.postings[leaf]!.plain) this.mark(segment);
  };

  constructor({ plan, world, work, turned }: EvaluationOptions) {
    this.#plan = plan;
    this.#world = world;
    this.#work = work;
    this.#turned = turned;
    this.#visitLists = visitListsFor(plan, world);
    this.#marked = new Uint8Array(plan.segments.length);
  }

  /** One that is for reading: whatever it finds, nobody is told. */
  static aside(plan: Plan, world: World): Evaluation {
    const work = { touches: 0, evaluations: 0, flips: 0, wakeUps: 0, idleWakeUps: 0 };
    return new Evaluation({ plan, world, work, turned: () => undefined });
  }

  /** What members are read against from now on. */
  readAgainst(world: World): void {
    this.#world = world;
    this.#visitLists = visitListsFor(this.#plan, world);
  }

  get visitLists(): readonly VisitPlan[] {
    return this.#visitLists;
  }

  /** Begins a step of one member. `ignoreWaits`: segments whose stay and cooldown do not count (an edit). */
  begin(actor: Actor, now: Millis, ignoreWaits?: ReadonlySet<SegmentId>): void {
    this.#actor = actor;
    this.#now = now;
    this.#ignoreWaits = ignoreWaits;
  }

  // ── touching ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #touch(leaf: LeafNo): void {
    this.#work.touches += 1;
    const posting = this.#plan.postings[leaf]!;
    for (const segment of posting.plain) this.mark(segment);
    for (const { path, byValue } of posting.gated.values()) {
      for (const value of find(this.#actor.traits, path)?.values ?? []) {
        if (value === null || typeof value === "object") continue;
        const segments = byValue.get(value);
        if (segments !== undefined) for (const segment of segments) this.mark(segment);
      }
    }
  }

  /** The leaves of a counter whose bounds its move passed, of those that matter to this member. */
  #crossed(bounds: CounterBounds, from: number, to: number): void {
    bounds.plain?.crossed(from, to, this.#touchPlain);
    for (const { pathKey, path, byValue } of bounds.gated) {
      for (const value of gateValues(this.#actor, path)) {
        byValue.get(value)?.index.crossed(from, to, (leaf) => {
          this.#work.touches += 1;
          for (const segment of this.#plan.postings[leaf]!.gated.get(pathKey)!.byValue.get(value)!) this.mark(segment);
        });
      }
    }
  }

  /** Whether it passes any. Where every segment insists on a trait that the member has not, its bounds sleep. */
  #crosses(bounds: CounterBounds, from: number, to: number): boolean {
    if (bounds.plain?.crosses(from, to)) return true;
    for (const { path, byValue } of bounds.gated) {
      for (const value of gateValues(this.#actor, path)) {
        if (byValue.get(value)?.index.crosses(from, to)) return true;
      }
    }
    return false;
  }

  /** How far a counter may move before it passes a bound that matters to this member. */
  #reachOf(bounds: CounterBounds, value: number): Reach {
    const reach = endlessReach();
    bounds.plain?.narrow(value, reach);
    for (const { path, byValue } of bounds.gated) {
      for (const gate of gateValues(this.#actor, path)) byValue.get(gate)?.index.narrow(value, reach);
    }
    return reach;
  }

  /** Somebody of whom all is forgotten but who is still there: every segment is looked at. */
  markAll(): void {
    for (let no = 0; no < this.#plan.segments.length; no += 1) this.mark(no);
  }

  mark(segment: SegmentNo): void {
    if (this.#marked[segment] === 1) return;
    this.#marked[segment] = 1;
    const heap = this.#heap;
    let at = heap.push(segment) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (heap[parent]! <= segment) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = segment;
  }

  #next(): SegmentNo | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let at = 0;
      for (;;) {
        let child = at * 2 + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child += 1;
        if (heap[child]! >= last) break;
        heap[at] = heap[child]!;
        at = child;
      }
      heap[at] = last;
    }
    this.#marked[first] = 0;
    return first;
  }

  /** Nothing that was touched concerns any segment. */
  get isIdle(): boolean {
    return this.#heap.length === 0;
  }

  /** Nor does any deadline have to be set anew. */
  get isQuiet(): boolean {
    return this.isIdle && !this.#rearm;
  }

  markNew(): void {
    this.#rearm ||= this.#plan.movingReadings.length > 0;
    for (const segment of this.#plan.ofNobody) this.mark(segment);
  }

  // ── counters ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Brings a counter up to the clock and touches the leaves that its move may flip. */
  refresh(counter: CounterPlan, state: CounterState): void {
    const before = state.due;
    this.#refresh(counter, state);
    this.#moved(before, state.due);
  }

  /** A deadline moved: earlier than all others is simple; that of the earliest moving later asks for a look at all. */
  #moved(before: Millis, after: Millis): void {
    const actor = this.#actor;
    if (after < actor.counterDue) actor.counterDue = after;
    else if (before <= actor.counterDue && after > before) this.#rescan = true;
  }

  #refresh(counter: CounterPlan, state: CounterState): void {
    const { shape } = counter;
    if (shape.aggregate === "first" || shape.aggregate === "latest") {
      this.#refreshMoment(counter, state);
      return;
    }
    if (shape.plain && !isListed(counter) && state.waiting === undefined) {
      if (shape.running) settleRunning(shape, state, this.#now);
      this.#refreshPlain(counter, state);
      return;
    }
    if (isListed(counter)) {
      const read = readListed(counter, state, this.#actor, this.#now);
      this.#show(counter, state, read.value, read.b);
      state.due = isAsked(counter) ? read.next : Number.POSITIVE_INFINITY;
      return;
    }
    const view = counterView(this.#actor, zoneFor(counter.zone, this.#actor), this.#now, counter.visits?.idleMs);
    settle(shape, state, view);
    const canonical = counter.measure === "visits" ? canonicalVisit(counter, this.#actor) : undefined;
    const whole = withWaiting(counter, state, this.#now);
    const read = readCounter(shape, whole, view, canonical);
    this.#show(counter, state, read.value, read.b);
    state.due = isAsked(counter) ? nextChange(shape, whole, view) : Number.POSITIVE_INFINITY;
  }

  /** A counter whose totals are at hand: nothing around it has to be looked at. */
  #refreshPlain(counter: CounterPlan, state: CounterState): void {
    const { shape, bounds } = counter;
    const from = state.shown;
    const to = state.b > 0 || shape.aggregate === "count" || shape.aggregate === "sum" ? state.a : Number.NaN;
    this.#show(counter, state, to, state.b);
    if (!shape.running || !isAsked(counter)) state.due = Number.POSITIVE_INFINITY;
    else if (bounds === undefined || counter.followers.length > 0)
      state.due = nextChange(shape, state, { ...NO_VIEW, now: this.#now });
    else {
      // A count that grew and crossed nothing shrinks below a bound no sooner than before.
      const grew = shape.aggregate === "count" && to >= from && state.due > this.#now;
      if (grew && !this.#anew && !this.#crosses(bounds, from, to)) return;
      state.due = nextCrossing(shape, state, this.#reachOf(bounds, to));
    }
  }

  #show(counter: CounterPlan, state: CounterState, to: number, toB: number): void {
    const from = state.shown;
    const fromB = state.shownB;
    state.shown = to;
    state.shownB = toB;
    if (counter.bounds !== undefined) this.#crossed(counter.bounds, from, to);
    else if (!Object.is(from, to) || fromB !== toB) for (const { leaf } of counter.leaves) this.#touch(leaf);
    if (!Object.is(from, to)) for (const leaf of counter.followers) this.#touch(leaf);
  }

  #refreshMoment(counter: CounterPlan, state: CounterState): void {
    if (isListed(counter)) readListed(counter, state, this.#actor, this.#now);
    const moment = counterMoment(counter, state);
    state.due = Number.POSITIVE_INFINITY;
    for (const { leaf, window } of counter.leaves) {
      this.#touch(leaf);
      if (moment === undefined) continue;
      state.due = Math.min(state.due, momentMoves(counter, window!, moment, this.#actor, this.#now));
    }
  }

  /** The state of a counter, made when this is the first the member hears of it. */
  stateOf(counter: CounterPlan): CounterState {
    let state = this.#actor.counters.get(counter.key);
    if (state === undefined) {
      state = newCounter(counter.shape);
      this.#actor.counters.set(counter.key, state);
    }
    return state;
  }

  refreshOrders(): void {
    for (const counter of this.#plan.orderCounters) this.refresh(counter, this.stateOf(counter));
  }

  // ── visits ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The sources of a member's visits now, where somebody reads them; to be taken before the visits change. */
  sourcesBefore(plan: VisitPlan, list: VisitList): Sources | undefined {
    return plan.sources.length === 0 ? undefined : sourcesSeen(list, this.#now);
  }

  /** After an event joined a list of visits: what is counted by visit, or in the visit under way, and their sources. */
  refreshVisits(plan: VisitPlan, list: VisitList, move: VisitMove, before: Sources | undefined): void {
    if (move.kind === "none") return;
    for (const counter of plan.readers) {
      const state = this.#actor.counters.get(counter.key);
      if (state !== undefined) this.refresh(counter, state);
    }
    for (const keep of plan.keeps) {
      const kept = this.#actor.kept.get(keep.key);
      if (kept !== undefined) this.refreshKept(keep, kept);
    }
    const moved = new MovedVisit(list, move);
    for (const counter of plan.counters) {
      const context = leafContext(counter.zone, this.#actor, this.#now);
      if (moved.moves(counter, context)) this.refresh(counter, this.stateOf(counter));
    }
    if (before !== undefined) this.#sourcesMoved(plan, before, sourcesSeen(list, this.#now));
    this.#armVisitEnd(plan, list);
  }

  #sourcesMoved(plan: VisitPlan, before: Sources, after: Sources): void {
    if (before.first === after.first && before.latest === after.latest && before.current === after.current) return;
    const context = (zone: string) => leafContext(zone, this.#actor, this.#now);
    for (const { path, visits, index } of plan.sources) {
      const [from, to] = [before, after].map((one) => find(sourcesRecord(one, visits!.referrers), path));
      if (!isEqual(from?.values ?? null, to?.values ?? null)) index.changed(from, to, context, this.touch);
    }
  }

  /** Sets a deadline for the end of the visit under way. One that is too early by now stays: it is looked at when due. */
  #armVisitEnd(plan: VisitPlan, list: VisitList): void {
    const before = list.due;
    const end = visitEndOf(list);
    const isAwaited = plan.endMatters && end > this.#now;
    if (this.#anew || !plan.endMatters) list.due = isAwaited ? end : Number.POSITIVE_INFINITY;
    else if (isAwaited && list.due === Number.POSITIVE_INFINITY) list.due = end;
    this.#moved(before, list.due);
  }

  /** The visit under way may have ended: its source is missing from here on. */
  #touchVisitEnd(plan: VisitPlan, list: VisitList): void {
    list.due = Number.POSITIVE_INFINITY;
    this.#rescan = true;
    if (visitEndOf(list) <= this.#now) {
      const after = sourcesSeen(list, this.#now);
      this.#sourcesMoved(plan, { ...after, current: after.latest }, after);
    }
    this.#armVisitEnd(plan, list);
  }

  /** After the member's zone changed: today's edges moved. */
  refreshZone(): void {
    for (const [key, state] of this.#actor.counters) {
      const counter = this.#plan.counters.get(key);
      if (counter?.zone === "user") this.refresh(counter, state);
    }
    if (this.#plan.keepsFollowZone) this.#refreshKeeps(({ followsZone }) => followsZone === true);
    for (const leaf of this.#plan.userZoneLeaves) this.#touch(leaf);
  }

  #refreshKeeps(concerns: (keep: Keep) => boolean): void {
    for (const [key, kept] of this.#actor.kept) {
      const keep = this.#plan.keeps.get(key);
      if (keep !== undefined && concerns(keep)) this.refreshKept(keep, kept);
    }
  }

  // ── readings and records ──────────────────────────────────────────────────────────────────────────────────────────

  /** What the leaves under this topic read has moved. */
  touchTopic(topic: string): void {
    for (const no of this.#plan.topicLeaves.get(topic) ?? []) {
      this.#touch(no);
      const leaf = this.#plan.leaves[no]!;
      this.#rearm ||= leaf.kind === "reading" && leaf.reading.movesByTime;
    }
  }

  /** A memory of the member, made when this is the first it hears. */
  keptOf(keep: Keep, data?: unknown): Kept {
    let kept = this.#actor.kept.get(keep.key);
    if (kept === undefined) {
      kept = { due: Number.POSITIVE_INFINITY, data: data ?? keep.create() };
      this.#actor.kept.set(keep.key, kept);
    }
    return kept;
  }

  /** Brings a memory up to the clock, and touches what reads it. */
  refreshKept(keep: Keep, kept: Kept): void {
    const before = kept.due;
    kept.due = keep.settle(kept.data, this.#actor, readScope("UTC", this.#actor, this.#now, this.#world));
    this.#moved(before, kept.due);
    const moved = keep.topicsMoved?.(kept.data, (topic) => this.#plan.topicLeaves.has(topic));
    for (const topic of moved ?? [topicOfKeep(keep.key)]) this.touchTopic(topic);
  }

  /** A record is another one than before: touches the leaves that name the old values or the new ones. */
  recordChanged(kind: KeptRecord, before: JsonObject | undefined, after: JsonObject | undefined): void {
    this.#valuesChanged(this.#plan.recordPaths.get(kind), before, after);
    if (kind !== "place") return;
    const { situations } = this.#world;
    for (const feed of this.#plan.situationPaths.keys()) {
      const [was, is] = [before, after].map((place) => situations.valuesAt(feed, place, this.#now));
      this.situationChanged(feed, was, is);
    }
  }

  /** What a feed says of the member's place is something else than before. */
  situationChanged(feed: string, before: JsonObject | undefined, after: JsonObject | undefined): void {
    if (!isEqual(before ?? null, after ?? null))
      this.#valuesChanged(this.#plan.situationPaths.get(feed), before, after);
  }

  #valuesChanged(
    entries: Plan["cartPaths"] | undefined,
    before: JsonObject | undefined,
    after: JsonObject | undefined,
  ): void {
    const context = (zone: string) => leafContext(zone, this.#actor, this.#now);
    for (const { path, index, movesByTime } of entries ?? []) {
      const [from, to] = [find(before, path), find(after, path)];
      // Said again, so that whoever names it need not be looked at.
      if (isEqual(from?.values ?? null, to?.values ?? null)) continue;
      index.changed(from, to, context, this.touch);
      this.#rearm ||= movesByTime;
    }
  }

  // ── users and accounts ────────────────────────────────────────────────────────────────────────────────────────────

  /** Of a user: these flags of his account are others than before. */
  accountFlagsMoved(flags: Iterable<FlagId>): void {
    for (const flag of flags) for (const leaf of this.#plan.accountLeaves.get(flag) ?? []) this.#touch(leaf);
  }

  /** Of an account: a flag holds for more or fewer of its users. */
  usersMoved(flag: FlagId, from: number, to: number): void {
    const reads = this.#plan.usersReads.get(flag);
    if (reads === undefined) return;
    reads.counts.crossed(from, to, this.touch);
    for (const leaf of reads.shares) this.#touch(leaf);
  }

  /** Of an account: it has more users, or fewer; what is a share of them is another. */
  crowdMoved(): void {
    for (const { shares } of this.#plan.usersReads.values()) for (const leaf of shares) this.#touch(leaf);
  }

  // ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Touches what the instant `now` moves: it is a deadline of this member, and the step is as of it. */
  touchDue(): void {
    const [actor, now] = [this.#actor, this.#now];
    // What it was set for may be gone since, with a plan that asks it no more; so it is worked out anew from what is there.
    if (actor.counterDue <= now) this.#rescan = true;
    for (const [key, state] of actor.counters) {
      if (state.due > now) continue;
      const counter = this.#plan.counters.get(key);
      if (counter !== undefined) this.refresh(counter, state);
      else this.#touchDelta(key, state);
    }
    for (const [key, kept] of actor.kept) {
      if (kept.due > now) continue;
      const keep = this.#plan.keeps.get(key);
      if (keep !== undefined) this.refreshKept(keep, kept);
      else {
        kept.due = Number.POSITIVE_INFINITY;
        this.#rescan = true;
      }
    }
    for (const list of actor.visits) {
      if (list.due > now) continue;
      const plan = this.visitLists.find(({ idleMs }) => idleMs === list.idleMs);
      this.#touchVisitEnd(plan ?? keptOnly(list.idleMs), list);
    }
    if (actor.valueDue <= now) this.#touchValues(now);
    if (actor.waits !== undefined) {
      for (const [segment, at] of actor.waits) {
        const no = this.#plan.segmentNo.get(segment);
        if (at > now) continue;
        actor.waits.delete(segment);
        if (no !== undefined) this.mark(no);
      }
    }
  }

  #touchDelta(key: string, state: CounterState): void {
    const delta = this.#plan.deltas.get(key);
    if (delta === undefined) {
      state.due = Number.POSITIVE_INFINITY;
      this.#rescan = true;
      return;
    }
    this.refreshDelta(key);
  }

  refreshDelta(key: string): void {
    const delta = this.#plan.deltas.get(key)!;
    const state = this.#actor.counters.get(key)!;
    const before = state.due;
    state.due = delta.leaves.length === 0 ? Number.POSITIVE_INFINITY : deltaDue(delta, state, this.#now);
    this.#moved(before, state.due);
    for (const leaf of delta.leaves) this.#touch(leaf);
  }

  /** Date tests and joined windows whose deadline this instant is. */
  #touchValues(now: Millis): void {
    this.#forMovingLeaves(now - 1, (leaf, flips) => {
      if (flips <= now) this.#touch(leaf);
    });
  }

  /** Calls back with every leaf on a value that time moves, and when it next may flip after `after`. */
  #forMovingLeaves(after: Millis, found: (leaf: LeafNo, flips: Millis) => void): void {
    const [plan, actor] = [this.#plan, this.#actor];
    for (const [trait, entries] of plan.traitPaths) {
      if (!Object.hasOwn(actor.traits, trait)) continue;
      for (const entry of entries) if (entry.movesByTime) this.#movingOf(entry, actor.traits, after, found);
    }
    for (const entry of plan.cartPaths) {
      if (!entry.movesByTime) continue;
      const record = cartRecord(actor, entry.currency ?? "", entry.path[0] === "products");
      this.#movingOf(entry, record, after, found);
    }
    for (const [kind, entries] of plan.recordPaths) {
      for (const entry of entries)
        if (entry.movesByTime) {
          const scope = { now: after, world: this.#world, visits: entry.visits };
          this.#movingOf(entry, recordOf(kind, actor, scope), after, found);
        }
    }
    for (const [feed, entries] of plan.situationPaths) {
      for (const entry of entries)
        if (entry.movesByTime)
          this.#movingOf(entry, this.#world.situations.valuesAt(feed, actor.place, after), after, found);
    }
    for (const no of plan.movingReadings) {
      const leaf = plan.leaves[no]!;
      if (leaf.kind !== "reading") continue;
      found(no, leaf.reading.flips(actor, readScope(leaf.zone, actor, after, this.#world)));
    }
    for (const [segment, leaves] of plan.joinedLeaves) {
      const membership = actor.memberships.get(segment);
      if (membership?.in !== true) continue;
      for (const no of leaves) {
        const leaf = plan.leaves[no]!;
        if (leaf.kind !== "joined") continue;
        const zone = zoneFor(leaf.zone, actor);
        found(no, momentFlips(leaf.window, dateMoment(membership.since, zone), after, zone));
      }
    }
  }

  #movingOf(
    entry: { readonly path: readonly string[]; readonly leaves: readonly LeafNo[] },
    record: Parameters<typeof find>[0] | undefined,
    after: Millis,
    found: (leaf: LeafNo, flips: Millis) => void,
  ): void {
    const values = find(record, entry.path);
    if (values === undefined) return;
    for (const no of entry.leaves) {
      const leaf = this.#plan.leaves[no]!;
      if (!("path" in leaf)) continue;
      found(no, testFlips(values, leaf.test, leafContext(leaf.zone, this.#actor, after)));
    }
  }

  /** Sets the member's deadlines anew. Values are looked through only when asked: most steps leave them alone. */
  arm(values: boolean): void {
    const actor = this.#actor;
    if (values || this.#rearm) {
      this.#rearm = false;
      let due = Number.POSITIVE_INFINITY;
      this.#forMovingLeaves(this.#now, (_leaf, flips) => {
        if (flips < due) due = flips;
      });
      actor.valueDue = due;
    }
    if (this.#rescan) actor.counterDue = earliestOf(actor);
    this.#rescan = false;
    let due = Math.min(actor.valueDue, actor.counterDue);
    if (actor.waits !== undefined) for (const at of actor.waits.values()) if (at < due) due = at;
    actor.due = due;
  }

  // ── flips ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Evaluates every marked segment once, in order, and says what flipped. True when a joined window may have moved. */
  flip(cause: Cause, say: (delta: Delta) => void): boolean {
    let movedJoined = false;
    for (let no = this.#next(); no !== undefined; no = this.#next()) {
      this.#work.evaluations += 1;
      const segment = this.#plan.segments[no]!;
      const holds = programHolds(segment.program, 0, this.#plan, this.#actor, this.#now, this.#world);
      if (!this.#mayFlip(no, holds)) continue;
      if (segment.flag !== undefined) {
        this.#set(segment.id, holds);
        this.#turned(this.#actor, segment.flag, holds);
        continue;
      }
      say(this.#announce(segment.id, segment.version, holds, cause));
      for (const leaf of this.#plan.segmentLeaves.get(segment.id) ?? []) this.#touch(leaf);
      const joined = this.#plan.joinedLeaves.get(segment.id);
      if (joined !== undefined) {
        movedJoined = true;
        for (const leaf of joined) this.#touch(leaf);
      }
    }
    return movedJoined;
  }

  #mayFlip(no: SegmentNo, holds: boolean): boolean {
    const { id, stayMs, cooldownMs } = this.#plan.segments[no]!;
    const actor = this.#actor;
    const membership = actor.memberships.get(id);
    const isIn = membership?.in === true;
    const waits = stayMs > 0 || cooldownMs > 0;
    if (waits) actor.waits?.delete(id);
    if (holds === isIn) return false;
    if (!waits || membership === undefined || this.#ignoreWaits?.has(id)) return true;
    const until = membership.since + (isIn ? stayMs : cooldownMs);
    if (this.#now >= until) return true;
    actor.waits ??= new Map();
    actor.waits.set(id, until);
    return false;
  }

  /** Takes a member out of a segment that is no more, or is switched off. */
  expel(segment: SegmentId, version: number, cause: Cause): Delta | undefined {
    this.#actor.waits?.delete(segment);
    if (this.#actor.memberships.get(segment)?.in !== true) return undefined;
    return this.#announce(segment, version, false, cause);
  }

  #announce(segment: SegmentId, version: number, joins: boolean, cause: Cause): Delta {
    this.#work.flips += 1;
    const { kind, id } = this.#actor;
    const n = this.#set(segment, joins);
    return { segment, version, kind, id, change: joins ? "joined" : "left", n, at: this.#now, cause };
  }

  /** Gives the number of the change. */
  #set(segment: SegmentId, joins: boolean): number {
    const { memberships } = this.#actor;
    let membership = memberships.get(segment);
    if (membership === undefined) {
      membership = { in: false, n: this.#actor.floor, since: 0 };
      memberships.set(segment, membership);
    }
    membership.in = joins;
    membership.n += 1;
    membership.since = this.#now;
    return membership.n;
  }

  /** Everything anew, as after a change of plan or of a gate: for bounds that nobody looked at before. */
  refreshAll(): void {
    const actor = this.#actor;
    this.#anew = true;
    this.#rescan = true;
    keepAsked(actor, this.visitLists);
    this.#forgetFlags();
    for (const [key, state] of actor.counters) {
      const counter = this.#plan.counters.get(key);
      if (counter !== undefined) this.refresh(counter, state);
      else if (this.#plan.deltas.has(key)) this.refreshDelta(key);
      else actor.counters.delete(key);
    }
    for (const [key, kept] of actor.kept) {
      const keep = this.#plan.keeps.get(key);
      if (keep !== undefined) this.refreshKept(keep, kept);
      else actor.kept.delete(key);
    }
    if (actor.orders.length > 0) this.refreshOrders();
    for (const plan of actor.visits.length === 0 ? [] : this.visitLists) {
      for (const counter of plan.counters) this.refresh(counter, this.stateOf(counter));
      this.#armVisitEnd(plan, askedList(actor, plan));
    }
    this.#anew = false;
  }

  /** Flags that nobody asks any more. Those of later revisions may have come before their definitions. */
  #forgetFlags(): void {
    const [actor, { flags }] = [this.#actor, this.#plan];
    const isDead = (flag: FlagId): boolean => !flags.alive.has(flag) && revisionOf(flag) <= flags.revision;
    for (const id of actor.memberships.keys()) {
      const flag = flagOf(id);
      if (flag !== undefined && isDead(flag)) actor.memberships.delete(id);
    }
    for (const flag of actor.account?.on ?? []) if (isDead(flag)) actor.account!.on!.delete(flag);
    for (const flag of actor.people?.holds.keys() ?? []) if (isDead(flag)) actor.people!.holds.delete(flag);
  }
}

/** Some leaf reads it; those of definitions that only wait for their history do not. */
function isAsked({ leaves, followers }: CounterPlan): boolean {
  return leaves.length + followers.length > 0;
}

function visitListsFor({ visitLists }: Plan, { vocabulary }: World): readonly VisitPlan[] {
  const { visitIdleMs } = vocabulary;
  if (visitLists.some(({ idleMs }) => idleMs === visitIdleMs)) return visitLists;
  return [...visitLists, keptOnly(visitIdleMs)];
}

const NO_VALUES: readonly Scalar[] = [];

/** A member's values of a trait that segments insist on. */
function gateValues(actor: Actor, path: Path): readonly Scalar[] {
  if (path.length === 1 && actor.traits[path[0]!] === undefined) return NO_VALUES;
  const values = find(actor.traits, path)?.values ?? NO_VALUES;
  return values.filter((value): value is Scalar => value !== null && typeof value !== "object");
}

/** For counters whose reading depends on nothing around them. */
const NO_VIEW: CounterView = {
  now: 0,
  zone: zoneNamed("UTC"),
  visitStart: Number.NaN,
  visitLast: Number.NaN,
  visitEnd: Number.NaN,
  visitFloor: Number.NaN,
};
