// A definition and each rule of it as one plain English sentence: for the command line, the API and explanations.
// It reads the parsed tree, so it says what is evaluated and not what was written.
import type {
  CampaignRule,
  Definition,
  EventRule,
  FavoriteRule,
  ItemRule,
  Measure,
  ObjectRule,
  OccurrenceRule,
  OrderRule,
  RecordKind,
  Rule,
  Scalar,
  SequenceRule,
  StepWhich,
  Test,
  TestPart,
  UsersRule,
  Where,
  Window,
} from "../ast.ts";
import { rulesInside } from "../ast.ts";
import { OCCURRENCE_FIELDS, RECORD_FIELDS, type RecordFields } from "./fields.ts";
import type { FieldType } from "./grammar.ts";

/** Lists of ids and values are cut after so many; the rest is counted. */
const SHOWN_MAX = 5;

/** A definition as one sentence: `People who did Signed Up at least 3 times in the last 7d.` */
export function definitionSentence(definition: Definition): string {
  const { rule, kind, stayMs, cooldownMs, zone } = definition;
  const stay = stayMs === 0 ? [] : [`once in, they stay for at least ${durationText(stayMs)}`];
  const cooldown = cooldownMs === 0 ? [] : [`once out, they stay out for at least ${durationText(cooldownMs)}`];
  const days = zone === "UTC" ? [] : [`days and hours are ${zone === "user" ? ownZones(rule) : `those of ${zone}`}`];
  const who = kind === "account" ? "Accounts that" : "People who";
  return [`${who} ${sentenceOf(rule)}`, ...stay, ...cooldown, ...days].join("; ").concat(".");
}

function ownZones(rule: Rule): string {
  return `each person's own${asksAccount(rule) ? ", and UTC for accounts" : ""}`;
}

function asksAccount(rule: Rule): boolean {
  return rule.op === "account" || rulesInside(rule).some(asksAccount);
}

/** To follow "people who", or "accounts that": `did Signed Up at least 3 times in the last 7d`. */
export function sentenceOf(rule: Rule): string {
  switch (rule.op) {
    case "all":
      return joined(rule.rules.map(part), "and");
    case "any":
      return joined(rule.rules.map(part), "or");
    case "none":
      return `neither ${joined(rule.rules.map(part), "nor")}`;
    case "not":
      return `not (${sentenceOf(rule.rule)})`;
    case "event":
    case "item":
    case "order":
    case "visit":
    case "campaign":
    case "change":
      return happened(rule);
    case "sequence":
      return sequenceSentence(rule);
    case "favorite":
      return favoriteSentence(rule);
    case "funnel":
      return `${FUNNEL_WORDS[rule.relation]} the step ${rule.step} of the funnel ${rule.id}`;
    case "object":
      return objectSentence(rule);
    case "anonymous":
      return rule.is ? "are anonymous" : "are not anonymous";
    case "situation":
      return `are where ${rule.kind} has ${whereSentence(rule.where)}`;
    case "segment": {
      const since = rule.joined === undefined ? "" : `, joined ${windowSentence(rule.joined)}`;
      return `${rule.negate ? "are not" : "are"} in ${noun("segment", rule.ids)} ${listed(rule.ids, "or")}${since}`;
    }
    case "list":
      return `${rule.negate ? "are not" : "are"} on ${noun("list", rule.ids)} ${listed(rule.ids, "or")}`;
    case "bucket":
      return `lie from ${rule.from} % to ${rule.to} % of all${rule.salt === "" ? "" : ` (salt ${rule.salt})`}`;
    case "account":
      return `belong to one of the accounts that (${sentenceOf(rule.rule)})`;
    case "users":
      return `have ${crowdSentence(rule.measure)} who (${sentenceOf(rule.rule)})`;
    default:
      return `${RECORD_WORDS[rule.op]} ${whereSentence(rule.where, RECORD_FIELDS[rule.op])}`;
  }
}

