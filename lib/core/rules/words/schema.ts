// The JSON Schema of a definition (draft 2020-12), for editors, for whoever writes definitions by program, and for the API.
// Built from the tables that the parsers refuse by, so that neither knows a word that the other does not. The parser
// says more: limits, names that must exist, bounds that make sense together.
import type { JsonObject, MemberKind } from "../../types.ts";
import {
  ELEMENT_FIELDS,
  OBJECT_FIELDS,
  OCCURRENCE_FIELDS,
  OCCURRENCE_FIELDS_OF,
  PRODUCT_FIELDS,
  RECORD_FIELDS,
  type RecordFields,
  SITUATION_FIELDS,
} from "./fields.ts";
import {
  AGGREGATES,
  CALENDAR_UNITS,
  FAVORITE_MEASURES,
  type FieldType,
  FOLDING_OPERATORS,
  FUNNEL_RELATIONS,
  MEASURES_OF,
  OBJECT_MEASURES,
  type OccurrenceName,
  OPERATORS_OF,
  RULES_OF,
  type RuleName,
  STEPS,
  type StepName,
  TEXT_OPERATORS,
  USERS_MEASURES,
  WEEKDAYS,
  WHICH_KEYS,
} from "./grammar.ts";
import {
  MEASURE_WORDS,
  OPERATOR_WORDS,
  RULE_EXAMPLES,
  RULE_WORDS,
  USERS_WORDS,
  WHICH_WORDS,
  WINDOW_WORDS,
} from "./schema-words.ts";

const OCCURRENCES = Object.keys(WHICH_KEYS) as OccurrenceName[];
const TYPES = Object.keys(OPERATORS_OF) as FieldType[];

const NAME = "([^.\\\\]|\\\\[.\\\\])+";
/** As parse-where.ts splits it: a backslash stands before a dot, another one, or a leading word of a where. */
const PATH = `^(\\\\(all|any|none|not)|${NAME})(\\.${NAME})*$`;

export const SCHEMA_ID = "/v1/schemas/segment.json";

export function definitionSchema(): JsonObject {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: SCHEMA_ID,
    title: "Segment",
    description:
      "A segment of users or of accounts: who is in, by a rule over what they did, what is known of them and where they belong.",
    ...closed(header(), ["id", "rule"]),
    if: { type: "object", properties: { kind: { const: "account" } }, required: ["kind"] },
    // biome-ignore lint/suspicious/noThenProperty: the word is JSON Schema's own
    then: { type: "object", properties: { rule: ref("accountRule"), zone: { not: { const: "user" } } } },
    else: { type: "object", properties: { rule: ref("rule") } },
    examples: [
      { id: "big-spenders", rule: { order: { total: { gte: 500 }, window: { last: "90d" } } } },
      { id: "cart-under-100", zone: "Europe/Berlin", rule: { cart: { value: { gt: 0, lt: 100 } } } },
      { id: "busy-accounts", kind: "account", rule: RULE_EXAMPLES.users[0]! },
    ],
    $defs: definitions(),
  };
}

function header(): JsonObject {
  return {
    id: described(ref("segmentId"), "The name on the wire: segment.<id>.joined."),
    name: text("For people; left out, the id."),
    kind: { enum: ["user", "account"], default: "user", description: "Whom it groups: people, or their accounts." },
    description: text("For people."),
    folder: text("For people: a path such as shop/carts."),
    tags: { type: "array", items: { type: "string" }, description: "For people." },
    enabled: { type: "boolean", description: "false: everybody leaves, the definition stays.", default: true },
    zone: text("A zone's name such as Europe/Berlin, or user for each person's own (not of accounts); left out, UTC."),
    stay: described(ref("duration"), "Once in, in for at least so long."),
    cooldown: described(ref("duration"), "Once out, out for at least so long."),
    rule: { description: "Who is in." },
  };
}

