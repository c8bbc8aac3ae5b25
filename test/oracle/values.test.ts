// rules.md 4.3, sentence by sentence: values, missing ones, several ones, and every test.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { Story } from "./story.ts";

/** Whether somebody with such traits is in `{trait: where}`. */
function passes(traits: Json, where: unknown, zone = "UTC"): boolean {
  const story = new Story();
  const applied = story.apply("00:00", [{ id: "s", zone, rule: { trait: where } }]);
  expect(story.reasons, "the definition must parse").toEqual([]);
  expect(applied).toEqual([]);
  story.identify("12:00", "ann", traits);
  expect(story.reasons).toEqual([]);
  return story.members("s").length === 1;
}

type Row = [traits: Json, where: unknown, expected: boolean];

describe("types", () => {
  test.each<Row>([
    [{ a: "5" }, { a: 5 }, false],
    [{ a: 5 }, { a: "5" }, false],
    [{ a: 5 }, { a: 5 }, true],
    [{ a: true }, { a: "true" }, false],
    [{ a: 1 }, { a: true }, false],
    [{ a: "7" }, { a: { gt: 5 } }, false],
    [{ a: 7 }, { a: { startsWith: "7" } }, false],
    [{ a: 1_793_000_000_000 }, { a: { date: { from: "2020-01-01" } } }, false],
    [{ a: "2026-11-02T12:00:00Z" }, { a: { date: { from: "2020-01-01" } } }, true],
    [{ a: "not a date" }, { a: { date: { from: "2020-01-01" } } }, false],
    [{ a: "" }, { a: { exists: true } }, true],
    [{ a: 0 }, { a: { exists: true } }, true],
    [{ a: false }, { a: { exists: true } }, true],
    [{ a: [] }, { a: { exists: true } }, true],
    [{ a: null }, { a: { exists: true } }, false],
    [{ a: {} }, { "a.b": { exists: true } }, false],
    [{ a: "text" }, { "a.length": { exists: true } }, false],
    [{ a: {} }, { "a.toString": { exists: true } }, false],
  ])("%j under %j: %s", (traits, where, expected) => {
    expect(passes(traits, where)).toBe(expected);
  });

  test("a date is midnight in the segment's zone, RFC 3339, or UTC when it names no offset", () => {
    const until = (to: string) => ({ a: { date: { to } } });
    expect(passes({ a: "2026-11-02" }, until("2026-11-02T05:00:00.001Z"), "America/New_York")).toBe(true);
    expect(passes({ a: "2026-11-02" }, until("2026-11-02T05:00:00Z"), "America/New_York")).toBe(false);
    expect(passes({ a: "2026-11-02T07:00:00+02:00" }, until("2026-11-02T05:00:00.001Z"))).toBe(true);
    expect(passes({ a: "2026-11-02T05:00:00" }, until("2026-11-02T05:00:00.001Z"), "America/New_York")).toBe(true);
    expect(passes({ a: "2026-11-02T05:00:00" }, until("2026-11-02T05:00:00Z"), "America/New_York")).toBe(false);
  });
});

describe("a missing value fails every test", () => {
  test.each([
    { eq: 1 },
    { in: [1, 2] },
    { exists: true },
    { gt: 1 },
    { lte: 1 },
    { between: [0, 9] },
    { contains: "x" },
    { startsWith: "x" },
    { endsWith: "x" },
    { like: "*" },
    { includesAll: ["a"] },
    { has: { b: 1 } },
    { date: { last: "1d" } },
    { date: { to: "2030-01-01" } },
    { near: { lat: 0, lon: 0, within: "30000km" } },
    { delta: { over: "1d", amount: { gte: 0 } } },
  ])("%j", (part) => {
    expect(passes({}, { a: part })).toBe(false);
  });

  test.each<[unknown, unknown]>([
    [{ ne: 1 }, { eq: 1 }],
    [{ notIn: [1, 2] }, { in: [1, 2] }],
    [{ notContains: "x" }, { contains: "x" }],
    [{ exists: false }, { exists: true }],
  ])("but %j is exactly the complement of %j", (negative, positive) => {
    for (const a of [null, 1, 2, 3, "1", "x", "axb", true, [], [1], [1, "x"], [3], { b: 1 }, {}] as Json[]) {
      expect(passes({ a }, { a: negative }), JSON.stringify(a)).toBe(!passes({ a }, { a: positive }));
    }
    expect(passes({}, { a: negative })).toBe(true);
  });
});

