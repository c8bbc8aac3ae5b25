// By which names a member is known: what each message carries is added, by type, in the order of first coming. Kept for
// everybody, so that no rule on it asks anything of history.
import type { UserEvent } from "../../events.ts";
import type { Json } from "../../types.ts";

export type Identities = Readonly<Record<string, readonly string[]>>;

/** Ids of one type that are kept: the first to come. */
const IDS_MAX = 100;

/** Touched when a stranger becomes somebody. */
export const ANONYMOUS_TOPIC = "anonymous";

/** What is known after a message: the very same object when it says nothing new. */
export function identitiesAfter(held: Identities, event: UserEvent): Identities {
  let after = held;
  const learn = (type: string, id: string): void => {
    const ids = after[type];
    if (ids !== undefined && (ids.length >= IDS_MAX || ids.includes(id))) return;
    if (after === held) after = Object.assign(Object.create(null) as Record<string, readonly string[]>, held);
    (after as Record<string, readonly string[]>)[type] = ids === undefined ? [id] : [...ids, id];
  };
  if (!event.isAnonymous) learn("user", event.userId);
  if (event.anonymousId !== undefined) learn("anonymous", event.anonymousId);
  if (event.type === "identify") {
    for (const type of ["email", "phone"]) {
      const id = Object.hasOwn(event.traits, type) ? event.traits[type] : undefined;
      if (isText(id)) learn(type, id);
    }
  }
  for (const { type, id } of externalIds(event)) learn(type, id);
  return after;
}

function externalIds({ context }: UserEvent): { readonly type: string; readonly id: string }[] {
  const written = Object.hasOwn(context, "externalIds") ? context.externalIds : undefined;
  if (!Array.isArray(written)) return [];
  return written.flatMap((entry: Json) => {
    if (typeof entry !== "object" || entry === null || !("type" in entry && "id" in entry)) return [];
    const { type, id } = entry;
    const text = typeof id === "number" ? String(id) : id;
    return isText(type) && isText(text) ? [{ type, id: text }] : [];
  });
}

function isText(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "";
}

/** Known by nothing but ids that a channel made up. */
export function isStranger(identities: Identities): boolean {
  for (const type in identities) if (type !== "anonymous") return false;
  return true;
}
