// The smallest machine with everything that the protocol has to carry: pages, deadlines, rejects, control entries, history, links.
// Three events of an id join it to `three` and its like; ten seconds of silence make it leave. An `apply` asks for the history: how
// many events there ever were; its `activate` says so. An event of an id that begins with "@" is told to other partitions, and counts
// there for "~" and that id; a definition whose id begins with "told-" waits until every partition has told every other that it is ready.
// Test double for actors/partition; the product's own is lib/core/engine.
import type { Machinery } from "../../actors/partition/context.ts";
import type { ControlCopy } from "../../lib/core/control.ts";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { fnv1a } from "../../lib/core/ids.ts";
import { decodeLink, encodeLink, type LinkItem, type LinkMessage } from "../../lib/core/links.ts";
import type {
  BackfillJob,
  EvictedPage,
  FrozenPartition,
  HeldSegment,
  PartitionOptions as MachineOptions,
  Need,
  PageNo,
  PartitionMachine,
  RestoreSource,
  ShadowFold,
  UserView,
} from "../../lib/core/partition.ts";
import type {
  Cause,
  Delta,
  LogRecord,
  MemberId,
  Millis,
  PartitionNo,
  Reject,
  SegmentId,
  Seq,
} from "../../lib/core/types.ts";

export const JOINS_AT = 3;
export const LEAVES_AFTER_MS = 10_000;
/** Several at once, so that a crash or a lost answer can fall between two deltas of one input. */
const SAID: readonly SegmentId[] = ["drei", "three", "tre", "tres", "trois"];
const PAGES = 5;
/** To whom an event is told, counted from the partition of its id: several messages of one input, two of them to one partition. */
const TOLD: readonly number[] = [0, 0, 1];

type Place = Pick<MachineOptions, "partition" | "partitions">;

interface Actor {
  count: number;
  n: number;
  in: boolean;
  /** Silence until then makes it leave; only while it is in. */
  deadline: Millis;
}

interface FakePage {
  readonly actors: Map<MemberId, Actor>;
  changed: boolean;
  usedAt: number;
}

interface Meta {
  position: Seq;
  clock: Millis;
  revision: number;
  pending: [number, SegmentId, number | null][];
  totals: [SegmentId, number][];
  active: [SegmentId, number][];
  /** Earliest deadline of each page; pages that exist. */
  due: [PageNo, Millis | null][];
  sizes: number;
  universe: number;
  /** How many messages went to each partition, and came from it. */
  told: [PartitionNo, number][];
  heard: [PartitionNo, number][];
  /** Of each pending revision: who is ready, as far as known. */
  lit: [number, PartitionNo[]][];
}

export interface FakeOptions {
  /** Pages that stay in memory between steps. */
  readonly residentMax: number;
}

const text = new TextDecoder();
const bytes = new TextEncoder();

/** Counts events from the log's start. */
class FakeShadow implements ShadowFold {
  readonly revision: number;
  position: Seq = 0;
  total = 0;

  constructor(revision: number) {
    this.revision = revision;
  }

  apply(record: LogRecord): void {
    if (record.seq <= this.position) throw new Error(`shadow: ${record.seq} after ${this.position}`);
    this.position = record.seq;
    if (record.kind === "event" && idOf(record) !== undefined) this.total += 1;
  }
}

export class FakeMachine implements PartitionMachine {
  position: Seq = 0;
  clock: Millis = 0;
  controlRevision = 0;
  universe = 0;
  private readonly residentMax: number;
  private readonly place: Place;
  private links: LinkMessage[] = [];
  private readonly told = new Map<PartitionNo, number>();
  private readonly heard = new Map<PartitionNo, number>();
  private readonly lit = new Map<number, Set<PartitionNo>>();
  private readonly resident = new Map<PageNo, FakePage>();
  private readonly due = new Map<PageNo, Millis>();
  /** Revision → segment and, once the history is installed, its total so far. */
  private readonly pending = new Map<number, { segment: SegmentId; total: number | undefined }>();
  private readonly activations = new Map<SegmentId, number>();
  private shadowGiven: FakeShadow | undefined;
  private deltas: Delta[] = [];
  private rejects: Reject[] = [];
  private size = 0;
  private uses = 0;
  private freezing: Map<PageNo, Uint8Array> | undefined;

