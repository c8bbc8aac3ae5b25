// Whom a message names, whatever becomes of it: read more leniently than decode.ts does, for what is refused may name somebody, too.
// Used where somebody is erased: by actors/partition, by what sends rejects again, and by what is remembered of last events.
import { Refusal, readMessagePack, startsMap } from "./msgpack.ts";
import type { Json, JsonObject, MemberId, MemberKind } from "./types.ts";

/** Deeper than any body that means something, and not too deep for a recursion. */
const DEPTH_MAX = 500;

const utf8 = new TextDecoder();

/** The object that a body holds, JSON or MessagePack; undefined where it holds none. */
export function objectIn(body: Uint8Array): JsonObject | undefined {
  const read = startsMap(body[0] ?? 0) ? readPacked(body) : readJson(body);
  return typeof read === "object" && read !== null && !Array.isArray(read) ? (read as JsonObject) : undefined;
}

function readPacked(body: Uint8Array): Json | undefined {
  try {
    return readMessagePack(body, DEPTH_MAX);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function readJson(body: Uint8Array): Json | undefined {
  try {
    return JSON.parse(utf8.decode(body)) as Json;
  } catch {
    return undefined;
  }
}

/** The ids that a message's fields hold, and those of a link's items. Where an id stands, a number is read as its decimal text. */
export function idsNamed(body: Uint8Array, kind: MemberKind): MemberId[] {
  const message = objectIn(body);
  if (message === undefined) return [];
  const { userId, anonymousId, previousId, groupId, items } = message;
  const ofItems = itemsIn(items).map(({ user, account }) => (kind === "user" ? user : account));
  const fields = kind === "user" ? [userId, anonymousId, previousId, ...ofItems] : [groupId, ...ofItems];
  const ids = fields.map((field) => (typeof field === "number" ? String(field) : field));
  return ids.filter((id) => typeof id === "string" && !/\p{Surrogate}/u.test(id)) as MemberId[];
}

/** What a partition tells another of its users and their accounts. */
function itemsIn(items: Json | undefined): JsonObject[] {
  if (!Array.isArray(items)) return [];
  return items.filter((item: Json): item is JsonObject => typeof item === "object" && item !== null);
}
