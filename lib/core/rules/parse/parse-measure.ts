// How much: the one measure of a rule, over what happened or over the objects that somebody owns.
// parse-happened.ts and parse-is.ts call it.
import type { Measure, Path, Test, Window } from "../ast.ts";
import { domainOfMeasure } from "../checks/lint.ts";
import type { RecordFields } from "../words/fields.ts";
import { AGGREGATES, type FieldType } from "../words/grammar.ts";
import { parseTest } from "./parse-test.ts";
import { parseField } from "./parse-where.ts";
import { parseWindow } from "./parse-window.ts";
import { checkKeys, type Fields, isObject, keyPath, type Report, shown } from "./problems.ts";

const MEASURE_SYNONYMS: Readonly<Record<string, string>> = {
  times: "count",
  atleast: "count",
  average: "avg",
  mean: "avg",
  total: "sum",
  largest: "max",
  maximum: "max",
  minimum: "min",
  unique: "distinct",
  last: "latest",
  newest: "latest",
  within: "window",
  when: "window",
  filter: "where",
  properties: "where",
  names: "name",
};

/** The key that was probably meant; a field of the record belongs into `where`. */
export function measureSynonyms(
  fields: RecordFields,
  own: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const inWhere = Object.keys(fields.fields).map((field) => [field.toLowerCase(), "where"] as const);
  return { ...Object.fromEntries(inWhere), ...MEASURE_SYNONYMS, ...own };
}

/** Nothing written is at least once. */
export function parseMeasure(
  body: Fields,
  path: string,
  report: Report,
  fields: RecordFields,
  measures: readonly string[],
  depth: number,
): Measure | undefined {
  const given = measures.filter((measure) => Object.hasOwn(body, measure));
  const kind = given[0] as Measure["kind"] | undefined;
  if (kind === undefined) return { kind: "count", is: [{ op: "gte", value: 1 }] };
  if (given.length > 1) return report.problem(path, `one measure a rule; found ${given.join(" and ")}`);
  const at = keyPath(path, kind);
  if (kind === "first" || kind === "latest") {
    if (Object.hasOwn(body, "window")) {
      return report.problem(keyPath(path, "window"), `${kind} is a window itself; leave out the window beside it`);
    }
    const window: Window | undefined = parseWindow(body[kind], at, report, "occurrence");
    return window && { kind, in: window };
  }
  if (AGGREGATES.includes(kind as "sum")) return parseAggregate(kind as "sum", body[kind], at, report, fields, depth);
  const is = parseNumeric(kind, "number", body[kind], at, report, depth);
  return is && { kind: kind as "count", is };
}

function parseNumeric(
  kind: Measure["kind"],
  type: "number" | "duration",
  value: unknown,
  path: string,
  report: Report,
  depth: number,
): Test | undefined {
  const domain = domainOfMeasure(kind);
  return parseTest(value, path, report, { type, keepsPast: false, key: kind, domain }, depth);
}

function parseAggregate(
  kind: (typeof AGGREGATES)[number],
  value: unknown,
  path: string,
  report: Report,
  fields: RecordFields,
  depth: number,
): Measure | undefined {
  if (!isObject(value)) {
    return report.problem(path, `${kind} takes {of: path, is: test}; found ${shown(value)}`);
  }
  checkKeys(value, path, report, ["of", "is"], { field: "of", path: "of", property: "of", test: "is", value: "is" });
  const missing = ["of", "is"].find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) {
    // An unknown key has been reported already, and is probably the missing one misspelled.
    const told = Object.keys(value).some((key) => key !== "of" && key !== "is");
    return told ? undefined : report.problem(path, `${kind} needs {of: path, is: test}; ${missing} is missing`);
  }
  const of = parseOf(kind, value.of, keyPath(path, "of"), report, fields);
  const type = of?.type === "duration" && kind !== "distinct" ? "duration" : "number";
  const is = parseNumeric(kind, type, value.is, keyPath(path, "is"), report, depth);
  return of && is && { kind, of: of.path, is };
}

const NUMERIC: readonly FieldType[] = ["any", "number", "duration"];
const MANY_IN_ONE: readonly FieldType[] = ["objects", "point"];

function parseOf(
  kind: string,
  value: unknown,
  path: string,
  report: Report,
  fields: RecordFields,
): { readonly path: Path; readonly type: FieldType } | undefined {
  const field = parseField(value, path, report, fields);
  if (field === undefined) return undefined;
  if (kind === "distinct" ? !MANY_IN_ONE.includes(field.type) : NUMERIC.includes(field.type)) return field;
  return report.problem(
    path,
    `${kind} works on ${kind === "distinct" ? "single values" : "numbers"}; ${String(value)} has none`,
  );
}