function definitions(): JsonObject {
  const defs: Record<string, JsonObject> = {
    segmentId: { type: ["string", "integer"], pattern: "^[a-z0-9][a-z0-9-]{0,63}$" },
    label: { type: ["string", "number"], minLength: 1 },
    labels: { type: "array", minItems: 1, items: ref("label") },
    duration: {
      type: "string",
      pattern: "^[0-9]{1,15}[smhdw]$",
      description: "A whole number and a unit.",
      examples: ["30s", "5m", "2h", "7d", "4w"],
    },
    timeOfDay: { type: "string", pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$", examples: ["09:00"] },
    path: { type: "string", pattern: PATH, description: "Names joined by dots; a dot inside a name is written \\." },
    near: near(),
    occurrenceWindow: windowSchema(true),
    dateWindow: windowSchema(false),
  };
  for (const kind of KINDS) {
    defs[nameOf("rule", kind)] = rule(kind);
    defs[nameOf("step", kind)] = step(kind);
  }
  for (const type of TYPES) defs[testName(type, false)] = testSchema(type, false);
  defs[testName("any", true)] = testSchema("any", true);
  for (const [name, fields] of Object.entries(WHERES)) defs[`${name}Where`] = whereSchema(name, fields);
  for (const name of OCCURRENCES.filter(readsMoreOfAccounts)) {
    const own = nameOf(name, "account");
    defs[`${own}Where`] = whereSchema(own, OCCURRENCE_FIELDS_OF.account[name]);
  }
  return defs;
}

const KINDS = Object.keys(RULES_OF) as MemberKind[];

/** What is read differently of accounts has a name of its own there: `accountRule`. */
function nameOf(name: string, kind: MemberKind): string {
  return kind === "user" ? name : `account${name[0]!.toUpperCase()}${name.slice(1)}`;
}

function readsMoreOfAccounts(name: OccurrenceName): boolean {
  return OCCURRENCE_FIELDS_OF.account[name] !== OCCURRENCE_FIELDS[name];
}

function whereOf(name: OccurrenceName, kind: MemberKind): JsonObject {
  return ref(`${nameOf(name, readsMoreOfAccounts(name) ? kind : "user")}Where`);
}

/** Every record that a where can read, by the name of its `…Where`. */
const WHERES: Readonly<Record<string, RecordFields>> = {
  ...OCCURRENCE_FIELDS,
  ...RECORD_FIELDS,
  object: OBJECT_FIELDS,
  situation: SITUATION_FIELDS,
  element: ELEMENT_FIELDS,
  product: PRODUCT_FIELDS,
};

// ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function rule(kind: MemberKind): JsonObject {
  const properties = RULES_OF[kind].map((name): [string, JsonObject] => {
    const words = { description: RULE_WORDS[name], examples: RULE_EXAMPLES[name].map((example) => example[name]!) };
    return [name, { ...words, ...ruleBody(name, kind) }];
  });
  return {
    description: `A rule, here about ${kind}s, is an object with exactly one key.`,
    ...closed(Object.fromEntries(properties)),
    minProperties: 1,
    maxProperties: 1,
  };
}

function ruleBody(name: RuleName, kind: MemberKind): JsonObject {
  const own = ref(nameOf("rule", kind));
  switch (name) {
    case "all":
    case "any":
    case "none":
      return { type: "array", minItems: 1, items: own };
    case "not":
      return own;
    case "account":
      return ref("accountRule");
    case "users":
      return usersBody();
    case "sequence":
      return closed(
        {
          steps: { type: "array", minItems: 1, items: ref(nameOf("step", kind)), description: "In this order." },
          window: described(ref("occurrenceWindow"), "In it the last step was complete."),
        },
        ["steps"],
      );
    case "funnel":
      return {
        ...closed(
          { id: ref("label"), ...each(FUNNEL_RELATIONS, (key) => described(ref("label"), WHICH_WORDS[key]!)) },
          ["id"],
        ),
        ...exactlyOne(FUNNEL_RELATIONS),
      };
    case "favorite":
      return closed(
        {
          type: described(ref("label"), WHICH_WORDS.type!),
          ids: described(ref("labels"), "One of these."),
          by: { enum: [...FAVORITE_MEASURES], description: "What the favourites are ranked by." },
          top: { type: "integer", minimum: 1, default: 1, description: "Among so many." },
          window: ref("occurrenceWindow"),
        },
        ["type", "ids", "by"],
      );
    case "object":
      return {
        ...closed(
          {
            type: described(ref("label"), "The type of the objects."),
            where: ref("objectWhere"),
            ...measures(OBJECT_MEASURES, false),
          },
          ["type"],
        ),
        ...atMostOne(OBJECT_MEASURES),
      };
    case "anonymous":
      return { type: "boolean" };
    case "situation":
      return closed({ kind: described(ref("label"), "The kind of the feed."), where: ref("situationWhere") }, [
        "kind",
        "where",
      ]);
    case "segment":
    case "list":
      return belonging(name);
    case "bucket":
      // The empty salt is the one by default.
      return closed(
        {
          from: described(percent(), "In."),
          to: described(percent(), "Out."),
          salt: { type: ["string", "number"], description: "Another salt deals anew." },
        },
        ["from", "to"],
      );
    default:
      return OCCURRENCES.includes(name as OccurrenceName)
        ? happened(name as OccurrenceName, kind)
        : ref(`${name}Where`);
  }
}

