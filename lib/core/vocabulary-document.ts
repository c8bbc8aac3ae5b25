// The vocabulary as people write it, read into what the engine works by, and the whole of one written back.
// vocabulary.ts says what it comes to; the control log carries what was written, and everybody reads it through here.

import { parseStepWhich } from "./rules/parse/parse-steps.ts";
import { parsePath } from "./rules/parse/parse-where.ts";
import { parseDuration } from "./rules/parse/parse-window.ts";
import {
  checkKeys,
  type Fields,
  isObject,
  itemPath,
  keyPath,
  type Problem,
  quoted,
  Report,
  refuseForbidden,
  shown,
  suggestion,
} from "./rules/parse/problems.ts";
import { STEPS } from "./rules/words/grammar.ts";
import type { JsonObject, Limits, Millis } from "./types.ts";
import {
  DEFAULT_VOCABULARY,
  type Engagement,
  type EngagementPart,
  type Funnel,
  type FunnelStep,
  type ItemEvent,
  type ItemVocabulary,
  type Referrer,
  type Vocabulary,
} from "./vocabulary.ts";

export type ParsedVocabulary =
  | { readonly ok: true; readonly vocabulary: Vocabulary; readonly warnings: Problem[] }
  | { readonly ok: false; readonly problems: Problem[] };

const PARTS = ["visit", "currency", "items", "campaigns", "funnels", "engagement", "referrers", "traits", "trusted"];
const PART_SYNONYMS = {
  visits: "visit",
  session: "visit",
  catalog: "items",
  item: "items",
  campaign: "campaigns",
  funnel: "funnels",
  score: "engagement",
  referrer: "referrers",
  trait: "traits",
  trustedsources: "trusted",
  channels: "trusted",
};
const ITEM_FORMS = ["product", "products", "category", "item"] as const;
const SEGMENT_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;
const ENGAGEMENT_PARTS_MAX = 100;
const WEIGHT_MAX = 100;

/**
 * What is left out stays as it is by default. Of a map (events, campaigns, funnels, referrers) each entry given is laid
 * over the default's, and null takes one away; a list or a value that is given is the whole of it.
 */
export function parseVocabulary(source: unknown, limits: Limits): ParsedVocabulary {
  const report = new Report(limits);
  const vocabulary = readVocabulary(source, report);
  if (vocabulary === undefined || report.problems.length > 0) return { ok: false, problems: report.problems };
  return { ok: true, vocabulary, warnings: report.warnings };
}

function readVocabulary(source: unknown, report: Report): Vocabulary | undefined {
  if (!isObject(source)) {
    return report.problem("", `expected a vocabulary, an object with ${PARTS.join(", ")}; found ${shown(source)}`);
  }
  checkKeys(source, "", report, PARTS, PART_SYNONYMS);
  return {
    visitIdleMs: readVisit(source.visit, report),
    currency: readCurrency(source.currency, report),
    items: readItems(source.items, report),
    campaigns: readMap(source.campaigns, DEFAULT_VOCABULARY.campaigns, "campaigns", report, (value, path) =>
      readName(value, path, report, "the outcome of a campaign, such as clicked"),
    ),
    funnels: readMap(source.funnels, DEFAULT_VOCABULARY.funnels, "funnels", report, (value, path) =>
      readFunnel(value, path, report),
    ),
    engagement: readEngagement(source.engagement, report),
    referrers: readReferrers(source.referrers, report),
    traitClasses: readTraits(source.traits, report),
    trustedSources:
      source.trusted === undefined
        ? DEFAULT_VOCABULARY.trustedSources
        : readNames(source.trusted, "trusted", report, "channel"),
  };
}

// ── single values ───────────────────────────────────────────────────────────────────────────────────────────────────

function readVisit(value: unknown, report: Report): Millis {
  const byDefault = DEFAULT_VOCABULARY.visitIdleMs;
  const visit = readPart(value, "visit", report, ["idle"], { timeout: "idle", gap: "idle" }, "{idle: 30m}");
  if (visit?.idle === undefined) return byDefault;
  return parseDuration(visit.idle, "visit.idle", report) ?? byDefault;
}

