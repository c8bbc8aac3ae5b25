// What an entry of the control log does to everybody whom it concerns, as one input: a change of definitions, a list, what a
// feed says. Each looks at page after page and gives the event loop a breath between two.

import type { Situation, Situations } from "../feeds.ts";
import { partitionOf } from "../ids.ts";
import type { Need } from "../partition.ts";
import type { Cause, Delta, MemberId, MemberKind, SegmentId, Seq } from "../types.ts";
import type { ControlOutcome, ControlState } from "./control-state.ts";
import { isThere } from "./leaves/situations.ts";
import { type Actor, newActor } from "./member/actor.ts";
import { compareMembers, KINDS, type Room } from "./room.ts";
import { inOrder } from "./slices.ts";
import { situationMoved } from "./time-step.ts";

/** Announces exactly the difference that a change of definitions makes, to everybody known, as one input. */
export function* sweep(
  room: Room,
  control: ControlState,
  outcome: Extract<ControlOutcome, { type: "sweep" }>,
  seq: Seq,
): Generator<Need, void, void> {
  const cause: Cause = { type: "definition", seq };
  const said: Ranked[] = [];
  yield* room.pages.pass(room.pages.numbers(), (page) => {
    room.pages.willChange(page);
    for (const kind of KINDS) {
      for (const actor of page[kind].values()) sweepActor(room, control, actor, outcome, cause, said);
    }
    room.pages.reschedule(page);
  });
  const compare = (left: Ranked, right: Ranked): number =>
    compareMembers(left.delta, right.delta) || compareRanks(left, right);
  yield* inOrder(said, compare, ({ delta }) => room.say(delta));
  for (const { definition } of outcome.removed) room.sizes.delete(definition.id);
}

function sweepActor(
  room: Room,
  control: ControlState,
  actor: Actor,
  outcome: Extract<ControlOutcome, { type: "sweep" }>,
  cause: Cause,
  said: Ranked[],
): void {
  const { plan, evaluation } = room.step[actor.kind];
  const rank = (delta: Delta, level: number): void => {
    said.push({ delta, level });
  };
  evaluation.begin(actor, room.clock, outcome.named);
  const expel = (id: SegmentId, version: number, level: number): void => {
    const delta = evaluation.expel(id, version, cause);
    if (delta === undefined) return;
    rank(delta, level);
    for (const leaf of plan.segmentLeaves.get(id) ?? []) evaluation.touch(leaf);
    for (const leaf of plan.joinedLeaves.get(id) ?? []) evaluation.touch(leaf);
  };
  for (const { definition, version, level } of outcome.removed) expel(definition.id, version, level);
  evaluation.refreshAll();
  for (const id of outcome.named) {
    const no = plan.segmentNo.get(id);
    if (no !== undefined) evaluation.mark(no);
    else expel(id, control.active.get(id)!.version, control.levelOf(id));
  }
  evaluation.flip(cause, (delta) => rank(delta, control.levelOf(delta.segment)));
  evaluation.arm(true);
}

export function* applyList(
  room: Room,
  outcome: Extract<ControlOutcome, { type: "list" }>,
  seq: Seq,
): Generator<Need, void, void> {
  const { partition, partitions } = room.options;
  const mine = new Set(outcome.members.filter((id) => partitionOf(id, partitions) === partition));
  const said: Delta[] = [];
  if (outcome.mode === "replace") {
    yield* room.pages.pass(room.pages.numbers(), (page) => {
      for (const actor of [...page[outcome.kind].values()]) {
        if (!mine.has(actor.id) && actor.lists?.has(outcome.id)) setList(room, actor.id, outcome, false, seq, said);
      }
    });
  }
  for (const id of mine) {
    yield* room.pages.bring(room.pages.pageOf(id));
    setList(room, id, outcome, outcome.mode !== "remove", seq, said);
  }
  yield* room.sayInOrder(said);
}

function setList(
  room: Room,
  id: MemberId,
  { id: list, kind }: { readonly id: string; readonly kind: MemberKind },
  on: boolean,
  seq: Seq,
  said: Delta[],
): void {
  let page = room.pages.get(room.pages.pageOf(id));
  let actor = page[kind].get(id);
  const isNew = actor === undefined;
  if (actor !== undefined && (actor.lists?.has(list) === true) === on) return;
  room.pages.willChange(page);
  if (actor === undefined) {
    actor = newActor(kind, id, room.clock);
    page = room.admit(page, actor);
  }
  const { plan, evaluation } = room.step[kind];
  evaluation.begin(actor, room.clock);
  if (isNew) evaluation.markNew();
  actor.lists ??= new Set();
  if (on) actor.lists.add(list);
  else actor.lists.delete(list);
  for (const leaf of plan.listLeaves.get(list) ?? []) evaluation.touch(leaf);
  const joined = evaluation.flip({ type: "list", seq }, (delta) => said.push(delta));
  evaluation.arm(joined);
  room.pages.armed(page, actor.due);
}

/** Looks at everybody who is there, as one input; whose page holds nobody of that place stays where it is. */
export function* applySituation(
  room: Room,
  { kind, place }: Situation,
  before: Situations,
  seq: Seq,
): Generator<Need, void, void> {
  if (!room.readsFeed(kind)) return;
  const clock = room.clock;
  const said: Delta[] = [];
  yield* room.pages.pass(room.pages.numbersAt(place), (page) => {
    for (const actor of KINDS.flatMap((one) => [...page[one].values()])) {
      if (!isThere(actor.place, place)) continue;
      const { evaluation } = room.step[actor.kind];
      evaluation.begin(actor, clock);
      situationMoved(room, actor, kind, before, clock, clock);
      if (evaluation.isQuiet) continue;
      room.pages.willChange(page);
      const joined = evaluation.flip({ type: "feed", seq }, (delta) => said.push(delta));
      evaluation.arm(joined);
      room.pages.armed(page, actor.due);
    }
  });
  yield* room.sayInOrder(said);
}

interface Ranked {
  readonly delta: Delta;
  readonly level: number;
}

function compareRanks(left: Ranked, right: Ranked): number {
  if (left.level !== right.level) return left.level - right.level;
  return left.delta.segment < right.delta.segment ? -1 : left.delta.segment > right.delta.segment ? 1 : 0;
}
