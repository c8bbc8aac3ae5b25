// What feeds bring: items of the catalogue and situations at places, checked, and written as control entries that fit into
// messages; what says nothing new is not written again. Used by the command line and by the HTTP interface.
import type { CatalogItem, ControlEntry, SituationPlace } from "../../core/control.ts";
import { FORBIDDEN_KEYS, isObject, shown } from "../../core/rules/parse/problems.ts";
import { canonical } from "../../core/rules/questions/texts.ts";
import type { JsonObject, Limits, Millis } from "../../core/types.ts";
import type { ControlLog } from "../../ports/control-log.ts";
import { appendEntry } from "../segments/apply.ts";
import type { Catalogue } from "../segments/catalogue.ts";

/** What is wrong with an item or a situation: a value, since feeds go on with the rest. */
export class BadFeed extends Error {
  override readonly name = "BadFeed";
}

// ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export type ItemsMode = Extract<ControlEntry, { op: "items" }>["mode"];

/** An item as feeds write it: its id, and everything else is an attribute. A number is an id as its decimal text. */
export function readItem(value: unknown, limits: Limits): CatalogItem {
  if (!isObject(value)) throw new BadFeed(`an item is an object such as {id: sku-1, price: 5}; found ${shown(value)}`);
  const { id: given, ...attributes } = value;
  const id = typeof given === "number" && Number.isFinite(given) ? String(given) : given;
  if (typeof id !== "string" || id === "" || !isWellFormed(id))
    throw new BadFeed(`an item has an id; found ${shown(given)}`);
  if (Buffer.byteLength(id) > limits.idBytesMax) {
    throw new BadFeed(
      `the id has ${Buffer.byteLength(id)} bytes; the limit is ${limits.idBytesMax} (limits.idBytesMax)`,
    );
  }
  assertPlain(attributes, limits, 1);
  return { id, attributes: attributes as JsonObject };
}

function assertPlain(value: unknown, limits: Limits, depth: number): void {
  if (depth > limits.jsonDepthMax)
    throw new BadFeed(`it is nested deeper than ${limits.jsonDepthMax} (limits.jsonDepthMax)`);
  if (typeof value === "number" && !Number.isFinite(value)) throw new BadFeed("a number is finite");
  if (Array.isArray(value)) for (const item of value) assertPlain(item, limits, depth + 1);
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (FORBIDDEN_KEYS.has(key)) throw new BadFeed(`the name ${key} is refused; choose another`);
      assertPlain(inner, limits, depth + 1);
    }
  }
}

/** Halves of an entry at most: a partition applies each in one breath. */
const ENTRY_BYTES_MAX = 512 * 1024;
/** {"op":"items","mode":"replace","items":[]} and what the log adds. */
const FRAME_BYTES = 128;

export interface ItemsTold {
  written: number;
  unchanged: number;
  entries: number;
}

/** Takes items one by one and writes them down many at a time; `end` writes the rest. */
export class ItemsWriter {
  readonly told: ItemsTold = { written: 0, unchanged: 0, entries: 0 };
  private readonly control: ControlLog;
  private readonly catalogue: Catalogue;
  private readonly mode: ItemsMode;
  private readonly bytesMax: number;
  private waiting = new Map<string, CatalogItem>();
  private bytes = 0;

  constructor(control: ControlLog, catalogue: Catalogue, mode: ItemsMode) {
    this.control = control;
    this.catalogue = catalogue;
    this.mode = mode;
    this.bytesMax = Math.min(control.entryBytesMax ?? ENTRY_BYTES_MAX, ENTRY_BYTES_MAX) - FRAME_BYTES;
  }

  /** Throws BadFeed when no entry is large enough for it; gives its size. */
  assertFits(item: CatalogItem): number {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (size <= this.bytesMax) return size;
    throw new BadFeed(
      `the item ${item.id} has ${size} bytes, and one entry takes ${this.bytesMax}; leave attributes out`,
    );
  }

  async add(item: CatalogItem): Promise<void> {
    const size = this.assertFits(item);
    // Twice in one entry would be one after the other; told apart, each is compared with what is known.
    if (this.bytes + size > this.bytesMax || this.waiting.has(item.id)) await this.end();
    this.waiting.set(item.id, item);
    this.bytes += size;
  }

  async end(): Promise<void> {
    const given = [...this.waiting.values()];
    this.waiting = new Map();
    this.bytes = 0;
    const { mode, catalogue } = this;
    let items = given.filter((item) => this.changes(item));
    const { length } = items;
    this.told.unchanged += given.length - length;
    if (length === 0) return;
    await appendEntry(this.control, catalogue, () => {
      items = items.filter((item) => this.changes(item));
      return items.length === 0 ? undefined : { op: "items", mode, items };
    });
    this.told.entries += 1;
    this.told.written += length;
  }

  private changes({ id, attributes }: CatalogItem): boolean {
    const known = this.catalogue.state.catalogue.attributesOf(id);
    if (this.mode === "remove") return known !== undefined;
    if (known === undefined) return true;
    const after = this.mode === "merge" ? { ...known, ...attributes } : attributes;
    return canonical(withoutNull(after)) !== canonical(known);
  }
}

