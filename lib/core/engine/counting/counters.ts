// The answer to one question about what a person did ("how many views in the last 7 days"), kept up to date event by
// event and moved by silence. A counter keeps cells: occurrences that turn old together, one cell a tile or a day.
//
//   time ──▶   [dropped: turned old] [in the window ……………] [not yet in it (ago)]
//
// `shown` is the value that the index last saw; between two deadlines no leaf's truth differs from what `shown` gives.
import type { Measure, Window } from "../../rules/ast.ts";
import type { JsonObject, Millis, Seq } from "../../types.ts";
import { isWithin, type Reach } from "../indexes/numeric-index.ts";
import { calendarDays, momentFlips, momentInWindow, tileOf, turnsOld } from "../time/windows.ts";
import type { Zone } from "../time/zones.ts";

/** How occurrences add up: `add` keeps a sum (and a number of values), the others what their names say. */
export type Aggregate = "count" | "sum" | "avg" | "min" | "max" | "distinct" | "first" | "latest";

/** What decides which cell an occurrence falls into. */
export type CellKind = "none" | "tile" | "day" | "visit";

export interface CounterShape {
  readonly aggregate: Aggregate;
  readonly cells: CellKind;
  /** Width of a tile in ms; 0 unless cells are tiles. */
  readonly tile: number;
  readonly window: Window | undefined;
  /** Sums in `last`: `a` and `b` are running totals over the cells, so that a reading costs nothing. */
  readonly running: boolean;
  /** Its value is `a` and `b` as they stand: running, or without cells and sets. */
  readonly plain: boolean;
}

export interface CounterState {
  /** Value the index last saw; NaN is missing. For avg: the sum, with `shownB` the number of values. */
  shown: number;
  shownB: number;
  /** Earliest instant at which silence may flip a leaf of this counter. */
  due: Millis;
  /** Outside cells (of a running counter: over them): sum or count, minimum, maximum, first or latest time. */
  a: number;
  /** Outside cells: number of values; for first and latest: the local day. */
  b: number;
  set: Set<string | number> | undefined;
  /** Cells, ascending by key. */
  keys: number[];
  as: number[];
  bs: number[];
  sets: Set<string | number>[] | undefined;
  /** Views whose time is not known yet; only of questions that read it. */
  waiting: WaitingView[] | undefined;
  /** Log position of the newest message that gave it something, for explain; 0 while none did. */
  last: Seq;
}

export function newCounter(shape: CounterShape): CounterState {
  const none = missingOf(shape.aggregate);
  return {
    shown: none,
    shownB: 0,
    due: Number.POSITIVE_INFINITY,
    a: shape.aggregate === "first" || shape.aggregate === "latest" ? Number.NaN : 0,
    b: 0,
    set: undefined,
    keys: [],
    as: [],
    bs: [],
    sets: undefined,
    waiting: undefined,
    last: 0,
  };
}

/** Forgets every occurrence. What its leaves saw last stands until it is read anew. */
export function emptyCounter(shape: CounterShape, state: CounterState): void {
  const { shown, shownB, due } = state;
  Object.assign(state, newCounter(shape), { shown, shownB, due });
}

/** The value over no occurrence: 0, or missing. */
export function missingOf(aggregate: Aggregate): number {
  return aggregate === "count" || aggregate === "sum" || aggregate === "distinct" ? 0 : Number.NaN;
}

export function shapeOf(measure: Measure, window: Window | undefined): CounterShape {
  const aggregate = aggregateOf(measure);
  const common = { aggregate, tile: 0, window, running: false, plain: false };
  if (window === undefined || window.kind === "range" || window.kind === "next" || "in" in measure) {
    return { ...common, cells: "none", plain: aggregate !== "distinct" && window?.kind !== "next" };
  }
  if (window.kind === "calendar") return { ...common, cells: "day" };
  if (window.kind === "visit") return { ...common, cells: "visit" };
  const widths =
    window.kind === "last"
      ? [tileOf(window.ms)]
      : [window.gteMs, window.ltMs].flatMap((ms) => (ms === undefined ? [] : [tileOf(ms)]));
  const running = window.kind === "last" && (aggregate === "count" || aggregate === "sum" || aggregate === "avg");
  return { aggregate, cells: "tile", tile: Math.min(...widths), window, running, plain: running };
}

