// The rules beyond events, orders, traits and the cart: what each form is read as, and for each kind of mistake the exact
// place and the word that was meant.
import { describe, expect, test } from "vitest";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;
const ofRule = (rule: unknown) => parseDefinition({ id: "x", rule }, DEFAULT_LIMITS);
const eq = (value: unknown) => ({ op: "eq", value, fold: false });
const ONCE = { kind: "count", is: [{ op: "gte", value: 1 }] };

describe("is read", () => {
  test.each<[string, unknown, unknown]>([
    [
      "item, with defaults",
      { item: { action: "viewed" } },
      { op: "item", action: "viewed", type: "product", measure: ONCE },
    ],
    [
      "item, with all",
      {
        item: {
          action: "added",
          type: "category",
          ids: ["shoes", 7],
          where: { price: { gt: 5 }, color: "red", id: 7 },
          sum: { of: "value", is: { gte: 100 } },
          window: { today: true },
        },
      },
      {
        op: "item",
        action: "added",
        type: "category",
        ids: ["shoes", "7"],
        where: {
          op: "all",
          wheres: [
            { op: "test", path: ["price"], test: [{ op: "gt", value: 5 }] },
            { op: "test", path: ["color"], test: [eq("red")] },
            { op: "test", path: ["id"], test: [eq("7")] },
          ],
        },
        measure: { kind: "sum", of: ["value"], is: [{ op: "gte", value: 100 }] },
        window: { kind: "calendar", unit: "days", n: 1, skip: 0 },
      },
    ],
    [
      "item, a sum of time as a duration",
      { item: { action: "viewed", sum: { of: "time", is: { gte: "5m" } } } },
      {
        op: "item",
        action: "viewed",
        type: "product",
        measure: { kind: "sum", of: ["time"], is: [{ op: "gte", value: 300_000 }] },
      },
    ],
    ["visit", { visit: {} }, { op: "visit", measure: ONCE }],
    [
      "visit, durations",
      { visit: { where: { duration: { between: ["10m", 900_000] } }, count: { gte: 2 } } },
      {
        op: "visit",
        where: { op: "test", path: ["duration"], test: [{ op: "between", low: 600_000, high: 900_000 }] },
        measure: { kind: "count", is: [{ op: "gte", value: 2 }] },
      },
    ],
    [
      "visit, records inside",
      { visit: { where: { "source.medium": "search", "device.bot": false, "place.point": { exists: true } } } },
      {
        op: "visit",
        where: {
          op: "all",
          wheres: [
            { op: "test", path: ["source", "medium"], test: [eq("search")] },
            { op: "test", path: ["device", "bot"], test: [eq(false)] },
            { op: "test", path: ["place", "point"], test: [{ op: "exists", value: true }] },
          ],
        },
        measure: ONCE,
      },
    ],
    [
      "visit, latest",
      { visit: { latest: { last: "14d" } } },
      {
        op: "visit",
        measure: { kind: "latest", in: { kind: "last", ms: 14 * DAY } },
      },
    ],
    [
      "campaign",
      { campaign: { id: "summer", experience: "b", outcome: "viewed", count: { gte: 3 } } },
      {
        op: "campaign",
        id: "summer",
        experience: "b",
        outcome: "viewed",
        measure: { kind: "count", is: [{ op: "gte", value: 3 }] },
      },
    ],
    [
      "campaign, where",
      { campaign: { outcome: "opened", where: { channel: "email", "properties.subject": { contains: "sale" } } } },
      {
        op: "campaign",
        outcome: "opened",
        where: {
          op: "all",
          wheres: [
            { op: "test", path: ["channel"], test: [eq("email")] },
            { op: "test", path: ["properties", "subject"], test: [{ op: "contains", value: "sale", fold: false }] },
          ],
        },
        measure: ONCE,
      },
    ],
    [
      "change",
      { change: { trait: "life.cycle", from: "trial", to: { in: ["paying"] }, stayed: true, window: { last: "30d" } } },
      {
        op: "change",
        trait: ["life", "cycle"],
        from: [eq("trial")],
        to: [{ op: "in", values: ["paying"], fold: false }],
        stayed: true,
        measure: ONCE,
        window: { kind: "last", ms: 30 * DAY },
      },
    ],
    [
      "change, of anything",
      { change: { trait: "plan", where: { from: { exists: true }, "to.name": "x" } } },
      {
        op: "change",
        trait: ["plan"],
        stayed: false,
        where: {
          op: "all",
          wheres: [
            { op: "test", path: ["from"], test: [{ op: "exists", value: true }] },
            { op: "test", path: ["to", "name"], test: [eq("x")] },
          ],
        },
        measure: ONCE,
      },
    ],
    [
      "sequence",
      {
        sequence: {
          steps: [
            { item: { action: "viewed" } },
            { event: { name: { any: ["A", "B"] }, where: { "properties.x": 1 } }, within: "2h" },
            { campaign: { outcome: "clicked", id: 5 } },
            { absent: { order: {} }, within: "1d" },
          ],
          window: { last: "7d" },
        },
      },
      {
        op: "sequence",
        steps: [
          { kind: "occurs", which: { op: "item", action: "viewed", type: "product" } },
          {
            kind: "occurs",
            which: {
              op: "event",
              names: ["A", "B"],
              where: { op: "test", path: ["properties", "x"], test: [eq(1)] },
            },
            withinMs: 2 * HOUR,
          },
          { kind: "occurs", which: { op: "campaign", outcome: "clicked", id: "5" } },
          { kind: "absent", which: { op: "order" }, withinMs: DAY },
        ],
        window: { kind: "last", ms: 7 * DAY },
      },
    ],
    [
      "funnel, at",
      { funnel: { id: "trial", at: "paid" } },
      { op: "funnel", id: "trial", relation: "at", step: "paid" },
    ],
    ["funnel, before", { funnel: { id: 1, before: 2 } }, { op: "funnel", id: "1", relation: "before", step: "2" }],
    [
      "favorite, with defaults",
      { favorite: { type: "category", ids: ["shoes"], by: "views" } },
      { op: "favorite", type: "category", ids: ["shoes"], by: "views", top: 1 },
    ],
    [
      "favorite, with all",
      { favorite: { type: "brand", ids: [1], by: "revenue", top: 3, window: { last: "1d" } } },
      { op: "favorite", type: "brand", ids: ["1"], by: "revenue", top: 3, window: { kind: "last", ms: DAY } },
    ],
    ["object", { object: { type: "lease" } }, { op: "object", type: "lease", measure: ONCE }],
    [
      "object, an aggregate",
      { object: { type: "lease", where: { active: true }, max: { of: "rent", is: { lt: 1000 } } } },
      {
        op: "object",
        type: "lease",
        where: { op: "test", path: ["active"], test: [eq(true)] },
        measure: { kind: "max", of: ["rent"], is: [{ op: "lt", value: 1000 }] },
      },
    ],
    [
      "identity",
      { identity: { "crm\\.id": 5 } },
      { op: "identity", where: { op: "test", path: ["crm.id"], test: [eq("5")] } },
    ],
    ["anonymous", { anonymous: false }, { op: "anonymous", is: false }],
    [
      "place",
      { place: { country: ["US", "CA"], point: { near: { lat: 48.86, lon: 2.35, within: "25mi" } } } },
      {
        op: "place",
        where: {
          op: "all",
          wheres: [
            { op: "test", path: ["country"], test: [{ op: "in", values: ["US", "CA"], fold: false }] },
            {
              op: "test",
              path: ["point"],
              test: [{ op: "near", lat: 48.86, lon: 2.35, withinKm: 25 * 1.609344 }],
            },
          ],
        },
      },
    ],
    [
      "network",
      { network: { isp: { contains: "comcast", fold: true } } },
      {
        op: "network",
        where: { op: "test", path: ["isp"], test: [{ op: "contains", value: "comcast", fold: true }] },
      },
    ],
    ["device", { device: { bot: true } }, { op: "device", where: { op: "test", path: ["bot"], test: [eq(true)] } }],
    [
      "source",
      { source: { "first.domain": "google.com" } },
      { op: "source", where: { op: "test", path: ["first", "domain"], test: [eq("google.com")] } },
    ],
    [
      "engagement",
      { engagement: { score: { gte: 70 } } },
      { op: "engagement", where: { op: "test", path: ["score"], test: [{ op: "gte", value: 70 }] } },
    ],
    [
      "weather",
      { weather: { condition: "rain" } },
      { op: "weather", where: { op: "test", path: ["condition"], test: [eq("rain")] } },
    ],
    [
      "situation",
      { situation: { kind: "traffic", where: { level: { gte: 3 } } } },
      {
        op: "situation",
        kind: "traffic",
        where: { op: "test", path: ["level"], test: [{ op: "gte", value: 3 }] },
      },
    ],
    [
      "clock",
      { clock: { weekday: ["sat", "sun"], time: { gte: "09:00" }, now: { date: { from: "2026-01-01" } } } },
      {
        op: "clock",
        where: {
          op: "all",
          wheres: [
            { op: "test", path: ["weekday"], test: [{ op: "in", values: ["sat", "sun"], fold: false }] },
            { op: "test", path: ["time"], test: [{ op: "gte", value: "09:00" }] },
            {
              op: "test",
              path: ["now"],
              test: [{ op: "date", window: { kind: "range", from: { day: "2026-01-01" } } }],
            },
          ],
        },
      },
    ],
  ])("%s", (_, rule, expected) => {
    const parsed = ofRule(rule);
    expect(parsed.ok ? parsed.definition.rule : parsed.problems).toEqual(expected);
  });
});

