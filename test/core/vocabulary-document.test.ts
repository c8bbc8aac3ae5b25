// The vocabulary as it is written: what each part comes to, what is left out, what is refused and with which words; and
// that the schema for editors, the parser and what is shown again agree. UPDATE=1 writes docs/schemas/vocabulary.schema.json.
import { readFileSync, writeFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../../lib/core/vocabulary.ts";
import { parseVocabulary, vocabularyDocument } from "../../lib/core/vocabulary-document.ts";
import { VOCABULARY_SCHEMA } from "../../lib/core/vocabulary-schema.ts";

function read(text: string): Vocabulary {
  const parsed = parseVocabulary(parseYaml(text), DEFAULT_LIMITS);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.vocabulary;
}

const WHOLE = `
visit: { idle: 45m }
currency: EUR
items:
  types: [product, category, lesson]
  events:
    Lesson Watched: { action: viewed, of: item }
    Product Saved: { action: favorited }
    Product Shared: null
campaigns: { Banner Seen: viewed, Email Bounced: null }
funnels:
  trial:
    steps:
      - { name: visited, event: { name: Page Viewed } }
      - { name: looked, item: { action: viewed, type: lesson, ids: [7] } }
      - { name: nudged, campaign: { outcome: clicked, id: summer } }
      - { name: bought, order: { where: { total: { gte: 10 } } } }
engagement:
  cycle: 2w
  parts:
    - { weight: 40, full: 10, visits: true }
    - { weight: 20, full: 5, event: [A, B] }
    - { weight: 30, full: 100, trait: usage.a\\.b }
    - { weight: 10, segment: vip }
referrers: { search.example: { medium: search, name: Example }, t.co: null }
traits: { personal: [email, birthday] }
trusted: [server]
`;

describe("a vocabulary", () => {
  test("of which nothing is said is the default one", () => {
    expect(parseVocabulary({}, DEFAULT_LIMITS)).toEqual({ ok: true, vocabulary: DEFAULT_VOCABULARY, warnings: [] });
  });

  test("with every part", () => {
    const vocabulary = read(WHOLE);
    const { "Product Shared": _shared, ...events } = DEFAULT_VOCABULARY.items.events;
    const { "Email Bounced": _bounced, ...campaigns } = DEFAULT_VOCABULARY.campaigns;
    const { "t.co": _t, ...referrers } = DEFAULT_VOCABULARY.referrers;
    expect(vocabulary).toMatchObject({
      visitIdleMs: 45 * 60_000,
      currency: "EUR",
      items: { types: ["product", "category", "lesson"] },
      trustedSources: ["server"],
    });
    expect(vocabulary.items.events).toEqual({
      ...events,
      "Lesson Watched": { action: "viewed", of: "item" },
      "Product Saved": { action: "favorited", of: "product" },
    });
    expect(vocabulary.campaigns).toEqual({ ...campaigns, "Banner Seen": "viewed" });
    expect(vocabulary.referrers).toEqual({ ...referrers, "search.example": { medium: "search", name: "Example" } });
    expect(vocabulary.funnels.trial!.steps.map(({ name, which }) => [name, which])).toEqual([
      ["visited", { op: "event", names: ["Page Viewed"] }],
      ["looked", { op: "item", action: "viewed", type: "lesson", ids: ["7"] }],
      ["nudged", { op: "campaign", outcome: "clicked", id: "summer" }],
      ["bought", { op: "order", where: { op: "test", path: ["total"], test: [{ op: "gte", value: 10 }] } }],
    ]);
    expect(vocabulary.engagement).toEqual({
      cycleMs: 14 * 86_400_000,
      parts: [
        { weight: 40, full: 10, of: { kind: "visits" } },
        { weight: 20, full: 5, of: { kind: "events", names: ["A", "B"] } },
        { weight: 30, full: 100, of: { kind: "trait", path: ["usage", "a.b"] } },
        { weight: 10, full: 1, of: { kind: "segment", id: "vip" } },
      ],
    });
    // Birthday was sensitive by default; the list that is given wins.
    expect(vocabulary.traitClasses).toEqual({ email: "personal", birthday: "personal" });
  });

  test.each(["{}", WHOLE])("written back whole is the same one: %#", (text) => {
    const vocabulary = read(text);
    const document = vocabularyDocument(vocabulary);
    expect(Object.keys(document)).toHaveLength(9);
    expect(parseVocabulary(document, DEFAULT_LIMITS)).toMatchObject({ ok: true, vocabulary });
    expect(parseVocabulary(JSON.parse(JSON.stringify(document)), DEFAULT_LIMITS)).toMatchObject({ vocabulary });
  });

  test("says where a score cannot be 100, or is cut to it", () => {
    const warningsOf = (weight: number) => {
      const engagement = {
        parts: [
          { weight, full: 1, visits: true },
          { weight: 10, full: 1, event: "A" },
        ],
      };
      const parsed = parseVocabulary({ engagement }, DEFAULT_LIMITS);
      return parsed.ok ? parsed.warnings.map(({ path, message }) => `${path}: ${message}`) : [];
    };
    expect(warningsOf(90)).toEqual([]);
    expect(warningsOf(50)).toEqual(["engagement.parts: the weights add up to 60, not 100: nobody's score is above 60"]);
    expect(warningsOf(100)[0]).toContain("a score above 100 is cut to 100");
  });
});

/** One mistake a row: the path, a word of the message, and the word that was probably meant. */
const MISTAKES: readonly [string, string, RegExp, string?][] = [
  ["[]", "", /expected a vocabulary.*a list/],
  ["{visits: {idle: 30m}}", "visits", /unknown key/, "visit"],
  ["{visit: 30m}", "visit", /\{idle: 30m\}/],
  ["{visit: {idle: 30 minutes}}", "visit.idle", /expected a duration/, "30m"],
  ["{visit: {idle: 0s}}", "visit.idle", /has no length/],
  ["{currency: usd}", "currency", /ISO 4217/, "USD"],
  ["{items: {types: product}}", "items.types", /expected a list/, "[product]"],
  ["{items: {types: [1]}}", "items.types[0]", /name of a type.*number 1/],
  ["{items: {events: {X: viewed}}}", "items.events.X", /expected an object/, "{action: viewed, of: product}"],
  ["{items: {events: {A B: {action: viewed, of: prodct}}}}", 'items.events["A B"].of', /one of product/, "product"],
  ["{items: {events: {X: {of: item}}}}", "items.events.X.action", /an action.*nothing/],
  ["{campaigns: {X: 1}}", "campaigns.X", /the outcome of a campaign/],
  ["{campaigns: []}", "campaigns", /one entry a name/],
  ['{campaigns: {"__proto__": viewed}}', "campaigns.__proto__", /is refused/],
  ["{funnels: {f: {steps: []}}}", "funnels.f.steps", /at least one step; found an empty list/],
  ["{funnels: {f: {steps: [{event: {name: A}}]}}}", "funnels.f.steps[0].name", /a step's name/],
  ["{funnels: {f: {steps: [{name: a}]}}}", "funnels.f.steps[0]", /one of event, item, order, campaign/],
  ["{funnels: {f: {steps: [{name: a, event: A}]}}}", "funnels.f.steps[0].event", /expected an object/, "{name: A}"],
  ["{funnels: {f: {steps: [{name: a, order: {}, within: 1h}]}}}", "funnels.f.steps[0]", /no within/],
  [
    "{funnels: {f: {steps: [{name: a, order: {}}, {name: a, order: {}}]}}}",
    "funnels.f.steps[1]",
    /two steps are named "a"/,
  ],
  [
    "{funnels: {f: {steps: [{name: a, order: {where: {totl: 1}}}]}}}",
    "funnels.f.steps[0].order.where.totl",
    /no field/,
    "total",
  ],
  ["{funnels: {f: {steps: [{name: a, item: {}}]}}}", "funnels.f.steps[0].item.action", /needs an action/],
  ["{engagement: {parts: []}}", "engagement.parts", /1 to 100 parts/],
  ["{engagement: {parts: [{weight: 0, full: 1, visits: true}]}}", "engagement.parts[0].weight", /not 0/],
  ["{engagement: {parts: [{weight: 100, full: 0, visits: true}]}}", "engagement.parts[0].full", /above 0/],
  ["{engagement: {parts: [{weight: 100, full: 1}]}}", "engagement.parts[0]", /one of visits, event, trait, segment/],
  ["{engagement: {parts: [{weight: 100, full: 1, visits: 3}]}}", "engagement.parts[0].visits", /visits: true/],
  ["{engagement: {parts: [{weight: 100, full: 1, event: []}]}}", "engagement.parts[0].event", /at least one event/],
  ["{engagement: {parts: [{weight: 100, segment: VIP}]}}", "engagement.parts[0].segment", /a segment's id/],
  ["{engagement: {parts: [{weight: 100, full: 1, trait: a..b}]}}", "engagement.parts[0].trait", /a name is missing/],
  ["{referrers: {Google.com: {medium: search, name: G}}}", 'referrers["Google.com"]', /lower case/, "google.com"],
  [
    '{referrers: {"https://a.example/x": {medium: m, name: A}}}',
    'referrers["https://a.example/x"]',
    /is no domain/,
    "a.example",
  ],
  ["{referrers: {a.example: {medium: m}}}", 'referrers["a.example"].name', /the referrer's name/],
  ["{traits: {personal: [a], sensitive: [a]}}", "traits.sensitive", /personal and sensitive/],
  ["{trusted: server}", "trusted", /expected a list of channel names/, "[server]"],
];

test.each(MISTAKES)("%s", (text, path, message, hint) => {
  const parsed = parseVocabulary(parseYaml(text), DEFAULT_LIMITS);
  const [problem, ...more] = parsed.ok ? [] : parsed.problems;
  expect(more).toEqual([]);
  expect(problem).toEqual({ path, message: expect.stringMatching(message), ...(hint === undefined ? {} : { hint }) });
});

test("limits are named", () => {
  const limits = { ...DEFAULT_LIMITS, listValuesMax: 2, sequenceStepsMax: 1, nameLengthMax: 5 };
  const steps = [
    { name: "a", order: {} },
    { name: "b", order: {} },
  ];
  const source = { campaigns: { a: "x", b: "x", c: "x" }, funnels: { f: { steps } }, trusted: ["abcdef"] };
  const parsed = parseVocabulary(source, limits);
  expect(parsed.ok ? [] : parsed.problems.map(({ message }) => message)).toEqual([
    expect.stringContaining("(limits.listValuesMax)"),
    expect.stringContaining("(limits.sequenceStepsMax)"),
    expect.stringContaining("(limits.nameLengthMax)"),
  ]);
});

describe("the schema for editors", () => {
  const accepts = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(VOCABULARY_SCHEMA);

  test("is the published one", () => {
    const path = new URL("../../docs/schemas/vocabulary.schema.json", import.meta.url);
    if (process.env.UPDATE === "1") writeFileSync(path, `${JSON.stringify(VOCABULARY_SCHEMA, null, 2)}\n`);
    const published = JSON.parse(readFileSync(path, "utf8"));
    expect(published, "run UPDATE=1 npx vitest run test/core/vocabulary-document.test.ts").toEqual(VOCABULARY_SCHEMA);
  });

  test.each(["{}", WHOLE])("takes what the parser takes, and what is shown: %#", (text) => {
    expect(accepts(parseYaml(text)), JSON.stringify(accepts.errors)).toBe(true);
    const document = JSON.parse(JSON.stringify(vocabularyDocument(read(text))));
    expect(accepts(document), JSON.stringify(accepts.errors)).toBe(true);
  });

  // What only the parser can know: names that stand twice, fields of a record, hosts, words of another notation.
  const beyond =
    /two steps|no field|has no length|lower case|is no domain|personal and sensitive|a name is missing|is refused/;

  test.each(MISTAKES.filter(([, , message]) => !beyond.test(message.source)))("refuses %s", (text) => {
    expect(accepts(parseYaml(text))).toBe(false);
  });
});
