// What ties users and accounts together: of a user the account that he is in, of an account its users as numbers, and of
// a partition where the users are that it has of one account. Nobody holds a list of an account's users: a hundred
// thousand of them take no more room in one place than a few thousand buckets.
import { hashOf } from "../../ids.ts";
import type { FlagId } from "../../links.ts";
import type { MemberId, Millis, PartitionNo, Seq } from "../../types.ts";
import { mix } from "../pages/hashing.ts";

/** The account that a user is in. */
export interface Belonging {
  readonly id: MemberId;
  /** Its partition. */
  readonly home: PartitionNo;
  /** Log position of the message by which he joined it: an answer to an earlier join of the same account is none to this. */
  readonly seq: Seq;
  /** The clock then. */
  readonly since: Millis;
  /** Flags of the account that hold; undefined until its answer is there. */
  on: Set<FlagId> | undefined;
}

/** The users of an account. */
export interface People {
  /** How many each partition has; one that has none is not named. */
  readonly crowd: Map<PartitionNo, number>;
  /** Of all of them, for how many a flag holds; one that holds for none is not named. */
  readonly holds: Map<FlagId, number>;
  users: number;
}

/** Of the users that a partition has of one account: how many have their hash in which bucket. */
export type Crowd = Map<number, number>;

export const CROWD_BUCKETS = 4_096;

export function newPeople(): People {
  return { crowd: new Map(), holds: new Map(), users: 0 };
}

export function bucketOf(user: MemberId): number {
  return mix(hashOf(user)) & (CROWD_BUCKETS - 1);
}

/** Adds to a number that is kept only where it is not 0. Gives what it is now. */
export function addTo<K>(counts: Map<K, number>, key: K, by: number): number {
  const after = (counts.get(key) ?? 0) + by;
  if (after === 0) counts.delete(key);
  else counts.set(key, after);
  return after;
}

/** What stands among memberships for a flag: no id of a segment begins so. */
export function hiddenId(flag: FlagId): string {
  return `?${flag}`;
}

/** The flag of a hidden membership; undefined for a segment's. */
export function flagOf(membership: string): FlagId | undefined {
  return membership.startsWith("?") ? membership.slice(1) : undefined;
}

/** The control revision that first asked a flag. */
export function revisionOf(flag: FlagId): number {
  return Number(flag.slice(0, flag.indexOf(".")));
}

interface Member {
  readonly memberships: ReadonlyMap<string, { readonly in: boolean }>;
}

/** Of the flags that are evaluated for this kind of member, those that hold; in order. */
export function flagsOn({ memberships }: Member, lit: Iterable<FlagId>): FlagId[] {
  const on: FlagId[] = [];
  for (const flag of lit) if (memberships.get(hiddenId(flag))?.in === true) on.push(flag);
  return on.sort();
}
