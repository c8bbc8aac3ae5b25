// Things that a member owns many of (leases): what `Object Set` and `Object Removed` do to them, and the rule `object`,
// which counts or aggregates those that pass a `where`. Kept for everybody, so no rule on it asks anything of history.
import type { UserEvent } from "../../events.ts";
import type { ObjectRule, Test } from "../../rules/ast.ts";
import { measureSentence } from "../../rules/words/sentence.ts";
import type { Json, JsonObject, Limits, RejectReason } from "../../types.ts";
import { averagePasses, numberPasses } from "../indexes/numeric-index.ts";
import type { Reading, ReadScope } from "../readings.ts";
import { amountOf, amountTest, scalarsAt, whereFlips, whereHolds, whereMovesByTime } from "../values.ts";

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

// ── the rule ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** NaN is missing. Of an average, the sum; `count` is by what it would be divided. */
interface Measured {
  readonly value: number;
  readonly count: number;
}

export function objectReading(rule: ObjectRule): Reading {
  const { type, where, measure } = rule;
  const isAmount = measure.kind === "sum" || measure.kind === "avg";
  const test = isAmount ? amountTest(measure.is) : measure.is;
  const movesByTime = where !== undefined && whereMovesByTime(where);
  return {
    key: `object ${JSON.stringify({ type, where, measure })}`,
    topics: [topicOfObjects(type)],
    keep: undefined,
    movesByTime,
    holds: (actor, scope) => passes(rule, test, measured(rule, passing(rule, actor.objects, scope))),
    ofNobody: passes(rule, test, measured(rule, [])),
    flips: (actor, scope) => {
      let next = Number.POSITIVE_INFINITY;
      if (!movesByTime) return next;
      const ofType = actor.objects[type];
      for (const id in ofType) next = Math.min(next, whereFlips(ofType[id]!, where, scope));
      return next;
    },
    actual: (actor, scope) => shown(rule, measured(rule, passing(rule, actor.objects, scope))),
    expected: measureSentence(measure) || "at least one",
  };
}

function passing({ type, where }: ObjectRule, objects: Objects, scope: ReadScope): JsonObject[] {
  const found: JsonObject[] = [];
  const ofType = objects[type];
  for (const id in ofType) {
    const record = ofType[id]!;
    if (where === undefined || whereHolds(record, where, scope)) found.push(record);
  }
  return found;
}

function measured({ measure }: ObjectRule, records: readonly JsonObject[]): Measured {
  if (!("of" in measure)) return { value: records.length, count: records.length };
  const scalars = records.flatMap((record) => scalarsAt(record, measure.of));
  if (measure.kind === "distinct") return { value: new Set(scalars).size, count: scalars.length };
  const numbers = scalars.filter((value) => typeof value === "number");
  switch (measure.kind) {
    case "min":
    case "max": {
      const extreme = measure.kind === "min" ? Math.min : Math.max;
      const value = numbers.length === 0 ? Number.NaN : numbers.reduce((a, b) => extreme(a, b));
      return { value, count: numbers.length };
    }
    default: {
      const amounts = numbers.map(amountOf).filter((amount) => !Number.isNaN(amount));
      const sum = amounts.reduce((a, b) => a + b, 0);
      return { value: measure.kind === "avg" && amounts.length === 0 ? Number.NaN : sum, count: amounts.length };
    }
  }
}

function passes({ measure }: ObjectRule, test: Test, { value, count }: Measured): boolean {
  return measure.kind === "avg" ? averagePasses(value, count, test) : numberPasses(value, test);
}

function shown({ measure }: ObjectRule, { value, count }: Measured): Json {
  if (Number.isNaN(value)) return "none";
  if (measure.kind === "sum") return value / 10_000;
  return measure.kind === "avg" ? value / count / 10_000 : value;
}