  constructor({ residentMax }: FakeOptions, place: Place, meta?: Meta) {
    this.residentMax = residentMax;
    this.place = place;
    if (meta === undefined) return;
    this.position = meta.position;
    this.clock = meta.clock;
    this.controlRevision = meta.revision;
    this.universe = meta.universe;
    this.size = meta.sizes;
    for (const [revision, segment, total] of meta.pending)
      this.pending.set(revision, { segment, total: total ?? undefined });
    for (const [segment, n] of meta.active) this.activations.set(segment, n);
    for (const [to, n] of meta.told) this.told.set(to, n);
    for (const [from, n] of meta.heard) this.heard.set(from, n);
    for (const [revision, who] of meta.lit) this.lit.set(revision, new Set(who));
    for (const [page, due] of meta.due) this.due.set(page, due ?? Number.POSITIVE_INFINITY);
  }

  get deadline(): Millis {
    return Math.min(Number.POSITIVE_INFINITY, ...this.due.values());
  }

  apply(record: LogRecord): Iterator<Need, void, void> | undefined {
    if (record.seq !== this.position + 1) throw new Error(`${record.seq} follows ${this.position}: the log has a hole`);
    const steps = this.step(record);
    const first = steps.next();
    if (first.done === true) return undefined;
    // What the first call asked for is asked again by whoever drives.
    let given = false;
    return {
      next: () => {
        if (given) return steps.next();
        given = true;
        return first;
      },
    };
  }

  private *step(record: LogRecord): Generator<Need, void, void> {
    const clock = Math.max(this.clock, record.stamp);
    yield* this.fireDue(record, clock);
    this.clock = clock;
    if (record.kind === "event") yield* this.event(record);
    else if (record.kind === "control") this.control(record, JSON.parse(text.decode(record.body)) as ControlCopy);
    else if (record.kind === "ready") this.ready(record);
    else if (record.kind === "link") yield* this.link(record);
    this.position = record.seq;
  }

  private *fireDue(record: LogRecord, clock: Millis): Generator<Need, void, void> {
    const pages = [...this.due].filter(([, due]) => due <= clock).map(([page]) => page);
    for (const page of pages) yield* this.need(page);
    const actors = pages.flatMap((page) => [...this.page(page).actors].map(([id, actor]) => ({ page, id, actor })));
    const late = actors.filter(({ actor }) => actor.in && actor.deadline <= clock);
    late.sort((a, b) => a.actor.deadline - b.actor.deadline || (a.id < b.id ? -1 : 1));
    for (const { page, id, actor } of late) {
      this.willChange(page);
      actor.in = false;
      this.size -= 1;
      this.say(id, actor, "left", actor.deadline, { type: "time", seq: record.seq });
    }
    for (const page of pages) this.schedule(page);
  }

  private *event(record: LogRecord): Generator<Need, void, void> {
    const id = idOf(record);
    if (id === undefined) {
      const { seq, stamp, body } = record;
      this.rejects.push({ seq, stamp, reason: "not-json", detail: "not JSON", body });
      return;
    }
    for (const waiting of this.pending.values()) if (waiting.total !== undefined) waiting.total += 1;
    yield* this.count(record, id);
    if (!id.startsWith("@")) return;
    const { partitions } = this.place;
    const event = { type: "track" as const, name: "Ping", properties: {}, context: {} };
    for (const offset of TOLD)
      this.tell((fnv1a(id) + offset) % partitions, record, {
        op: "event",
        account: id,
        user: id,
        at: this.clock,
        event,
      });
  }

  private tell(to: PartitionNo, { seq }: LogRecord, item: LinkItem): void {
    const n = (this.told.get(to) ?? 0) + 1;
    this.told.set(to, n);
    this.links.push({ to, n, seq, body: encodeLink({ from: this.place.partition, n, items: [item] }) });
  }

