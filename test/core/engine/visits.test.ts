// rules.md 4.5 as stories that the engine hears: visits, where they came from, and the last known place and device.
import { describe, expect, test } from "vitest";
import type { Json } from "../../../lib/core/types.ts";
import { MachineStory } from "./machine-story.ts";

function defined(segments: string, header: Record<string, unknown> = {}): MachineStory {
  const story = new MachineStory();
  story.define("00:00", segments, header);
  expect(story.rejects).toEqual([]);
  return story;
}

interface Called {
  readonly at?: string;
  readonly channel?: string;
  readonly path?: string;
  readonly context?: Readonly<Record<string, Json>>;
}

/** A page call of ann. */
function page(story: MachineStory, stamp: string, { path, ...said }: Called = {}): string[] {
  return story.event(stamp, { type: "page", userId: "ann", properties: path === undefined ? {} : { path } }, said);
}

const campaign = (name: string) => ({ context: { campaign: { name, medium: "cpc" } } });
const place = (city: string): Called => ({ context: { place: { country: "DE", city } } });

describe("counting visits", () => {
  test("a visit counts at its start, and turns old by silence", () => {
    const story = defined("s: {visit: {count: {gte: 2}, window: {last: 1d}}}");
    expect(page(story, "10:00")).toEqual([]);
    expect(page(story, "10:20")).toEqual([]);
    expect(page(story, "10:50")).toEqual(["+s ann 10:50"]);
    expect(page(story, "11:10")).toEqual([]);
    // A day is cut in minutes: what starts in 10:00 turns a day old at 10:01.
    expect(story.tick("+1 12:00")).toEqual(["-s ann +1 10:01"]);
  });

  test("a late event merges two, and counts fall", () => {
    const story = defined("s: {visit: {count: {gte: 2}}}");
    page(story, "10:00");
    expect(page(story, "10:50")).toEqual(["+s ann 10:50"]);
    expect(page(story, "12:00", { at: "10:25" })).toEqual(["-s ann 12:00"]);
    // 10:00 to 10:50 is one, 12:40 the next.
    expect(page(story, "12:40")).toEqual(["+s ann 12:40"]);
  });

  test("what servers send makes none", () => {
    const story = defined("s: {visit: {}}");
    expect(page(story, "10:00", { channel: "server" })).toEqual([]);
    expect(page(story, "10:01", { channel: "web" })).toEqual(["+s ann 10:01"]);
  });

  test("a visit that grows: its duration, its pages, the sum of both", () => {
    const story = defined(
      "long: {visit: {where: {duration: {gte: 10m}}}}\ndeep: {visit: {where: {pages: {gte: 3}}}}\nsum: {visit: {sum: {of: duration, is: {gt: 15m}}}}",
    );
    page(story, "10:00");
    expect(page(story, "10:09:59")).toEqual([]);
    expect(story.track("10:10", "ann", "A")).toEqual(["+long ann 10:10"]);
    // 10 and 5 minutes are not more than 15; a millisecond later they are.
    page(story, "11:00");
    expect(story.track("11:05", "ann", "A")).toEqual([]);
    expect(story.track("11:06", "ann", "A", {}, { at: "11:05:00.001" })).toEqual(["+sum ann 11:06"]);
    expect(page(story, "11:07", { at: "10:05" })).toEqual(["+deep ann 11:07"]);
  });

  test("the visit under way ends by silence, and a visit of another kind takes its place", () => {
    const story = defined("s: {visit: {where: {entry: /a}, window: {visit: current}}}");
    expect(page(story, "10:00", { path: "/a" })).toEqual(["+s ann 10:00"]);
    expect(page(story, "10:20", { path: "/b" })).toEqual([]);
    expect(story.tick("11:00")).toEqual(["-s ann 10:50"]);
    expect(page(story, "12:00", { path: "/a" })).toEqual(["+s ann 12:00"]);
    expect(page(story, "12:10", { at: "11:50", path: "/b" })).toEqual(["-s ann 12:10"]);
  });

  test("first and latest are moments of starts", () => {
    const story = defined("new: {visit: {first: {last: 7d}}}\nback: {visit: {latest: {last: 1h}}}");
    expect(page(story, "10:00")).toEqual(["+back ann 10:00", "+new ann 10:00"]);
    expect(page(story, "10:20")).toEqual([]);
    expect(story.tick("12:00")).toEqual(["-back ann 11:00:01"]);
    // A late first visit makes her an old acquaintance.
    expect(page(story, "+7 09:00", { at: "+0 01:00" })).toEqual(["-new ann +7 09:00"]);
  });

  test("the first and the latest of anything may be of the visit under way", () => {
    const story = defined(
      [
        "e: {event: {name: A, first: {visit: current}}}",
        "l: {event: {name: A, latest: {visit: current}}}",
        "o: {order: {latest: {visit: current}}}",
        "v: {visit: {first: {visit: current}}}",
      ].join("\n"),
    );
    expect(story.track("10:00", "ann", "A")).toEqual(["+e ann 10:00", "+l ann 10:00", "+v ann 10:00"]);
    expect(story.track("10:10", "ann", "Order Completed", { order_id: "1" })).toEqual(["+o ann 10:10"]);
    // A server's word is said within the visit, and is none of it.
    expect(story.track("10:20", "ann", "A", {}, { at: "10:05", channel: "server" })).toEqual(["-l ann 10:20"]);
    story.restart();
    expect(story.tick("11:00")).toEqual(["-e ann 10:40", "-o ann 10:40", "-v ann 10:40"]);
    expect(story.track("12:00", "ann", "A")).toEqual(["+l ann 12:00"]);
    // The two visits become one, and it is under way.
    for (const at of ["10:35", "11:00", "11:25"]) page(story, "12:10", { at });
    expect(story.members("e")).toEqual([]);
    expect(page(story, "12:11", { at: "11:45" })).toEqual(["+e ann 12:11", "+o ann 12:11", "+v ann 12:11"]);
  });

  test("days of starts, by the zone that each had when it was processed", () => {
    const story = defined("s: {visit: {days: {gte: 2}}}", { zone: "user" });
    story.event("09:00", { type: "page", userId: "ann", context: { timezone: "Asia/Tokyo" } });
    // 16:00 UTC is the next day in Tokyo, and stays it when she flies to London.
    expect(page(story, "16:00")).toEqual(["+s ann 16:00"]);
    expect(story.identify("16:10", "ann", { timezone: "Europe/London" })).toEqual([]);
    // A late start was processed in London: that visit is of the same day as the first.
    expect(page(story, "16:20", { at: "15:45" })).toEqual(["-s ann 16:20"]);
  });

  test("beyond the newest, a late event belongs to none and counts for none", () => {
    const story = new MachineStory({ limits: { visitsChangeableMax: 2 } });
    story.define("00:00", "n: {visit: {count: {gte: 4}}}\no: {order: {visits: {gte: 1}}}");
    for (const hour of [4, 6, 8]) page(story, `0${hour}:00`);
    expect(page(story, "09:00", { at: "05:00" })).toEqual([]);
    expect(story.track("09:01", "ann", "Order Completed", { order_id: "1" }, { at: "05:00" })).toEqual([]);
    expect(page(story, "09:02", { at: "07:00" })).toEqual(["+n ann 09:02"]);
    expect(story.track("09:03", "ann", "Order Completed", { order_id: "2" }, { at: "07:00" })).toEqual([
      "+o ann 09:03",
    ]);
    story.restart();
    expect(story.members("o")).toEqual(["ann"]);
  });
});