/** `at least 2 users`, `all of their users among those`. */
function crowdSentence({ kind, is }: UsersRule["measure"]): string {
  const only = is.length === 1 ? is[0]! : undefined;
  const isNone = only?.op === "eq" && only.value === 0;
  if (kind === "count") {
    if (isNone || measuresNone({ kind, is })) return "no users";
    return isOnce(is) ? "users" : `${testSentence(is)} ${only?.op === "eq" && only.value === 1 ? "user" : "users"}`;
  }
  // Any share at all, so only whether there are users.
  if (only?.op === "exists")
    return `${only.value ? "users, however many of them" : "no users, and so none"} among those`;
  const isAll = (only?.op === "eq" || only?.op === "gte") && only.value === 100;
  const share = isNone ? "none" : isAll ? "all" : testSentence(is, "percent");
  return `${share} of their users among those`;
}

const RECORD_WORDS: Readonly<Record<RecordKind, string>> = {
  trait: "have trait",
  identity: "have an identity with",
  place: "were last in a place with",
  network: "were last on a network with",
  device: "were last on a device with",
  source: "came from a source with",
  cart: "have a cart with",
  engagement: "have engagement with",
  weather: "are where the weather has",
  clock: "have a clock that shows",
};

/** A combination inside a combination is set in brackets. */
function part(rule: Rule): string {
  const sentence = sentenceOf(rule);
  return rule.op === "all" || rule.op === "any" || rule.op === "none" ? `(${sentence})` : sentence;
}

function happened(rule: OccurrenceRule): string {
  const fields = OCCURRENCE_FIELDS[rule.op];
  const where = rule.where === undefined ? "" : ` with ${whereSentence(rule.where, fields)},`;
  const isNone = measuresNone(rule.measure);
  const measure = isNone ? "" : measureSentence(rule.measure, fields);
  const window = rule.window === undefined ? "" : windowSentence(rule.window);
  const deed = `${isNone ? "have not " : ""}${deedOf(rule, isNone)}`;
  const sentence = [`${deed}${where}`, measure, window].filter((words) => words !== "").join(" ");
  return sentence.endsWith(",") ? sentence.slice(0, -1) : sentence;
}

function measuresNone(measure: Measure): boolean {
  if (measure.kind !== "count" || measure.is.length !== 1) return false;
  const part = measure.is[0]!;
  return (part.op === "eq" && part.value === 0) || (part.op === "lt" && part.value === 1);
}

/** `negated`: to follow "have not". */
function deedOf(rule: OccurrenceRule, negated: boolean): string {
  switch (rule.op) {
    case "visit":
      return "visited";
    case "change": {
      const from = rule.from === undefined ? "" : ` from ${testSentence(rule.from)}`;
      const to = rule.to === undefined ? "" : ` to ${testSentence(rule.to)}`;
      return `had a change of trait ${rule.trait.join(".")}${from}${to}${rule.stayed ? ", unchanged since," : ""}`;
    }
    default:
      return stepDeed(rule, negated);
  }
}

function stepDeed(which: StepWhich | EventRule | ItemRule | OrderRule | CampaignRule, negated: boolean): string {
  switch (which.op) {
    case "event":
      return `${negated ? "done" : "did"} ${which.names === "*" ? "any event" : listed(which.names, "or")}`;
    case "order":
      return "ordered";
    case "item": {
      const ids = which.ids === undefined ? undefined : `${which.type} ${listed(which.ids, "or")}`;
      const what = ids === undefined || which.type === "product" ? ids : `something of ${ids}`;
      return `${which.action} ${what ?? `any ${which.type}`}`;
    }
    case "campaign": {
      const of = which.id === undefined ? "any campaign" : `campaign ${which.id}`;
      return `had ${of}${which.experience === undefined ? "" : ` (experience ${which.experience})`} ${which.outcome}`;
    }
  }
}

