// What partitions say to each other: about a user's account, and about an account to those who have its users. One
// message for each input and each target, a function of the sender's log alone, so that everybody who replays it says
// the same bytes. actors/partition/links.ts carries them; the receiver's log holds them.
import type { Json, JsonObject, MemberId, Millis, PartitionNo, Seq } from "./types.ts";

/** A rule that one side evaluates for the other (`account:`, `users:`): given by the control log, `<revision>.<number>`. */
export type FlagId = string;

/** What a user's event looks like to the account: the parts of an envelope that its rules read. */
export interface LinkedEvent {
  readonly type: "track" | "page" | "screen";
  /** As rules name it. */
  readonly name: string;
  readonly channel?: string;
  readonly messageId?: string;
  readonly properties: JsonObject;
  readonly context: JsonObject;
}

/** From the user's side to the account. */
export type UserItem =
  /** No longer its user; `on`: its user flags that held. */
  | { readonly op: "leave"; readonly account: MemberId; readonly user: MemberId; readonly on: readonly FlagId[] }
  /** A group call: traits of the account. `join`: the user was in another account, or in none; `seq` tells this join from later ones. */
  | {
      readonly op: "group";
      readonly account: MemberId;
      readonly user: MemberId;
      /** Event time. */
      readonly at: Millis;
      readonly traits: JsonObject;
      readonly messageId?: string;
      readonly join?: { readonly seq: Seq; readonly on: readonly FlagId[] };
    }
  | {
      readonly op: "event";
      readonly account: MemberId;
      readonly user: MemberId;
      readonly at: Millis;
      readonly event: LinkedEvent;
    }
  /** By how much more users of the sender's the flag holds, over the whole step. Never 0. */
  | { readonly op: "count"; readonly account: MemberId; readonly flag: FlagId; readonly by: number };

/** From the account's side to a partition that has users of it. */
export type AccountItem =
  | { readonly op: "flip"; readonly account: MemberId; readonly flag: FlagId; readonly on: boolean }
  /** To a user who joined: the flags that hold. `join` is the `seq` of that join. */
  | {
      readonly op: "answer";
      readonly account: MemberId;
      readonly user: MemberId;
      readonly join: Seq;
      readonly on: readonly FlagId[];
    };

export type LinkItem =
  | UserItem
  | AccountItem
  /** All flags of that pending revision are evaluated at the sender's, after as many rounds of hearing so from all. */
  | { readonly op: "lit"; readonly revision: number; readonly round: number }
  /**
   * To everybody, from where the user lived whom that revision forgets: all that this side had to say of him was said.
   * `heard`: the answer to it; all that the answering side had to say to him was said. Always a message of its own, for those
   * before it are deleted, and the last message of a link tells how far it has come.
   */
  | { readonly op: "erased"; readonly revision: number; readonly heard?: true };

/** The body (JSON) of `log.<q>.link.<p>`. */
export interface LinkBody {
  readonly from: PartitionNo;
  /** Numbers the messages from this sender to this receiver: 1, 2, 3 … */
  readonly n: number;
  readonly items: readonly LinkItem[];
}

/** One message on its way. */
export interface LinkMessage {
  readonly to: PartitionNo;
  readonly n: number;
  /** The input in whose step it was made. */
  readonly seq: Seq;
  readonly body: string;
  /** Some of it comes of time that had passed, and not of that input: the input's trace does not go on with it. */
  readonly isOfTime?: true;
}

/** What stands for all that an erased user did for an account: nobody's step makes a count of 0. */
export function touchOf(account: MemberId): LinkItem {
  return { op: "count", account, flag: "erased", by: 0 };
}

export function isTouch(item: LinkItem): item is Extract<UserItem, { op: "count" }> {
  return item.op === "count" && item.by === 0;
}

/** Items of one message: a step that has more to say to a partition says it in several. */
export const LINK_ITEMS_MAX = 1_000;

export function encodeLink(body: LinkBody): string {
  return JSON.stringify(body);
}

/** Undefined for anything but what encodeLink gave. */
export function decodeLink(body: unknown): LinkBody | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { from, n, items } = body as Partial<LinkBody>;
  const isWhole = isCount(from) && isCount(n) && n > 0 && Array.isArray(items) && items.every(isItem);
  return isWhole ? (body as LinkBody) : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isItem(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const item = value as Record<string, Json>;
  switch (item.op) {
    case "leave":
      return areTexts(item.account, item.user) && areFlags(item.on);
    case "group":
      return areTexts(item.account, item.user) && typeof item.at === "number" && isObject(item.traits);
    case "event":
      return areTexts(item.account, item.user) && typeof item.at === "number" && isObject(item.event);
    case "count":
      return areTexts(item.account, item.flag) && Number.isSafeInteger(item.by);
    case "flip":
      return areTexts(item.account, item.flag) && typeof item.on === "boolean";
    case "answer":
      return areTexts(item.account, item.user) && isCount(item.join) && areFlags(item.on);
    case "lit":
      return isCount(item.revision) && isCount(item.round);
    case "erased":
      return isCount(item.revision);
    default:
      return false;
  }
}

function areTexts(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === "string");
}

function areFlags(value: unknown): boolean {
  return Array.isArray(value) && areTexts(...value);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
