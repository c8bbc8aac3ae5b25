// What the control log tells a partition about the world around its members: items of the catalogue, and situations at
// places. control-state.ts folds it; rules read it through these two.
import type { JsonObject } from "./types.ts";

export interface Catalogue {
  /** Undefined: nobody has said anything about this item. */
  attributesOf(id: string): JsonObject | undefined;
}

/** Where a member is; each part may be missing. */
export interface WhereAbouts {
  readonly country?: string;
  readonly region?: string;
  readonly city?: string;
}

export interface Situations {
  /** Values of the newest message for the most specific place that fits; undefined where there is none. */
  valuesAt(kind: string, place: WhereAbouts): JsonObject | undefined;
}

export const NO_CATALOGUE: Catalogue = { attributesOf: () => undefined };
export const NO_SITUATIONS: Situations = { valuesAt: () => undefined };
