// What an event's interactions with items do to a member's counters: each finds the questions it is for by type and
// value, and a visit event tells the views before it how long they took. Called by event-step.ts.
import type { UserEvent } from "../events.ts";
import type { Millis } from "../types.ts";
import { fullText } from "./counting/contributions.ts";
import { type CountingStep, count, type EventContext } from "./counting/counting.ts";
import { itemStreamsOf } from "./indexes/routes.ts";
import type { Actor } from "./member/actor.ts";
import { type Interaction, interactionsBy } from "./member/interactions.ts";
import { settleViews } from "./member/view-times.ts";
import type { CounterPlan, Stream } from "./plan/shapes.ts";
import { zoneFor } from "./reading.ts";
import { whereHolds } from "./values.ts";
import type { Refuse } from "./world.ts";

/** Start of the visit that the event joined, as a counter reads visits; NaN where it belongs to none. */
export type VisitStartBy = (counter: CounterPlan) => Millis;

export function countItems(
  step: CountingStep,
  actor: Actor,
  event: UserEvent,
  startBy: VisitStartBy,
  context: EventContext,
  refuse: Refuse,
): void {
  for (const streams of step.plan.itemStreams.get(event.name) ?? []) {
    for (const interaction of interactionsBy(event, streams.means, streams.meaning, step.world.catalogue)) {
      const { record, waits } = interaction;
      for (const stream of itemStreamsOf(interaction, streams)) {
        if (!isTaken(stream, interaction, actor, context)) continue;
        for (const counter of stream.counters) {
          count(step, actor, counter, { record, visitStart: startBy(counter), waits }, context, refuse);
        }
      }
    }
  }
}

/** A where that reads the time of a view which waits is looked at once the time is known. */
function isTaken(stream: Stream, { record, waits }: Interaction, actor: Actor, { clock }: EventContext): boolean {
  if (stream.where === undefined || (waits && stream.viewTime)) return true;
  return whereHolds(record, stream.where, { now: clock, zone: zoneFor(stream.zone, actor) });
}

/** A visit event: how long the views before it took is known now. */
export function tellViews(step: CountingStep, actor: Actor, { at, clock }: EventContext, refuse: Refuse): void {
  const { viewing } = actor;
  if (viewing === undefined) return;
  actor.viewing = undefined;
  const { plan, evaluation, world } = step;
  const max = world.limits.distinctValuesMax;
  for (const key of viewing) {
    const counter = plan.counters.get(key);
    const state = actor.counters.get(key);
    if (counter === undefined || state === undefined) continue;
    if (!settleViews(counter, state, at, clock, max)) refuse({ reason: "limit", detail: fullText(counter, max) });
    evaluation.refresh(counter, state);
  }
}
