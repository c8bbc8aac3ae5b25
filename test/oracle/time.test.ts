// rules.md 4.1 as stories: the clock, event time, one step, lateness, and what is refused.
import { describe, expect, test } from "vitest";
import { instant, Story, told } from "./story.ts";

const ONCE = "did: {event: {name: A}}";

describe("the clock", () => {
  test("is the highest stamp so far and never goes back", () => {
    const story = new Story();
    story.define("00:00", ONCE);
    story.tick("02:00");
    expect(story.track("01:00", "ann", "A")).toEqual(["+did ann 02:00"]);
    expect(story.oracle.clock).toBe(instant("02:00"));
  });

  test("moves with every message, a rejected one too", () => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 10s}}}");
    story.track("00:00", "ann", "A");
    const body = { type: "track", event: "nobody's" };
    expect(told(story.deltas("00:01", "event", body))).toEqual(["-lately ann 00:00:11"]);
    expect(story.reasons).toEqual(["no-user-id"]);
  });

  test.each([
    ["clock", "whatever"],
    ["ready", "whatever"],
    ["link", { from: 0, n: 1, items: [] }],
    ["account", { type: "group", groupId: "acme" }],
  ] as const)("moves with a %s message", (kind, body) => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 10s}}}");
    story.track("00:00", "ann", "A");
    expect(told(story.deltas("00:01", kind, body))).toEqual(["-lately ann 00:00:11"]);
    expect(story.reasons).toEqual([]);
  });
});

describe("event time", () => {
  test("is the timestamp, cut to the clock when it is ahead of it", () => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 10s}}}");
    expect(story.track("01:00", "ann", "A", {}, { at: "23:00" })).toEqual(["+lately ann 01:00"]);
    expect(story.tick("01:01")).toEqual(["-lately ann 01:00:11"]);
  });

  test("is the message's own stamp when there is none, even below the clock", () => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 1h}}}");
    story.tick("05:00");
    expect(story.track("01:00", "ann", "A")).toEqual([]);
    expect(story.members("lately")).toEqual([]);
  });

  test.each(["yesterday", "1969-12-31T23:59:59Z", "2026-02-30", "1e999", true])("%j is rejected", (timestamp) => {
    const story = new Story();
    story.define("00:00", ONCE);
    const body = { type: "track", userId: "ann", event: "A", timestamp };
    expect(story.deltas("00:01", "event", body)).toEqual([]);
    expect(story.reasons).toEqual(["bad-timestamp"]);
    expect(story.oracle.universe).toBe(0);
  });
});

test("every message counts once: rules never look at messageId", () => {
  const story = new Story();
  story.define("00:00", "twice: {event: {name: A, count: {gte: 2}}}");
  story.track("00:01", "ann", "A", {}, { messageId: "m1" });
  expect(story.track("00:02", "ann", "A", {}, { messageId: "m1" })).toEqual(["+twice ann 00:02"]);
});

describe("a step", () => {
  test("is every deadline up to the new clock, each at its own instant, then the message", () => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 10s}}}");
    story.track("00:00:00", "ann", "A");
    story.track("00:00:05", "bob", "A");
    expect(story.track("00:01", "cid", "A")).toEqual([
      "-lately ann 00:00:11",
      "-lately bob 00:00:16",
      "+lately cid 00:01",
    ]);
  });

  test("at the same instant a deadline comes before the message", () => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 10s}}}");
    story.track("00:00", "ann", "A");
    expect(story.track("00:00:11", "ann", "A")).toEqual(["-lately ann 00:00:11", "+lately ann 00:00:11"]);
  });

  test("evaluates a segment once for all that one message changes", () => {
    const story = new Story();
    story.define("00:00", "odd: {trait: {a: 1, b: {ne: 1}}}");
    expect(story.identify("00:01", "ann", { a: 1, b: 1 })).toEqual([]);
  });

  test("at one instant: by the bytes of the member's id, nested before nesting, then by segment", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{b: {event: {name: A, window: {last: 10s}}}, c: {event: {name: A, window: {last: 10s}}}, a: {segment: {in: [b]}}}",
    );
    // In UTF-16 the second id would come first; in UTF-8 it does not.
    story.track("00:00", "\u{1F600}", "A");
    story.track("00:00", "\u{FF5E}", "A");
    expect(story.tick("00:01")).toEqual([
      "-b \u{FF5E} 00:00:11",
      "-c \u{FF5E} 00:00:11",
      "-a \u{FF5E} 00:00:11",
      "-b \u{1F600} 00:00:11",
      "-c \u{1F600} 00:00:11",
      "-a \u{1F600} 00:00:11",
    ]);
  });
});

