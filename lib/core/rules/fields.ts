// The fields that a `where` or an `of` can read in each record, and the type of each: what may be asked of what.
// parse-where.ts looks paths up here; a new kind of record is one more entry.
import type { Path } from "./ast.ts";
import { nearest } from "./problems.ts";

/**
 * `name` is text where an id or a name stands: a number is read as its decimal text. `time` is "HH:MM". `objects` are
 * lists of objects, which only `has` and `exists` can test as a whole.
 */
export type FieldType = "any" | "number" | "text" | "name" | "time" | "weekday" | "date" | "objects";

export interface RecordFields {
  /** As messages call it. */
  readonly record: string;
  /** As messages list them. */
  readonly listed: string;
  /** True where past values are kept, so that `delta` can compare with them. */
  readonly keepsPast: boolean;
  /** Undefined: there is no such field. */
  typeOf(path: Path): FieldType | undefined;
  /** The field that was probably meant. */
  suggest(path: Path): string | undefined;
}

/** Fields that take any further names: `properties.price`, `products.brand`. */
type Branches = Readonly<Record<string, "named" | "products">>;

function recordOf(record: string, fields: Readonly<Record<string, FieldType>>, branches: Branches): RecordFields {
  const listed = [...Object.keys(fields), ...Object.keys(branches).map((name) => `${name}.…`)];
  return {
    record,
    listed: listed.join(", "),
    keepsPast: false,
    typeOf: (path) => {
      const branch = Object.hasOwn(branches, path[0]!) ? branches[path[0]!] : undefined;
      if (branch === "named") return path.length > 1 ? "any" : undefined;
      if (branch === "products") return productsType(path);
      const joined = path.join(".");
      return Object.hasOwn(fields, joined) ? fields[joined] : undefined;
    },
    suggest: (path) => {
      const branch = nearest(path[0]!, Object.keys(branches));
      if (branch !== undefined && path.length > 1) return [branch, ...path.slice(1)].join(".");
      const field = nearest(path.join("."), Object.keys(fields));
      if (field !== undefined || !Object.hasOwn(branches, "properties")) return field;
      return path[0] === "properties" || path[0] === "context" ? undefined : ["properties", ...path].join(".");
    },
  };
}

function productsType(path: Path): FieldType {
  if (path.length === 1) return "objects";
  return path.length === 2 && path[1] === "product_id" ? "name" : "any";
}

export const EVENT_FIELDS: RecordFields = recordOf(
  "event",
  { channel: "text", "at.time": "time", "at.weekday": "weekday" },
  { properties: "named", context: "named" },
);

export const ORDER_FIELDS: RecordFields = recordOf(
  "order",
  { id: "name", total: "number", quantity: "number", lines: "number", coupon: "text", currency: "text" },
  { products: "products" },
);

export const CART_FIELDS: RecordFields = recordOf(
  "cart",
  { value: "number", quantity: "number", lines: "number", changed: "date" },
  { products: "products" },
);

export const TRAIT_FIELDS: RecordFields = {
  record: "trait",
  listed: "any trait",
  keepsPast: true,
  typeOf: () => "any",
  suggest: () => undefined,
};

/** The objects inside a list that `has` looks into. */
export const ELEMENT_FIELDS: RecordFields = { ...TRAIT_FIELDS, record: "element of the list", keepsPast: false };

export const PRODUCT_FIELDS: RecordFields = {
  ...ELEMENT_FIELDS,
  record: "product",
  typeOf: (path) => (path.length === 1 && path[0] === "product_id" ? "name" : "any"),
};
