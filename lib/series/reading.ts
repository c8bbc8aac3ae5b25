// The time series of one segment between two moments: joined, left, and how many were members at the end of each step. A size is the
// sum of all moves before it, so it needs no sizes that were kept: days before the day, hours before the hour, minutes.
import type { Millis, SegmentId, Seq } from "../core/types.ts";
import type { SeriesStore } from "../ports/series.ts";
import {
  type Cells,
  cellOf,
  chunkKeys,
  chunkPrefix,
  decodeCells,
  type Moves,
  STEP_MS,
  type Step,
  startOf,
} from "./cells.ts";

/** Of the next coarser step, the cells that one cell of a finer one is a part of. */
const COARSER: Readonly<Partial<Record<Step, Step>>> = { minute: "hour", hour: "day" };
const READ_ATTEMPTS_MAX = 8;
const POINTS_MAX = 2_000;
/** Where nobody says from when on. */
const DEFAULT_POINTS: Readonly<Record<Step, number>> = { minute: 60, hour: 48, day: 30 };

export interface SeriesPoint {
  /** The start of the step. */
  readonly at: Millis;
  /** Null: so finely it is not kept any more. */
  readonly joined: number | null;
  readonly left: number | null;
  /** At the end of the step. */
  readonly size: number | null;
}

export interface Series {
  readonly segment: SegmentId;
  readonly step: Step;
  readonly points: readonly SeriesPoint[];
  /** The last delta that is counted, and whether there are others behind it. */
  readonly counted: Seq;
  readonly isBehind: boolean;
}

export interface SeriesAsk {
  readonly from: Millis;
  /** Exclusive; the steps that contain both are whole. */
  readonly to: Millis;
  readonly step: Step;
}

/** The range as asked for; RangeError says what is wrong with it. */
export function seriesAsk(step: Step, asked: { readonly from?: Millis; readonly to?: Millis }, now: Millis): SeriesAsk {
  const { to = now } = asked;
  const { from = startOf(cellOf(to - 1, step) + 1 - DEFAULT_POINTS[step], step) } = asked;
  if (from >= to) throw new RangeError("from must be before to");
  if (cellOf(to - 1, step) - cellOf(from, step) < POINTS_MAX) return { from, to, step };
  throw new RangeError(`from: at most ${POINTS_MAX} steps at once; ask for less, or for a larger step`);
}

/** The store was written to all the time. */
export class SeriesBusy extends Error {
  override readonly name = "SeriesBusy";
}

export async function readSeries(store: SeriesStore, segment: SegmentId, ask: SeriesAsk): Promise<Series> {
  const { step } = ask;
  const from = cellOf(ask.from, step);
  const to = Math.max(from, cellOf(ask.to - 1, step));
  for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt += 1) {
    const before = await store.position();
    const book = await openBook(store, segment, step, from, to);
    const after = await store.position();
    // Chunks of different moments would not add up.
    if (before.revision !== after.revision) continue;
    const isBehind = (await store.lastDelta()) > after.position.seq;
    return { segment, step, points: pointsOf(book, step, from, to), counted: after.position.seq, isBehind };
  }
  throw new SeriesBusy("the time series are written to just now; ask again");
}

type Book = Readonly<Record<Step, Cells>>;

/** All days; of what is finer, the chunks that the range touches. */
async function openBook(store: SeriesStore, segment: SegmentId, step: Step, from: number, to: number): Promise<Book> {
  const finer = stepsDownTo(step).filter((one) => one !== "day");
  const keysOf = (one: Step): string[] =>
    chunkKeys(segment, one, cellOf(startOf(from, step), one), cellOf(startOf(to + 1, step) - 1, one));
  const days = await store.keys(chunkPrefix(segment, "day"));
  const keys = { minute: [] as string[], hour: [] as string[], day: [...days] };
  for (const one of finer) keys[one] = keysOf(one);
  const found = await store.chunks([...keys.day, ...keys.hour, ...keys.minute]);
  const cellsOf = (some: readonly string[]): Cells =>
    new Map(some.flatMap((key) => [...decodeCells(found.get(key) ?? "[]")]));
  return { minute: cellsOf(keys.minute), hour: cellsOf(keys.hour), day: cellsOf(keys.day) };
}

/** `day`, `hour`, `minute`, down to the one asked for. */
function stepsDownTo(step: Step): Step[] {
  const coarser = COARSER[step];
  return coarser === undefined ? [step] : [...stepsDownTo(coarser), step];
}

function pointsOf(book: Book, step: Step, from: number, to: number): SeriesPoint[] {
  const points: SeriesPoint[] = [];
  const sizes = new Sizes(book);
  for (let cell = from; cell <= to; cell += 1) {
    const at = startOf(cell, step);
    if (!isKept(book, step, at)) {
      points.push({ at, joined: null, left: null, size: null });
      continue;
    }
    const { joined, left } = book[step].get(cell) ?? { joined: 0, left: 0 };
    points.push({ at, joined, left, size: sizes.before(at, step) + joined - left });
  }
  return points;
}

/** What is kept finely adds up to what is kept coarsely, all the way up; where it does not, some of it is gone. */
function isKept(book: Book, step: Step, at: Millis): boolean {
  const coarser = COARSER[step];
  if (coarser === undefined) return true;
  if (!isKept(book, coarser, at)) return false;
  const whole = book[coarser].get(cellOf(at, coarser)) ?? { joined: 0, left: 0 };
  const parts = sumOf(book[step], partsOf(coarser, step, at));
  return parts.joined === whole.joined && parts.left === whole.left;
}

/** The cells of a finer step in the coarser one around a moment. */
function partsOf(coarser: Step, step: Step, at: Millis): readonly [from: number, to: number] {
  const first = cellOf(startOf(cellOf(at, coarser), coarser), step);
  return [first, first + STEP_MS[coarser] / STEP_MS[step]];
}

function sumOf(cells: Cells, [from, to]: readonly [number, number]): Moves {
  const sum = { joined: 0, left: 0 };
  for (let cell = from; cell < to; cell += 1) {
    const moves = cells.get(cell);
    if (moves === undefined) continue;
    sum.joined += moves.joined;
    sum.left += moves.left;
  }
  return sum;
}

/** How many were members when a step began. */
class Sizes {
  private readonly book: Book;
  /** Days in order, each with the size before it. */
  private readonly days: { readonly day: number; readonly before: number }[] = [];
  private readonly last: number;

  constructor(book: Book) {
    this.book = book;
    let size = 0;
    for (const [day, { joined, left }] of [...book.day].sort(([one], [other]) => one - other)) {
      this.days.push({ day, before: size });
      size += joined - left;
    }
    this.last = size;
  }

  before(at: Millis, step: Step): number {
    const coarser = COARSER[step];
    if (coarser === undefined) return this.beforeDay(cellOf(at, "day"));
    const [first] = partsOf(coarser, step, at);
    const { joined, left } = sumOf(this.book[step], [first, cellOf(at, step)]);
    return this.before(startOf(cellOf(at, coarser), coarser), coarser) + joined - left;
  }

  private beforeDay(day: number): number {
    let [low, high] = [0, this.days.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.days[middle]!.day < day) low = middle + 1;
      else high = middle;
    }
    return this.days[low]?.before ?? this.last;
  }
}
