// A definition as somebody wrote it, read into what the engine compiles; or everything that is wrong with it.
// The one way in: files, the control log and the API all come through here.
import type { Json, Limits, MemberKind } from "../../types.ts";
import type { Definition, Rule } from "../ast.ts";
import { holdsForStranger, joinsAtMidnight, movesEverybodyByClock } from "../checks/lint.ts";
import { parseSegmentId } from "./parse-belongs.ts";
import { parseRule } from "./parse-rule.ts";
import { parseDuration } from "./parse-window.ts";
import {
  checkKeys,
  type Fields,
  isObject,
  itemPath,
  keyPath,
  nearest,
  type Problem,
  quoted,
  Report,
  shown,
  suggestion,
} from "./problems.ts";

export type { Problem } from "./problems.ts";

export type Parsed =
  | { readonly ok: true; readonly definition: Definition; readonly warnings: Problem[] }
  | { readonly ok: false; readonly problems: Problem[] };

const KEYS = ["id", "name", "kind", "description", "folder", "tags", "enabled", "zone", "stay", "cooldown", "rule"];
const SYNONYMS = {
  title: "name",
  rules: "rule",
  timezone: "zone",
  tz: "zone",
  type: "kind",
  disabled: "enabled",
  label: "name",
};
const TAGS_MAX = 100;

export function parseDefinition(source: unknown, limits: Limits): Parsed {
  const report = new Report(limits);
  const definition = readDefinition(source, report);
  if (definition === undefined || report.problems.length > 0) return { ok: false, problems: report.problems };
  warnOfCrowds(definition, report);
  return { ok: true, definition, warnings: report.warnings };
}

function readDefinition(source: unknown, report: Report): Definition | undefined {
  if (!isObject(source)) {
    return report.problem("", `expected a definition, an object with id and rule; found ${shown(source)}`);
  }
  checkKeys(source, "", report, KEYS, SYNONYMS);
  const id = readId(source, report);
  const header = readHeader(source, report);
  const timing = readTiming(source, header.kind, report);
  const rule = report.readingOf(header.kind, () => readRule(source, report));
  if (id === undefined || rule === undefined) return undefined;
  return { id, ...header, name: header.name ?? id, ...timing, rule, source: source as Json };
}

function readId(source: Fields, report: Report): string | undefined {
  if (source.id === undefined) {
    return report.problem(
      "id",
      "a definition needs an id, such as cart-under-100; it is the name in segment.<id>.joined",
    );
  }
  return parseSegmentId(source.id, "id", report);
}

function readRule(source: Fields, report: Report): Rule | undefined {
  if (source.rule === undefined) {
    return report.problem("rule", "a definition needs a rule, such as {cart: {value: {lt: 100}}}");
  }
  return parseRule(source.rule, "rule", report, 1);
}

function readHeader(source: Fields, report: Report) {
  const { nameLengthMax, textLengthMax } = report.limits;
  const name = readText(source, "name", nameLengthMax, "nameLengthMax", report);
  const description = readText(source, "description", textLengthMax, "textLengthMax", report);
  const folder = readText(source, "folder", nameLengthMax, "nameLengthMax", report);
  return {
    name,
    kind: readKind(source, report),
    ...(description === undefined ? {} : { description }),
    ...(folder === undefined ? {} : { folder }),
    tags: readTags(source, report),
    enabled: readEnabled(source, report),
  };
}

function readTiming(source: Fields, kind: MemberKind, report: Report) {
  return {
    zone: readZone(source, kind, report),
    stayMs: source.stay === undefined ? 0 : (parseDuration(source.stay, "stay", report, true) ?? 0),
    cooldownMs: source.cooldown === undefined ? 0 : (parseDuration(source.cooldown, "cooldown", report, true) ?? 0),
  };
}

function readText(source: Fields, key: string, most: number, limit: string, report: Report): string | undefined {
  const value = source[key];
  if (value === undefined) return undefined;
  return checkText(value, key, key, most, limit, report);
}

function checkText(
  value: unknown,
  path: string,
  what: string,
  most: number,
  limit: string,
  report: Report,
): string | undefined {
  if (typeof value !== "string") return report.problem(path, `${what} is text; found ${shown(value)}`);
  if (value.length <= most) return value;
  return report.problem(path, `${what} has ${value.length} characters; the limit is ${most} (limits.${limit})`);
}

const KINDS: readonly MemberKind[] = ["user", "account"];
const KIND_SYNONYMS = { users: "user", person: "user", people: "user", accounts: "account", company: "account" };

