// What is: tests over one record of a member, the objects he owns, his favourites, how far he is in a funnel.
// parse-rule.ts calls it; which fields a record has, fields.ts says.
import type { FavoriteMeasure, FunnelRule, ObjectRule, RecordKind, Rule } from "../ast.ts";
import { OBJECT_FIELDS, RECORD_FIELDS, SITUATION_FIELDS } from "../words/fields.ts";
import { EDGES, FAVORITE_MEASURES, FUNNEL_RELATIONS, OBJECT_MEASURES } from "../words/grammar.ts";
import { parseIds } from "./parse-happened.ts";
import { measureSynonyms, parseMeasure } from "./parse-measure.ts";
import { parseLabel } from "./parse-names.ts";
import { parseWhere } from "./parse-where.ts";
import { parseWindow } from "./parse-window.ts";
import { checkKeys, type Fields, isObject, keyPath, quoted, type Report, shown, suggestion } from "./problems.ts";

export function parseRecord(
  op: RecordKind,
  body: unknown,
  path: string,
  report: Report,
  depth: number,
): Rule | undefined {
  const problemsBefore = report.problems.length;
  const where = parseWhere(body, path, report, RECORD_FIELDS[op], depth);
  return where && report.problems.length === problemsBefore ? { op, where } : undefined;
}

export function parseAnonymous(body: unknown, path: string, report: Report): Rule | undefined {
  if (typeof body === "boolean") return { op: "anonymous", is: body };
  return report.problem(path, `expected true or false; found ${shown(body)}`, "true");
}

export function parseSituation(body: unknown, path: string, report: Report, depth: number): Rule | undefined {
  if (!isObject(body)) {
    return report.problem(
      path,
      `expected an object such as {kind: traffic, where: {level: high}}; found ${shown(body)}`,
    );
  }
  checkKeys(body, path, report, ["kind", "where"], { type: "kind", name: "kind", values: "where", is: "where" });
  const kind = labelOf(
    body,
    "kind",
    path,
    report,
    "a situation rule needs the kind of the feed, such as kind: traffic",
  );
  if (!Object.hasOwn(body, "where")) {
    return report.problem(keyPath(path, "where"), "a situation rule needs where: tests of the values of the feed");
  }
  const where = parseWhere(body.where, keyPath(path, "where"), report, SITUATION_FIELDS, depth);
  return kind === undefined || where === undefined ? undefined : { op: "situation", kind, where };
}

const NOT_OF_OBJECTS = ["days", "visits", ...EDGES, "window"];

export function parseObjects(body: unknown, path: string, report: Report, depth: number): Rule | undefined {
  if (!isObject(body)) {
    const hint = typeof body === "string" ? `{type: ${body}}` : undefined;
    return report.problem(path, `expected an object such as {type: lease}; found ${shown(body)}`, hint);
  }
  const problemsBefore = report.problems.length;
  const wrong = NOT_OF_OBJECTS.filter((key) => Object.hasOwn(body, key));
  for (const key of wrong) {
    report.problem(keyPath(path, key), `object speaks of what is owned now, so ${key} has no place in it`);
  }
  const own = Object.fromEntries(Object.entries(body).filter(([key]) => !wrong.includes(key)));
  const synonyms = measureSynonyms(OBJECT_FIELDS, { kind: "type", name: "type", id: "where" });
  checkKeys(own, path, report, ["type", "where", ...OBJECT_MEASURES], synonyms);
  const type = labelOf(own, "type", path, report, "an object rule needs a type, such as type: lease");
  const where = Object.hasOwn(own, "where")
    ? parseWhere(own.where, keyPath(path, "where"), report, OBJECT_FIELDS, depth)
    : undefined;
  const measure = parseMeasure(own, path, report, OBJECT_FIELDS, OBJECT_MEASURES, depth);
  if (type === undefined || measure === undefined || report.problems.length > problemsBefore) return undefined;
  return { op: "object", type, ...(where === undefined ? {} : { where }), measure: measure as ObjectRule["measure"] };
}

const FAVORITE_KEYS = ["type", "ids", "by", "top", "window"];

export function parseFavorite(body: unknown, path: string, report: Report): Rule | undefined {
  if (!isObject(body)) {
    const example = "{type: category, ids: [shoes], by: views}";
    return report.problem(path, `expected an object such as ${example}; found ${shown(body)}`);
  }
  const synonyms = { id: "ids", in: "ids", measure: "by", rank: "top", n: "top", limit: "top", when: "window" };
  checkKeys(body, path, report, FAVORITE_KEYS, synonyms);
  const type = labelOf(body, "type", path, report, "a favorite rule needs a catalog type, such as type: category");
  const ids = parseIds(body.ids, keyPath(path, "ids"), report);
  const by = parseFavoriteMeasure(body.by, keyPath(path, "by"), report);
  const top = Object.hasOwn(body, "top") ? parseTop(body.top, keyPath(path, "top"), report) : 1;
  const window = Object.hasOwn(body, "window")
    ? parseWindow(body.window, keyPath(path, "window"), report, "occurrence")
    : null;
  if (type === undefined || ids === undefined || by === undefined || top === undefined || window === undefined) {
    return undefined;
  }
  return { op: "favorite", type, ids, by, top, ...(window === null ? {} : { window }) };
}

function parseFavoriteMeasure(value: unknown, path: string, report: Report): FavoriteMeasure | undefined {
  if (FAVORITE_MEASURES.includes(value as FavoriteMeasure)) return value as FavoriteMeasure;
  const synonyms = {
    view: "views",
    viewed: "views",
    count: "views",
    seconds: "time",
    orders: "purchases",
    value: "revenue",
  };
  const hint = typeof value === "string" ? suggestion(value, FAVORITE_MEASURES, synonyms) : undefined;
  return report.problem(path, `by is one of ${FAVORITE_MEASURES.join(", ")}; found ${shown(value)}`, hint);
}

function parseTop(value: unknown, path: string, report: Report): number | undefined {
  const { itemsMax } = report.limits;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= itemsMax) return value;
  return report.problem(path, `expected a whole number from 1 to ${itemsMax} (limits.itemsMax); found ${shown(value)}`);
}

export function parseFunnel(body: unknown, path: string, report: Report): Rule | undefined {
  if (!isObject(body)) {
    return report.problem(path, `expected an object such as {id: trial, at: paid}; found ${shown(body)}`);
  }
  const synonyms = { funnel: "id", name: "id", step: "at", is: "at", reached: "at", until: "before", past: "after" };
  checkKeys(body, path, report, ["id", ...FUNNEL_RELATIONS], synonyms);
  const id = labelOf(body, "id", path, report, "a funnel rule needs the id of a funnel of the vocabulary");
  const given = FUNNEL_RELATIONS.filter((relation) => Object.hasOwn(body, relation));
  const relation = given[0];
  if (relation === undefined || given.length > 1) {
    const told = Object.keys(body).some((key) => key !== "id" && !FUNNEL_RELATIONS.includes(key as "at"));
    if (given.length > 1 || !told) report.problem(path, "a funnel rule names one step: by at, before or after");
    return undefined;
  }
  const step = parseLabel(body[relation], keyPath(path, relation), report, "the name of a step");
  if (id === undefined || step === undefined) return undefined;
  const rule: FunnelRule = { op: "funnel", id, relation, step };
  return rule;
}

function labelOf(body: Fields, key: string, path: string, report: Report, reason: string): string | undefined {
  const at = keyPath(path, key);
  if (!Object.hasOwn(body, key)) return report.problem(at, reason);
  return parseLabel(body[key], at, report, `text for ${quoted(key)}`);
}
