// What moves the leaves of a plan, sorted by how it is noticed: paths of records, topics, flips, visits, members' zones.
import type { FlagId } from "../../links.ts";
import { visitDetailsKey, visitsKey } from "../../rules/questions/visit-questions.ts";
import type { Millis, SegmentId } from "../../types.ts";
import { type LeafNo, NumericIndex } from "../indexes/numeric-index.ts";
import { ValueIndex, type ValueLeaf } from "../indexes/value-index.ts";
import { push } from "../lists.ts";
import type { Keep } from "../readings.ts";
import { testMovesByTime } from "../values.ts";
import {
  type CartRead,
  type CounterPlan,
  type KeptRecord,
  keptOnly,
  type LaterKeep,
  type Leaf,
  type PathEntry,
  topicOfKeep,
  type UsersReads,
  type VisitPlan,
} from "./shapes.ts";

export function usersReadsOf(leaves: readonly Leaf[]): Map<FlagId, UsersReads> {
  const byFlag = new Map<FlagId, { leaf: LeafNo; of: Extract<Leaf, { kind: "users" }> }[]>();
  leaves.forEach((of, leaf) => {
    if (of.kind === "users" && of.flag !== undefined) push(byFlag, of.flag, { leaf, of });
  });
  return new Map(
    Array.from(byFlag, ([flag, reads]) => {
      const counts = reads.filter(({ of }) => of.measure === "count").map(({ leaf, of }) => ({ leaf, test: of.test }));
      const shares = reads.filter(({ of }) => of.measure === "share").map(({ leaf }) => leaf);
      return [flag, { counts: new NumericIndex(counts), shares }] as const;
    }),
  );
}

export function leavesBy(leaves: readonly Leaf[], keysOf: (leaf: Leaf) => readonly string[]): Map<string, LeafNo[]> {
  const map = new Map<string, LeafNo[]>();
  leaves.forEach((leaf, no) => {
    for (const key of new Set(keysOf(leaf))) push(map, key, no);
  });
  return map;
}

/** The segments whose flips move a leaf. */
export function segmentsRead(leaf: Leaf): readonly SegmentId[] {
  if (leaf.kind === "segment") return [leaf.id];
  return leaf.kind === "reading" ? (leaf.reading.segments ?? []) : [];
}

export function keepsByWhatTheyHear(keeps: Iterable<Keep>) {
  const keepsByName = new Map<string, Keep[]>();
  const laterKeeps = new Map<string, LaterKeep>();
  const keepsByTrait = new Map<string, Keep[]>();
  const keepsOfAll: Keep[] = [];
  for (const keep of keeps) {
    const opens = keep.opens ?? keep.names;
    if (opens === "*") keepsOfAll.push(keep);
    else {
      for (const name of new Set(opens)) push(keepsByName, name, keep);
      const names = keep.names === "*" ? "*" : new Set(keep.names);
      if (keep.opens !== undefined) laterKeeps.set(keep.key, { keep, names, opens: new Set(opens) });
    }
    for (const trait of new Set(keep.traits)) push(keepsByTrait, trait, keep);
  }
  return { keepsByName, keepsByTrait, keepsOfAll, laterKeeps };
}

/** Which visits are kept for all this, and why. */
export function visitsOf(
  counters: Iterable<CounterPlan>,
  keeps: Iterable<Keep>,
  sources: readonly PathEntry[],
  isAsked: (entry: PathEntry) => boolean,
) {
  const visitQuestions = new Set<string>();
  const plans = new Map<Millis, VisitPlan>();
  const planOf = (idleMs: Millis, details: boolean): VisitPlan => {
    visitQuestions.add(visitsKey(idleMs));
    if (details) visitQuestions.add(visitDetailsKey(idleMs));
    const plan = plans.get(idleMs) ?? keptOnly(idleMs);
    plans.set(idleMs, plan);
    plan.details ||= details;
    return plan;
  };
  for (const counter of counters) {
    if (counter.visits === undefined) continue;
    const { counters: counting, readers } = planOf(counter.visits.idleMs, counter.visits.details);
    if (counter.source === "visit") counting.push(counter);
    else readers.push(counter);
  }
  for (const keep of keeps) if (keep.visitIdleMs !== undefined) planOf(keep.visitIdleMs, false).keeps.push(keep);
  for (const entry of sources) {
    const plan = planOf(entry.visits!.idleMs, true);
    visitQuestions.add(entry.visits!.key);
    plan.sources.push(entry);
    // Definitions that only wait for their history are woken by nothing.
    plan.endMatters ||= entry.path[0] === "current" && isAsked(entry);
  }
  return { visitLists: [...plans.values()], visitQuestions };
}

