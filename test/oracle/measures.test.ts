// rules.md 4.4, 4.5, 4.8 and 4.9 as stories: what is measured over what happened, visits, changes of a number, buckets.
import { describe, expect, test } from "vitest";
import { positionOf } from "../../lib/oracle/evaluate.ts";
import { Story } from "./story.ts";

/** Whether ann is in after doing A with each of these properties, a minute apart. */
function holds(measure: string, done: readonly Record<string, number | string | boolean | null | object>[]): boolean {
  const story = new Story();
  story.define("00:00", `{s: {event: {name: A, ${measure}}}}`);
  expect(story.reasons, "the definition must parse").toEqual([]);
  story.identify("00:00", "ann", {});
  for (const [index, properties] of done.entries()) {
    story.track(`01:${String(index).padStart(2, "0")}`, "ann", "A", properties as never);
  }
  return story.members("s").length === 1;
}

const x = (...values: (number | string | boolean | null | object)[]) => values.map((value) => ({ x: value }));
const of = (kind: string, test: string) => `${kind}: {of: properties.x, is: ${test}}`;

describe("sums are exact", () => {
  test.each<[string, ReturnType<typeof x>, boolean]>([
    [of("sum", "{eq: 0.3}"), x(0.1, 0.2), true],
    [of("sum", "{gte: 1}"), x(...Array(10).fill(0.1)), true],
    // floor(x × 10,000 + 0.5): half a ten-thousandth counts up, also below 0.
    [of("sum", "{eq: 0.0001}"), x(0.00005), true],
    [of("sum", "{eq: 0}"), x(0.000049), true],
    [of("sum", "{eq: 0}"), x(-0.00005), true],
    [of("sum", "{eq: 900000000000}"), x(9e11), true],
    [of("sum", "{eq: 1}"), x(9.1e11, 1), true],
    [of("sum", "{gt: 1799999999999}"), x(9e11, 9e11), true],
    // 10 ÷ 3 is no decimal number; 10 × 1 against 3.3333 × 3 is.
    [of("avg", "{gt: 3.3333}"), x(3, 3, 4), true],
    [of("avg", "{lt: 3.3334}"), x(3, 3, 4), true],
    [of("avg", "{eq: 2}"), x(1, 3, "9", null), true],
  ])("%s of %j: %s", (measure, done, expected) => {
    expect(holds(measure, done)).toBe(expected);
  });
});

describe("over none", () => {
  test.each<[string, boolean]>([
    ["count: {eq: 0}", true],
    ["days: {eq: 0}", true],
    ["visits: {eq: 0}", true],
    [of("sum", "{eq: 0}"), true],
    [of("distinct", "{eq: 0}"), true],
    [of("avg", "{gte: -9}"), false],
    [of("min", "{lt: 9}"), false],
    [of("max", "{lt: 9}"), false],
    [of("avg", "{ne: 5}"), true],
    [of("min", "{exists: false}"), true],
    ["first: {last: 7d}", false],
    ["latest: {last: 7d}", false],
  ])("%s: %s", (measure, expected) => {
    expect(holds(measure, [])).toBe(expected);
  });
});

