// What the wall clock of a zone moves: everybody of it, at the instants that a rule names, and nobody at others.
import { describe, expect, test } from "vitest";
import { MachineStory } from "./machine-story.ts";

const ONE_PAGE = 1;

/** People who are known from a list alone: nothing ever happened to them, and the clock moves them all the same. */
function story(start: string, segments: string, header: Record<string, unknown> = {}): MachineStory {
  const told = new MachineStory({}, ONE_PAGE);
  told.define(start, segments, header);
  told.list(start, "crm", "add", ["ann"]);
  return told;
}

describe("time of day", () => {
  test("holds from its minute on, to the end of its last", () => {
    const told = story(
      "00:00",
      `
      office: { clock: { time: { between: ["09:00", "16:59"] } } }
      noon: { clock: { time: "12:00" } }`,
    );
    expect(told.tick("08:59:59.999")).toEqual([]);
    told.restart();
    expect(told.tick("+1 09:30")).toEqual([
      "+office ann 09:00",
      "+noon ann 12:00",
      "-noon ann 12:01",
      "-office ann 17:00",
      "+office ann +1 09:00",
    ]);
    expect(told.explain("office", "ann")).toMatchObject({
      pass: true,
      actual: "09:30",
      until: Date.UTC(2026, 10, 3, 17),
    });
  });

  test("who comes while it holds is in at once, and goes with all", () => {
    const told = story("00:00", 'morning: { clock: { time: { lt: "10:00" } } }');
    told.tick("08:00");
    expect(told.track("08:30", "bo", "A")).toEqual(["+morning bo 08:30"]);
    expect(told.list("08:40", "crm", "add", ["cy"])).toEqual(["+morning cy 08:40"]);
    expect(told.tick("10:00")).toEqual(["-morning ann 10:00", "-morning bo 10:00", "-morning cy 10:00"]);
  });

  test("an hour that is repeated is twice", () => {
    // In Berlin on 25 October 2026 at 01:00 UTC it is 03:00, and then 02:00 again.
    const told = story("2026-10-24T12:00:00Z", 'half: { clock: { time: { between: ["02:30", "02:44"] } } }', {
      zone: "Europe/Berlin",
    });
    expect(told.tick("2026-10-26T12:00:00Z")).toEqual([
      "+half ann 2026-10-25 00:30",
      "-half ann 2026-10-25 00:45",
      "+half ann 2026-10-25 01:30",
      "-half ann 2026-10-25 01:45",
      "+half ann 2026-10-26 01:30",
      "-half ann 2026-10-26 01:45",
    ]);
  });

  test("an hour that is skipped never is, and what it would have begun begins after it", () => {
    // In Berlin on 28 March 2027 at 01:00 UTC it is 02:00, and at once 03:00.
    const told = story(
      "2027-03-27T12:00:00Z",
      `
      during: { clock: { time: { between: ["02:15", "02:45"] } } }
      from: { clock: { time: { gte: "02:30" } } }`,
      { zone: "Europe/Berlin" },
    );
    expect(told.tick("2027-03-28T12:00:00Z")).toEqual(["-from ann +145 23:00", "+from ann +146 01:00"]);
    expect(told.tick("2027-03-29T12:00:00Z")).toEqual([
      "-from ann +146 22:00",
      "+during ann +147 00:15",
      "+from ann +147 00:30",
      "-during ann +147 00:46",
    ]);
  });
});

describe("weekday", () => {
  test("begins at the zone's midnight, and neighbours are one", () => {
    // The weekend of 7 November in Kathmandu (+05:45) begins on Friday at 18:15 UTC.
    const told = story("00:00", "weekend: { clock: { weekday: [sat, sun] } }", { zone: "Asia/Kathmandu" });
    const before = told.rig.machine.work.wakeUps;
    expect(told.tick("+8 00:00")).toEqual(["+weekend ann +4 18:15", "-weekend ann +6 18:15"]);
    expect(told.rig.machine.work.wakeUps - before).toBe(2);
    expect(told.explain("weekend", "ann").actual).toBe("tue");
  });

  test("a weekday and a time together", () => {
    const told = story("00:00", 'late: { clock: { weekday: [tue], time: { gte: "22:00" } } }');
    expect(told.tick("+8 12:00")).toEqual(["+late ann +1 22:00", "-late ann +2 00:00"]);
  });

  test("one that always or never is wakes nobody", () => {
    const told = story("00:00", "all: { clock: { weekday: [mon, tue, wed, thu, fri, sat, sun] } }");
    expect(told.members("all")).toEqual(["ann"]);
    expect(told.rig.machine.deadline).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("dates", () => {
  test("from a day to a day, in the zone", () => {
    const told = story("00:00", "sale: { clock: { now: { date: { from: 2026-11-03, to: 2026-11-04 } } } }", {
      zone: "Europe/Berlin",
    });
    expect(told.tick("+5 00:00")).toEqual(["+sale ann 23:00", "-sale ann +2 23:00"]);
    expect(told.rig.machine.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  test("from an instant to an instant", () => {
    const told = story(
      "00:00",
      'sale: { clock: { now: { date: { from: "2026-11-02T05:00:00Z", to: "2026-11-02T06:00:00.500Z" } } } }',
    );
    expect(told.tick("+1 00:00")).toEqual(["+sale ann 05:00", "-sale ann 06:00:00.500"]);
  });
});

describe("each one's own zone", () => {
  test("and what a new one changes, it changes at once", () => {
    const told = story("00:00", 'morning: { clock: { time: { between: ["08:00", "09:59"] } } }', { zone: "user" });
    told.identify("01:00", "bo", { timezone: "Asia/Kathmandu" });
    // In Kathmandu it is 08:00 at 02:15 UTC.
    expect(told.tick("03:00")).toEqual(["+morning bo 02:15"]);
    expect(told.identify("03:30", "bo", { timezone: "UTC" })).toEqual(["-morning bo 03:30"]);
    expect(told.identify("08:30", "cy", {}, { context: { timezone: "Asia/Tokyo" } })).toEqual([
      "+morning ann 08:00",
      "+morning bo 08:00",
    ]);
    expect(told.identify("08:45", "cy", { timezone: "UTC" })).toEqual(["+morning cy 08:45"]);
    expect(told.tick("12:00")).toEqual(["-morning ann 10:00", "-morning bo 10:00", "-morning cy 10:00"]);
  });
});

test("a rule that is new holds at once for whom it holds", () => {
  const told = story("00:00", 'late: { clock: { time: { gte: "22:00" } } }');
  expect(told.define("10:00", 'day: { clock: { time: { gte: "08:00" } } }')).toEqual(["+day ann 10:00"]);
  expect(told.apply("11:00", [{ id: "day", rule: { clock: { time: { gte: "12:00" } } } }])).toEqual(["-day ann 11:00"]);
  expect(told.tick("13:00")).toEqual(["+day ann 12:00"]);
});
