// What happened: which occurrences (of events, items, orders, visits, campaigns, changes), where, when and how much.
// parse-rule.ts calls it; parse-steps.ts reads the same `which` for the steps of sequences and funnels.
import type { CampaignWhich, EventRule, ItemWhich, OccurrenceRule, Path, Rule, Test } from "../ast.ts";
import { OCCURRENCE_FIELDS_OF } from "../words/fields.ts";
import { MEASURES_OF, MONEY, type OccurrenceName, type StepName, WHICH_KEYS } from "../words/grammar.ts";
import { measureSynonyms, parseMeasure } from "./parse-measure.ts";
import { type Names, parseLabel, parseNames, parseTexts } from "./parse-names.ts";
import { parseTest } from "./parse-test.ts";
import { parsePath, parseWhere } from "./parse-where.ts";
import { parseWindow } from "./parse-window.ts";
import { checkKeys, type Fields, isObject, keyPath, type Report, shown } from "./problems.ts";

const EXAMPLES: Readonly<Record<OccurrenceName, string>> = {
  event: "{name: Order Completed}",
  item: "{action: viewed}",
  order: "{count: {gte: 2}}",
  visit: "{count: {gte: 3}}",
  campaign: "{outcome: clicked}",
  change: "{trait: plan}",
};

const WHICH_SYNONYMS: Readonly<Record<OccurrenceName, Readonly<Record<string, string>>>> = {
  event: { event: "name" },
  item: { name: "action", event: "action", verb: "action", id: "ids", items: "ids", product: "ids", category: "type" },
  order: { average: "average", total: "total", largest: "largest", mean: "average" },
  visit: {},
  campaign: { event: "outcome", action: "outcome", stat: "outcome", campaign: "id", variant: "experience" },
  change: { name: "trait", of: "trait", path: "trait", before: "from", after: "to", stays: "stayed", still: "stayed" },
};

export function parseHappened(
  op: OccurrenceName,
  body: unknown,
  path: string,
  report: Report,
  depth: number,
): Rule | undefined {
  if (!isObject(body)) {
    const hint = op === "event" && typeof body === "string" ? `{name: ${body}}` : undefined;
    return report.problem(path, `expected an object such as ${EXAMPLES[op]}; found ${shown(body)}`, hint);
  }
  const own = op === "order" ? body : withoutMoney(op, body, path, report);
  const allowed = [...WHICH_KEYS[op], "where", "window", ...MEASURES_OF[op]];
  checkKeys(own, path, report, allowed, measureSynonyms(OCCURRENCE_FIELDS_OF[report.kind][op], WHICH_SYNONYMS[op]));
  const names = op === "event" ? parseNames(body.name, keyPath(path, "name"), report) : undefined;
  const which = op === "event" ? names && {} : parseWhich(op, body, path, report, depth);
  const measured = parseMeasured(op, own, path, report, depth);
  if (which === undefined || measured === undefined) return undefined;
  if (names !== undefined) return ofNames(names, measured, path, report, depth);
  return { op, ...which, ...measured } as OccurrenceRule;
}

/** Says where the money of anything but orders is found, and gives what is left to read. */
function withoutMoney(op: OccurrenceName, body: Fields, path: string, report: Report): Fields {
  const wrong = MONEY.filter((measure) => Object.hasOwn(body, measure));
  if (wrong.length === 0) return body;
  const of = op === "item" ? "value" : op === "event" || op === "campaign" ? "properties.…" : "…";
  for (const measure of wrong) {
    const instead = { total: "sum", average: "avg", largest: "max" }[measure];
    const form = `${instead}: {of: ${of}, is: …}`;
    report.problem(keyPath(path, measure), `${measure} measures orders; on ${op} use ${form}`, instead);
  }
  return Object.fromEntries(Object.entries(body).filter(([key]) => !wrong.includes(key as "total")));
}

type Measured = Omit<EventRule, "op" | "names">;

function parseMeasured(
  op: OccurrenceName,
  body: Fields,
  path: string,
  report: Report,
  depth: number,
): Measured | undefined {
  const problemsBefore = report.problems.length;
  const fields = OCCURRENCE_FIELDS_OF[report.kind][op];
  const where = Object.hasOwn(body, "where")
    ? parseWhere(body.where, keyPath(path, "where"), report, fields, depth)
    : undefined;
  const window = Object.hasOwn(body, "window")
    ? parseWindow(body.window, keyPath(path, "window"), report, "occurrence")
    : undefined;
  const measure = parseMeasure(body, path, report, fields, MEASURES_OF[op], depth);
  if (measure === undefined || report.problems.length > problemsBefore) return undefined;
  if (op === "change") warnOfVisits(body, path, report);
  return {
    ...(where === undefined ? {} : { where }),
    measure,
    ...(window === undefined ? {} : { window }),
  };
}

