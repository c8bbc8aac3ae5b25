// Tiles, local days and windows, as rules.md 4.2 defines them and nothing cleverer. Zones come from temporal-polyfill,
// the engine's from Intl directly: a mistake in one shows against the other.
import { Temporal } from "temporal-polyfill";
import type { RangeBound, Window } from "../core/rules/ast.ts";
import { parseDay } from "../core/rules/parse/dates.ts";
import { isZone as isZoneName } from "../core/rules/parse/parse.ts";
import type { Millis } from "../core/types.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Days since 1970-01-01: a local date as a number. */
export type DayNumber = number;
type CalendarUnit = "days" | "weeks" | "months";

export function tileOf(span: number): number {
  if (span <= HOUR) return SECOND;
  if (span <= 2 * DAY) return MINUTE;
  return span <= 90 * DAY ? HOUR : DAY;
}

/** The instant at which what happened at `time` turns `span` old: the end of its tile + span. */
export function turns(time: Millis, span: number): Millis {
  const tile = tileOf(span);
  return (Math.floor(time / tile) + 1) * tile + span;
}

const zonesTried = new Map<string, boolean>();

export function isZone(name: unknown): name is string {
  if (typeof name !== "string") return false;
  const known = zonesTried.get(name) ?? isZoneName(name);
  zonesTried.set(name, known);
  return known;
}

const firstInstants = new Map<string, Millis>();

/** The first instant of a local day: midnight, or what comes in its place where a zone skips midnight. */
export function firstInstantOf(day: DayNumber, zone: string): Millis {
  if (zone === "UTC") return day * DAY;
  const key = `${zone} ${day}`;
  let instant = firstInstants.get(key);
  if (instant === undefined) {
    instant = calendarDateOf(day).toZonedDateTime(zone).epochMilliseconds;
    firstInstants.set(key, instant);
  }
  return instant;
}

function calendarDateOf(day: DayNumber): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(day * DAY)
    .toZonedDateTimeISO("UTC")
    .toPlainDate();
}

/** The latest local day whose first instant is at or before `time`. */
export function localDayOf(time: Millis, zone: string): DayNumber {
  if (zone === "UTC") return Math.floor(time / DAY);
  const date = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(zone).toPlainDate();
  const label = dayNumberOf(date);
  // A clock that is turned back over midnight shows yesterday's date again; the day has begun all the same.
  return firstInstantOf(label + 1, zone) <= time ? label + 1 : label;
}

function dayNumberOf(date: Temporal.PlainDate): DayNumber {
  return date.toZonedDateTime("UTC").epochMilliseconds / DAY;
}

const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** What the wall clock of a zone shows: "HH:MM" and mon … sun. */
export function wallClockOf(time: Millis, zone: string): { readonly time: string; readonly weekday: string } {
  const shown = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(zone);
  const two = (value: number) => String(value).padStart(2, "0");
  return { time: `${two(shown.hour)}:${two(shown.minute)}`, weekday: WEEKDAYS[shown.dayOfWeek - 1]! };
}

const MINUTES_A_DAY = 24 * 60;

/**
 * Every instant from two days before `clock` to three days after it at which a zone's wall clock comes to one of these times
 * ("HH:MM"), or is put forward or back. A time that is repeated is told twice; one that is skipped gives an instant at
 * which nothing changes.
 */
export function wallInstants(clock: Millis, times: Iterable<string>, zone: string): Millis[] {
  const today = localDayOf(clock, zone);
  const days = [-2, -1, 0, 1, 2, 3].map((after) => today + after);
  const told = days.flatMap((day) => [...times].flatMap((time) => instantsOf(day, time, zone)));
  return [...told, ...transitionsAfter(clock, zone)];
}

const INSTANTS_KNOWN_MAX = 100_000;
const instantsKnown = new Map<string, readonly Millis[]>();

/** When the wall clock shows a time on a date: twice where it is turned back over it. */
function instantsOf(day: DayNumber, time: string, zone: string): readonly Millis[] {
  const key = `${zone} ${day} ${time}`;
  let instants = instantsKnown.get(key);
  if (instants === undefined) {
    const plain = calendarDateOf(day).toPlainDateTime(Temporal.PlainTime.from(time));
    instants = (["earlier", "later"] as const).map(
      (disambiguation) => plain.toZonedDateTime(zone, { disambiguation }).epochMilliseconds,
    );
    if (instantsKnown.size >= INSTANTS_KNOWN_MAX) instantsKnown.clear();
    instantsKnown.set(key, instants);
  }
  return instants;
}

/** By zone, the last answer: from when on it was asked for, and the transition that follows. */
const transitionsKnown = new Map<string, { readonly from: Millis; readonly next: Millis | undefined }>();

/** When the wall clock is next put forward or back. */
function transitionsAfter(clock: Millis, zone: string): Millis[] {
  let known = transitionsKnown.get(zone);
  if (known === undefined || clock < known.from || clock >= (known.next ?? Number.POSITIVE_INFINITY)) {
    const now = Temporal.Instant.fromEpochMilliseconds(clock).toZonedDateTimeISO(zone);
    known = { from: clock, next: now.getTimeZoneTransition("next")?.epochMilliseconds };
    transitionsKnown.set(zone, known);
  }
  return known.next === undefined ? [] : [known.next];
}

export function minuteAfter(time: string): string {
  const [hours, minutes] = time.split(":").map(Number);
  return timeOfMinute((hours! * 60 + minutes! + 1) % MINUTES_A_DAY);
}

export function everyMinute(): string[] {
  return Array.from({ length: MINUTES_A_DAY }, (_, minute) => timeOfMinute(minute));
}

function timeOfMinute(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((value) => String(value).padStart(2, "0")).join(":");
}

