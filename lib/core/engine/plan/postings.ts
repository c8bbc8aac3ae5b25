// Which segments are to be looked at when a leaf moves: those that insist on a trait's value only for people who have it.
import type { Path, Scalar } from "../../rules/ast.ts";
import { type LeafNo, NumericIndex } from "../indexes/numeric-index.ts";
import { push } from "../lists.ts";
import {
  ALL,
  type CounterBounds,
  type CounterPlan,
  LazyIndex,
  LEAF,
  type Leaf,
  lengthAt,
  type PlannedSegment,
  type Posting,
} from "./shapes.ts";

/** What only waits for its activation is looked at when that comes, and moves nobody until then. */
export function isRead({ plain, gated }: Posting): boolean {
  return plain.length > 0 || gated.size > 0;
}

/** Walks a program's leaves. */
function leavesOfProgram(program: Int32Array): Set<LeafNo> {
  const leaves = new Set<LeafNo>();
  for (let at = 0; at < program.length; at += 2) if (program[at] === LEAF) leaves.add(program[at + 1]!);
  return leaves;
}

interface Gate {
  readonly leaf: LeafNo;
  readonly pathKey: string;
  readonly path: Path;
  readonly values: readonly Scalar[];
}

/** The trait equalities that a segment insists on: leaves at its root, or in an `all` at its root. */
function gatesOf(program: Int32Array, leaves: readonly Leaf[]): Gate[] {
  const gates: Gate[] = [];
  const visit = (at: number): void => {
    if (program[at] === LEAF) {
      const gate = gateOf(program[at + 1]!, leaves);
      if (gate !== undefined) gates.push(gate);
    } else if (program[at] === ALL) {
      for (let child = at + 2; child < at + program[at + 1]!; child += lengthAt(program, child)) visit(child);
    }
  };
  if (program.length > 0) visit(0);
  return gates;
}

function gateOf(no: LeafNo, leaves: readonly Leaf[]): Gate | undefined {
  const leaf = leaves[no]!;
  if (leaf.kind !== "trait" || leaf.test.length !== 1) return undefined;
  const part = leaf.test[0]!;
  const { path } = leaf;
  if (part.op === "eq" && !part.fold) return { leaf: no, pathKey: JSON.stringify(path), path, values: [part.value] };
  if (part.op === "in" && !part.fold) return { leaf: no, pathKey: JSON.stringify(path), path, values: part.values };
  return undefined;
}

/** Segments under their leaves, those with a gate only under the gate's values: else shared leaves cross for everybody. */
export function postingsOf(segments: readonly PlannedSegment[], leaves: readonly Leaf[]): Posting[] {
  const postings = leaves.map((): Posting => ({ plain: [], gated: new Map() }));
  const gates = segments.map(({ program }) => gatesOf(program, leaves));
  const crowd = new Map<LeafNo, number>();
  for (const own of gates) for (const { leaf } of own) crowd.set(leaf, (crowd.get(leaf) ?? 0) + 1);
  segments.forEach(({ program }, no) => {
    const gate = gates[no]!.reduce<Gate | undefined>(
      (best, one) => (best === undefined || crowd.get(one.leaf)! < crowd.get(best.leaf)! ? one : best),
      undefined,
    );
    for (const leaf of leavesOfProgram(program)) {
      const posting = postings[leaf]!;
      if (gate === undefined || leaf === gate.leaf) posting.plain.push(no);
      else {
        let entry = posting.gated.get(gate.pathKey);
        if (entry === undefined) {
          entry = { path: gate.path, byValue: new Map() };
          posting.gated.set(gate.pathKey, entry);
        }
        for (const value of gate.values) push(entry.byValue, value, no);
      }
    }
  });
  return postings;
}

export function boundsOf(counter: CounterPlan, postings: readonly Posting[]): CounterBounds {
  const plain = counter.leaves.filter(({ leaf }) => postings[leaf]!.plain.length > 0);
  const gated = new Map<string, { readonly path: Path; readonly byValue: Map<Scalar, LazyIndex> }>();
  for (const { leaf, test } of counter.leaves) {
    for (const [pathKey, { path, byValue }] of postings[leaf]!.gated) {
      const entry = gated.get(pathKey) ?? { path, byValue: new Map<Scalar, LazyIndex>() };
      gated.set(pathKey, entry);
      for (const value of byValue.keys()) {
        let lazy = entry.byValue.get(value);
        if (lazy === undefined) {
          lazy = new LazyIndex();
          entry.byValue.set(value, lazy);
        }
        lazy.add(leaf, test);
      }
    }
  }
  return {
    plain: plain.length === 0 ? undefined : new NumericIndex(plain),
    gated: Array.from(gated, ([pathKey, entry]) => ({ pathKey, ...entry })),
  };
}
