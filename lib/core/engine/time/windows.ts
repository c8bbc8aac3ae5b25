// When a single moment lies in a window, and when that changes by silence alone. Occurrences turn old at the end of
// their tile plus D; dates held as values turn old exactly D later. Counters over many occurrences build on this.
import type { RangeBound, Window } from "../../rules/ast.ts";
import type { Millis } from "../../types.ts";
import { DAY, type DayNo, firstDayOfMonth, firstDayOfWeek, monthOf, parseDayNo, weekOf, type Zone } from "./zones.ts";

/** Tile width for a duration: 1 s up to an hour, 1 min up to 2 days, 1 h up to 90 days, else a day. */
export function tileOf(duration: number): number {
  if (duration <= 3_600_000) return 1_000;
  if (duration <= 2 * DAY) return 60_000;
  if (duration <= 90 * DAY) return 3_600_000;
  return DAY;
}

/** The instant at which an occurrence turns `duration` old. */
export function turnsOld(at: Millis, duration: number): Millis {
  const tile = tileOf(duration);
  return Math.floor(at / tile) * tile + tile + duration;
}

/** First and last day, both included, of a calendar window as seen on a day. */
export function calendarDays(window: Extract<Window, { kind: "calendar" }>, today: DayNo): readonly [DayNo, DayNo] {
  const { unit, n, skip } = window;
  if (unit === "days") return [today - skip - n + 1, today - skip];
  if (unit === "weeks") {
    const last = weekOf(today) - skip;
    return [firstDayOfWeek(last - n + 1), firstDayOfWeek(last + 1) - 1];
  }
  const last = monthOf(today) - skip;
  return [firstDayOfMonth(last - n + 1), firstDayOfMonth(last + 1) - 1];
}

/** The days on which a calendar window begins and ceases to hold a given day: [first, first after). */
function calendarHolds(window: Extract<Window, { kind: "calendar" }>, day: DayNo): readonly [DayNo, DayNo] {
  const { unit, n, skip } = window;
  if (unit === "days") return [day + skip, day + skip + n];
  if (unit === "weeks") {
    const week = weekOf(day) + skip;
    return [firstDayOfWeek(week), firstDayOfWeek(week + n)];
  }
  const month = monthOf(day) + skip;
  return [firstDayOfMonth(month), firstDayOfMonth(month + n)];
}

/** One moment as a window sees it. `day` is its local date, which for an occurrence was fixed when it was processed. */
export interface Moment {
  readonly at: Millis;
  readonly day: DayNo;
  /** True for an occurrence, false for a date held as a value. */
  readonly tiled: boolean;
}

export function rangeHolds(window: { readonly from?: RangeBound; readonly to?: RangeBound }, moment: Moment): boolean {
  const { from, to } = window;
  if (from !== undefined) {
    if ("at" in from ? moment.at < from.at : moment.day < dayNumber(from.day)) return false;
  }
  if (to !== undefined) {
    if ("at" in to ? moment.at >= to.at : moment.day > dayNumber(to.day)) return false;
  }
  return true;
}

const dayNumbers = new Map<string, DayNo>();
function dayNumber(text: string): DayNo {
  let day = dayNumbers.get(text);
  if (day === undefined) {
    day = parseDayNo(text) ?? Number.NaN;
    dayNumbers.set(text, day);
  }
  return day;
}

/** Whether a moment lies in a window at a clock. `{visit: current}` is decided elsewhere and never holds here. */
export function momentInWindow(window: Window, moment: Moment, now: Millis, zone: Zone): boolean {
  const { at, tiled } = moment;
  // An occurrence ahead of the clock (of an account, told by a partition that is further on) has happened all the same.
  const isAhead = !tiled && at > now;
  switch (window.kind) {
    case "last":
      return !isAhead && now < (tiled ? turnsOld(at, window.ms) : at + window.ms);
    case "ago": {
      if (isAhead) return false;
      if (window.gteMs !== undefined && now < (tiled ? turnsOld(at, window.gteMs) : at + window.gteMs)) return false;
      return window.ltMs === undefined || now < (tiled ? turnsOld(at, window.ltMs) : at + window.ltMs);
    }
    case "next":
      return now < at && at <= now + window.ms;
    case "calendar": {
      const [first, last] = calendarDays(window, zone.dayOf(now));
      return first <= moment.day && moment.day <= last;
    }
    case "range":
      return rangeHolds(window, moment);
    case "visit":
      return false;
  }
}

/** The next instant after `now` at which that may change; Infinity when silence never changes it. */
export function momentFlips(window: Window, moment: Moment, now: Millis, zone: Zone): Millis {
  const { at, tiled } = moment;
  const candidates: Millis[] = [];
  switch (window.kind) {
    case "last":
      candidates.push(at, tiled ? turnsOld(at, window.ms) : at + window.ms);
      break;
    case "ago":
      candidates.push(at);
      if (window.gteMs !== undefined) candidates.push(tiled ? turnsOld(at, window.gteMs) : at + window.gteMs);
      if (window.ltMs !== undefined) candidates.push(tiled ? turnsOld(at, window.ltMs) : at + window.ltMs);
      break;
    case "next":
      candidates.push(at - window.ms, at);
      break;
    case "calendar": {
      const [first, after] = calendarHolds(window, moment.day);
      candidates.push(zone.dayStart(first), zone.dayStart(after));
      break;
    }
    case "range":
    case "visit":
      break;
  }
  let next = Number.POSITIVE_INFINITY;
  for (const instant of candidates) if (instant > now && instant < next) next = instant;
  return next;
}
