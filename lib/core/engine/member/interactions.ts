// What an event says of items of the catalogue and of campaigns, by the vocabulary: the interactions in it with the
// attributes the items had then, and whether a rule or a step is about them. Items, favourites and steps build on it.
import type { UserEvent } from "../../events.ts";
import type { Catalogue } from "../../feeds.ts";
import type { CampaignWhich, ItemWhich, Where } from "../../rules/ast.ts";
import type { Json, JsonObject, Millis } from "../../types.ts";
import type { ItemEvent, ItemVocabulary, Vocabulary } from "../../vocabulary.ts";
import { type TestContext, whereHolds } from "../values.ts";

export const VIEWED = "viewed";

/** Somebody did something with one item. */
export interface Interaction {
  readonly action: string;
  /** The item's own type. */
  readonly type: string;
  readonly id: string;
  /** As a where reads it: its attributes then, `id`, `price`, `quantity`, `value`, and of views `time`. */
  readonly record: JsonObject;
  /** What it counts for, by catalog type: `a/b` for `a` and for `a/b`. Types of which it has no value are not there. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
  /** A view whose time the event does not say: it is 0 until the member's next visit event. */
  readonly waits: boolean;
}

/** A text, or a number as its decimal text; undefined for anything else, and for the empty text. */
export function nameOf(value: Json | undefined): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What an interaction is read by besides the event. */
export interface ItemScope {
  readonly types: ItemVocabulary["types"];
  /** Prices in another one are missing. */
  readonly currency: string;
}

/** The interactions of an event, in the order in which it names them. */
export function interactionsOf(
  event: UserEvent,
  { items, currency }: Pick<Vocabulary, "items" | "currency">,
  catalogue: Catalogue,
): readonly Interaction[] {
  const { events, types } = items;
  if (!Object.hasOwn(events, event.name)) return [];
  return interactionsBy(event, events[event.name]!, { types, currency }, catalogue);
}

/** The same for whoever knows already what the vocabulary says of that event. */
export function interactionsBy(
  event: UserEvent,
  { action, of }: ItemEvent,
  scope: ItemScope,
  catalogue: Catalogue,
): readonly Interaction[] {
  const { properties } = event;
  const made = (type: string, name: Json | undefined, given: JsonObject): Interaction[] => {
    const id = nameOf(name);
    return id === undefined ? [] : [interaction({ action, of, type, id, given, properties }, scope, catalogue)];
  };
  switch (of) {
    case "product":
      return made("product", properties.product_id, properties);
    case "products": {
      const products = Array.isArray(properties.products) ? (properties.products as readonly Json[]) : [];
      return products.filter(isObject).flatMap((product) => made("product", product.product_id, product));
    }
    case "category":
      return typeof properties.category === "string" ? made("category", properties.category, properties) : [];
    case "item": {
      const { type } = properties;
      return typeof type === "string" && scope.types.includes(type) ? made(type, properties.id, properties) : [];
    }
  }
}

/** What an event says of one item. */
interface Said {
  readonly action: string;
  readonly of: ItemEvent["of"];
  readonly type: string;
  readonly id: string;
  /** What the item's attributes are read from. */
  readonly given: JsonObject;
  readonly properties: JsonObject;
}

function interaction(said: Said, scope: ItemScope, catalogue: Catalogue): Interaction {
  const { action, of, type, id, given, properties } = said;
  const known = catalogue.attributesOf(id);
  const { price, quantity, value: _value, time: _time, ...attributes } = { ...known, ...given };
  const pieces = typeof quantity === "number" ? quantity : 1;
  const currency = given.currency ?? properties.currency ?? known?.currency ?? scope.currency;
  const isPriced = typeof price === "number" && currency === scope.currency;
  const viewMs = action === VIEWED ? viewTimeIn(properties) : undefined;
  const record: JsonObject = {
    ...attributes,
    id,
    quantity: pieces,
    ...(isPriced ? { price, value: price * pieces } : {}),
    ...(action === VIEWED ? { time: viewMs ?? 0 } : {}),
  };
  // A list is of its category alone: it says nothing of other types.
  const values = valuesOf(type, id, attributes, of === "category" ? [] : scope.types);
  return { action, type, id, record, values, waits: action === VIEWED && viewMs === undefined };
}

function viewTimeIn({ seconds }: JsonObject): Millis | undefined {
  return typeof seconds === "number" && seconds >= 0 ? seconds * 1_000 : undefined;
}

function valuesOf(type: string, id: string, attributes: JsonObject, types: readonly string[]): Interaction["values"] {
  const values = new Map<string, Set<string>>([[type, new Set(withAncestors(id))]]);
  for (const other of types) {
    if (other === type || !Object.hasOwn(attributes, other)) continue;
    const names = namesIn(attributes[other]!);
    if (names.length > 0) values.set(other, new Set(names.flatMap(withAncestors)));
  }
  return values;
}

function namesIn(value: Json): string[] {
  return (Array.isArray(value) ? (value as readonly Json[]) : [value]).flatMap((one) => nameOf(one) ?? []);
}

/** `a/b/c` is a, a/b and a/b/c. */
function withAncestors(value: string): string[] {
  const found: string[] = [];
  for (let at = value.indexOf("/"); at >= 0; at = value.indexOf("/", at + 1))
    if (at > 0) found.push(value.slice(0, at));
  return [...found, value];
}

/** Whether an item rule or step is about this interaction. The where reads `time` as it stands in the record. */
export function interactionMatches(
  which: ItemWhich,
  where: Where | undefined,
  { action, values, record }: Interaction,
  context: TestContext,
): boolean {
  if (action !== which.action) return false;
  const held = values.get(which.type);
  if (held === undefined) return false;
  if (which.ids !== undefined && !which.ids.some((id) => held.has(id))) return false;
  return where === undefined || whereHolds(record, where, context);
}

/** Whether a campaign rule or step is about this event; its where is the caller's. */
export function campaignMatches(
  which: CampaignWhich,
  event: UserEvent,
  { campaigns }: Pick<Vocabulary, "campaigns">,
): boolean {
  if (!Object.hasOwn(campaigns, event.name) || campaigns[event.name] !== which.outcome) return false;
  const { campaign_id, experience_id } = event.properties;
  if (which.id !== undefined && nameOf(campaign_id) !== which.id) return false;
  return which.experience === undefined || nameOf(experience_id) === which.experience;
}