describe("what a visit was like", () => {
  test("the earliest event that says it, the latest page; a late event is the earliest", () => {
    const story = defined(
      "entry: {visit: {where: {entry: /a, page: /c}}}\nmobile: {visit: {where: {channel: mobile}}}\nbonn: {visit: {where: {place.city: Bonn}}}",
    );
    page(story, "10:00", { channel: "web", path: "/a", ...place("Ulm") });
    page(story, "10:10", { channel: "mobile", path: "/b" });
    expect(page(story, "10:20", { path: "/c" })).toEqual(["+entry ann 10:20"]);
    expect(page(story, "10:30", { at: "09:50", channel: "mobile", ...place("Bonn") })).toEqual([
      "+bonn ann 10:30",
      "+mobile ann 10:30",
    ]);
    expect(page(story, "10:40", { at: "09:40", path: "/z" })).toEqual(["-entry ann 10:40"]);
  });

  test("of two visits that merge, the first one's entry and the second one's page", () => {
    const story = defined(
      "s: {visit: {where: {entry: /a, page: /d, pages: 4}}}\nt: {visit: {distinct: {of: entry, is: 2}}}",
    );
    page(story, "10:00", { path: "/a" });
    page(story, "10:05", { path: "/b" });
    expect(page(story, "10:50", { path: "/d" })).toEqual(["+t ann 10:50"]);
    story.restart();
    expect(page(story, "11:00", { at: "10:25", path: "/x" })).toEqual(["+s ann 11:00", "-t ann 11:00"]);
  });
});

