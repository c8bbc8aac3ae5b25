// Random vocabularies: what is idle, which events mean something, which currency is ours, which steps a funnel has.
// definitions.ts applies them in the middle of a history.
import type { Json, JsonObject } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { journeyParts } from "./rows-journeys.ts";

export function vocabulary(dice: Dice): JsonObject {
  return {
    ...(dice.chance(0.5) ? { visit: { idle: dice.pick(["10m", "30m", "1h"]) } } : {}),
    ...(dice.chance(0.3) ? { currency: dice.pick(["EUR", "USD"]) } : {}),
    ...(dice.chance(0.5) ? { items: items(dice) } : {}),
    ...(dice.chance(0.3) ? { campaigns: { A: dice.pick(["clicked", "viewed"]), "Email Opened": null } } : {}),
    ...(dice.chance(0.3)
      ? { referrers: { "blog.example": { medium: "partner", name: "news" }, "google.com": null } }
      : {}),
    ...journeyParts(dice),
  };
}

function items(dice: Dice): JsonObject {
  const events: Record<string, Json> = {};
  if (dice.chance(0.5)) events.A = { action: "viewed", of: "product" };
  if (dice.chance(0.3)) events["Product Viewed"] = dice.pick<Json>([null, { action: "shared", of: "product" }]);
  if (dice.chance(0.3)) events["Cart Viewed"] = { action: "viewed", of: "products" };
  const types = dice.pick([
    ["product", "category", "brand", "article"],
    ["product", "category", "colour"],
  ]);
  return { events, ...(dice.chance(0.5) ? { types } : {}) };
}
