// The cursor of a page: an opaque text, which is what the route needs to go on. A cursor of another route, or one that
// somebody made up, is refused like any other wrong field. Those of pages of people are sealed: lib/api/security/sealed-cursors.ts.
import type { Json } from "../../core/types.ts";
import { HttpError } from "./http-error.ts";

export function cursorOf(where: Json): string {
  return Buffer.from(JSON.stringify(where)).toString("base64url");
}

/** Undefined for the first page. `isOurs` tells whether it is one that the route gave. */
export function whereOf<T extends Json>(
  cursor: string | undefined,
  isOurs: (where: Json) => where is T,
): T | undefined {
  if (cursor === undefined) return undefined;
  const where = parsed(cursor);
  if (where !== undefined && isOurs(where)) return where;
  throw badCursor();
}

export function badCursor(): HttpError {
  return new HttpError(400, "bad-cursor", "query.cursor: it is the `next` of the page before, and nothing else.");
}

function parsed(cursor: string): Json | undefined {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString()) as Json;
  } catch {
    return undefined;
  }
}

export function isNumbers(where: Json, length: number): where is readonly number[] {
  return Array.isArray(where) && where.length === length && where.every((one) => Number.isFinite(one));
}

export function isPair(where: Json): where is readonly [number, number] {
  return isNumbers(where, 2);
}

export function isNumber(where: Json): where is number {
  return typeof where === "number" && Number.isFinite(where);
}

export function isText(where: Json): where is string {
  return typeof where === "string";
}
