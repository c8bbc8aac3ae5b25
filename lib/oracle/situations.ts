// What feeds say of places: the newest message of a kind for a place counts until replaced, cleared or its `until` (rules.md 4.11).
// control.ts hands on the entries; evaluate.ts asks for the values at a member's place.
import type { ControlEntry, SituationPlace } from "../core/control.ts";
import type { JsonObject, Millis } from "../core/types.ts";
import { folded } from "./values.ts";

type SituationEntry = Extract<ControlEntry, { readonly op: "situation" }>;

export class Situations {
  /** By kind and place; a cleared one is kept, and gives nothing. */
  readonly #newest = new Map<string, SituationEntry>();

  apply(entry: SituationEntry): void {
    this.#newest.set(keyOf(entry.kind, partsOf(entry.place)), entry);
  }

  /** Values for the most specific place that fits and has some: country + region + city, country + region, country. */
  valuesAt(kind: string, place: unknown, clock: Millis): JsonObject | undefined {
    const { country, region, city } = textsOf(place);
    if (country === undefined) return undefined;
    const fitting = [
      ...(region !== undefined && city !== undefined ? [[country, region, city]] : []),
      ...(region !== undefined ? [[country, region]] : []),
      [country],
    ];
    for (const parts of fitting) {
      const entry = this.#newest.get(keyOf(kind, parts));
      if (entry === undefined || entry.values === null) continue;
      if (entry.until === undefined || clock < entry.until) return entry.values;
    }
    return undefined;
  }

  /** When values of a kind end by themselves, wherever that is. */
  untilsOf(kind: string): Millis[] {
    return [...this.#newest.values()].flatMap((entry) => (entry.kind === kind ? (entry.until ?? []) : []));
  }

  /** All values of a kind that may still come to count, wherever that is. */
  allOf(kind: string): JsonObject[] {
    return [...this.#newest.values()].flatMap(({ kind: of, values }) =>
      of === kind && values !== null ? [values] : [],
    );
  }
}

function partsOf({ country, region, city }: SituationPlace): (string | undefined)[] {
  if (city !== undefined) return [country, region, city];
  return region === undefined ? [country] : [country, region];
}

function keyOf(kind: string, parts: readonly (string | undefined)[]): string {
  return JSON.stringify([kind, ...parts.map((part) => (part === undefined ? null : folded(part)))]);
}

function textsOf(place: unknown): { readonly [part in "country" | "region" | "city"]?: string } {
  if (typeof place !== "object" || place === null) return {};
  return Object.fromEntries(Object.entries(place).filter(([, value]) => typeof value === "string"));
}

/** An entry as it must be to count. */
export function isSituation(entry: Readonly<Record<string, unknown>>): boolean {
  const { kind, place, values, until } = entry;
  const isPlace = isObject(place) && isText(place.country) && [place.region, place.city].every(isTextOrNothing);
  // Towns of one name are told apart by their region.
  const isTold = isPlace && (place.city === undefined || place.region !== undefined);
  const isValues = values === null || isObject(values);
  return isText(kind) && isTold && isValues && (until === undefined || isInstant(until));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** From 1970 on, as all times are. */
function isInstant(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isTextOrNothing(value: unknown): boolean {
  return value === undefined || isText(value);
}