function warnOfVisits(body: Fields, path: string, report: Report): void {
  if (Object.hasOwn(body, "visits")) {
    report.warn(keyPath(path, "visits"), "always 0: the change of a trait belongs to no visit", "count");
  }
  for (const key of ["window", "first", "latest"]) {
    const window = body[key];
    if (!isObject(window) || !Object.hasOwn(window, "visit")) continue;
    report.warn(keyPath(path, key), "holds none: the change of a trait belongs to no visit", "last");
  }
}

/** `each` is `all` of one rule a name, each with the whole measure. */
function ofNames(names: Names, measured: Measured, path: string, report: Report, depth: number): Rule | undefined {
  if (names.together) return { op: "event", names: names.names, ...measured };
  const rules: Rule[] = [];
  for (const name of names.names) {
    if (!report.enter(path, depth + 1)) return undefined;
    rules.push({ op: "event", names: [name], ...measured });
  }
  return rules.length === 1 ? rules[0] : { op: "all", rules };
}

type Which = { readonly names: readonly string[] | "*" } | ItemWhich | CampaignWhich | ChangeWhich | object;

function parseWhich(
  op: Exclude<OccurrenceName, "event">,
  body: Fields,
  path: string,
  report: Report,
  depth: number,
): Which | undefined {
  switch (op) {
    case "item":
      return parseItemWhich(body, path, report);
    case "campaign":
      return parseCampaignWhich(body, path, report);
    case "change":
      return parseChangeWhich(body, path, report, depth);
    default:
      return {};
  }
}

/** Which occurrences complete a step. */
export function parseStepBody(
  op: StepName,
  body: Fields,
  path: string,
  report: Report,
  depth: number,
): Which | undefined {
  if (op !== "event") return parseWhich(op, body, path, report, depth);
  const names = parseNames(body.name, keyPath(path, "name"), report);
  if (names === undefined || names.together) return names && { names: names.names };
  return report.problem(
    keyPath(keyPath(path, "name"), "each"),
    "one event completes a step; take names together with {any: [names]}, or write a step for each",
    "any",
  );
}

function parseItemWhich(body: Fields, path: string, report: Report): ItemWhich | undefined {
  const problemsBefore = report.problems.length;
  const action = needed(body, "action", path, report, "an item needs an action, such as viewed, added or purchased");
  const type = optionalLabel(body, "type", path, report, "a catalog type such as product or category");
  const ids = Object.hasOwn(body, "ids") ? parseIds(body.ids, keyPath(path, "ids"), report) : undefined;
  if (action === undefined || report.problems.length > problemsBefore) return undefined;
  return { action, type: type ?? "product", ...(ids === undefined ? {} : { ids }) };
}

/** Ids of items; a single one is meant as a list of it. */
export function parseIds(value: unknown, path: string, report: Report): string[] | undefined {
  return parseTexts(value, path, report, "item id", (item, at) => parseLabel(item, at, report, "an item's id"));
}

function parseCampaignWhich(body: Fields, path: string, report: Report): CampaignWhich | undefined {
  const problemsBefore = report.problems.length;
  const reason = "a campaign needs an outcome, such as viewed, clicked or opened";
  const outcome = needed(body, "outcome", path, report, reason);
  const id = optionalLabel(body, "id", path, report, "a campaign's id");
  const experience = optionalLabel(body, "experience", path, report, "an experience's id");
  if (outcome === undefined || report.problems.length > problemsBefore) return undefined;
  return { outcome, ...(id === undefined ? {} : { id }), ...(experience === undefined ? {} : { experience }) };
}

function needed(body: Fields, key: string, path: string, report: Report, reason: string): string | undefined {
  if (!Object.hasOwn(body, key)) return report.problem(keyPath(path, key), reason);
  return parseLabel(body[key], keyPath(path, key), report, `text for ${key}`);
}

function optionalLabel(body: Fields, key: string, path: string, report: Report, what: string): string | undefined {
  return Object.hasOwn(body, key) ? parseLabel(body[key], keyPath(path, key), report, what) : undefined;
}

interface ChangeWhich {
  readonly trait: Path;
  readonly from?: Test;
  readonly to?: Test;
  readonly stayed: boolean;
}

function parseChangeWhich(body: Fields, path: string, report: Report, depth: number): ChangeWhich | undefined {
  const problemsBefore = report.problems.length;
  if (!Object.hasOwn(body, "trait")) {
    return report.problem(keyPath(path, "trait"), "a change rule needs the trait that changed, such as trait: plan");
  }
  const trait = parsePath(body.trait, keyPath(path, "trait"), report);
  const side = (key: "from" | "to") => {
    if (!Object.hasOwn(body, key)) return {};
    const test = parseTest(body[key], keyPath(path, key), report, { type: "any", keepsPast: false, key }, depth);
    return { [key]: test };
  };
  const sides = { ...side("from"), ...side("to") };
  const stayed = Object.hasOwn(body, "stayed") ? body.stayed : false;
  if (typeof stayed !== "boolean") {
    report.problem(keyPath(path, "stayed"), `expected true or false; found ${shown(stayed)}`);
  }
  if (trait === undefined || report.problems.length > problemsBefore) return undefined;
  return { trait, ...sides, stayed: stayed === true };
}
