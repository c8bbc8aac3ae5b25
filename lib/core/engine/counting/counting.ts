// One occurrence counted by one counter: where it lies in time, whether the counter's window takes it at all, and what
// is refused. Beside event-step.ts and item-step.ts, which find the occurrences.
import type { JsonObject, Millis, Seq } from "../../types.ts";
import type { Evaluation } from "../evaluation.ts";
import type { Actor } from "../member/actor.ts";
import { letWait } from "../member/view-times.ts";
import type { CounterPlan, Plan } from "../plan/shapes.ts";
import { asksOfVisit, userZone, zoneFor } from "../reading.ts";
import { rangeHolds } from "../time/windows.ts";
import type { Refuse, World } from "../world.ts";
import { contribute, fullText, waitingText } from "./contributions.ts";

export interface EventContext {
  readonly seq: Seq;
  /** Event time, cut to the clock. */
  readonly at: Millis;
  readonly clock: Millis;
}

/** What a message is counted by. */
export interface CountingStep {
  readonly plan: Plan;
  readonly evaluation: Evaluation;
  readonly world: World;
}

/** An occurrence on its way into counters. */
export interface Occurrence {
  readonly record: JsonObject;
  /** Start of the visit it belongs to; NaN when it belongs to none. */
  readonly visitStart: Millis;
  /** A view whose time is not known yet. */
  readonly waits: boolean;
}

export function count(
  step: CountingStep,
  actor: Actor,
  counter: CounterPlan,
  occurrence: Occurrence,
  context: EventContext,
  refuse: Refuse,
): void {
  const { evaluation, world } = step;
  const { window } = counter.shape;
  const { at, clock } = context;
  const { record, visitStart } = occurrence;
  const day = counter.local ? zoneFor(counter.zone, actor).dayOf(at) : 0;
  if (window?.kind === "range" && !rangeHolds(window, { at, day, tiled: true })) return;
  const state = evaluation.stateOf(counter);
  const placed = { at, day: asksOfVisit(counter) ? visitStart : day, visitStart };
  const { distinctValuesMax, itemsMax } = world.limits;
  const waits = occurrence.waits && counter.idleMs !== undefined;
  if (waits && (state.waiting?.length ?? 0) < itemsMax) {
    const zone = counter.zone === "user" ? userZone(actor) : counter.zone;
    letWait(counter, state, { ...placed, clock, zone, record });
    actor.viewing ??= new Set();
    actor.viewing.add(counter.key);
  } else {
    if (waits) refuse({ reason: "limit", detail: waitingText(itemsMax) });
    if (!contribute(counter, state, record, placed, clock, distinctValuesMax)) {
      refuse({ reason: "limit", detail: fullText(counter, distinctValuesMax) });
    }
  }
  state.last = context.seq;
  evaluation.refresh(counter, state);
}
