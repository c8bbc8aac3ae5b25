// Leaves that are no counter and no path of a record: what they ask of a member, and what is kept of him for it. A rule
// that needs a memory of its own (registers of a sequence, favourites) brings a Keep; the plan and evaluation.ts know
// these two shapes and no rule by name.
import type { UserEvent } from "../events.ts";
import type { CountedRule } from "../rules/questions/questions.ts";
import type { Json, Millis, SegmentId, Seq } from "../types.ts";
import type { Actor } from "./member/actor.ts";
import type { Zone } from "./time/zones.ts";
import type { Refuse, World } from "./world.ts";

/** As of when and by whose calendar a member is read. */
export interface ReadScope {
  readonly now: Millis;
  readonly zone: Zone;
  readonly world: World;
}

export interface Reading {
  /** Same text, same leaf. */
  readonly key: string;
  /** What moves it besides its keep: topics that `Evaluation.touchTopic` is called with. */
  readonly topics: readonly string[];
  readonly keep: Keep | undefined;
  /** What it reads the counts of: each move of one of these counters moves it. Absent: none. */
  readonly asks?: readonly CountedRule[];
  /** Segments whose flips move it: it is nested in them. Absent: none. */
  readonly segments?: readonly SegmentId[];
  /** True when silence alone may flip it (its keep's own deadlines aside); then `flips` is asked. */
  readonly movesByTime: boolean;
  holds(actor: Actor, scope: ReadScope): boolean;
  /** What it is for somebody of whom nothing is known but the id; undefined is "depends on the id". */
  readonly ofNobody: boolean | undefined;
  /** The first instant after `scope.now` at which silence may flip it; early at worst, never late. */
  flips(actor: Actor, scope: ReadScope): Millis;
  /** For explain. */
  actual(actor: Actor, scope: ReadScope): Json;
  readonly expected: string;
}

/** The topic of a trait: told at each accepted write of it. */
export function topicOfTrait(name: string): string {
  return `trait ${name}`;
}

/** An accepted message as a keep hears it. */
export interface Heard {
  readonly seq: Seq;
  /** Event time, cut to the clock. */
  readonly at: Millis;
  readonly clock: Millis;
  readonly actor: Actor;
  readonly world: World;
  /** Start of the visit that the event belongs to, by the keep's own idle time; NaN when it belongs to none. */
  readonly visitStart: Millis;
  /** Says that a part of the message is not taken. */
  readonly refuse: Refuse;
}

/** An accepted write of a trait whose value differs from the one before; null is missing. */
export interface TraitChange {
  readonly name: string;
  readonly from: Json;
  readonly to: Json;
}

/** A memory that one question needs, made by folding messages in log order: backfill folds it like a counter. */
export interface Keep {
  /** The question's text, as questions.ts gives it. */
  readonly key: string;
  /** Names of events that it hears; "*" is every track, page and screen. */
  readonly names: readonly string[] | "*";
  /**
   * Those of the names that can begin a memory: the others say nothing to a member of whom nothing is kept, so they cost
   * him nothing. Where it is given, an event that is answered with false has left an empty memory empty. Absent: all.
   */
  readonly opens?: readonly string[] | "*";
  /** Traits whose changes it hears. */
  readonly traits: readonly string[];
  /** True when the member's own zone moves it: `settle` is asked anew where that changes. Absent: false. */
  readonly followsZone?: boolean;
  /** By which idle time it reads visits: it hears of them, and `settle` is asked anew where they change. */
  readonly visitIdleMs?: Millis | undefined;
  /** Plain data of numbers, texts, booleans, null, arrays and objects: it is written down as it stands. */
  create(): unknown;
  /** True when a leaf that reads it may have flipped. */
  event(data: unknown, event: UserEvent, heard: Heard): boolean;
  change(data: unknown, change: TraitChange, heard: Heard): boolean;
  /**
   * Topics of what the last `settle` moved, where that is less than all leaves that read it; `isAsked` says whether any
   * leaf has a topic.
   */
  topicsMoved?(data: unknown, isAsked: (topic: string) => boolean): readonly string[];
  /** Brings it up to `scope.now`, and gives the first instant after it at which silence may flip a leaf that reads it. */
  settle(data: unknown, actor: Actor, scope: ReadScope): Millis;
}