function aggregateOf(measure: Measure): Aggregate {
  switch (measure.kind) {
    case "days":
    case "visits":
      return "distinct";
    case "total":
      return "sum";
    case "average":
      return "avg";
    case "largest":
      return "max";
    default:
      return measure.kind;
  }
}

/** What an occurrence gives a counter. One object is used again and again, so nobody may keep it. */
export interface Contribution {
  at: Millis;
  day: number;
  /** For sum, avg, min, max; NaN is no number. */
  number: number;
  /** For distinct; undefined counts for nothing. */
  value: string | number | undefined;
  /** Start of the visit it belongs to; NaN when it belongs to none. */
  visitStart: Millis;
}

/** Adds an occurrence. False when a distinct counter is full and the value is new: nothing was added. */
export function addOccurrence(
  shape: CounterShape,
  state: CounterState,
  given: Contribution,
  now: Millis,
  distinctMax: number,
): boolean {
  const { aggregate } = shape;
  if (aggregate === "first" || aggregate === "latest") {
    const better = Number.isNaN(state.a) || (aggregate === "first" ? given.at < state.a : given.at >= state.a);
    if (better) {
      state.a = given.at;
      state.b = given.day;
    }
    return true;
  }
  if (aggregate === "distinct") {
    if (given.value === undefined) return true;
    if (isFull(state, distinctMax) && !knows(state, given.value)) return false;
  } else if (aggregate !== "count" && Number.isNaN(given.number)) return true;

  if (shape.cells === "visit" && Number.isNaN(given.visitStart)) return true;
  if (shape.cells === "none") {
    state.set = put(aggregate, state, state.set, given);
    return true;
  }
  const key = cellKey(shape, given);
  if (shape.cells === "tile" && isOver(shape, key, now)) return true;
  if (isMatured(shape, key, now)) {
    state.set = put(aggregate, state, state.set, given);
    return true;
  }
  addToCell(shape, state, key, given);
  return true;
}

function cellKey(shape: CounterShape, given: Contribution): number {
  if (shape.cells === "tile") return Math.floor(given.at / shape.tile) * shape.tile;
  return shape.cells === "day" ? given.day : given.visitStart;
}

/** Combines one value into a pair (a, b) and a set; returns the set. */
function put(
  aggregate: Aggregate,
  into: { a: number; b: number },
  set: Set<string | number> | undefined,
  given: Contribution,
): Set<string | number> | undefined {
  switch (aggregate) {
    case "count":
      into.a += 1;
      return set;
    case "distinct":
      return (set ?? new Set()).add(given.value!);
    case "min":
      into.a = into.b === 0 ? given.number : Math.min(into.a, given.number);
      break;
    case "max":
      into.a = into.b === 0 ? given.number : Math.max(into.a, given.number);
      break;
    default:
      into.a += given.number;
  }
  into.b += 1;
  return set;
}

function addToCell(shape: CounterShape, state: CounterState, key: number, given: Contribution): void {
  const { keys, as, bs } = state;
  let index = keys.length - 1;
  while (index >= 0 && keys[index]! > key) index -= 1;
  if (index < 0 || keys[index] !== key) {
    index += 1;
    insertCell(shape, state, index, key);
  }
  switch (shape.aggregate) {
    case "count":
      as[index]! += 1;
      if (shape.running) state.a += 1;
      return;
    case "distinct":
      state.sets![index]!.add(given.value!);
      return;
    case "min":
      as[index] = bs[index] === 0 ? given.number : Math.min(as[index]!, given.number);
      break;
    case "max":
      as[index] = bs[index] === 0 ? given.number : Math.max(as[index]!, given.number);
      break;
    default:
      as[index]! += given.number;
      if (shape.running) {
        state.a += given.number;
        state.b += 1;
      }
  }
  bs[index]! += 1;
}

function insertCell(shape: CounterShape, state: CounterState, index: number, key: number): void {
  if (shape.aggregate === "distinct") {
    state.sets ??= [];
    state.sets.splice(index, 0, new Set());
  }
  if (index === state.keys.length) {
    state.keys.push(key);
    state.as.push(0);
    state.bs.push(0);
    return;
  }
  state.keys.splice(index, 0, key);
  state.as.splice(index, 0, 0);
  state.bs.splice(index, 0, 0);
}

