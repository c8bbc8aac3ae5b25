// What was refused, as people look at it, and what became of it: read back from the stream REJECTS, and published again once the
// cause is gone. Answered by lib/nats/reject-log.ts; asked by lib/api/operations/rejects.ts. Who writes there is rejects.ts.
import type { Trace } from "../core/trace.ts";
import type { MemberId, Millis, PartitionNo, Seq } from "../core/types.ts";
import type { Taken } from "./intake.ts";
import type { Published } from "./publishing.ts";

export interface StoredReject {
  /** In the stream REJECTS. */
  readonly seq: Seq;
  /** When it was told. */
  readonly at: Millis;
  readonly reason: string;
  readonly detail: string;
  /** In whose log it stands, where, and since when; null where that is not said. */
  readonly partition: PartitionNo | null;
  readonly logSeq: Seq | null;
  readonly stamp: string | null;
  readonly body: Uint8Array;
  /** Of the original; more than the body has, when that did not fit. */
  readonly bytes: number;
  readonly trace?: Trace;
}

export interface RejectFilter {
  readonly reason?: string;
  readonly partition?: PartitionNo;
  /** Told at this moment or later; before this one. */
  readonly since?: Millis;
  readonly until?: Millis;
}

export interface RejectPage {
  /** Newest first. There may be fewer than asked for, and still more to come: a search looks at so many at a time. */
  readonly items: readonly StoredReject[];
  /** Where the next page ends, exclusive; null: nothing is older. */
  readonly before: Seq | null;
}

/** Written before it is published again, and after: so it is, once. */
export type ReplayMark =
  | { readonly state: "sending" | "failed" }
  | { readonly state: "sent"; readonly partition: PartitionNo; readonly seq: Seq };

export interface KnownMark {
  readonly mark: ReplayMark;
  readonly revision: Seq;
  readonly at: Millis;
}

export interface Replayed {
  /** Of the reject: the server stores what bears it once within its window. */
  readonly seq: Seq;
  readonly kind: "event" | "account";
  readonly id: MemberId;
  readonly body: Uint8Array;
  readonly trace?: Trace;
}

export interface RejectLog {
  page(filter: RejectFilter, limit: number, before?: Seq): Promise<RejectPage>;
  get(seq: Seq): Promise<StoredReject | undefined>;
  mark(seq: Seq): Promise<KnownMark | undefined>;
  /** `expected` 0: there is none yet. */
  putMark(seq: Seq, mark: ReplayMark, expected: Seq): Promise<Published>;
  publishAgain(replayed: Replayed): Promise<Taken>;
}
