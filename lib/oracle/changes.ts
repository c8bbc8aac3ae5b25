// Changes of a trait: accepted writes whose value differs from the one before (rules.md 4.8).
// evaluate.ts measures them like anything that happened.
import type { ChangeRule, Path, Test, Where } from "../core/rules/ast.ts";
import type { Happened, Question } from "./evaluate.ts";
import type { TraitWrite } from "./history.ts";
import { localDayOf } from "./time.ts";
import { endsOf, isRecord, type TestContext, whereHolds } from "./values.ts";

interface Change {
  readonly write: TraitWrite;
  /** What the path led to before and after; nothing where it was missing. */
  readonly from: readonly unknown[];
  readonly to: readonly unknown[];
}

/** All changes that match a rule, in log order. */
export function changesOf(rule: ChangeRule, question: Question): Happened[] {
  const all = changesAt(rule.trait, question);
  const concerned = rule.stayed ? all.slice(-1) : all;
  return concerned.flatMap((change): Happened[] => {
    const { when } = change.write;
    const zone = question.zone === "user" ? when.zone : question.zone;
    if (!matches(rule, change, { clock: when.clock, zone })) return [];
    const day = (): number => localDayOf(when.time, zone);
    return [{ time: when.time, seq: when.seq, record: recordOf(change), day, visit: () => undefined }];
  });
}

function changesAt(path: Path, { member }: Question): Change[] {
  const [name, ...inner] = path;
  let from: readonly unknown[] = [];
  return (member.writes.get(name!) ?? []).flatMap((write): Change[] => {
    const change = { write, from, to: endsOf(write.value, inner) };
    from = change.to;
    return isEqual(change.from, change.to) ? [] : [change];
  });
}

function matches(rule: ChangeRule, change: Change, context: TestContext): boolean {
  const record = recordOf(change);
  const tests = [
    ...sideOf("from", rule.from),
    ...sideOf("to", rule.to),
    ...(rule.where === undefined ? [] : [rule.where]),
  ];
  return tests.every((where) => whereHolds(where, record, context));
}

function sideOf(side: "from" | "to", test: Test | undefined): Where[] {
  return test === undefined ? [] : [{ op: "test", path: [side], test }];
}

/** What a `where` of a change rule reads. */
function recordOf({ from, to }: Change): Record<string, unknown> {
  return { ...sideValue("from", from), ...sideValue("to", to) };
}

/** A path through a list leads to several values: they are read as a list. */
function sideValue(side: "from" | "to", ends: readonly unknown[]): Record<string, unknown> {
  if (ends.length === 0) return {};
  return { [side]: ends.length === 1 ? ends[0] : ends };
}

function isEqual(one: unknown, other: unknown): boolean {
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((item, at) => isEqual(item, other[at]));
  }
  if (!isRecord(one) || !isRecord(other)) return one === other;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && isEqual(one[name], other[name]))
  );
}
