// What feeds say of places (weather, strikes, matches): the fold of the control log's `situation` entries, and who is
// there. Places compare with letter case folded; the most specific that fits a member's own counts.
import type { ControlEntry, SituationPlace } from "../../control.ts";
import type { Situation, Situations } from "../../feeds.ts";
import type { Json, JsonObject, Millis } from "../../types.ts";
import { foldText } from "../values.ts";

type SituationEntry = Extract<ControlEntry, { op: "situation" }>;

export interface Said extends Situation {
  readonly values: JsonObject;
  /** Infinity: until replaced or cleared. */
  readonly until: Millis;
}

/** Immutable: the next entry makes another one. */
export class SituationBoard implements Situations {
  /** By kind, then by the key of the place. */
  readonly #said: ReadonlyMap<string, ReadonlyMap<string, Said>>;
  #ends: readonly Millis[] | undefined;

  constructor(said: ReadonlyMap<string, ReadonlyMap<string, Said>> = new Map()) {
    this.#said = said;
  }

  static after(held: Situations, { kind, place, values, until }: SituationEntry): SituationBoard {
    const said = new Map(held instanceof SituationBoard ? held.#said : []);
    const ofKind = new Map(said.get(kind));
    const key = keyOf(place);
    if (values === null) ofKind.delete(key);
    else ofKind.set(key, { kind, place, values, until: until ?? Number.POSITIVE_INFINITY });
    return new SituationBoard(said.set(kind, ofKind));
  }

  get kinds(): readonly string[] {
    return [...this.#said.keys()];
  }

  valuesAt(kind: string, place: JsonObject | undefined, now: Millis): JsonObject | undefined {
    return this.#saidAt(kind, place, now)?.values;
  }

  untilAt(kind: string, place: JsonObject | undefined, now: Millis): Millis {
    return this.#saidAt(kind, place, now)?.until ?? Number.POSITIVE_INFINITY;
  }

  #saidAt(kind: string, place: JsonObject | undefined, now: Millis): Said | undefined {
    const ofKind = this.#said.get(kind);
    if (ofKind === undefined) return undefined;
    for (const key of placeKeys(place)) {
      const said = ofKind.get(key);
      if (said !== undefined && now < said.until) return said;
    }
    return undefined;
  }

  nextEnd(after: Millis): Millis {
    this.#ends ??= [...new Set(this.all().map(({ until }) => until))].sort((a, b) => a - b);
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! <= after) low = middle + 1;
      else high = middle;
    }
    return this.#ends[low] ?? Number.POSITIVE_INFINITY;
  }

  endingAt(at: Millis): readonly Situation[] {
    return this.all().filter(({ until }) => until === at);
  }

  /** Undefined: nothing, or it was cleared. */
  said(kind: string, place: SituationPlace): Said | undefined {
    return this.#said.get(kind)?.get(keyOf(place));
  }

  /** All that was said and neither replaced nor cleared, though its `until` may be over. */
  all(): Said[] {
    return [...this.#said.values()].flatMap((ofKind) => [...ofKind.values()]);
  }
}

/** A place of one, two or three parts; a city has its region, or it could not be told from another of that name. */
export function isSituation(entry: { readonly [key: string]: unknown }): boolean {
  const { kind, place, values, until } = entry;
  if (!isName(kind) || !isRecord(place) || !isName(place.country)) return false;
  const { region, city } = place;
  if (region === undefined ? city !== undefined : !isName(region) || !(city === undefined || isName(city)))
    return false;
  return (values === null || isRecord(values)) && (until === undefined || isInstant(until));
}

/** From 1970 on, as all times are. */
function isInstant(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function keyOf({ country, region, city }: SituationPlace): string {
  return [country, region, city].flatMap((part) => (part === undefined ? [] : [foldText(unmarked(part))])).join(MARK);
}

/** Between the parts of a place; no part holds it. */
const MARK = "\n";

function unmarked(part: string): string {
  return part.includes(MARK) ? part.replaceAll(MARK, " ") : part;
}

const NO_KEYS: readonly string[] = [];
const PLACES_KNOWN_MAX = 100_000;
/** By the place as written: many people share one, and folding a text is dear. */
const known = new Map<string, readonly string[]>();

/** Keys of all that a member's place lies in, the most specific first. */
export function placeKeys(place: JsonObject | undefined): readonly string[] {
  if (place === undefined) return NO_KEYS;
  const parts: string[] = [];
  for (const part of [place.country, place.region, place.city] satisfies (Json | undefined)[]) {
    if (typeof part !== "string" || part === "") break;
    parts.push(unmarked(part));
  }
  const written = parts.join(MARK);
  let keys = known.get(written);
  if (keys === undefined) {
    const folded = parts.map(foldText);
    keys = folded.map((_part, index) => folded.slice(0, folded.length - index).join(MARK));
    if (known.size >= PLACES_KNOWN_MAX) known.clear();
    known.set(written, keys);
  }
  return keys;
}

/** Whether somebody with this record `place` is there. */
export function isThere(place: JsonObject | undefined, there: SituationPlace): boolean {
  return place !== undefined && placeKeys(place).includes(keyOf(there));
}

// ── which pages hold somebody there ─────────────────────────────────────────────────────────────────────────────────

const BITS = 2_048;

/**
 * The places of a page's people, as a Bloom filter: it never misses one, and errs rarely enough that what happens in a city
 * brings a few pages into memory too many, and not everybody of its country.
 */
export class PlaceSketch {
  #bits: Uint8Array | undefined;

  constructor(bits?: Uint8Array) {
    this.#bits = bits === undefined ? undefined : Uint8Array.from(bits);
  }

  /** Undefined when nobody of the page has a place. */
  get bits(): Uint8Array | undefined {
    return this.#bits;
  }

  add(place: JsonObject | undefined): void {
    for (const key of placeKeys(place)) {
      this.#bits ??= new Uint8Array(BITS / 8);
      for (const bit of bitsOf(key)) this.#bits[bit >>> 3]! |= 1 << (bit & 7);
    }
  }

  mayHold(place: SituationPlace): boolean {
    const bits = this.#bits;
    return bits !== undefined && bitsOf(keyOf(place)).every((bit) => (bits[bit >>> 3]! >>> (bit & 7)) & 1);
  }
}

/** Three bits of one 64-bit hash (two FNV-1a of 32 bits, from different starts). */
function bitsOf(key: string): readonly number[] {
  const [one, other] = [fnv(key, 0x811c9dc5), fnv(key, 0x2f0b4c47) | 1];
  return [0, 1, 2].map((turn) => ((one + Math.imul(turn, other)) >>> 0) % BITS);
}

function fnv(text: string, start: number): number {
  let hash = start;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  // The low bits of a plain FNV follow those of the text too closely.
  return (hash ^ (hash >>> 15)) >>> 0;
}