function usersBody(): JsonObject {
  const { rule, atLeast, count, share } = USERS_WORDS;
  const bodies = {
    rule: described(ref("rule"), rule),
    atLeast: { type: "integer", minimum: 1, description: atLeast },
    count: described(ref(testName("number", false)), count),
    share: described(ref(testName("percent", false)), share),
  };
  return { ...closed(bodies, ["rule"]), ...exactlyOne(USERS_MEASURES) };
}

function belonging(name: "segment" | "list"): JsonObject {
  const ids = { type: "array", minItems: 1, items: ref(name === "segment" ? "segmentId" : "label") };
  const joined = { joined: described(ref("dateWindow"), "When the present membership began.") };
  return {
    ...closed({
      in: { ...ids, description: "In at least one." },
      notIn: { ...ids, description: "In none." },
      ...(name === "segment" ? joined : {}),
    }),
    ...exactlyOne(["in", "notIn"]),
    ...(name === "segment" ? { dependentRequired: { joined: ["in"] } } : {}),
  };
}

function percent(): JsonObject {
  return { type: "number", minimum: 0, maximum: 100 };
}

// ── what happened ───────────────────────────────────────────────────────────────────────────────────────────────────

const NEEDED: Readonly<Partial<Record<OccurrenceName, string[]>>> = {
  event: ["name"],
  item: ["action"],
  campaign: ["outcome"],
  change: ["trait"],
};

function happened(name: OccurrenceName, kind: MemberKind): JsonObject {
  const window = described(ref("occurrenceWindow"), "When; left out, all time.");
  return {
    ...closed(
      { ...which(name, kind, true), window, ...measures(MEASURES_OF[name], holdsDuration(name)) },
      NEEDED[name] ?? [],
    ),
    ...atMostOne(MEASURES_OF[name]),
    dependentSchemas: { first: without("window"), latest: without("window") },
  };
}

function which(name: OccurrenceName, kind: MemberKind, isRule: boolean): JsonObject {
  const where = described(whereOf(name, kind), "Which of them count.");
  return { ...each(WHICH_KEYS[name], (key) => whichKey(key, isRule)), where };
}

function whichKey(key: string, isRule: boolean): JsonObject {
  const description = WHICH_WORDS[key]!;
  switch (key) {
    case "name": {
      const lists = { any: ref("labels"), ...(isRule ? { each: ref("labels") } : {}) };
      return { description, anyOf: [ref("label"), { ...closed(lists), minProperties: 1, maxProperties: 1 }] };
    }
    case "ids":
      return described(ref("labels"), description);
    case "trait":
      return described(ref("path"), description);
    case "from":
    case "to":
      return described(ref(testName("any", false)), description);
    case "stayed":
      return { type: "boolean", default: false, description };
    default:
      return described(ref("label"), description);
  }
}

/** A sum of durations is tested by a duration. */
function holdsDuration(name: OccurrenceName): boolean {
  return Object.values(OCCURRENCE_FIELDS[name].fields).includes("duration");
}

function measures(names: readonly string[], withDuration: boolean): JsonObject {
  return each(names, (name) => ({ description: MEASURE_WORDS[name]!, ...measure(name, withDuration) }));
}

