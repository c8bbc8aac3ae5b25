// rules.md 4.11 as stories: the wall clock of the segment's zone, through days on which it is put forward and back.
import { describe, expect, test } from "vitest";
import { Story } from "./story.ts";

/** What silence announces about ann between two instants. */
function told(where: string, zone: string, from: string, to: string): string[] {
  const story = new Story();
  story.track(from, "ann", "A");
  const applied = story.define(from, `s: {clock: ${where}}`, { zone });
  expect(story.reasons, "the definition must parse").toEqual([]);
  return [...applied, ...story.tick(to)].map((line) => line.replace("s ann ", ""));
}

describe("time of day", () => {
  test.each<[string, string, string, string, string[]]>([
    [
      "from nine to five",
      '{time: {gte: "09:00", lt: "17:00"}}',
      "00:00",
      "+1 12:00",
      ["+09:00", "-17:00", "++1 09:00"],
    ],
    [
      "both ends of between are whole minutes",
      '{time: {between: ["09:00", "09:10"]}}',
      "00:00",
      "12:00",
      ["+09:00", "-09:11"],
    ],
    ["a minute", '{time: "09:00"}', "00:00", "12:00", ["+09:00", "-09:01"]],
    ["any minute but one", '{time: {ne: "09:00"}}', "00:00", "12:00", ["+00:00", "-09:00", "+09:01"]],
    ["the last minute of the day", '{time: {gt: "23:58"}}', "00:00", "+1 12:00", ["+23:59", "-+1 00:00"]],
    [
      "over midnight: any of two",
      '{any: [{time: {gte: "22:00"}}, {time: {lt: "06:00"}}]}',
      "12:00",
      "+1 12:00",
      ["+22:00", "-+1 06:00"],
    ],
    ["already so at the start", '{time: {gte: "09:00"}}', "10:00", "+1 00:00", ["+10:00", "-+1 00:00"]],
  ])("%s", (_, where, from, to, expected) => {
    expect(told(where, "UTC", from, to)).toEqual(expected);
  });

  test("in the segment's zone", () => {
    // Kathmandu is 5 h 45 min ahead.
    expect(told('{time: {gte: "09:00", lt: "10:00"}}', "Asia/Kathmandu", "00:00", "12:00")).toEqual([
      "+03:15",
      "-04:15",
    ]);
  });

  test("in the user's zone, and a new one moves it at once", () => {
    const story = new Story();
    story.define("00:00", 's: {clock: {time: {gte: "09:00", lt: "17:00"}}}', { zone: "user" });
    story.identify("00:00", "ann", { timezone: "Asia/Tokyo" });
    expect(story.tick("08:30")).toEqual(["-s ann 08:00"]);
    expect(story.identify("08:30", "ann", { timezone: "Europe/Berlin" })).toEqual(["+s ann 08:30"]);
    expect(story.tick("23:00")).toEqual(["-s ann 16:00"]);
  });
});

describe("the clock is put forward: 29 March in Berlin, from 02:00 to 03:00 at 01:00 UTC", () => {
  const berlin = (where: string) => told(where, "Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T12:00Z");

  test("the hour that is skipped never is", () => {
    expect(berlin('{time: {gte: "02:00", lt: "03:00"}}')).toEqual([]);
    expect(berlin('{time: "02:30"}')).toEqual([]);
  });

  test("what begins within it begins when the clock is put forward", () => {
    expect(berlin('{time: {gte: "02:30", lt: "04:00"}}')).toEqual(["+2026-03-29 01:00", "-2026-03-29 02:00"]);
  });

  test("what ends within it ends then", () => {
    expect(berlin('{time: {gte: "01:00", lt: "02:30"}}')).toEqual(["+2026-03-29 00:00", "-2026-03-29 01:00"]);
  });
});

describe("the clock is put back: 25 October in Berlin, from 03:00 to 02:00 at 01:00 UTC", () => {
  const berlin = (where: string) => told(where, "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T12:00Z");

  test("the hour that is repeated is twice", () => {
    expect(berlin('{time: {gte: "02:15", lt: "02:30"}}')).toEqual([
      "+2026-10-25 00:15",
      "-2026-10-25 00:30",
      "+2026-10-25 01:15",
      "-2026-10-25 01:30",
    ]);
  });

  test("what holds through it holds for two hours", () => {
    expect(berlin('{time: {gte: "02:00", lt: "03:00"}}')).toEqual(["+2026-10-25 00:00", "-2026-10-25 02:00"]);
  });

  test("what begins with its end begins twice", () => {
    expect(berlin('{time: {gte: "02:45"}, weekday: sun}')).toEqual([
      "+2026-10-25 00:45",
      "-2026-10-25 01:00",
      "+2026-10-25 01:45",
    ]);
  });
});

describe("a clock that is put back over midnight: 1 November in Havana, from 01:00 to 00:00 at 05:00 UTC", () => {
  test("the hour after midnight is twice", () => {
    expect(told('{time: {lt: "00:30"}}', "America/Havana", "2026-10-31T12:00Z", "2026-11-01T12:00Z")).toEqual([
      "+2026-11-01 04:00",
      "-2026-11-01 04:30",
      "+2026-11-01 05:00",
      "-2026-11-01 05:30",
    ]);
  });
});

describe("weekday and date", () => {
  test("Saturday and Sunday, in Tokyo nine hours earlier", () => {
    expect(told("{weekday: [sat, sun]}", "UTC", "00:00", "+8 00:00")).toEqual(["++5 00:00", "-+7 00:00"]);
    expect(told("{weekday: [sat, sun]}", "Asia/Tokyo", "00:00", "+8 00:00")).toEqual(["++4 15:00", "-+6 15:00"]);
  });

  test("a day that begins at one o'clock: the weekday changes then", () => {
    // Midnight of 29 March is skipped in Beirut: 00:00 is 01:00, at 22:00 UTC.
    expect(told("{weekday: sun}", "Asia/Beirut", "2026-03-28T12:00Z", "2026-03-29T23:00Z")).toEqual([
      "+2026-03-28 22:00",
      "-2026-03-29 21:00",
    ]);
  });

  test("from one day to another, both whole", () => {
    const days = '{now: {date: {from: "2026-11-04", to: "2026-11-05"}}}';
    expect(told(days, "UTC", "00:00", "+9 00:00")).toEqual(["++2 00:00", "-+4 00:00"]);
    expect(told(days, "America/New_York", "00:00", "+9 00:00")).toEqual(["++2 05:00", "-+4 05:00"]);
  });

  test("from an instant to another", () => {
    const hours = '{now: {date: {from: "2026-11-02T03:00:00.500Z", to: "2026-11-02T04:00:00Z"}}}';
    expect(told(hours, "UTC", "00:00", "+9 00:00")).toEqual(["+03:00:00.500", "-04:00"]);
  });

  test("now is always today, and never yesterday", () => {
    expect(told("{now: {date: {today: true}}}", "UTC", "00:00", "+3 00:00")).toEqual(["+00:00"]);
    expect(told("{now: {date: {calendar: {days: 1, skip: 1}}}}", "UTC", "00:00", "+3 00:00")).toEqual([]);
  });
});

test("everybody at once, in the order of their ids", () => {
  const story = new Story();
  for (const id of ["bob", "ann"]) story.track("00:00", id, "A");
  story.define("00:00", 's: {clock: {time: {gte: "09:00"}}}');
  expect(story.tick("10:00")).toEqual(["+s ann 09:00", "+s bob 09:00"]);
});
