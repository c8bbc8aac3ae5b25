// The nouns that everything else is built from: times, positions, JSON values, what a log holds and what it says.
// Knows nobody but trace.ts; every other file of lib/core may import it.
import type { Trace } from "./trace.ts";

/** Milliseconds since 1970-01-01 UTC. Branding is by name only: arithmetic on times is too common to wrap. */
export type Millis = number;
/** A JetStream sequence: 1, 2, 3 …; 0 means "before the first". */
export type Seq = number;
/** A partition's number, 0 … partitions − 1. */
export type PartitionNo = number;
export type SegmentId = string;
export type MemberId = string;
export type MemberKind = "user" | "account";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** What a message of a partition's log is about: the last token of its subject `log.<p>.<kind>`. */
export type LogKind = "event" | "account" | "control" | "clock" | "ready" | "link";

/** One message of a partition's log. `stamp` is the time the stream stamped on it. */
export interface LogRecord {
  readonly seq: Seq;
  readonly stamp: Millis;
  readonly kind: LogKind;
  readonly body: Uint8Array;
  /** Of whoever sent it: goes on with what the message causes, and decides nothing. */
  readonly trace?: Trace;
}

/** Why a membership changed. */
export type CauseType = "event" | "time" | "definition" | "list" | "feed" | "erasure";

export interface Cause {
  readonly type: CauseType;
  /** Sequence of the log message in whose step this happened. */
  readonly seq: Seq;
  readonly messageId?: string;
  /** True when the event was older than the member's newest one. Only with type "event". */
  readonly late?: boolean;
}

/** One change of one member's membership in one segment; `n` numbers them 1, 2, 3 … per (segment, kind, id). */
export interface Delta {
  readonly segment: SegmentId;
  readonly version: number;
  readonly kind: MemberKind;
  readonly id: MemberId;
  readonly change: "joined" | "left";
  readonly n: number;
  readonly at: Millis;
  readonly cause: Cause;
}

/** A log message that was refused; it is told to the rejects stream with its original bytes. */
export interface Reject {
  readonly seq: Seq;
  readonly stamp: Millis;
  /** A short token such as `not-json`, used as subject token and metric label. */
  readonly reason: RejectReason;
  /** One sentence that names the place and the remedy. */
  readonly detail: string;
  readonly body: Uint8Array;
  /** The message's own. */
  readonly trace?: Trace;
}

export type RejectReason =
  | "not-json"
  | "not-an-object"
  | "no-type"
  | "unsupported-type"
  | "no-event-name"
  | "no-user-id"
  | "no-group-id"
  | "bad-id"
  | "wrong-partition"
  | "bad-timestamp"
  | "too-large"
  | "too-deep"
  | "forbidden-key"
  | "not-finite"
  | "bad-field"
  | "clock-step"
  | "unknown-order"
  | "limit"
  | "bad-control"
  | "bad-link"
  | "bad-clock";

/** Limits on input and state; all of them are options in config/. */
export interface Limits {
  readonly eventBytesMax: number;
  readonly jsonDepthMax: number;
  readonly idBytesMax: number;
  readonly traitsMax: number;
  readonly cartLinesMax: number;
  readonly ordersChangeableMax: number;
  readonly visitsChangeableMax: number;
  readonly distinctValuesMax: number;
  /** Objects of one type that a member owns. */
  readonly objectsMax: number;
  /** Items of one catalog type that a member has to do with, for favourites. */
  readonly itemsMax: number;
  readonly sequenceStepsMax: number;
  readonly ruleNodesMax: number;
  readonly ruleDepthMax: number;
  readonly nestingMax: number;
  readonly windowMsMax: number;
  readonly listValuesMax: number;
  readonly nameLengthMax: number;
  readonly textLengthMax: number;
}

const DAY_MS = 86_400_000;

export const DEFAULT_LIMITS: Limits = {
  eventBytesMax: 32 * 1024,
  jsonDepthMax: 32,
  idBytesMax: 256,
  traitsMax: 1_000,
  cartLinesMax: 500,
  ordersChangeableMax: 1_000,
  visitsChangeableMax: 1_000,
  distinctValuesMax: 10_000,
  objectsMax: 1_000,
  itemsMax: 10_000,
  sequenceStepsMax: 10,
  ruleNodesMax: 256,
  ruleDepthMax: 16,
  nestingMax: 8,
  windowMsMax: 1_096 * DAY_MS,
  listValuesMax: 10_000,
  nameLengthMax: 200,
  textLengthMax: 1_000,
};
