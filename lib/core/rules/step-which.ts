// One of several things that happen, as a step of a funnel of the vocabulary: an event, an item, an order or a campaign.
// vocabulary-document.ts reads funnels with it; the where is parse-where.ts' business.
import type { StepWhich, Where } from "./ast.ts";
import { EVENT_FIELDS, ORDER_FIELDS, type RecordFields } from "./fields.ts";
import { parseWhere } from "./parse-where.ts";
import { checkKeys, type Fields, isObject, itemPath, keyPath, type Report, shown } from "./problems.ts";

export const STEP_KINDS = ["event", "item", "order", "campaign"] as const;
type StepKind = (typeof STEP_KINDS)[number];

const KEYS: Readonly<Record<StepKind, readonly string[]>> = {
  event: ["name", "where"],
  item: ["action", "type", "ids", "where"],
  order: ["where"],
  campaign: ["outcome", "id", "experience", "where"],
};
const SYNONYMS = { names: "name", filter: "where", properties: "where" };

/** Any path, for records whose fields are items' own. */
const ITEM_FIELDS: RecordFields = {
  record: "item",
  listed: "id, price, quantity, value, time and the item's attributes",
  keepsPast: false,
  typeOf: ([first]) => {
    if (first === "id") return "name";
    return ["price", "quantity", "value", "time"].includes(first!) ? "number" : "any";
  },
  suggest: () => undefined,
};

const FIELDS: Readonly<Record<StepKind, RecordFields>> = {
  event: EVENT_FIELDS,
  item: ITEM_FIELDS,
  order: ORDER_FIELDS,
  campaign: EVENT_FIELDS,
};

export function parseStepWhich(kind: StepKind, body: unknown, path: string, report: Report): StepWhich | undefined {
  if (!isObject(body)) {
    const hint = kind === "event" && typeof body === "string" ? `{name: ${body}}` : undefined;
    return report.problem(path, `expected an object with ${KEYS[kind].join(", ")}; found ${shown(body)}`, hint);
  }
  checkKeys(body, path, report, KEYS[kind], SYNONYMS);
  const before = report.problems.length;
  const where = Object.hasOwn(body, "where")
    ? parseWhere(body.where, keyPath(path, "where"), report, FIELDS[kind], 1)
    : undefined;
  const which = readWhich(kind, body, path, report, where === undefined ? {} : { where });
  return report.problems.length > before ? undefined : which;
}

function readWhich(
  kind: StepKind,
  body: Fields,
  path: string,
  report: Report,
  where: { readonly where?: Where },
): StepWhich | undefined {
  const label = (key: string): string | undefined => readLabel(body[key], keyPath(path, key), report);
  const optional = (key: string): Record<string, string> => {
    const read = body[key] === undefined ? undefined : label(key);
    return read === undefined ? {} : { [key]: read };
  };
  switch (kind) {
    case "order":
      return { op: "order", ...where };
    case "campaign": {
      const outcome = label("outcome");
      return outcome === undefined
        ? undefined
        : { op: "campaign", outcome, ...optional("id"), ...optional("experience"), ...where };
    }
    case "item": {
      const action = label("action");
      const ids = body.ids === undefined ? undefined : readLabels(body.ids, keyPath(path, "ids"), report);
      const type = body.type === undefined ? "product" : label("type");
      return action === undefined || type === undefined
        ? undefined
        : { op: "item", action, type, ...(ids === undefined ? {} : { ids }), ...where };
    }
    case "event": {
      const names = readEventNames(body.name, keyPath(path, "name"), report);
      return names && { op: "event", names, ...where };
    }
  }
}

function readEventNames(value: unknown, path: string, report: Report): readonly string[] | "*" | undefined {
  if (value === "*") return "*";
  if (isObject(value) && Object.keys(value).length === 1 && Object.hasOwn(value, "any")) {
    return readLabels(value.any, keyPath(path, "any"), report);
  }
  if (isObject(value)) return report.problem(path, 'a step\'s name is text, "*" for any, or {any: [names]}', "any");
  const name = readLabel(value, path, report);
  return name === undefined ? undefined : [name];
}

function readLabels(value: unknown, path: string, report: Report): string[] | undefined {
  const { listValuesMax } = report.limits;
  if (!Array.isArray(value) || value.length === 0 || value.length > listValuesMax) {
    const found = Array.isArray(value) ? `${value.length} values` : shown(value);
    return report.problem(path, `expected a list of 1 to ${listValuesMax} texts (listValuesMax); found ${found}`);
  }
  const labels = value.map((item, index) => readLabel(item, itemPath(path, index), report));
  return [...new Set(labels.filter((label) => label !== undefined))];
}

/** Where an id or a name stands, a number is read as its decimal text. */
function readLabel(value: unknown, path: string, report: Report): string | undefined {
  const text = typeof value === "number" && Number.isFinite(value) ? String(value) : value;
  const { nameLengthMax } = report.limits;
  if (typeof text === "string" && text !== "" && text.length <= nameLengthMax) return text;
  return report.problem(
    path,
    `expected text of 1 to ${nameLengthMax} characters (nameLengthMax); found ${shown(value)}`,
  );
}
