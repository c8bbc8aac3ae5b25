// A rule after parsing: the one tree that the engine compiles, the oracle interprets and explain draws.
// parse.ts makes it from what a person wrote; nothing here knows how it is evaluated.
import type { Json, MemberKind, Millis, SegmentId } from "../types.ts";

/** A definition that passed every check. `source` is what was written, kept for showing and for the log. */
export interface Definition {
  readonly id: SegmentId;
  readonly name: string;
  readonly kind: MemberKind;
  readonly description?: string;
  readonly folder?: string;
  readonly tags: readonly string[];
  readonly enabled: boolean;
  /** A zone name, or "user": the member's own. Default "UTC". */
  readonly zone: string;
  readonly stayMs: number;
  readonly cooldownMs: number;
  readonly rule: Rule;
  readonly source: Json;
}

export type Rule =
  | { readonly op: "all" | "any" | "none"; readonly rules: readonly Rule[] }
  | { readonly op: "not"; readonly rule: Rule }
  | EventRule
  | OrderRule
  | { readonly op: "trait" | "cart"; readonly where: Where }
  /** `in` (negate false): a member of at least one; `notIn` (negate true): of none. `joined` only with `in`. */
  | { readonly op: "segment"; readonly ids: readonly SegmentId[]; readonly negate: boolean; readonly joined?: Window }
  | { readonly op: "list"; readonly ids: readonly string[]; readonly negate: boolean }
  | { readonly op: "bucket"; readonly from: number; readonly to: number; readonly salt: string };

export interface EventRule {
  readonly op: "event";
  /** Event names, taken together; "*" is every track, page and screen. `each` has been expanded into `all`. */
  readonly names: readonly string[] | "*";
  readonly where?: Where;
  readonly measure: Measure;
  /** Absent: all time. Never beside the measures first and latest. */
  readonly window?: Window;
}

export interface OrderRule {
  readonly op: "order";
  readonly where?: Where;
  readonly measure: Measure;
  readonly window?: Window;
}

/** Nothing written = count ≥ 1. total, average, largest only on orders. */
export type Measure =
  | { readonly kind: "count" | "days" | "visits" | "total" | "average" | "largest"; readonly is: Test }
  | { readonly kind: "sum" | "avg" | "min" | "max" | "distinct"; readonly of: Path; readonly is: Test }
  | { readonly kind: "first" | "latest"; readonly in: Window };

/** Names joined by dots, already split and unescaped: `properties.a\.b` is ["properties", "a.b"]. */
export type Path = readonly string[];

export type Where =
  | { readonly op: "all" | "any" | "none"; readonly wheres: readonly Where[] }
  | { readonly op: "not"; readonly where: Where }
  | { readonly op: "test"; readonly path: Path; readonly test: Test };

/** All of its parts hold. */
export type Test = readonly TestPart[];

export type Scalar = string | number | boolean;

export type TestPart =
  | { readonly op: "eq" | "ne"; readonly value: Scalar; readonly fold: boolean }
  | { readonly op: "in" | "notIn"; readonly values: readonly Scalar[]; readonly fold: boolean }
  | { readonly op: "exists"; readonly value: boolean }
  /** A number, or the text "HH:MM" where the path is a time of day. */
  | { readonly op: "gt" | "gte" | "lt" | "lte"; readonly value: number | string }
  | { readonly op: "between"; readonly low: number | string; readonly high: number | string }
  | {
      readonly op: "contains" | "notContains" | "startsWith" | "endsWith" | "like";
      readonly value: string;
      readonly fold: boolean;
    }
  | { readonly op: "includesAll"; readonly values: readonly Scalar[]; readonly fold: boolean }
  | { readonly op: "has"; readonly where: Where }
  | { readonly op: "date"; readonly window: Window }
  | { readonly op: "near"; readonly lat: number; readonly lon: number; readonly withinKm: number }
  | { readonly op: "delta"; readonly overMs: number; readonly unit: "percent" | "amount"; readonly is: Test };

export type Window =
  | { readonly kind: "last"; readonly ms: number }
  /** At least one of the two is there. `gteMs`: it has turned that old; `ltMs`: it has not yet. */
  | { readonly kind: "ago"; readonly gteMs?: number; readonly ltMs?: number }
  | { readonly kind: "next"; readonly ms: number }
  /** `today` is {unit: "days", n: 1, skip: 0}. */
  | { readonly kind: "calendar"; readonly unit: "days" | "weeks" | "months"; readonly n: number; readonly skip: number }
  | { readonly kind: "range"; readonly from?: RangeBound; readonly to?: RangeBound }
  | { readonly kind: "visit" };

/** A whole local day (both ends included), or an instant (from ≤ x < to). */
export type RangeBound = { readonly day: string } | { readonly at: Millis };
