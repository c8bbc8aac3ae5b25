// Findings as a person reads them: one line each, wrapped to the terminal, the remedy below it.
// Used by doctor; the findings are lib/doctor's.
import type { Finding } from "../doctor/finding.ts";
import { counted } from "./numbers.ts";
import type { Style } from "./style.ts";
import { wrap } from "./wrap.ts";

const VERDICT_COLUMNS = 4;
const CHECK_COLUMNS = 11;
const INDENT = VERDICT_COLUMNS + CHECK_COLUMNS + 4;
/** A narrower terminal gets lines that the terminal breaks. */
const TEXT_COLUMNS_MIN = 30;

/** `columns` is undefined where the output is no terminal: then nothing is wrapped, so that it can be searched. */
export function findingLines(findings: readonly Finding[], style: Style, columns: number | undefined): string {
  const width = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(TEXT_COLUMNS_MIN, columns - INDENT - 1);
  return findings.map((finding) => lines(finding, style, width).join("\n")).join("\n");
}

function lines({ check, verdict, text, remedy }: Finding, style: Style, width: number): string[] {
  const paint = { ok: style.green, warn: style.yellow, fail: style.red }[verdict];
  const head = `${paint(verdict.padEnd(VERDICT_COLUMNS))}  ${check.padEnd(CHECK_COLUMNS)}  `;
  const indent = " ".repeat(INDENT);
  const [first = "", ...rest] = wrap(text, width);
  const said = [`${head}${first}`, ...rest.map((part) => `${indent}${part}`)];
  return [...said, ...remedyLines(remedy, width).map((part) => `${indent}${style.dim(part)}`)];
}

function remedyLines(remedy: string | undefined, width: number): string[] {
  return (remedy?.split("\n") ?? []).flatMap((part) =>
    wrap(part, width - 2).map((line, index) => `${index === 0 ? "→" : " "} ${line}`),
  );
}

/** How it all stands, in one line. */
export function summaryOf(findings: readonly Finding[]): string {
  const number = (verdict: Finding["verdict"]): number => findings.filter((one) => one.verdict === verdict).length;
  const [failed, warned] = [number("fail"), number("warn")];
  const warnings = warned === 0 ? "" : `, ${counted(warned, "warning")}`;
  if (failed > 0) return `${counted(failed, "check")} failed${warnings}.`;
  return warned > 0 ? `Nothing failed${warnings}.` : "All is well.";
}