  private *link(record: LogRecord): Generator<Need, void, void> {
    const body = decodeLink(JSON.parse(text.decode(record.body)));
    if (body === undefined) throw new Error(`message ${record.seq} is no link`);
    const { from, n, items } = body;
    const before = this.heard.get(from) ?? 0;
    if (n !== before + 1) throw new Error(`message ${n} of the link from partition ${from} follows ${before}`);
    this.heard.set(from, n);
    for (const item of items) {
      if (item.op === "event") yield* this.count(record, `~${item.account}`);
      else if (item.op === "lit") this.litBy(item.revision).add(from);
    }
  }

  private litBy(revision: number): Set<PartitionNo> {
    const known = this.lit.get(revision) ?? new Set();
    this.lit.set(revision, known);
    return known;
  }

  private *count(record: LogRecord, id: MemberId): Generator<Need, void, void> {
    const page = this.pageOf(id);
    yield* this.need(page);
    this.willChange(page);
    const { actors } = this.page(page);
    const actor = actors.get(id) ?? { count: 0, n: 0, in: false, deadline: 0 };
    if (!actors.has(id)) this.universe += 1;
    actors.set(id, actor);
    actor.count += 1;
    actor.deadline = this.clock + LEAVES_AFTER_MS;
    if (!actor.in && actor.count % JOINS_AT === 0) {
      actor.in = true;
      this.size += 1;
      this.say(id, actor, "joined", this.clock, { type: "event", seq: record.seq });
    }
    this.schedule(page);
  }

  private control(record: LogRecord, { revision, entry }: ControlCopy): void {
    if (revision <= this.controlRevision) return;
    if (revision !== this.controlRevision + 1) throw new Error(`revision ${revision} follows ${this.controlRevision}`);
    this.controlRevision = revision;
    if (entry.op === "apply") {
      const [definition] = entry.define as unknown as { readonly id: SegmentId }[];
      this.pending.set(revision, { segment: definition!.id, total: undefined });
    } else if (entry.op === "activate") {
      const waiting = this.pending.get(entry.revision);
      this.pending.delete(entry.revision);
      if (waiting?.total === undefined) throw new Error(`revision ${entry.revision} activated before it was ready`);
      if (waiting.segment.startsWith("told-") && this.litBy(entry.revision).size < this.place.partitions)
        throw new Error(`revision ${entry.revision} activated before all partitions had said that they are ready`);
      this.activations.set(waiting.segment, 1);
      const cause: Cause = { type: "definition", seq: record.seq };
      const about = { segment: waiting.segment, version: 1, kind: "user" as const, change: "joined" as const, n: 1 };
      this.deltas.push({ ...about, id: `total-${waiting.total}`, at: this.clock, cause });
    }
  }

  private ready(record: LogRecord): void {
    const revision = revisionOf(record);
    const waiting = this.pending.get(revision);
    if (waiting === undefined || waiting.total !== undefined) return;
    const shadow = this.shadowGiven;
    if (shadow?.revision !== revision || shadow.position !== record.seq - 1) {
      throw new Error(`ready at ${record.seq}, but the shadow is at ${shadow?.position}`);
    }
    waiting.total = shadow.total;
    this.shadowGiven = undefined;
    if (!waiting.segment.startsWith("told-")) return;
    for (let to = 0; to < this.place.partitions; to += 1) this.tell(to, record, { op: "lit", revision, round: 0 });
  }

  private say(id: MemberId, actor: Actor, change: "joined" | "left", at: Millis, cause: Cause): void {
    actor.n += 1;
    for (const segment of SAID)
      this.deltas.push({ segment, version: 1, kind: "user", id, change, n: actor.n, at, cause });
  }

  private *need(page: PageNo): Generator<Need, void, void> {
    if (!this.due.has(page)) this.create(page);
    while (!this.resident.has(page)) yield page;
    this.uses += 1;
    this.page(page).usedAt = this.uses;
  }

  private create(page: PageNo): void {
    this.due.set(page, Number.POSITIVE_INFINITY);
    this.resident.set(page, { actors: new Map(), changed: true, usedAt: 0 });
  }

  private page(page: PageNo): FakePage {
    const found = this.resident.get(page);
    if (found === undefined) throw new Error(`page ${page} is not here`);
    return found;
  }

