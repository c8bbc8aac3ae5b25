// What somebody would have to do, or stop doing, to be in a segment: the fewest rules of an explanation whose turning
// makes the whole hold. explain.ts gives the tree; a near miss (trial.ts) is somebody for whom it is one.
import type { ExplainNode } from "../../partition.ts";

/** The rules to turn: those that fail must pass, and those that pass below a `none` or a `not` must fail. */
export function smallestSet(node: ExplainNode): readonly ExplainNode[] {
  return toMake(node, true);
}

function toMake(node: ExplainNode, wanted: boolean): readonly ExplainNode[] {
  if (node.pass === wanted && node.unknown !== true) return [];
  const { nodes } = node;
  if (nodes === undefined) return [node];
  switch (node.rule) {
    case "not":
      return toMake(nodes[0]!, !wanted);
    case "all":
      return wanted ? everyOne(nodes, true) : anyOne(nodes, false);
    case "any":
      return wanted ? anyOne(nodes, true) : everyOne(nodes, false);
    case "none":
      return wanted ? everyOne(nodes, false) : anyOne(nodes, true);
    default:
      // The segment itself, around its rule.
      return everyOne(nodes, wanted);
  }
}

function everyOne(nodes: readonly ExplainNode[], wanted: boolean): readonly ExplainNode[] {
  return nodes.flatMap((node) => toMake(node, wanted));
}

function anyOne(nodes: readonly ExplainNode[], wanted: boolean): readonly ExplainNode[] {
  return nodes.map((node) => toMake(node, wanted)).reduce((best, one) => (one.length < best.length ? one : best));
}
