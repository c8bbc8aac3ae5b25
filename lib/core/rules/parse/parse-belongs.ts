// Where one belongs: segments, lists, a share of everybody.
// parse-rule.ts calls it; that what is named exists is checked with the whole batch, in graph.ts.
import type { Rule } from "../ast.ts";
import { parseLabel, parseTexts } from "./parse-names.ts";
import { parseWindow } from "./parse-window.ts";
import { checkKeys, type Fields, isObject, keyPath, type Report, shown } from "./problems.ts";

export const SEGMENT_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;

const BELONGING_SYNONYMS = { any: "in", of: "in", is: "in", not: "notIn", nin: "notIn", since: "joined", ids: "in" };

export function parseSegment(body: unknown, path: string, report: Report): Rule | undefined {
  const belonging = parseBelonging(body, path, report, "segment", ["in", "notIn", "joined"], parseSegmentId);
  if (belonging === undefined) return undefined;
  const { fields, ids, negate } = belonging;
  if (!Object.hasOwn(fields, "joined")) return { op: "segment", ids, negate };
  const at = keyPath(path, "joined");
  if (negate) return report.problem(at, "joined goes with in: who is not in a segment has not joined it");
  const joined = parseWindow(fields.joined, at, report, "joined");
  return joined && { op: "segment", ids, negate, joined };
}

export function parseSegmentId(value: unknown, path: string, report: Report): string | undefined {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text === "string" && SEGMENT_ID.test(text)) return text;
  return report.problem(
    path,
    `a segment's id has a-z, 0-9 and -, starts with a letter or digit, and has at most 64 characters; found ${shown(value)}`,
    likelyId(text),
  );
}

function likelyId(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > 200) return undefined;
  const id = value
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return SEGMENT_ID.test(id) ? id : undefined;
}

export function parseList(body: unknown, path: string, report: Report): Rule | undefined {
  const parseId = (item: unknown, at: string) => parseLabel(item, at, report, "a list's id");
  const belonging = parseBelonging(body, path, report, "list", ["in", "notIn"], parseId);
  return belonging && { op: "list", ids: belonging.ids, negate: belonging.negate };
}

function parseBelonging(
  body: unknown,
  path: string,
  report: Report,
  what: string,
  keys: readonly string[],
  parseId: (item: unknown, path: string, report: Report) => string | undefined,
): { readonly fields: Fields; readonly ids: readonly string[]; readonly negate: boolean } | undefined {
  if (!isObject(body)) {
    const hint = typeof body === "string" ? `{in: [${body}]}` : undefined;
    return report.problem(path, `expected {in: [ids]} or {notIn: [ids]}; found ${shown(body)}`, hint);
  }
  checkKeys(body, path, report, keys, BELONGING_SYNONYMS);
  const forms = (["in", "notIn"] as const).filter((form) => Object.hasOwn(body, form));
  const form = forms[0];
  if (form === undefined || forms.length > 1) {
    const known = Object.keys(body).every((key) => keys.includes(key));
    if (known) report.problem(path, `a ${what} rule has one of in and notIn`);
    return undefined;
  }
  const ids = parseTexts(body[form], keyPath(path, form), report, `${what} id`, parseId);
  return ids && { fields: body, ids, negate: form === "notIn" };
}

export function parseBucket(body: unknown, path: string, report: Report): Rule | undefined {
  if (!isObject(body)) return report.problem(path, `expected {from, to} in percent; found ${shown(body)}`);
  checkKeys(body, path, report, ["from", "to", "salt"], { seed: "salt", min: "from", max: "to", percent: "to" });
  const from = parsePercent(body.from, keyPath(path, "from"), report);
  const to = parsePercent(body.to, keyPath(path, "to"), report);
  const salt = Object.hasOwn(body, "salt") ? parseSalt(body.salt, keyPath(path, "salt"), report) : "";
  if (from === undefined || to === undefined || salt === undefined) return undefined;
  if (from >= to) return report.problem(path, `from ${from} must be below to ${to}: nobody's position lies between`);
  if (from === 0 && to === 100) report.warn(path, "always true: every position lies from 0 to 100");
  return { op: "bucket", from, to, salt };
}

function parsePercent(value: unknown, path: string, report: Report): number | undefined {
  if (typeof value === "number" && value >= 0 && value <= 100) return value;
  return report.problem(path, `expected a number from 0 to 100; found ${shown(value)}`);
}

function parseSalt(value: unknown, path: string, report: Report): string | undefined {
  return value === "" ? "" : parseLabel(value, path, report, "a salt");
}
