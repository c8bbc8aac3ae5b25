// Names that a definition asks for and nobody sends: most often a word misspelled. What has been seen, the caller knows.
// `segments apply` looks at the newest messages of the logs for it (lib/cli/seen-names.ts).
import { DEFAULT_LIMITS } from "../../types.ts";
import type { Definition } from "../ast.ts";
import { parsePath } from "../parse/parse-where.ts";
import {
  type Fields,
  isObject,
  itemPath,
  keyPath,
  nearest,
  type Problem,
  problemOf,
  quoted,
  Report,
} from "../parse/problems.ts";
import { labelIn, type WrittenRule, writtenRules } from "./written.ts";

export interface SeenNames {
  /** Of events, as rules call them. */
  readonly events: ReadonlySet<string>;
  /** Of traits; of one inside another, the outer. */
  readonly traits: ReadonlySet<string>;
  /** Of accounts, as group calls write them. */
  readonly accountTraits: ReadonlySet<string>;
  /** Where they were looked for: "the last 2,000 messages". */
  readonly among: string;
}

/** A name that a definition writes down, and where. */
export interface NamedPlace {
  readonly kind: "event" | "trait" | "trait of an account";
  readonly name: string;
  readonly path: string;
}

export function warningsOfUnseen(definition: Definition, seen: SeenNames): Problem[] {
  return namesWritten(definition).flatMap(({ kind, name, path }) => {
    const known = { event: seen.events, trait: seen.traits, "trait of an account": seen.accountTraits }[kind];
    if (known.has(name)) return [];
    const message = `never seen: no ${kind} ${quoted(name)} is among ${seen.among}`;
    return [problemOf(path, message, nearest(name, known))];
  });
}

export function namesWritten(definition: Definition): NamedPlace[] {
  return writtenRules(definition).flatMap((rule) => {
    if (rule.name === "event") return eventNames(rule);
    const kind = rule.kind === "account" ? "trait of an account" : "trait";
    return traitsOf(rule).map(({ name, path }) => ({ kind, name, path }));
  });
}

type Trait = Omit<NamedPlace, "kind">;

function traitsOf({ name, body, path }: WrittenRule): Trait[] {
  if (name === "trait") return traitsIn(body, path);
  return name === "change" ? traitOf(labelIn(body, "trait")!, keyPath(path, "trait")) : [];
}

function eventNames({ body, path }: WrittenRule): NamedPlace[] {
  const at = keyPath(path, "name");
  const written: unknown = isObject(body) ? body.name : undefined;
  if (!isObject(written)) {
    return written === "*" ? [] : [{ kind: "event", name: String(written), path: at }];
  }
  return Object.entries(written).flatMap(([form, names]) =>
    (names as readonly unknown[]).map(
      (name, index): NamedPlace => ({ kind: "event", name: String(name), path: itemPath(keyPath(at, form), index) }),
    ),
  );
}

function traitsIn(where: unknown, path: string): Trait[] {
  if (!isObject(where)) return [];
  const logical = (["all", "any", "none", "not"] as const).find((key) => Object.hasOwn(where, key));
  if (logical === undefined) return Object.keys(where).flatMap((key) => traitOf(key, keyPath(path, key)));
  const at = keyPath(path, logical);
  const inner: unknown = (where as Fields)[logical];
  if (!Array.isArray(inner)) return traitsIn(inner, at);
  return inner.flatMap((item, index) => traitsIn(item, itemPath(at, index)));
}

function traitOf(written: string, path: string): Trait[] {
  const names = parsePath(written, path, new Report(DEFAULT_LIMITS));
  return names === undefined ? [] : [{ name: names[0]!, path }];
}
