// Rules about how things follow each other: changes, sequences, funnels, engagement; and the parts of the vocabulary
// that the last two read. rows.ts has them in its table, vocabularies.ts the parts.
import type { Json, JsonObject } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { DURATIONS, maybeWhere, measured, numberTest, textTest, windowed } from "./parts.ts";

const NAMES = ["A", "B", "Page Viewed", "Product Viewed"];
const STEPS = ["first", "second", "third"];
/** The one segment that engagement weighs: it must not read engagement itself. */
export const WEIGHED = "s1";

export function change(dice: Dice): JsonObject {
  return {
    trait: dice.pick(["plan", "plan", "n", "n", "tags", "leases", "deep.er", "timezone"]),
    ...(dice.chance(0.3) ? { from: sideTest(dice) } : {}),
    ...(dice.chance(0.4) ? { to: sideTest(dice) } : {}),
    ...(dice.chance(0.35) ? { stayed: true } : {}),
    ...maybeWhere(dice, changeWhere),
    ...measured(dice, dice.pick(["to", "from"]), true),
  };
}

function sideTest(dice: Dice): Json {
  return dice.pick([() => textTest(dice), () => numberTest(dice), () => ({ exists: dice.chance(0.5) })])();
}

function changeWhere(dice: Dice): JsonObject {
  const side = dice.pick(["from", "to"]);
  return dice.chance(0.8) ? { [side]: sideTest(dice) } : { any: [{ from: sideTest(dice) }, { to: sideTest(dice) }] };
}

export function sequence(dice: Dice): JsonObject {
  if (dice.chance(0.25)) return forsaken(dice);
  const steps = Array.from({ length: dice.int(1, 4) }, (_, at) => sequenceStep(dice, at > 0));
  return { steps, ...(dice.chance(0.5) ? windowed(dice) : {}) };
}

/** Two events that are frequent and may come late, so that a decided absence is often met by one from its own time. */
function forsaken(dice: Dice): JsonObject {
  const within = dice.pick(["30s", "10m", "1h"]);
  return { steps: [{ event: { name: dice.pick(["A", "*"]) } }, { absent: { event: { name: "B" } }, within }] };
}

function sequenceStep(dice: Dice, follows: boolean): JsonObject {
  const within = { within: dice.pick(DURATIONS.slice(0, dice.chance(0.7) ? 3 : 8)) };
  if (follows && dice.chance(0.35)) return { absent: stepWhich(dice), ...within };
  return { ...stepWhich(dice), ...(follows && dice.chance(0.5) ? within : {}) };
}

function stepWhich(dice: Dice): JsonObject {
  const pick = dice.int(0, 9);
  if (pick < 6) return { event: { name: stepName(dice), ...maybeWhere(dice, stepWhere) } };
  if (pick < 7) return { order: dice.chance(0.3) ? { where: { total: numberTest(dice) } } : {} };
  if (pick < 8) {
    const id = dice.chance(0.5) ? { id: "summer" } : {};
    return { campaign: { outcome: dice.pick(["clicked", "sent", "opened"]), ...id } };
  }
  const ids = dice.chance(0.4) ? { type: "category", ids: ["shoes"] } : {};
  const where = dice.chance(0.3) ? { where: { [dice.pick(["price", "time"])]: { gte: 5 } } } : {};
  return { item: { action: dice.pick(["viewed", "added", "purchased"]), ...ids, ...where } };
}

function stepName(dice: Dice): Json {
  if (dice.chance(0.1)) return "*";
  return dice.chance(0.2) ? { any: [dice.pick(NAMES), dice.pick(NAMES)] } : dice.pick(NAMES);
}

function stepWhere(dice: Dice): JsonObject {
  return dice.pick<JsonObject>([
    { "properties.v": numberTest(dice) },
    { channel: "web" },
    { "at.time": { gte: "12:00" } },
    { "properties.when": { date: { next: "1d" } } },
  ]);
}

export function funnel(dice: Dice): JsonObject {
  return { id: dice.pick(["trial", "shop"]), [dice.pick(["at", "before", "after"])]: dice.pick(STEPS) };
}

export function engagement(dice: Dice): JsonObject {
  if (dice.chance(0.3)) return { score: betweenTest(dice) };
  if (dice.chance(0.4)) return { score: numberTest(dice) };
  return {
    change: dice.pick<Json>([{ gt: 0 }, { lt: 0 }, { lte: -50 }, { gte: 100 }, { exists: false }, 0]),
    ...(dice.chance(0.2) ? { score: numberTest(dice) } : {}),
  };
}

/** Bounds that a score meets only where it was rounded: thirds and sevenths of the weights. */
function betweenTest(dice: Dice): Json {
  const score = dice.pick([16.67, 26.67, 33.33, 53.33, 4.29, 8.57, 14.29, 28.57, 42.86, 57.14]);
  return dice.pick<Json>([{ gte: score }, { lt: score }, score]);
}

/** Of a vocabulary, what funnels and engagement read: always the same funnels, with the same names of steps. */
export function journeyParts(dice: Dice): JsonObject {
  const step = (name: string): JsonObject => ({ name, ...stepWhich(dice) });
  return {
    funnels: { trial: { steps: STEPS.map(step) }, shop: { steps: STEPS.map(step) } },
    engagement: {
      cycle: dice.pick(["1h", "1d", "1d", "7d"]),
      parts: [
        { weight: dice.pick([50, 80]), full: dice.pick([2, 3]), visits: true },
        { weight: dice.pick([30, 100, -20]), full: dice.pick([1, 4, 7]), event: [dice.pick(NAMES), dice.pick(NAMES)] },
        { weight: 20, full: 60, trait: "n" },
        ...(dice.chance(0.5) ? [{ weight: 15, segment: WEIGHED }] : []),
      ],
    },
  };
}