function isFull(state: CounterState, max: number): boolean {
  let size = state.set?.size ?? 0;
  for (const set of state.sets ?? []) size += set.size;
  // Values that stand in several cells count once; the exact count is only made where it may matter.
  return size >= max && new Set([...(state.set ?? []), ...(state.sets ?? []).flatMap((set) => [...set])]).size >= max;
}

function knows(state: CounterState, value: string | number): boolean {
  return (state.set?.has(value) ?? false) || (state.sets?.some((set) => set.has(value)) ?? false);
}

/** A tile that has left its window for good. */
function isOver(shape: CounterShape, key: number, now: Millis): boolean {
  const { window } = shape;
  if (window?.kind === "last") return now >= turnsOld(key, window.ms);
  return window?.kind === "ago" && window.ltMs !== undefined && now >= turnsOld(key, window.ltMs);
}

/** A tile that has entered a window it never leaves. */
function isMatured(shape: CounterShape, key: number, now: Millis): boolean {
  const { window } = shape;
  return window?.kind === "ago" && window.ltMs === undefined && now >= turnsOld(key, window.gteMs!);
}

/** What a counter needs to know of its owner to be read. */
export interface CounterView {
  readonly now: Millis;
  readonly zone: Zone;
  /** The visit under way: its start, last event and end (last + idle time); NaN when there has been none. */
  readonly visitStart: Millis;
  readonly visitLast: Millis;
  readonly visitEnd: Millis;
  /** Start of the oldest visit that can still change. */
  readonly visitFloor: Millis;
}

/** Forgets cells that never count again and folds matured ones into the base. */
export function settle(shape: CounterShape, state: CounterState, view: CounterView): void {
  let gone = 0;
  const { keys } = state;
  if (shape.running) {
    settleRunning(shape, state, view.now);
    return;
  }
  if (shape.cells === "tile") {
    while (gone < keys.length && isOver(shape, keys[gone]!, view.now)) gone += 1;
    if (gone === 0) {
      while (gone < keys.length && isMatured(shape, keys[gone]!, view.now)) {
        foldCell(shape, state, gone);
        gone += 1;
      }
    }
  } else if (shape.cells === "day" && shape.window?.kind === "calendar") {
    // Two days of grace: a new zone can move today back, over the start of a month too.
    const first = calendarDays(shape.window, view.zone.dayOf(view.now) - 2)[0];
    while (gone < keys.length && keys[gone]! < first) gone += 1;
  } else if (shape.cells === "visit") {
    while (gone < keys.length && keys[gone]! < view.visitFloor) gone += 1;
  }
  if (gone > 0) dropCells(state, gone);
}

/** The same for a running counter, which only needs the clock. */
export function settleRunning(shape: CounterShape, state: CounterState, now: Millis): void {
  let gone = 0;
  const { keys } = state;
  while (gone < keys.length && isOver(shape, keys[gone]!, now)) {
    state.a -= state.as[gone]!;
    state.b -= state.bs[gone]!;
    gone += 1;
  }
  if (gone > 0) dropCells(state, gone);
}

function dropCells(state: CounterState, count: number): void {
  state.keys.splice(0, count);
  state.as.splice(0, count);
  state.bs.splice(0, count);
  state.sets?.splice(0, count);
}

function foldCell(shape: CounterShape, state: CounterState, index: number): void {
  if (shape.aggregate === "distinct") {
    state.set ??= new Set();
    for (const value of state.sets![index]!) state.set.add(value);
    return;
  }
  const [a, b] = [state.as[index]!, state.bs[index]!];
  if (shape.aggregate === "min") state.a = state.b === 0 ? a : Math.min(state.a, a);
  else if (shape.aggregate === "max") state.a = state.b === 0 ? a : Math.max(state.a, a);
  else state.a += a;
  state.b += b;
}

export interface CounterValue {
  value: number;
  /** For avg: the number of values. */
  b: number;
}

