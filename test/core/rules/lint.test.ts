// Warnings of what is lawful and surely not meant: beyond single tests, whole branches that decide nothing, clocks that
// move everybody at once, and names that the vocabulary knows nothing of.
import { describe, expect, test } from "vitest";
import { checkFunnels } from "../../../lib/core/rules/checks/check-funnels.ts";
import { warningsByVocabulary } from "../../../lib/core/rules/checks/check-vocabulary.ts";
import { costOf, flagsInForce } from "../../../lib/core/rules/checks/cost.ts";
import { warningsOfUnseen } from "../../../lib/core/rules/checks/seen.ts";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { questionKeys } from "../../../lib/core/rules/questions/questions.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../../../lib/core/vocabulary.ts";

function parsed(rule: unknown, header: object = {}) {
  const read = parseDefinition({ id: "x", ...header, rule }, DEFAULT_LIMITS);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read;
}

/** "place: message", one a warning. */
const warningsOf = (rule: unknown, header?: object): string[] =>
  parsed(rule, header).warnings.map(({ path, message }) => `${path}: ${message}`);

const did = { event: { name: "A" } };
const never = { event: { name: "B", count: { lt: 0 } } };
const always = { bucket: { from: 0, to: 100 } };

describe("unreachable", () => {
  test.each<[string, unknown, string]>([
    [
      "beside what never holds",
      { all: [did, never] },
      "rule.all: never true, as rule.all[1] is never true: the other branch is unreachable",
    ],
    [
      "beside what always holds",
      { all: [did, { any: [did, { order: {} }, always] }] },
      "rule.all[1].any: always true, as rule.all[1].any[2] is always true: the other branches are unreachable",
    ],
    [
      "none of what always holds",
      { none: [did, always] },
      "rule.none: never true, as rule.none[1] is always true: the other branch is unreachable",
    ],
    [
      "through not and a where",
      { all: [did, { not: { not: { engagement: { score: { gt: 100 } } } } }] },
      "rule.all: never true, as rule.all[1] is never true: the other branch is unreachable",
    ],
    [
      "by a window ahead",
      { all: [did, { visit: { window: { next: "1d" } } }] },
      "rule.all: never true, as rule.all[1] is never true: the other branch is unreachable",
    ],
    [
      "by objects of no kind",
      { all: [did, { object: { type: "a", count: { gt: 1, lt: 2 } } }] },
      "rule.all: never true, as rule.all[1] is never true: the other branch is unreachable",
    ],
  ])("%s", (_, rule, warning) => {
    expect(warningsOf(rule)).toContain(warning);
  });

  test.each<[string, unknown]>([
    ["a branch that may hold", { all: [did, { event: { name: "B", count: { lt: 1 } } }] }],
    ["a count of nothing that 0 passes", { all: [did, { order: { count: { gte: 0, lt: 5 } } }] }],
    ["lists of values", { all: [did, { trait: { a: { ne: 1 }, b: { exists: false } } }] }],
  ])("nothing of %s", (_, rule) => {
    expect(warningsOf(rule).filter((warning) => warning.includes("unreachable"))).toEqual([]);
  });
});

describe("values that a field cannot have", () => {
  test.each<[unknown, string]>([
    [{ engagement: { score: { gt: 100 } } }, "rule.engagement.score: never true"],
    [{ engagement: { change: { lt: -100 } } }, "rule.engagement.change: never true"],
    [{ cart: { lines: 1.5 } }, "rule.cart.lines: never true"],
    [{ visit: { where: { events: 0 } } }, "rule.visit.where.events: never true"],
    [{ visit: { where: { duration: { gt: "2h", lt: "1h" } } } }, "rule.visit.where.duration: never true"],
    [
      { all: [did, { clock: { time: { gte: "22:00", lt: "06:00" } } }] },
      "rule.all[1].clock.time: never true: no single value passes all of this; hours over midnight are an any of two",
    ],
    [{ all: [did, { clock: { now: { date: { next: "1d" } } } }] }, "rule.all[1].clock.now: never true"],
    [{ all: [did, { clock: { now: { date: { ago: { gte: "1d" } } } } }] }, "rule.all[1].clock.now: never true"],
    [{ all: [did, { clock: { now: { date: { today: true } } } }] }, "rule.all[1].clock.now: always true"],
    [
      { all: [did, { clock: { now: { date: { calendar: { days: 1, skip: 1 } } } } }] },
      "rule.all[1].clock.now: never true",
    ],
    [{ change: { trait: "a", visits: 0 } }, "rule.change.visits: always 0"],
    [{ change: { trait: "a", window: { visit: "current" } } }, "rule.change.window: holds none"],
  ])("%j", (rule, warning) => {
    expect(warningsOf(rule).some((found) => found.startsWith(warning))).toBe(true);
  });

  test("a campaign day is no warning", () => {
    expect(warningsOf({ all: [did, { clock: { now: { date: { from: "2026-11-27", to: "2026-11-30" } } } }] })).toEqual(
      [],
    );
  });
});