/** `did A, then within 2h did B, then have not ordered for 1d`. */
function sequenceSentence({ steps, window }: SequenceRule): string {
  const said = steps.map(({ kind, which, withinMs }, index) => {
    const where = which.where === undefined ? "" : ` with ${whereSentence(which.where, OCCURRENCE_FIELDS[which.op])}`;
    const deed = `${stepDeed(which, kind === "absent")}${where}`;
    if (kind === "absent") return `then have not ${deed} for ${durationText(withinMs)}`;
    const within = withinMs === undefined ? "" : `within ${durationText(withinMs)} `;
    return index === 0 ? deed : `then ${within}${deed}`;
  });
  return `${said.join(", ")}${window === undefined ? "" : `, all of it complete ${windowSentence(window)}`}`;
}

const FUNNEL_WORDS = { at: "have come as far as", before: "have not reached", after: "are beyond" };

function favoriteSentence({ type, ids, by, top, window }: FavoriteRule): string {
  const rank = top === 1 ? `their favorite ${type}` : `among their ${top} favorites of type ${type}`;
  const when = window === undefined ? "" : ` ${windowSentence(window)}`;
  return `have ${listed(ids, "or")} as ${rank} by ${by}${when}`.replace("as among", "among");
}

function objectSentence({ type, where, measure }: ObjectRule): string {
  const of = where === undefined ? "" : ` with ${whereSentence(where)}`;
  if (measure.kind !== "count") return `own objects of type ${type}${of}, ${measureSentence(measure)}`;
  return `own ${isOnce(measure.is) ? "at least 1" : testSentence(measure.is)} of type ${type}${of}`;
}

/** Empty for the measure that is meant when none is written: at least once. */
export function measureSentence(measure: Measure, fields?: RecordFields): string {
  switch (measure.kind) {
    case "count":
      return isOnce(measure.is) ? "" : `${testSentence(measure.is)} times`;
    case "days":
      return `on ${testSentence(measure.is)} different days`;
    case "visits":
      return `in ${testSentence(measure.is)} different visits`;
    case "total":
    case "average":
    case "largest":
      return `with ${measure.kind} amount ${testSentence(measure.is)}`;
    case "first":
    case "latest":
      return `for the ${measure.kind === "latest" ? "last" : "first"} time ${windowSentence(measure.in)}`;
    case "distinct":
      return `with ${testSentence(measure.is)} different values of ${measure.of.join(".")}`;
    default:
      return `with ${measure.kind} of ${measure.of.join(".")} ${testSentence(measure.is, fields?.typeOf(measure.of))}`;
  }
}

function isOnce(test: Test): boolean {
  const [only] = test;
  return test.length === 1 && only?.op === "gte" && only.value === 1;
}

/** `fields`: of the record that it reads, so that durations are said as such. */
export function whereSentence(where: Where, fields?: RecordFields): string {
  const inside = (inner: Where): string => bracketed(inner, fields);
  switch (where.op) {
    case "all":
      return joined(where.wheres.map(inside), "and");
    case "any":
      return joined(where.wheres.map(inside), "or");
    case "none":
      return `neither ${joined(where.wheres.map(inside), "nor")}`;
    case "not":
      return `not (${whereSentence(where.where, fields)})`;
    case "test":
      return `${where.path.join(".")} ${testSentence(where.test, fields?.typeOf(where.path))}`;
  }
}

function bracketed(where: Where, fields: RecordFields | undefined): string {
  const sentence = whereSentence(where, fields);
  return where.op === "test" || where.op === "not" ? sentence : `(${sentence})`;
}

export function testSentence(test: Test, type?: FieldType): string {
  const said = type === "duration" ? spoken : type === "percent" ? percent : value;
  return joined(
    test.map((part) => partSentence(part, said)),
    "and",
  );
}

type Saying = (scalar: Scalar) => string;

/** A number of milliseconds as a duration. */
function spoken(scalar: Scalar): string {
  return typeof scalar === "number" && scalar >= 0 ? durationText(scalar) : value(scalar);
}

function percent(scalar: Scalar): string {
  return `${value(scalar)} %`;
}

const ORDER_WORDS = { gt: "above", gte: "at least", lt: "below", lte: "at most" };
const TEXT_WORDS = {
  contains: "containing",
  notContains: "not containing",
  startsWith: "starting with",
  endsWith: "ending with",
  like: "like",
};

