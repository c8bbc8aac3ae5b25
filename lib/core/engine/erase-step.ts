// Somebody is forgotten, as one input: leaves every segment and the account, and is known no more. What is left is how far
// the numbers of those changes had come (member/floors.ts). Beside control-step.ts, whose other entries leave people known.

import { type Erased, isMeant } from "../erasure.ts";
import type { Need } from "../partition.ts";
import type { Cause, Seq } from "../types.ts";
import type { ControlState } from "./control-state.ts";
import { flagsOn } from "./member/accounts.ts";
import { type Actor, newActor } from "./member/actor.ts";
import type { Page } from "./pages/pages.ts";
import type { Room } from "./room.ts";

export function* erase(room: Room, control: ControlState, erased: Erased, seq: Seq): Generator<Need, void, void> {
  const { partition, partitions } = room.options;
  const { hash, key } = erased;
  room.floors.keyed(key);
  if (hash % partitions !== partition) return;
  const page = yield* room.pages.bring(room.pages.pageAt(hash));
  const actor = meant(page, erased);
  if (actor !== undefined) {
    room.pages.willChange(page);
    leaveSegments(room, control, actor, seq);
    if (actor.account !== undefined) yield* leaveAccount(room, actor);
    if (actor.people === undefined || actor.people.users === 0) room.dismiss(page, actor);
    else beginAnew(room, page, actor, seq);
  }
  if (erased.kind === "account") room.unheard.expect(control.revision, erased, partitions);
  // Also where nobody knew the member: messages that were refused may name it, and others wait for this word.
  room.outbox.erased(control.revision);
}

function meant(page: Page, erased: Erased): Actor | undefined {
  for (const actor of page[erased.kind].values()) if (isMeant(erased, actor.id)) return actor;
  return undefined;
}

/** In nesting order, whatever stay and cooldown say. */
function leaveSegments(room: Room, control: ControlState, actor: Actor, seq: Seq): void {
  const { evaluation } = room.step[actor.kind];
  evaluation.begin(actor, room.clock);
  const held = [...actor.memberships].filter(([segment, { in: isIn }]) => isIn && control.active.has(segment));
  const ranked = held.map(([segment]) => ({ segment, level: control.levelOf(segment) }));
  ranked.sort((one, other) => one.level - other.level || (one.segment < other.segment ? -1 : 1));
  for (const { segment } of ranked) {
    const delta = evaluation.expel(segment, control.active.get(segment)!.version, causeOf(seq));
    if (delta !== undefined) room.say(delta);
  }
}

function* leaveAccount(room: Room, actor: Actor): Generator<Need, void, void> {
  const account = actor.account!;
  yield* room.pages.bring(room.pages.pageOf(account.id));
  const on = flagsOn(actor, room.plans.user.flags.lit);
  room.outbox.tell(account, { op: "leave", account: account.id, user: actor.id, on });
  room.pages.crowdMoves(account.id, actor.id, -1);
}

/** An account that has users stays one that has users: that is what they have said, and they are not forgotten. */
function beginAnew(room: Room, page: Page, before: Actor, seq: Seq): void {
  const { id, kind, people, memberships, floor } = before;
  const actor: Actor = { ...newActor(kind, id, room.clock), people, memberships, floor };
  page[kind].set(id, actor);
  const { evaluation } = room.step[kind];
  evaluation.begin(actor, room.clock);
  evaluation.refreshAll();
  evaluation.markAll();
  evaluation.flip(causeOf(seq), room.say);
  evaluation.arm(true);
  room.pages.reschedule(page);
}

function causeOf(seq: Seq): Cause {
  return { type: "erasure", seq };
}

/** In a fold of history, which says nothing and keeps no ties: what was known of the member is gone. */
export function eraseInPast(room: Room, erased: Erased, revision: number): void {
  const { partition, partitions } = room.options;
  if (erased.hash % partitions !== partition) return;
  if (erased.kind === "account") room.unheard.expect(revision, erased, partitions);
  const page = room.pages.get(room.pages.pageAt(erased.hash));
  const actor = meant(page, erased);
  if (actor !== undefined) room.dismiss(page, actor);
}
