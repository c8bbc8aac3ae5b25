// What a message of another partition does here: to accounts whose users are there, and to users whose account is there.
// All items that concern one member are applied in their order, then he is evaluated once.

import type { AccountEvent, UserEvent } from "../../events.ts";
import { compareIds, inIdOrder } from "../../ids.ts";
import type { AccountItem, FlagId, LinkBody, UserItem } from "../../links.ts";
import type { Need } from "../../partition.ts";
import type { Cause, Delta, JsonObject, LogRecord, MemberId, Millis } from "../../types.ts";
import { NOBODY } from "../event-record.ts";
import { type Accepted, applyEvent, causeOf, prepareEvent } from "../event-step.ts";
import { push } from "../lists.ts";
import { addTo, flagsOn } from "../member/accounts.ts";
import { type Actor, newActor } from "../member/actor.ts";
import { leaveTrail } from "../member/trail.ts";
import type { Page } from "../pages/pages.ts";
import type { Room } from "../room.ts";
import { inOrder } from "../slices.ts";

type Say = (delta: Delta) => void;

/** Deltas come by id, and those of accounts before those of users. */
export function* hearLink(room: Room, record: LogRecord, { from, items }: LinkBody): Generator<Need, void, void> {
  const toAccounts = new Map<MemberId, UserItem[]>();
  const flips = new Map<MemberId, Flip[]>();
  const answers: Answer[] = [];
  for (const item of items) {
    if (item.op === "flip") push(flips, item.account, item);
    else if (item.op === "answer") answers.push(item);
    else if (item.op === "erased") {
      if (item.heard === true) room.unheard.heard(item.revision, from);
    } else if (item.op !== "lit") push(toAccounts, item.account, room.unheard.lessTraits(item, from));
  }
  for (const [id, own] of inIdOrder(toAccounts)) {
    yield* room.pages.bring(room.pages.pageOf(id));
    new AccountStep(room, record, id).hear(own, from);
  }
  const said: Delta[] = [];
  const saying = (delta: Delta): void => {
    said.push(delta);
  };
  for (const [account, own] of flips) yield* hearFlips(room, record, account, own, saying);
  for (const answer of answers) yield* hearAnswer(room, record, answer, saying);
  yield* inOrder(said, (left, right) => compareIds(left.id, right.id), room.say);
}

type Flip = Extract<AccountItem, { op: "flip" }>;
type Answer = Extract<AccountItem, { op: "answer" }>;

/** What one message does to one account, whose page is resident. */
class AccountStep {
  readonly #room: Room;
  readonly #record: LogRecord;
  readonly #actor: Actor;
  readonly #page: Page;
  #cause: Cause;
  /** Deadlines of values are to be set anew. */
  #values = false;

  constructor(room: Room, record: LogRecord, id: MemberId) {
    this.#room = room;
    this.#record = record;
    this.#cause = { type: "event", seq: record.seq };
    const { pages, clock, step } = room;
    const home = pages.get(pages.pageOf(id));
    const known = home.account.get(id);
    // Before anybody is added to it: a picture that is under way takes the page as it was.
    pages.willChange(home);
    this.#actor = known ?? newActor("account", id, clock);
    if (known === undefined) room.admit(home, this.#actor);
    this.#page = pages.get(pages.pageOf(id));
    const { evaluation } = step.account;
    evaluation.begin(this.#actor, clock);
    if (known === undefined) evaluation.markNew();
  }

  hear(items: readonly UserItem[], from: number): void {
    for (const item of items) this.#take(item, from);
    this.#room.outbox.crowdMoved(this.#actor);
    this.#finish();
    const { outbox, step } = this.#room;
    for (const item of items) {
      if (item.op !== "group" || item.join === undefined) continue;
      const on = flagsOn(this.#actor, step.account.plan.flags.lit);
      outbox.answer(from, { op: "answer", account: item.account, user: item.user, join: item.join.seq, on });
    }
  }

  /** Of nobody: a message about the account itself. */
  hearOwn(event: UserEvent, at: Millis, prepared: Accepted): void {
    this.#accept(event, at, prepared);
    this.#finish();
  }

  #take(item: UserItem, from: number): void {
    switch (item.op) {
      case "leave":
        this.#moveCrowd(from, -1, item.on);
        return;
      case "group":
        if (item.join !== undefined) this.#moveCrowd(from, 1, item.join.on);
        this.#apply(
          { ...SILENT, type: "group", userId: item.user, messageId: item.messageId, traits: item.traits },
          item.at,
        );
        return;
      case "event": {
        const { type, name, channel, messageId, properties, context } = item.event;
        const event = { ...SILENT, type, name, userId: item.user, channel, messageId, properties, context };
        this.#apply(event, item.at);
        return;
      }
      case "count":
        this.#moveHolds(item.flag, item.by);
    }
  }

  #moveCrowd(from: number, by: 1 | -1, on: readonly FlagId[]): void {
    const people = this.#actor.people!;
    addTo(people.crowd, from, by);
    people.users += by;
    for (const flag of on) this.#moveHolds(flag, by);
    this.#room.step.account.evaluation.crowdMoved();
  }

