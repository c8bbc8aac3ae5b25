// Favourites: how much each value of a catalog type comes to for a member, by views, time, purchases or revenue, and
// which values fewer than `top` others exceed. One memory for all rules that measure the same, whatever they ask of it.
//
//   per value   a row of tiles or days like a counter's ──▶ its amount now ──▶ all amounts in order ──▶ its standing

import type { UserEvent } from "../../events.ts";
import type { FavoriteMeasure, FavoriteRule, Window } from "../../rules/ast.ts";
import { favoriteAction, favoriteKey } from "../../rules/questions/item-questions.ts";
import { isLocalWindow } from "../../rules/questions/texts.ts";
import { windowSentence } from "../../rules/words/sentence.ts";
import type { Json, JsonObject, Millis } from "../../types.ts";
import { waitingText } from "../counting/contributions.ts";
import {
  addOccurrence,
  type CounterShape,
  type CounterState,
  newCounter,
  nextChange,
  type Placed,
  readCounter,
  settle,
  shapeOf,
} from "../counting/counters.ts";
import { makesVisit } from "../event-record.ts";
import type { Actor } from "../member/actor.ts";
import { type Interaction, interactionsOf } from "../member/interactions.ts";
import { viewTimeOf } from "../member/view-times.ts";
import type { RuleScope } from "../plan/shapes.ts";
import { counterView, zoneFor } from "../reading.ts";
import type { Heard, Keep, Reading } from "../readings.ts";
import { rangeHolds } from "../time/windows.ts";
import { amountOf } from "../values.ts";

/** One value, as it is written down: [outside tiles or running total, tiles, their amounts, amount shown, due]. */
type Row = [total: number, keys: number[], amounts: number[], shown: number, due: Millis];

/** A view whose time is not known yet. */
interface WaitingView extends Placed {
  readonly values: readonly string[];
}

interface Affinities {
  /** By value, each behind a mark, so that no value is a word of JavaScript's own. */
  readonly rows: Record<string, Row>;
  size: number;
  waiting: WaitingView[];
  /** Values that were added to since the last settling. */
  added: string[];
}

/** What is shown between two settlings, and which standings the last one moved; it follows from the rows. */
interface Standings {
  /** Amounts above 0, the greatest first. */
  readonly amounts: number[];
  moves: readonly Move[];
}

interface Move {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

const standingsOf = new WeakMap<Affinities, Standings>();

function standings(data: Affinities): Standings {
  let found = standingsOf.get(data);
  if (found === undefined) {
    const amounts = Object.values(data.rows)
      .map((row) => row[3])
      .filter((amount) => amount > 0);
    found = { amounts: amounts.sort((a, b) => b - a), moves: [] };
    standingsOf.set(data, found);
  }
  return found;
}

/** How many of these amounts, the greatest first, are greater. */
function exceeding(amounts: readonly number[], amount: number): number {
  let [low, high] = [0, amounts.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (amounts[middle]! > amount) low = middle + 1;
    else high = middle;
  }
  return low;
}

// ── the rule ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function favoriteReading(rule: FavoriteRule, scope: RuleScope): Reading {
  const { type, ids, by, top, window } = rule;
  const keep = favoriteKeep(rule, scope);
  const { key } = keep;
  const wanted = [...new Set(ids)].sort();
  const among = top === 1 ? `the favorite ${type}` : `among the ${top} favorites of type ${type}`;
  return {
    key: JSON.stringify([key, wanted, top]),
    topics: [topTopic(key, top), ...wanted.flatMap((id) => [valueTopic(key, id), standingTopic(key, id, top)])],
    keep,
    movesByTime: false,
    ofNobody: false,
    holds: (actor) => {
      const data = affinitiesOf(actor, key);
      if (data === undefined) return false;
      const { amounts } = standings(data);
      return wanted.some((id) => {
        const amount = data.rows[mark(id)]?.[3] ?? 0;
        return amount > 0 && exceeding(amounts, amount) < top;
      });
    },
    flips: () => Number.POSITIVE_INFINITY,
    actual: (actor) => actualOf(affinitiesOf(actor, key), by, wanted, top),
    expected: `${among} by ${by}${window === undefined ? "" : ` ${windowSentence(window)}`}`,
  };
}

function affinitiesOf(actor: Actor, key: string): Affinities | undefined {
  return actor.kept.get(key)?.data as Affinities | undefined;
}

function mark(name: string): string {
  return `=${name}`;
}

/** Leaves that ask for so many, leaves about a value, and both. */
function topTopic(key: string, top: number): string {
  return `${key} ${top}`;
}

function valueTopic(key: string, name: string): string {
  return `${key}=${name}`;
}

function standingTopic(key: string, name: string, top: number): string {
  return `${key} ${top}=${name}`;
}

// ── explain ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const SHOWN_MAX = 5;

