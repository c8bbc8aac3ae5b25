// One message of a user: what it does to him, and what his account is told of it.

import type { UserEvent } from "../events.ts";
import { partitionOf } from "../ids.ts";
import type { Need } from "../partition.ts";
import type { LogRecord, Millis, Seq } from "../types.ts";
import { applyEvent, causeOf, prepareEvent } from "./event-step.ts";
import { flagsOn } from "./member/accounts.ts";
import { type Actor, newActor } from "./member/actor.ts";
import { leaveTrail } from "./member/trail.ts";
import type { Page } from "./pages/pages.ts";
import type { Room } from "./room.ts";

/** The pages on which it stands where users are: of the account that he leaves, and of the one that he joins. */
export function* bringCrowds(room: Room, { userId, groupId }: UserEvent, page: Page): Generator<Need, void, void> {
  for (const account of [page.user.get(userId)?.account?.id, groupId]) {
    if (account !== undefined && account !== null) yield* room.pages.bring(room.pages.pageOf(account));
  }
}

export function applyUserEvent(room: Room, record: LogRecord, event: UserEvent, home: Page): void {
  const clock = room.clock;
  const at = room.eventTime(event.timestamp ?? record.stamp);
  let page = home;
  let actor = page.user.get(event.userId);
  const step = room.step.user;
  const prepared = prepareEvent("user", actor, event, at, room.world);
  if (!prepared.ok) {
    room.refuse(record, prepared.reason, prepared.detail);
    return;
  }
  room.pages.willChange(page);
  const { evaluation } = step;
  const isNew = actor === undefined;
  if (actor === undefined) {
    actor = newActor("user", event.userId, clock);
    page = room.admit(page, actor);
  }
  const late = at < actor.newest;
  evaluation.begin(actor, clock);
  if (isNew) evaluation.markNew();
  const { place } = actor;
  const values = applyEvent(step, actor, event, prepared, { seq: record.seq, at, clock }, ({ reason, detail }) =>
    room.refuse(record, reason, detail),
  );
  if (!room.isPast) leaveTrail(actor, record.seq);
  tellAccount(room, actor, event, at, record.seq);
  // Most events flip nothing, so a cause is only made where something was touched.
  const joined = !evaluation.isIdle && evaluation.flip(causeOf(event, record.seq, late), room.say);
  evaluation.arm(values || joined);
  if (actor.place !== place) page.places.add(actor.place);
  room.pages.armed(page, actor.due);
}

/** What a user does is done in his account, too: the one that he is in by now. */
function tellAccount(room: Room, actor: Actor, event: UserEvent, at: Millis, seq: Seq): void {
  if (event.type === "identify" || room.isPast) return;
  if (event.type === "group") {
    callGroup(room, actor, event, at, seq);
    return;
  }
  const { account, id: user } = actor;
  if (account === undefined) return;
  const { type, name, channel, messageId, properties, context } = event;
  const told = {
    type,
    name,
    ...(channel === undefined ? {} : { channel }),
    ...messageIdOf(messageId),
    properties,
    context,
  };
  room.outbox.tell(account, { op: "event", account: account.id, user, at, event: told });
}

/** From here on he is in that account, or in none. */
function callGroup(room: Room, actor: Actor, event: UserEvent, at: Millis, seq: Seq): void {
  const { account: before, id: user } = actor;
  const { groupId = null, traits } = event;
  const moves = groupId !== (before?.id ?? null);
  const on = moves ? flagsOn(actor, room.plans.user.flags.lit) : [];
  if (moves && before !== undefined) {
    room.outbox.tell(before, { op: "leave", account: before.id, user, on });
    room.pages.crowdMoves(before.id, user, -1);
    actor.account = undefined;
    room.step.user.evaluation.accountFlagsMoved(before.on ?? []);
  }
  if (groupId === null) return;
  if (moves) {
    const home = partitionOf(groupId, room.options.partitions);
    actor.account = { id: groupId, home, seq, since: room.clock, on: undefined };
    room.pages.crowdMoves(groupId, user, 1);
  }
  const called = { account: groupId, user, at, traits, ...messageIdOf(event.messageId) };
  room.outbox.tell(actor.account!, { op: "group", ...called, ...(moves ? { join: { seq, on } } : {}) });
}

function messageIdOf(messageId: string | undefined): { readonly messageId?: string } {
  return messageId === undefined ? {} : { messageId };
}
