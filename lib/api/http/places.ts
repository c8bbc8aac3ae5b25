// Where something that was just made is found, as the header `location` says it. For routes that make segments and lists.
import { HttpError } from "./http-error.ts";

/** Asked before anything is written: half a character, as JSON can write it, stands in no address, so nobody could ask for it. */
export function placeOf(collection: "segments" | "lists", id: string): string {
  if (!/\p{Surrogate}/u.test(id)) return `/v1/${collection}/${encodeURIComponent(id)}`;
  const message = "holds half a character (a lone surrogate); an id is text that can stand in an address";
  throw new HttpError(422, "bad-id", `body.id ${message}.`, [{ path: "body.id", message }]);
}
