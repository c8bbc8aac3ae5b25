// Which segments may hold for somebody of whom nothing is known but the id: they are looked at when he first comes by.
import { missingOf } from "../counting/counters.ts";
import { numberPasses } from "../indexes/numeric-index.ts";
import { zoneNamed } from "../time/zones.ts";
import { testHolds } from "../values.ts";
import { ALL, ANY, LEAF, type Leaf, lengthAt, NOT } from "./shapes.ts";

/** Three-valued reading of a program for a person of whom nothing is known; undefined is "depends on the id". */
export function maybe(program: Int32Array, at: number, leaves: readonly Leaf[]): boolean | undefined {
  const code = program[at]!;
  if (code === LEAF) return maybeLeaf(leaves[program[at + 1]!]!);
  const parts: (boolean | undefined)[] = [];
  for (let child = at + 2; child < at + program[at + 1]!; child += lengthAt(program, child)) {
    parts.push(maybe(program, child, leaves));
  }
  if (code === NOT) return parts[0] === undefined ? undefined : !parts[0];
  if (code === ALL) return parts.includes(false) ? false : parts.includes(undefined) ? undefined : true;
  const any = parts.includes(true) ? true : parts.includes(undefined) ? undefined : false;
  return code === ANY || any === undefined ? any : !any;
}

function maybeLeaf(leaf: Leaf): boolean | undefined {
  switch (leaf.kind) {
    case "counter": {
      const none = missingOf(leaf.counter.shape.aggregate);
      return numberPasses(none, leaf.test);
    }
    case "trait":
    case "place":
    case "network":
    case "device":
    case "source":
    case "identity":
    case "situation":
      return testHolds(undefined, leaf.test, { now: 0, zone: zoneNamed("UTC") });
    case "reading":
      return leaf.reading.ofNobody;
    case "users":
      return numberPasses(leaf.measure === "count" ? 0 : Number.NaN, leaf.test);
    case "cart":
    case "delta":
    case "bucket":
      return undefined;
    default:
      // Not a member, on no list, no moment: joins and entries of the same step touch these leaves themselves.
      return false;
  }
}
