// Definitions and lists that a program gives as values, not as files: read like those of load.ts, and what is wrong with
// them is told by path (`segments[2].rule.all[0]`), for a program has no lines.
import { parseDefinition } from "../core/rules/parse/parse.ts";
import type { Problem } from "../core/rules/parse/problems.ts";
import type { Json, Limits } from "../core/types.ts";
import { inside, type Loaded, type LoadedDefinition, type LoadedList, type Place } from "./load.ts";

const NOWHERE: Place = { file: "", line: 0, column: 0 };

export interface Given extends Loaded {
  /** The same as `problems` and `warnings`, by path. */
  readonly found: { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };
}

/** `pathOf` says where each stands in what was sent; "" where it is all that was. */
export function givenDefinitions(
  sources: readonly Json[],
  lists: readonly LoadedList[],
  limits: Limits,
  pathOf: (index: number) => string,
): Given {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const first = new Map<string, number>();
  const definitions = sources.map((source, index): LoadedDefinition => {
    const parsed = parseDefinition(source, limits);
    const told = (problem: Problem): Problem => ({ ...problem, path: inside(pathOf(index), problem.path) });
    if (parsed.ok) warnings.push(...parsed.warnings.map(told));
    else problems.push(...parsed.problems.map(told));
    const definition = parsed.ok ? parsed.definition : undefined;
    const id = definition?.id;
    if (id !== undefined && first.has(id)) {
      problems.push(told({ path: "id", message: `${id} is already defined at ${pathOf(first.get(id)!)}; keep one` }));
    } else if (id !== undefined) first.set(id, index);
    return { source, file: "", line: 0, definition, placeOf: () => NOWHERE };
  });
  const placed = ({ path, message }: Problem) => ({ ...NOWHERE, message: `${path}: ${message}` });
  return {
    definitions,
    lists,
    problems: problems.map(placed),
    warnings: warnings.map(placed),
    isWhole: true,
    found: { problems, warnings },
  };
}

/** A list as a program gives it. */
export function givenList(id: string, kind: LoadedList["kind"], members: readonly string[]): LoadedList {
  return { id, kind, members: [...new Set(members)], place: NOWHERE };
}
