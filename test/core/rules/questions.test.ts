// What a definition asks of history, as texts: the same text, the same counters, and no need to fold the log again.
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { AccountRule, Definition, UsersRule } from "../../../lib/core/rules/ast.ts";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { flagKey, flagsIn } from "../../../lib/core/rules/questions/flags.ts";
import { questionKeys, questionsOf, questionsOfRule } from "../../../lib/core/rules/questions/questions.ts";
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

describe("across the sides", () => {
  const definitionOf = (rule: string, header: Record<string, unknown> = {}): Definition => {
    const parsed = parseDefinition({ id: "s", ...header, rule: parse(rule) }, DEFAULT_LIMITS);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    return parsed.definition;
  };
  const sidesOf = (rule: string, header: Record<string, unknown> = {}) =>
    questionsOf(definitionOf(rule, header), DEFAULT_VOCABULARY);
  const ofAccounts = { kind: "account" };
  const [viewed] = keysOf("{event: {name: A}}");
  const [ordered] = keysOf("{order: {}}");
  const today = "{event: {name: A, window: {today: true}}}";

  test("a side is asked what stands on it", () => {
    expect(sidesOf("{event: {name: A}}")).toEqual({ user: [viewed], account: [] });
    expect(sidesOf("{event: {name: A}}", ofAccounts)).toEqual({ user: [], account: [viewed] });
    expect(sidesOf("{all: [{order: {}}, {not: {account: {none: [{event: {name: A}}]}}}]}")).toEqual({
      user: [ordered],
      account: [viewed],
    });
    expect(sidesOf("{any: [{order: {}}, {users: {rule: {event: {name: A}}, count: 0}}]}", ofAccounts)).toEqual({
      user: [viewed],
      account: [ordered],
    });
    expect(sidesOf("{account: {users: {rule: {all: [{order: {}}, {account: {order: {}}}]}, share: 5}}}")).toEqual({
      user: [ordered],
      account: [ordered],
    });
  });

  test("the same question of both sides is two", () => {
    expect(keysOf("{all: [{event: {name: A}}, {account: {event: {name: A}}}]}")).toEqual([`account ${viewed}`, viewed]);
    expect(keysOf("{event: {name: A}}", ofAccounts)).toEqual([`account ${viewed}`]);
  });

  test("a rule by itself asks its own side alone", () => {
    const rule = definitionOf("{all: [{order: {}}, {account: {event: {name: A}}}]}").rule;
    expect(questionsOfRule(rule, { zone: "UTC", vocabulary: DEFAULT_VOCABULARY })).toEqual([ordered]);
  });

  test("who of the users did it is part of the question", () => {
    const distinct = (of: string) => keysOf(`{event: {name: A, distinct: {of: ${of}, is: 3}}}`, ofAccounts);
    expect(distinct("userId")).not.toEqual(distinct("channel"));
  });

  test("accounts have no zone of their own", () => {
    const [utc] = keysOf(today);
    const own = { zone: "user" };
    expect(sidesOf(`{account: ${today}}`, own).account).toEqual([utc]);
    expect(sidesOf(`{account: {users: {rule: ${today}, atLeast: 1}}}`, own).user).toEqual([utc]);
    const berlin = { zone: "Europe/Berlin" };
    expect(sidesOf(`{account: ${today}}`, berlin).account).toEqual(keysOf(today, berlin));
  });

  const flagsOf = (rule: string, header: Record<string, unknown> = {}, vocabulary = DEFAULT_VOCABULARY) =>
    flagsIn(definitionOf(rule, header), vocabulary);
  const keyOf = (rule: string, header?: Record<string, unknown>, vocabulary?: Vocabulary) =>
    flagsOf(rule, header, vocabulary).map(({ key }) => key);

  test("flags: inner first, each once, with who evaluates it", () => {
    const rule =
      "{all: [{account: {users: {rule: {order: {}}, atLeast: 1}}}, {not: {account: {trait: {a: 1}}}}, {account: {trait: {a: 1}}}]}";
    const { vocabulary, ...seen } = flagsOf(rule)[0]!;
    expect(vocabulary).toBe(DEFAULT_VOCABULARY);
    expect(seen).toEqual({
      side: "user",
      key: expect.any(String),
      rule: definitionOf("{order: {}}").rule,
      zone: "UTC",
      depth: 0,
    });
    expect(flagsOf(rule).map(({ side, depth, rule: { op } }) => [side, depth, op])).toEqual([
      ["user", 0, "order"],
      ["account", 1, "users"],
      ["account", 0, "trait"],
    ]);
    expect(flagsOf("{all: [{order: {}}, {not: {trait: {a: 1}}}]}")).toEqual([]);
  });

  test("how deep: by the deepest inside", () => {
    const inner = "{account: {order: {}}}";
    const depths = flagsOf(
      `{users: {rule: {all: [${inner}, {account: {users: {rule: ${inner}, atLeast: 1}}}]}, atLeast: 1}}`,
      ofAccounts,
    ).map(({ side, depth }) => `${side} ${depth}`);
    expect(depths).toEqual(["account 0", "user 1", "account 2", "user 3"]);
  });

  test("one flag however many users it takes, another by rule, side, zone or vocabulary", () => {
    const users = (rule: string, measure: string) => `{users: {rule: ${rule}, ${measure}}}`;
    const [one] = keyOf(users("{order: {}}", "atLeast: 1"), ofAccounts);
    expect(keyOf(users("{order: {}}", "share: {lt: 5}"), ofAccounts)).toEqual([one]);
    expect(keyOf(`{account: ${users("{order: {}}", "count: 7")}}`)[0]).toBe(one);
    expect(keyOf(users("{order: {total: 5}}", "atLeast: 1"), ofAccounts)).not.toEqual([one]);
    expect(keyOf("{account: {order: {}}}")).not.toEqual([one]);
    expect(keyOf(users("{order: {}}", "atLeast: 1"), { ...ofAccounts, zone: "Europe/Berlin" })).not.toEqual([one]);
    const euro = { ...DEFAULT_VOCABULARY, currency: "EUR" };
    expect(keyOf(users("{order: {}}", "atLeast: 1"), ofAccounts, euro)).not.toEqual([one]);
    const idle = { ...DEFAULT_VOCABULARY, visitIdleMs: 5 };
    expect(keyOf(users("{order: {}}", "atLeast: 1"), ofAccounts, idle)).toEqual([one]);
  });

  test("the zone of a person's own is UTC on his account, and the same flag", () => {
    expect(keyOf("{account: {order: {}}}", { zone: "user" })).toEqual(keyOf("{account: {order: {}}}"));
    expect(flagsOf("{account: {order: {}}}", { zone: "user" })[0]!.zone).toBe("UTC");
  });

  test("a leaf finds its flag by the same text", () => {
    const definition = definitionOf("{account: {users: {rule: {order: {}}, atLeast: 1}}}", { zone: "user" });
    const [inner, outer] = flagsIn(definition, DEFAULT_VOCABULARY);
    const rule = definition.rule as AccountRule;
    expect(flagKey(rule, { zone: "user", vocabulary: DEFAULT_VOCABULARY })).toBe(outer!.key);
    expect(flagKey(rule.rule as UsersRule, outer!)).toBe(inner!.key);
  });
});
