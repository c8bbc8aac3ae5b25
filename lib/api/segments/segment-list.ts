// Segments as somebody looks for them: filtered, sorted, a page at a time. A page begins after what stood last on the one
// before, so that nothing is shown twice or left out because something else was made meanwhile.
import type { MemberKind, SegmentId } from "../../core/types.ts";
import type { SegmentSummary } from "../audience/audience.ts";
import { NotPossible } from "./not-possible.ts";

export interface SegmentsWanted {
  readonly text?: string;
  readonly tag?: string;
  readonly folder?: string;
  readonly kind?: MemberKind;
  readonly state?: string;
  readonly hasDraft?: boolean;
  /** Others have found them by what they refer to. */
  readonly among?: ReadonlySet<SegmentId>;
  readonly sort: string;
  readonly limit: number;
  readonly cursor?: string;
}

export interface SegmentsFound {
  readonly segments: readonly SegmentSummary[];
  readonly next: string | null;
}

type Key = string | number;
type KeyOf = (segment: SegmentSummary) => Key;

export function segmentsFound(
  all: readonly SegmentSummary[],
  wanted: SegmentsWanted,
  changedAt: (id: SegmentId) => number,
): SegmentsFound {
  const { sort, limit, cursor } = wanted;
  const way = sort.startsWith("-") ? -1 : 1;
  const keyOf = KEYS[sort.replace("-", "")] ?? (({ id }: SegmentSummary) => changedAt(id));
  const order = (a: Place, b: Place): number => way * (compared(a[0], b[0]) || compared(a[1], b[1]));
  const placeOf = (segment: SegmentSummary): Place => [keyOf(segment), segment.id];
  const after = cursor === undefined ? undefined : placeIn(cursor, sort);
  const left = all
    .filter((segment) => fits(segment, wanted))
    .sort((a, b) => order(placeOf(a), placeOf(b)))
    .filter((segment) => after === undefined || order(placeOf(segment), after) > 0);
  const segments = left.slice(0, limit);
  const last = segments.at(-1);
  return { segments, next: last === undefined || left.length <= limit ? null : cursorOf(placeOf(last), sort) };
}

const KEYS: Readonly<Record<string, KeyOf>> = {
  id: ({ id }) => id,
  name: ({ name }) => name.toLowerCase(),
  // Sizes that nobody knows just now stand before all others.
  size: ({ size }) => size ?? -1,
  folder: ({ folder }) => folder ?? "",
};

function fits(segment: SegmentSummary, wanted: SegmentsWanted): boolean {
  const { text, tag, folder, kind, state, hasDraft, among } = wanted;
  return (
    (text === undefined || holdsText(segment, text.toLowerCase())) &&
    (tag === undefined || segment.tags.includes(tag)) &&
    (folder === undefined || segment.folder === folder || segment.folder?.startsWith(`${folder}/`) === true) &&
    (kind === undefined || segment.kind === kind) &&
    (state === undefined || segment.state === state) &&
    (hasDraft === undefined || segment.hasDraft === hasDraft) &&
    (among === undefined || among.has(segment.id))
  );
}

function holdsText({ id, name, description, tags }: SegmentSummary, text: string): boolean {
  return [id, name, description, ...tags].some((part) => part.toLowerCase().includes(text));
}

function compared(a: Key, b: Key): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

// ── cursors ─────────────────────────────────────────────────────────────────────────────────────────────────────────

type Place = readonly [Key, SegmentId];

function cursorOf(place: Place, sort: string): string {
  return Buffer.from(JSON.stringify([sort, ...place])).toString("base64url");
}

function placeIn(cursor: string, sort: string): Place {
  const [sorted, key, id] = valueIn(cursor);
  const isKey = typeof key === "string" || typeof key === "number";
  if (sorted === sort && isKey && typeof id === "string") return [key, id];
  throw badCursor();
}

function valueIn(cursor: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

export function badCursor(): NotPossible {
  return new NotPossible(
    "malformed",
    "bad-cursor",
    "query.cursor: it is the `next` of the page before, asked in the same way, and nothing else.",
  );
}

/** A page of what has an order of its own; the cursor is how many have been shown. */
export function pageOfAll<T>(
  all: readonly T[],
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
): { readonly items: readonly T[]; readonly next: string | null } {
  const from = cursor === undefined ? 0 : countIn(cursor);
  const to = from + limit;
  return { items: all.slice(from, to), next: to < all.length ? String(to) : null };
}

export function countIn(cursor: string): number {
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor);
  throw badCursor();
}
