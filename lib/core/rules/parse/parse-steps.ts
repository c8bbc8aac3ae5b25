// Steps in an order: what completes each, how soon after the one before, and what must not come.
// parse-rule.ts calls it for sequences; the vocabulary reads the steps of its funnels by parseStepWhich.
import type { Rule, SequenceRule, SequenceStep, StepWhich } from "../ast.ts";
import { OCCURRENCE_FIELDS_OF } from "../words/fields.ts";
import { EDGES, MEASURES_OF, STEPS, type StepName, WHICH_KEYS } from "../words/grammar.ts";
import { parseStepBody } from "./parse-happened.ts";
import { measureSynonyms } from "./parse-measure.ts";
import { parseWhere } from "./parse-where.ts";
import { parseDuration, parseWindow } from "./parse-window.ts";
import { checkKeys, type Fields, isObject, itemPath, keyPath, type Report, shown } from "./problems.ts";

const FORMS = STEPS.join(", ");

export function parseSequence(body: unknown, path: string, report: Report, depth: number): Rule | undefined {
  if (!isObject(body)) {
    const hint = Array.isArray(body) ? "{steps: […]}" : undefined;
    return report.problem(path, `expected an object such as {steps: [step, step]}; found ${shown(body)}`, hint);
  }
  checkKeys(body, path, report, ["steps", "window"], {
    step: "steps",
    within: "window",
    when: "window",
  });
  const steps = parseSteps(body.steps, keyPath(path, "steps"), report, depth);
  const window = Object.hasOwn(body, "window")
    ? parseWindow(body.window, keyPath(path, "window"), report, "occurrence")
    : null;
  if (steps === undefined || window === undefined) return undefined;
  const rule: SequenceRule = { op: "sequence", steps, ...(window === null ? {} : { window }) };
  return rule;
}

function parseSteps(value: unknown, path: string, report: Report, depth: number): SequenceStep[] | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    const found = Array.isArray(value) ? "an empty list" : shown(value);
    return report.problem(path, `expected a list of at least one step; found ${found}`);
  }
  const { sequenceStepsMax } = report.limits;
  if (value.length > sequenceStepsMax) {
    return report.problem(path, `${value.length} steps; the limit is ${sequenceStepsMax} (limits.sequenceStepsMax)`);
  }
  const steps: SequenceStep[] = [];
  for (const [index, item] of value.entries()) {
    const step = parseSequenceStep(item, index, itemPath(path, index), report, depth);
    if (step !== undefined) steps.push(step);
  }
  return steps.length === value.length ? steps : undefined;
}

function parseSequenceStep(
  value: unknown,
  index: number,
  path: string,
  report: Report,
  depth: number,
): SequenceStep | undefined {
  if (!isObject(value)) {
    const hint = typeof value === "string" ? `{event: {name: ${value}}}` : undefined;
    return report.problem(path, `expected a step, such as {event: {name: Signed Up}}; found ${shown(value)}`, hint);
  }
  if (Object.hasOwn(value, "absent")) return parseAbsence(value, index, path, report, depth);
  const which = parseStep(value, path, report, depth, ["within", "absent"]);
  if (!Object.hasOwn(value, "within")) return which && { kind: "occurs", which };
  const at = keyPath(path, "within");
  if (index === 0) return report.problem(at, "within counts from the step before; the first step has none before it");
  const withinMs = parseDuration(value.within, at, report);
  return which && withinMs === undefined ? undefined : which && { kind: "occurs", which, withinMs: withinMs! };
}

function parseAbsence(
  value: Fields,
  index: number,
  path: string,
  report: Report,
  depth: number,
): SequenceStep | undefined {
  checkKeys(value, path, report, ["absent", "within"], { for: "within", during: "within", last: "within" });
  const at = keyPath(path, "absent");
  if (index === 0) {
    return report.problem(at, "an absence is waited for from the step before, so it cannot be the first step");
  }
  const withinAt = keyPath(path, "within");
  if (!Object.hasOwn(value, "within")) {
    return report.problem(withinAt, "an absence needs within, such as 1d: for how long it must not come");
  }
  const withinMs = parseDuration(value.within, withinAt, report);
  if (!isObject(value.absent)) {
    return report.problem(at, `expected what must not come, such as {order: {}}; found ${shown(value.absent)}`);
  }
  const which = parseStep(value.absent, at, report, depth, []);
  return which && withinMs !== undefined ? { kind: "absent", which, withinMs } : undefined;
}

const STEP_SYNONYMS: Readonly<Record<string, string>> = {
  track: "event",
  page: "event",
  product: "item",
  purchase: "order",
  not: "absent",
  none: "absent",
  in: "within",
  last: "within",
  window: "within",
};

/** One of several things that happen, as an object with its name as key; `besides` are keys that may stand next to it. */
function parseStep(
  value: Fields,
  path: string,
  report: Report,
  depth: number,
  besides: readonly string[],
): StepWhich | undefined {
  if (!report.enter(path, depth)) return undefined;
  checkKeys(value, path, report, [...STEPS, ...besides], STEP_SYNONYMS);
  const found = STEPS.filter((step) => Object.hasOwn(value, step));
  const op = found[0];
  if (op === undefined) {
    const told = Object.keys(value).some((key) => !besides.includes(key));
    return told ? undefined : report.problem(path, `a step names what happens: one of ${FORMS}`);
  }
  if (found.length > 1) return report.problem(path, `one thing a step; found ${found.join(" and ")}`);
  return parseStepWhich(op, value[op], keyPath(path, op), report, depth);
}

/** What stands under the name of a step: which events, items, orders or outcomes complete it. */
export function parseStepWhich(
  op: StepName,
  body: unknown,
  path: string,
  report: Report,
  depth: number,
): StepWhich | undefined {
  if (!isObject(body)) {
    const hint = op === "event" && typeof body === "string" ? `{name: ${body}}` : undefined;
    return report.problem(path, `expected an object that says which ${op}; found ${shown(body)}`, hint);
  }
  const problemsBefore = report.problems.length;
  refuseMeasures(op, body, path, report);
  const which = parseStepBody(op, body, path, report, depth);
  const fields = OCCURRENCE_FIELDS_OF[report.kind][op];
  const where = Object.hasOwn(body, "where")
    ? parseWhere(body.where, keyPath(path, "where"), report, fields, depth)
    : undefined;
  if (which === undefined || report.problems.length > problemsBefore) return undefined;
  return { op, ...which, ...(where === undefined ? {} : { where }) } as StepWhich;
}

function refuseMeasures(op: StepName, body: Fields, path: string, report: Report): void {
  const measures = [...MEASURES_OF[op], "window"];
  const given = measures.filter((key) => Object.hasOwn(body, key) && !WHICH_KEYS[op].includes(key));
  for (const key of given) {
    const instead = key === "window" || EDGES.includes(key as "first") ? "; how soon it must come says within" : "";
    report.problem(keyPath(path, key), `a step happens once, so ${key} has no place in it${instead}`);
  }
  const rest = Object.fromEntries(Object.entries(body).filter(([key]) => !given.includes(key)));
  const synonyms = Object.entries(measureSynonyms(OCCURRENCE_FIELDS_OF[report.kind][op])).filter(
    ([, word]) => word === "where",
  );
  checkKeys(rest, path, report, [...WHICH_KEYS[op], "where"], Object.fromEntries(synonyms));
}