describe("sources", () => {
  test("first, newest and under way; the last one ends by silence", () => {
    const story = defined(
      [
        "first: {source: {first.campaign: a}}",
        "latest: {source: {latest.campaign: b}}",
        "now: {source: {current.campaign: b}}",
        "none: {source: {current.medium: {exists: false}}}",
      ].join("\n"),
    );
    expect(page(story, "10:00", campaign("a"))).toEqual(["+first ann 10:00"]);
    expect(story.tick("11:00")).toEqual(["+none ann 10:30"]);
    expect(page(story, "12:00", campaign("b"))).toEqual(["+latest ann 12:00", "-none ann 12:00", "+now ann 12:00"]);
    // The deadline that was set at 12:00 is too early by then.
    expect(page(story, "12:20")).toEqual([]);
    expect(story.tick("12:49:59")).toEqual([]);
    expect(story.tick("13:00")).toEqual(["+none ann 12:50", "-now ann 12:50"]);
    // A late visit is the first, and it came from nowhere.
    expect(page(story, "13:10", { at: "08:00" })).toEqual(["-first ann 13:10"]);
  });

  test("a visit's source is its earliest event's that has one, whatever came later", () => {
    const story = defined(
      "s: {source: {latest.medium: {exists: true}, latest.campaign: a}}\nd: {source: {latest.medium: direct}}",
    );
    expect(page(story, "10:00")).toEqual(["+d ann 10:00"]);
    expect(page(story, "10:05", campaign("a"))).toEqual(["-d ann 10:05", "+s ann 10:05"]);
    expect(page(story, "10:06", campaign("b"))).toEqual([]);
    expect(page(story, "10:07", { at: "10:04", ...campaign("b") })).toEqual(["-s ann 10:07"]);
  });

  test.each<[string, Json, string]>([
    [
      "a search engine of the table",
      { page: { referrer: "https://www.google.com/search" } },
      "search Google google.com www",
    ],
    [
      "a site that nobody knows",
      { referrer: { url: "http://blog.shop.co.uk./x" } },
      "referral shop.co.uk shop.co.uk blog",
    ],
    ["an address without a name", { page: { referrer: "http://10.0.0.1:8080/" } }, "referral 10.0.0.1 10.0.0.1 -"],
    ["the site itself", { page: { referrer: "https://a.org/x", url: "https://a.org/y" } }, "direct - - -"],
    [
      "a campaign on the site itself",
      { page: { referrer: "https://a.org/x", url: "https://a.org/y" }, campaign: { source: "news", term: "" } },
      "direct news - -",
    ],
    ["no address at all", { page: { referrer: "android-app://x" } }, "direct - - -"],
  ])("%s", (_, context, expected) => {
    const story = defined("s: {source: {first.medium: x}}");
    page(story, "10:00", { context: context as Record<string, Json> });
    const { medium, name, domain, subdomain } = (story.user("ann").source as Record<string, Record<string, string>>)
      .first!;
    expect([medium, name ?? "-", domain ?? "-", subdomain ?? "-"].join(" ")).toBe(expected);
  });
});

