// Which leaves may flip when the value at one path changes: those that name the old or the new value, those whose
// bound lies between two numbers, and, for the operators that have no order, those that answer differently.

import type { Scalar, Test } from "../../rules/ast.ts";
import { push } from "../lists.ts";
import { type Found, type TestContext, testHolds } from "../values.ts";
import { type LeafNo, NumericIndex } from "./numeric-index.ts";

export interface ValueLeaf {
  readonly leaf: LeafNo;
  readonly test: Test;
  /** A zone name or "user": whose days and midnights a date test means. */
  readonly zone: string;
}

const NUMERIC = new Set(["gt", "gte", "lt", "lte", "between"]);

function isNumeric(test: Test): boolean {
  return test.every(
    (part) =>
      NUMERIC.has(part.op) &&
      (part.op === "between" ? typeof part.low === "number" : "value" in part && typeof part.value === "number"),
  );
}

export class ValueIndex {
  readonly #named = new Map<Scalar, LeafNo[]>();
  readonly #exists: LeafNo[] = [];
  readonly #numericLeaves: LeafNo[] = [];
  readonly #numeric: NumericIndex;
  readonly #others: ValueLeaf[] = [];

  constructor(leaves: readonly ValueLeaf[]) {
    const numeric: ValueLeaf[] = [];
    for (const leaf of leaves) {
      const part = leaf.test[0]!;
      if (leaf.test.length === 1 && (part.op === "eq" || part.op === "ne") && !part.fold) {
        push(this.#named, part.value, leaf.leaf);
      } else if (leaf.test.length === 1 && (part.op === "in" || part.op === "notIn") && !part.fold) {
        for (const value of part.values) push(this.#named, value, leaf.leaf);
      } else if (leaf.test.length === 1 && part.op === "exists") this.#exists.push(leaf.leaf);
      else if (isNumeric(leaf.test)) numeric.push(leaf);
      else this.#others.push(leaf);
    }
    this.#numeric = new NumericIndex(numeric);
    this.#numericLeaves = numeric.map(({ leaf }) => leaf);
  }

  changed(from: Found, to: Found, context: (zone: string) => TestContext, touch: (leaf: LeafNo) => void): void {
    for (const found of [from, to]) {
      for (const value of found?.values ?? []) {
        if (value === null || typeof value === "object") continue;
        const leaves = this.#named.get(value);
        if (leaves !== undefined) for (const leaf of leaves) touch(leaf);
      }
    }
    if ((from === undefined) !== (to === undefined)) for (const leaf of this.#exists) touch(leaf);
    if (from?.list || to?.list) for (const leaf of this.#numericLeaves) touch(leaf);
    else this.#numeric.crossed(numberIn(from), numberIn(to), touch);
    for (const { leaf, test, zone } of this.#others) {
      const given = context(zone);
      if (testHolds(from, test, given) !== testHolds(to, test, given)) touch(leaf);
    }
  }
}

function numberIn(found: Found): number {
  const value = found?.values[0];
  return typeof value === "number" ? value : Number.NaN;
}