  private willChange(page: PageNo): void {
    const found = this.page(page);
    if (found.changed && this.freezing !== undefined && !this.freezing.has(page) && this.toFreeze.has(page)) {
      this.freezing.set(page, encodePage(found));
    }
    found.changed = true;
  }

  private schedule(page: PageNo): void {
    let due = Number.POSITIVE_INFINITY;
    for (const actor of this.page(page).actors.values()) if (actor.in) due = Math.min(due, actor.deadline);
    this.due.set(page, due);
  }

  takeDeltas(): Delta[] {
    const taken = this.deltas;
    this.deltas = [];
    return taken;
  }

  takeRejects(): Reject[] {
    const taken = this.rejects;
    this.rejects = [];
    return taken;
  }

  takeLinks(): LinkMessage[] {
    const taken = this.links;
    this.links = [];
    return taken;
  }

  unsettled(): readonly number[] {
    const waiting = [...this.pending].filter(([, { segment }]) => segment.startsWith("told-"));
    return waiting.map(([revision]) => revision).filter((one) => this.litBy(one).size < this.place.partitions);
  }

  pageOf(id: MemberId): PageNo {
    return fnv1a(id) % PAGES;
  }

  pageNumbers(): readonly PageNo[] {
    return [...this.due.keys()];
  }

  isResident(page: PageNo): boolean {
    return this.resident.has(page);
  }

  providePage(page: PageNo, given: Uint8Array): void {
    if (this.resident.has(page)) throw new Error(`page ${page} is here already`);
    const actors = new Map(JSON.parse(text.decode(given)) as [MemberId, Actor][]);
    this.resident.set(page, { actors, changed: false, usedAt: this.uses });
  }

  readonly work = { touches: 0, evaluations: 0, flips: 0, wakeUps: 0, idleWakeUps: 0 };

  get residentBytes(): number {
    return this.resident.size * 1_000;
  }

  evictPages(): EvictedPage[] {
    const evicted: EvictedPage[] = [];
    const oldest = [...this.resident].sort(([, a], [, b]) => a.usedAt - b.usedAt);
    while (this.resident.size > Math.max(1, this.residentMax)) {
      const [no, page] = oldest.shift()!;
      const pictured = this.toFreeze.has(no);
      if (pictured && !this.freezing!.has(no)) this.freezing!.set(no, encodePage(page));
      evicted.push({ page: no, bytes: page.changed ? encodePage(page) : undefined });
      this.resident.delete(no);
    }
    return evicted;
  }

  /** Pages of the picture that nobody has taken yet. They stay `changed`: a page that leaves meanwhile brings its bytes. */
  private toFreeze = new Set<PageNo>();

  freeze(): FrozenPartition {
    if (this.freezing !== undefined) throw new Error("a picture is being taken already");
    this.freezing = new Map();
    this.toFreeze = new Set([...this.resident].filter(([, page]) => page.changed).map(([no]) => no));
    const meta: Meta = {
      position: this.position,
      clock: this.clock,
      revision: this.controlRevision,
      pending: [...this.pending].map(([revision, { segment, total }]) => [revision, segment, total ?? null]),
      totals: [],
      active: [...this.activations],
      due: [...this.due].map(([page, due]) => [page, Number.isFinite(due) ? due : null]),
      sizes: this.size,
      universe: this.universe,
      told: [...this.told],
      heard: [...this.heard],
      lit: [...this.lit].map(([revision, who]) => [revision, [...who]]),
    };
    return {
      position: this.position,
      meta: bytes.encode(JSON.stringify(meta)),
      pages: [...this.due.keys()],
      next: () => this.nextFrozen(),
    };
  }

  private nextFrozen(): { page: PageNo; bytes: Uint8Array } | undefined {
    const [page] = this.toFreeze;
    if (page === undefined) {
      this.freezing = undefined;
      return undefined;
    }
    this.toFreeze.delete(page);
    const before = this.freezing!.get(page);
    if (before !== undefined) return { page, bytes: before };
    const found = this.page(page);
    found.changed = false;
    return { page, bytes: encodePage(found) };
  }

  backfillJobs(): readonly BackfillJob[] {
    return [...this.pending]
      .filter(([, { total }]) => total === undefined)
      .map(([revision, { segment }]) => ({ revision, segments: [segment] }));
  }

