// Rules about accounts, and from one kind to the other: what each kind may ask, whose fields are read inside, and how it is
// said. What both kinds have in common is told in parse.test.ts.
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { RULES_OF } from "../../../lib/core/rules/words/grammar.ts";
import { RULE_EXAMPLES } from "../../../lib/core/rules/words/schema-words.ts";
import { definitionSentence } from "../../../lib/core/rules/words/sentence.ts";
import { DEFAULT_LIMITS, type Limits, type MemberKind } from "../../../lib/core/types.ts";

const match = (pattern: RegExp) => expect.stringMatching(pattern);

function parse(kind: MemberKind, rule: string, fields: object = {}, limits: Limits = DEFAULT_LIMITS) {
  return parseDefinition({ id: "x", kind, rule: parseYaml(rule), ...fields }, limits);
}

function ruleOf(kind: MemberKind, rule: string) {
  const parsed = parse(kind, rule);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition.rule;
}

function problemsOf(kind: MemberKind, rule: string, fields: object = {}, limits?: Limits) {
  const parsed = parse(kind, rule, fields, limits);
  return parsed.ok ? [] : parsed.problems.map(({ path, message, hint }) => [path, message, ...(hint ? [hint] : [])]);
}

const PRO = { op: "trait", where: { op: "test", path: ["plan"], test: [{ op: "eq", value: "pro", fold: false }] } };