  #moveHolds(flag: FlagId, by: number): void {
    const { holds } = this.#actor.people!;
    const before = holds.get(flag) ?? 0;
    this.#room.step.account.evaluation.usersMoved(flag, before, addTo(holds, flag, by));
  }

  /** What the account cannot take of it, it passes over. */
  #apply(event: UserEvent, given: Millis): void {
    const at = this.#room.eventTime(given);
    const prepared = prepareEvent("account", this.#actor, event, at, this.#room.world);
    if (prepared.ok) this.#accept(event, at, prepared);
    else this.#room.refuse(this.#record, prepared.reason, prepared.detail);
  }

  #accept(event: UserEvent, at: Millis, prepared: Accepted): void {
    const { step, clock } = this.#room;
    const { seq } = this.#record;
    const late = at < this.#actor.newest;
    this.#cause = causeOf(event, seq, late);
    const { place } = this.#actor;
    const moved = applyEvent(step.account, this.#actor, event, prepared, { seq, at, clock }, ({ reason, detail }) =>
      this.#room.refuse(this.#record, reason, detail),
    );
    this.#values ||= moved;
    if (!this.#room.isPast) leaveTrail(this.#actor, seq);
    if (this.#actor.place !== place) this.#page.places.add(this.#actor.place);
  }

  #finish(): void {
    const { evaluation } = this.#room.step.account;
    const joined = evaluation.flip(this.#cause, this.#room.say);
    evaluation.arm(this.#values || joined);
    this.#room.pages.armed(this.#page, this.#actor.due);
  }
}

/** A message about an account, whose page is resident. What is refused of it, as a whole, makes no account known. */
export function hearOwn(room: Room, record: LogRecord, event: AccountEvent): void {
  const own = { ...event, userId: NOBODY, anonymousId: undefined, isAnonymous: false };
  const at = room.eventTime(event.timestamp ?? record.stamp);
  const prepared = prepareEvent("account", room.member("account", event.accountId), own, at, room.world);
  if (prepared.ok) new AccountStep(room, record, event.accountId).hearOwn(own, at, prepared);
  else room.refuse(record, prepared.reason, prepared.detail);
}

const EMPTY: JsonObject = Object.freeze({});

const SILENT: UserEvent = {
  type: "track",
  name: "",
  userId: NOBODY,
  anonymousId: undefined,
  isAnonymous: false,
  timestamp: undefined,
  channel: undefined,
  messageId: undefined,
  properties: EMPTY,
  context: EMPTY,
  traits: EMPTY,
};

/** Everybody here who is in that account and has heard from it. */
function* hearFlips(
  room: Room,
  record: LogRecord,
  account: MemberId,
  flips: readonly Flip[],
  say: Say,
): Generator<Need, void, void> {
  const { pages } = room;
  yield* pages.bring(pages.pageOf(account));
  yield* pages.pass(pages.crowdPages(account), (page) => {
    for (const actor of page.user.values()) {
      const on = actor.account?.id === account ? actor.account.on : undefined;
      if (on === undefined) continue;
      const moved = flips.filter((flip) => flip.on !== on.has(flip.flag)).map(({ flag }) => flag);
      if (moved.length === 0) continue;
      pages.willChange(page);
      for (const flag of moved) if (!on.delete(flag)) on.add(flag);
      reevaluate(room, record, page, actor, moved, say);
    }
  });
}

function* hearAnswer(
  room: Room,
  record: LogRecord,
  { account, user, join, on }: Answer,
  say: Say,
): Generator<Need, void, void> {
  const { pages } = room;
  const page = yield* pages.bring(pages.pageOf(user));
  const actor = page.user.get(user);
  const belonging = actor?.account;
  // He may have gone to another account since, or have gone and come back.
  if (actor === undefined || belonging?.id !== account || belonging.seq !== join) return;
  pages.willChange(page);
  belonging.on = new Set(on);
  reevaluate(room, record, page, actor, on, say);
}

function reevaluate(
  { step, clock, pages }: Room,
  { seq }: LogRecord,
  page: Page,
  actor: Actor,
  moved: readonly FlagId[],
  say: Say,
): void {
  const { evaluation } = step.user;
  evaluation.begin(actor, clock);
  evaluation.accountFlagsMoved(moved);
  const joined = evaluation.flip({ type: "event", seq }, say);
  evaluation.arm(joined);
  pages.armed(page, actor.due);
}