describe("everybody at once", () => {
  const clock = { clock: { weekday: ["sat", "sun"] } };

  test.each<[string, unknown]>([
    ["a clock at the root", clock],
    ["its opposite", { not: clock }],
    ["beside what holds for strangers", { all: [clock, { not: did }] }],
    ["or something they did", { any: [clock, did] }],
  ])("%s", (_, rule) => {
    expect(warningsOf(rule)).toEqual([expect.stringContaining("joins and leaves all at once as the clock moves;")]);
    expect(warningsOf(rule, { zone: "user" })[0]).toContain("in each zone");
  });

  test("not beside something that they did", () => {
    expect(warningsOf({ all: [clock, did] })).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["who did not visit", { visit: { count: 0, window: { last: "14d" } } }],
    ["who owns nothing", { object: { type: "a", count: 0 } }],
    ["who is not known", { anonymous: true }],
    ["who has not come so far", { funnel: { id: "trial", before: "paid" } }],
    ["whose place is unknown", { place: { city: { exists: false } } }],
    ["whose score is low", { engagement: { score: { lt: 50 } } }],
  ])("%s is everybody of whom nothing is known", (_, rule) => {
    expect(warningsOf(rule)).toEqual([expect.stringMatching(/^rule: holds for everybody of whom nothing is known/)]);
  });

  test.each<[string, unknown]>([
    ["a place", { place: { country: "DE" } }],
    ["a funnel", { funnel: { id: "trial", after: "paid" } }],
    ["an average of none", { object: { type: "a", avg: { of: "rent", is: { lt: 5 } } } }],
    ["a sequence", { sequence: { steps: [did] } }],
    ["the weather", { weather: { condition: "rain" } }],
  ])("%s is not", (_, rule) => {
    expect(warningsOf(rule)).toEqual([]);
  });

  test("visits of today, at the first instant of the day", () => {
    expect(warningsOf({ item: { action: "viewed", count: 0, window: { today: true } } })[1]).toContain("all at once");
  });
});

describe("against a vocabulary", () => {
  const step = (name: string) => ({ name, which: { op: "order" as const } });
  const vocabulary: Vocabulary = {
    ...DEFAULT_VOCABULARY,
    funnels: { trial: { steps: [step("visited"), step("signed-up"), step("paid")] } },
  };
  const check = (rule: unknown) => ({
    problems: checkFunnels(parsed(rule).definition, vocabulary),
    warnings: warningsByVocabulary(parsed(rule).definition, vocabulary),
  });

  test.each<[string, unknown, string, RegExp, string | undefined]>([
    [
      "an unknown funnel",
      { all: [did, { funnel: { id: "trail", at: "paid" } }] },
      "rule.all[1].funnel.id",
      /no funnel "trail"; its funnels are trial/,
      "trial",
    ],
    [
      "an unknown step",
      { not: { funnel: { id: "trial", before: "piad" } } },
      "rule.not.funnel.before",
      /no step "piad"; its steps are visited, signed-up, paid/,
      "paid",
    ],
  ])("%s is refused", (_, rule, path, message, hint) => {
    expect(check(rule)).toEqual({
      problems: [{ path, message: expect.stringMatching(message), hint }],
      warnings: [],
    });
  });

  test("a vocabulary without funnels says so", () => {
    const { definition } = parsed({ funnel: { id: "trial", at: "paid" } });
    expect(checkFunnels(definition, DEFAULT_VOCABULARY)).toEqual([
      { path: "rule.funnel.id", message: 'the vocabulary has no funnel "trial"; it has none' },
    ]);
  });

  test.each<[string, unknown, string, string | undefined]>([
    ["an unknown action", { item: { action: "veiwed" } }, "rule.item.action", "viewed"],
    ["an unknown type", { item: { action: "viewed", type: "catgory" } }, "rule.item.type", "category"],
    ["a favourite's type", { favorite: { type: "brnd", ids: ["a"], by: "views" } }, "rule.favorite.type", "brand"],
    ["an unknown outcome", { campaign: { outcome: "click" } }, "rule.campaign.outcome", undefined],
    [
      "an action of a step",
      { sequence: { steps: [did, { absent: { item: { action: "purchase" } }, within: "1d" }] } },
      "rule.sequence.steps[1].absent.item.action",
      "purchased",
    ],
    [
      "an action of an account's users",
      { account: { users: { rule: { item: { action: "veiwed" } }, atLeast: 1 } } },
      "rule.account.users.rule.item.action",
      "viewed",
    ],
  ])("%s is warned of", (_, rule, path, hint) => {
    const { problems, warnings } = check(rule);
    expect(problems).toEqual([]);
    expect(warnings).toEqual([
      { path, message: expect.stringMatching(/^never true: /), ...(hint === undefined ? {} : { hint }) },
    ]);
  });

  test("what it knows passes", () => {
    expect(
      check({
        all: [
          { funnel: { id: "trial", at: "paid" } },
          { item: { action: "viewed", type: "category", ids: ["a"] } },
          { campaign: { outcome: "clicked" } },
        ],
      }),
    ).toEqual({ problems: [], warnings: [] });
  });
});

