// An explanation as a tree for a terminal: what passed, what did not, what was found, what was expected, until when.
// Used by cmd/cli/people.ts.
import type { DecidedBy, ExplainNode } from "../core/partition.ts";
import type { Json, Millis } from "../core/types.ts";
import { count, counted, duration, instant } from "./numbers.ts";
import { plain, type Style, widthOf } from "./style.ts";

/** `columns` is undefined where the output is no terminal: then no line is broken, so that it can be searched. */
export function explainTree(root: ExplainNode, clock: Millis, style: Style, columns?: number): string {
  const lines: string[] = [];
  // The outermost node is the segment itself, and whoever prints this has said already whether they are in it.
  const [only, ...others] = root.nodes ?? [];
  const top = only !== undefined && others.length === 0 ? only : root;
  const drawing = { clock, style, columns: columns ?? Number.POSITIVE_INFINITY, lines };
  addNode(top, { branch: "", below: "" }, drawing);
  return lines.join("\n");
}

interface Drawing {
  readonly clock: Millis;
  readonly style: Style;
  readonly columns: number;
  readonly lines: string[];
}

/** What stands before a node's first line, and before all that hangs on it. */
interface Place {
  readonly branch: string;
  readonly below: string;
}

function addNode(node: ExplainNode, { branch, below }: Place, drawing: Drawing): void {
  const { style, lines, columns } = drawing;
  const nodes = node.nodes ?? [];
  // The mark and what is below it are two columns; a tree that goes on hangs its line there.
  const rest = `${below}${nodes.length > 0 ? style.dim("│ ") : "  "}`;
  lines.push(...broken(partsOf(node, drawing), { branch, below: rest }, columns, style.dim(" · ")));
  lines.push(...usersLines(node, rest, drawing));
  for (const [index, inner] of nodes.entries()) {
    const last = index === nodes.length - 1;
    addNode(
      inner,
      {
        branch: `${below}${style.dim(last ? "└─" : "├─")} `,
        below: `${below}${last ? "  " : style.dim("│ ")} `,
      },
      drawing,
    );
  }
}

/** Parts in one line, or in as many as the width asks for; a part stands whole. */
function broken(parts: readonly string[], { branch, below }: Place, columns: number, between: string): string[] {
  const lines: string[] = [];
  let line = `${branch}${parts[0]}`;
  for (const part of parts.slice(1)) {
    if (widthOf(line) + widthOf(between) + widthOf(part) <= columns) line += `${between}${part}`;
    else {
      lines.push(line);
      line = `${below}${part}`;
    }
  }
  return [...lines, line];
}

function partsOf(node: ExplainNode, { clock, style }: Drawing): readonly string[] {
  const mark = node.pass ? style.green("✓") : style.red("✗");
  const parts = [`${mark} ${plain(node.rule)}`];
  const found = foundIn(node);
  // What is wanted of an account stands in the rule, and what its owner says of it below.
  const wanted =
    node.expected === undefined || node.account !== undefined ? undefined : `wanted ${plain(node.expected)}`;
  const facts = [found, wanted].filter((text) => text !== undefined).join(", ");
  if (facts !== "") parts.push(node.pass ? style.dim(facts) : facts);
  const cause = node.decidedBy === undefined ? "" : decidedText(node.decidedBy, clock);
  if (cause !== "") parts.push(style.dim(cause));
  if (node.since !== undefined) parts.push(style.yellow(`nothing before ${instant(node.since)} is known`));
  if (node.until !== undefined) {
    const left = node.until - clock;
    parts.push(style.yellow(`until ${instant(node.until)}${left > 0 ? ` (${duration(left)})` : ""}`));
  }
  return parts;
}

function foundIn({ actual, users, account }: ExplainNode): string | undefined {
  if (users !== undefined) return `${count(users.on)} of ${counted(users.of, "user")}`;
  if (account !== undefined)
    return `account ${plain(account.id)}${actual === "just joined" ? ", whose answer is on its way" : ""}`;
  return actual === undefined ? undefined : `is ${shown(actual)}`;
}

/** Who they are that a `users` rule counts: as many as were asked for, in as many lines as it takes. */
function usersLines({ users }: ExplainNode, below: string, { columns, style }: Drawing): readonly string[] {
  if (users?.ids === undefined || users.ids.length === 0) return [];
  const more = users.on - users.ids.length;
  const names = [...users.ids.map(plain), ...(more > 0 ? [`… ${count(more)} more`] : [])];
  const parts = names.map((name, index) => (index < names.length - 1 ? `${name},` : name)).map(style.dim);
  return broken(parts, { branch: below, below }, columns, " ");
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
