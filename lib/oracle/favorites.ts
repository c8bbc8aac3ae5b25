// Favourites: which values of a type a member has had most to do with (rules.md 4.6).
// evaluate.ts gives it the interactions that lie in the window.
import type { FavoriteMeasure, FavoriteRule } from "../core/rules/ast.ts";
import type { Interaction } from "./items.ts";
import { unitsOf } from "./values.ts";

const ACTIONS: Readonly<Record<FavoriteMeasure, string>> = {
  views: "viewed",
  time: "viewed",
  purchases: "purchased",
  revenue: "purchased",
};

/** The interactions that a favourite is measured by. */
export function isMeasuredBy({ by, type }: FavoriteRule, { action, values }: Interaction): boolean {
  return action === ACTIONS[by] && values.has(type);
}

/** One of `ids` is above 0, and fewer than `top` values have strictly more. */
export function isFavorite(
  { by, type, ids, top }: FavoriteRule,
  measured: readonly { readonly interaction: Interaction; readonly record: Readonly<Record<string, unknown>> }[],
): boolean {
  const standings = new Map<string, bigint>();
  for (const { interaction, record } of measured) {
    for (const value of interaction.values.get(type) ?? []) {
      standings.set(value, (standings.get(value) ?? 0n) + worthOf(by, record));
    }
  }
  return ids.some((id) => {
    const own = standings.get(id) ?? 0n;
    const ahead = [...standings.values()].filter((other) => other > own);
    return own > 0n && ahead.length < top;
  });
}

function worthOf(by: FavoriteMeasure, record: Readonly<Record<string, unknown>>): bigint {
  if (by === "views" || by === "purchases") return 1n;
  return unitsOf(by === "time" ? record.time : record.value) ?? 0n;
}
