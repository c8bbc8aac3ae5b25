// Local days against an independent calendar (Temporal), over years of changes of the clocks.
import { Temporal } from "temporal-polyfill";
import { expect, test } from "vitest";
import { DAY, isZoneName, monthOf, weekOf, zoneNamed } from "../../../lib/core/engine/time/zones.ts";

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"];
const FROM = Date.UTC(2025, 9, 1);

test.each(ZONES)("days of %s begin and end where the calendar says", (name) => {
  const zone = zoneNamed(name);
  for (let at = FROM; at < FROM + 400 * DAY; at += 5 * 3_600_000 + 7) {
    const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(name);
    const day = Math.round(Date.UTC(local.year, local.month - 1, local.day) / DAY);
    expect(zone.dayOf(at), new Date(at).toISOString()).toBe(day);
    expect(zone.timeOfDay(at)).toBe(local.toPlainTime().toString().slice(0, 5));
    expect(zone.dayStart(day)).toBe(local.startOfDay().epochMilliseconds);
  }
});

test("a day of 23 hours, one of 25, and one that never was", () => {
  const berlin = zoneNamed("Europe/Berlin");
  const spring = Date.UTC(2026, 2, 29) / DAY;
  const autumn = Date.UTC(2026, 9, 25) / DAY;
  expect(berlin.dayStart(spring + 1) - berlin.dayStart(spring)).toBe(23 * 3_600_000);
  expect(berlin.dayStart(autumn + 1) - berlin.dayStart(autumn)).toBe(25 * 3_600_000);
  const apia = zoneNamed("Pacific/Apia");
  const skipped = Date.UTC(2011, 11, 30) / DAY;
  expect(apia.dayStart(skipped)).toBe(apia.dayStart(skipped + 1));
});

test("weeks begin on Monday, months on the first, also before 1970", () => {
  const monday = Date.UTC(2026, 10, 23) / DAY;
  expect(weekOf(monday)).toBe(weekOf(monday + 6));
  expect(weekOf(monday)).toBe(weekOf(monday - 1) + 1);
  expect(weekOf(-4)).toBe(weekOf(-3) - 1);
  expect(monthOf(Date.UTC(1969, 11, 31) / DAY)).toBe(1969 * 12 + 11);
});

test("names of zones", () => {
  expect(["Europe/Berlin", "UTC", "Asia/Kathmandu"].every(isZoneName)).toBe(true);
  expect(["Mars/Base", "", "+02:00", 5, undefined].some(isZoneName)).toBe(false);
});

test.each(ZONES)("clocks of %s are put forward and back when the calendar says", (name) => {
  const zone = zoneNamed(name);
  const to = FROM + 400 * DAY;
  const found: number[] = [];
  for (let at = zone.nextOffset(FROM, to); at < to; at = zone.nextOffset(at, to)) found.push(at);
  const expected: number[] = [];
  for (let at = Temporal.Instant.fromEpochMilliseconds(FROM).toZonedDateTimeISO(name); ; ) {
    const next = at.getTimeZoneTransition("next");
    if (next === null || next.epochMilliseconds >= to) break;
    expected.push(next.epochMilliseconds);
    at = next;
  }
  expect(found).toEqual(expected);
  for (const at of found) {
    expect(zone.nextOffset(at - 1, to)).toBe(at);
    expect(zone.nextOffset(at - 1_234, at)).toBe(at);
  }
});
