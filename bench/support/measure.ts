// Medians, spreads, hashes, and what processors spent: the arithmetic that every bench shares.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Ratio } from "./bench.ts";

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Nearest rank; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** The ratio of two sides that were measured in pairs, so that what disturbs both cancels out. */
export function ratioOf(left: readonly number[], right: readonly number[]): Ratio {
  const ratios = left.map((value, index) => value / right[index]!);
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

/** The middle half of many small pairs: single chunks jump with every collection of garbage. */
export function quartileRatio(left: readonly number[], right: readonly number[]): Ratio {
  const ratios = left.map((value, index) => value / right[index]!);
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}

export class Digest {
  readonly #hash = createHash("sha256");

  add(text: string): void {
    this.#hash.update(text).update("\n");
  }

  get text(): string {
    return this.#hash.copy().digest("hex").slice(0, 12);
  }
}

export function hashOf(lines: Iterable<string>): string {
  const digest = new Digest();
  for (const line of lines) digest.add(line);
  return digest.text;
}

/** Linux counts a process's time in hundredths of a second. */
const TICK_US = 10_000;

/** Microseconds that a process and its threads have spent; NaN where the system has no /proc. */
export function cpuOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  } catch {
    return Number.NaN;
  }
}

/** Of this process. In-process benches count it instead of time: what else the machine does then matters less. */
export function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

export function thousands(perSecond: number): string {
  return `${(perSecond / 1_000).toFixed(perSecond < 100_000 ? 1 : 0)} k/s`;
}

export function micros(us: number): string {
  return us >= 100 ? `${Math.round(us).toLocaleString("en-US")} µs` : `${us.toFixed(2)} µs`;
}

export function millis(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}