describe("names that nobody sends", () => {
  const seen = {
    events: new Set(["Signed Up"]),
    traits: new Set(["plan", "address"]),
    accountTraits: new Set(["seats"]),
    among: "all",
  };
  const unseen = (rule: unknown) =>
    warningsOfUnseen(parsed(rule).definition, seen).map(({ path, message, hint }) => [path, message, hint]);

  test.each<[string, unknown, [string, string, string | undefined][]]>([
    ["seen", { all: [{ event: { name: "Signed Up" } }, { trait: { plan: 1, "address.city": "x" } }] }, []],
    ["any event", { event: { name: "*" } }, []],
    [
      "an event",
      { not: { event: { name: "Sigend Up" } } },
      [["rule.not.event.name", 'never seen: no event "Sigend Up" is among all', "Signed Up"]],
    ],
    [
      "one of several",
      { event: { name: { each: ["Signed Up", "X"] } } },
      [["rule.event.name.each[1]", 'never seen: no event "X" is among all', undefined]],
    ],
    [
      "of a step",
      { sequence: { steps: [did, { absent: { event: { name: { any: ["Signed Up", "B"] } } }, within: "1d" }] } },
      [
        ["rule.sequence.steps[0].event.name", 'never seen: no event "A" is among all', undefined],
        ["rule.sequence.steps[1].absent.event.name.any[1]", 'never seen: no event "B" is among all', undefined],
      ],
    ],
    [
      "traits in a where",
      { trait: { any: [{ plann: 1 }, { not: { "\\all": 2 } }] } },
      [
        ["rule.trait.any[0].plann", 'never seen: no trait "plann" is among all', "plan"],
        ['rule.trait.any[1].not["\\\\all"]', 'never seen: no trait "all" is among all', undefined],
      ],
    ],
    [
      "traits of accounts, and of their users",
      {
        all: [
          { account: { trait: { seats: 1, plan: 2 } } },
          { trait: { seats: 1 } },
          { account: { users: { rule: { all: [{ trait: { plan: 1, seats: 2 } }, did] }, atLeast: 1 } } },
          { account: { change: { trait: "seat" } } },
        ],
      },
      [
        ["rule.all[0].account.trait.plan", 'never seen: no trait of an account "plan" is among all', undefined],
        ["rule.all[1].trait.seats", 'never seen: no trait "seats" is among all', undefined],
        ["rule.all[2].account.users.rule.all[0].trait.seats", 'never seen: no trait "seats" is among all', undefined],
        ["rule.all[2].account.users.rule.all[1].event.name", 'never seen: no event "A" is among all', undefined],
        ["rule.all[3].account.change.trait", 'never seen: no trait of an account "seat" is among all', "seats"],
      ],
    ],
    [
      "a change",
      { change: { trait: "adress.city" } },
      [["rule.change.trait", 'never seen: no trait "adress" is among all', "address"]],
    ],
  ])("%s", (_, rule, expected) => {
    expect(unseen(rule)).toEqual(expected);
  });
});

describe("the cost", () => {
  const cost = (rule: unknown, asked: readonly string[] = [], hasHistory?: boolean) =>
    costOf(parsed(rule).definition, DEFAULT_VOCABULARY, new Set(asked), hasHistory);

  test("is stateful for what one side is to be asked by the other, until somebody asks it", () => {
    const rule = { account: { users: { rule: { trait: { role: "admin" } }, atLeast: 2 } } };
    expect(cost({ account: { trait: { plan: "pro" } } })).toEqual({
      class: "stateful",
      why: "it asks accounts what no other segment asks, so that is worked out for all of them before it is in force",
    });
    expect(cost(rule).why).toMatch(/^it asks accounts and users what/);
    const segment = { definition: parsed(rule).definition, vocabulary: DEFAULT_VOCABULARY };
    const asked = flagsInForce([segment]);
    expect(cost(rule, [...asked])).toMatchObject({ class: "light" });
    expect(cost({ account: { order: {} } })).toMatchObject({ class: "history" });
  });

  test("is light for what is kept of everybody", () => {
    expect(cost({ trait: { plan: "pro" } })).toEqual({
      class: "light",
      why: "it reads only what is kept of everybody, and counts nothing of its own",
    });
  });

  test("is light for what others count already", () => {
    const { definition } = parsed({ event: { name: "A", count: { gte: 3 }, window: { last: "7d" } } });
    const asked = questionKeys(definition, DEFAULT_VOCABULARY);
    expect(cost({ event: { name: "A", count: { gte: 9 }, window: { last: "7d" } } }, asked).class).toBe("light");
  });

  test("is a reading of history for anything new, unless there is none", () => {
    const rule = { all: [did, { event: { name: "A", window: { last: "7d" } } }] };
    expect(cost(rule)).toEqual({
      class: "history",
      why: "it counts 2 things that no other segment counts, so history is read for that before it is in force",
    });
    expect(cost(did, [], false)).toEqual({
      class: "stateful",
      why: "it counts one thing that no other segment counts; there is no history yet to read for that",
    });
  });
});
