// What a definition asks of history, as texts: the same text, the same counters, and no need to fold the log again.
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { questionKeys } from "../../../lib/core/rules/questions/questions.ts";
import { DEFAULT_LIMITS, type Json } from "../../../lib/core/types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../../../lib/core/vocabulary.ts";

function keysOf(rule: string, header: Record<string, unknown> = {}): string[] {
  const parsed = parseDefinition({ id: "s", ...header, rule: parse(rule) }, DEFAULT_LIMITS);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return questionKeys(parsed.definition, DEFAULT_VOCABULARY);
}

describe("the same question", () => {
  test.each([
    ["{event: {name: A, count: {gte: 3}}}", "{event: {name: A, count: {between: [1, 2]}}}"],
    ["{event: {name: {any: [A, B]}}}", "{event: {name: {any: [B, A]}}}"],
    ["{event: {name: A}}", "{not: {event: {name: A, count: {eq: 0}}}}"],
    ["{event: {name: A, first: {last: 7d}}}", "{event: {name: A, first: {last: 30d}}}"],
    ["{order: {total: {gte: 5}}}", "{order: {total: {lt: 9}}}"],
    ["{trait: {a: {delta: {over: 1d, percent: {gte: 5}}}}}", "{trait: {a: {delta: {over: 1d, amount: {lt: 2}}}}}"],
    ["{event: {name: A, window: {today: true}}}", "{event: {name: A, window: {calendar: {days: 1}}}}"],
    [
      "{event: {name: A, where: {channel: web, properties.x: 1}}}",
      "{event: {name: A, where: {channel: {eq: web}, properties.x: 1}}}",
    ],
  ])("%s and %s", (one, other) => {
    expect(keysOf(one)).toEqual(keysOf(other));
    expect(keysOf(one)).toHaveLength(1);
  });

  test("in another zone, as long as no local day is asked for", () => {
    const berlin = { zone: "Europe/Berlin" };
    const lately = "{event: {name: A, window: {last: 7d}}}";
    expect(keysOf(lately, berlin)).toEqual(keysOf(lately));
  });

  test("asked twice in one rule is one question", () => {
    expect(keysOf("{all: [{event: {name: A}}, {none: [{event: {name: A, count: {gte: 9}}}]}]}")).toHaveLength(1);
    expect(keysOf("{event: {name: {each: [A, B]}}}")).toHaveLength(2);
  });
});

describe("another question", () => {
  test.each([
    ["{event: {name: A}}", "{event: {name: B}}"],
    ["{event: {name: A}}", '{event: {name: "*"}}'],
    ["{event: {name: A}}", "{event: {name: A, window: {last: 7d}}}"],
    ["{event: {name: A, window: {last: 1d}}}", "{event: {name: A, window: {last: 7d}}}"],
    ["{event: {name: A}}", "{event: {name: A, where: {channel: web}}}"],
    ["{event: {name: A, where: {channel: app}}}", "{event: {name: A, where: {channel: web}}}"],
    ["{event: {name: A}}", "{event: {name: A, days: 2}}"],
    ["{event: {name: A, first: {last: 1d}}}", "{event: {name: A, latest: {last: 1d}}}"],
    ["{event: {name: A, first: {last: 1d}}}", "{event: {name: A, first: {visit: current}}}"],
    ["{event: {name: A, sum: {of: properties.x, is: 1}}}", "{event: {name: A, sum: {of: properties.y, is: 1}}}"],
    ["{order: {total: 1}}", "{order: {largest: 1}}"],
    ["{order: {}}", '{event: {name: "*"}}'],
    ["{trait: {a: {delta: {over: 1d, percent: 5}}}}", "{trait: {a: {delta: {over: 2d, percent: 5}}}}"],
    ["{trait: {a: {delta: {over: 1d, percent: 5}}}}", "{trait: {b: {delta: {over: 1d, percent: 5}}}}"],
  ])("%s and %s", (one, other) => {
    expect(keysOf(one)).not.toEqual(keysOf(other));
  });

  test.each([
    "{event: {name: A, window: {today: true}}}",
    "{event: {name: A, latest: {today: true}}}",
    "{event: {name: A, window: {from: 2026-01-01}}}",
    "{event: {name: A, days: 2}}",
    '{event: {name: A, where: {at.time: {lt: "12:00"}}}}',
    "{event: {name: A, distinct: {of: at.weekday, is: 2}}}",
    "{order: {where: {not: {products: {has: {until: {date: {next: 1d}}}}}}}}",
  ])("%s in another zone", (rule) => {
    expect(keysOf(rule, { zone: "Europe/Berlin" })).not.toEqual(keysOf(rule));
  });
});