describe("several values", () => {
  test.each<Row>([
    [{ a: ["x", "y"] }, { a: "y" }, true],
    [{ a: ["x", "y"] }, { a: { ne: "y" } }, false],
    [{ a: ["x", "y"] }, { a: { notIn: ["z"] } }, true],
    [{ a: ["x", "y"] }, { a: { notIn: ["y", "z"] } }, false],
    [{ a: [{ b: 1 }, { b: 2 }] }, { "a.b": 2 }, true],
    [{ a: [{ b: 1 }, { b: [2, 3] }] }, { "a.b": { gt: 2 } }, true],
    [{ a: [{ b: 1 }, { c: 2 }] }, { "a.c": { exists: true } }, true],
    [{ a: [{ b: 1 }] }, { "a.0.b": 1 }, false],
    // One and the same value passes the whole test.
    [{ a: [1, 20] }, { a: { gt: 5, lt: 10 } }, false],
    [{ a: [1, 7] }, { a: { gt: 5, lt: 10 } }, true],
    [{ a: [7, 8] }, { a: { gt: 5, ne: 8 } }, false],
    [{ a: [] }, { a: { gt: 0 } }, false],
    [{ a: ["a", "b"] }, { a: { includesAll: ["a", "b"] } }, true],
    [{ a: ["a"] }, { a: { includesAll: ["a", "b"] } }, false],
    [{ a: "a" }, { a: { includesAll: ["a"] } }, true],
    [{ a: ["1"] }, { a: { includesAll: [1] } }, false],
    [{ a: ["A", "É"] }, { a: { includesAll: ["a", "e\u0301"], fold: true } }, true],
    [
      {
        a: [
          { b: 1, c: 1 },
          { b: 2, c: 2 },
        ],
      },
      { a: { has: { b: 1, c: 1 } } },
      true,
    ],
    [
      {
        a: [
          { b: 1, c: 1 },
          { b: 2, c: 2 },
        ],
      },
      { a: { has: { b: 1, c: 2 } } },
      false,
    ],
    [{ a: { b: 1 } }, { a: { has: { b: 1 } } }, true],
    [{ a: ["b"] }, { a: { has: { b: { exists: false } } } }, false],
  ])("%j under %j: %s", (traits, where, expected) => {
    expect(passes(traits, where)).toBe(expected);
  });
});

