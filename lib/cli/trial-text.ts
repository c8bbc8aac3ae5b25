// A trial for a terminal: how many would be in, how many pass each node of the rule, who misses it by one rule.
// Used by cmd/cli/trials.ts.
import type { NearMiss, TrialNode, TrialPart } from "../core/partition.ts";
import type { Json, MemberId, MemberKind } from "../core/types.ts";
import { headsText } from "./member-text.ts";
import { count } from "./numbers.ts";
import { plain, type Style, widthOf } from "./style.ts";

const COLUMNS_DEFAULT = 80;

export interface TrialText {
  /** Whose segment it would be. */
  readonly kind: MemberKind;
  readonly part: TrialPart;
  /** The segment as it is in force; undefined when there is none of that id. */
  readonly against: { readonly version: number; readonly size: number } | undefined;
}

export function trialText({ kind, part, against }: TrialText, style: Style, columns = COLUMNS_DEFAULT): string {
  const sections = [
    [headOf(part, kind, style)],
    treeLines(part, style, columns),
    samplesOf(part, kind, style),
    against === undefined ? [] : [differenceLine(part, against.version, style)],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function headOf({ members, in: inside, unknown }: TrialPart, kind: MemberKind, style: Style): string {
  if (members === 0)
    return kind === "account"
      ? "No account is known yet, so none would be in."
      : "Nobody is known yet, so nobody would be in.";
  const share = style.dim(`(${percent(inside, members)})`);
  const line = `${style.bold(count(inside))} of ${headsText(members, kind)} would be in ${share}`;
  if (unknown === 0) return line;
  const more = unknown === 1 ? "1 more depends on history" : `${count(unknown)} more depend on history`;
  return `${line}\n${style.yellow(`${more} that is not kept yet: --history reads it`)}`;
}

function percent(part: number, whole: number): string {
  const value = (part * 100) / whole;
  return `${value > 0 && value < 0.1 ? "< 0.1" : value.toFixed(1)} %`;
}

function treeLines({ nodes, members }: TrialPart, style: Style, columns: number): string[] {
  if (members === 0) return [];
  const figures = nodes.map((node) => figureOf(node, members));
  const figureWidth = Math.max(...figures.map(widthOf));
  return nodes.map((node, index) => {
    const branch = branchOf(nodes, index);
    const room = Math.max(10, columns - figureWidth - 2 - widthOf(branch));
    const rule = cut(plain(node.rule), room);
    const gap = " ".repeat(Math.max(2, columns - widthOf(branch) - widthOf(rule) - widthOf(figures[index]!)));
    const figure = figures[index]!;
    return `${style.dim(branch)}${rule}${gap}${node.unknown > 0 ? style.yellow(figure) : figure}`;
  });
}

function figureOf({ pass, unknown }: TrialNode, members: number): string {
  if (unknown === members) return "needs history";
  return unknown === 0 ? count(pass) : `${count(pass)} + ${count(unknown)}?`;
}

/** The lines that lead to a node: from what comes after it one knows whether its parents have more children. */
function branchOf(nodes: readonly TrialNode[], index: number): string {
  const { depth } = nodes[index]!;
  const hasMoreAt = (level: number): boolean => {
    const next = nodes.slice(index + 1).find((node) => node.depth <= level);
    return next !== undefined && next.depth === level;
  };
  let branch = "";
  for (let level = 1; level < depth; level += 1) branch += hasMoreAt(level) ? "│  " : "   ";
  return depth === 0 ? branch : `${branch}${hasMoreAt(depth) ? "├─ " : "└─ "}`;
}

function cut(text: string, columns: number): string {
  const letters = [...text];
  return letters.length <= columns ? text : `${letters.slice(0, columns - 1).join("")}…`;
}

function samplesOf(
  { inSample, in: inside, nearMisses, nearSample }: TrialPart,
  kind: MemberKind,
  style: Style,
): string[] {
  const lines: string[] = [];
  if (inSample.length > 0) lines.push(`${style.dim("for example".padEnd(13))}${names(inSample, inside)}`);
  if (nearMisses > 0) {
    lines.push(
      `${style.dim("near misses".padEnd(13))}${headsText(nearMisses, kind)} ${nearMisses === 1 ? "fails" : "fail"} one rule only`,
    );
    lines.push(...nearSample.map((miss) => `${" ".repeat(13)}${missText(miss, style)}`));
  }
  return lines;
}

function missText({ id, rule, actual, expected }: NearMiss, style: Style): string {
  return `${plain(id)}  ${style.dim(`${plain(rule)}: is ${shown(actual)}, wanted ${plain(expected)}`)}`;
}

function shown(value: Json): string {
  return value === null ? "missing" : plain(typeof value === "string" ? value : JSON.stringify(value));
}

function names(ids: readonly MemberId[], of: number): string {
  return `${ids.map(plain).join(", ")}${of > ids.length ? ", …" : ""}`;
}

function differenceLine(part: TrialPart, version: number, style: Style): string {
  return `against version ${version}, which is in force: ${movesText(part, style)}`;
}

/** "12 would join (u1, u2, …), 3 would leave (u9, …)". */
export function movesText({ joins, joinSample, leaves, leaveSample, unknown }: TrialPart, style: Style): string {
  const move = (many: number, verb: string, sample: readonly MemberId[], paint: (text: string) => string): string =>
    `${paint(`${count(many)} would ${verb}`)}${sample.length === 0 ? "" : style.dim(` (${names(sample, many)})`)}`;
  const open = unknown === 0 ? "" : `, ${style.yellow(`${count(unknown)} not known without history`)}`;
  return `${move(joins, "join", joinSample, style.green)}, ${move(leaves, "leave", leaveSample, style.red)}${open}`;
}