/** What the rule's own values come to, and the ones in front. */
function actualOf(data: Affinities | undefined, by: FavoriteMeasure, ids: readonly string[], top: number): Json {
  if (data === undefined) return "none";
  const amountIn = (name: string): number => shownAmount(by, data.rows[mark(name)]?.[3] ?? 0);
  const own = ids.filter((id) => mark(id) in data.rows).slice(0, SHOWN_MAX);
  return {
    asked: Object.fromEntries(own.map((id) => [id, amountIn(id)])),
    favorites: Object.fromEntries(leaders(data, Math.min(top, SHOWN_MAX)).map((name) => [name, amountIn(name)])),
  };
}

function leaders(data: Affinities, max: number): string[] {
  return Object.entries(data.rows)
    .filter(([, row]) => row[3] > 0)
    .sort(([a, left], [b, right]) => right[3] - left[3] || (a < b ? -1 : 1))
    .slice(0, max)
    .map(([marked]) => marked.slice(1));
}

/** Amounts as people read them. */
function shownAmount(by: FavoriteMeasure, amount: number): number {
  return by === "views" || by === "purchases" ? amount : amount / 10_000;
}

/** A member's favourites by each measure that some rule has kept, for showing. */
export function affinitiesShown(actor: Actor): JsonObject[] {
  const shown: JsonObject[] = [];
  for (const [key, { data }] of actor.kept) {
    if (!key.includes('"op":"favorite"')) continue;
    const asked = JSON.parse(key) as { readonly op: string; readonly type: string; readonly by: FavoriteMeasure };
    if (asked.op !== "favorite") continue;
    const { type, by, window } = asked as typeof asked & { readonly window?: Window };
    const names = leaders(data as Affinities, SHOWN_MAX);
    const values = names.map((value) => ({
      value,
      amount: shownAmount(by, (data as Affinities).rows[mark(value)]![3]),
    }));
    if (values.length > 0)
      shown.push({ type, by, window: window === undefined ? "all time" : windowSentence(window), values });
  }
  return shown;
}

// ── the memory ──────────────────────────────────────────────────────────────────────────────────────────────────────

interface Measuring {
  readonly rule: FavoriteRule;
  readonly scope: RuleScope;
  readonly shape: CounterShape;
  readonly local: boolean;
}

function favoriteKeep(rule: FavoriteRule, scope: RuleScope): Keep {
  const { by, window } = rule;
  const { items } = scope.vocabulary;
  const counted = by === "views" || by === "purchases";
  const of = { kind: "sum", of: [], is: [] } as const;
  const shape = shapeOf(counted ? { kind: "count", is: [] } : of, window);
  const local = window !== undefined && isLocalWindow(window);
  const measuring: Measuring = { rule, scope, shape, local };
  const action = favoriteAction(by);
  const names = Object.keys(items.events).filter((name) => items.events[name]!.action === action);
  const key = favoriteKey(rule, scope);
  return {
    key,
    // How long a view took is told by whatever visit event comes next.
    names: by === "time" ? "*" : names,
    traits: [],
    followsZone: local && scope.zone === "user",
    visitIdleMs: visitIdleOf(rule, scope),
    create: (): Affinities => ({ rows: {}, size: 0, waiting: [], added: [] }),
    event: (data, event, heard) => hear(measuring, data as Affinities, event, heard),
    change: () => false,
    settle: (data, actor, { now }) => settleRows(measuring, data as Affinities, actor, now),
    topicsMoved: (data, isAsked) => topicsMoved(key, data as Affinities, isAsked),
  };
}

function visitIdleOf({ window }: FavoriteRule, { vocabulary }: RuleScope): Millis | undefined {
  return window?.kind === "visit" ? vocabulary.visitIdleMs : undefined;
}

/** True when some value was added to. */
function hear(measuring: Measuring, data: Affinities, event: UserEvent, heard: Heard): boolean {
  const { by, type } = measuring.rule;
  if (by === "time" && makesVisit(event)) tellTimes(measuring, data, heard);
  const { vocabulary, zone } = measuring.scope;
  const action = favoriteAction(by);
  for (const interaction of interactionsOf(event, vocabulary, heard.world.catalogue)) {
    const values = interaction.values.get(type);
    if (interaction.action !== action || values === undefined) continue;
    const day = measuring.local ? zoneFor(zone, heard.actor).dayOf(heard.at) : 0;
    const placed = { at: heard.at, day, visitStart: heard.visitStart };
    if (by === "time" && interaction.waits) letWait(data, { ...placed, values: [...values] }, heard);
    else add(measuring, data, values, amountIn(by, interaction), placed, heard);
  }
  return data.added.length > 0;
}

function amountIn(by: FavoriteMeasure, { record }: Interaction): number {
  if (by === "views" || by === "purchases") return 1;
  const number = by === "time" ? record.time : record.value;
  return typeof number === "number" ? amountOf(number) : Number.NaN;
}

function letWait(data: Affinities, view: WaitingView, { world, refuse }: Heard): void {
  const { itemsMax } = world.limits;
  if (data.waiting.length < itemsMax) data.waiting.push(view);
  else refuse({ reason: "limit", detail: waitingText(itemsMax) });
}

