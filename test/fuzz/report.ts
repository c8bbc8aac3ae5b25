// What a run of the fuzzer says in the end: counts by route and status, memory, turns, what was lost, and every fault with the way
// to see it again. For run.ts.
import { count, counted, duration } from "../../lib/cli/numbers.ts";
import type { Style } from "../../lib/cli/style.ts";
import { type Column, printRows } from "../../lib/cli/table.ts";
import type { FuzzReport } from "./fuzz.ts";
import type { Memory } from "./rig.ts";

/** The first part of a run fills caches, compiles, and opens what stays open. */
const WARM_UP_SHARE = 0.2;
/** Least of what is held in the later half, over the least of the earlier one. */
const HEAP_RATIO_MAX = 1.15;
const RSS_RATIO_MAX = 1.25;
/** Fewer samples than that, one a second, say nothing: what runs once in a while has not run yet. */
const SAMPLES_MIN = 60;
const MB = 2 ** 20;
const TELLING_MS_MIN = 250;

interface Row {
  readonly route: string;
  readonly asked: number;
  readonly statuses: string;
}

interface Weighed {
  readonly first: number;
  readonly second: number;
  readonly ratio: number;
}

/** The floors of both halves after the warm-up; undefined where too little was seen. */
function weighed(samples: readonly Memory[], held: (one: Memory) => number): Weighed | undefined {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP_SHARE));
  if (warm.length < SAMPLES_MIN) return undefined;
  const middle = Math.floor(warm.length / 2);
  const floor = (some: readonly Memory[]): number => Math.min(...some.map(held));
  const [first, second] = [floor(warm.slice(0, middle)), floor(warm.slice(middle))];
  return { first, second, ratio: second / first };
}

function heapOf({ heapUsed, external }: Memory): number {
  return heapUsed + external;
}

/** In words; nothing where memory is flat. */
export function growthOf({ memory }: FuzzReport): string[] {
  const heap = weighed(memory.api, heapOf);
  const rss = weighed(memory.api, (one) => one.rss);
  return [
    ...(heap !== undefined && heap.ratio > HEAP_RATIO_MAX
      ? [`heap of HTTP grew: ${weightText(heap)}, at most × ${HEAP_RATIO_MAX}`]
      : []),
    ...(rss !== undefined && rss.ratio > RSS_RATIO_MAX
      ? [`memory of HTTP grew: ${weightText(rss)}, at most × ${RSS_RATIO_MAX}`]
      : []),
  ];
}

export function textOf(report: FuzzReport, style: Style): string {
  return [tableOf(report, style), "", ...figuresOf(report), ...faultsOf(report, style)].join("\n");
}

function tableOf({ counts }: FuzzReport, style: Style): string {
  const rows = [...counts]
    .map(([route, statuses]): Row => {
      const entries = [...statuses].sort(([a], [b]) => (a < b ? -1 : 1));
      const asked = entries.reduce((sum, [, times]) => sum + times, 0);
      return { route, asked, statuses: entries.map(([status, times]) => `${status} × ${count(times)}`).join("  ") };
    })
    .sort((a, b) => (a.route < b.route ? -1 : 1));
  const columns: readonly Column<Row>[] = [
    { title: "ROUTE", key: "route", value: ({ route }) => route },
    { title: "ASKED", key: "asked", value: ({ asked }) => count(asked), align: "right" },
    { title: "ANSWERED", key: "statuses", value: ({ statuses }) => statuses },
  ];
  return printRows(rows, columns, "table", style);
}

function figuresOf(report: FuzzReport): string[] {
  const { seed, seconds, shots, counts, refusedBusy, memory, turns, healthMs, taken, after } = report;
  const requests = [...counts.values()].reduce(
    (sum, statuses) => sum + [...statuses.values()].reduce((a, b) => a + b, 0),
    0,
  );
  const sorted = [...healthMs].sort((a, b) => a - b);
  const at = (share: number): string =>
    `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)} ms`;
  const weight = (name: string, samples: readonly Memory[], held: (one: Memory) => number): string => {
    const both = weighed(samples, held);
    return `${name.padEnd(18)} ${both === undefined ? "too short to say" : weightText(both)}`;
  };
  return [
    `seed               ${seed}, ${duration(seconds * 1_000)}`,
    `asked              ${counted(requests, "request")} in ${counted(shots, "shot")}, ${counted(counts.size, "route")}`,
    `taken              ${counted(taken.events, "event")} by ${counted(taken.requests, "request")}; the logs hold ${count(after.stored)}, ${count(after.rejected)} rejected`,
    weight("HTTP, heap", memory.api, heapOf),
    weight("HTTP, all", memory.api, (one) => one.rss),
    weight("worker, all", memory.worker, (one) => one.rss),
    `/healthz           p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`,
    `turns of HTTP      ${turns.length} over ${TELLING_MS_MIN} ms, longest ${longest(report)}`,
    `503                ${[...refusedBusy].map(([what, times]) => `${times} × ${what}`).join("; ") || "none"}`,
  ];
}

function longest({ turns }: FuzzReport): string {
  const [first] = [...turns].sort((a, b) => b.ms - a.ms);
  return first === undefined
    ? "under that"
    : `${Math.round(first.ms)} ms, of which it worked ${Math.round(first.cpuMs)} ms`;
}

function weightText({ first, second, ratio }: Weighed): string {
  return `first half ${(first / MB).toFixed(1)} MB, second half ${(second / MB).toFixed(1)} MB, × ${ratio.toFixed(3)}`;
}

function faultsOf(report: FuzzReport, style: Style): string[] {
  const growth = growthOf(report);
  if (report.faults.length + growth.length === 0) return ["faults             none"];
  return [
    ...growth.map((text) => style.red(text)),
    ...report.faults.flatMap(({ kind, text, times, again }) => [
      "",
      style.red(`${kind} (${times} times)`),
      `  ${text}`,
      `  ${again}`,
    ]),
    "",
    `faults             ${report.faults.length + growth.length}`,
  ];
}