test("what is kept for everybody asks nothing", () => {
  const rules = [
    "{trait: {a: 1, d: {date: {last: 1d}}}}",
    "{cart: {value: {gt: 1}}}",
    "{segment: {in: [x], joined: {last: 1d}}}",
    "{list: {in: [x]}}",
    "{bucket: {from: 0, to: 5}}",
    "{place: {city: Bonn}}",
    "{network: {isp: x}}",
    "{device: {os: iOS}}",
  ];
  for (const rule of rules) expect(keysOf(rule), rule).toEqual([]);
});

describe("of visits", () => {
  const list = '{"idleMs":1800000,"op":"visits"}';
  const details = '{"details":true,"idleMs":1800000,"op":"visits"}';

  test.each([
    ["{event: {name: A}}", []],
    ["{event: {name: A, visits: {gte: 2}}}", [list]],
    ["{order: {window: {visit: current}}}", [list]],
    ["{event: {name: A, first: {visit: current}}}", [list]],
    ["{visit: {where: {duration: {gt: 10m}}}}", [list]],
    ["{visit: {days: {gte: 2}}}", [list]],
    ["{visit: {where: {any: [{pages: 2}, {duration: {gt: 10m}}]}}}", [list, details]],
    ["{visit: {distinct: {of: entry, is: 2}}}", [list, details]],
    ["{source: {first.medium: x}}", [list, details]],
  ])("%s asks for what is kept of them", (rule, expected) => {
    expect(keysOf(rule).filter((key) => key.includes('"op":"visits"'))).toEqual([...expected].sort());
  });

  test("the dates that a person's own zone gave them are kept with what is known of each", () => {
    expect(keysOf("{visit: {days: {gte: 2}}}", { zone: "user" })).toContain(details);
  });

  test("another idle time or referrer table asks anew, of those alone who read it", () => {
    const asked = (rule: string, vocabulary: Partial<Vocabulary>) => {
      const parsed = parseDefinition({ id: "s", rule: parse(rule) }, DEFAULT_LIMITS);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
      return questionKeys(parsed.definition, { ...DEFAULT_VOCABULARY, ...vocabulary });
    };
    const idle = { visitIdleMs: 60_000 };
    const referrers = { referrers: { "a.org": { medium: "m", name: "n" } } };
    const of = (rule: string, vocabulary: Partial<Vocabulary>) =>
      JSON.stringify(asked(rule, vocabulary)) === JSON.stringify(asked(rule, {})) ? "as before" : "anew";
    expect(of("{event: {name: A, days: 2}}", idle)).toBe("as before");
    expect(of("{event: {name: A, visits: 2}}", idle)).toBe("anew");
    expect(of("{visit: {count: 2}}", referrers)).toBe("as before");
    expect(of("{visit: {where: {source.medium: m}}}", referrers)).toBe("anew");
    expect(of("{source: {first.medium: m}}", referrers)).toBe("anew");
  });
});

test("a step that reads what an order came to asks anew by another currency; one that does not, does not", () => {
  const asked = (where: Json, currency: string): string[] => {
    const rule = { sequence: { steps: [{ order: { where } }, { event: { name: "A" } }] } };
    const parsed = parseDefinition({ id: "s", rule }, DEFAULT_LIMITS);
    if (!parsed.ok) throw new Error(parsed.problems[0]!.message);
    return questionKeys(parsed.definition, { ...DEFAULT_VOCABULARY, currency });
  };
  expect(asked({ total: { gte: 10 } }, "EUR")).not.toEqual(asked({ total: { gte: 10 } }, "USD"));
  expect(asked({ not: { any: [{ total: 5 }, { coupon: "x" }] } }, "EUR")).not.toEqual(
    asked({ not: { any: [{ total: 5 }, { coupon: "x" }] } }, "USD"),
  );
  expect(asked({ coupon: "x" }, "EUR")).toEqual(asked({ coupon: "x" }, "USD"));
});
