// Who lives in a partition, by what they are read, and what a step says of them. The steps beside it (user-step.ts,
// time-step.ts, control-step.ts, links/) do their work in it; core.ts has one, and so has each fold of history.

import { compareIds } from "../ids.ts";
import type { FlagId } from "../links.ts";
import type { Need, PartitionOptions, WorkCounts } from "../partition.ts";
import type { Delta, LogRecord, MemberId, MemberKind, Millis, Reject, RejectReason, SegmentId } from "../types.ts";
import type { Plans } from "./control-state.ts";
import type { CountingStep } from "./counting/counting.ts";
import { Evaluation } from "./evaluation.ts";
import { readJson } from "./json.ts";
import { Outbox } from "./links/outbox.ts";
import { Unheard } from "./links/unheard.ts";
import { flagOf } from "./member/accounts.ts";
import type { Actor } from "./member/actor.ts";
import { Floors } from "./member/floors.ts";
import { type Page, PageTable } from "./pages/pages.ts";
import { inOrder } from "./slices.ts";
import type { World } from "./world.ts";

export const KINDS: readonly MemberKind[] = ["account", "user"];

/** What everybody is read against. */
export type Standing = Pick<World, "vocabulary" | "catalogue" | "situations">;

export class Room {
  readonly options: PartitionOptions;
  readonly pages: PageTable;
  /** It folds history: nobody else is told of anything. */
  readonly isPast: boolean;
  readonly work: WorkCounts = { touches: 0, evaluations: 0, flips: 0, wakeUps: 0, idleWakeUps: 0 };
  readonly sizes = new Map<SegmentId, number>();
  outbox: Outbox;
  floors = new Floors();
  unheard = new Unheard();
  world: World;
  plans: Plans;
  step!: Readonly<Record<MemberKind, CountingStep>>;
  clock: Millis = 0;
  /** The first instant at which what a feed said ends by itself, and some rule reads it. */
  nextEnd: Millis = Number.POSITIVE_INFINITY;
  universe = 0;
  accounts = 0;
  #deltas: Delta[] = [];
  #rejects: Reject[] = [];

  constructor(options: PartitionOptions, plans: Plans, standing: Standing, isPast = false) {
    this.options = options;
    this.isPast = isPast;
    this.pages = new PageTable(options);
    this.outbox = new Outbox(options.partition, options.partitions);
    this.world = { limits: options.limits, ...standing };
    this.plans = plans;
    this.#evaluateBy(plans);
  }

  /** Earliest instant at which silence might change something. */
  get deadline(): Millis {
    return Math.min(this.pages.deadline, this.nextEnd);
  }

  // ── by what they are read ─────────────────────────────────────────────────────────────────────────────────────────

  /** Follows the control state: what is asked, and what members are read against. */
  follow(plans: Plans, { vocabulary, catalogue, situations }: Standing): void {
    const held = this.world;
    const isSame = held.vocabulary === vocabulary && held.catalogue === catalogue && held.situations === situations;
    if (plans === this.plans && isSame) return;
    if (!isSame) this.world = { limits: this.options.limits, vocabulary, catalogue, situations };
    if (plans !== this.plans) this.#evaluateBy(plans);
    else if (!isSame) this.readAgainst(this.world);
    this.nextEnd = this.endAfter(this.clock);
  }

  readAgainst(world: World): void {
    this.world = world;
    const reading = (kind: MemberKind): CountingStep => {
      const { plan, evaluation } = this.step[kind];
      evaluation.readAgainst(world);
      return { plan, evaluation, world };
    };
    this.step = { user: reading("user"), account: reading("account") };
  }

  #evaluateBy(plans: Plans): void {
    this.plans = plans;
    const stepOf = (kind: MemberKind): CountingStep => {
      const plan = plans[kind];
      const options = { plan, world: this.world, work: this.work, turned: this.#turned };
      return { plan, evaluation: new Evaluation(options), world: this.world };
    };
    this.step = { user: stepOf("user"), account: stepOf("account") };
  }