function readKind(source: Fields, report: Report): MemberKind {
  const { kind } = source;
  if (kind === undefined) return "user";
  if (KINDS.includes(kind as MemberKind)) return kind as MemberKind;
  const hint = typeof kind === "string" ? suggestion(kind, KINDS, KIND_SYNONYMS) : undefined;
  report.problem("kind", `kind is user or account; found ${shown(kind)}`, hint);
  return "user";
}

function readTags(source: Fields, report: Report): readonly string[] {
  const { tags } = source;
  if (tags === undefined) return [];
  if (!Array.isArray(tags)) {
    report.problem(
      "tags",
      `tags is a list of texts; found ${shown(tags)}`,
      typeof tags === "string" ? `[${tags}]` : undefined,
    );
    return [];
  }
  if (tags.length > TAGS_MAX) {
    report.problem("tags", `${tags.length} tags; the limit is ${TAGS_MAX}`);
    return [];
  }
  const { nameLengthMax } = report.limits;
  const read = tags.map((tag, index) =>
    checkText(tag, itemPath("tags", index), "a tag", nameLengthMax, "nameLengthMax", report),
  );
  return [...new Set(read.filter((tag) => tag !== undefined))];
}

function readEnabled(source: Fields, report: Report): boolean {
  const { enabled } = source;
  if (enabled === undefined) return true;
  if (typeof enabled === "boolean") return enabled;
  // YAML 1.2 reads `yes` and `no` as text.
  const word = typeof enabled === "string" || typeof enabled === "number" ? String(enabled).toLowerCase() : "";
  const hint = ["yes", "on", "1"].includes(word) ? "true" : ["no", "off", "0"].includes(word) ? "false" : undefined;
  report.problem("enabled", `enabled is true or false; found ${shown(enabled)}`, hint);
  return true;
}

const ZONE_LENGTH_MAX = 64;

function readZone(source: Fields, kind: MemberKind, report: Report): string {
  const { zone } = source;
  if (zone === undefined) return "UTC";
  if (zone === "user" && kind === "account") {
    report.problem(
      "zone",
      "zone: user is each person's own zone, and an account has none; name one, such as Europe/Berlin, or leave it out for UTC",
      "UTC",
    );
    return "UTC";
  }
  if (typeof zone === "string" && (zone === "user" || isZone(zone))) return zone;
  report.problem(
    keyPath("", "zone"),
    `zone is the name of a time zone, such as Europe/Berlin, or user; found ${typeof zone === "string" ? quoted(zone) : shown(zone)}`,
    typeof zone === "string" ? nearest(zone, ["user", "UTC", ...Intl.supportedValuesOf("timeZone")]) : undefined,
  );
  return "UTC";
}

/** Asking Intl takes as long as parsing the rest of a definition, and the same few zones are asked for again and again. */
const zonesSeen = new Set<string>();
const ZONES_SEEN_MAX = 1_000;

/** A name of the IANA database. A bare offset such as +02:00 knows no summer time and is refused. */
export function isZone(name: string): boolean {
  if (zonesSeen.has(name)) return true;
  if (name.length > ZONE_LENGTH_MAX || !/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    if (zonesSeen.size < ZONES_SEEN_MAX) zonesSeen.add(name);
    return true;
  } catch {
    return false;
  }
}

/** How the warnings call those whom a segment groups. */
const CROWDS: Readonly<
  Record<MemberKind, Readonly<Record<"known" | "strangers" | "alsoIn" | "many" | "passes", string>>>
> = {
  user: {
    known: "everybody known joins and leaves",
    strangers: "everybody of whom nothing is known",
    alsoIn: "everybody known is in until they do something",
    many: "people",
    passes: "an event they did",
  },
  account: {
    known: "every account known joins and leaves",
    strangers: "every account of which nothing is known",
    alsoIn: "every account known is in until its users do something",
    many: "accounts",
    passes: "an event of its users",
  },
};

function warnOfCrowds({ rule, zone, kind }: Definition, report: Report): void {
  const { known, strangers, alsoIn, many, passes } = CROWDS[kind];
  const add = `add a rule that they must pass, such as ${passes}`;
  if (movesEverybodyByClock(rule)) {
    const where = zone === "user" ? ", in each zone" : "";
    report.warn("rule", `${known} all at once as the clock moves${where}; ${add}`);
    return;
  }
  if (holdsForStranger(rule) !== true) return;
  report.warn("rule", `holds for ${strangers}, so ${alsoIn}; ${add}`);
  if (zone === "user" || !joinsAtMidnight(rule)) return;
  report.warn(
    "rule",
    `${many} join all at once at the first instant of a day in ${zone}; a window with last spreads them`,
  );
}