describe("place, network and device", () => {
  test("as the last visit event in log order carried them, whole", () => {
    const story = defined(
      "bonn: {place: {city: Bonn}}\nsomewhere: {place: {country: {exists: true}}}\nnear: {place: {point: {near: {lat: 50.7, lon: 7.1, within: 30km}}}}",
    );
    const cologne = { context: { place: { point: { lat: 50.94, lon: 6.96 } } } };
    expect(page(story, "10:00", place("Bonn"))).toEqual(["+bonn ann 10:00", "+somewhere ann 10:00"]);
    // Late, but the last that the log has; and whole, so there is no country.
    expect(page(story, "10:10", { at: "09:00", ...cologne })).toEqual([
      "-bonn ann 10:10",
      "+near ann 10:10",
      "-somewhere ann 10:10",
    ]);
    expect(page(story, "10:20", { channel: "server", ...place("Bonn") })).toEqual([]);
    expect(page(story, "10:30", { context: { place: ["Bonn"] } })).toEqual([]);
    expect(story.track("10:40", "ann", "A", {}, { context: { place: { city: "Bonn" } } })).toEqual([
      "+bonn ann 10:40",
      "-near ann 10:40",
    ]);
  });

  test("each on its own", () => {
    const story = defined(
      "i: {network: {isp: {contains: telekom, fold: true}}}\nd: {device: {os: [iOS, iPadOS], bot: {ne: true}}}",
    );
    expect(page(story, "10:00", { context: { network: { isp: "Deutsche Telekom" } } })).toEqual(["+i ann 10:00"]);
    expect(page(story, "10:01", { context: { device: { os: "iOS" } } })).toEqual(["+d ann 10:01"]);
    expect(page(story, "10:02", { context: { device: { os: "iOS", bot: true } } })).toEqual(["-d ann 10:02"]);
    story.restart();
    expect(story.user("ann")).toMatchObject({ network: { isp: "Deutsche Telekom" }, device: { os: "iOS", bot: true } });
  });
});

describe("history", () => {
  test("what visits were like is found in the log, though only their times were kept", () => {
    const story = defined("n: {visit: {count: {gte: 1}}}");
    page(story, "10:00", { path: "/a", ...campaign("a") });
    page(story, "12:00", { path: "/b" });
    const rules =
      "entry: {visit: {where: {entry: /b}}}\nfrom: {source: {first.campaign: a}}\nnow: {source: {current.medium: direct}}";
    expect(story.define("12:10", rules)).toEqual(["+entry ann 12:10", "+from ann 12:10", "+now ann 12:10"]);
    expect(page(story, "12:20", { at: "09:50", path: "/b" })).toEqual([]);
    expect(story.tick("12:40")).toEqual(["-now ann 12:30"]);
  });

  test("a visit that ends between the fold and its activation is no deadline of the past", () => {
    const story = new MachineStory();
    page(story, "10:00");
    const away = { source: { "current.medium": { exists: false } } };
    const long = { event: { name: "Page Viewed", latest: { ago: { gte: "1h" } } } };
    story.control("10:05", { op: "apply", define: [{ id: "s", rule: { all: [away, long] } }], remove: [] });
    expect(story.activate("12:00")).toEqual(["+s ann 12:00"]);
    expect(story.tick("12:01")).toEqual([]);
  });

  test("events between the fold and its activation are in it too", () => {
    const story = new MachineStory();
    page(story, "10:00", { path: "/a" });
    const rule = { visit: { where: { pages: 2, entry: "/a" } } };
    expect(story.control("10:05", { op: "apply", define: [{ id: "s", rule }], remove: [] })).toEqual([]);
    page(story, "10:10", { path: "/b" });
    story.restart();
    expect(story.activate("10:20")).toEqual(["+s ann 10:20"]);
  });
});

