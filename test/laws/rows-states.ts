// Rules about what a member is known by and owns, what feeds say of his place, and the time of day; and the messages and
// entries that move them. rows.ts has them in its table; generate.ts sends the messages, definitions.ts the entries.
import type { ControlEntry } from "../../lib/core/control.ts";
import type { Json, JsonObject, Millis } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { countTest, numberTest, textTest, window } from "./parts.ts";

const TYPES = ["lease", "car"];
const KINDS = ["weather", "traffic"];
const PLACES = [
  { country: "DE" },
  { country: "de", region: "NW" },
  { country: "DE", region: "NW", city: "BONN" },
  { country: "DE", region: "NW", city: "Ulm" },
  { country: "FR" },
  { country: "FR", region: "NW", city: "Paris" },
];

export function identity(dice: Dice): JsonObject {
  return dice.pick<JsonObject>([
    { user: { exists: dice.chance(0.5) } },
    { anonymous: { exists: dice.chance(0.5) } },
    {
      email: dice.pick<Json>([
        "a@x.org",
        { endsWith: "x.org" },
        { ne: "a@x.org" },
        { includesAll: ["a@x.org", "b@x.org"] },
      ]),
    },
    { phone: { exists: dice.chance(0.5) } },
    { crm: dice.pick<Json>(["7", ["7", "8"], { notIn: ["7"] }]) },
    { any: [{ crm: { exists: true } }, { email: { exists: true } }] },
  ]);
}

export function anonymous(dice: Dice): Json {
  return dice.chance(0.5);
}

export function object(dice: Dice): JsonObject {
  return {
    type: dice.pick(TYPES),
    ...(dice.chance(0.5) ? { where: objectWhere(dice) } : {}),
    ...(dice.chance(0.6)
      ? { count: countTest(dice) }
      : { [dice.pick(["sum", "avg", "min", "max", "distinct"])]: { of: "rent", is: numberTest(dice) } }),
  };
}

function objectWhere(dice: Dice): JsonObject {
  return dice.pick<() => JsonObject>([
    () => ({ rent: numberTest(dice) }),
    () => ({ id: dice.pick(["a", "5"]) }),
    () => ({ ends: { date: window(dice) } }),
    () => ({ "unit.region": textTest(dice) }),
    () => ({ any: [{ ends: { date: window(dice) } }, { rent: { gt: 10 } }] }),
  ])();
}

export function weather(dice: Dice): JsonObject {
  return feedWhere(dice);
}

export function situation(dice: Dice): JsonObject {
  return { kind: dice.pick(KINDS), where: feedWhere(dice) };
}

function feedWhere(dice: Dice): JsonObject {
  return dice.pick<() => JsonObject>([
    () => ({ condition: textTest(dice) }),
    () => ({ temperature: numberTest(dice) }),
    () => ({ condition: { ne: "x" } }),
    () => ({ storm: { date: window(dice) } }),
    () => ({ condition: "x", temperature: { lt: 60 } }),
  ])();
}

export function clock(dice: Dice): JsonObject {
  return dice.pick<() => JsonObject>([
    () => ({ time: timeTest(dice) }),
    () => ({ time: timeTest(dice), weekday: weekdays(dice) }),
    () => ({ weekday: weekdays(dice) }),
    () => ({ any: [{ time: { gte: "22:00" } }, { time: { lt: "02:30" } }] }),
    () => ({ now: { date: window(dice) } }),
  ])();
}

function timeTest(dice: Dice): Json {
  const at = dice.pick(["00:00", "02:00", "02:30", "09:00", "17:45", "23:59"]);
  return dice.pick<Json>([
    { gte: at },
    { gt: at },
    { lt: at },
    { lte: at },
    at,
    { ne: at },
    { between: ["02:15", "03:00"] },
  ]);
}

function weekdays(dice: Dice): Json {
  return dice.pick<Json>([["sat", "sun"], "fri", { ne: "sun" }, { notIn: ["mon", "thu"] }]);
}

/** Who says it: mostly a user, now and then a device, or both. */
export function memberIds(dice: Dice, member: string): JsonObject {
  const pick = dice.int(0, 19);
  if (pick < 4) return { anonymousId: member };
  return { userId: member, ...(pick < 6 ? { anonymousId: dice.pick<Json>(["dev", 5, ""]) } : {}) };
}

export function identityContext(dice: Dice): JsonObject {
  if (!dice.chance(0.12)) return {};
  const one = (): Json => ({
    type: dice.pick(["crm", "crm", "anonymous"]),
    id: dice.pick<Json>(["7", 7, "8", "", null]),
  });
  return { externalIds: dice.pick<Json>([[one()], [one(), one()], ["7"], { type: "crm", id: "7" }]) };
}

export function identityTraits(dice: Dice): JsonObject {
  return {
    ...(dice.chance(0.12) ? { email: dice.pick<Json>(["a@x.org", "b@x.org", "", 5, null]) } : {}),
    ...(dice.chance(0.05) ? { phone: dice.pick<Json>(["+49", 49]) } : {}),
  };
}

/** A track message about an object; `date` makes dates near now. */
export function objectMessage(dice: Dice, date: () => Json): JsonObject {
  const named = {
    ...(dice.chance(0.97) ? { type: dice.pick(["lease", "lease", ...TYPES]) } : {}),
    ...(dice.chance(0.97) ? { id: dice.pick<Json>(["a", "b", "c", "d", 5, "5"]) } : {}),
  };
  if (dice.chance(0.25)) return { event: "Object Removed", properties: named };
  const attributes = {
    ...(dice.chance(0.7) ? { rent: dice.pick<Json>([0, 5, 10.5, 60, "9", null]) } : {}),
    ...(dice.chance(0.4) ? { ends: date() } : {}),
    ...(dice.chance(0.3) ? { unit: { region: dice.pick(["x", "xay"]) } } : {}),
  };
  return { event: "Object Set", properties: { ...named, ...attributes } };
}

/** What a feed says of a place, takes back, or says until some instant. */
export function situationEntry(dice: Dice, now: Millis, date: () => Json): ControlEntry {
  const values: JsonObject = {
    ...(dice.chance(0.8) ? { condition: dice.pick<Json>(["x", "y", "xay", null]) } : {}),
    ...(dice.chance(0.7) ? { temperature: dice.pick<Json>([-5, 5, 20.5, 60]) } : {}),
    ...(dice.chance(0.3) ? { storm: date() } : {}),
  };
  const until = now + dice.pick([-1_000, 0, 1_500, 90_000, 7_200_000, 100_000_000]);
  return {
    op: "situation",
    kind: dice.pick(["weather", ...KINDS]),
    place: dice.pick(PLACES),
    values: dice.chance(0.2) ? null : values,
    ...(dice.chance(0.5) ? { until } : {}),
  };
}
