// Rules that keep a state of their own, with times so short that a run of seconds sees them begin, lapse and begin again; and
// the vocabularies that give their events a meaning. entries.ts makes definitions of them.
import type { Json, JsonObject, SegmentId } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";

const LASTING = ["2s", "5s", "10s"];
const MEDIA = ["direct", "search", "email", "referral", "partner"];

/** One kind of rule for each id, so that a new version of a segment asks nearly what the one before asked. */
const STATEFUL: Readonly<Record<SegmentId, (dice: Dice) => JsonObject>> = {
  forsaken: (dice) => ({ sequence: { steps: forsakenSteps(dice), ...maybeLast(dice) } }),
  courted: (dice) => ({
    favorite: { ...favoured(dice), by: dice.pick(FAVOUR), top: dice.int(1, 2), ...maybeLast(dice) },
  }),
  absorbed: (dice) => ({ item: absorbed(dice) }),
  visiting: (dice) => ({ visit: visiting(dice) }),
  referred: (dice) => ({ source: referred(dice) }),
  leasing: (dice) => ({ object: leasing(dice) }),
  wet: (dice) => feed(dice),
  keen: (dice) => ({
    engagement: dice.chance(0.7) ? { score: { gte: dice.pick([20, 40, 70]) } } : { change: { gt: 0 } },
  }),
  hours: (dice) => ({ clock: hours(dice) }),
  turned: (dice) => ({
    change: { trait: "plan", to: "x", ...(dice.chance(0.5) ? { stayed: true } : {}), latest: turnedWhen(dice) },
  }),
  halfway: (dice) => ({
    funnel: { id: "shop", [dice.pick(["at", "before", "after"])]: dice.pick(["first", "second"]) },
  }),
};

export const STATEFUL_IDS: readonly SegmentId[] = Object.keys(STATEFUL);

/** Undefined: an id of another kind. */
export function statefulRule(dice: Dice, id: SegmentId): JsonObject | undefined {
  return Object.hasOwn(STATEFUL, id) ? STATEFUL[id]!(dice) : undefined;
}

const FAVOUR = ["views", "time", "purchases", "revenue"];

function maybeLast(dice: Dice): JsonObject {
  return dice.chance(0.6) ? { window: { last: dice.pick(LASTING) } } : {};
}

function forsakenSteps(dice: Dice): Json[] {
  const [begun, ended] = [{ event: { name: dice.pick(["A", "Ping"]) } }, { event: { name: "B" } }];
  const absence = { absent: ended, within: dice.pick(LASTING) };
  return dice.chance(0.6)
    ? [begun, absence]
    : [begun, { ...ended, within: dice.pick(LASTING) }, { absent: begun, within: "2s" }];
}

function favoured(dice: Dice): JsonObject {
  return dice.chance(0.3)
    ? { type: "product", ids: [dice.pick(["p1", "p2", "7"])] }
    : { type: "category", ids: [dice.pick(["shoes", "shoes/men", "sale"])] };
}

function absorbed(dice: Dice): JsonObject {
  const spent = { gte: dice.pick(["1s", "3s"]) };
  const which = { action: "viewed", ...(dice.chance(0.6) ? favoured(dice) : {}) };
  return dice.chance(0.6)
    ? { ...which, sum: { of: "time", is: spent }, ...maybeLast(dice) }
    : { ...which, where: { time: spent }, ...maybeLast(dice) };
}

function visiting(dice: Dice): JsonObject {
  const where = dice.pick<JsonObject>([
    { duration: { gte: dice.pick(["1s", "3s"]) } },
    { pages: { gte: 1 } },
    { events: { gte: dice.int(2, 4) } },
    { entry: { in: ["/", "/a"] } },
    { "source.medium": dice.pick(MEDIA) },
    { "place.country": "DE" },
  ]);
  const measure = dice.pick<JsonObject>([
    { count: { gte: dice.int(1, 3) } },
    { latest: { last: dice.pick(LASTING) } },
    { first: { ago: { gte: dice.pick(LASTING) } } },
    { count: 1, window: { visit: "current" } },
    { sum: { of: "duration", is: { gte: "3s" } }, window: { last: dice.pick(LASTING) } },
  ]);
  return { where, ...measure };
}

function referred(dice: Dice): JsonObject {
  const medium = { eq: dice.pick(MEDIA) };
  return { [`${dice.pick(["current", "current", "latest", "first"])}.medium`]: medium };
}

function leasing(dice: Dice): JsonObject {
  const ends = dice.pick<JsonObject>([{ next: "5s" }, { next: "10s" }, { ago: { gte: "2s" } }, { last: "5s" }]);
  return { type: "lease", where: { ends: { date: ends } }, count: { gte: dice.int(1, 2) } };
}

function feed(dice: Dice): JsonObject {
  const where = dice.pick<JsonObject>([{ condition: "x" }, { condition: { ne: "x" } }, { temperature: { gte: 5 } }]);
  return dice.chance(0.7) ? { weather: where } : { situation: { kind: "traffic", where } };
}

/** Runs begin at midnight of 2026-01-01, a Thursday; some set the server's clock by an hour. */
function hours(dice: Dice): JsonObject {
  const at = `2026-01-01T00:00:${dice.pick(["03", "07", "15", "25"])}Z`;
  return dice.pick<JsonObject>([
    { now: { date: { from: at } } },
    { now: { date: { to: at } } },
    { time: { lt: dice.pick(["00:01", "01:00"]) } },
    { time: { gte: "00:01" }, weekday: "thu" },
  ]);
}

function turnedWhen(dice: Dice): JsonObject {
  return dice.chance(0.5) ? { last: dice.pick(LASTING) } : { ago: { gte: dice.pick(LASTING) } };
}

/** Visits that end within the run, and events that mean now this and now that; a new one asks history anew. */
export function shortVocabulary(dice: Dice): JsonObject {
  return {
    visit: { idle: dice.pick(["1s", "3s", "8s"]) },
    ...(dice.chance(0.2) ? { currency: "EUR" } : {}),
    ...(dice.chance(0.4) ? { items: { events: { A: { action: "viewed", of: "product" } } } } : {}),
    ...(dice.chance(0.2) ? { items: { types: ["product", "category"] } } : {}),
    ...(dice.chance(0.3) ? { referrers: { "blog.example": { medium: "partner", name: "news" } } } : {}),
    // Now and then the one that segments name is not there, and the entry is refused.
    ...(dice.chance(0.9) ? { funnels: { shop: { steps: funnelSteps(dice) } } } : {}),
    engagement: {
      cycle: dice.pick(["5s", "10s"]),
      parts: [
        { weight: 50, full: dice.int(1, 3), visits: true },
        { weight: 30, full: dice.int(2, 5), event: ["Ping", "Product Viewed"] },
        dice.chance(0.5) ? { weight: 20, segment: "cart" } : { weight: 20, full: 60, trait: "n" },
      ],
    },
  };
}

function funnelSteps(dice: Dice): Json[] {
  return [
    { name: "first", event: { name: dice.pick(["A", "Ping"]) } },
    { name: "second", ...dice.pick<JsonObject>([{ item: { action: "viewed" } }, { event: { name: "B" } }]) },
    { name: "third", order: {} },
  ];
}
