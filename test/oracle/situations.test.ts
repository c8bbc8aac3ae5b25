// rules.md 4.11 as stories: values of a feed for the member's last known place, the most specific that fits.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { instant, Story } from "./story.ts";

const BERLIN = { country: "DE", region: "BE", city: "Berlin" };

function storyOf(rule: string): Story {
  const story = new Story();
  story.define("00:00", `s: ${rule}`);
  expect(story.reasons, "the definition must parse").toEqual([]);
  return story;
}

const at = (story: Story, stamp: string, place: Json, id = "ann", channel = "web"): string[] =>
  story.event(stamp, { type: "page", userId: id, channel, context: { place } });

function feed(story: Story, stamp: string, place: Json, values: Json, rest: Record<string, Json> = {}): string[] {
  return story.control(stamp, { op: "situation", kind: "weather", place, values, ...rest });
}

describe("weather", () => {
  const rain = "{weather: {condition: rain, temperature: {lt: 10}}}";

  test("people join and leave as it changes, with no event of their own", () => {
    const story = storyOf(rain);
    for (const id of ["bob", "ann"]) at(story, "00:10", BERLIN, id);
    at(story, "00:10", { country: "FR" }, "cid");
    expect(feed(story, "01:00", BERLIN, { condition: "rain", temperature: 9.5 })).toEqual([
      "+s ann 01:00",
      "+s bob 01:00",
    ]);
    expect(feed(story, "02:00", BERLIN, { condition: "rain", temperature: 10 })).toEqual([
      "-s ann 02:00",
      "-s bob 02:00",
    ]);
  });

  test("its cause is the feed", () => {
    const story = storyOf(rain);
    at(story, "00:10", BERLIN);
    const entry = { op: "situation", kind: "weather", place: BERLIN, values: { condition: "rain", temperature: 1 } };
    const deltas = story.deltas("01:00", "control", { revision: 3, entry });
    expect(deltas.map(({ cause }) => cause)).toEqual([{ type: "feed", seq: 4 }]);
  });

  test("counts from its place in the log for who comes later", () => {
    const story = storyOf(rain);
    feed(story, "01:00", BERLIN, { condition: "rain", temperature: 1 });
    expect(at(story, "02:00", BERLIN)).toEqual(["+s ann 02:00"]);
    expect(at(story, "03:00", { country: "FR" })).toEqual(["-s ann 03:00"]);
  });

  test("ends at `until`, which is a deadline", () => {
    const story = storyOf(rain);
    at(story, "00:10", BERLIN);
    feed(story, "01:00", BERLIN, { condition: "rain", temperature: 1 }, { until: instant("04:00:00.500") });
    expect(story.tick("09:00")).toEqual(["-s ann 04:00:00.500"]);
  });

  test("at `until` the cause is time", () => {
    const story = storyOf(rain);
    at(story, "00:10", BERLIN);
    feed(story, "01:00", BERLIN, { condition: "rain", temperature: 1 }, { until: instant("04:00") });
    expect(story.deltas("09:00", "clock", {}).map(({ cause }) => cause)).toEqual([{ type: "time", seq: 5 }]);
  });

  test("a replaced message's `until` ends nothing any more", () => {
    const story = storyOf(rain);
    at(story, "00:10", BERLIN);
    feed(story, "01:00", BERLIN, { condition: "rain", temperature: 1 }, { until: instant("04:00") });
    feed(story, "02:00", BERLIN, { condition: "rain", temperature: 2 });
    expect(story.tick("09:00")).toEqual([]);
  });

  test("what was over when it came replaces, and gives nothing", () => {
    const story = storyOf(rain);
    at(story, "00:10", BERLIN);
    feed(story, "01:00", BERLIN, { condition: "rain", temperature: 1 });
    const late = { until: instant("01:30") };
    expect(feed(story, "02:00", BERLIN, { condition: "rain", temperature: 1 }, late)).toEqual(["-s ann 02:00"]);
  });

  test("cleared by null", () => {
    const story = storyOf(rain);
    at(story, "00:10", BERLIN);
    feed(story, "01:00", BERLIN, { condition: "rain", temperature: 1 });
    expect(feed(story, "02:00", BERLIN, null)).toEqual(["-s ann 02:00"]);
    expect(feed(story, "03:00", BERLIN, null)).toEqual([]);
  });

  test("no place, no values: then complements hold", () => {
    const story = storyOf("{weather: {condition: {ne: rain}}}");
    feed(story, "01:00", BERLIN, { condition: "rain" });
    expect(story.track("02:00", "ann", "A")).toEqual(["+s ann 02:00"]);
    expect(at(story, "03:00", BERLIN)).toEqual(["-s ann 03:00"]);
  });
});

