// What a definition would have done: one partition's log played through a machine of its own in which the definition was
// in force from the first message on. Pure; the caller reads the log and adds up what the partitions tell.
import type { ControlCopy, ControlEntry } from "../core/control.ts";
import { createPartition, type PartitionCore } from "../core/engine/core.ts";
import { zoneNamed } from "../core/engine/time/zones.ts";
import type { PartitionOptions, TrialPart } from "../core/partition.ts";
import type { Delta, Json, LogKind, LogRecord, MemberId, Millis, SegmentId, Seq } from "../core/types.ts";

const DAY_MS = 86_400_000;
/** Who joined so often within the window goes to and fro. */
export const FLAPPING_JOINS_MIN = 3;

export interface BacktestOptions {
  readonly partition: PartitionOptions;
  readonly id: SegmentId;
  /** The definition, and all that it refers to, as written: each after those that it refers to. */
  readonly sources: readonly Json[];
  /** What partitions told each other stands in their logs; `told` has it told anew, which only together.ts can. */
  readonly links?: "told";
  /** As written; undefined for the default. It gives all of the past its meaning. */
  readonly vocabulary: Json | undefined;
  /** Whose days are counted. */
  readonly zone: string;
  /** What happened before counts for memberships alone. */
  readonly from: Millis;
}

export interface DayTally {
  /** YYYY-MM-DD in the definition's zone. */
  readonly day: string;
  readonly joined: number;
  readonly left: number;
  /** At the end of the day. */
  readonly size: number;
}

export interface BacktestPart {
  readonly sizeBefore: number;
  /** Joins and leaves by day; days without any are left out. */
  readonly days: ReadonlyMap<string, { joined: number; left: number }>;
  /** Joins within the window by member, those who joined more than once. */
  readonly joins: ReadonlyMap<MemberId, number>;
  readonly size: number;
  readonly universe: number;
}

export class Backtest {
  readonly machine: PartitionCore;
  readonly #options: BacktestOptions;
  readonly #days = new Map<string, { joined: number; left: number }>();
  readonly #joins = new Map<MemberId, number>();
  #sizeBefore = 0;
  #size = 0;
  #seq: Seq = 0;
  #revision = 0;

  constructor(options: BacktestOptions) {
    this.#options = options;
    this.machine = createPartition(options.partition);
  }