describe("measures", () => {
  test.each<[string, ReturnType<typeof x>, boolean]>([
    ["count: {between: [2, 3]}", x(1, 1), true],
    ["count: {lt: 2}", x(1), true],
    [of("min", "2"), x(5, 2, "1"), true],
    [of("max", "5"), x(5, 2, "9"), true],
    [of("min", "{eq: 0.00001}"), x(0.00001), true],
    [of("distinct", "3"), x("1", 1, true, "1", 1, null, [1, 2], { a: 1 }), true],
    [of("sum", "6"), x({ y: 1 }, 6, [7]), true],
    ["sum: {of: properties.x.y, is: 6}", x([{ y: 1 }, { y: 2 }], { y: 3 }), true],
    ["count: {eq: 2}, where: {properties.x: {gt: 1}}", x(1, 2, 3), true],
  ])("%s of %j: %s", (measure, done, expected) => {
    expect(holds(measure, done)).toBe(expected);
  });

  test("each is all of one rule a name with the whole measure; any takes them together", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{each: {event: {name: {each: [A, B]}, count: {gte: 2}}}, any: {event: {name: {any: [A, B]}, count: {gte: 2}}}}",
    );
    story.track("00:01", "ann", "A");
    expect(story.track("00:02", "ann", "B")).toEqual(["+any ann 00:02"]);
    story.track("00:03", "ann", "A");
    expect(story.track("00:04", "ann", "B")).toEqual(["+each ann 00:04"]);
  });

  test("* is every track, page and screen; a page is Page Viewed, a screen Screen Viewed; identify is none", () => {
    const story = new Story();
    story.define(
      "00:00",
      '{all: {event: {name: "*", count: {gte: 3}}}, pages: {event: {name: Page Viewed}}, screens: {event: {name: Screen Viewed}}}',
    );
    expect(story.event("00:01", { type: "page", userId: "ann", name: "Home" })).toEqual(["+pages ann 00:01"]);
    expect(story.event("00:02", { type: "screen", userId: "ann", name: "Home" })).toEqual(["+screens ann 00:02"]);
    expect(story.identify("00:03", "ann", {})).toEqual([]);
    expect(story.track("00:04", "ann", "Home")).toEqual(["+all ann 00:04"]);
  });

  test("where reads properties, context and channel", () => {
    const story = new Story();
    story.define("00:00", "s: {event: {name: A, where: {properties.a.b: 1, context.page.path: /x, channel: web}}}");
    expect(story.track("00:01", "ann", "A", { a: { b: 1 } }, { context: { page: { path: "/x" } } })).toEqual([]);
    expect(
      story.track("00:02", "ann", "A", { a: { b: 1 } }, { context: { page: { path: "/x" } }, channel: "web" }),
    ).toEqual(["+s ann 00:02"]);
  });

  test("days: different local dates", () => {
    const story = new Story();
    story.define("00:00", "days: {event: {name: A, days: {gte: 3}, window: {last: 7d}}}");
    story.track("23:59", "ann", "A");
    story.track("+1 00:00", "ann", "A");
    expect(story.track("+1 23:59", "ann", "A")).toEqual([]);
    expect(story.track("+2 00:00", "ann", "A")).toEqual(["+days ann +2 00:00"]);
    expect(story.tick("+20 00:00")).toEqual(["-days ann +8 00:00"]);
  });

  test("first is over all time, so a late event can end it", () => {
    const story = new Story();
    story.define("+10 00:00", "new: {event: {name: A, first: {last: 7d}}}");
    expect(story.track("+10 01:00", "ann", "A")).toEqual(["+new ann +10 01:00"]);
    expect(story.track("+10 02:00", "ann", "A", {}, { at: "00:00" })).toEqual(["-new ann +10 02:00"]);
  });

  test("latest takes a late event at its own time", () => {
    const story = new Story();
    story.define("00:00", "idle: {event: {name: A, latest: {ago: {gte: 1h}}}}");
    story.track("02:00", "ann", "A");
    expect(story.track("02:01", "ann", "A", {}, { at: "00:00" })).toEqual([]);
    expect(story.tick("04:00")).toEqual(["+idle ann 03:00:01"]);
  });

  test("did not: count 0 in a window ends and begins by silence", () => {
    const story = new Story();
    story.define("00:00", "quiet: {event: {name: A, count: {eq: 0}, window: {last: 10s}}}");
    expect(story.track("00:00", "ann", "A")).toEqual([]);
    expect(story.tick("00:01")).toEqual(["+quiet ann 00:00:11"]);
  });
});

describe("visits", () => {
  const VISITS = "v: {event: {name: A, visits: {gte: 2}}}";

  test("are cut where the gap is at least the idle time", () => {
    const story = new Story();
    story.define("00:00", VISITS);
    story.track("00:00", "ann", "A");
    expect(story.track("00:29:59.999", "ann", "A")).toEqual([]);
    expect(story.track("00:59:59.999", "ann", "A")).toEqual(["+v ann 00:59:59.999"]);
  });

  test("a late event can merge two, and the count falls", () => {
    const story = new Story();
    story.define("00:00", VISITS);
    story.track("00:00", "ann", "A");
    expect(story.track("00:50", "ann", "A")).toEqual(["+v ann 00:50"]);
    expect(story.track("00:51", "ann", "B", {}, { at: "00:25" })).toEqual(["-v ann 00:51"]);
  });

  test("server events make none, and identify makes none", () => {
    const story = new Story();
    story.define("00:00", VISITS);
    story.track("00:00", "ann", "A");
    story.track("05:00", "ann", "A", {}, { channel: "server" });
    story.identify("06:00", "ann", {});
    expect(story.members("v")).toEqual([]);
    story.track("06:50", "bob", "A");
    story.identify("07:10", "bob", {});
    expect(story.track("07:20", "bob", "A")).toEqual(["+v bob 07:20"]);
  });

  test("only the newest can change: a late event before them belongs to none", () => {
    const story = new Story({ limits: { visitsChangeableMax: 2 } });
    story.define("00:00", "v: {event: {name: A, visits: {gte: 3}}}");
    story.track("01:00", "ann", "A");
    story.track("02:00", "ann", "A");
    expect(story.track("02:01", "ann", "A", {}, { at: "00:50" })).toEqual([]);
    expect(story.track("03:00", "ann", "A")).toEqual(["+v ann 03:00"]);
    // The visit of 01:00 is sealed now; it still counts.
    expect(story.track("03:01", "ann", "A", {}, { at: "01:10" })).toEqual([]);
    // The two that can change become one.
    expect(story.track("03:02", "ann", "B", {}, { at: "02:20" })).toEqual([]);
    expect(story.track("03:02", "ann", "B", {}, { at: "02:45" })).toEqual(["-v ann 03:02"]);
  });
});

