// An explanation as a tree for a terminal: what passed, what did not, what was found, what was expected, until when.
// Used by cmd/cli/explain.ts.
import type { DecidedBy, ExplainNode } from "../core/partition.ts";
import type { Json, Millis } from "../core/types.ts";
import { duration, instant } from "./numbers.ts";
import { plain, type Style } from "./style.ts";

export function explainTree(root: ExplainNode, clock: Millis, style: Style): string {
  const lines: string[] = [];
  // The outermost node is the segment itself, and whoever prints this has said already whether they are in it.
  const [only, ...others] = root.nodes ?? [];
  const top = only !== undefined && others.length === 0 ? only : root;
  lines.push(nodeText(top, clock, style));
  addNodes(top, "", clock, style, lines);
  return lines.join("\n");
}

function addNodes(node: ExplainNode, indent: string, clock: Millis, style: Style, lines: string[]): void {
  const nodes = node.nodes ?? [];
  for (const [index, inner] of nodes.entries()) {
    const last = index === nodes.length - 1;
    lines.push(`${indent}${style.dim(last ? "└─" : "├─")} ${nodeText(inner, clock, style)}`);
    addNodes(inner, `${indent}${last ? "  " : style.dim("│ ")} `, clock, style, lines);
  }
}

function nodeText(node: ExplainNode, clock: Millis, style: Style): string {
  const mark = node.pass ? style.green("✓") : style.red("✗");
  const parts = [`${mark} ${plain(node.rule)}`];
  const found = node.actual === undefined ? undefined : `is ${shown(node.actual)}`;
  const wanted = node.expected === undefined ? undefined : `wanted ${plain(node.expected)}`;
  const facts = [found, wanted].filter((text) => text !== undefined).join(", ");
  if (facts !== "") parts.push(node.pass ? style.dim(facts) : facts);
  const cause = node.decidedBy === undefined ? "" : decidedText(node.decidedBy, clock);
  if (cause !== "") parts.push(style.dim(cause));
  if (node.until !== undefined) {
    const left = node.until - clock;
    parts.push(style.yellow(`until ${instant(node.until)}${left > 0 ? ` (${duration(left)})` : ""}`));
  }
  return parts.join(style.dim(" · "));
}

/** "by Product Viewed 4m ago (m-17)", "4m ago". */
function decidedText({ at, event, messageId }: DecidedBy, clock: Millis): string {
  const what = event === undefined ? "" : `by ${plain(event)} `;
  const when = at === undefined ? "" : `${duration(Math.max(0, clock - at))} ago`;
  return `${what}${when}${messageId === undefined ? "" : ` (${plain(messageId)})`}`.trim();
}

/** The fewest rules that would have to turn, a line each; empty where none would. */
export function toSatisfyLines(root: ExplainNode, style: Style): readonly string[] {
  return (root.toSatisfy ?? []).map((node) => {
    const found = node.actual === undefined ? "" : `, is ${shown(node.actual)}`;
    const wanted =
      node.expected === undefined ? "" : `: ${node.pass ? "must not be" : "wanted"} ${plain(node.expected)}`;
    return `${style.yellow("→")} ${plain(node.rule)}${wanted}${style.dim(found)}`;
  });
}

function shown(value: Json): string {
  if (value === null) return "missing";
  const text = plain(typeof value === "string" ? value : JSON.stringify(value));
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