  shadow(revision: number): ShadowFold {
    return new FakeShadow(revision);
  }

  needsShadow(record: LogRecord): boolean {
    const waiting = this.pending.get(revisionOf(record));
    return waiting !== undefined && waiting.total === undefined;
  }

  provideShadow(shadow: ShadowFold): void {
    this.shadowGiven = shadow as FakeShadow;
  }

  sizes(): ReadonlyMap<SegmentId, number> {
    return new Map([["three", this.size]]);
  }

  membersOn(page: PageNo): { readonly id: MemberId; readonly n: number; readonly since: Millis }[] {
    const actors = [...this.page(page).actors].filter(([, actor]) => actor.in);
    return actors.map(([id, actor]) => ({ id, n: actor.n, since: 0 }));
  }

  user(_id: MemberId): UserView | undefined {
    return undefined;
  }

  segmentsOf(id: MemberId): readonly HeldSegment[] | undefined {
    const actor = this.resident.get(this.pageOf(id))?.actors.get(id);
    if (actor === undefined) return undefined;
    return actor.in ? SAID.map((segment) => ({ id: segment, n: actor.n, since: 0 })) : [];
  }

  account(): undefined {
    return undefined;
  }

  crowdPage(account: MemberId): PageNo {
    return this.pageOf(account);
  }

  crowdPages(): readonly PageNo[] {
    return [];
  }

  usersOn(): readonly [] {
    return [];
  }

  explain(): undefined {
    return undefined;
  }

  idsOn(): readonly string[] {
    return [];
  }

  history(): undefined {
    return undefined;
  }

  orders(): undefined {
    return undefined;
  }

  visits(): undefined {
    return undefined;
  }

  standing(): undefined {
    return undefined;
  }

  near(): undefined {
    return undefined;
  }

  search(): never {
    throw new RangeError("the fake machine looks for nobody");
  }

  tryOut(): never {
    throw new RangeError("the fake machine tries nothing");
  }

  gather(): never {
    throw new RangeError("the fake machine lists nobody");
  }

  row(): never {
    throw new RangeError("the fake machine has no columns");
  }

  compare(): never {
    throw new RangeError("the fake machine compares nothing");
  }
}

function encodePage(page: FakePage): Uint8Array {
  return bytes.encode(JSON.stringify([...page.actors]));
}

function idOf(record: LogRecord): MemberId | undefined {
  try {
    return (JSON.parse(text.decode(record.body)) as { id: MemberId }).id;
  } catch {
    return undefined;
  }
}

function revisionOf(record: LogRecord): number {
  return (JSON.parse(text.decode(record.body)) as { revision: number }).revision;
}

export function fakeMachinery(options: FakeOptions): Machinery {
  return {
    create: (place) => new FakeMachine(options, place),
    restore: (place, { meta }: RestoreSource) => new FakeMachine(options, place, JSON.parse(text.decode(meta)) as Meta),
    encodeDelta,
  };
}

export interface Told {
  readonly said: string[];
  readonly links: LinkMessage[];
}

/** What one machine says about a whole log, without shell: the truth that every run is compared with. */
export function retell(records: readonly LogRecord[], machine: PartitionMachine): Told {
  const told: Told = { said: [], links: [] };
  records.forEach((record, index) => {
    if (record.kind === "ready" && machine.needsShadow(record)) {
      const shadow = machine.shadow(revisionOf(record));
      for (const before of records.slice(0, index)) shadow.apply(before);
      machine.provideShadow(shadow);
    }
    const steps = machine.apply(record);
    for (let step = steps?.next(); step?.done === false; step = steps?.next()) {
      if (step.value !== null) throw new Error("everything is in memory, yet a page is asked for");
    }
    told.said.push(...machine.takeDeltas().map(encodeDelta));
    told.links.push(...machine.takeLinks());
    machine.takeRejects();
  });
  return told;
}

/** A fake machine that keeps everything in memory. */
export function roomyFake(partition: PartitionNo, partitions: number): PartitionMachine {
  return new FakeMachine({ residentMax: PAGES }, { partition, partitions });
}
