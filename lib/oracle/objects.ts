// Things that a member owns many of: what `Object Set` and `Object Removed`, read in log order, leave behind.
// history.ts asks which of these messages cannot stand; evaluate.ts reads the objects of one type.
import type { UserEvent } from "../core/events.ts";
import type { Json, Limits } from "../core/types.ts";
import type { Message } from "./history.ts";
import { idText, type Refusal } from "./shop.ts";

interface Named {
  readonly type: string;
  readonly id: string;
}

/** Why a message about an object cannot stand; undefined when it can, or is about none. */
export function refuseObject(event: UserEvent, before: readonly Message[], limits: Limits): Refusal | undefined {
  if (!isAboutObject(event)) return undefined;
  const named = nameOf(event);
  if (named === undefined) {
    return { reason: "bad-field", detail: `${event.name} lacks type or id in its properties; send both as text` };
  }
  if (event.name === "Object Removed") return undefined;
  const owned = ownedOf(before, named.type);
  if (owned.has(named.id) || owned.size < limits.objectsMax) return undefined;
  const detail = `the user would have more than ${limits.objectsMax} objects of the type ${JSON.stringify(named.type)}`;
  return { reason: "limit", detail };
}

function isAboutObject(event: UserEvent): boolean {
  return event.type === "track" && (event.name === "Object Set" || event.name === "Object Removed");
}

function nameOf({ properties }: UserEvent): Named | undefined {
  const type = idText(properties.type);
  const id = idText(properties.id);
  return type === undefined || id === undefined ? undefined : { type, id };
}

/** What an `object` rule reads of each object that the member owns now: its attributes, its type and its id. */
export function objectsOf(messages: readonly Message[], type: string): Record<string, unknown>[] {
  return [...ownedOf(messages, type)].map(([id, attributes]) => ({ ...attributes, type, id }));
}

type Attributes = Readonly<Record<string, Json>>;

function ownedOf(messages: readonly Message[], type: string): Map<string, Attributes> {
  const owned = new Map<string, Attributes>();
  for (const { event } of messages) {
    const named = isAboutObject(event) ? nameOf(event) : undefined;
    if (named === undefined || named.type !== type) continue;
    if (event.name === "Object Removed") owned.delete(named.id);
    else owned.set(named.id, withAttributes(owned.get(named.id) ?? {}, event));
  }
  return owned;
}

/** Attributes given overwrite, null removes one. */
function withAttributes(held: Attributes, { properties }: UserEvent): Attributes {
  const all = Object.entries({ ...held, ...properties });
  return Object.fromEntries(all.filter(([name, value]) => name !== "type" && name !== "id" && value !== null));
}