function measure(name: string, withDuration: boolean): JsonObject {
  if (name === "first" || name === "latest") return ref("occurrenceWindow");
  if (!AGGREGATES.includes(name as "sum")) return ref(testName("number", false));
  const is = ref(testName(withDuration && name !== "distinct" ? "duration" : "number", false));
  return closed({ of: ref("path"), is }, ["of", "is"]);
}

function step(kind: MemberKind): JsonObject {
  const deeds = each(STEPS, (name) => stepBody(name, kind));
  const within = { within: described(ref("duration"), "So soon after the step before.") };
  const absent = { ...closed(deeds), minProperties: 1, maxProperties: 1 };
  return {
    description: "What happens, or what must not come for so long after the step before.",
    anyOf: [
      { ...closed({ ...deeds, ...within }), ...exactlyOne(STEPS) },
      closed({ absent: described(absent, "What must not come."), ...within }, ["absent", "within"]),
    ],
  };
}

function stepBody(name: StepName, kind: MemberKind): JsonObject {
  return { description: RULE_WORDS[name], ...closed(which(name, kind, false), NEEDED[name] ?? []) };
}

// ── wheres and tests ────────────────────────────────────────────────────────────────────────────────────────────────

function whereSchema(name: string, fields: RecordFields): JsonObject {
  const own = ref(`${name}Where`);
  const list = { type: "array", minItems: 1, items: own };
  const logical = ["all", "any", "none", "not"];
  return {
    description: `Tests by path over ${fields.record}: ${fields.listed}. All hold; or one of all, any, none, not.`,
    type: "object",
    minProperties: 1,
    if: { anyOf: logical.map((key) => ({ required: [key] })) },
    // biome-ignore lint/suspicious/noThenProperty: the word is JSON Schema's own
    then: { ...closed({ all: list, any: list, none: list, not: own }), maxProperties: 1 },
    else: tests(fields),
  };
}

function tests({ fields, branches = {}, others, keepsPast }: RecordFields): JsonObject {
  const any = ref(testName("any", keepsPast));
  const patterns = Object.entries(branches).flatMap(([name, branch]): [string, JsonObject][] => {
    const further: [string, JsonObject] = [`^${name}\\..`, any];
    if (branch === "named") return [further];
    const whole = ref(testName(branch === "products" ? "objects" : "any", false));
    const ids = ref(testName("name", false));
    return branch === "products"
      ? [[`^${name}$`, whole], [`^${name}\\.product_id$`, ids], further]
      : [[`^${name}$`, whole], further];
  });
  return {
    propertyNames: { pattern: PATH },
    properties: each(Object.keys(fields), (path) => ref(testName(fields[path]!, false))),
    patternProperties: Object.fromEntries(patterns),
    additionalProperties: others === undefined ? false : ref(testName(others.type, keepsPast)),
  };
}

function testName(type: FieldType, keepsPast: boolean): string {
  return keepsPast ? `${type}TestWithPast` : `${type}Test`;
}

function testSchema(type: FieldType, keepsPast: boolean): JsonObject {
  const allowed = OPERATORS_OF[type].filter((op) => keepsPast || op !== "delta");
  const folds = allowed.some((op) => FOLDING_OPERATORS.includes(op)) && ["any", "text", "name"].includes(type);
  const operators = {
    ...closed({
      ...each(allowed, (op) => ({ description: OPERATOR_WORDS[op]!, ...operand(op, type) })),
      ...(folds ? { fold: { type: "boolean", description: "Without regard to case, beside operators on text." } } : {}),
    }),
    minProperties: 1,
  };
  if (!allowed.includes("eq")) return operators;
  const value = scalar(type);
  return {
    description: "A value (eq), a list of values (in), or operators that must all pass.",
    anyOf: [value, { type: "array", minItems: 1, items: value }, operators],
  };
}

function scalar(type: FieldType): JsonObject {
  switch (type) {
    case "number":
      return { type: "number" };
    case "percent":
      return percent();
    case "duration":
      return { anyOf: [{ type: "number" }, ref("duration")] };
    case "boolean":
      return { type: "boolean" };
    case "name":
      return { type: ["string", "number"] };
    case "time":
      return ref("timeOfDay");
    case "weekday":
      return { enum: [...WEEKDAYS] };
    case "any":
      return { type: ["string", "number", "boolean"] };
    default:
      return { type: "string" };
  }
}

