// rules.md 4.2 as stories: when what happened turns old, when days begin, when a visit ends.
import { describe, expect, test } from "vitest";
import { tileOf } from "../../lib/oracle/time.ts";
import { Story } from "./story.ts";

const [S, M, H, D] = [1_000, 60_000, 3_600_000, 86_400_000];

describe("tiles", () => {
  test.each([
    [1 * S, S],
    [1 * H, S],
    [1 * H + S, M],
    [2 * D, M],
    [2 * D + S, H],
    [90 * D, H],
    [90 * D + S, D],
    [1096 * D, D],
  ])("a window of %i ms is cut in tiles of %i ms", (window, tile) => {
    expect(tileOf(window)).toBe(tile);
  });

  test("100 spent in 7 days: 00:00 ann buys 60; 01:00 ann buys 50 → +big; an hour's tile and 7 days later → −big", () => {
    const story = new Story();
    story.define("00:00", "big: {order: {total: {gte: 100}, window: {last: 7d}}}");
    expect(story.track("00:00", "ann", "Order Completed", { order_id: "1", total: 60 })).toEqual([]);
    expect(story.track("01:00", "ann", "Order Completed", { order_id: "2", total: 50 })).toEqual(["+big ann 01:00"]);
    // The order of 00:00 lies in the tile [00:00, 01:00), so it turns 7 days old at 01:00.
    expect(story.tick("+7 00:59:59.999")).toEqual([]);
    expect(story.tick("+7 12:00")).toEqual(["-big ann +7 01:00"]);
  });

  test("an occurrence turns old at the end of its tile + D: the last of a tile is older than it looks", () => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 2h}}}");
    story.track("00:00:59.999", "ann", "A");
    story.track("00:01:00.000", "bob", "A");
    expect(story.tick("12:00")).toEqual(["-lately ann 02:01", "-lately bob 02:02"]);
  });

  test("at the instant itself it has turned", () => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 10s}}}");
    story.track("00:00", "ann", "A");
    expect(story.tick("00:00:10.999")).toEqual([]);
    expect(story.tick("00:00:11")).toEqual(["-lately ann 00:00:11"]);
  });

  test("ago {gte, lt}: turned the one, not yet the other; each with its own tile", () => {
    const story = new Story();
    story.define("00:00", "some: {event: {name: A, window: {ago: {gte: 1h, lt: 3h}}}}");
    story.track("00:00:00.500", "ann", "A");
    expect(story.tick("12:00")).toEqual(["+some ann 01:00:01", "-some ann 03:01"]);
  });

  test("ago {gte} alone: for ever after", () => {
    const story = new Story();
    story.define("00:00", "quiet: {event: {name: A, latest: {ago: {gte: 30d}}}}");
    story.track("00:00", "ann", "A");
    expect(story.tick("+40 00:00")).toEqual(["+quiet ann +30 01:00"]);
    expect(story.track("+41 00:00", "ann", "A")).toEqual(["-quiet ann +41 00:00"]);
  });
});

describe("dates held as values", () => {
  test("have no tile: they turn D old exactly D later", () => {
    const story = new Story();
    story.define("00:00", "fresh: {trait: {since: {date: {last: 1h}}}}");
    expect(story.identify("00:30:00.250", "ann", { since: "2026-11-02T00:15:00.100Z" })).toEqual([
      "+fresh ann 00:30:00.250",
    ]);
    expect(story.tick("12:00")).toEqual(["-fresh ann 01:15:00.100"]);
  });

  test("last and ago need a date not after the clock", () => {
    const story = new Story();
    story.define("00:00", "{recent: {trait: {d: {date: {last: 1h}}}}, young: {trait: {d: {date: {ago: {lt: 2h}}}}}}");
    expect(story.identify("00:00", "ann", { d: "2026-11-02T05:00:00Z" })).toEqual([]);
    expect(story.tick("23:00")).toEqual([
      "+recent ann 05:00",
      "+young ann 05:00",
      "-recent ann 06:00",
      "-young ann 07:00",
    ]);
  });

  test("next: clock < date ≤ clock + D", () => {
    const story = new Story();
    story.define("00:00", "renews: {trait: {d: {date: {next: 2h}}}}");
    story.identify("00:00", "ann", { d: "2026-11-02T05:00:00Z" });
    expect(story.tick("23:00")).toEqual(["+renews ann 03:00", "-renews ann 05:00"]);
  });

  test("a day is midnight in the segment's zone", () => {
    const story = new Story();
    story.define("00:00", "past: {trait: {d: {date: {ago: {gte: 1h}}}}}", { zone: "America/New_York" });
    story.identify("00:00", "ann", { d: "2026-11-02" });
    expect(story.tick("23:00")).toEqual(["+past ann 06:00"]);
  });

  test("joined: since the current membership's delta", () => {
    const story = new Story();
    story.define("00:00", "{vip: {trait: {vip: true}}, steady: {segment: {in: [vip], joined: {ago: {gte: 7d}}}}}");
    story.identify("00:00:00.007", "ann", { vip: true });
    expect(story.tick("+8 00:00")).toEqual(["+steady ann +7 00:00:00.007"]);
    expect(story.identify("+8 01:00", "ann", { vip: false })).toEqual(["-vip ann +8 01:00", "-steady ann +8 01:00"]);
  });
});

