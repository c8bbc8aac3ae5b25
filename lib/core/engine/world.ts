// What a member is read against, and how a part of a message is refused: known to all who read or write one.
import type { Catalogue, Situations } from "../feeds.ts";
import type { Limits, Reject } from "../types.ts";
import type { Vocabulary } from "../vocabulary.ts";

/** What members are read against: it changes with the control log alone. */
export interface World {
  readonly limits: Limits;
  readonly vocabulary: Vocabulary;
  readonly catalogue: Catalogue;
  readonly situations: Situations;
}

/** Says that a part of a message is not taken. */
export type Refuse = (reject: Omit<Reject, "seq" | "stamp" | "body">) => void;
