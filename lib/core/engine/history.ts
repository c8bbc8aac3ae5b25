// The fold of one job's questions over the log, beside the live path: it keeps everybody in memory and says nothing. What
// it has folded is given to the people of the live path when their log says `ready`.

import { decodeLink, type LinkBody, type LinkItem } from "../links.ts";
import type { Need, PartitionOptions, ShadowFold } from "../partition.ts";
import { visitDetailsKey, visitsKey } from "../rules/questions/visit-questions.ts";
import type { LogRecord, Millis, Seq } from "../types.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { type Plans, readErasure, readItems } from "./control-state.ts";
import { eraseInPast } from "./erase-step.ts";
import { clockOfEvent, readAccountMessage, readEvent } from "./intake.ts";
import { readJson } from "./json.ts";
import { SituationBoard } from "./leaves/situations.ts";
import { hearLink, hearOwn } from "./links/link-step.ts";
import type { Actor } from "./member/actor.ts";
import type { KnownItems } from "./member/known-items.ts";
import { attachDetails, visitListOf } from "./member/visits.ts";
import { Room } from "./room.ts";
import { advance } from "./time-step.ts";
import { applyUserEvent } from "./user-step.ts";

/** What a shadow folds for, and by what it reads. */
export interface Past {
  readonly revision: number;
  readonly plans: Plans;
  /** Of what it folds for, whatever was in force back then. */
  readonly vocabulary: Vocabulary;
  /** The live path's: of a log whose beginning is gone, it knows what was said there. */
  readonly catalogue: KnownItems;
}

export class Shadow implements ShadowFold {
  readonly revision: number;
  readonly #past: Past;
  readonly #room: Room;
  position: Seq = 0;
  /** The newest control entry that it has passed. */
  #passed = 0;
  /** Stamp of the first message there was, where the log had lost its beginning. */
  since: Millis | undefined;

  constructor(options: PartitionOptions, past: Past) {
    this.revision = past.revision;
    this.#past = past;
    const { plans, vocabulary } = past;
    const standing = { vocabulary, catalogue: past.catalogue.upTo(0), situations: new SituationBoard() };
    this.#room = new Room({ ...options, pageCacheBytesMax: Number.POSITIVE_INFINITY }, plans, standing, true);
  }

  apply(record: LogRecord): void {
    if (this.position === 0 && record.seq > 1) {
      this.since = record.stamp;
      // Until a control entry tells which, items are those of the definition that is folded for.
      this.#knowItems(this.#past.catalogue.upTo(this.#past.revision));
    }
    // Nothing is ever due here and every page is at hand, so driving it through asks for nothing.
    drive(this.#step(record));
    this.position = record.seq;
    this.#room.takeRejects();
  }

  *#step(record: LogRecord): Generator<Need, void, void> {
    const room = this.#room;
    if (record.kind === "event") {
      const read = readEvent(room, record);
      const clock = read === undefined ? room.clockOfRefused(record) : clockOfEvent(room, read.event, record);
      yield* advance(room, clock, record.seq);
      if (read === undefined) return;
      const page = room.pages.get(room.pages.pageAt(read.hash));
      applyUserEvent(room, record, read.event, page);
    } else if (record.kind === "account") {
      const event = readAccountMessage(room, record);
      const clock = event === undefined ? room.clockOfRefused(record) : clockOfEvent(room, event, record);
      yield* advance(room, clock, record.seq);
      if (event !== undefined) hearOwn(room, record, event);
    } else if (record.kind === "link") {
      yield* advance(room, room.clockAfter(record), record.seq);
      const body = decodeLink(readJson(record.body));
      if (body !== undefined) yield* hearLink(room, record, { ...body, items: doneInAccounts(body) });
    } else {
      if (record.kind === "clock" || room.followsLog) room.clock = room.clockAfter(record);
      if (record.kind === "control") this.#passControl(record);
    }
  }

  /** Items count from their place in the log on, for what is folded as for what was applied there. */
  #passControl(record: LogRecord): void {
    const copy = readJson(record.body) as { readonly revision?: unknown; readonly entry?: unknown } | undefined;
    const revision = Number(copy?.revision);
    if (!(revision > this.#passed)) return;
    if (revision > this.#passed + 1) this.#knowItems(this.#past.catalogue.upTo(revision - 1));
    this.#passed = revision;
    const erasure = readErasure(copy?.entry);
    if (erasure !== undefined) eraseInPast(this.#room, erasure, revision);
    const entry = readItems(copy?.entry);
    if (entry === undefined) return;
    this.#knowItems((this.#room.world.catalogue as KnownItems).after(revision, entry));
  }

  #knowItems(catalogue: KnownItems): void {
    this.#room.readAgainst({ ...this.#room.world, catalogue });
  }

  /** Up to the clock of whoever takes it over: what is given has no deadline in the past, where nobody may be woken. */
  settle(clock: Millis): void {
    drive(advance(this.#room, this.#room.clockOf(clock), this.position));
    this.#room.takeDeltas();
  }

  /** Gives somebody of the live path the answers to these questions. */
  giveTo(actor: Actor, keys: readonly string[]): void {
    const folded = this.#room.member(actor.kind, actor.id);
    for (const key of keys) {
      const state = folded?.counters.get(key);
      if (state === undefined) actor.counters.delete(key);
      else actor.counters.set(key, state);
      if (state?.waiting !== undefined) actor.viewing = new Set(actor.viewing).add(key);
      const kept = folded?.kept.get(key);
      if (kept === undefined) actor.kept.delete(key);
      else actor.kept.set(key, kept);
    }
    for (const { idleMs } of this.#past.plans[actor.kind].visitLists) giveVisits(actor, folded, idleMs, keys);
  }
}

/** A list that nobody asked for so far, whole; or, to one that is kept already, what is known of each visit. */
function giveVisits(actor: Actor, folded: Actor | undefined, idleMs: Millis, keys: readonly string[]): void {
  const found = folded === undefined ? undefined : visitListOf(folded, idleMs);
  if (keys.includes(visitsKey(idleMs))) {
    const others = actor.visits.filter((list) => list.idleMs !== idleMs);
    actor.visits = found === undefined ? others : [...others, found];
  } else if (keys.includes(visitDetailsKey(idleMs))) {
    const list = visitListOf(actor, idleMs);
    if (list !== undefined) attachDetails(list, found);
  }
}

/** Who is in an account matters to nobody yet, only what was done there. */
function doneInAccounts({ items }: LinkBody): LinkItem[] {
  return items.flatMap((item): LinkItem[] => {
    if (item.op === "event" || item.op === "erased") return [item];
    if (item.op !== "group") return [];
    const { join: _, ...called } = item;
    return [called];
  });
}

function drive(step: Iterator<Need, void, void>): void {
  for (let need = step.next(); need.done !== true; need = step.next());
}