describe("operators", () => {
  test.each<Row>([
    [{ a: 5 }, { a: { between: [5, 7] } }, true],
    [{ a: 7 }, { a: { between: [5, 7] } }, true],
    [{ a: 7.000001 }, { a: { between: [5, 7] } }, false],
    [{ a: 5 }, { a: { gt: 5 } }, false],
    [{ a: 5 }, { a: { gte: 5 } }, true],
    [{ a: 5 }, { a: { lt: 5 } }, false],
    [{ a: 5 }, { a: { lte: 5 } }, true],
    [{ a: "abc" }, { a: { contains: "b" } }, true],
    [{ a: "abc" }, { a: { startsWith: "b" } }, false],
    [{ a: "abc" }, { a: { startsWith: "ab" } }, true],
    [{ a: "abc" }, { a: { endsWith: "bc" } }, true],
    [{ a: "abc" }, { a: { like: "b" } }, false],
    [{ a: "abc" }, { a: { like: "*b*" } }, true],
    [{ a: "abc" }, { a: { like: "a?c" } }, true],
    [{ a: "abc" }, { a: { like: "a?" } }, false],
    [{ a: "a.c" }, { a: { like: "a.c" } }, true],
    [{ a: "abc" }, { a: { like: "a.c" } }, false],
    [{ a: "a\nb" }, { a: { like: "a*b" } }, true],
    [{ a: "a\u{1F600}b" }, { a: { like: "a?b" } }, true],
    [{ a: "STRASSE" }, { a: { eq: "strasse", fold: true } }, true],
    [{ a: "Caf\u00e9" }, { a: { eq: "CAFE\u0301", fold: true } }, true],
    [{ a: "Caf\u00e9" }, { a: "Cafe\u0301" }, false],
    [{ a: "Abc" }, { a: "abc" }, false],
    [{ a: "ABC" }, { a: { like: "*B?", fold: true } }, true],
    [{ a: "ABC" }, { a: { contains: "b", fold: true } }, true],
    [{ a: { lat: 48.8566, lon: 2.3522 } }, { a: { near: { lat: 48.86, lon: 2.35, within: "1km" } } }, true],
    // London to Paris: 343.5 km, 213.5 mi.
    [{ a: { lat: 51.5074, lon: -0.1278 } }, { a: { near: { lat: 48.8566, lon: 2.3522, within: "343km" } } }, false],
    [{ a: { lat: 51.5074, lon: -0.1278 } }, { a: { near: { lat: 48.8566, lon: 2.3522, within: "344km" } } }, true],
    [{ a: { lat: 51.5074, lon: -0.1278 } }, { a: { near: { lat: 48.8566, lon: 2.3522, within: "213mi" } } }, false],
    [{ a: { lat: 51.5074, lon: -0.1278 } }, { a: { near: { lat: 48.8566, lon: 2.3522, within: "214mi" } } }, true],
    // Across the date line.
    [{ a: { lat: 0, lon: 179.999 } }, { a: { near: { lat: 0, lon: -179.999, within: "1km" } } }, true],
    [{ a: { lat: "0", lon: 0 } }, { a: { near: { lat: 0, lon: 0, within: "1km" } } }, false],
  ])("%j under %j: %s", (traits, where, expected) => {
    expect(passes(traits, where)).toBe(expected);
  });

  test("where: all, any, none, not, and several paths at once", () => {
    const traits = { a: 1, b: 2 };
    expect(passes(traits, { a: 1, b: 2 })).toBe(true);
    expect(passes(traits, { a: 1, b: 3 })).toBe(false);
    expect(passes(traits, { any: [{ a: 9 }, { b: 2 }] })).toBe(true);
    expect(passes(traits, { all: [{ a: 9 }, { b: 2 }] })).toBe(false);
    expect(passes(traits, { none: [{ a: 9 }, { b: 9 }] })).toBe(true);
    expect(passes(traits, { none: [{ a: 9 }, { b: 2 }] })).toBe(false);
    expect(passes(traits, { not: { a: 9 } })).toBe(true);
    expect(passes({ "a.b": 1, a: { b: 2 } }, { "a\\.b": 1 })).toBe(true);
    expect(passes({ not: 1 }, { "\\not": 1 })).toBe(true);
  });

  test("time of day is compared as text HH:MM", () => {
    const story = new Story();
    story.define("00:00", '{early: {event: {name: A, where: {at.time: {lt: "12:00"}, at.weekday: mon}}}}');
    expect(story.track("11:59:59", "ann", "A")).toEqual(["+early ann 11:59:59"]);
    expect(story.track("12:00", "bob", "A")).toEqual([]);
    expect(story.track("+1 11:00", "cid", "A")).toEqual([]);
  });
});

describe("a date test in an occurrence's where", () => {
  test("is read once, as of the message, and silence does not move it", () => {
    const story = new Story();
    story.define("00:00", "soon: {event: {name: Booked, where: {properties.on: {date: {next: 1d}}}}}");
    expect(story.track("00:00", "ann", "Booked", { on: "2026-11-02T10:00:00Z" })).toEqual(["+soon ann 00:00"]);
    expect(story.track("00:00", "bob", "Booked", { on: "2026-11-05" })).toEqual([]);
    expect(story.tick("+9 00:00")).toEqual([]);
  });

  test("also when a later definition reads the past", () => {
    const story = new Story();
    story.track("00:00", "ann", "Booked", { on: "2026-11-02T10:00:00Z" });
    const soon = "soon: {event: {name: Booked, where: {properties.on: {date: {next: 1d}}}}}";
    expect(story.define("+9 00:00", soon)).toEqual(["+soon ann +9 00:00"]);
  });
});