/** Reads a settled counter. `canonical` maps a distinct value to what it is counted as (visits that merged). */
export function readCounter(
  shape: CounterShape,
  state: CounterState,
  view: CounterView,
  canonical?: (value: string | number) => string | number,
): CounterValue {
  const { aggregate } = shape;
  if (aggregate === "first" || aggregate === "latest") return { value: state.a, b: state.b };
  if (shape.window?.kind === "next") return { value: missingOf(aggregate), b: 0 };
  if (shape.running || (shape.cells === "none" && aggregate !== "distinct")) return totalOf(aggregate, state);
  const total = { a: state.a, b: state.b };
  const set = aggregate === "distinct" ? new Set<string | number>() : undefined;
  const collect = (values: Iterable<string | number>): void => {
    for (const value of values) set!.add(canonical === undefined ? value : canonical(value));
  };
  if (set !== undefined && state.set !== undefined) collect(state.set);
  for (let index = 0; index < state.keys.length; index += 1) {
    if (!cellCounts(shape, state.keys[index]!, view)) continue;
    if (set !== undefined) collect(state.sets![index]!);
    else combine(aggregate, total, state.as[index]!, state.bs[index]!);
  }
  if (set !== undefined) return { value: set.size, b: 0 };
  return totalOf(aggregate, total);
}

function totalOf(aggregate: Aggregate, total: { readonly a: number; readonly b: number }): CounterValue {
  const counts = aggregate === "count" || aggregate === "sum" || total.b > 0;
  return { value: counts ? total.a : Number.NaN, b: total.b };
}

function combine(aggregate: Aggregate, total: { a: number; b: number }, a: number, b: number): void {
  if (aggregate === "min") total.a = total.b === 0 ? a : Math.min(total.a, a);
  else if (aggregate === "max") total.a = total.b === 0 ? a : Math.max(total.a, a);
  else total.a += a;
  total.b += b;
}

function cellCounts(shape: CounterShape, key: number, view: CounterView): boolean {
  if (shape.cells === "visit") return key >= view.visitStart && key <= view.visitLast && view.now < view.visitEnd;
  const moment = { at: key, day: key, tiled: true };
  // A tile that begins before the clock's own millisecond is never ahead of it, so only its age matters.
  return momentInWindow(shape.window!, moment, view.now, view.zone);
}

/** The next instant after now at which the value may change by silence; Infinity when it never does. */
export function nextChange(shape: CounterShape, state: CounterState, view: CounterView): Millis {
  const { aggregate, window } = shape;
  if (window === undefined) return Number.POSITIVE_INFINITY;
  if (aggregate === "first" || aggregate === "latest") return Number.POSITIVE_INFINITY;
  if (shape.cells === "visit") {
    const counts = state.keys.some((key) => cellCounts(shape, key, view));
    return counts ? view.visitEnd : Number.POSITIVE_INFINITY;
  }
  let next = Number.POSITIVE_INFINITY;
  for (const key of state.keys) {
    // Tiles leave in their order, so the first that is still to leave decides.
    if (window.kind === "last" && next !== Number.POSITIVE_INFINITY) return next;
    const flips = momentFlips(window, { at: key, day: key, tiled: true }, view.now, view.zone);
    if (flips < next) next = flips;
  }
  return next;
}

/**
 * For a sum or count in `last`: the first instant at which the value, shrinking cell by cell, leaves the reach within
 * which it passes no bound. Sharper than nextChange, so that fewer wake-ups flip nothing.
 */
export function nextCrossing(shape: CounterShape, state: CounterState, reach: Reach): Millis {
  const window = shape.window as Extract<Window, { kind: "last" }>;
  const { keys, as } = state;
  let value = state.shown;
  for (let index = 0; index < keys.length; index += 1) {
    value -= as[index]!;
    if (!isWithin(value, reach)) return turnsOld(keys[index]!, window.ms);
  }
  return Number.POSITIVE_INFINITY;
}

/** Where in time an occurrence lies. */
export interface Placed {
  readonly at: Millis;
  /** Its local day; 0 where the counter reads none. */
  readonly day: number;
  /** Start of the visit it belongs to; NaN when it belongs to none. */
  readonly visitStart: Millis;
}

/** A view that waits, as one counter will take it. */
export interface WaitingView extends Placed {
  /** Clock and zone as of which its where is read. */
  readonly clock: Millis;
  readonly zone: string;
  /** What the counter reads of it, but for the time. */
  readonly record: JsonObject;
}