describe("calendar", () => {
  test("today ends at the next day's first instant", () => {
    const story = new Story();
    story.define("00:00", "today: {event: {name: A, window: {today: true}}}");
    story.track("12:34", "ann", "A");
    expect(story.tick("+2 00:00")).toEqual(["-today ann +1 00:00"]);
  });

  test("yesterday is days 1, skip 1", () => {
    const story = new Story();
    story.define("00:00", "yesterday: {event: {name: A, window: {calendar: {days: 1, skip: 1}}}}");
    story.track("12:34", "ann", "A");
    expect(story.tick("+5 00:00")).toEqual(["+yesterday ann +1 00:00", "-yesterday ann +2 00:00"]);
  });

  test("weeks begin on Monday", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{week: {event: {name: A, window: {calendar: {weeks: 1}}}}, weeks: {event: {name: A, window: {calendar: {weeks: 2}}}}}",
    );
    // A Sunday.
    story.track("+6 23:00", "ann", "A");
    expect(story.tick("+30 00:00")).toEqual(["-week ann +7 00:00", "-weeks ann +14 00:00"]);
  });

  test("months are whole months", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{month: {event: {name: A, window: {calendar: {months: 1}}}}, last: {event: {name: A, window: {calendar: {months: 1, skip: 1}}}}}",
    );
    story.track("2026-11-30T23:59:59Z", "ann", "A");
    expect(story.tick("2027-02-01T00:00:00Z")).toEqual([
      "+last ann +29 00:00",
      "-month ann +29 00:00",
      "-last ann +60 00:00",
    ]);
  });

  test("a date later today lies in today; one of tomorrow does from tomorrow on", () => {
    const story = new Story();
    story.define("00:00", "due: {trait: {d: {date: {today: true}}}}");
    expect(story.identify("10:00", "ann", { d: "2026-11-02T23:00:00Z" })).toEqual(["+due ann 10:00"]);
    expect(story.identify("10:00", "bob", { d: "2026-11-03" })).toEqual([]);
    expect(story.tick("+3 00:00")).toEqual(["-due ann +1 00:00", "+due bob +1 00:00", "-due bob +2 00:00"]);
  });

  test("a local day has 23 to 25 hours", () => {
    const story = new Story();
    const zone = { zone: "Europe/Berlin" };
    story.define("2026-03-28T00:00:00Z", "today: {event: {name: A, window: {today: true}}}", zone);
    story.track("2026-03-28T23:00:00Z", "ann", "A");
    expect(story.tick("2026-03-30T12:00:00Z")).toEqual(["-today ann 2026-03-29 22:00"]);
    story.track("2026-10-24T22:00:00Z", "ann", "A");
    expect(story.tick("2026-10-30T12:00:00Z")).toEqual(["-today ann 2026-10-25 23:00"]);
  });

  test("a day without midnight begins at its first instant", () => {
    const story = new Story();
    // Beirut's clocks go from 24:00 to 01:00 on 29 March 2026.
    story.define("2026-03-28T00:00:00Z", "today: {event: {name: A, window: {today: true}}}", { zone: "Asia/Beirut" });
    story.track("2026-03-28T12:00:00Z", "ann", "A");
    expect(story.track("2026-03-28T22:00:00Z", "bob", "A")).toEqual([
      "-today ann 2026-03-28 22:00",
      "+today bob 2026-03-28 22:00",
    ]);
    expect(story.tick("2026-03-30T12:00:00Z")).toEqual(["-today bob 2026-03-29 21:00"]);
  });
});

