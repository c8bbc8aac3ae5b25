// Results as a table that people read: question, goal, both sides, ratio, spread, whether the goal is reached.
// Last of the supports; cli.ts and run.ts print it.
import type { Goal, Row } from "./bench.ts";
import type { Finished } from "./cli.ts";

export function tableOf(results: readonly Finished[]): string {
  const lines: string[] = [""];
  for (const { name, rows, checked, hash, sizes, tookMs } of results) {
    const given = Object.entries(sizes).map(([key, value]) => `${key} ${value.toLocaleString("en-US")}`);
    lines.push(`${name}  (${given.join(", ")}; ${(tookMs / 1_000).toFixed(1)} s)`);
    for (const row of rows) lines.push(...rowLines(row));
    for (const text of checked) lines.push(`    checked: ${text}`);
    lines.push(`    hash ${hash}`, "");
  }
  return `${lines.join("\n")}\n`;
}

function rowLines({ question, goal, left, right, ratio, notes = [] }: Row): string[] {
  const spread = `${number(ratio.low)} … ${number(ratio.high)}`;
  return [
    `  ${question}`,
    `    ${left.name} ${left.value}  ÷  ${right.name} ${right.value}  =  ${number(ratio.median)}  (${spread})   ${verdict(ratio.median, goal)}`,
    ...notes.map((note) => `    ${note}`),
  ];
}

export function verdict(ratio: number, goal: Goal | undefined): string {
  if (goal === undefined) return "no goal";
  const meets = (bound: number): boolean => (goal.better === "more" ? ratio >= bound : ratio <= bound);
  const sign = goal.better === "more" ? "≥" : "≤";
  const state = meets(goal.aim) ? "aim reached" : meets(goal.least) ? "reached" : "NOT reached";
  return `goal ${sign} ${goal.least} (aim ${goal.aim}): ${state}`;
}

export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
}
