// Interactions with items of the catalogue, and outcomes of campaigns: which events are some, the vocabulary says (rules.md 4.6).
// meaning.ts reads every event of a member through it; evaluate.ts counts what comes out.
import type { CampaignWhich, ItemWhich } from "../core/rules/ast.ts";
import type { JsonObject } from "../core/types.ts";
import type { ItemEvent, Vocabulary } from "../core/vocabulary.ts";
import type { Occurrence } from "./history.ts";
import { isRecord } from "./values.ts";

/** One interaction of one event with one item. */
export interface Interaction {
  readonly occurrence: Occurrence;
  readonly action: string;
  /** By type: the values that it counts for, `a` and `a/b` for `a/b`. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
  /** What a `where` reads, but for `time`. */
  readonly record: Readonly<Record<string, unknown>>;
}

interface Item {
  readonly type: string;
  readonly id: string;
  readonly written: JsonObject;
  /** Interactions with a category alone say nothing of other types. */
  readonly isAlone: boolean;
}

const VIEWED = "viewed";

export function interactionsOf(occurrence: Occurrence, vocabulary: Vocabulary): Interaction[] {
  const { event, catalogue } = occurrence;
  const { events, types } = vocabulary.items;
  const meant = Object.hasOwn(events, event.name) ? events[event.name] : undefined;
  if (meant === undefined) return [];
  return itemsIn(event.properties, meant, types).map((item) => {
    const known = catalogue.attributesOf(item.id) ?? {};
    const attributes = { ...known, ...item.written };
    const currency = item.written.currency ?? event.properties.currency ?? known.currency;
    const isOurs = currency === undefined || currency === null || currency === vocabulary.currency;
    const record = recordOf(item.id, attributes, isOurs);
    return { occurrence, action: meant.action, values: valuesOf(item, attributes, types), record };
  });
}

function itemsIn(properties: JsonObject, { of }: ItemEvent, types: readonly string[]): Item[] {
  switch (of) {
    case "product":
      return productIn(properties);
    case "products":
      return Array.isArray(properties.products) ? properties.products.filter(isRecord).flatMap(productIn) : [];
    case "category": {
      const { category } = properties;
      if (typeof category !== "string" || category === "") return [];
      return [{ type: "category", id: category, written: properties, isAlone: true }];
    }
    case "item": {
      const { type } = properties;
      const id = idText(properties.id);
      if (typeof type !== "string" || !types.includes(type) || id === undefined) return [];
      return [{ type, id, written: properties, isAlone: false }];
    }
  }
}

function productIn(product: object): Item[] {
  const written = product as JsonObject;
  const id = idText(written.product_id);
  return id === undefined ? [] : [{ type: "product", id, written, isAlone: false }];
}

/** Attributes, and what we know of every interaction; a price in another currency is missing. */
function recordOf(id: string, attributes: JsonObject, isOurs: boolean): Record<string, unknown> {
  const price = isOurs ? numberOf(attributes.price) : undefined;
  const quantity = numberOf(attributes.quantity) ?? 1;
  const value = price === undefined ? undefined : numberOf(price * quantity);
  return { ...attributes, id, price, quantity, value, time: undefined };
}

function valuesOf(item: Item, attributes: JsonObject, types: readonly string[]): Map<string, Set<string>> {
  const values = new Map([[item.type, withParents([item.id])]]);
  if (item.isAlone) return values;
  for (const type of types) {
    if (type !== item.type && Object.hasOwn(attributes, type)) values.set(type, withParents(textsIn(attributes[type])));
  }
  return values;
}

function textsIn(value: unknown): string[] {
  const elements = Array.isArray(value) ? value : [value];
  return elements.map(idText).filter((text) => text !== undefined);
}

/** `a/b/c` counts for `a`, `a/b` and itself. */
function withParents(texts: readonly string[]): Set<string> {
  const all = new Set<string>();
  for (const text of texts) {
    for (let end = text.indexOf("/"); end !== -1; end = text.indexOf("/", end + 1)) {
      if (end > 0) all.add(text.slice(0, end));
    }
    all.add(text);
  }
  return all;
}

/** Whether an interaction is one that a rule or a step asks for: once, even if several ids match. */
export function isInteraction({ action, type, ids }: ItemWhich, interaction: Interaction): boolean {
  if (interaction.action !== action) return false;
  const values = interaction.values.get(type) ?? new Set();
  return ids === undefined ? values.size > 0 : ids.some((id) => values.has(id));
}

export function isView({ action }: Interaction): boolean {
  return action === VIEWED;
}

/** How long a view took if the event itself says so. */
export function saidMsOf({ occurrence }: Interaction): number | undefined {
  const { seconds } = occurrence.event.properties;
  return typeof seconds === "number" && seconds >= 0 ? seconds * 1_000 : undefined;
}

/** Whether an event is an outcome of a campaign that a rule or a step asks for. */
export function isOutcome(
  { outcome, id, experience }: CampaignWhich,
  { event }: Occurrence,
  vocabulary: Vocabulary,
): boolean {
  const { campaigns } = vocabulary;
  if (!Object.hasOwn(campaigns, event.name) || campaigns[event.name] !== outcome) return false;
  const { campaign_id, experience_id } = event.properties;
  if (id !== undefined && idText(campaign_id) !== id) return false;
  return experience === undefined || idText(experience_id) === experience;
}

/** Where an id stands, a number is read as its decimal text. */
function idText(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
