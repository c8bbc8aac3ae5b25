// A time series for a terminal: how the size has gone as one line of bars, and joined, left and size step by step.
// Used by cmd/cli/analytics.ts.

import { STEP_MS, type Step } from "../series/cells.ts";
import type { SeriesPoint } from "../series/reading.ts";
import { count, instant } from "./numbers.ts";
import type { Style } from "./style.ts";
import type { Column } from "./table.ts";

const BARS = [..."▁▂▃▄▅▆▇█"];
const GAP = "·";
/** Beside the numbers on the same line. */
const BARS_MAX = 60;

/** One bar a value, the lowest to the highest; with more values than bars each stands for several, by its last. */
export function sparkline(values: readonly (number | null)[], columns = BARS_MAX): string {
  const shown = thinned(values, columns);
  const known = shown.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return shown
    .map((value) => {
      if (value === null) return GAP;
      // A size that never changes lies in the middle, unless it is none.
      if (high === low) return BARS[high === 0 ? 0 : 3]!;
      return BARS[Math.round(((value - low) / (high - low)) * (BARS.length - 1))]!;
    })
    .join("");
}

function thinned<T>(values: readonly T[], columns: number): readonly T[] {
  if (values.length <= columns) return values;
  return Array.from({ length: columns }, (_, index) => values[Math.ceil(((index + 1) * values.length) / columns) - 1]!);
}

export interface SeriesText {
  readonly id: string;
  readonly step: Step;
  readonly points: readonly SeriesPoint[];
}

export function seriesHead({ id, step, points }: SeriesText, style: Style): string {
  const [first, last] = [points[0]!, points.at(-1)!];
  const sum = (of: "joined" | "left"): number => points.reduce((total, point) => total + (point[of] ?? 0), 0);
  const span = `${stepTime(first.at, step)} – ${stepTime(last.at + STEP_MS[step], step)}, by ${step}`;
  const sizes = points.map(({ size }) => size);
  const known = sizes.filter((size) => size !== null);
  const size = known.length === 0 ? "not kept so finely any more" : `${count(known.at(-1)!)} members at the end`;
  const range = known.length === 0 ? "" : style.dim(`${count(Math.min(...known))} to ${count(Math.max(...known))}  `);
  return [
    `${style.bold(id)}  ${style.dim(span)}`,
    `${size}, ${style.green(`${count(sum("joined"))} joined`)}, ${style.red(`${count(sum("left"))} left`)}`,
    ...(known.length === 0 ? [] : [`${range}${style.cyan(sparkline(sizes))}`]),
  ].join("\n");
}

export function seriesColumns(step: Step): readonly Column<SeriesPoint>[] {
  const moves = (key: "joined" | "left" | "size"): Column<SeriesPoint> => ({
    title: key.toUpperCase(),
    key,
    value: (point) => point[key],
    show: (point) => (point[key] === null ? "–" : count(point[key])),
    align: "right",
  });
  return [
    {
      title: `${step.toUpperCase()} FROM`,
      key: "at",
      value: ({ at }) => new Date(at).toISOString(),
      show: ({ at }) => stepTime(at, step),
    },
    moves("joined"),
    moves("left"),
    moves("size"),
  ];
}

/** Days without their hour, which is always the first. */
function stepTime(at: number, step: Step): string {
  const text = instant(at);
  return step === "day" ? text.slice(0, 10) : text.replace(/:00Z$/, "Z");
}