/** The instants at which a window that is the same for every clock begins and ends. */
export function rangeInstants(window: Window, zone: string): Millis[] {
  if (window.kind !== "range") return [];
  const { from, to } = window;
  return [...boundInstants(from, 0, zone), ...boundInstants(to, 1, zone)];
}

function boundInstants(bound: RangeBound | undefined, daysAfter: number, zone: string): Millis[] {
  if (bound === undefined) return [];
  return ["at" in bound ? bound.at : firstInstantOf(parseDay(bound.day)! / DAY + daysAfter, zone)];
}

/** Which day, week (from Monday) or month a local day lies in, counted through without gaps. */
function periodOf(unit: CalendarUnit, day: DayNumber): number {
  if (unit === "days") return day;
  // Day 0 was a Thursday, so the Monday before it is day −3.
  if (unit === "weeks") return Math.floor((day + 3) / 7);
  const date = Temporal.Instant.fromEpochMilliseconds(day * DAY).toZonedDateTimeISO("UTC");
  return date.year * 12 + date.month - 1;
}

function firstDayOf(unit: CalendarUnit, period: number): DayNumber {
  if (unit === "days") return period;
  if (unit === "weeks") return period * 7 - 3;
  const year = Math.floor(period / 12);
  return dayNumberOf(Temporal.PlainDate.from({ year, month: period - year * 12 + 1, day: 1 }));
}

/** A time and the local day it counts for. */
export interface Placed {
  readonly time: Millis;
  readonly day: () => DayNumber;
}

/** When something is looked at: the clock, and the zone that local days are read in. */
export interface Moment {
  readonly clock: Millis;
  readonly zone: string;
}

/** Whether an occurrence lies in a window. Visits are the caller's: it knows which one is under way. */
export function occurrenceLies(window: Exclude<Window, { kind: "visit" }>, what: Placed, now: Moment): boolean {
  switch (window.kind) {
    case "last":
      return now.clock < turns(what.time, window.ms);
    case "ago": {
      const turnedOld = window.gteMs === undefined || now.clock >= turns(what.time, window.gteMs);
      return turnedOld && (window.ltMs === undefined || now.clock < turns(what.time, window.ltMs));
    }
    case "next":
      return false;
    default:
      return localLies(window, what, now);
  }
}

/** Whether what happened at `time` has left a window for good: no clock goes back. */
export function isOver(window: Window, time: Millis, clock: Millis): boolean {
  const span = window.kind === "last" ? window.ms : window.kind === "ago" ? window.ltMs : undefined;
  return span !== undefined && clock >= turns(time, span);
}

/** Whether a date held as a value lies in a window: no tiles, and it belongs to no visit. */
export function dateLies(window: Window, date: Placed, now: Moment): boolean {
  const { clock } = now;
  switch (window.kind) {
    case "last":
      return date.time <= clock && clock < date.time + window.ms;
    case "ago": {
      const turnedOld = window.gteMs === undefined || clock >= date.time + window.gteMs;
      return date.time <= clock && turnedOld && (window.ltMs === undefined || clock < date.time + window.ltMs);
    }
    case "next":
      return clock < date.time && date.time <= clock + window.ms;
    case "visit":
      return false;
    default:
      return localLies(window, date, now);
  }
}

function localLies(window: Extract<Window, { kind: "calendar" | "range" }>, what: Placed, now: Moment): boolean {
  if (window.kind === "calendar") {
    const current = periodOf(window.unit, todayOf(now)) - window.skip;
    const its = periodOf(window.unit, what.day());
    return current - window.n < its && its <= current;
  }
  return isFrom(window.from, what) && isTo(window.to, what);
}

let lastToday: Moment & { readonly day: DayNumber } = { clock: 0, zone: "UTC", day: 0 };

/** The same moment is asked for every occurrence in turn. */
function todayOf({ clock, zone }: Moment): DayNumber {
  if (lastToday.clock !== clock || lastToday.zone !== zone) lastToday = { clock, zone, day: localDayOf(clock, zone) };
  return lastToday.day;
}

function isFrom(bound: RangeBound | undefined, what: Placed): boolean {
  if (bound === undefined) return true;
  return "at" in bound ? what.time >= bound.at : what.day() >= parseDay(bound.day)! / DAY;
}

function isTo(bound: RangeBound | undefined, what: Placed): boolean {
  if (bound === undefined) return true;
  return "at" in bound ? what.time < bound.at : what.day() <= parseDay(bound.day)! / DAY;
}

/** Every instant at which silence might move an occurrence into or out of a window; some of them move nothing. */
export function occurrenceInstants(window: Window, what: Placed, zone: string): Millis[] {
  switch (window.kind) {
    case "last":
      return [turns(what.time, window.ms)];
    case "ago":
      return [window.gteMs, window.ltMs].flatMap((span) => (span === undefined ? [] : [turns(what.time, span)]));
    case "calendar":
      return calendarInstants(window, what.day(), zone);
    default:
      return [];
  }
}

/** The same for a date held as a value, which may lie ahead of the clock. */
export function dateInstants(window: Window, date: Placed, zone: string): Millis[] {
  switch (window.kind) {
    case "last":
      return [date.time, date.time + window.ms];
    case "ago":
      return [date.time, date.time + (window.gteMs ?? 0), date.time + (window.ltMs ?? 0)];
    case "next":
      return [date.time - window.ms, date.time];
    case "calendar":
      return calendarInstants(window, date.day(), zone);
    default:
      return [];
  }
}

function calendarInstants(window: Extract<Window, { kind: "calendar" }>, day: DayNumber, zone: string): Millis[] {
  const period = periodOf(window.unit, day) + window.skip;
  return [period, period + window.n].map((edge) => firstInstantOf(firstDayOf(window.unit, edge), zone));
}