function readCurrency(value: unknown, report: Report): string {
  if (value === undefined) return DEFAULT_VOCABULARY.currency;
  if (typeof value === "string" && /^[A-Z]{3}$/.test(value)) return value;
  report.problem(
    "currency",
    `currency is the three letters of ISO 4217, such as USD; found ${shown(value)}`,
    typeof value === "string" && /^[A-Za-z]{3}$/.test(value) ? value.toUpperCase() : undefined,
  );
  return DEFAULT_VOCABULARY.currency;
}

/** An object with these keys and no others; undefined where it is left out or is none. */
function readPart(
  value: unknown,
  path: string,
  report: Report,
  keys: readonly string[],
  synonyms: Readonly<Record<string, string>>,
  example: string,
): Fields | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) return report.problem(path, `expected an object such as ${example}; found ${shown(value)}`);
  checkKeys(value, path, report, keys, synonyms);
  return value;
}

function readName(value: unknown, path: string, report: Report, what: string): string | undefined {
  if (typeof value !== "string" || value === "") return report.problem(path, `expected ${what}; found ${shown(value)}`);
  const { nameLengthMax } = report.limits;
  if (value.length <= nameLengthMax) return value;
  return report.problem(path, `${quoted(value)} has more than ${nameLengthMax} characters (limits.nameLengthMax)`);
}

function readNames(value: unknown, path: string, report: Report, what: string): string[] {
  if (!Array.isArray(value)) {
    const hint = typeof value === "string" ? `[${value}]` : undefined;
    report.problem(path, `expected a list of ${what} names; found ${shown(value)}`, hint);
    return [];
  }
  if (!fits(value.length, path, report)) return [];
  const names = value.map((name, index) => readName(name, itemPath(path, index), report, `the name of a ${what}`));
  return [...new Set(names.filter((name) => name !== undefined))];
}

function fits(length: number, path: string, report: Report): boolean {
  const { listValuesMax } = report.limits;
  if (length <= listValuesMax) return true;
  report.problem(path, `${length} entries; the limit is ${listValuesMax} (limits.listValuesMax)`);
  return false;
}

/** Entries laid over those by default; null takes one away. */
function readMap<T>(
  value: unknown,
  byDefault: Readonly<Record<string, T>>,
  path: string,
  report: Report,
  readOne: (value: unknown, path: string, name: string) => T | undefined,
): Readonly<Record<string, T>> {
  if (value === undefined) return byDefault;
  if (!isObject(value)) {
    report.problem(path, `expected an object with one entry a name; found ${shown(value)}`);
    return byDefault;
  }
  const names = Object.keys(value);
  if (!fits(names.length, path, report)) return byDefault;
  const entries = new Map(Object.entries(byDefault));
  for (const name of names) {
    if (refuseForbidden(name, path, report)) continue;
    const at = keyPath(path, name);
    if (readName(name, at, report, "a name") === undefined) continue;
    const read = value[name] === null ? undefined : readOne(value[name], at, name);
    if (read === undefined) entries.delete(name);
    else entries.set(name, read);
  }
  return Object.fromEntries(entries);
}

// ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function readItems(value: unknown, report: Report): ItemVocabulary {
  const byDefault = DEFAULT_VOCABULARY.items;
  const items = readPart(
    value,
    "items",
    report,
    ["types", "events"],
    { type: "types", event: "events" },
    "{types: […]}",
  );
  if (items === undefined) return byDefault;
  return {
    types: items.types === undefined ? byDefault.types : readNames(items.types, "items.types", report, "type"),
    events: readMap(items.events, byDefault.events, "items.events", report, (event, path) =>
      readItemEvent(event, path, report),
    ),
  };
}

function readItemEvent(value: unknown, path: string, report: Report): ItemEvent | undefined {
  if (!isObject(value)) {
    const hint = typeof value === "string" ? `{action: ${value}, of: product}` : undefined;
    return report.problem(
      path,
      `expected an object such as {action: viewed, of: product}; found ${shown(value)}`,
      hint,
    );
  }
  checkKeys(value, path, report, ["action", "of"], { type: "of", kind: "of", name: "action" });
  const action = readName(value.action, keyPath(path, "action"), report, "an action, such as viewed");
  const form = value.of ?? "product";
  const of = ITEM_FORMS.find((one) => one === form);
  if (of === undefined) {
    const hint = typeof form === "string" ? suggestion(form, ITEM_FORMS) : undefined;
    report.problem(keyPath(path, "of"), `of is one of ${ITEM_FORMS.join(", ")}; found ${shown(form)}`, hint);
  }
  return action === undefined || of === undefined ? undefined : { action, of };
}

