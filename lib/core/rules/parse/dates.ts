// Dates as people and channels write them: `YYYY-MM-DD` and RFC 3339 date-times, read without a clock or a locale.
// The decoder, the rule parser and whoever tests a date in a value read them here, so that they agree.
import type { Millis } from "../../types.ts";

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const INSTANT =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)?$/;

/** Midnight UTC of a day `YYYY-MM-DD` that exists; else undefined. */
export function parseDay(text: string): Millis | undefined {
  const match = DAY.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const ms = Date.UTC(year, month - 1, day);
  const read = new Date(ms);
  // Date.UTC rolls 30 February over into March; what comes back must be what was written.
  const exists = read.getUTCFullYear() === year && read.getUTCMonth() === month - 1 && read.getUTCDate() === day;
  return exists ? ms : undefined;
}

/**
 * The instant of an RFC 3339 date-time; without an offset it is UTC. Seconds may be missing, and a fraction finer than
 * a millisecond is cut off. A bare day is no instant: see parseDay.
 */
export function parseInstant(text: string): Millis | undefined {
  const fast = parseUtcInstant(text);
  if (fast !== undefined) return fast;
  const match = INSTANT.exec(text);
  if (match === null) return undefined;
  const [, day, hours, minutes, seconds = "0", fraction = "0", , sign, offsetHours = "0", offsetMinutes = "0"] = match;
  const midnight = parseDay(day!);
  if (midnight === undefined) return undefined;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === "-" ? -60_000 : 60_000);
  const clock = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
  return midnight + clock + Number(fraction.padEnd(3, "0").slice(0, 3)) - offset;
}

/** The common letter `2026-11-23T10:00:00.120Z`, digit by digit: most events carry it, and a regexp costs as much as the rest. */
function parseUtcInstant(text: string): Millis | undefined {
  if (text.length !== 24 || text.charCodeAt(23) !== 0x5a || text.charCodeAt(10) !== 0x54) return undefined;
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d || text.charCodeAt(19) !== 0x2e) return undefined;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hours = digits(text, 11, 13);
  const minutes = digits(text, 14, 16);
  const seconds = digits(text, 17, 19);
  const millis = digits(text, 20, 23);
  // Day 29 to 31 and early years are left to the careful path; a place that is no digit is NaN and passes no test.
  const plain = year >= 1000 && month >= 1 && month <= 12 && day >= 1 && day <= 28 && hours <= 23 && minutes <= 59;
  if (!plain || !(seconds <= 59) || !(millis <= 999)) return undefined;
  return Date.UTC(year, month - 1, day, hours, minutes, seconds, millis);
}

function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let index = from; index < to; index += 1) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** "HH:MM", 00:00 to 23:59. */
export function isTimeOfDay(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(text);
}