function operand(op: string, type: FieldType): JsonObject {
  if (TEXT_OPERATORS.includes(op)) return { type: "string", minLength: 1 };
  switch (op) {
    case "eq":
    case "ne":
      return scalar(type);
    case "in":
    case "notIn":
    case "includesAll":
      return { type: "array", minItems: 1, items: scalar(type) };
    case "exists":
      return { type: "boolean" };
    case "between": {
      const bound = ordered(type);
      return { type: "array", prefixItems: [bound, bound], minItems: 2, items: false };
    }
    case "has":
      return ref(type === "objects" ? "productWhere" : "elementWhere");
    case "date":
      return ref("dateWindow");
    case "near":
      return ref("near");
    case "delta":
      return delta();
    default:
      return ordered(type);
  }
}

function ordered(type: FieldType): JsonObject {
  return type === "any" ? { anyOf: [{ type: "number" }, ref("timeOfDay")] } : scalar(type);
}

function near(): JsonObject {
  const distance = {
    anyOf: [
      { type: "number", exclusiveMinimum: 0 },
      { type: "string", pattern: "^[0-9]{1,9}(\\.[0-9]{1,9})? ?(km|mi)$" },
    ],
    description: "A number of km, or text.",
    examples: ["10km", "25mi"],
  };
  const degrees = (most: number) => ({ type: "number", minimum: -most, maximum: most });
  return closed({ lat: degrees(90), lon: degrees(180), within: distance }, ["lat", "lon", "within"]);
}

function delta(): JsonObject {
  const test = ref(testName("number", false));
  return {
    ...closed({ over: ref("duration"), percent: test, amount: test }, ["over"]),
    ...exactlyOne(["percent", "amount"]),
  };
}

// ── windows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Dates held as values belong to no visit. */
function windowSchema(ofOccurrences: boolean): JsonObject {
  const one = (key: string, body: JsonObject): JsonObject =>
    closed({ [key]: { description: WINDOW_WORDS[key]!, ...body } }, [key]);
  const ago = { ...closed({ gte: ref("duration"), lt: ref("duration") }), minProperties: 1 };
  const calendar = {
    ...closed({
      ...each(CALENDAR_UNITS, () => ({ type: "integer", minimum: 1 })),
      skip: { type: "integer", minimum: 0, default: 0, description: "Moved back by so many." },
    }),
    ...exactlyOne(CALENDAR_UNITS),
  };
  const bound = (key: string) => ({ type: "string", minLength: 10, description: WINDOW_WORDS[key]! });
  const kinds = [
    one("last", ref("duration")),
    one("ago", ago),
    one("next", ref("duration")),
    one("today", { const: true }),
    one("calendar", calendar),
    { ...closed({ from: bound("from"), to: bound("to") }), minProperties: 1 },
    ...(ofOccurrences ? [one("visit", { const: "current" })] : []),
  ];
  return { description: "When: one kind of window.", anyOf: kinds };
}

// ── the letter ──────────────────────────────────────────────────────────────────────────────────────────────────────

function ref(name: string): JsonObject {
  return { $ref: `#/$defs/${name}` };
}

function described(schema: JsonObject, description: string): JsonObject {
  return { description, ...schema };
}

function text(description: string): JsonObject {
  return { type: "string", description };
}

function closed(properties: JsonObject, required: readonly string[] = []): JsonObject {
  return { type: "object", properties, ...(required.length > 0 ? { required } : {}), additionalProperties: false };
}

function each<Name extends string>(names: readonly Name[], make: (name: Name) => JsonObject): JsonObject {
  return Object.fromEntries(names.map((name) => [name, make(name)]));
}

function without(key: string): JsonObject {
  return { not: { required: [key] } };
}

function exactlyOne(keys: readonly string[]): JsonObject {
  return { oneOf: keys.map((key) => ({ required: [key] })) };
}

/** Two given match two of these, and none given matches the first alone. */
function atMostOne(keys: readonly string[]): JsonObject {
  const required = keys.map((key) => ({ required: [key] }));
  return { oneOf: [{ not: { anyOf: required } }, ...required] };
}
