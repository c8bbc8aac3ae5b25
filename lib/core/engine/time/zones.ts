// Local days and hours of a time zone, from Intl, cached. A local day runs from its first instant to the next one's,
// so it has 23 to 25 hours, and a date that a zone skipped has none. Days are numbered from 1970-01-01 = 0.
import { parseDay, parseInstant } from "../../rules/parse/dates.ts";
import type { Millis } from "../../types.ts";

const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
const SLOT = 900_000;
const CACHE_MAX = 200_000;

export type DayNo = number;

export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat | undefined;
  readonly #offsets = new Map<number, number>();
  readonly #starts = new Map<DayNo, Millis>();

  constructor(name: string) {
    this.name = name;
    this.#format =
      name === "UTC"
        ? undefined
        : new Intl.DateTimeFormat("en-US", {
            timeZone: name,
            hourCycle: "h23",
            era: "short",
            year: "numeric",
            month: "numeric",
            day: "numeric",
            hour: "numeric",
            minute: "numeric",
            second: "numeric",
          });
  }

  /** Local time minus UTC at an instant, in ms. */
  offsetAt(at: Millis): number {
    if (this.#format === undefined) return 0;
    const slot = Math.floor(at / SLOT);
    let offset = this.#offsets.get(slot);
    if (offset === undefined) {
      const first = this.#measure(slot * SLOT);
      // Nearly every change falls on a quarter of an hour; a slot with a change inside is never cached.
      offset = first === this.#measure(slot * SLOT + SLOT - 1000) ? first : Number.NaN;
      if (this.#offsets.size > CACHE_MAX) this.#offsets.clear();
      this.#offsets.set(slot, offset);
    }
    return Number.isNaN(offset) ? this.#measure(at) : offset;
  }

  dayOf(at: Millis): DayNo {
    if (this.#format === undefined) return Math.floor(at / DAY);
    let day = Math.floor((at + this.offsetAt(at)) / DAY);
    // Where clocks go back over midnight, the new day has begun although the clock shows the old one again.
    while (this.dayStart(day + 1) <= at) day += 1;
    return day;
  }

  /** The first instant whose local date is this day or later. */
  dayStart(day: DayNo): Millis {
    if (this.#format === undefined) return day * DAY;
    let start = this.#starts.get(day);
    if (start === undefined) {
      start = this.#findStart(day);
      if (this.#starts.size > CACHE_MAX) this.#starts.clear();
      this.#starts.set(day, start);
    }
    return start;
  }

  /** "HH:MM" on the wall clock. */
  timeOfDay(at: Millis): string {
    const local = at + this.offsetAt(at);
    const minutes = Math.floor((local - Math.floor(local / DAY) * DAY) / 60_000);
    return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  }

  weekday(at: Millis): string {
    return weekdayOf(Math.floor((at + this.offsetAt(at)) / DAY));
  }

  /** The first instant in (after, before) from which another offset holds; `before` when there is none. */
  nextOffset(after: Millis, before: Millis): Millis {
    if (this.#format === undefined) return before;
    const offset = this.offsetAt(after);
    // Offsets change at whole seconds.
    for (let low = Math.floor(after / 1000) * 1000; low < before; low += HOUR) {
      if (this.offsetAt(low + HOUR) !== offset) return Math.min(before, this.#changeWithin(low, low + HOUR));
    }
    return before;
  }

  #findStart(day: DayNo): Millis {
    const from = day * DAY - 16 * HOUR;
    const to = day * DAY + 16 * HOUR;
    for (let at = from; at < to; at += HOUR) {
      const change = this.#changeWithin(at, at + HOUR);
      for (const [low, high] of [
        [at, change],
        [change, at + HOUR],
      ] as const) {
        const start = Math.max(low, day * DAY - this.offsetAt(low));
        if (start < high) return start;
      }
    }
    return to;
  }

  /** The instant within (low, high] from which the offset at `high` holds; `high` when it holds all along. */
  #changeWithin(low: Millis, high: Millis): Millis {
    const before = this.offsetAt(low);
    if (this.offsetAt(high - 1000) === before) return high;
    let same = low;
    let other = high - 1000;
    while (other - same > 1000) {
      const middle = same + Math.floor((other - same) / 2000) * 1000;
      if (this.offsetAt(middle) === before) same = middle;
      else other = middle;
    }
    return other;
  }

  #measure(at: Millis): number {
    const second = Math.floor(at / 1000) * 1000;
    let [year, month, day, hour, minute, seconds] = [0, 1, 1, 0, 0, 0];
    let era = "AD";
    for (const { type, value } of this.#format!.formatToParts(second)) {
      if (type === "year") year = Number(value);
      else if (type === "month") month = Number(value);
      else if (type === "day") day = Number(value);
      else if (type === "hour") hour = Number(value);
      else if (type === "minute") minute = Number(value);
      else if (type === "second") seconds = Number(value);
      else if (type === "era") era = value;
    }
    if (era !== "AD") year = 1 - year;
    return Date.UTC(year, month - 1, day, hour, minute, seconds) - second;
  }
}

const zones = new Map<string, Zone>();

/** Throws RangeError on a name that is no zone. */
export function zoneNamed(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = new Zone(name);
    zones.set(name, zone);
  }
  return zone;
}

const known = new Map<string, boolean>();

export function isZoneName(name: unknown): name is string {
  if (typeof name !== "string" || name === "" || name.length > 64) return false;
  // Offsets such as "+02:00" are accepted by newer runtimes only, so they are no zone names here.
  if (/^[+-]/.test(name)) return false;
  let valid = known.get(name);
  if (valid === undefined) {
    try {
      zoneNamed(name);
      valid = true;
    } catch {
      valid = false;
    }
    if (known.size > 10_000) known.clear();
    known.set(name, valid);
  }
  return valid;
}

const WEEKDAYS = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"] as const;

export function weekdayOf(day: DayNo): string {
  return WEEKDAYS[((day % 7) + 7) % 7]!;
}

/** Weeks are numbered by their Mondays; 1970-01-01 was a Thursday. */
export function weekOf(day: DayNo): number {
  return Math.floor((day + 3) / 7);
}

export function firstDayOfWeek(week: number): DayNo {
  return week * 7 - 3;
}

export function monthOf(day: DayNo): number {
  const date = new Date(day * DAY);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

export function firstDayOfMonth(month: number): DayNo {
  return Math.round(Date.UTC(Math.floor(month / 12), ((month % 12) + 12) % 12, 1) / DAY);
}

/** `YYYY-MM-DD` as a day number; undefined when it is no such date. */
export function parseDayNo(text: string): DayNo | undefined {
  const midnight = parseDay(text);
  return midnight === undefined ? undefined : midnight / DAY;
}

/** A date held as text: a day (midnight in the zone) or RFC 3339 (without offset, UTC); undefined when it is neither. */
export function parseDate(text: string, zone: Zone): Millis | undefined {
  if (text.length < 10 || text.length > 40) return undefined;
  if (text.length > 10) return parseInstant(text);
  const day = parseDayNo(text);
  return day === undefined ? undefined : zone.dayStart(day);
}