// ── funnels ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function readFunnel(value: unknown, path: string, report: Report): Funnel | undefined {
  if (!isObject(value)) {
    return report.problem(path, `expected a funnel, an object such as {steps: […]}; found ${shown(value)}`);
  }
  checkKeys(value, path, report, ["steps"], { step: "steps", stages: "steps" });
  const at = keyPath(path, "steps");
  if (!Array.isArray(value.steps) || value.steps.length === 0) {
    const found = Array.isArray(value.steps) ? "an empty list" : shown(value.steps);
    return report.problem(at, `a funnel has a list of at least one step; found ${found}`);
  }
  const { sequenceStepsMax } = report.limits;
  if (value.steps.length > sequenceStepsMax) {
    return report.problem(
      at,
      `${value.steps.length} steps; the limit is ${sequenceStepsMax} (limits.sequenceStepsMax)`,
    );
  }
  const read = value.steps.map((step, index) => readStep(step, itemPath(at, index), report));
  const steps = read.filter((step) => step !== undefined);
  for (const [index, { name }] of steps.entries()) {
    const first = steps.findIndex((step) => step.name === name);
    if (first < index) report.problem(itemPath(at, index), `two steps are named ${quoted(name)}; rename one`);
  }
  return steps.length < read.length ? undefined : { steps };
}

function readStep(value: unknown, path: string, report: Report): FunnelStep | undefined {
  const example = "{name: visited, event: {name: Page Viewed}}";
  if (!isObject(value)) return report.problem(path, `expected a step such as ${example}; found ${shown(value)}`);
  if (Object.hasOwn(value, "within") || Object.hasOwn(value, "absent")) {
    return report.problem(path, "a funnel's steps have no within and no absent; a sequence rule has both");
  }
  checkKeys(value, path, report, ["name", ...STEPS], { id: "name", title: "name", track: "event" });
  const name = readName(value.name, keyPath(path, "name"), report, "a step's name, such as visited");
  const kinds = STEPS.filter((kind) => Object.hasOwn(value, kind));
  const kind = kinds[0];
  if (kind === undefined || kinds.length > 1) {
    return report.problem(path, `a step has its name and one of ${STEPS.join(", ")}, such as ${example}`);
  }
  // Each step has the nodes of a rule to itself.
  const own = new Report(report.limits);
  const which = parseStepWhich(kind, value[kind], keyPath(path, kind), own, 1);
  for (const problem of own.problems) report.problem(problem.path, problem.message, problem.hint);
  for (const warning of own.warnings) report.warn(warning.path, warning.message, warning.hint);
  return name === undefined || which === undefined ? undefined : { name, which, source: value as JsonObject };
}

// ── engagement ──────────────────────────────────────────────────────────────────────────────────────────────────────

function readEngagement(value: unknown, report: Report): Engagement {
  const byDefault = DEFAULT_VOCABULARY.engagement;
  const engagement = readPart(
    value,
    "engagement",
    report,
    ["cycle", "parts"],
    { window: "cycle", period: "cycle", weights: "parts" },
    "{cycle: 30d, parts: […]}",
  );
  if (engagement === undefined) return byDefault;
  const { cycle, parts } = engagement;
  return {
    cycleMs:
      cycle === undefined ? byDefault.cycleMs : (parseDuration(cycle, "engagement.cycle", report) ?? byDefault.cycleMs),
    parts: parts === undefined ? byDefault.parts : readEngagementParts(parts, "engagement.parts", report),
  };
}

function readEngagementParts(value: unknown, path: string, report: Report): EngagementPart[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > ENGAGEMENT_PARTS_MAX) {
    const found = Array.isArray(value) ? `${value.length}` : shown(value);
    report.problem(path, `expected a list of 1 to ${ENGAGEMENT_PARTS_MAX} parts; found ${found}`);
    return [];
  }
  const read = value.map((part, index) => readEngagementPart(part, itemPath(path, index), report));
  const parts = read.filter((part) => part !== undefined);
  const most = parts.reduce((sum, { weight }) => sum + Math.max(0, weight), 0);
  if (parts.length === read.length && most !== 100) {
    const effect = most < 100 ? `nobody's score is above ${most}` : "a score above 100 is cut to 100";
    report.warn(path, `the weights add up to ${most}, not 100: ${effect}`);
  }
  return parts;
}