export function topicsOf(leaves: readonly Leaf[]): Map<string, LeafNo[]> {
  const map = new Map<string, LeafNo[]>();
  leaves.forEach((leaf, no) => {
    if (leaf.kind !== "reading") return;
    const { keep, topics } = leaf.reading;
    for (const topic of new Set(topics)) push(map, topic, no);
    if (keep !== undefined) push(map, topicOfKeep(keep.key), no);
  });
  return map;
}

export function pathEntries(leaves: readonly Leaf[], kind: KeptRecord): Map<string, PathEntry[]> {
  return entriesOf(leaves, (leaf) => leaf.kind === kind);
}

export function situationEntries(leaves: readonly Leaf[]): Map<string, PathEntry[]> {
  const kinds = new Set(leaves.flatMap((leaf) => (leaf.kind === "situation" ? [leaf.of] : [])));
  return new Map(
    Array.from(kinds, (kind) => {
      const entries = entriesOf(leaves, (leaf) => leaf.kind === "situation" && leaf.of === kind);
      return [kind, [...entries.values()].flat()] as const;
    }),
  );
}

export function cartsRead(entries: readonly PathEntry[]): CartRead[] {
  const currencies = new Set(entries.map(({ currency }) => currency ?? ""));
  return Array.from(currencies, (currency) => {
    const own = entries.filter((entry) => (entry.currency ?? "") === currency);
    return { currency, products: own.some(({ path }) => path[0] === "products"), entries: own };
  });
}

/** The paths of one record, by their first name. */
function entriesOf(leaves: readonly Leaf[], isOfRecord: (leaf: Leaf) => boolean): Map<string, PathEntry[]> {
  const byPath = new Map<string, Pick<PathEntry, "path" | "visits" | "currency"> & { readonly leaves: ValueLeaf[] }>();
  leaves.forEach((leaf, no) => {
    if (!("path" in leaf) || !isOfRecord(leaf)) return;
    const { path } = leaf;
    const visits = "visits" in leaf ? leaf.visits : undefined;
    const currency = "currency" in leaf ? leaf.currency : undefined;
    const key = `${JSON.stringify(path)} ${visits?.key ?? currency ?? ""}`;
    const entry = byPath.get(key) ?? { path, visits, currency, leaves: [] };
    byPath.set(key, entry);
    entry.leaves.push({ leaf: no, test: leaf.test, zone: leaf.zone });
  });
  const entries = new Map<string, PathEntry[]>();
  for (const { path, visits, currency, leaves: own } of byPath.values()) {
    push(entries, path[0]!, {
      path,
      visits,
      currency,
      index: new ValueIndex(own),
      movesByTime: own.some(({ test }) => testMovesByTime(test)),
      leaves: own.map(({ leaf }) => leaf),
    });
  }
  return entries;
}

export function readsUserZone(leaf: Leaf): boolean {
  switch (leaf.kind) {
    case "trait":
    case "cart":
    case "place":
    case "network":
    case "device":
    case "source":
    case "identity":
    case "situation":
      return leaf.zone === "user" && testMovesByTime(leaf.test);
    case "joined":
      return leaf.zone === "user";
    case "moment":
      return leaf.counter.zone === "user";
    case "reading":
      return leaf.zone === "user" && leaf.reading.movesByTime;
    default:
      return false;
  }
}
