// What item and favorite rules ask of history, as texts, with what the vocabulary says of the items: questions.ts gathers
// them, and an edit of the vocabulary asks anew. journey-questions.ts takes the same text for items that are steps.
import type { Vocabulary } from "../../vocabulary.ts";
import type { FavoriteRule, ItemRule, ItemWhich, Measure, Path, Where } from "../ast.ts";
import { canonical, isLocalWindow, type QuestionScope } from "./texts.ts";

interface Reads {
  readonly where?: Where;
  readonly measure?: Measure;
}

/** Which interactions are asked for. Their money is kept in no currency, so where it is read, that is part of it. */
export function itemsAsked(which: ItemWhich, reads: Reads, vocabulary: Vocabulary): Record<string, unknown> {
  const { action, type, ids } = which;
  const { events, types } = vocabulary.items;
  const meant = Object.entries(events).filter(([, means]) => means.action === action);
  // Events that bring any item read all types; the others only ask whether the rule's own is one.
  const readsTypes = meant.some(([, { of }]) => of === "item");
  return {
    action,
    type,
    ids: ids === undefined ? undefined : [...new Set(ids)].sort(),
    events: Object.fromEntries(meant.map(([name, { of }]) => [name, of])),
    types: readsTypes ? [...types].sort() : types.includes(type),
    ...(readsField(reads, isMoneyPath) ? { currency: vocabulary.currency } : {}),
  };
}

/** How long a view took is only known once the member's next visit event is there. */
export function readsViewTime(rule: ItemRule): boolean {
  return rule.action === "viewed" && readsField(rule, isTimePath);
}

export function isTimePath(path: Path): boolean {
  return path[0] === "time";
}

function isMoneyPath(path: Path): boolean {
  return path[0] === "price" || path[0] === "value";
}

export function whereReadsTime(where: Where): boolean {
  return whereReads(where, isTimePath);
}

function readsField({ where, measure }: Reads, isOne: (path: Path) => boolean): boolean {
  if (measure !== undefined && "of" in measure && isOne(measure.of)) return true;
  return where !== undefined && whereReads(where, isOne);
}

export function whereReads(where: Where, isOne: (path: Path) => boolean): boolean {
  if (where.op === "test") return isOne(where.path);
  return where.op === "not" ? whereReads(where.where, isOne) : where.wheres.some((inner) => whereReads(inner, isOne));
}

/** The action by which values of a type are measured. */
export function favoriteAction(by: FavoriteRule["by"]): string {
  return by === "purchases" || by === "revenue" ? "purchased" : "viewed";
}

/** What is kept for a favorite rule: how much each value of its type comes to, whichever ids and top it asks for. */
export function favoriteKey({ type, by, window }: FavoriteRule, { zone, vocabulary }: QuestionScope): string {
  return canonical({
    op: "favorite",
    by,
    ...itemsAsked({ action: favoriteAction(by), type }, {}, vocabulary),
    ...(by === "revenue" ? { currency: vocabulary.currency } : {}),
    ...(by === "time" ? { idle: vocabulary.visitIdleMs } : {}),
    ...(window === undefined ? {} : { window }),
    ...(window !== undefined && isLocalWindow(window) ? { zone } : {}),
    ...(window?.kind === "visit" ? { visits: vocabulary.visitIdleMs } : {}),
  });
}