describe("delta", () => {
  const GROWS = "grows: {trait: {kpi: {delta: {over: 1h, percent: {gte: 20}}}}}";

  test("now against the value in force at the last tile edge at or before clock − over", () => {
    const story = new Story();
    story.define("00:00", GROWS);
    story.identify("00:00:00.001", "ann", { kpi: 100 });
    expect(story.identify("00:30", "ann", { kpi: 120 })).toEqual([]);
    // The edge 00:00:01 passes clock − 1 h at 01:00:01: then there is a then. 120 itself is then from 01:30 on.
    expect(story.tick("12:00")).toEqual(["+grows ann 01:00:01", "-grows ann 01:30"]);
  });

  test("a write exactly on an edge is in force there", () => {
    const story = new Story();
    story.define("00:00", GROWS);
    story.identify("00:00:05", "ann", { kpi: 100 });
    story.identify("00:10:00.500", "ann", { kpi: 200 });
    expect(story.tick("12:00")).toEqual(["+grows ann 01:00:05", "-grows ann 01:10:01"]);
  });

  test("percent is against the size of then; no number now or then, or then 0: missing", () => {
    const story = new Story();
    story.define("00:00", `{${GROWS}, up: {trait: {kpi: {delta: {over: 1h, amount: {gte: 5}}}}}}`);
    story.identify("00:00", "neg", { kpi: -100 });
    story.identify("00:00", "zero", { kpi: 0 });
    story.identify("00:00", "text", { kpi: "100" });
    story.tick("02:00");
    expect(story.identify("02:00", "neg", { kpi: -80 })).toEqual(["+grows neg 02:00", "+up neg 02:00"]);
    expect(story.identify("02:00", "zero", { kpi: 10 })).toEqual(["+up zero 02:00"]);
    expect(story.identify("02:00", "text", { kpi: 500 })).toEqual([]);
    expect(story.identify("02:00:01", "neg", { kpi: null })).toEqual(["-grows neg 02:00:01", "-up neg 02:00:01"]);
  });
});

describe("trait writes", () => {
  test("key by key: a trait takes a write unless it holds a newer one; equal times go by the log", () => {
    const story = new Story();
    story.define("00:00", "{a2: {trait: {a: 2}}, a3: {trait: {a: 3}}, b: {trait: {b: 1}}}");
    story.identify("02:00", "ann", { a: 1 });
    expect(story.identify("03:00", "ann", { a: 2, b: 1 }, { at: "01:00" })).toEqual(["+b ann 03:00"]);
    expect(story.identify("03:00", "ann", { a: 3 }, { at: "02:00" })).toEqual(["+a3 ann 03:00"]);
  });

  test("null removes, and the removal holds against an older write", () => {
    const story = new Story();
    story.define("00:00", "a: {trait: {a: {exists: true}}}");
    expect(story.identify("01:00", "ann", { a: 1 })).toEqual(["+a ann 01:00"]);
    expect(story.identify("02:00", "ann", { a: null })).toEqual(["-a ann 02:00"]);
    expect(story.identify("03:00", "ann", { a: 5 }, { at: "01:30" })).toEqual([]);
    expect(story.identify("03:00", "ann", { a: 5 }, { at: "02:00" })).toEqual(["+a ann 03:00"]);
  });

  test("beyond traitsMax the whole message is rejected; removed traits do not count", () => {
    const story = new Story({ limits: { traitsMax: 2 } });
    story.define("00:00", "c: {trait: {c: {exists: true}}}");
    story.identify("01:00", "ann", { a: 1, b: 1 });
    expect(story.identify("02:00", "ann", { a: 2, c: 1 })).toEqual([]);
    expect(story.reasons).toEqual(["limit"]);
    expect(story.identify("03:00", "ann", { a: null, c: 1 })).toEqual(["+c ann 03:00"]);
  });
});

describe("bucket", () => {
  test.each([
    ["u1", "", 39.18200258631259],
    ["u42", "", 0.4230848513543606],
    ["u42", "holdout", 62.86034621298313],
  ])("%s with salt %j stands at %d", (id, salt, position) => {
    expect(positionOf(id, salt)).toBe(position);
  });

  test("from is in, to is out", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{low: {bucket: {from: 0, to: 39}}, high: {bucket: {from: 39, to: 100}}, at: {bucket: {from: 39.18200258631259, to: 40}}, below: {bucket: {from: 39, to: 39.18200258631259}}, held: {bucket: {from: 60, to: 70, salt: holdout}}}",
    );
    expect(story.track("00:01", "u1", "A")).toEqual(["+at u1 00:01", "+high u1 00:01"]);
    expect(story.track("00:01", "u42", "A")).toEqual(["+held u42 00:01", "+low u42 00:01"]);
  });
});
