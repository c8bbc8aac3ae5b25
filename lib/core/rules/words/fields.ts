// The fields that a `where` or an `of` can read in each record, and the type of each: what may be asked of what.
// parse-where.ts looks paths up here and schema.ts publishes them; a new kind of record is one more entry.
import type { MemberKind } from "../../types.ts";
import type { Path, RecordKind } from "../ast.ts";
import { ANY_VALUE, type Domain } from "../checks/lint.ts";
import { nearest } from "../parse/problems.ts";
import type { FieldType, OccurrenceName } from "./grammar.ts";

/** What stands under a first name: any further names, the products of a cart or an order, or as many names as one. */
type Branch = "named" | "products" | "optional";

interface RecordShape {
  /** As messages call it. */
  readonly record: string;
  /** By path joined with dots. */
  readonly fields: Readonly<Record<string, FieldType>>;
  /** Those that only the records of accounts have, beside the others. */
  readonly ofAccounts?: Readonly<Record<string, FieldType>>;
  /** First names that take any further names: `properties.price`, `products.brand`. */
  readonly branches?: Readonly<Record<string, Branch>>;
  /** The type of every other path; undefined: there are no others. `only` says that it must be a single name. */
  readonly others?: { readonly type: FieldType; readonly listed: string; readonly only?: "single" };
  /** True where past values are kept, so that `delta` can compare with them. */
  readonly keepsPast?: boolean;
  /** What values a field can have, where that is known. */
  readonly domains?: Readonly<Record<string, Domain>>;
}

export interface RecordFields extends RecordShape {
  /** As messages list them. */
  readonly listed: string;
  readonly keepsPast: boolean;
  /** Undefined: there is no such field. */
  typeOf(path: Path): FieldType | undefined;
  domainOf(path: Path): Domain;
  /** The field that was probably meant. */
  suggest(path: Path): string | undefined;
}

function recordOf(shape: RecordShape): RecordFields {
  const { fields, branches = {}, others, domains = {} } = shape;
  const listed = [
    ...Object.keys(fields),
    ...Object.entries(branches).map(([name, branch]) => (branch === "optional" ? `${name}, ${name}.…` : `${name}.…`)),
    ...(others === undefined ? [] : [others.listed]),
  ];
  return {
    ...shape,
    listed: listed.join(", "),
    keepsPast: shape.keepsPast ?? false,
    typeOf: (path) => {
      const joined = path.join(".");
      if (Object.hasOwn(fields, joined) && path.length === joined.split(".").length) return fields[joined];
      if (Object.hasOwn(branches, path[0]!)) return typeInBranch(branches[path[0]!]!, path);
      if (others === undefined || (others.only === "single" && path.length > 1)) return undefined;
      return others.type;
    },
    domainOf: (path) => {
      const joined = path.join(".");
      return Object.hasOwn(domains, joined) ? domains[joined]! : ANY_VALUE;
    },
    suggest: (path) => suggestField(path, Object.keys(fields), Object.keys(branches)),
  };
}

function typeInBranch(branch: Branch, path: Path): FieldType | undefined {
  if (branch === "optional") return "any";
  if (branch === "named") return path.length > 1 ? "any" : undefined;
  if (path.length === 1) return "objects";
  return path.length === 2 && path[1] === "product_id" ? "name" : "any";
}

function suggestField(path: Path, fields: readonly string[], branches: readonly string[]): string | undefined {
  const branch = nearest(path[0]!, branches);
  if (branch !== undefined && path.length > 1) return [branch, ...path.slice(1)].join(".");
  const joined = path.join(".");
  const field = nearest(joined, fields) ?? fields.find((name) => name.split(".").at(-1) === joined);
  if (field !== undefined || !branches.includes("properties")) return field;
  return path[0] === "properties" || path[0] === "context" ? undefined : ["properties", ...path].join(".");
}

/** Each field of a record inside another: `place.city` of a visit. */
function under(prefix: string, fields: Readonly<Record<string, FieldType>>): Record<string, FieldType> {
  return Object.fromEntries(Object.entries(fields).map(([name, type]) => [`${prefix}.${name}`, type]));
}

const PLACE: Readonly<Record<string, FieldType>> = {
  country: "text",
  region: "text",
  city: "text",
  postal: "text",
  metro: "text",
  point: "point",
};

const NETWORK: Readonly<Record<string, FieldType>> = { isp: "text", company: "text", industry: "text" };

const DEVICE: Readonly<Record<string, FieldType>> = {
  browser: "text",
  os: "text",
  type: "text",
  app: "text",
  version: "text",
  language: "text",
  bot: "boolean",
};

const SOURCE: Readonly<Record<string, FieldType>> = {
  medium: "text",
  name: "text",
  campaign: "text",
  term: "text",
  content: "text",
  url: "text",
  domain: "text",
  subdomain: "text",
};

/** At least 0, and there even of nobody: the cart's numbers. */
const TOTAL: Domain = { present: true, least: 0, whole: false };

