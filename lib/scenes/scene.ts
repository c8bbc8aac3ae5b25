// What a sample scene is to those who play it: an endless sequence of messages, each with the subject it goes to.
// lib/shop and lib/saas make them, publisher.ts lets them out.
import { encodeId } from "../core/ids.ts";
import type { JsonObject, MemberId, Millis } from "../core/types.ts";
import type { Random } from "./random.ts";

/** A message as a channel would send it. */
export interface Envelope extends JsonObject {
  readonly type: "track" | "identify" | "page" | "screen" | "group";
  readonly messageId: string;
  readonly timestamp: string;
  readonly channel: string;
}

export interface SceneEvent {
  /** `events.<token>`: what a person does. `accounts.<token>`: what is said of an account, by nobody in particular. */
  readonly subject: "events" | "accounts";
  readonly subjectToken: string;
  readonly event: Envelope;
}

export interface SceneOptions {
  /** Who the people are, and what they like. */
  readonly seed: number;
  /** Tells one run of the scene from another: part of message ids, order ids and of the seed of what happens. */
  readonly run: string;
  /** How many are there at any one time. */
  readonly online: number;
  /** Event times are read from here. */
  readonly now: () => Millis;
}

const LATE_MS_MAX = 20 * 60_000;

/** When something was done, as its channel tells it: a phone that was offline sends later what was done earlier. */
export function timestampOf(channel: string, now: Millis, random: Random): string {
  const lateMs = channel === "ios" && random.chance(0.01) ? random.between(60_000, LATE_MS_MAX) : 0;
  return new Date(now - lateMs).toISOString();
}

export function toEvents(id: MemberId, event: Envelope): SceneEvent {
  return { subject: "events", subjectToken: encodeId(id), event };
}

export function toAccounts(id: MemberId, event: Envelope): SceneEvent {
  return { subject: "accounts", subjectToken: encodeId(id), event };
}

/** FNV-1a over code points: a seed from words. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}