function partSentence(test: TestPart, said: Saying): string {
  const fold = "fold" in test && test.fold ? " (in any case)" : "";
  switch (test.op) {
    case "eq":
      return `${said(test.value)}${fold}`;
    case "ne":
      return `not ${said(test.value)}${fold}`;
    case "in":
      return `${listed(test.values.map(said), "or")}${fold}`;
    case "notIn":
      return `none of ${listed(test.values.map(said), "or")}${fold}`;
    case "includesAll":
      return `including ${listed(test.values.map(said), "and")}${fold}`;
    case "exists":
      return test.value ? "known" : "unknown";
    case "between":
      return `from ${bound(test.low, said)} to ${bound(test.high, said)}`;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return `${ORDER_WORDS[test.op]} ${bound(test.value, said)}`;
    case "has":
      return `with an element where ${whereSentence(test.where)}`;
    case "date":
      return windowSentence(test.window);
    case "near":
      return `within ${Math.round(test.withinKm * 1_000) / 1_000} km of ${test.lat}, ${test.lon}`;
    case "delta":
      return `changed over ${durationText(test.overMs)} by ${test.unit === "percent" ? "percent " : ""}${testSentence(test.is)}`;
    default:
      return `${TEXT_WORDS[test.op]} ${value(test.value)}${fold}`;
  }
}

/** A time of day stands without quotes. */
function bound(scalar: number | string, said: Saying): string {
  return typeof scalar === "string" ? scalar : said(scalar);
}

export function windowSentence(window: Window): string {
  switch (window.kind) {
    case "last":
      return `in the last ${durationText(window.ms)}`;
    case "next":
      return `in the next ${durationText(window.ms)}`;
    case "ago": {
      const { gteMs, ltMs } = window;
      const parts = [
        ...(gteMs === undefined ? [] : [`at least ${durationText(gteMs)}`]),
        ...(ltMs === undefined ? [] : [`less than ${durationText(ltMs)}`]),
      ];
      return `${parts.join(" and ")} ago`;
    }
    case "calendar":
      return calendarSentence(window.unit, window.n, window.skip);
    case "range": {
      const from = window.from === undefined ? [] : [`from ${boundText(window.from)}`];
      const to = window.to === undefined ? [] : [`${"at" in window.to ? "until" : "to"} ${boundText(window.to)}`];
      return [...from, ...to].join(" ");
    }
    case "visit":
      return "in the current visit";
  }
}

function calendarSentence(unit: "days" | "weeks" | "months", n: number, skip: number): string {
  const one = unit.slice(0, -1);
  if (unit === "days" && n === 1 && skip === 0) return "today";
  if (unit === "days" && n === 1 && skip === 1) return "yesterday";
  if (n === 1 && skip <= 1) return `${skip === 0 ? "this" : "last"} ${one}`;
  const ending = skip === 0 ? `this ${one}` : `${skip} ${skip === 1 ? one : unit} ago`;
  return n === 1
    ? `in the ${one} ${ending}`
    : `in the ${n} ${unit} that end with ${skip === 0 ? ending : `the ${one} ${ending}`}`;
}

function boundText(bound: { readonly day: string } | { readonly at: number }): string {
  return "day" in bound ? bound.day : new Date(bound.at).toISOString();
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** The largest whole unit: 604800000 is 7d. */
export function durationText(ms: number): string {
  for (const [unit, size] of UNITS) if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  return `${ms / 1_000}s`;
}

function value(scalar: Scalar): string {
  return typeof scalar === "string" ? JSON.stringify(scalar) : String(scalar);
}

function noun(word: string, ids: readonly string[]): string {
  return ids.length === 1 ? word : `one of the ${word}s`;
}

function listed(words: readonly string[], conjunction: string): string {
  if (words.length <= SHOWN_MAX) return joined(words, conjunction);
  return `${words.slice(0, SHOWN_MAX).join(", ")} … (${words.length})`;
}

function joined(words: readonly string[], conjunction: string): string {
  if (words.length < 3) return words.join(` ${conjunction} `);
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${words[words.length - 1]}`;
}