const NOW: Domain = { present: true, least: Number.NEGATIVE_INFINITY, whole: false, now: true };

const POSITIVE: Domain = { present: false, least: 0, whole: false };

/** Who of its users did it. An event that the account has of its own has none. */
const DOER: Readonly<Record<string, FieldType>> = { userId: "name" };

const EVENT: RecordShape = {
  record: "event",
  fields: { channel: "text", "at.time": "time", "at.weekday": "weekday" },
  ofAccounts: DOER,
  branches: { properties: "named", context: "named" },
};

const ITEM_FIELDS = recordOf({
  record: "item",
  fields: { id: "name", price: "number", quantity: "number", value: "number", time: "duration" },
  others: { type: "any", listed: "any attribute" },
  domains: { time: POSITIVE },
});

const ORDER_FIELDS = recordOf({
  record: "order",
  fields: { id: "name", total: "number", quantity: "number", lines: "number", coupon: "text", currency: "text" },
  branches: { products: "products" },
});

const VISIT_FIELDS = recordOf({
  record: "visit",
  fields: {
    duration: "duration",
    pages: "number",
    events: "number",
    entry: "text",
    page: "text",
    channel: "text",
    ...under("source", SOURCE),
    ...under("place", PLACE),
    ...under("device", DEVICE),
  },
  domains: { duration: TOTAL, pages: { ...TOTAL, whole: true }, events: { present: true, least: 1, whole: true } },
});

const CAMPAIGN: RecordShape = {
  record: "campaign",
  fields: { channel: "text" },
  ofAccounts: DOER,
  branches: { properties: "named", context: "named" },
};

const CHANGE_FIELDS = recordOf({
  record: "change",
  fields: {},
  branches: { from: "optional", to: "optional" },
});

export const OCCURRENCE_FIELDS: Readonly<Record<OccurrenceName, RecordFields>> = {
  event: recordOf(EVENT),
  item: ITEM_FIELDS,
  order: ORDER_FIELDS,
  visit: VISIT_FIELDS,
  campaign: recordOf(CAMPAIGN),
  change: CHANGE_FIELDS,
};

/** What can be read of each occurrence, by whom it happened to. */
export const OCCURRENCE_FIELDS_OF: Readonly<Record<MemberKind, Readonly<Record<OccurrenceName, RecordFields>>>> = {
  user: OCCURRENCE_FIELDS,
  account: { ...OCCURRENCE_FIELDS, event: ofAccounts(EVENT), campaign: ofAccounts(CAMPAIGN) },
};

function ofAccounts(shape: RecordShape): RecordFields {
  return recordOf({ ...shape, fields: { ...shape.fields, ...shape.ofAccounts } });
}

const ANYTHING = { type: "any", listed: "any name" } as const;

export const RECORD_FIELDS: Readonly<Record<RecordKind, RecordFields>> = {
  trait: recordOf({ record: "trait", fields: {}, others: { type: "any", listed: "any trait" }, keepsPast: true }),
  identity: recordOf({
    record: "identity",
    fields: { user: "name", anonymous: "name", email: "name", phone: "name" },
    others: { type: "name", listed: "any external type", only: "single" },
  }),
  place: recordOf({ record: "place", fields: PLACE }),
  network: recordOf({ record: "network", fields: NETWORK }),
  device: recordOf({ record: "device", fields: DEVICE }),
  source: recordOf({
    record: "source",
    fields: { ...under("first", SOURCE), ...under("latest", SOURCE), ...under("current", SOURCE) },
  }),
  cart: recordOf({
    record: "cart",
    fields: { value: "number", quantity: "number", lines: "number", changed: "date" },
    branches: { products: "products" },
    domains: {
      value: { ...TOTAL, least: Number.NEGATIVE_INFINITY },
      quantity: TOTAL,
      lines: { ...TOTAL, whole: true },
    },
  }),
  engagement: recordOf({
    record: "engagement",
    fields: { score: "number", change: "number" },
    domains: { score: { present: true, least: 0, most: 100, whole: false }, change: { ...POSITIVE, least: -100 } },
  }),
  weather: recordOf({ record: "weather", fields: {}, others: ANYTHING }),
  clock: recordOf({
    record: "clock",
    fields: { time: "time", weekday: "weekday", now: "date" },
    domains: { time: NOW, weekday: NOW, now: NOW },
  }),
};

export const SITUATION_FIELDS = recordOf({ record: "situation", fields: {}, others: ANYTHING });

export const OBJECT_FIELDS = recordOf({ record: "object", fields: { id: "name" }, others: ANYTHING });

/** The objects inside a list that `has` looks into. */
export const ELEMENT_FIELDS = recordOf({ record: "element of the list", fields: {}, others: ANYTHING });

export const PRODUCT_FIELDS = recordOf({ record: "product", fields: { product_id: "name" }, others: ANYTHING });
