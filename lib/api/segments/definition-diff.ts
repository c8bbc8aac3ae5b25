// What differs between two definitions: as a tree that follows the definition's own, and word by word in its sentence.
// Rules of one list are paired by what they say, so that one put in between makes no difference to those behind it.
import { diffArrays, diffWordsWithSpace } from "diff";
import { itemPath, keyPath } from "../../core/rules/parse/problems.ts";
import { canonical } from "../../core/rules/questions/texts.ts";
import type { Json, JsonObject } from "../../core/types.ts";

export type Difference = "same" | "added" | "removed" | "changed";

export interface DiffNode {
  /** In the definition that has it; in the newer one where both do: `rule.all[1].cart`. */
  readonly path: string;
  /** The last step of the path; "" at the root. */
  readonly key: string;
  readonly change: Difference;
  readonly before?: Json;
  readonly after?: Json;
  /** Absent where nothing inside differs, and where one side is no object or list like the other. */
  readonly nodes?: readonly DiffNode[];
}

export interface SentencePart {
  readonly change: "same" | "added" | "removed";
  readonly text: string;
}

export function definitionDiff(before: Json, after: Json): DiffNode {
  return diffAt("", "", before, after);
}

export function sentenceDiff(before: string, after: string): readonly SentencePart[] {
  return diffWordsWithSpace(before, after).map(({ added, removed, value }) => ({
    change: added ? "added" : removed ? "removed" : "same",
    text: value,
  }));
}

function diffAt(path: string, key: string, before: Json | undefined, after: Json | undefined): DiffNode {
  const at = { path, key };
  if (before === undefined) return { ...at, change: "added", after: after! };
  if (after === undefined) return { ...at, change: "removed", before };
  if (canonical(before) === canonical(after)) return { ...at, change: "same", before, after };
  if (Array.isArray(before) && Array.isArray(after)) {
    return { ...at, change: "changed", nodes: itemsDiff(path, before, after) };
  }
  if (isRecord(before) && isRecord(after)) return { ...at, change: "changed", nodes: fieldsDiff(path, before, after) };
  return { ...at, change: "changed", before, after };
}

/** In the order of the newer one; what it has not stands last. */
function fieldsDiff(path: string, before: JsonObject, after: JsonObject): DiffNode[] {
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return [...Object.keys(after), ...gone].map((key) =>
    diffAt(
      keyPath(path, key),
      key,
      Object.hasOwn(before, key) ? before[key] : undefined,
      Object.hasOwn(after, key) ? after[key] : undefined,
    ),
  );
}

/** Those that are the same stand where they stand; between them, one that went and one that came are the same one, changed. */
function itemsDiff(path: string, before: readonly Json[], after: readonly Json[]): DiffNode[] {
  const nodes: DiffNode[] = [];
  let [was, is] = [0, 0];
  let waiting: number[] = [];
  const node = (index: number, old: Json | undefined, fresh: Json | undefined): void => {
    nodes.push(diffAt(itemPath(path, index), String(index), old, fresh));
  };
  const flush = (): void => {
    for (const index of waiting) node(index, before[index], undefined);
    waiting = [];
  };
  for (const { added, removed, value } of diffArrays(before.map(canonical), after.map(canonical))) {
    for (const _ of value) {
      if (removed) waiting.push(was++);
      else if (added) {
        const old = waiting.shift();
        node(is, old === undefined ? undefined : before[old], after[is]);
        is += 1;
      } else {
        flush();
        node(is, before[was++], after[is++]);
      }
    }
  }
  flush();
  return nodes;
}

function isRecord(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