function withoutNull(attributes: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));
}

// ── situations ──────────────────────────────────────────────────────────────────────────────────────────────────────

export type SituationEntry = Extract<ControlEntry, { op: "situation" }>;

/** A situation as feeds write it: kind, place, values (null clears), until (a date-time). */
export function readSituation(value: unknown, limits: Limits): SituationEntry {
  if (!isObject(value)) {
    throw new BadFeed(`a situation is an object {kind, place, values, until?}; found ${shown(value)}`);
  }
  const unknown = Object.keys(value).find((key) => !["kind", "place", "values", "until"].includes(key));
  if (unknown !== undefined)
    throw new BadFeed(`unknown key ${JSON.stringify(unknown)}; a situation has kind, place, values, until`);
  const kind = textOf(value.kind, "kind", limits);
  const place = placeOf(value.place, limits);
  const { values } = value;
  if (values !== null && !isObject(values)) {
    throw new BadFeed(`values is an object such as {condition: rain}, or null to clear them; found ${shown(values)}`);
  }
  assertPlain(values, limits, 1);
  const until = value.until === undefined ? undefined : untilOf(value.until);
  return {
    op: "situation",
    kind,
    place,
    values: values as JsonObject | null,
    ...(until === undefined || values === null ? {} : { until }),
  };
}

function textOf(value: unknown, name: string, limits: Limits): string {
  if (typeof value === "string" && value !== "" && value.length <= limits.nameLengthMax && isWellFormed(value))
    return value;
  throw new BadFeed(
    `${name} is text of 1 to ${limits.nameLengthMax} characters (limits.nameLengthMax); found ${shown(value)}`,
  );
}

/** An object, or country/region/city as one text. */
export function placeOf(value: unknown, limits: Limits): SituationPlace {
  const written = typeof value === "string" ? partsOf(value) : value;
  if (!isObject(written)) {
    throw new BadFeed(`place is {country, region?, city?} or a text such as DE/Bavaria/Munich; found ${shown(value)}`);
  }
  const unknown = Object.keys(written).find((key) => !["country", "region", "city"].includes(key));
  if (unknown !== undefined)
    throw new BadFeed(`unknown key ${JSON.stringify(unknown)}; a place has country, region, city`);
  const country = textOf(written.country, "country", limits);
  const region = written.region === undefined ? undefined : textOf(written.region, "region", limits);
  const city = written.city === undefined ? undefined : textOf(written.city, "city", limits);
  if (city !== undefined && region === undefined)
    throw new BadFeed(`the city ${city} needs its region: {country, region, city}`);
  return { country, ...(region === undefined ? {} : { region }), ...(city === undefined ? {} : { city }) };
}

function partsOf(text: string): Record<string, string> {
  const parts = text.split("/");
  if (parts.length > 3) throw new BadFeed(`a place is country/region/city; found ${JSON.stringify(text)}`);
  return Object.fromEntries(parts.map((part, index) => [["country", "region", "city"][index]!, part]));
}

/** A date-time with its offset, or milliseconds since 1970. */
function untilOf(value: unknown): Millis {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  const isDateTime =
    typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value);
  const at = isDateTime ? Date.parse(value) : Number.NaN;
  if (at >= 0) return at;
  throw new BadFeed(
    `until is a date-time from 1970 on with its offset, such as 2026-11-23T18:00:00Z; found ${shown(value)}`,
  );
}

/** Writes it unless it is what is known already; undefined when it is. */
export async function appendSituation(
  control: ControlLog,
  catalogue: Catalogue,
  entry: SituationEntry,
): Promise<number | undefined> {
  return appendEntry(control, catalogue, () => (isKnown(catalogue, entry) ? undefined : entry));
}

function isKnown({ state }: Catalogue, { kind, place, values, until }: SituationEntry): boolean {
  const said = state.situations.said(kind, place);
  if (values === null || said === undefined) return values === null && said === undefined;
  return canonical(said.values) === canonical(values) && said.until === (until ?? Number.POSITIVE_INFINITY);
}

export interface KnownSituation {
  readonly kind: string;
  readonly place: SituationPlace;
  readonly values: JsonObject;
  readonly until: Millis | null;
}

/** What was said and neither replaced nor cleared, by kind and place; what has ended at `now` is left out. */
export function situationsAt({ state }: Catalogue, now: Millis): KnownSituation[] {
  return state.situations
    .all()
    .filter(({ until }) => until > now)
    .map(({ kind, place, values, until }) => ({ kind, place, values, until: Number.isFinite(until) ? until : null }))
    .sort((a, b) => compare(a.kind, b.kind) || compare(placeText(a.place), placeText(b.place)));
}

export function placeText({ country, region, city }: SituationPlace): string {
  return [country, region, city].filter((part) => part !== undefined).join("/");
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function isWellFormed(text: string): boolean {
  return Buffer.from(text, "utf8").toString("utf8") === text;
}
