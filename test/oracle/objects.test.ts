// Objects as stories: things that a user owns many of, set and removed by events in log order.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { Story, type StoryOptions } from "./story.ts";

const set = (id: Json, rest: Record<string, Json> = {}): [string, Json] => [
  "Object Set",
  { type: "lease", id, ...rest },
];
const removed = (id: Json, type: Json = "lease"): [string, Json] => ["Object Removed", { type, id }];

function after(rule: string, messages: readonly [string, Json][], options: StoryOptions = {}): boolean {
  const story = new Story(options);
  story.define("00:00", `s: {object: ${rule}}`);
  expect(story.reasons, "the definition must parse").toEqual([]);
  story.identify("00:00", "ann", {});
  for (const [index, [event, properties]] of messages.entries()) story.track(`01:0${index}`, "ann", event, properties);
  return story.members("s").length === 1;
}

describe("what is owned", () => {
  test.each<[string, string, [string, Json][], boolean]>([
    ["nothing", "{type: lease}", [], false],
    ["none is a count, too", "{type: lease, count: 0}", [], true],
    ["one", "{type: lease}", [set("a")], true],
    ["one of another type", "{type: car}", [set("a")], false],
    ["the same again is one", "{type: lease, count: 1}", [set("a"), set("a")], true],
    ["a number is its decimal text", "{type: lease, count: 1}", [set(5), set("5")], true],
    ["removed", "{type: lease, count: 0}", [set("a"), removed("a")], true],
    ["removed by its number", "{type: lease, count: 0}", [set("5"), removed(5)], true],
    ["what was never there", "{type: lease, count: 1}", [set("a"), removed("b")], true],
    ["removed of another type", "{type: lease, count: 1}", [set("a"), removed("a", "car")], true],
    ["its id", "{type: lease, where: {id: a}}", [set("a")], true],
  ])("%s", (_, rule, messages, expected) => {
    expect(after(rule, messages)).toBe(expected);
  });
});

describe("attributes", () => {
  test.each<[string, string, [string, Json][], boolean]>([
    ["overwrite", "{type: lease, where: {rent: 2}}", [set("a", { rent: 1 }), set("a", { rent: 2 })], true],
    [
      "stay when they are not given",
      "{type: lease, where: {rent: 1, city: x}}",
      [set("a", { rent: 1 }), set("a", { city: "x" })],
      true,
    ],
    [
      "null removes one",
      "{type: lease, where: {rent: {exists: false}}}",
      [set("a", { rent: 1 }), set("a", { rent: null })],
      true,
    ],
    [
      "an object set anew has none of the removed one",
      "{type: lease, where: {rent: 1}}",
      [set("a", { rent: 1 }), removed("a"), set("a")],
      false,
    ],
    ["inside one", "{type: lease, where: {unit.region: north}}", [set("a", { unit: { region: "north" } })], true],
    ["all tests on one object", "{type: lease, where: {x: 1, y: 1}}", [set("a", { x: 1 }), set("b", { y: 1 })], false],
  ])("%s", (_, rule, messages, expected) => {
    expect(after(rule, messages)).toBe(expected);
  });
});

describe("measures", () => {
  const rents = [set("a", { rent: 10 }), set("b", { rent: 30.5 }), set("c", { rent: "9" }), set("d")];
  test.each<[string, boolean]>([
    ["{type: lease, count: {eq: 4}}", true],
    ["{type: lease, where: {rent: {gt: 10}}, count: 1}", true],
    ["{type: lease, sum: {of: rent, is: 40.5}}", true],
    ["{type: lease, avg: {of: rent, is: 20.25}}", true],
    ["{type: lease, min: {of: rent, is: 10}}", true],
    ["{type: lease, max: {of: rent, is: 30.5}}", true],
    ["{type: lease, distinct: {of: rent, is: 3}}", true],
    ["{type: car, max: {of: rent, is: {exists: false}}}", true],
    ["{type: car, max: {of: rent, is: {lt: 1000}}}", false],
    ["{type: car, sum: {of: rent, is: 0}}", true],
  ])("%s", (rule, expected) => {
    expect(after(rule, rents)).toBe(expected);
  });
});

test("they follow log order: what comes late is taken all the same", () => {
  const story = new Story();
  story.define("00:00", "s: {object: {type: lease, where: {rent: 2}}}");
  story.track("01:00", "ann", "Object Set", { type: "lease", id: "a", rent: 1 });
  expect(story.track("02:00", "ann", "Object Set", { type: "lease", id: "a", rent: 2 }, { at: "00:30" })).toEqual([
    "+s ann 02:00",
  ]);
});

test("a date of an object comes nearer by silence", () => {
  const story = new Story();
  story.define("00:00", "ends: {object: {type: lease, where: {ends: {date: {next: 2d}}}}}");
  expect(story.track("01:00", "ann", "Object Set", { type: "lease", id: "a", ends: "2026-11-07" })).toEqual([]);
  expect(story.track("01:00", "ann", "Object Set", { type: "lease", id: "b", ends: "2026-11-05T12:00:00Z" })).toEqual(
    [],
  );
  expect(story.tick("+9 00:00")).toEqual(["+ends ann +1 12:00", "-ends ann +5 00:00"]);
});

test("their messages are events, too", () => {
  const story = new Story();
  story.define("00:00", 's: {event: {name: "*", count: 2}}');
  story.track("01:00", "ann", "Object Set", { type: "lease", id: "a" });
  expect(story.track("01:01", "ann", "Object Removed", { type: "lease", id: "a" })).toEqual(["+s ann 01:01"]);
});

describe("what is refused", () => {
  test.each<[string, Json]>([
    ["Object Set", { type: "lease" }],
    ["Object Set", { id: "a" }],
    ["Object Set", { type: "", id: "a" }],
    ["Object Set", { type: "lease", id: { a: 1 } }],
    ["Object Removed", { type: "lease" }],
  ])("%s with %j: no type or no id", (event, properties) => {
    const story = new Story();
    story.track("01:00", "ann", event, properties);
    expect(story.reasons).toEqual(["bad-field"]);
    expect(story.oracle.universe).toBe(0);
  });

  test("one more than the limit, and then nothing of it has happened", () => {
    const story = new Story({ limits: { objectsMax: 2 } });
    story.define(
      "00:00",
      "{o: {object: {type: lease, count: {gte: 2}}}, e: {event: {name: Object Set, count: {gte: 4}}}}",
    );
    for (const id of ["a", "b", "c"]) story.track("01:00", "ann", "Object Set", { type: "lease", id });
    expect(story.reasons).toEqual(["limit"]);
    // Another type, and one that is there already, have their places.
    expect(story.track("01:01", "ann", "Object Set", { type: "car", id: "c" })).toEqual([]);
    expect(story.track("01:02", "ann", "Object Set", { type: "lease", id: "a", rent: 5 })).toEqual(["+e ann 01:02"]);
    story.track("01:03", "ann", "Object Removed", { type: "lease", id: "b" });
    expect(story.track("01:04", "ann", "Object Set", { type: "lease", id: "c" })).toEqual(["+o ann 01:04"]);
  });
});
