// What many runs come to: how much was tried, what was seen, which crash points and which harm it met. Printed by run.ts.
import { createHash } from "node:crypto";
import { count, duration } from "../../lib/cli/numbers.ts";
import { wrap } from "../../lib/cli/wrap.ts";
import type { Summary } from "./play.ts";

const HASH_LENGTH = 16;
const TEXT_COLUMNS_MIN = 40;
const HOUR_MS = 3_600_000;

export class Tally {
  seeds = 0;
  readonly broken: number[] = [];
  private virtualMs = 0;
  private readonly counts = new Map<string, number>();
  private readonly struck = new Map<string, number>();
  private readonly harms = new Map<string, Map<string, number>>();
  private readonly hashes = new Map<number, string>();

  add({ seed, hash, violation, virtualMs, alarms, counts, struck, harm, verdicts }: Summary): void {
    this.seeds += 1;
    this.virtualMs += virtualMs;
    this.hashes.set(seed, hash);
    if (violation !== undefined) this.broken.push(seed);
    for (const [name, value] of [...Object.entries(counts), ["moments", alarms] as const])
      more(this.counts, name, value);
    for (const [point, times] of struck) more(this.struck, point, times);
    if (harm === undefined) return;
    const seen = this.harms.get(harm) ?? new Map<string, number>();
    this.harms.set(harm, seen);
    for (const verdict of verdicts) more(seen, verdict, 1);
  }

  /** Over the traces of all seeds, in their order: the same seeds of the same program give the same. */
  get hash(): string {
    const hash = createHash("sha256");
    for (const [seed, trace] of [...this.hashes].sort(([a], [b]) => a - b)) hash.update(`${seed} ${trace}\n`);
    return hash.digest("hex").slice(0, HASH_LENGTH);
  }

  table(tookMs: number, columns: number): string {
    const perSecond = (this.seeds / tookMs) * 1_000;
    const virtualHours = this.virtualMs / HOUR_MS;
    const rows: [string, string][] = [
      ["seeds", `${count(this.seeds)} in ${duration(tookMs)}, ${perSecond.toFixed(1)} a second; traces ${this.hash}`],
      ["virtual time", `${virtualHours.toFixed(1)} hours, ${(virtualHours / (tookMs / 60_000)).toFixed(1)} a minute`],
      ["seen", listed(this.counts)],
      ["fatal points", `${this.struck.size} named, ${count(total(this.struck))} deaths and stops`],
      ...[...this.harms].sort(byName).map(([harm, seen]): [string, string] => [harm, listed(seen)]),
      [
        "violations",
        this.broken.length === 0
          ? "none"
          : `${count(this.broken.length)}: seeds ${this.broken
              .sort((a, b) => a - b)
              .slice(0, 20)
              .join(", ")}`,
      ],
    ];
    const width = Math.max(...rows.map(([name]) => name.length));
    const lines = ([name, text]: [string, string]): string[] =>
      wrap(text, Math.max(TEXT_COLUMNS_MIN, columns - width - 2)).map(
        (line, index) => `${(index === 0 ? name : "").padEnd(width)}  ${line}`,
      );
    return rows.flatMap(lines).join("\n");
  }
}

function more(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, value) => sum + value, 0);
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(byName)
    .map(([name, value]) => `${name} ${count(value)}`)
    .join(", ");
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