type Row = [title: string, rule: unknown, path: string, message: RegExp, hint?: string];

describe("is refused", () => {
  const steps = (...list: unknown[]) => ({ sequence: { steps: list } });
  const A = { event: { name: "A" } };

  test.each<Row>([
    ["behaviour", { behaviour: {} }, "rule.behaviour", /unknown rule/, "event"],
    ["geo", { geo: {} }, "rule.geo", /unknown rule/, "place"],
    ["session", { session: {} }, "rule.session", /unknown rule/, "visit"],
    ["utm", { utm: {} }, "rule.utm", /unknown rule/, "source"],
    ["referrer", { referrer: {} }, "rule.referrer", /unknown rule/, "source"],
    ["purchase", { purchase: {} }, "rule.purchase", /unknown rule/, "order"],
    ["a misspelled rule", { campain: {} }, "rule.campain", /unknown rule/, "campaign"],
    ["an item without action", { item: {} }, "rule.item.action", /needs an action/],
    ["an item of text", { item: "viewed" }, "rule.item", /such as \{action: viewed\}/],
    ["an empty action", { item: { action: "" } }, "rule.item.action", /an empty text/],
    ["one id", { item: { action: "viewed", ids: "a" } }, "rule.item.ids", /at least one item id/, "[a]"],
    ["id", { item: { action: "viewed", id: "a" } }, "rule.item.id", /unknown key "id"/, "ids"],
    ["a field beside where", { item: { action: "viewed", price: 5 } }, "rule.item.price", /unknown key/, "where"],
    ["total of items", { item: { action: "viewed", total: 5 } }, "rule.item.total", /sum: \{of: value, is/, "sum"],
    [
      "a duration of nothing known",
      { visit: { where: { duration: "10 minutes" } } },
      "rule.visit.where.duration",
      /expected a duration/,
      "10m",
    ],
    [
      "contains of a duration",
      { visit: { where: { duration: { contains: "5" } } } },
      "rule.visit.where.duration.contains",
      /duration is a duration; allowed: eq/,
    ],
    [
      "a field of a visit",
      { visit: { where: { page_count: 1 } } },
      "rule.visit.where.page_count",
      /its fields are dur/,
    ],
    ["a place inside", { visit: { where: { city: "x" } } }, "rule.visit.where.city", /no field/, "place.city"],
    ["duration beside where", { visit: { duration: { gt: "10m" } } }, "rule.visit.duration", /unknown key/, "where"],
    ["a campaign without outcome", { campaign: { id: "x" } }, "rule.campaign.outcome", /needs an outcome/],
    [
      "an event of a campaign",
      { campaign: { outcome: "sent", event: "x" } },
      "rule.campaign.event",
      /unknown key/,
      "outcome",
    ],
    ["a change of nothing", { change: {} }, "rule.change.trait", /needs the trait/],
    ["a change of a list", { change: { trait: ["a"] } }, "rule.change.trait", /expected a path/],
    ["stayed as text", { change: { trait: "a", stayed: "yes" } }, "rule.change.stayed", /true or false/],
    ["from null", { change: { trait: "a", from: null } }, "rule.change.from", /null is a missing/, "{exists: false}"],
    [
      "a delta of the past",
      { change: { trait: "a", to: { delta: { over: "1d", amount: 1 } } } },
      "rule.change.to.delta",
      /only their past values are kept/,
    ],
    ["a sequence of a list", { sequence: [A] }, "rule.sequence", /such as \{steps/, "{steps: […]}"],
    ["no steps", { sequence: {} }, "rule.sequence.steps", /at least one step; found nothing/],
    ["empty steps", steps(), "rule.sequence.steps", /an empty list/],
    [
      "too many steps",
      steps(...Array.from({ length: 11 }, () => A)),
      "rule.sequence.steps",
      /11 steps; the limit is 10 \(limits\.sequenceStepsMax\)/,
    ],
    ["absent first", steps({ absent: A, within: "1d" }), "rule.sequence.steps[0].absent", /cannot be the first step/],
    ["absent for ever", steps(A, { absent: A }), "rule.sequence.steps[1].within", /an absence needs within/],
    ["absent of text", steps(A, { absent: "A", within: "1d" }), "rule.sequence.steps[1].absent", /what must not come/],
    ["within first", steps({ ...A, within: "1d" }), "rule.sequence.steps[0].within", /the first step has none before/],
    ["within as a window", steps(A, { ...A, within: { last: "1d" } }), "rule.sequence.steps[1].within", /a duration/],
    [
      "two things a step",
      steps({ ...A, order: {} }),
      "rule.sequence.steps[0]",
      /one thing a step; found event and order/,
    ],
    ["an empty step", steps({}), "rule.sequence.steps[0]", /names what happens: one of event, item, order, campaign/],
    ["a visit as step", steps({ visit: {} }), "rule.sequence.steps[0].visit", /unknown key "visit"/],
    ["not", steps(A, { not: A }), "rule.sequence.steps[1].not", /unknown key "not"/, "absent"],
    ["a step by name", steps("A"), "rule.sequence.steps[0]", /expected a step/, "{event: {name: A}}"],
    [
      "each in a step",
      steps({ event: { name: { each: ["A", "B"] } } }),
      "rule.sequence.steps[0].event.name.each",
      /one event completes a step/,
      "any",
    ],
    [
      "a measure in a step",
      steps({ event: { name: "A", count: 2 } }),
      "rule.sequence.steps[0].event.count",
      /a step happens once, so count/,
    ],
    [
      "a window in a step",
      steps(A, { order: { window: { last: "1d" } } }),
      "rule.sequence.steps[1].order.window",
      /says within/,
    ],
    ["a funnel without step", { funnel: { id: "x" } }, "rule.funnel", /names one step: by at, before or after/],
    ["a funnel with two", { funnel: { id: "x", at: "a", after: "b" } }, "rule.funnel", /names one step/],
    ["a funnel's step", { funnel: { id: "x", step: "a" } }, "rule.funnel.step", /unknown key/, "at"],
    ["a funnel without id", { funnel: { at: "x" } }, "rule.funnel.id", /needs the id of a funnel/],
    [
      "a favorite by",
      { favorite: { type: "a", ids: ["b"], by: "veiws" } },
      "rule.favorite.by",
      /by is one of/,
      "views",
    ],
    ["a favorite of none", { favorite: { type: "a", by: "views" } }, "rule.favorite.ids", /at least one item id/],
    [
      "top of none",
      { favorite: { type: "a", ids: ["b"], by: "views", top: 0 } },
      "rule.favorite.top",
      /a whole number from 1 to 10000 \(limits\.itemsMax\)/,
    ],
    ["days of objects", { object: { type: "a", days: 1 } }, "rule.object.days", /owned now, so days/],
    ["visits of objects", { object: { type: "a", visits: 1 } }, "rule.object.visits", /owned now/],
    ["the first object", { object: { type: "a", first: { last: "1d" } } }, "rule.object.first", /owned now/],
    ["the latest object", { object: { type: "a", latest: { last: "1d" } } }, "rule.object.latest", /owned now/],
    ["objects in a window", { object: { type: "a", window: { last: "1d" } } }, "rule.object.window", /owned now/],
    ["an object without type", { object: { count: 1 } }, "rule.object.type", /needs a type/],
    ["an identity inside one", { identity: { "a.b": "x" } }, 'rule.identity["a.b"]', /no field "a\.b"/],
    ["an identity of bool", { identity: { crm: true } }, "rule.identity.crm", /crm is text/],
    ["anonymous of a where", { anonymous: { exists: true } }, "rule.anonymous", /true or false/, "true"],
    ["a postal number", { place: { postal: 10115 } }, "rule.place.postal", /postal is text/, '"10115"'],
    ["a point as text", { place: { point: "48,2" } }, "rule.place.point", /is a point; test it with \{near/],
    ["a point that is greater", { place: { point: { gt: 5 } } }, "rule.place.point.gt", /does not suit it: point/],
    ["an unknown place", { place: { county: "x" } }, "rule.place.county", /place has no field "county"/, "country"],
    ["a bot by text", { device: { bot: "no" } }, "rule.device.bot", /bot is true or false; found the text "no"/],
    ["bots above", { device: { bot: { gt: 1 } } }, "rule.device.bot.gt", /bot is true or false; allowed: eq/],
    ["a source of no visit", { source: { medium: "x" } }, "rule.source.medium", /no field "medium"/, "first.medium"],
    ["an unknown score", { engagement: { scor: 5 } }, "rule.engagement.scor", /no field/, "score"],
    ["a situation without kind", { situation: { where: { a: 1 } } }, "rule.situation.kind", /needs the kind/],
    ["a situation without where", { situation: { kind: "a" } }, "rule.situation.where", /needs where/],
    ["an hour", { clock: { time: "9:00" } }, "rule.clock.time", /a time of day/, '"09:00"'],
    ["a day's name", { clock: { weekday: "Saturday" } }, "rule.clock.weekday", /expected one of mon/, "sat"],
    [
      "now by value",
      { clock: { now: "2026-01-01" } },
      "rule.clock.now",
      /now is a date/,
      "{date: {from: 2026-01-01, to: 2026-01-01}}",
    ],
  ])("%s", (_, rule, path, message, hint) => {
    const parsed = ofRule(rule);
    expect(parsed.ok ? [] : parsed.problems).toEqual([
      { path, message: expect.stringMatching(message), ...(hint === undefined ? {} : { hint }) },
    ]);
  });

  test("every step counts as a node", () => {
    const limits = { ...DEFAULT_LIMITS, ruleNodesMax: 3 };
    const parsed = parseDefinition({ id: "x", rule: steps(A, A, A) }, limits);
    expect(parsed.ok ? [] : parsed.problems).toMatchObject([{ message: expect.stringMatching(/more than 3 nodes/) }]);
    expect(parseDefinition({ id: "x", rule: steps(A, A) }, limits).ok).toBe(true);
  });
});
