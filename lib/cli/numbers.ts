// Numbers, durations and times as people read them in a terminal.
// Used by tables, progress and explanations.
import type { Millis } from "../core/types.ts";

const GROUPED = new Intl.NumberFormat("en-US");

export function count(value: number): string {
  return GROUPED.format(value);
}

/** "1 row", "2,000 rows". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** The two largest units: "3d 4h", "2m 5s", "0.4s". */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  const abs = Math.max(0, ms);
  if (abs < 1_000) return `${(Math.floor(abs / 100) / 10).toString()}s`;
  const parts: string[] = [];
  let rest = abs;
  for (const [unit, size] of UNITS) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${unit}`);
    rest %= size;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

export function instant(at: Millis): string {
  return new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.000Z$/, "Z");
}

/** "14:03:07", in the machine's zone: for what happens now. */
export function timeOfDay(at: Millis): string {
  return new Date(at).toLocaleTimeString("en-GB", { hour12: false });
}

export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  for (const [index, unit] of ["KB", "MB", "GB", "TB"].entries()) {
    const size = value / 1_024 ** (index + 1);
    if (size < 1_024 || unit === "TB") return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
  }
  return `${value} B`;
}
