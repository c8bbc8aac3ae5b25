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
  | OccurrenceRule
  | RecordRule
  | SituationRule
  | ObjectRule
  | FavoriteRule
  | FunnelRule
  | SequenceRule
  /** True: no message has carried a user id or another identity yet. */
  | { readonly op: "anonymous"; readonly is: boolean }
  /** `in` (negate false): a member of at least one; `notIn` (negate true): of none. `joined` only with `in`. */
  | { readonly op: "segment"; readonly ids: readonly SegmentId[]; readonly negate: boolean; readonly joined?: Window }
  | { readonly op: "list"; readonly ids: readonly string[]; readonly negate: boolean }
  | { readonly op: "bucket"; readonly from: number; readonly to: number; readonly salt: string }
  | AccountRule
  | UsersRule;

/** On a user: the rule (of the kind account) holds for the account that he is in. */
export interface AccountRule {
  readonly op: "account";
  readonly rule: Rule;
}

/** On an account: of those who are its users now, for how many, or for how many percent, the rule (of the kind user) holds. */
export interface UsersRule {
  readonly op: "users";
  readonly rule: Rule;
  readonly measure: { readonly kind: "count" | "share"; readonly is: Test };
}

// ── what happened ───────────────────────────────────────────────────────────────────────────────────────────────────

export type OccurrenceRule = EventRule | OrderRule | ItemRule | VisitRule | CampaignRule | ChangeRule;

interface Measured {
  readonly where?: Where;
  readonly measure: Measure;
  /** Absent: all time. Never beside the measures first and latest. */
  readonly window?: Window;
}

export interface EventRule extends Measured {
  readonly op: "event";
  /** Event names, taken together; "*" is every track, page and screen. `each` has been expanded into `all`. */
  readonly names: readonly string[] | "*";
}

export interface OrderRule extends Measured {
  readonly op: "order";
}

/** An interaction with an item of the catalogue; which events are some, the vocabulary says. */
export interface ItemRule extends Measured, ItemWhich {
  readonly op: "item";
}

export interface VisitRule extends Measured {
  readonly op: "visit";
}

/** An outcome of a campaign; which events are some, the vocabulary says. */
export interface CampaignRule extends Measured, CampaignWhich {
  readonly op: "campaign";
}

/** An accepted write of a trait that differs from the value before. A `where` reads `from` and `to`. */
export interface ChangeRule extends Measured {
  readonly op: "change";
  readonly trait: Path;
  readonly from?: Test;
  readonly to?: Test;
  /** Only the trait's latest change can match. */
  readonly stayed: boolean;
}

export interface ItemWhich {
  readonly action: string;
  /** A catalog type: product, category, … */
  readonly type: string;
  /** Any of these; absent: any item. */
  readonly ids?: readonly string[];
}

export interface CampaignWhich {
  readonly outcome: string;
  readonly id?: string;
  readonly experience?: string;
}

/** Nothing written = count ≥ 1. total, average, largest only on orders. */
export type Measure =
  | { readonly kind: "count" | "days" | "visits" | "total" | "average" | "largest"; readonly is: Test }
  | { readonly kind: "sum" | "avg" | "min" | "max" | "distinct"; readonly of: Path; readonly is: Test }
  | { readonly kind: "first" | "latest"; readonly in: Window };

/** One of several things that happen: a step of a sequence or of a funnel. */
export type StepWhich =
  | { readonly op: "event"; readonly names: readonly string[] | "*"; readonly where?: Where }
  | ({ readonly op: "item"; readonly where?: Where } & ItemWhich)
  | { readonly op: "order"; readonly where?: Where }
  | ({ readonly op: "campaign"; readonly where?: Where } & CampaignWhich);

/** Log order; the first step is never an absence. */
export interface SequenceRule {
  readonly op: "sequence";
  readonly steps: readonly SequenceStep[];
  /** In it lies the time at which the last step was complete. */
  readonly window?: Window;
}

export type SequenceStep =
  | { readonly kind: "occurs"; readonly which: StepWhich; readonly withinMs?: number }
  | { readonly kind: "absent"; readonly which: StepWhich; readonly withinMs: number };

/** `step` is the name of a step of that funnel of the vocabulary. */
export interface FunnelRule {
  readonly op: "funnel";
  readonly id: string;
  readonly relation: "at" | "before" | "after";
  readonly step: string;
}

export type FavoriteMeasure = "views" | "time" | "purchases" | "revenue";

export interface FavoriteRule {
  readonly op: "favorite";
  readonly type: string;
  readonly ids: readonly string[];
  readonly by: FavoriteMeasure;
  readonly top: number;
  readonly window?: Window;
}

// ── what is ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What a `where` can read as one record of a member, each by its name. */
export type RecordKind =
  | "trait"
  | "identity"
  | "place"
  | "network"
  | "device"
  | "source"
  | "cart"
  | "engagement"
  | "weather"
  | "clock";

export interface RecordRule {
  readonly op: RecordKind;
  readonly where: Where;
}

/** Values of a feed for the member's place. `weather` is the same of the kind "weather". */
export interface SituationRule {
  readonly op: "situation";
  readonly kind: string;
  readonly where: Where;
}

/** Of the objects of a type that a member owns now and that pass `where`: how many, or an aggregate. */
export interface ObjectRule {
  readonly op: "object";
  readonly type: string;
  readonly where?: Where;
  readonly measure: Exclude<Measure, { readonly in: Window }>;
}

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

/** The rules that a rule holds, on whichever side they are evaluated; none for all others. */
export function rulesInside(rule: Rule): readonly Rule[] {
  switch (rule.op) {
    case "all":
    case "any":
    case "none":
      return rule.rules;
    case "not":
    case "account":
    case "users":
      return [rule.rule];
    default:
      return [];
  }
}

/** For readers of a rule that do not know this one. */
export function unknownRule(rule: Rule): never {
  throw new Error(`the rule ${rule.op} is not known here`);
}