const MEASURED = ["visits", "event", "trait", "segment"] as const;

function readEngagementPart(value: unknown, path: string, report: Report): EngagementPart | undefined {
  const example = "{weight: 50, full: 10, visits: true}";
  if (!isObject(value)) return report.problem(path, `expected a part such as ${example}; found ${shown(value)}`);
  const synonyms = { events: "event", visit: "visits", traits: "trait", segments: "segment", max: "full", at: "full" };
  checkKeys(value, path, report, ["weight", "full", ...MEASURED], synonyms);
  const weight = readWeight(value.weight, keyPath(path, "weight"), report);
  const given = MEASURED.filter((kind) => Object.hasOwn(value, kind));
  const kind = given[0];
  if (kind === undefined || given.length > 1) {
    return report.problem(path, `a part measures one of ${MEASURED.join(", ")}, such as ${example}`);
  }
  const full = readFull(value.full, kind, keyPath(path, "full"), report);
  const of = readMeasured(kind, value[kind], keyPath(path, kind), report);
  return weight === undefined || full === undefined || of === undefined ? undefined : { weight, full, of };
}

function readWeight(value: unknown, path: string, report: Report): number | undefined {
  if (typeof value === "number" && value !== 0 && Math.abs(value) <= WEIGHT_MAX) return value;
  return report.problem(path, `weight is a number of points from -100 to 100, but not 0; found ${shown(value)}`);
}

/** A segment counts 0 or 1, so its part is full at 1 where nothing else is said. */
function readFull(value: unknown, kind: string, path: string, report: Report): number | undefined {
  if (value === undefined && kind === "segment") return 1;
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  return report.problem(path, `full is the number above 0 at which the whole weight counts; found ${shown(value)}`);
}

function readMeasured(
  kind: (typeof MEASURED)[number],
  value: unknown,
  path: string,
  report: Report,
): EngagementPart["of"] | undefined {
  switch (kind) {
    case "visits":
      return value === true ? { kind } : report.problem(path, `visits is written visits: true; found ${shown(value)}`);
    case "event": {
      const names = readNames(Array.isArray(value) ? value : [value], path, report, "event");
      if (names.length > 0) return { kind: "events", names };
      return Array.isArray(value) && value.length === 0 ? report.problem(path, "name at least one event") : undefined;
    }
    case "trait": {
      const read = parsePath(value, path, report);
      return read && { kind, path: read };
    }
    case "segment":
      if (typeof value === "string" && SEGMENT_ID.test(value)) return { kind, id: value };
      return report.problem(path, `expected a segment's id, such as vip; found ${shown(value)}`);
  }
}

// ── referrers, traits ───────────────────────────────────────────────────────────────────────────────────────────────

function readReferrers(value: unknown, report: Report): Vocabulary["referrers"] {
  return readMap(value, DEFAULT_VOCABULARY.referrers, "referrers", report, (entry, path, domain) =>
    readReferrer(entry, path, domain, report),
  );
}

function readReferrer(value: unknown, path: string, domain: string, report: Report): Referrer | undefined {
  const host = hostOf(domain);
  if (host !== domain) {
    return report.problem(path, `${quoted(domain)} is no domain in lower case, such as google.com`, host);
  }
  if (!isObject(value)) {
    return report.problem(path, `expected an object such as {medium: search, name: Google}; found ${shown(value)}`);
  }
  checkKeys(value, path, report, ["medium", "name"], { source: "name", type: "medium", channel: "medium" });
  const medium = readName(value.medium, keyPath(path, "medium"), report, "a medium, such as search or social");
  const name = readName(value.name, keyPath(path, "name"), report, "the referrer's name, such as Google");
  return medium === undefined || name === undefined ? undefined : { medium, name };
}

/** The host as a referrer's URL gives it; undefined when it is no host. */
function hostOf(written: string): string | undefined {
  try {
    return new URL(written.includes("://") ? written : `http://${written}`).hostname.replace(/\.$/, "") || undefined;
  } catch {
    return undefined;
  }
}