describe("from and to", () => {
  const counts = (window: string, times: readonly string[], zone = "UTC") => {
    const story = new Story();
    story.define("00:00", `in: {event: {name: A, window: ${window}}}`, { zone });
    return times.filter((at) => story.track("+30 00:00", at, "A", {}, { at }).length > 0);
  };

  test("as dates: whole local days, both included", () => {
    const times = [
      "2026-11-02T23:59:59.999Z",
      "2026-11-03T00:00:00Z",
      "2026-11-04T23:59:59.999Z",
      "2026-11-05T00:00:00Z",
    ];
    expect(counts("{from: 2026-11-03, to: 2026-11-04}", times)).toEqual(times.slice(1, 3));
    expect(counts("{from: 2026-11-03}", times)).toEqual(times.slice(1));
    expect(counts("{to: 2026-11-04}", times)).toEqual(times.slice(0, 3));
  });

  test("as dates in a zone", () => {
    const times = [
      "2026-11-03T04:59:59.999Z",
      "2026-11-03T05:00:00Z",
      "2026-11-04T04:59:59.999Z",
      "2026-11-04T05:00:00Z",
    ];
    expect(counts("{from: 2026-11-03, to: 2026-11-03}", times, "America/New_York")).toEqual(times.slice(1, 3));
  });

  test("as date-times: from ≤ x < to", () => {
    const times = [
      "2026-11-03T11:59:59.999Z",
      "2026-11-03T12:00:00Z",
      "2026-11-03T12:59:59.999Z",
      "2026-11-03T13:00:00Z",
    ];
    const window = "{from: 2026-11-03T12:00:00Z, to: 2026-11-03T13:00:00Z}";
    expect(counts(window, times)).toEqual(times.slice(1, 3));
  });
});

describe("zone: user", () => {
  const USER = { zone: "user" };

  test("is the trait timezone if valid, else the last valid context.timezone, else UTC", () => {
    const story = new Story();
    story.define("00:00", '{late: {event: {name: A, where: {at.time: {gte: "20:00"}}}}}', USER);
    expect(story.track("20:30", "utc", "A")).toEqual(["+late utc 20:30"]);
    expect(story.track("20:30", "far", "A", {}, { context: { timezone: "Asia/Tokyo" } })).toEqual([]);
    expect(story.track("+1 12:00", "far", "A", {}, { context: { timezone: "nowhere" } })).toEqual([
      "+late far +1 12:00",
    ]);
    story.identify("+1 12:00", "two", { timezone: "America/New_York" });
    story.track("+1 20:30", "two", "A", {}, { context: { timezone: "UTC" } });
    expect(story.members("late")).toEqual(["utc", "far"]);
    expect(story.track("+2 01:30", "two", "A")).toEqual(["+late two +2 01:30"]);
  });

  test("an occurrence keeps its local date; a new zone moves today's edges at once", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{today: {event: {name: A, window: {today: true}}}, days: {event: {name: A, days: {gte: 2}}}}",
      USER,
    );
    story.track("23:30", "ann", "A");
    // In Tokyo it is Tuesday already, so Monday's event is not of today.
    expect(story.identify("23:45", "ann", { timezone: "Asia/Tokyo" })).toEqual(["-today ann 23:45"]);
    expect(story.track("23:50", "ann", "A")).toEqual(["+days ann 23:50", "+today ann 23:50"]);
    // Back in UTC it is Monday: the first event's date, and not the second one's.
    expect(story.identify("23:55", "ann", { timezone: null })).toEqual([]);
    expect(story.tick("+3 00:00")).toEqual(["-today ann +2 00:00"]);
  });
});

describe("visit: current", () => {
  test("holds until the last event of the newest visit + idle time", () => {
    const story = new Story();
    story.define("00:00", "now: {event: {name: A, window: {visit: current}}}");
    story.track("00:00", "ann", "A");
    story.track("00:20", "ann", "B");
    expect(story.tick("02:00")).toEqual(["-now ann 00:50"]);
    expect(story.track("02:00", "ann", "B")).toEqual([]);
    expect(story.track("02:10", "ann", "A")).toEqual(["+now ann 02:10"]);
  });

  test("a late event can put what was before into the newest visit", () => {
    const story = new Story();
    story.define("00:00", "now: {event: {name: A, count: {gte: 2}, window: {visit: current}}}");
    story.track("00:00", "ann", "A");
    story.track("00:50", "ann", "A");
    expect(story.track("00:51", "ann", "B", {}, { at: "00:25" })).toEqual(["+now ann 00:51"]);
  });

  test("what a server sent belongs to no visit", () => {
    const story = new Story();
    story.define("00:00", "now: {event: {name: A, window: {visit: current}}}");
    story.track("00:00", "ann", "B");
    expect(story.track("00:01", "ann", "A", {}, { channel: "server" })).toEqual([]);
    expect(story.track("00:01", "ann", "A", {}, { channel: "web" })).toEqual(["+now ann 00:01"]);
  });
});
