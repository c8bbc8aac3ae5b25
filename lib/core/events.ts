// What a channel's message means once it is decoded. decode.ts makes it from bytes.
import type { JsonObject, MemberId, Millis } from "./types.ts";

export interface UserEvent {
  readonly type: "track" | "identify" | "page" | "screen" | "group";
  /** Event name for rules: the track's name, "Page Viewed" for page, "Screen Viewed" for screen, "" for identify and group. */
  readonly name: string;
  /** `userId`, else `anonymousId`. */
  readonly userId: MemberId;
  /** The message's `anonymousId`, also beside a `userId`; undefined when it has none. */
  readonly anonymousId: string | undefined;
  /** True when the message has no `userId`: the member's id is its `anonymousId`. */
  readonly isAnonymous: boolean;
  /** Event time, before it is cut to the clock; undefined when the message has none. */
  readonly timestamp: Millis | undefined;
  readonly channel: string | undefined;
  readonly messageId: string | undefined;
  readonly properties: JsonObject;
  readonly context: JsonObject;
  /** Of identify: the traits to write, of group: those of the account; null removes. Empty for the others. */
  readonly traits: JsonObject;
  /** Of group: the account that the member is in from now on; null is none. Absent for the others. */
  readonly groupId?: MemberId | null;
}

/** About an account, by no user: its traits, or an event of its own. */
export interface AccountEvent {
  readonly type: "group" | "track";
  readonly accountId: MemberId;
  /** As rules name it; "" for group. */
  readonly name: string;
  /** Event time, before it is cut to the clock; undefined when the message has none. */
  readonly timestamp: Millis | undefined;
  readonly channel: string | undefined;
  readonly messageId: string | undefined;
  readonly properties: JsonObject;
  readonly context: JsonObject;
  /** Of group: the traits to write; null removes. Empty for track. */
  readonly traits: JsonObject;
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: import("./types.ts").RejectReason; readonly detail: string };
