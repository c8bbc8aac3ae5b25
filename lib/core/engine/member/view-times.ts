// How long views took, where a question reads it: a view whose event does not say waits for the member's next visit
// event. Until then it is 0, and counts as such beside the counter's state, so that nothing has to be taken back.
//
//   view ──waits, 0──▶ next visit event: later by less than the idle time ? that long : 0 ──▶ into the counter for good
import { isTimePath, whereReadsTime } from "../../rules/questions/item-questions.ts";
import type { JsonObject, Millis } from "../../types.ts";
import { contribute } from "../counting/contributions.ts";
import type { CounterState, WaitingView } from "../counting/counters.ts";
import type { CounterPlan } from "../plan/shapes.ts";
import { zoneNamed } from "../time/zones.ts";
import { whereHolds } from "../values.ts";

/** How long a view took once the member's next visit event is there. */
export function viewTimeOf(viewedAt: Millis, nextAt: Millis, idleMs: Millis): Millis {
  const after = nextAt - viewedAt;
  return after > 0 && after < idleMs ? after : 0;
}

/** Keeps a view for later. Of a record whose where has passed without its time, only the time is of interest. */
export function letWait(counter: CounterPlan, state: CounterState, view: WaitingView): void {
  const isRead = counter.where !== undefined && whereReadsTime(counter.where);
  state.waiting ??= [];
  state.waiting.push(isRead ? view : { ...view, record: {} });
}

/** Whether the where of a counter holds on a view that took so long. */
function passes(counter: CounterPlan, view: WaitingView, record: JsonObject): boolean {
  if (counter.where === undefined || !whereReadsTime(counter.where)) return true;
  return whereHolds(record, counter.where, { now: view.clock, zone: zoneNamed(view.zone) });
}

/** The next visit event has come: the views that waited count with their time. False when a value found no room. */
export function settleViews(
  counter: CounterPlan,
  state: CounterState,
  nextAt: Millis,
  clock: Millis,
  distinctMax: number,
): boolean {
  const { waiting } = state;
  state.waiting = undefined;
  let room = true;
  for (const view of waiting ?? []) {
    const record = { ...view.record, time: viewTimeOf(view.at, nextAt, counter.idleMs!) };
    if (!passes(counter, view, record)) continue;
    room = contribute(counter, state, record, view, clock, distinctMax) && room;
  }
  return room;
}

/** The state as it is read now: with the views that wait, at time 0. Not to be kept or changed. */
export function withWaiting(counter: CounterPlan, state: CounterState, clock: Millis): CounterState {
  if (state.waiting === undefined) return state;
  // Nothing is added to a sum by a time of 0.
  if (counter.shape.aggregate === "sum" && isTimePath(counter.of!)) return state;
  let copy: CounterState | undefined;
  for (const view of state.waiting) {
    const record = { ...view.record, time: 0 };
    if (!passes(counter, view, record)) continue;
    copy ??= copyOf(state);
    contribute(counter, copy, record, view, clock, Number.POSITIVE_INFINITY);
  }
  return copy ?? state;
}

function copyOf(state: CounterState): CounterState {
  return {
    ...state,
    set: state.set === undefined ? undefined : new Set(state.set),
    keys: [...state.keys],
    as: [...state.as],
    bs: [...state.bs],
    sets: state.sets?.map((values) => new Set(values)),
  };
}