describe("another idle time", () => {
  const RULES = [
    "count: {visit: {count: {gte: 2}}}",
    "event: {event: {name: Page Viewed, visits: {gte: 2}}}",
    "order: {order: {window: {visit: current}}}",
    "source: {source: {current.medium: {exists: true}}}",
  ].join("\n");

  test("while it is folded and waits, the old one goes on", () => {
    const story = defined(RULES);
    page(story, "10:00");
    story.track("10:20", "ann", "Order Completed", { order_id: "1" });
    expect(story.control("10:30", { op: "vocabulary", vocabulary: { visit: { idle: "15m" } } })).toEqual([]);
    // By 30 minutes one visit goes on; by 15 there are three, and the third is under way.
    expect(page(story, "10:40")).toEqual([]);
    story.restart();
    expect(story.members("order")).toEqual(["ann"]);
    expect(story.activate("10:50")).toEqual(["+count ann 10:50", "+event ann 10:50", "-order ann 10:50"]);
    expect(story.user("ann").visits.count).toBe(3);
    expect(story.tick("11:30")).toEqual(["-source ann 10:55"]);
  });

  test("back again, and nothing has been lost", () => {
    const story = defined(RULES);
    page(story, "10:00");
    expect(page(story, "10:20")).toEqual([]);
    expect(story.vocabulary("10:25", { visit: { idle: "15m" } })).toEqual(["+count ann 10:25", "+event ann 10:25"]);
    expect(story.vocabulary("10:26", {})).toEqual(["-count ann 10:26", "-event ann 10:26"]);
    expect(story.user("ann").visits).toMatchObject({ count: 1, newest: { underWay: true } });
  });

  test("where no rule reads visits, they are shown as the new one would have them", () => {
    const story = new MachineStory();
    page(story, "10:00");
    page(story, "10:50");
    expect(story.user("ann").visits.count).toBe(2);
    story.vocabulary("10:55", { visit: { idle: "1h" } });
    expect(story.user("ann").visits.count).toBe(1);
    page(story, "11:40");
    story.restart();
    expect(story.user("ann").visits.count).toBe(1);
    // A rule that asks is answered by the log, whatever was shown.
    story.vocabulary("11:45", { visit: { idle: "20m" } });
    expect(story.user("ann").visits.count).toBe(1);
    expect(story.define("11:50", "s: {visit: {count: 3}}")).toEqual(["+s ann 11:50"]);
  });

  test("another referrer table names the same sources anew", () => {
    const story = defined("s: {source: {first.medium: partner}}\nt: {visit: {where: {source.name: Friends}}}");
    page(story, "10:00", { context: { page: { referrer: "https://www.friend.org/" } } });
    const referrers = { "friend.org": { medium: "partner", name: "Friends" } };
    expect(story.vocabulary("11:00", { referrers })).toEqual(["+s ann 11:00", "+t ann 11:00"]);
  });
});

describe("what is told of them", () => {
  test("a person's visits, sources and records", () => {
    const story = defined("s: {visit: {where: {pages: {gte: 9}}}}");
    expect(page(story, "10:00", { path: "/a", channel: "web", ...campaign("a") })).toEqual([]);
    page(story, "11:00", { path: "/b" });
    page(story, "11:02", { path: "/c", ...place("Bonn") });
    const view = story.user("ann");
    expect(view.visits).toEqual({
      count: 2,
      newest: {
        start: Date.UTC(2026, 10, 2, 11),
        last: Date.UTC(2026, 10, 2, 11, 2),
        underWay: true,
        visit: {
          duration: 120_000,
          pages: 2,
          events: 2,
          entry: "/b",
          page: "/c",
          place: { country: "DE", city: "Bonn" },
          source: { medium: "direct" },
        },
      },
    });
    expect(view.source).toEqual({
      first: { medium: "cpc", campaign: "a" },
      latest: { medium: "direct" },
      current: { medium: "direct" },
    });
    expect(view.place).toEqual({ country: "DE", city: "Bonn" });
  });

  test("explain: what was found, and when silence ends it", () => {
    const story = defined(
      "n: {visit: {count: {gte: 2}, window: {last: 1d}}}\nd: {visit: {sum: {of: duration, is: {gt: 1h}}}}\ns: {source: {current.campaign: a}}\np: {place: {city: Bonn}}",
    );
    page(story, "10:00", campaign("a"));
    page(story, "10:10");
    expect(story.explain("n", "ann")).toMatchObject({ pass: false, actual: 1, until: Date.UTC(2026, 10, 3, 10, 1) });
    expect(story.explain("d", "ann")).toMatchObject({ pass: false, actual: "10m", expected: "above 1h" });
    expect(story.explain("s", "ann")).toMatchObject({
      pass: true,
      actual: "a",
      until: Date.UTC(2026, 10, 2, 10, 40),
    });
    expect(story.explain("p", "ann")).toMatchObject({ pass: false, actual: "missing" });
  });
});
