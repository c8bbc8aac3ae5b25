// What random rules are made of: tests, windows, measures. rows.ts makes rules of them, one function a row of the
// catalogue. Many of them say nothing sensible; whoever makes a definition keeps those that parse.
import type { Json, JsonObject } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";

export const DURATIONS = ["5s", "30s", "10m", "1h", "3h", "1d", "2d", "7d", "60d", "95d"];

export function maybeWhere(dice: Dice, make: (dice: Dice) => JsonObject): JsonObject {
  return dice.chance(0.35) ? { where: make(dice) } : {};
}

export function measured(dice: Dice, of: string, windows: boolean): JsonObject {
  const pick = dice.int(0, 99);
  if (pick < 12) return { [dice.pick(["first", "latest"])]: window(dice, windows) };
  const measure: JsonObject =
    pick < 20
      ? {}
      : pick < 45
        ? { count: countTest(dice) }
        : pick < 55
          ? { days: countTest(dice) }
          : pick < 65
            ? { visits: countTest(dice) }
            : { [dice.pick(["sum", "avg", "min", "max", "distinct"])]: { of, is: numberTest(dice) } };
  return { ...measure, ...(windows ? windowed(dice) : {}) };
}

export function windowed(dice: Dice): JsonObject {
  return dice.chance(0.75) ? { window: window(dice, true) } : {};
}

export function window(dice: Dice, occurrence = false): JsonObject {
  const pick = dice.int(0, 99);
  const long = dice.pick(DURATIONS);
  // Dates that values hold lie ahead as often as not.
  if (!occurrence && dice.chance(0.25)) return { next: long };
  if (pick < 35) return { last: long };
  if (pick < 50) {
    const index = dice.int(0, DURATIONS.length - 2);
    const [gte, lt] = [DURATIONS[index]!, DURATIONS[dice.int(index + 1, DURATIONS.length - 1)]!];
    return { ago: dice.pick<JsonObject>([{ gte }, { lt }, { gte, lt }]) };
  }
  if (pick < 58) return { today: true };
  if (pick < 78) {
    const unit = dice.pick(["days", "weeks", "months"]);
    return { calendar: { [unit]: dice.int(1, 3), ...(dice.chance(0.4) ? { skip: dice.int(1, 2) } : {}) } };
  }
  if (pick < 88)
    return dice.pick<JsonObject>([
      { from: "2026-03-02" },
      { from: "2026-03-01", to: "2026-03-29" },
      { to: "2026-03-28T23:30:00Z" },
    ]);
  if (occurrence) return { visit: "current" };
  return { next: long };
}

export function countTest(dice: Dice): Json {
  const n = dice.int(0, 4);
  return dice.pick<Json>([{ gte: n }, { lt: n + 1 }, { eq: n }, { between: [1, n + 1] }, { ne: n }, n, [n, n + 2]]);
}

export function numberTest(dice: Dice): Json {
  const n = dice.pick([0, 5, 10, 20.5, 60, 100]);
  return dice.pick<Json>([
    { gt: n },
    { gte: n },
    { lt: n },
    { lte: n },
    { between: [n, n + 40] },
    n,
    { ne: n },
    { gt: n, ne: n + 5 },
  ]);
}

export function textTest(dice: Dice): Json {
  return dice.pick<Json>([
    "x",
    ["x", "y"],
    { ne: "x" },
    { notIn: ["x", "y"] },
    { contains: "a" },
    { notContains: "a" },
    { startsWith: "x" },
    { endsWith: "Y", fold: true },
    { like: "?a*" },
    { eq: "ÄB", fold: true },
    { exists: true },
    { exists: false },
    { includesAll: ["x", "y"] },
  ]);
}
