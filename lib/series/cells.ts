// How often a segment was joined and left, minute by minute, hour by hour, day by day (UTC): cells, kept in chunks of one value
// each. Each delta counts once in a cell of every step, by its own time, so one that comes late corrects the past.
// keeper.ts fills them, reading.ts reads them; nothing here knows where they are kept.
import type { Delta, Millis, SegmentId } from "../core/types.ts";

export const STEPS = ["minute", "hour", "day"] as const;
export type Step = (typeof STEPS)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const STEP_MS: Readonly<Record<Step, Millis>> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS };
/** A chunk of minutes is one hour, one of hours whole days: so a cell's parts are all of one chunk. */
const CELLS_A_CHUNK: Readonly<Record<Step, number>> = { minute: 60, hour: 96, day: 128 };
const LETTER: Readonly<Record<Step, string>> = { minute: "m", hour: "h", day: "d" };

/** How often somebody joined and left. */
export interface Moves {
  joined: number;
  left: number;
}

/** By the number of the cell: its start in steps since 1970. */
export type Cells = Map<number, Moves>;

export function cellOf(at: Millis, step: Step): number {
  return Math.floor(at / STEP_MS[step]);
}

export function startOf(cell: number, step: Step): Millis {
  return cell * STEP_MS[step];
}

/** `vip.h.4821`: the segment, the step, and which chunk. */
export function chunkKey(segment: SegmentId, step: Step, cell: number): string {
  return `${chunkPrefix(segment, step)}${Math.floor(cell / CELLS_A_CHUNK[step])}`;
}

/** Of all chunks of a step. */
export function chunkPrefix(segment: SegmentId, step: Step): string {
  return `${segment}.${LETTER[step]}.`;
}

/** Of the chunks that hold the cells from one to another. */
export function chunkKeys(segment: SegmentId, step: Step, from: number, to: number): string[] {
  const [first, last] = [from, to].map((cell) => Math.floor(cell / CELLS_A_CHUNK[step]));
  const prefix = chunkPrefix(segment, step);
  return Array.from({ length: last! - first! + 1 }, (_, index) => `${prefix}${first! + index}`);
}

export function stepOfKey(key: string): Step {
  const letter = key.split(".").at(-2);
  return STEPS.find((step) => LETTER[step] === letter)!;
}

export function count(cells: Cells, cell: number, change: Delta["change"]): void {
  let moves = cells.get(cell);
  if (moves === undefined) {
    moves = { joined: 0, left: 0 };
    cells.set(cell, moves);
  }
  moves[change] += 1;
}

/** In the order of the cells: the same counts are the same bytes. */
export function encodeCells(cells: Cells): string {
  const rows = [...cells].sort(([left], [right]) => left - right);
  return JSON.stringify(rows.flatMap(([cell, { joined, left }]) => [cell, joined, left]));
}

export function decodeCells(text: string): Cells {
  const numbers = JSON.parse(text) as number[];
  const cells: Cells = new Map();
  for (let at = 0; at < numbers.length; at += 3) {
    cells.set(numbers[at]!, { joined: numbers[at + 1]!, left: numbers[at + 2]! });
  }
  return cells;
}
