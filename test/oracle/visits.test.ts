// rules.md 4.5 as stories: visits are cut where nothing happened for the idle time, and read as they are now.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import type { Story, StoryOptions } from "./story.ts";
import { TELLERS } from "./tellers.ts";

/** One visit event of ann: when, and what is about it. */
type Call = readonly [stamp: string, said?: Readonly<Record<string, Json>>];

describe.each(TELLERS)("the %s says", (_, Teller) => {
  /** A story with one segment `s`: is ann in after these page calls? */
  function holdsAfter(rule: string, calls: readonly Call[], options: StoryOptions = {}): boolean {
    const story = new Teller(options);
    story.define("00:00", `s: ${rule}`);
    expect(story.reasons, "the definition must parse").toEqual([]);
    for (const [stamp, said = {}] of calls) page(story, stamp, said);
    expect(story.reasons, "the events must stand").toEqual([]);
    return story.members("s").length === 1;
  }

  function page(story: Story, stamp: string, said: Readonly<Record<string, Json>> = {}): string[] {
    const { at, ...rest } = said;
    return story.event(stamp, { type: "page", userId: "ann", ...rest }, at === undefined ? {} : { at: at as string });
  }

  const visit = (test: string) => `{visit: {${test}}}`;

  describe("visits", () => {
    test.each<[string, Call[], boolean]>([
      // The idle time is 30 minutes: a gap of exactly so much begins a new visit.
      ["count: 1", [["01:00"], ["01:29:59.999"]], true],
      ["count: 2", [["01:00"], ["01:30"]], true],
      ["count: 1", [["01:00"], ["01:29"], ["01:58"], ["02:27"]], true],
      ["count: 0", [["01:00", { channel: "server" }]], true],
      // A late event between two visits joins them; one that reaches only one of them is of that one.
      ["count: 1", [["01:00"], ["01:40"], ["02:00", { at: "01:20" }]], true],
      ["count: 2", [["01:00"], ["02:00"], ["03:00", { at: "01:10" }]], true],
      // Exactly the idle time away from both is neither's.
      ["count: 3", [["01:00"], ["02:00"], ["03:00", { at: "01:30" }]], true],
      // A late event lengthens the visit that it reaches.
      ["where: {duration: 20m}", [["01:00"], ["02:00", { at: "00:40" }]], true],
      ["where: {duration: {gt: 10m}}", [["01:00"], ["01:10"]], false],
      ["where: {duration: {gte: 10m}}", [["01:00"], ["01:10"]], true],
      ["where: {duration: 600000}", [["01:00"], ["01:10"]], true],
      ["where: {duration: 0}", [["01:00"]], true],
      // Summed over visits: 10 and 20 minutes.
      ["sum: {of: duration, is: 1800000}", [["01:00"], ["01:10"], ["02:00"], ["02:20"]], true],
      ["max: {of: duration, is: {eq: 1200000}}", [["01:00"], ["01:10"], ["02:00"], ["02:20"]], true],
      // Pages are page and screen calls, events are all that make visits.
      ["where: {pages: 1, events: 1}", [["01:00"]], true],
      ["where: {pages: 2, events: 2}", [["01:00"], ["01:01"]], true],
      ["where: {pages: 1, events: 1}", [["01:00"], ["01:01", { channel: "server" }]], true],
      // A visit counts at its start.
      ["window: {last: 1h}", [["01:00"], ["01:20"], ["01:40"], ["02:00:01"]], false],
      ["window: {last: 1h}", [["01:00"], ["01:20"], ["01:40"], ["01:59"]], true],
      ["days: 2", [["23:50"], ["+1 00:10"], ["+1 12:00"]], true],
      ["days: 1", [["23:50"], ["+1 00:10"]], true],
      ["visits: 2", [["01:00"], ["01:30"]], true],
    ])("%s after %j", (test, calls, expected) => {
      expect(holdsAfter(visit(test), calls)).toBe(expected);
    });

    test("events of every kind make one, identify does not", () => {
      const story = new Teller();
      story.define("00:00", "s: {visit: {where: {pages: 2, events: 3}}}");
      story.track("01:00", "ann", "A");
      story.identify("01:10", "ann", { plan: "x" });
      story.event("01:20", { type: "screen", userId: "ann", name: "Home" });
      expect(page(story, "01:40")).toEqual(["+s ann 01:40"]);
    });

    test.each<[string, Call[], boolean]>([
      [
        "entry: /a, page: /b",
        [
          ["01:00", paths("/a")],
          ["01:01", paths("/b")],
        ],
        true,
      ],
      ["entry: /a, page: /a", [["01:00", paths("/a")], ["01:01"]], true],
      ["entry: /b", [["01:00"], ["01:01", paths("/b")]], true],
      // The page context counts before the properties.
      ["entry: /c", [["01:00", { context: { page: { path: "/c" } }, properties: { path: "/p" } }]], true],
      ["entry: /p", [["01:00", { context: { page: { path: 5 } }, properties: { path: "/p" } }]], true],
      ["entry: {exists: false}", [["01:00", { properties: { path: 5 } }]], true],
      // A late event is the earliest one: what it says is the entry.
      [
        "entry: /late, page: /a",
        [
          ["01:00", paths("/a")],
          ["01:05", { at: "00:50", ...paths("/late") }],
        ],
        true,
      ],
      ["channel: mobile", [["01:00"], ["01:01", { channel: "mobile" }], ["01:02", { channel: "web" }]], true],
      ["channel: {exists: false}", [["01:00"]], true],
      ["place.city: Bonn", [["01:00"], ["01:01", place("Bonn")], ["01:02", place("Ulm")]], true],
      [
        "place.country: {exists: false}",
        [
          ["01:00", place("Bonn")],
          ["01:01", { context: { place: { country: "DE" } } }],
        ],
        true,
      ],
      ["place.city: {exists: false}", [["01:00", { context: { place: ["Bonn"] } }]], true],
      ["device.os: iOS", [["01:00"], ["01:01", { context: { device: { os: "iOS" } } }]], true],
    ])("the record of a visit: {%s} after %j", (where, calls, expected) => {
      expect(holdsAfter(visit(`where: {${where}}`), calls)).toBe(expected);
    });

    test("at equal times the order of the log decides", () => {
      const calls: Call[] = [
        ["01:00", paths("/a")],
        ["01:00", paths("/b")],
      ];
      expect(holdsAfter(visit("where: {entry: /a, page: /b}"), calls)).toBe(true);
    });

    test("the visit under way ends after its idle time, by silence", () => {
      const story = new Teller();
      story.define(
        "00:00",
        "{now: {visit: {window: {visit: current}}}, long: {visit: {where: {duration: {gte: 20m}}, window: {visit: current}}}}",
      );
      expect(page(story, "01:00")).toEqual(["+now ann 01:00"]);
      expect(page(story, "01:20")).toEqual(["+long ann 01:20"]);
      expect(story.tick("02:00")).toEqual(["-long ann 01:50", "-now ann 01:50"]);
      expect(page(story, "02:00")).toEqual(["+now ann 02:00"]);
    });

    test("recency: nobody is back for two weeks, then somebody is", () => {
      const story = new Teller();
      story.define(
        "00:00",
        "{here: {visit: {latest: {last: 14d}}}, gone: {visit: {count: {eq: 0}, window: {last: 14d}}}}",
      );
      expect(story.identify("00:30", "ann", {})).toEqual(["+gone ann 00:30"]);
      expect(page(story, "01:10")).toEqual(["-gone ann 01:10", "+here ann 01:10"]);
      // The tile of 14 days is an hour: it turns old an hour after 01:00.
      expect(story.tick("+15 00:00")).toEqual(["+gone ann +14 02:00", "-here ann +14 02:00"]);
    });

    test("the first visit ends where a late event is before it", () => {
      const story = new Teller();
      story.define("00:00", "s: {visit: {first: {last: 1h}}}");
      expect(page(story, "05:00")).toEqual(["+s ann 05:00"]);
      expect(page(story, "05:10", { at: "04:31" })).toEqual([]);
      expect(page(story, "05:20", { at: "02:00" })).toEqual(["-s ann 05:20"]);
    });

    test("a late event merges visits: counts fall, and say that it was late", () => {
      const story = new Teller();
      story.define("00:00", "s: {visit: {count: {gte: 2}}}");
      page(story, "01:00");
      expect(page(story, "01:40")).toEqual(["+s ann 01:40"]);
      expect(page(story, "02:00", { at: "01:15" })).toEqual(["-s ann 02:00"]);
    });

    test("the visits measure follows the merge", () => {
      const story = new Teller();
      story.define("00:00", "s: {event: {name: A, visits: {gte: 2}}}");
      story.track("01:00", "ann", "A");
      expect(story.track("01:40", "ann", "A")).toEqual(["+s ann 01:40"]);
      expect(page(story, "02:00", { at: "01:15" })).toEqual(["-s ann 02:00"]);
    });

    test("before the newest visits that can change, a late event belongs to none", () => {
      const story = new Teller({ limits: { visitsChangeableMax: 2 } });
      story.define("00:00", "{three: {visit: {count: 3}}, four: {visit: {count: 4}}}");
      page(story, "01:00");
      page(story, "02:00");
      expect(page(story, "03:00")).toEqual(["+three ann 03:00"]);
      expect(page(story, "04:00", { at: "01:10" })).toEqual([]);
      expect(page(story, "05:00", { at: "02:40" })).toEqual([]);
      expect(page(story, "06:00")).toEqual(["+four ann 06:00", "-three ann 06:00"]);
    });

    test("local days of a visit are those of its earliest event's zone", () => {
      const story = new Teller();
      story.define("00:00", "s: {visit: {days: 2}}", { zone: "user" });
      const tokyo = { context: { timezone: "Asia/Tokyo" } };
      // 14:50 UTC is 23:50 in Tokyo, and 15:30 the next day there.
      page(story, "14:50", tokyo);
      expect(page(story, "15:30", tokyo)).toEqual(["+s ann 15:30"]);
    });
  });

  function paths(path: string): Record<string, Json> {
    return { properties: { path } };
  }

  function place(city: string): Record<string, Json> {
    return { context: { place: { city } } };
  }

  describe("place, network, device", () => {
    test.each<[string, Call[], boolean]>([
      ["{place: {city: Bonn}}", [["01:00", place("Bonn")]], true],
      // The last in log order, whole: what it lacks is missing.
      [
        "{place: {city: Ulm}}",
        [
          ["01:00", place("Bonn")],
          ["02:00", place("Ulm")],
        ],
        true,
      ],
      [
        "{place: {city: Ulm}}",
        [
          ["01:00", place("Bonn")],
          ["02:00", { at: "00:30", ...place("Ulm") }],
        ],
        true,
      ],
      [
        "{place: {city: {exists: false}}}",
        [
          ["01:00", place("Bonn")],
          ["02:00", { context: { place: { country: "DE" } } }],
        ],
        true,
      ],
      // What carries none leaves it; a list is none; a server has no place.
      ["{place: {city: Bonn}}", [["01:00", place("Bonn")], ["02:00"]], true],
      [
        "{place: {city: Bonn}}",
        [
          ["01:00", place("Bonn")],
          ["02:00", { context: { place: [{ city: "Ulm" }] } }],
        ],
        true,
      ],
      [
        "{place: {city: Bonn}}",
        [
          ["01:00", place("Bonn")],
          ["02:00", { channel: "server", ...place("Ulm") }],
        ],
        true,
      ],
      ["{place: {city: Bonn}}", [], false],
      [
        "{network: {isp: {contains: comcast, fold: true}}}",
        [["01:00", { context: { network: { isp: "Comcast Cable" } } }]],
        true,
      ],
      ["{network: {company: [Acme, Initech]}}", [["01:00", { context: { network: { company: "Initech" } } }]], true],
      ["{device: {bot: false}}", [["01:00", { context: { device: { bot: false } } }]], true],
      [
        "{place: {point: {near: {lat: 48.86, lon: 2.35, within: 25mi}}}}",
        [["01:00", { context: { place: { point: { lat: 48.9, lon: 2.4 } } } }]],
        true,
      ],
    ])("%s after %j", (rule, calls, expected) => {
      expect(holdsAfter(rule, calls)).toBe(expected);
    });

    test("an identify is no visit event", () => {
      const story = new Teller();
      story.define("00:00", "s: {place: {city: Bonn}}");
      expect(story.identify("01:00", "ann", {}, { context: { place: { city: "Bonn" } } })).toEqual([]);
    });
  });
});