describe("what a delta says", () => {
  test("an event: its position, its messageId; the version and the number of the change", () => {
    const story = new Story();
    story.define("00:00", ONCE);
    const body = { type: "track", userId: "ann", event: "A", messageId: "m1" };
    expect(story.deltas("00:01", "event", body)).toEqual([
      {
        segment: "did",
        version: 1,
        kind: "user",
        id: "ann",
        change: "joined",
        n: 1,
        at: instant("00:01"),
        cause: { type: "event", seq: 3, messageId: "m1" },
      },
    ]);
  });

  test("time: the position of the message whose step it is", () => {
    const story = new Story();
    story.define("00:00", "lately: {event: {name: A, window: {last: 10s}}}");
    story.track("00:00", "ann", "A");
    expect(story.deltas("00:01", "clock", {})[0]).toMatchObject({ n: 2, cause: { type: "time", seq: 4 } });
  });

  test("late when it is older than the member's newest event, identify included", () => {
    const story = new Story();
    story.define("00:00", ONCE);
    story.identify("02:00", "ann", {});
    const timestamp = (text: string) => new Date(instant(text)).toISOString();
    const late = { type: "track", userId: "ann", event: "A", timestamp: timestamp("01:59") };
    expect(story.deltas("03:00", "event", late)[0]!.cause).toEqual({ type: "event", seq: 4, late: true });
    const first = { type: "track", userId: "bob", event: "A", timestamp: timestamp("01:59") };
    expect(story.deltas("03:00", "event", first)[0]!.cause).toEqual({ type: "event", seq: 5 });
  });

  test("a late event counts at its own time, and nothing is back-dated", () => {
    const story = new Story();
    story.define("00:00", "two: {event: {name: A, count: {gte: 2}, window: {last: 1h}}}");
    story.track("02:00", "ann", "A");
    expect(story.track("02:10", "ann", "A", {}, { at: "01:30" })).toEqual(["+two ann 02:10"]);
    expect(story.tick("03:00")).toEqual(["-two ann 02:30:01"]);
    expect(story.track("03:00", "ann", "A", {}, { at: "01:00" })).toEqual([]);
  });
});

describe("clock: event", () => {
  const options = { clockMode: "event", clockStepMsMax: 86_400_000 } as const;

  test("only events' own times and clock{to} move it; the stamp does not", () => {
    const story = new Story(options);
    story.define("00:00", "lately: {event: {name: A, window: {last: 1h}}}");
    expect(story.oracle.clock).toBe(0);
    expect(story.track("+9 00:00", "ann", "A", {}, { at: "01:00" })).toEqual(["+lately ann 01:00"]);
    expect(told(story.deltas("+9 00:00", "ready", {}))).toEqual([]);
    expect(told(story.deltas("+9 00:00", "clock", { to: instant("02:30") }))).toEqual(["-lately ann 02:00:01"]);
    expect(story.oracle.clock).toBe(instant("02:30"));
    story.deltas("+9 00:00", "clock", { to: instant("00:30") });
    expect(story.oracle.clock).toBe(instant("02:30"));
  });

  test("an event ahead of the clock moves it, deadlines first; an older one is late", () => {
    const story = new Story(options);
    story.define("00:00", "lately: {event: {name: A, window: {last: 1h}}}");
    story.track("+9 00:00", "ann", "A", {}, { at: "01:00" });
    expect(story.track("+9 00:00", "bob", "A", {}, { at: "05:00" })).toEqual([
      "-lately ann 02:00:01",
      "+lately bob 05:00",
    ]);
    expect(story.track("+9 00:00", "cid", "A", {}, { at: "04:30" })).toEqual(["+lately cid 05:00"]);
  });

  test("a step too far ahead is rejected and moves nothing; the first event may be anywhere", () => {
    const story = new Story(options);
    story.define("00:00", ONCE);
    story.track("+9 00:00", "ann", "A", {}, { at: "01:00" });
    expect(story.track("+9 00:00", "bob", "A", {}, { at: "+1 01:00:00.001" })).toEqual([]);
    expect(story.reasons).toEqual(["clock-step"]);
    expect(story.oracle.clock).toBe(instant("01:00"));
    expect(story.track("+9 00:00", "bob", "A", {}, { at: "+1 01:00" })).toEqual(["+did bob +1 01:00"]);
  });

  test.each(["", "{}", '{"to":"2026"}', '{"to":-1}', "[]"])("the clock message %j is rejected", (body) => {
    const story = new Story(options);
    story.deltas("00:00", "clock", body);
    expect(story.reasons).toEqual(["bad-clock"]);
  });
});

describe("refused events", () => {
  test("an id of another partition", () => {
    const stories = [0, 1].map((partition) => new Story({ partition, partitions: 2 }));
    for (const story of stories) {
      story.define("00:00", ONCE);
      story.track("00:01", "ann", "A");
    }
    expect(stories.map(({ oracle }) => oracle.universe).sort()).toEqual([0, 1]);
    expect(stories.flatMap(({ reasons }) => reasons)).toEqual(["wrong-partition"]);
  });

  test("have no effect but the clock: no visit, no newest event time, nobody known", () => {
    const story = new Story();
    story.define("00:00", "{everybody: {not: {list: {in: [nobody]}}}}");
    expect(story.track("01:00", "ann", "Order Refunded", { order_id: "none" })).toEqual([]);
    expect(story.reasons).toEqual(["unknown-order"]);
    expect(story.oracle.universe).toBe(0);
    expect(story.oracle.clock).toBe(instant("01:00"));
  });
});
