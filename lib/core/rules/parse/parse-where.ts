// A `where`: tests by path over one record, and their combinations. Paths are split and unescaped here.
// The parsers of rules and parse-test.ts (`has`) call it; it calls parse-test.ts for what is asked of each path.
import type { Path, Where } from "../ast.ts";
import { OCCURRENCE_FIELDS, type RecordFields } from "../words/fields.ts";
import type { FieldType } from "../words/grammar.ts";
import { parseTest } from "./parse-test.ts";
import { type Fields, FORBIDDEN_KEYS, isObject, itemPath, keyPath, quoted, type Report, shown } from "./problems.ts";

const LOGICAL = ["all", "any", "none", "not"];

export function parseWhere(
  value: unknown,
  path: string,
  report: Report,
  fields: RecordFields,
  depth: number,
): Where | undefined {
  if (!isObject(value)) {
    return report.problem(path, `expected tests by path, such as {path: value}; found ${shown(value)}`);
  }
  const keys = Object.keys(value);
  if (keys.length === 0) return report.problem(path, "an empty where says nothing; name at least one path");
  const logical = keys.find((key) => LOGICAL.includes(key));
  if (logical === undefined) return parseTests(value, keys, path, report, fields, depth);
  if (!report.enter(path, depth)) return undefined;
  if (keys.length > 1) {
    return report.problem(
      path,
      `${logical} stands alone; put the other tests into it, or write \\${logical} for a field of that name`,
      `\\${logical}`,
    );
  }
  return parseLogical(logical, value[logical], keyPath(path, logical), report, fields, depth);
}

function parseLogical(
  op: string,
  operand: unknown,
  path: string,
  report: Report,
  fields: RecordFields,
  depth: number,
): Where | undefined {
  if (op === "not") {
    const where = parseWhere(operand, path, report, fields, depth + 1);
    return where && { op: "not", where };
  }
  if (!Array.isArray(operand) || operand.length === 0) {
    return report.problem(
      path,
      `${op} takes a list of at least one where; found ${Array.isArray(operand) ? "an empty list" : shown(operand)} (a field named ${op} is written \\${op})`,
      Array.isArray(operand) ? undefined : `\\${op}`,
    );
  }
  const wheres: Where[] = [];
  for (const [index, item] of operand.entries()) {
    const where = parseWhere(item, itemPath(path, index), report, fields, depth + 1);
    if (where !== undefined) wheres.push(where);
  }
  return { op: op as "all" | "any" | "none", wheres };
}

function parseTests(
  value: Fields,
  keys: readonly string[],
  path: string,
  report: Report,
  fields: RecordFields,
  depth: number,
): Where | undefined {
  const wheres: Where[] = [];
  for (const key of keys) {
    const at = keyPath(path, key);
    const field = parseField(key, at, report, fields);
    if (field === undefined) continue;
    const context = { type: field.type, keepsPast: fields.keepsPast, key, domain: fields.domainOf(field.path) };
    const test = parseTest(value[key], at, report, context, depth);
    if (test !== undefined) wheres.push({ op: "test", path: field.path, test });
  }
  if (wheres.length === 1 && keys.length === 1) return wheres[0];
  return { op: "all", wheres };
}

/** A path as written, with the type of the field it leads to. */
export function parseField(
  written: unknown,
  at: string,
  report: Report,
  fields: RecordFields,
): { readonly path: Path; readonly type: FieldType } | undefined {
  const path = parsePath(written, at, report);
  if (path === undefined) return undefined;
  const type = fields.typeOf(path);
  if (type !== undefined) {
    if (fields === OCCURRENCE_FIELDS.item && report.kind === "account" && path[0] === "userId") {
      report.warn(at, "here it is an attribute of the item; who of the users did it, event and campaign rules read");
    }
    return { path, type };
  }
  if (Object.hasOwn(fields.ofAccounts ?? {}, path.join("."))) {
    return report.problem(
      at,
      `${path.join(".")} tells an account's users apart, so only segments of accounts read it: a user's events are all of his own`,
    );
  }
  return report.problem(
    at,
    `${fields.record} has no field ${quoted(String(written))}; its fields are ${fields.listed}`,
    fields.suggest(path),
  );
}

/**
 * Names joined by dots. A backslash makes the next dot or backslash part of a name, and stands before a first name
 * that is one of the words of a where: `\all`.
 */
export function parsePath(written: unknown, at: string, report: Report): Path | undefined {
  if (typeof written !== "string") {
    return report.problem(at, `expected a path, names joined by dots; found ${shown(written)}`);
  }
  const names = splitNames(written);
  if (names === undefined) {
    return report.problem(at, `in a path, \\ stands only before a dot, a \\, or a leading all, any, none or not`);
  }
  const { nameLengthMax, jsonDepthMax } = report.limits;
  if (names.includes(""))
    return report.problem(at, `a name is missing in the path ${quoted(written)}; a dot inside a name is written \\.`);
  if (names.length > jsonDepthMax) {
    return report.problem(at, `the path has more than ${jsonDepthMax} names (limits.jsonDepthMax)`);
  }
  if (names.some((name) => name.length > nameLengthMax)) {
    return report.problem(at, `a name of the path is longer than ${nameLengthMax} characters (limits.nameLengthMax)`);
  }
  const forbidden = names.find((name) => FORBIDDEN_KEYS.has(name));
  if (forbidden !== undefined) return report.problem(at, `the name ${quoted(forbidden)} is refused in a path`);
  return names;
}

function splitNames(written: string): string[] | undefined {
  const leading = /^\\(?:all|any|none|not)(?=$|\.)/.test(written);
  const names: string[] = [];
  let name = "";
  for (let index = leading ? 1 : 0; index < written.length; index += 1) {
    const char = written[index]!;
    if (char === ".") {
      names.push(name);
      name = "";
    } else if (char === "\\") {
      index += 1;
      const escaped = written[index];
      if (escaped !== "." && escaped !== "\\") return undefined;
      name += escaped;
    } else {
      name += char;
    }
  }
  return [...names, name];
}