describe("the most specific place that fits", () => {
  const warm = "{weather: {temperature: {gte: 20}}}";
  const [COLD, WARM] = [{ temperature: 1 }, { temperature: 25 }];

  test.each<[string, Json, readonly [Json, Json][], boolean]>([
    ["the country", BERLIN, [[{ country: "DE" }, WARM]], true],
    ["another country", BERLIN, [[{ country: "FR" }, WARM]], false],
    [
      "the region over the country",
      BERLIN,
      [
        [{ country: "DE", region: "BE" }, WARM],
        [{ country: "DE" }, COLD],
      ],
      true,
    ],
    [
      "the city over the region",
      BERLIN,
      [
        [BERLIN, WARM],
        [{ country: "DE", region: "BE" }, COLD],
      ],
      true,
    ],
    [
      "however new the wider one is",
      BERLIN,
      [
        [{ country: "DE" }, WARM],
        [BERLIN, COLD],
        [{ country: "DE" }, WARM],
      ],
      false,
    ],
    [
      "whole: what the specific one lacks is missing",
      BERLIN,
      [
        [{ country: "DE" }, WARM],
        [BERLIN, { wind: 3 }],
      ],
      false,
    ],
    ["another city", BERLIN, [[{ ...BERLIN, city: "Bonn" }, WARM]], false],
    ["the same city of another region", BERLIN, [[{ ...BERLIN, region: "MD" }, WARM]], false],
    ["a wider place than is known", { country: "DE" }, [[{ country: "DE", region: "BE" }, WARM]], false],
    [
      "a city without its region fits by the country alone",
      { country: "DE", city: "Berlin" },
      [
        [{ country: "DE" }, WARM],
        [BERLIN, COLD],
      ],
      true,
    ],
    [
      "letters folded",
      { country: "de", region: "be", city: "KÖLN" },
      [[{ country: "DE", region: "BE", city: "Köln" }, WARM]],
      true,
    ],
    [
      "composed and decomposed letters",
      { country: "DE", region: "BE", city: "Ko\u0308ln" },
      [[{ country: "DE", region: "BE", city: "Köln" }, WARM]],
      true,
    ],
    ["no country", { city: "Berlin" }, [[{ country: "DE" }, WARM]], false],
  ])("%s", (_, place, said, expected) => {
    const story = storyOf(warm);
    at(story, "00:10", place);
    for (const [where, values] of said) feed(story, "01:00", where, values);
    expect(story.members("s").length === 1).toBe(expected);
  });

  test("when the specific one is cleared or over, the wider one counts", () => {
    const story = storyOf(warm);
    at(story, "00:10", BERLIN);
    feed(story, "01:00", { country: "DE" }, WARM);
    expect(feed(story, "02:00", BERLIN, COLD, { until: instant("03:00") })).toEqual(["-s ann 02:00"]);
    expect(story.tick("04:00")).toEqual(["+s ann 03:00"]);
    expect(feed(story, "05:00", BERLIN, COLD)).toEqual(["-s ann 05:00"]);
    expect(feed(story, "06:00", BERLIN, null)).toEqual(["+s ann 06:00"]);
  });
});

describe("the last known place", () => {
  const rain = "{weather: {condition: rain}}";

  test("is whole the last visit event's that carried one, in log order", () => {
    const story = storyOf(rain);
    feed(story, "00:00", BERLIN, { condition: "rain" });
    expect(at(story, "01:00", BERLIN)).toEqual(["+s ann 01:00"]);
    expect(story.track("01:01", "ann", "A", {}, { channel: "web" })).toEqual([]);
    expect(at(story, "01:02", { country: "FR" }, "ann", "server")).toEqual([]);
    expect(story.event("01:03", { type: "identify", userId: "ann", context: { place: { country: "FR" } } })).toEqual(
      [],
    );
    const late = { at: "00:30", context: { place: { country: "DE" } } };
    expect(story.track("01:04", "ann", "A", {}, late)).toEqual(["-s ann 01:04"]);
  });
});

test("a town without its region, and an end before 1970, are refused", () => {
  const story = storyOf("{weather: {condition: rain}}");
  at(story, "00:10", BERLIN);
  expect(feed(story, "01:00", { country: "DE", city: "Berlin" }, { condition: "rain" })).toEqual([]);
  expect(feed(story, "02:00", BERLIN, { condition: "rain" }, { until: -1 })).toEqual([]);
  expect(story.reasons).toEqual(["bad-control", "bad-control"]);
});

describe("situations of any kind", () => {
  test("kinds are apart", () => {
    const story = storyOf("{situation: {kind: traffic, where: {jam: true}}}");
    at(story, "00:10", BERLIN);
    expect(feed(story, "01:00", BERLIN, { jam: true })).toEqual([]);
    const entry = { op: "situation", kind: "traffic", place: { country: "DE" }, values: { jam: true } };
    expect(story.control("02:00", entry)).toEqual(["+s ann 02:00"]);
  });

  test("dates of a feed come nearer by silence", () => {
    const story = storyOf("{situation: {kind: weather, where: {storm: {date: {next: 2h}}}}}");
    at(story, "00:10", BERLIN);
    feed(story, "01:00", BERLIN, { storm: "2026-11-02T06:00:00Z" });
    expect(story.tick("09:00")).toEqual(["+s ann 04:00", "-s ann 06:00"]);
  });

  test.each<[string, Json]>([
    ["no kind", { place: BERLIN, values: {} }],
    ["no country", { kind: "weather", place: { city: "x" }, values: {} }],
    ["values that are none", { kind: "weather", place: BERLIN, values: "rain" }],
    ["until as a text", { kind: "weather", place: BERLIN, values: {}, until: "2026-11-02" }],
  ])("an entry with %s is refused", (_, entry) => {
    const story = new Story();
    story.control("01:00", { op: "situation", ...(entry as Record<string, Json>) });
    expect(story.reasons).toEqual(["bad-control"]);
  });
});