/** A visit event: how long the views before it took is known now. */
function tellTimes(measuring: Measuring, data: Affinities, heard: Heard): void {
  if (data.waiting.length === 0) return;
  const { waiting } = data;
  data.waiting = [];
  for (const view of waiting) {
    const time = viewTimeOf(view.at, heard.at, measuring.scope.vocabulary.visitIdleMs);
    add(measuring, data, view.values, amountOf(time), view, heard);
  }
}

function add(
  { shape, rule }: Measuring,
  data: Affinities,
  values: Iterable<string>,
  amount: number,
  placed: Placed,
  { clock, world, refuse }: Heard,
): void {
  if (amount === 0 || Number.isNaN(amount)) return;
  if (shape.window?.kind === "range" && !rangeHolds(shape.window, { ...placed, tiled: true })) return;
  for (const value of values) {
    const name = mark(value);
    let row = data.rows[name];
    if (row === undefined) {
      if (data.size >= world.limits.itemsMax) {
        refuse({ reason: "limit", detail: fullText(rule, world.limits.itemsMax) });
        continue;
      }
      row = [0, [], [], 0, Number.POSITIVE_INFINITY];
      data.rows[name] = row;
      data.size += 1;
    }
    const state = stateOf(shape, row);
    addOccurrence(shape, state, { ...placed, number: amount, value: undefined }, clock, 0);
    row[0] = state.a;
    data.added.push(name);
  }
}

function fullText({ type, by }: FavoriteRule, max: number): string {
  return `a new ${type} does not count for favorites by ${by}: ${max} different ones are kept (limits.itemsMax)`;
}

/** A row as a counter, over the same lists. */
function stateOf(shape: CounterShape, [total, keys, amounts, shown, due]: Row): CounterState {
  return { ...newCounter(shape), a: total, keys, as: amounts, bs: keys.map(() => 0), shown, due };
}

/** Brings the rows up to the clock that time or the last event moved; what moved is told by `topicsMoved`. */
function settleRows({ rule, scope, shape, local }: Measuring, data: Affinities, actor: Actor, now: Millis): Millis {
  const view = counterView(actor, zoneFor(scope.zone, actor), now, visitIdleOf(rule, scope));
  // Another zone or another visit may move every value.
  const all = (local && scope.zone === "user") || rule.window?.kind === "visit";
  const added = new Set(data.added);
  data.added = [];
  const { amounts } = standings(data);
  const moves: Move[] = [];
  let due = Number.POSITIVE_INFINITY;
  for (const name of Object.keys(data.rows)) {
    const row = data.rows[name]!;
    if (all || row[4] <= now || added.has(name)) {
      const from = row[3];
      settleRow(shape, row, view);
      if (row[3] !== from) moves.push({ name: name.slice(1), from, to: row[3] });
      if (row[0] === 0 && row[1].length === 0) {
        delete data.rows[name];
        data.size -= 1;
      }
    }
    if (row[4] < due) due = row[4];
  }
  for (const { from, to } of moves) {
    if (from > 0) amounts.splice(exceeding(amounts, from), 1);
    if (to > 0) amounts.splice(exceeding(amounts, to), 0, to);
  }
  standings(data).moves = moves;
  return due;
}

function settleRow(shape: CounterShape, row: Row, view: ReturnType<typeof counterView>): void {
  const state = stateOf(shape, row);
  settle(shape, state, view);
  row[0] = state.a;
  row[3] = readCounter(shape, state, view).value;
  row[4] = nextChange(shape, state, view);
}

/** The leaves whose values came into another standing: those that moved, and those that they passed on their way. */
function topicsMoved(key: string, data: Affinities, isAsked: (topic: string) => boolean): string[] {
  const now = standings(data);
  const { moves, amounts: after } = now;
  if (moves.length === 0) return [];
  const before = [...after];
  for (const { from, to } of moves) {
    if (to > 0) before.splice(exceeding(before, to), 1);
    if (from > 0) before.splice(exceeding(before, from), 0, from);
  }
  const topics: string[] = [];
  const moved = new Set<string>();
  for (const { name, from, to } of moves) {
    moved.add(name);
    const standingBefore = from > 0 ? exceeding(before, from) : undefined;
    const standingAfter = to > 0 ? exceeding(after, to) : undefined;
    if (standingBefore !== standingAfter) topics.push(valueTopic(key, name));
  }
  const low = Math.min(...moves.map(({ from, to }) => Math.min(from, to)));
  const high = Math.max(...moves.map(({ from, to }) => Math.max(from, to)));
  for (const [marked, row] of Object.entries(data.rows)) {
    const amount = row[3];
    if (amount <= 0 || amount < low || amount > high || moved.has(marked.slice(1))) continue;
    const ranks = [exceeding(before, amount), exceeding(after, amount)];
    for (let top = Math.min(...ranks) + 1; top <= Math.max(...ranks); top += 1) {
      if (isAsked(topTopic(key, top))) topics.push(standingTopic(key, marked.slice(1), top));
    }
  }
  return topics;
}
