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

/** The same as a Markdown table, for docs/performance.md. */
export function markdownOf(results: readonly Finished[]): string {
  const lines = [
    "| Bench | Question | Goal (aim) | One side | Other side | Ratio (spread) | |",
    "|---|---|---|---|---|---|---|",
  ];
  for (const { name, rows } of results) {
    for (const { question, goal, left, right, ratio } of rows) {
      const wanted = goal === undefined ? "" : `${signOf(goal)} ${goal.least} (${goal.aim})`;
      const got = `**${number(ratio.median)}** (${number(ratio.low)} … ${number(ratio.high)})`;
      const sides = [left, right].map((side) => `${side.name} ${side.value}`).join(" | ");
      lines.push(
        `| ${name} | ${question} | ${wanted} | ${sides} | ${got} | ${goal === undefined ? "" : stateOf(ratio.median, goal)} |`,
      );
    }
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
  return `goal ${signOf(goal)} ${goal.least} (aim ${goal.aim}): ${stateOf(ratio, goal)}`;
}

function signOf({ better }: Goal): string {
  return better === "more" ? "≥" : "≤";
}

function stateOf(ratio: number, { least, aim, better }: Goal): string {
  const meets = (bound: number): boolean => (better === "more" ? ratio >= bound : ratio <= bound);
  return meets(aim) ? "aim reached" : meets(least) ? "reached" : "NOT reached";
}

function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
}