  /** The next message of the log, from its first on. */
  apply(record: LogRecord): void {
    if (this.#seq === 0) this.#begin(record.stamp);
    if (record.kind === "control") this.#applyControl(record);
    else if (record.kind === "link" && this.#options.links === "told") this.#feed("clock", record.stamp, bytesOf({}));
    // What was ready then was another definition.
    else if (record.kind !== "ready") this.#feed(record.kind, record.stamp, record.body);
  }

  /** What another partition tells this one. */
  hear(stamp: Millis, body: string): void {
    this.#feed("link", stamp, new TextEncoder().encode(body));
  }

  /** Brings everybody up to a moment after the last message. */
  endAt(now: Millis): BacktestPart {
    if (this.#seq === 0) this.#begin(now);
    this.moveTo(now);
    return this.part();
  }

  moveTo(now: Millis): void {
    if (this.#options.partition.clockMode === "log") this.#feed("clock", now, bytesOf({}));
  }

  part(): BacktestPart {
    return {
      sizeBefore: this.#sizeBefore,
      days: this.#days,
      joins: new Map([...this.#joins].filter(([, joins]) => joins > 1)),
      size: this.#size,
      universe: this.machine.universe,
    };
  }

  /** Everybody, against the rule as it is at the end. */
  trial(samples: number): TrialPart {
    const source = this.#options.sources.find((one) => (one as { id?: Json }).id === this.#options.id)!;
    const walk = this.machine.tryOut(source, 0, samples);
    while (walk.page !== undefined) walk.look();
    return walk.part;
  }

  /** In force before anything has happened: there is no history to fold yet. */
  #begin(stamp: Millis): void {
    this.defineWorld(stamp);
    for (const source of this.#options.sources) this.define(stamp, source)();
  }

  defineWorld(stamp: Millis): void {
    const { vocabulary } = this.#options;
    if (vocabulary !== undefined) this.#control(stamp, { op: "vocabulary", vocabulary });
  }

  /** Gives what brings it into force, once partitions have told each other what it asks of them. */
  define(stamp: Millis, source: Json): () => void {
    const applied = this.#control(stamp, { op: "apply", define: [source], remove: [] });
    if (!this.machine.control.pending.has(applied)) return () => {};
    if (this.machine.backfillJobs().some(({ revision }) => revision === applied)) {
      const shadow = this.machine.shadow(applied);
      for (let seq = 1; seq <= this.#seq; seq += 1) shadow.apply({ seq, stamp, kind: "clock", body: bytesOf({}) });
      this.machine.provideShadow(shadow);
      this.#feed("ready", stamp, bytesOf({ revision: applied, from: 1 }));
    }
    return () => void this.#control(stamp, { op: "activate", revision: applied });
  }

  /** Lists, items, situations and who is forgotten are the world's; definitions and what gives events their meaning are the test's. */
  #applyControl(record: LogRecord): void {
    const entry = entryOf(record);
    const isWorld =
      entry?.op === "list" ||
      entry?.op === "removeList" ||
      entry?.op === "items" ||
      entry?.op === "situation" ||
      entry?.op === "erase";
    if (isWorld) this.#control(record.stamp, entry);
    else this.#feed("clock", record.stamp, bytesOf({}));
  }

  #control(stamp: Millis, entry: ControlEntry): number {
    this.#revision += 1;
    this.#feed("control", stamp, bytesOf({ revision: this.#revision, entry }));
    return this.#revision;
  }

  #feed(kind: LogKind, stamp: Millis, body: Uint8Array): void {
    this.#seq += 1;
    const step = this.machine.apply({ seq: this.#seq, stamp, kind, body });
    // Every page is at hand, so driving it through asks for nothing.
    for (let need = step?.next(); need !== undefined && need.done !== true; need = step?.next());
    for (const delta of this.machine.takeDeltas()) if (delta.segment === this.#options.id) this.#take(delta);
    this.machine.takeRejects();
  }

  #take({ change, at, id }: Delta): void {
    const joins = change === "joined";
    this.#size += joins ? 1 : -1;
    if (at < this.#options.from) {
      this.#sizeBefore = this.#size;
      return;
    }
    const day = dayText(at, this.#options.zone);
    const tally = this.#days.get(day) ?? { joined: 0, left: 0 };
    this.#days.set(day, tally);
    if (!joins) tally.left += 1;
    else {
      tally.joined += 1;
      this.#joins.set(id, (this.#joins.get(id) ?? 0) + 1);
    }
  }
}

function entryOf({ body }: LogRecord): ControlEntry | undefined {
  try {
    return (JSON.parse(new TextDecoder().decode(body)) as ControlCopy).entry;
  } catch {
    return undefined;
  }
}

function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The local day of an instant; `user` has no days of its own here, so it is UTC's. */
export function dayText(at: Millis, zone: string): string {
  const day = zoneNamed(zone === "user" ? "UTC" : zone).dayOf(at);
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

export interface BacktestReport {
  readonly from: Millis;
  readonly to: Millis;
  readonly sizeBefore: number;
  readonly size: number;
  readonly universe: number;
  readonly joined: number;
  readonly left: number;
  /** Every day of the window, oldest first. */
  readonly days: readonly DayTally[];
  /** Who joined FLAPPING_JOINS_MIN times or oftener: how many, and the most restless of them. */
  readonly flapping: {
    readonly people: number;
    readonly most: readonly { readonly id: MemberId; readonly joins: number }[];
  };
}

const MOST_MAX = 5;

export function reportOf(
  parts: readonly BacktestPart[],
  { from, to, zone }: { readonly from: Millis; readonly to: Millis; readonly zone: string },
): BacktestReport {
  const sizeBefore = sum(parts.map((part) => part.sizeBefore));
  let size = sizeBefore;
  const days = daysBetween(from, to, zone).map((day): DayTally => {
    const tallies = parts.flatMap((part) => part.days.get(day) ?? []);
    const joined = sum(tallies.map((tally) => tally.joined));
    const left = sum(tallies.map((tally) => tally.left));
    size += joined - left;
    return { day, joined, left, size };
  });
  const restless = parts
    .flatMap((part) => Array.from(part.joins, ([id, joins]) => ({ id, joins })))
    .filter(({ joins }) => joins >= FLAPPING_JOINS_MIN)
    .sort((a, b) => b.joins - a.joins || (a.id < b.id ? -1 : 1));
  return {
    from,
    to,
    sizeBefore,
    size: sum(parts.map((part) => part.size)),
    universe: sum(parts.map((part) => part.universe)),
    joined: sum(days.map(({ joined }) => joined)),
    left: sum(days.map(({ left }) => left)),
    days,
    flapping: { people: restless.length, most: restless.slice(0, MOST_MAX) },
  };
}

function daysBetween(from: Millis, to: Millis, zone: string): string[] {
  const last = dayText(to, zone);
  const days: string[] = [];
  for (let day = dayText(from, zone); day <= last; day = nextDay(day)) days.push(day);
  return days;
}

function nextDay(day: string): string {
  return new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
