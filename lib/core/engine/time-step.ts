// Time passes: every deadline up to the new clock is fired, instant by instant, each as of its own instant, before whatever
// moved the clock. Whom silence moves, and whom the end of what a feed said.

import type { Situation, Situations } from "../feeds.ts";
import type { Need, PageNo } from "../partition.ts";
import type { Cause, Delta, Millis, Seq } from "../types.ts";
import { Fault } from "./fault.ts";
import { isThere } from "./leaves/situations.ts";
import type { Actor } from "./member/actor.ts";
import type { Page } from "./pages/pages.ts";
import { KINDS, type Room } from "./room.ts";

/** Moves the clock, firing every deadline up to it as of its own instant, before whatever moved it. */
export function* advance(room: Room, clock: Millis, seq: Seq): Generator<Need, void, void> {
  for (let due = room.deadline; due <= clock; due = room.deadline) {
    const said: Delta[] = [];
    const ending = due === room.nextEnd ? room.world.situations.endingAt(due) : NOTHING_ENDS;
    if (ending.length === 0) yield* fireAll(room, room.pages.pagesDueAt(due), due, seq, said, ending);
    else {
      const pages = new Set(room.pages.pagesDueAt(due));
      for (const { place } of ending) for (const no of room.pages.numbersAt(place)) pages.add(no);
      yield* room.pages.keepingPages(fireAll(room, pages, due, seq, said, ending));
      room.nextEnd = room.endAfter(due);
    }
    yield* room.sayInOrder(said);
  }
  room.clock = clock;
}

function* fireAll(
  room: Room,
  pages: Iterable<PageNo>,
  due: Millis,
  seq: Seq,
  said: Delta[],
  ending: readonly Situation[],
): Generator<Need, void, void> {
  for (const no of pages) {
    if (ending.length > 0) yield null;
    fire(room, yield* room.pages.bring(no), due, seq, said, ending);
  }
}

function fire(room: Room, page: Page, due: Millis, seq: Seq, said: Delta[], ending: readonly Situation[]): void {
  let next = Number.POSITIVE_INFINITY;
  for (const kind of KINDS) {
    for (const actor of page[kind].values()) {
      const there = ending.length === 0 ? ending : ending.filter(({ place }) => isThere(actor.place, place));
      if (actor.due <= due || there.length > 0) wake(room, page, actor, due, { type: "time", seq }, said, there);
      if (actor.due < next) next = actor.due;
    }
  }
  room.pages.rescheduleAt(page, next);
}

function wake(
  room: Room,
  page: Page,
  actor: Actor,
  now: Millis,
  cause: Cause,
  said: Delta[],
  ending: readonly Situation[],
): void {
  const { evaluation } = room.step[actor.kind];
  const before = said.length;
  evaluation.begin(actor, now);
  const isDue = actor.due <= now;
  const values = actor.valueDue <= now;
  if (isDue) {
    room.pages.willChange(page);
    evaluation.touchDue();
  }
  for (const { kind } of ending) situationMoved(room, actor, kind, room.world.situations, now - 1, now);
  // Most who are at a place are in no segment that reads what was said of it.
  if (!isDue && evaluation.isQuiet) return;
  room.pages.willChange(page);
  const joined = evaluation.flip(cause, (delta) => said.push(delta));
  evaluation.arm(values || joined);
  // Waking him at the same instant again and again would stop the partition without a word.
  if (actor.due <= now) throw new Fault(`a member's deadline does not move past ${new Date(now).toISOString()}`);
  room.work.wakeUps += 1;
  if (said.length === before) room.work.idleWakeUps += 1;
}

/** Compares what was said of a member's place, by `before` at `from`, with what is said now. */
export function situationMoved(
  room: Room,
  actor: Actor,
  kind: string,
  before: Situations,
  from: Millis,
  now: Millis,
): void {
  const was = before.valuesAt(kind, actor.place, from);
  room.step[actor.kind].evaluation.situationChanged(kind, was, room.world.situations.valuesAt(kind, actor.place, now));
}

const NOTHING_ENDS: readonly Situation[] = [];
