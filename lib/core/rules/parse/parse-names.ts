// Names and ids: text that must not be empty, where a number is read as its decimal text; lists of them, and names of events.
// The parsers of rules call it.
import { checkKeys, isObject, itemPath, keyPath, type Report, shown } from "./problems.ts";

/** Text where a name or an id stands: a number is read as its decimal text. */
export function parseLabel(value: unknown, path: string, report: Report, what: string): string | undefined {
  const text = typeof value === "number" && Number.isFinite(value) ? String(value) : value;
  const { nameLengthMax } = report.limits;
  if (typeof text !== "string" || text === "") {
    return report.problem(path, `expected ${what}; found ${text === "" ? "an empty text" : shown(value)}`);
  }
  if (text.length <= nameLengthMax) return text;
  return report.problem(
    path,
    `${what} has at most ${nameLengthMax} characters (limits.nameLengthMax); found ${text.length}`,
  );
}

export function parseTexts(
  value: unknown,
  path: string,
  report: Report,
  what: string,
  parseOne: (item: unknown, path: string, report: Report) => string | undefined,
): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    const hint = typeof value === "string" ? `[${value}]` : undefined;
    const found = Array.isArray(value) ? "an empty list" : shown(value);
    return report.problem(path, `expected a list of at least one ${what}; found ${found}`, hint);
  }
  const { listValuesMax } = report.limits;
  if (value.length > listValuesMax) {
    return report.problem(
      path,
      `the list has ${value.length} values; the limit is ${listValuesMax} (limits.listValuesMax)`,
    );
  }
  const texts = new Set<string>();
  for (const [index, item] of value.entries()) {
    const text = parseOne(item, itemPath(path, index), report);
    if (text !== undefined) texts.add(text);
  }
  return [...texts];
}

export type Names =
  | { readonly together: true; readonly names: readonly string[] | "*" }
  | { readonly together: false; readonly names: readonly string[] };

export function parseNames(value: unknown, path: string, report: Report): Names | undefined {
  if (value === "*") return { together: true, names: "*" };
  if (value === undefined) {
    return report.problem(path, 'an event rule needs a name: text, "*" for any, {any: [names]} or {each: [names]}');
  }
  if (!isObject(value)) {
    if (Array.isArray(value))
      return report.problem(path, "a list of names is written {any: [names]} or {each: [names]}", "any");
    const name = parseName(value, path, report);
    return name === undefined ? undefined : { together: true, names: [name] };
  }
  checkKeys(value, path, report, ["any", "each"], { all: "each", in: "any", or: "any", and: "each" });
  const forms = (["any", "each"] as const).filter((form) => Object.hasOwn(value, form));
  const form = forms[0];
  if (form === undefined || forms.length > 1) {
    if (forms.length > 1 || Object.keys(value).length === 0)
      report.problem(path, "give one of {any: [names]} and {each: [names]}");
    return undefined;
  }
  const names = parseTexts(value[form], keyPath(path, form), report, "name", parseName);
  return names && { together: form === "any", names };
}

function parseName(value: unknown, path: string, report: Report): string | undefined {
  if (value === "*") return report.problem(path, 'name: "*" stands alone and means any event');
  return parseLabel(value, path, report, "an event name");
}
