// What the control log tells a partition about the world around its members: items of the catalogue, and situations at
// places. control-state.ts folds it; rules read it through these two.
import type { SituationPlace } from "./control.ts";
import type { JsonObject, Millis } from "./types.ts";

export interface Catalogue {
  /** Undefined: nobody has said anything about this item. */
  attributesOf(id: string): JsonObject | undefined;
}

/** Values of a feed at one place. */
export interface Situation {
  readonly kind: string;
  readonly place: SituationPlace;
}

export interface Situations {
  /** Kinds that anything was ever said of. */
  readonly kinds: readonly string[];
  /**
   * Values at `now` of the newest message for the most specific place that fits a member's record `place`; undefined
   * where there is none, or none that lasts beyond `now`.
   */
  valuesAt(kind: string, place: JsonObject | undefined, now: Millis): JsonObject | undefined;
  /** When those values end by themselves; Infinity where they do not, or there are none. */
  untilAt(kind: string, place: JsonObject | undefined, now: Millis): Millis;
  /** The first instant after `after` at which some values end by themselves; Infinity when there is none. */
  nextEnd(after: Millis): Millis;
  /** What ends at this very instant. */
  endingAt(at: Millis): readonly Situation[];
}

export const NO_CATALOGUE: Catalogue = { attributesOf: () => undefined };
export const NO_SITUATIONS: Situations = {
  kinds: [],
  valuesAt: () => undefined,
  untilAt: () => Number.POSITIVE_INFINITY,
  nextEnd: () => Number.POSITIVE_INFINITY,
  endingAt: () => [],
};
