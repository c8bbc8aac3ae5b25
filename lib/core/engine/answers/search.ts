// Whom a text finds: by the beginning of an id, of an identity, of a trait's value or of a word in it; letters count as the
// same whether they are small or capital. Nothing is kept for it: each member is looked at, a page at a time.
//
// Who may not see a value may not find it out by asking for its beginning. So what they may not see is passed over here already:
// if it was found first and left out later, where the walk stopped would still tell that it is there.
import { speaks } from "../../ids.ts";
import type { SearchAsked, SearchHit } from "../../partition.ts";
import type { Json } from "../../types.ts";
import type { Actor } from "../member/actor.ts";

export type Seeker = (actor: Actor) => Pick<SearchHit, "field" | "value"> | undefined;

export function seekerFor({ text, field, masked = false }: SearchAsked): Seeker {
  const sought = folded(text);
  const begins = (value: string): boolean => folded(value).startsWith(sought);
  return ({ id, identities, traits }) => {
    const isLookedAt = (field === undefined || field === "id") && !(masked && speaks(id));
    if (isLookedAt && begins(id)) return { field: "id", value: id };
    if (masked) return undefined;
    for (const [type, all] of Object.entries(identities)) {
      if (field !== undefined && field !== type) continue;
      const value = all.find(begins);
      if (value !== undefined) return { field: type, value };
    }
    for (const [name, held] of Object.entries(traits)) {
      if (field !== undefined && field !== name) continue;
      const value = textOf(held);
      if (value !== undefined && wordsOf(value).some(begins)) return { field: name, value: shortened(value) };
    }
    return undefined;
  };
}

/** A description may be long, and an answer is one message. */
const VALUE_LENGTH_MAX = 200;

function shortened(value: string): string {
  return value.length <= VALUE_LENGTH_MAX ? value : `${value.slice(0, VALUE_LENGTH_MAX)}…`;
}

/** As it is compared: full-width letters and ligatures are those that they stand for. */
export function folded(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

function textOf(value: Json): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** The whole value, and from each further word on. */
function wordsOf(value: string): string[] {
  const starts = [0, ...Array.from(value.matchAll(/\s+(?=\S)/gu), ({ index, 0: blank }) => index + blank.length)];
  return starts.map((start) => value.slice(start));
}
