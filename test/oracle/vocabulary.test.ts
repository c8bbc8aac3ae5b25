// The vocabulary as stories: an edit of every segment that reads what has changed, answered by the whole history.
import { describe, expect, test } from "vitest";
import type { Delta, Json } from "../../lib/core/types.ts";
import type { Story } from "./story.ts";
import { TELLERS } from "./tellers.ts";

describe.each(TELLERS)("the %s says", (_, Teller) => {
  const idle = (text: string): Json => ({ visit: { idle: text } });

  /** ann's page calls at 01:00 and 01:20: one visit by default, two with ten minutes. */
  function twoCalls(rule: string): Story {
    const story = new Teller();
    story.define("00:00", rule);
    story.event("01:00", { type: "page", userId: "ann" });
    story.event("01:20", { type: "page", userId: "ann" });
    return story;
  }

  /** Revision 3: a question that is new, so that what follows it waits. */
  function askNew(story: Story): void {
    const source = { id: "new", rule: { event: { name: "Never", window: { last: "1d" } } } };
    expect(story.control("01:59", { op: "apply", define: [source], remove: [] })).toEqual([]);
  }

  describe("an edit of the vocabulary", () => {
    test("cuts the visits anew, of all history", () => {
      const story = twoCalls("s: {visit: {count: {gte: 2}}}");
      expect(story.members("s")).toEqual([]);
      expect(story.vocabulary("02:00", idle("10m"))).toEqual(["+s ann 02:00"]);
      expect(story.vocabulary("02:01", {})).toEqual(["-s ann 02:01"]);
      expect(story.reasons).toEqual([]);
    });

    test("raises the version of those that read it, and of no other", () => {
      const story = twoCalls("s: {visit: {count: {gte: 2}}}\nt: {event: {name: Page Viewed, count: {gte: 3}}}");
      story.vocabulary("02:00", idle("10m"));
      const deltas: Delta[] = story.deltas("02:10", "event", { type: "page", userId: "bea" });
      expect(deltas).toEqual([]);
      const later = [
        ...story.deltas("02:20", "event", { type: "page", userId: "bea" }),
        ...story.deltas("02:21", "event", { type: "page", userId: "bea" }),
      ];
      expect(later.map(({ segment, version }) => `${segment} ${version}`)).toEqual(["s 2", "t 1"]);
    });

    test("ignores stay and cooldown, as every edit does", () => {
      const story = new Teller();
      story.define("00:00", "s: {visit: {count: 1}}", { stay: "1d" });
      story.event("01:00", { type: "page", userId: "ann" });
      story.event("01:20", { type: "page", userId: "ann" });
      expect(story.vocabulary("02:00", idle("10m"))).toEqual(["-s ann 02:00"]);
    });

    test("says other names for interactions and outcomes", () => {
      const story = new Teller();
      story.define("00:00", "s: {item: {action: viewed}}\nt: {campaign: {outcome: clicked}}");
      story.track("01:00", "ann", "Looked", { product_id: "a" });
      story.track("01:01", "ann", "Tapped", {});
      const document = {
        items: { events: { Looked: { action: "viewed", of: "product" } } },
        campaigns: { Tapped: "clicked" },
      };
      expect(story.vocabulary("02:00", document)).toEqual(["+s ann 02:00", "+t ann 02:00"]);
      expect(story.vocabulary("02:01", {})).toEqual(["-s ann 02:01", "-t ann 02:01"]);
    });

    test("new referrers, new sources", () => {
      const story = new Teller();
      story.define("00:00", "s: {source: {first.medium: partner}}");
      story.event("01:00", { type: "page", userId: "ann", context: { page: { referrer: "https://friend.example/" } } });
      const referrers = { "friend.example": { medium: "partner", name: "Friend" } };
      expect(story.vocabulary("02:00", { referrers })).toEqual(["+s ann 02:00"]);
    });

    test("waits for its activation, and can be cancelled", () => {
      const story = twoCalls("s: {visit: {count: {gte: 2}}}");
      askNew(story);
      expect(story.control("02:00", { op: "vocabulary", vocabulary: idle("10m") })).toEqual([]);
      expect(story.control("02:01", { op: "cancel", revision: 4 })).toEqual([]);
      expect(story.control("02:02", { op: "activate", revision: 4 })).toEqual([]);
      expect(story.define("02:03", "t: {visit: {count: {gte: 2}}}")).toEqual([]);
    });

    test("what waits is not cancelled where two segments would then read each other", () => {
      const story = twoCalls("s: {visit: {count: {gte: 2}}}");
      story.define("01:30", "t: {segment: {in: [s]}}");
      const asks = { id: "t", rule: { event: { name: "New", window: { last: "3h" } } } };
      const rests = { id: "s", rule: { segment: { in: ["t"] } } };
      story.control("02:00", { op: "apply", define: [asks], remove: [] });
      story.control("02:01", { op: "apply", define: [rests], remove: [] });
      story.control("02:02", { op: "cancel", revision: 5 });
      expect(story.reasons).toEqual(["bad-control"]);
    });

    test("an apply after it is read by it, though it waits", () => {
      const story = twoCalls("s: {visit: {count: {gte: 2}}}");
      askNew(story);
      story.control("02:00", { op: "vocabulary", vocabulary: idle("10m") });
      expect(story.define("02:01", "t: {visit: {count: {gte: 2}}}")).toEqual(["+t ann 02:01"]);
      expect(story.control("02:02", { op: "activate", revision: 4 })).toEqual(["+s ann 02:02"]);
    });

    test("a segment that waits is edited too: its older word is given up", () => {
      const story = twoCalls("s: {visit: {count: {gte: 5}}}");
      askNew(story);
      const source = { id: "s", rule: { visit: { count: { gte: 2 } } } };
      story.control("02:00", { op: "apply", define: [source], remove: [] });
      story.control("02:01", { op: "vocabulary", vocabulary: idle("10m") });
      expect(story.control("02:02", { op: "activate", revision: 4 })).toEqual([]);
      expect(story.control("02:03", { op: "activate", revision: 5 })).toEqual(["+s ann 02:03"]);
    });

    test("one that nobody reads takes effect at once", () => {
      const story = twoCalls("s: {visit: {count: {gte: 2}}}");
      expect(story.control("02:00", { op: "vocabulary", vocabulary: { currency: "EUR" } })).toEqual([]);
      expect(story.define("02:01", "t: {order: {total: {gte: 10}}}")).toEqual([]);
      expect(
        story.track("02:02", "ann", "Order Completed", { total: 10, currency: "EUR" }, { channel: "server" }),
      ).toEqual(["+t ann 02:02"]);
    });

    test("a document that does not parse is refused", () => {
      const story = twoCalls("s: {visit: {count: {gte: 2}}}");
      expect(story.vocabulary("02:00", idle("soon"))).toEqual([]);
      expect(story.reasons).toEqual(["bad-control"]);
    });

    test("a funnel that a segment names cannot be dropped, nor named before it is there", () => {
      const story = new Teller();
      const funnels = { trial: { steps: [{ name: "start", event: { name: "A" } }] } };
      story.define("00:00", "s: {funnel: {id: trial, at: start}}");
      expect(story.reasons).toEqual(["bad-control"]);
      story.vocabulary("00:01", { funnels });
      story.define("00:02", "s: {funnel: {id: trial, at: start}}");
      expect(story.reasons).toEqual(["bad-control"]);
      story.vocabulary("00:03", {});
      expect(story.reasons).toEqual(["bad-control", "bad-control"]);
    });
  });
});