describe("is read as", () => {
  test("account: a rule about accounts", () => {
    expect(ruleOf("user", "{account: {trait: {plan: pro}}}")).toEqual({ op: "account", rule: PRO });
  });

  test.each([
    ["atLeast: 2", { kind: "count", is: [{ op: "gte", value: 2 }] }],
    ["count: 0", { kind: "count", is: [{ op: "eq", value: 0, fold: false }] }],
    ["count: {between: [1, 3]}", { kind: "count", is: [{ op: "between", low: 1, high: 3 }] }],
    ["share: 100", { kind: "share", is: [{ op: "eq", value: 100, fold: false }] }],
    [
      "share: {gte: 12.5, lt: 50}",
      {
        kind: "share",
        is: [
          { op: "gte", value: 12.5 },
          { op: "lt", value: 50 },
        ],
      },
    ],
  ])("users by %s", (measure, expected) => {
    expect(ruleOf("account", `{users: {rule: {trait: {plan: pro}}, ${measure}}}`)).toEqual({
      op: "users",
      rule: PRO,
      measure: expected,
    });
  });

  test("one inside the other, as deep as one likes", () => {
    const rule = "{users: {rule: {account: {users: {rule: {cart: {value: 1}}, atLeast: 1}}}, atLeast: 1}}";
    expect(parse("account", rule)).toMatchObject({ ok: true });
    expect(parse("user", `{account: ${rule}}`)).toMatchObject({ ok: true });
  });

  test("the kind is kept, and is user where none is written", () => {
    expect(parse("account", "{order: {}}")).toMatchObject({ definition: { kind: "account", zone: "UTC" } });
    expect(parseDefinition({ id: "x", rule: { order: {} } }, DEFAULT_LIMITS)).toMatchObject({
      definition: { kind: "user" },
    });
  });

  test.each([
    "{event: {name: A, where: {userId: u1}}}",
    "{event: {name: A, where: {userId: 5, channel: web}}}",
    "{event: {name: A, distinct: {of: userId, is: {gte: 3}}}}",
    "{campaign: {outcome: opened, distinct: {of: userId, is: 2}}}",
    "{sequence: {steps: [{event: {name: A, where: {userId: u1}}}, {absent: {campaign: {outcome: opened, where: {userId: u1}}}, within: 1d}]}}",
  ])("who of the users did it: %s", (rule) => {
    expect(parse("account", rule)).toMatchObject({ ok: true, warnings: [] });
    expect(parse("user", `{account: ${rule}}`)).toMatchObject({ ok: true, warnings: [] });
    const refused = [expect.anything(), expect.stringMatching(/^userId tells an account's users apart/)];
    expect(problemsOf("user", rule)).toContainEqual(refused);
    expect(problemsOf("account", `{users: {rule: ${rule}, atLeast: 1}}`)).toContainEqual(refused);
  });

  test("a user id as a number is read as text", () => {
    expect(ruleOf("account", "{event: {name: A, where: {userId: 5}}}")).toMatchObject({
      where: { path: ["userId"], test: [{ op: "eq", value: "5" }] },
    });
  });
});

describe("every rule", () => {
  const exampleOf = (name: keyof typeof RULE_EXAMPLES) => {
    const example = RULE_EXAMPLES[name][0]!;
    return /"(cart|anonymous|identity|account)":/.test(JSON.stringify(example)) ? undefined : example;
  };
  const kinds = (["user", "account"] as const).flatMap((kind) => RULES_OF[kind].map((name) => [kind, name] as const));

  test.each(kinds)("of %s: %s", (kind, name) => {
    const example = kind === "user" ? RULE_EXAMPLES[name][0]! : exampleOf(name);
    if (example === undefined) return expect(["all"]).toContain(name);
    expect(parseDefinition({ id: "x", kind, rule: example }, DEFAULT_LIMITS)).toMatchObject({ ok: true });
  });
});

describe("is refused", () => {
  const ASKED = /an account has no \w+ of its own; ask its users: \{users: \{rule: \{\w+: …\}, atLeast: 1\}\}/;
  const FORMS = /users says how many of the users: one of atLeast: n, count: a test, share: a test in percent/;

  test.each<[MemberKind, string, string, RegExp, string?]>([
    ["account", "{cart: {value: 1}}", "rule.cart", ASKED],
    ["account", "{anonymous: true}", "rule.anonymous", ASKED],
    ["account", "{not: {identity: {crm: a}}}", "rule.not.identity", ASKED],
    ["account", "{account: {trait: {a: 1}}}", "rule.account", /here is one already; write the rule itself/],
    ["user", "{account: {cart: {value: 1}}}", "rule.account.cart", ASKED],
    ["user", "{account: {account: {trait: {a: 1}}}}", "rule.account.account", /here is one already/],
    [
      "user",
      "{users: {rule: {trait: {a: 1}}, atLeast: 1}}",
      "rule.users",
      /a segment of kind account, or inside account/,
    ],
    [
      "account",
      "{users: {rule: {users: {rule: {order: {}}, atLeast: 1}}, atLeast: 1}}",
      "rule.users.rule.users",
      /a segment of kind account, or inside account/,
    ],
    ["account", "{usres: {}}", "rule.usres", /unknown rule "usres"; a rule is one of all, any/, "users"],
    ["user", "{acount: {}}", "rule.acount", /unknown rule/, "account"],
    ["user", "{organization: {}}", "rule.organization", /unknown rule/, "account"],
    ["account", "{members: {}}", "rule.members", /unknown rule/, "users"],
    ["user", "{account: {tarit: {a: 1}}}", "rule.account.tarit", /unknown rule "tarit"/, "trait"],
    [
      "user",
      "{account: {tier: gold}}",
      "rule.account",
      /account takes a rule that speaks of the account; a field of it, such as "tier", is asked by trait/,
      "{trait: {tier: …}}",
    ],
    ["user", "{account: acme}", "rule.account", /expected a rule/],
    ["user", "{account: {}}", "rule.account", /an empty rule; give one of all, any.*users$/],
    ["account", "{users: [1]}", "rule.users", /expected an object such as \{rule: .*atLeast: 2\}; found a list/],
    ["account", "{users: {rule: {order: {}}}}", "rule.users", FORMS],
    ["account", "{users: {rule: {order: {}}, atLeast: 1, share: 5}}", "rule.users", /; found atLeast and share/],
    ["account", "{users: {atLeast: 2}}", "rule.users.rule", /users needs a rule that speaks of each user/],
    ["account", "{users: {rule: {order: {}}, percent: 5}}", "rule.users.percent", /unknown key "percent"/, "share"],
    ["account", "{users: {where: {order: {}}, count: 5}}", "rule.users.where", /unknown key "where"/, "rule"],
    ["account", "{users: {rule: {order: {}}, atLeast: 0}}", "rule.users.atLeast", /whole number of users, 1 or more/],
    ["account", "{users: {rule: {order: {}}, atLeast: 1.5}}", "rule.users.atLeast", /found the number 1.5/],
    ["account", "{users: {rule: {order: {}}, atLeast: {gte: 1}}}", "rule.users.atLeast", /an object/, "count"],
    ["account", "{users: {rule: {order: {}}, count: two}}", "rule.users.count", /count is a number/],
    ["account", "{users: {rule: {order: {}}, share: 101}}", "rule.users.share", /from 0 to 100; found the number 101/],
    ["account", "{users: {rule: {order: {}}, share: {gte: -1}}}", "rule.users.share.gte", /a number from 0 to 100/],
    ["account", "{users: {rule: {order: {}}, share: {between: [5, 500]}}}", "rule.users.share.between[1]", /500/],
    ["account", '{users: {rule: {order: {}}, share: "50"}}', "rule.users.share", /a number from 0 to 100/, "50"],
    ["account", "{users: {rule: {order: {}}, share: 50%}}", "rule.users.share", /percentage, a number from 0 to 100/],
    ["account", "{users: {rule: {order: {}}, share: {contains: 5}}}", "rule.users.share.contains", /a percentage/],
    ["account", "{visit: {where: {userId: u1}}}", "rule.visit.where.userId", /visit has no field "userId"/],
    ["account", "{order: {where: {userId: u1}}}", "rule.order.where.userId", /order has no field "userId"/],
  ])("on %s: %s", (kind, rule, path, message, hint) => {
    expect(problemsOf(kind, rule)).toEqual([[path, match(message), ...(hint === undefined ? [] : [hint])]]);
  });

  test("a zone of each user's own, on accounts", () => {
    const found = problemsOf("account", "{order: {}}", { zone: "user" });
    expect(found).toEqual([["zone", match(/an account has none; name one, such as Europe\/Berlin/), "UTC"]]);
    expect(problemsOf("user", "{account: {order: {}}}", { zone: "user" })).toEqual([]);
  });

  test("nodes and depth inside count", () => {
    const limits = { ...DEFAULT_LIMITS, ruleDepthMax: 3, ruleNodesMax: 4 };
    const two = "{account: {users: {rule: {order: {}}, atLeast: 1}}}";
    expect(problemsOf("user", two, {}, limits)).toEqual([]);
    expect(problemsOf("user", `{not: ${two}}`, {}, limits)).toEqual([
      ["rule.not.account.users.rule", match(/nested deeper than 3/)],
    ]);
    expect(problemsOf("user", `{account: {all: [${"{order: {}}, ".repeat(3)}]}}`, {}, limits)).toEqual([
      ["rule.account.all[2]", match(/more than 4 nodes/)],
    ]);
  });
});

describe("is warned of", () => {
  test.each<[string, MemberKind, string, [string, RegExp][]]>([
    [
      "who is nobody yet",
      "account",
      "{event: {name: A, count: 0}}",
      [["rule", /^holds for every account of which nothing is known, so every account known is in until its users/]],
    ],
    ["a count of users that holds of none", "account", "{users: {rule: {order: {}}, count: 0}}", [["rule", /^holds/]]],
    [
      "the complement of a share",
      "account",
      "{users: {rule: {order: {}}, share: {ne: 100}}}",
      [["rule", /^holds for every account/]],
    ],
    ["a share below: missing of none", "account", "{users: {rule: {order: {}}, share: {lt: 50}}}", []],
    ["the account of nobody", "user", "{account: {event: {name: A, count: 0}}}", []],
    ["not the account of nobody", "user", "{not: {account: {order: {}}}}", [["rule", /^holds for everybody/]]],
    [
      "the clock of all accounts",
      "account",
      "{clock: {weekday: [sat]}}",
      [["rule", /^every account known joins and leaves all at once.*such as an event of its users$/]],
    ],
    [
      "a share that is none",
      "account",
      "{users: {rule: {order: {}}, share: {gt: 50, lt: 50}}}",
      [["rule.users.share", /^never true/]],
    ],
    [
      "a count below nothing",
      "account",
      "{users: {rule: {order: {}}, count: {lt: 0}}}",
      [["rule.users.count", /^never true/]],
    ],
    [
      "accounts that never fit",
      "user",
      "{all: [{order: {}}, {account: {order: {count: {lt: 0}}}}]}",
      [
        ["rule.all[1].account.order.count", /^never true/],
        ["rule.all", /^never true, as rule.all\[1\] is never true: the other branch is unreachable/],
      ],
    ],
    [
      "users who never fit",
      "account",
      "{any: [{order: {}}, {not: {users: {rule: {order: {count: {lt: 0}}}, atLeast: 1}}}]}",
      [
        ["rule.any[1].not.users.rule.order.count", /^never true/],
        ["rule.any", /^always true, as rule.any\[1\] is always true/],
        ["rule", /^holds for every account/],
      ],
    ],
    [
      "an item's userId",
      "account",
      "{item: {action: viewed, distinct: {of: userId, is: {gte: 3}}}}",
      [["rule.item.distinct.of", /^here it is an attribute of the item/]],
    ],
    ["a person's item's userId", "user", "{item: {action: viewed, where: {userId: u1}}}", []],
  ])("%s", (_, kind, rule, expected) => {
    const parsed = parse(kind, rule);
    const warnings = parsed.ok ? parsed.warnings.map(({ path, message }) => [path, message]) : parsed;
    expect(warnings).toEqual(expected.map(([path, message]) => [path, match(message)]));
  });
});

describe("is said as", () => {
  test.each<[MemberKind, string, string]>([
    ["account", "{trait: {plan: pro}}", 'Accounts that have trait plan "pro".'],
    [
      "user",
      "{account: {trait: {plan: pro}}}",
      'People who belong to one of the accounts that (have trait plan "pro").',
    ],
    ["account", "{users: {rule: {order: {}}, atLeast: 2}}", "Accounts that have at least 2 users who (ordered)."],
    ["account", "{users: {rule: {order: {}}, atLeast: 1}}", "Accounts that have users who (ordered)."],
    ["account", "{users: {rule: {order: {}}, count: 1}}", "Accounts that have 1 user who (ordered)."],
    ["account", "{users: {rule: {order: {}}, count: 0}}", "Accounts that have no users who (ordered)."],
    [
      "account",
      "{users: {rule: {order: {}}, share: {gte: 50, lt: 75}}}",
      "Accounts that have at least 50 % and below 75 % of their users among those who (ordered).",
    ],
    [
      "account",
      "{users: {rule: {order: {}}, share: {between: [5, 10]}}}",
      "Accounts that have from 5 % to 10 % of their users among those who (ordered).",
    ],
    [
      "account",
      "{users: {rule: {order: {}}, share: 100}}",
      "Accounts that have all of their users among those who (ordered).",
    ],
    [
      "account",
      "{users: {rule: {order: {}}, share: 0}}",
      "Accounts that have none of their users among those who (ordered).",
    ],
    [
      "account",
      "{users: {rule: {order: {}}, share: {exists: true}}}",
      "Accounts that have users, however many of them among those who (ordered).",
    ],
    [
      "account",
      "{users: {rule: {order: {}}, share: {exists: false}}}",
      "Accounts that have no users, and so none among those who (ordered).",
    ],
    [
      "account",
      "{event: {name: A, distinct: {of: userId, is: {gte: 3}}}}",
      "Accounts that did A with at least 3 different values of userId.",
    ],
  ])("%s: %s", (kind, rule, sentence) => {
    const parsed = parse(kind, rule);
    expect(parsed.ok && definitionSentence(parsed.definition)).toBe(sentence);
  });

  test("with each person's own zone, and UTC for accounts", () => {
    const told = (rule: string) => {
      const parsed = parse("user", rule, { zone: "user" });
      return parsed.ok && definitionSentence(parsed.definition);
    };
    expect(told("{all: [{order: {}}, {account: {order: {}}}]}")).toMatch(
      /; days and hours are each person's own, and UTC for accounts\.$/,
    );
    expect(told("{order: {}}")).toMatch(/; days and hours are each person's own\.$/);
  });
});