const CLASSES = ["personal", "sensitive"] as const;

/** A list that is given says all of its class, and wins over the other class's default. */
function readTraits(value: unknown, report: Report): Vocabulary["traitClasses"] {
  const byDefault = DEFAULT_VOCABULARY.traitClasses;
  const traits = readPart(
    value,
    "traits",
    report,
    CLASSES,
    { pii: "personal", private: "personal" },
    "{personal: […]}",
  );
  if (traits === undefined) return byDefault;
  const classes = new Map<string, (typeof CLASSES)[number]>();
  for (const name of CLASSES) {
    if (traits[name] !== undefined) continue;
    for (const trait of traitsOf(byDefault, name)) classes.set(trait, name);
  }
  const given = new Set<string>();
  for (const name of CLASSES) {
    if (traits[name] === undefined) continue;
    const path = keyPath("traits", name);
    for (const trait of readNames(traits[name], path, report, "trait")) {
      if (refuseForbidden(trait, path, report)) continue;
      if (given.has(trait))
        report.problem(path, `${quoted(trait)} is personal and sensitive; leave it in one of the two`);
      given.add(trait);
      classes.set(trait, name);
    }
  }
  return Object.fromEntries(classes);
}

function traitsOf(classes: Vocabulary["traitClasses"], name: string): string[] {
  return Object.keys(classes)
    .filter((trait) => classes[trait] === name)
    .sort();
}

// ── written back ────────────────────────────────────────────────────────────────────────────────────────────────────

/** The whole of a vocabulary as a person would write it: read again, it is the same one. */
export function vocabularyDocument(vocabulary: Vocabulary): JsonObject {
  const { items, campaigns, funnels, engagement, referrers, traitClasses } = vocabulary;
  return {
    visit: { idle: durationText(vocabulary.visitIdleMs) },
    currency: vocabulary.currency,
    items: {
      types: items.types,
      events: mapDocument(items.events, DEFAULT_VOCABULARY.items.events, ({ action, of }) => ({ action, of })),
    },
    campaigns: mapDocument(campaigns, DEFAULT_VOCABULARY.campaigns, (outcome) => outcome),
    funnels: mapDocument(funnels, DEFAULT_VOCABULARY.funnels, ({ steps }) => ({ steps: steps.map(stepDocument) })),
    engagement: { cycle: durationText(engagement.cycleMs), parts: engagement.parts.map(partDocument) },
    referrers: mapDocument(referrers, DEFAULT_VOCABULARY.referrers, ({ medium, name }) => ({ medium, name })),
    traits: { personal: traitsOf(traitClasses, "personal"), sensitive: traitsOf(traitClasses, "sensitive") },
    trusted: vocabulary.trustedSources,
  };
}

function mapDocument<T>(
  entries: Readonly<Record<string, T>>,
  byDefault: Readonly<Record<string, T>>,
  write: (value: T) => JsonObject[string],
): JsonObject {
  const gone = Object.keys(byDefault).filter((name) => !Object.hasOwn(entries, name));
  const written = Object.entries(entries).map(([name, value]): [string, JsonObject[string]] => [name, write(value)]);
  return Object.fromEntries([...written, ...gone.map((name): [string, null] => [name, null])]);
}

function stepDocument({ name, source }: FunnelStep): JsonObject {
  if (source === undefined) throw new Error(`the step ${name} was never written, so it cannot be shown`);
  return source;
}

function partDocument({ weight, full, of }: EngagementPart): JsonObject {
  switch (of.kind) {
    case "visits":
      return { weight, full, visits: true };
    case "events":
      return { weight, full, event: of.names };
    case "trait":
      return { weight, full, trait: pathText(of.path) };
    case "segment":
      return { weight, full, segment: of.id };
  }
}

function pathText(path: readonly string[]): string {
  return path.map((name) => name.replaceAll(/[\\.]/g, "\\$&")).join(".");
}

const UNITS: readonly [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

function durationText(ms: Millis): string {
  const [unit, size] = UNITS.find(([, one]) => ms % one === 0) ?? ["s", 1_000];
  return `${ms / size}${unit}`;
}