  /** A flag has turned for somebody here: whoever asks it elsewhere is told when the step is over. */
  readonly #turned = (actor: Actor, flag: FlagId, on: boolean): void => {
    if (actor.kind === "account") this.outbox.accountTurned(actor, flag, on);
    else if (actor.account !== undefined) this.outbox.userTurned(actor.account, flag, on);
  };

  /** The first instant after this one at which something ends that a feed said, and some rule reads. */
  endAfter(after: Millis): Millis {
    const { situations } = this.world;
    if (!KINDS.some((kind) => this.plans[kind].situationPaths.size > 0)) return Number.POSITIVE_INFINITY;
    let end = situations.nextEnd(after);
    while (end !== Number.POSITIVE_INFINITY && !situations.endingAt(end).some(({ kind }) => this.readsFeed(kind))) {
      end = situations.nextEnd(end);
    }
    return end;
  }

  readsFeed(feed: string): boolean {
    return KINDS.some((kind) => this.plans[kind].situationPaths.has(feed));
  }

  // ── the clock ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the stream's stamps move it; else events' own times do. */
  get followsLog(): boolean {
    return this.options.clockMode === "log";
  }

  clockOf(stamp: Millis): Millis {
    return stamp > this.clock ? stamp : this.clock;
  }

  /** The time of an event that was given this one: a clock in front of ours is not believed, where the log's is ours. */
  eventTime(given: Millis): Millis {
    return this.followsLog ? Math.min(given, this.clock) : given;
  }

  /** In event mode a refused message does not move the clock. */
  clockOfRefused(record: LogRecord): Millis {
    return this.followsLog ? this.clockOf(record.stamp) : this.clock;
  }

  /** Where a message that is no event moves the clock. */
  clockAfter(record: LogRecord): Millis {
    if (this.followsLog) return this.clockOf(record.stamp);
    if (record.kind !== "clock") return this.clock;
    const to = (readJson(record.body) as { readonly to?: unknown } | undefined)?.to;
    if (typeof to === "number" && Number.isFinite(to) && to >= 0) return this.clockOf(to);
    this.refuse(record, "bad-clock", 'a clock message is {"to": milliseconds since 1970}; publish it again as such');
    return this.clock;
  }

  // ── members ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Of a resident page. */
  member(kind: MemberKind, id: MemberId): Actor | undefined {
    return this.pages.get(this.pages.pageOf(id))[kind].get(id);
  }

  /** Takes in somebody nobody knew; returns the page where he is now. */
  admit(page: Page, actor: Actor): Page {
    this.universe += 1;
    if (actor.kind === "account") this.accounts += 1;
    actor.floor = this.floors.of(actor.kind, actor.id);
    this.pages.addActor(page, actor);
    return this.pages.get(this.pages.pageOf(actor.id));
  }

  /** Nobody knows them any more. What they were in must have been left before. */
  dismiss(page: Page, actor: Actor): void {
    this.universe -= 1;
    if (actor.kind === "account") this.accounts -= 1;
    let highest = actor.floor;
    for (const [id, { n }] of actor.memberships) if (flagOf(id) === undefined && n > highest) highest = n;
    this.floors.raise(actor.kind, actor.id, highest);
    this.pages.removeActor(page, actor);
  }

  // ── what is said ──────────────────────────────────────────────────────────────────────────────────────────────────

  readonly say = (delta: Delta): void => {
    this.#deltas.push(delta);
    const size = this.sizes.get(delta.segment) ?? 0;
    this.sizes.set(delta.segment, size + (delta.change === "joined" ? 1 : -1));
  };

  /** Deltas of one instant and many members: by kind and member, and of one member as they came. */
  *sayInOrder(deltas: Delta[]): Generator<Need, void, void> {
    yield* inOrder(deltas, compareMembers, this.say);
  }

  refuse(record: LogRecord, reason: RejectReason, detail: string): void {
    const { seq, stamp, body, trace } = record;
    this.#rejects.push({ seq, stamp, reason, detail, body, ...(trace === undefined ? {} : { trace }) });
  }

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
}

/** Accounts before users, then by id. */
export function compareMembers(left: Delta, right: Delta): number {
  if (left.kind !== right.kind) return left.kind < right.kind ? -1 : 1;
  return compareIds(left.id, right.id);
}
