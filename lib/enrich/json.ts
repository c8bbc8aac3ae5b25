// Reading plain JSON that may be anything: what is of the wanted type, else nothing.
// Shared by the files of this folder, which must take whatever a channel sends.
import type { Json, JsonObject } from "../core/types.ts";

/** An object that is still being put together. What is undefined is not there, as JSON has it. */
export interface Draft {
  [field: string]: Json | undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectOf(value: Json | undefined): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

/** A text that says something. */
export function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

/** The fields of which something is known. */
export function known(fields: Readonly<Draft>): JsonObject {
  const found: Record<string, Json> = {};
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}
