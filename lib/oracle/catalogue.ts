// Items as they are known at a place of the log: each `items` entry makes a new catalogue, the old one stays as it was.
// control.ts folds the entries; an event keeps the catalogue of its own place.
import type { ControlEntry } from "../core/control.ts";
import type { Catalogue } from "../core/feeds.ts";
import type { JsonObject } from "../core/types.ts";

type ItemsEntry = Extract<ControlEntry, { op: "items" }>;

export class KnownItems implements Catalogue {
  readonly #items: ReadonlyMap<string, JsonObject>;

  constructor(items: ReadonlyMap<string, JsonObject> = new Map()) {
    this.#items = items;
  }

  attributesOf(id: string): JsonObject | undefined {
    return this.#items.get(id);
  }

  /** `merge` changes the attributes that are named, and null takes one away; `replace` leaves no other. */
  after({ mode, items }: ItemsEntry): KnownItems {
    const known = new Map(this.#items);
    for (const { id, attributes } of items) {
      if (mode === "remove") known.delete(id);
      else known.set(id, withoutNull(mode === "merge" ? { ...known.get(id), ...attributes } : attributes));
    }
    return new KnownItems(known);
  }
}

function withoutNull(attributes: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));
}
