// Things that a member owns many of (leases): what `Object Set` and `Object Removed` do to them, and the rule `object`,
// which counts or aggregates those that pass a `where`. Kept for everybody, so no rule on it asks anything of history.
import type { UserEvent } from "../../events.ts";
import type { Json, JsonObject, Limits, RejectReason } from "../../types.ts";

/** By type, then by id. */
export type Objects = Record<string, Record<string, JsonObject>>;

export interface ObjectEffect {
  readonly ok: true;
  readonly type: string;
  readonly id: string;
  /** Undefined: it is removed. */
  readonly record: JsonObject | undefined;
}

interface Refused {
  readonly ok: false;
  readonly reason: RejectReason;
  readonly detail: string;
}

export function topicOfObjects(type: string): string {
  return `object ${type}`;
}

/** What comes of an event, before anything is changed; undefined when it concerns no object. */
export function objectEffect(
  held: Objects | undefined,
  event: UserEvent,
  limits: Limits,
): ObjectEffect | Refused | undefined {
  if (event.type !== "track" || (event.name !== "Object Set" && event.name !== "Object Removed")) return undefined;
  const { type: writtenType, id: writtenId, ...attributes } = event.properties;
  const [type, id] = [nameOf(writtenType), nameOf(writtenId)];
  if (type === undefined || id === undefined) {
    const detail = `${event.name} names its object in properties.type and properties.id, both text; ${type === undefined ? "type" : "id"} is missing`;
    return { ok: false, reason: "bad-field", detail };
  }
  if (event.name === "Object Removed") return { ok: true, type, id, record: undefined };
  const known = held?.[type]?.[id];
  const count = known === undefined && held?.[type] !== undefined ? Object.keys(held[type]).length : 0;
  if (count >= limits.objectsMax) {
    const detail = `one more ${type} would be more than the ${limits.objectsMax} objects of a type that are kept (limits.objectsMax); remove one first`;
    return { ok: false, reason: "limit", detail };
  }
  return { ok: true, type, id, record: { ...withAttributes(known, attributes), type, id } };
}

/** Attributes that are given overwrite; null removes one. */
function withAttributes(known: JsonObject | undefined, given: JsonObject): JsonObject {
  const record: Record<string, Json> = { ...known };
  for (const [name, value] of Object.entries(given)) {
    if (value === null) delete record[name];
    else record[name] = value;
  }
  return record;
}

function nameOf(value: Json | undefined): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function applyObject(held: Objects, { type, id, record }: ObjectEffect): void {
  const ofType = held[type];
  if (record !== undefined) {
    if (ofType !== undefined) ofType[id] = record;
    else held[type] = Object.assign(Object.create(null) as Record<string, JsonObject>, { [id]: record });
  } else if (ofType !== undefined) {
    delete ofType[id];
    if (Object.keys(ofType).length === 0) delete held[type];
  }
}
