// The values of a mapping: a column with a type, a constant, a template, or objects and lists of those.
// mapping.ts binds them to a file's columns once; after that a row is read without looking anything up.
import { isMap, isScalar } from "yaml";
import type { Json, JsonObject } from "../core/types.ts";
import { dateReader } from "./dates.ts";
import { MappingError, type Places, type YamlMap } from "./places.ts";

/** A row's cells: CSV by position, NDJSON by name. */
export type Cells = readonly string[] | JsonObject;
/** The value of one cell, undefined when it is empty or not there. */
export type Cell = (cells: Cells) => Json | undefined;
export type Columns = (name: string) => Cell;
/** Reads a value of a row; throws BadCell. */
export type Reader = (cells: Cells, line: number) => Json | undefined;
/** A part of the mapping, waiting to learn where the columns are. */
export type Bind = (columns: Columns) => Reader;

/** This row cannot be read; the message is the reason given to the person. */
export class BadCell extends Error {}

export const CELL_TYPES = ["text", "number", "boolean", "date", "list"] as const;
export type CellType = (typeof CELL_TYPES)[number];

/** A table of values: `{name: VALUE}`. */
export function bindObject(place: Places, map: YamlMap, key: string): Bind {
  const node = place.node(map, key);
  if (!isMap(node)) throw place.error(map, `${key} should be a table of name: column`);
  const table = node as unknown as YamlMap;
  const entries = place.keys(table).map((name) => [name, bindValue(place, table, name)] as const);
  return (columns) => {
    const readers = entries.map(([name, bind]) => [name, bind(columns)] as const);
    return (cells, line) => {
      const object: Record<string, Json> = {};
      for (const [name, read] of readers) {
        const value = read(cells, line);
        if (value !== undefined) object[name] = value;
      }
      return object;
    };
  };
}

/** VALUE: a column's name (text), or {column, type, format}, {value}, {template}, {object}, {list}. */
export function bindValue(place: Places, map: YamlMap, key: string): Bind {
  const node = place.node(map, key);
  if (isScalar(node)) return bindColumn(place.text(map, key)!, "text");
  if (!isMap(node)) throw place.error(map, `${key}: name a column, or write {column, type} or {value}`);
  const spec = node as unknown as YamlMap;
  place.onlyKeys(spec, ["column", "type", "format", "required", "value", "template", "object", "list"]);
  if (spec.has("value")) {
    const constant = place.json(spec, "value");
    return () => () => constant;
  }
  if (spec.has("template")) return bindTemplate(place.text(spec, "template")!);
  if (spec.has("object")) return bindObject(place, spec, "object");
  if (spec.has("list")) return bindList(place, spec);
  const column = place.text(spec, "column");
  if (column === undefined) throw place.error(spec, `${key} needs a column, or a value`);
  const format = place.text(spec, "format");
  const type = place.oneOf(spec, "type", CELL_TYPES) ?? "text";
  place.checked(spec, () => converter(type, format));
  return bindColumn(column, type, format, place.text(spec, "required") === "true");
}

export function bindColumn(
  column: string,
  type: CellType,
  format: string | undefined = undefined,
  required = false,
): Bind {
  const convert = converter(type, format);
  return (columns) => {
    const cell = columns(column);
    return (cells) => {
      const value = cell(cells);
      if (value === undefined && required) throw new BadCell(`${column} is empty`);
      if (value === undefined) return undefined;
      const converted = convert(value);
      if (converted === undefined) throw new BadCell(`${column} is ${show(value)}, which is not a ${type}`);
      return converted;
    };
  };
}

/** `{column}` and `{line}` inside a text; missing when one of the columns is. */
function bindTemplate(template: string): Bind {
  const parts = template.split(/\{([^{}]+)\}/);
  return (columns) => {
    const cells = parts.map((part, index) => (index % 2 === 1 && part !== "line" ? columns(part) : undefined));
    return (row, line) => {
      let text = "";
      for (const [index, part] of parts.entries()) {
        if (index % 2 === 0) text += part;
        else if (part === "line") text += line;
        else {
          const value = cells[index]!(row);
          if (value === undefined) return undefined;
          text += String(value);
        }
      }
      return text;
    };
  };
}

function bindList(place: Places, spec: YamlMap): Bind {
  const node = place.node(spec, "list");
  const items = (node as unknown as { items?: unknown[] }).items;
  if (items === undefined || isMap(node)) throw place.error(spec, "`list` should be a list of values");
  const binds = items.map((_, index) => bindValue(place, node as unknown as YamlMap, index as unknown as string));
  return (columns) => {
    const readers = binds.map((bind) => bind(columns));
    return (cells, line) => readers.map((read) => read(cells, line)).filter((value) => value !== undefined);
  };
}

export function columnsOf(names: readonly string[] | undefined, file: string): Columns {
  if (names === undefined) return pathCell;
  return (name) => {
    const index = names.indexOf(name);
    if (index === -1) throw new MappingError(`${file}: the file has no column "${name}"; it has ${names.join(", ")}`);
    return (cells) => {
      const text = (cells as readonly string[])[index];
      return text === undefined || text === "" ? undefined : text;
    };
  };
}

/** In NDJSON a column is a path of names joined by dots. */
function pathCell(name: string): Cell {
  const path = name.split(".");
  return (cells) => {
    let value: Json | undefined = cells as JsonObject;
    for (const key of path) {
      if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
        return undefined;
      value = (value as JsonObject)[key];
    }
    return value === null ? undefined : value;
  };
}

export function show(value: Json): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}"`;
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const YES: ReadonlySet<string> = new Set(["true", "yes", "y", "t", "1"]);
const NO: ReadonlySet<string> = new Set(["false", "no", "n", "f", "0"]);

/** Nothing is guessed: a cell becomes a number only where the mapping says number. */
function converter(type: CellType, format: string | undefined): (value: Json) => Json | undefined {
  switch (type) {
    case "text":
      return (value) => (typeof value === "object" ? undefined : String(value));
    case "number":
      return (value) => {
        const number =
          typeof value === "number" ? value : NUMBER.test(String(value).trim()) ? Number(value) : Number.NaN;
        return Number.isFinite(number) ? number : undefined;
      };
    case "boolean":
      return (value) => {
        const text = String(value).trim().toLowerCase();
        return YES.has(text) ? true : NO.has(text) ? false : undefined;
      };
    case "list":
      return (value) => (Array.isArray(value) ? value : typeof value === "object" ? undefined : listOf(String(value)));
    case "date": {
      const read = dateReader(format ?? "iso");
      return (value) => {
        const at = read(String(value));
        return at === undefined ? undefined : new Date(at).toISOString();
      };
    }
  }
}

/** `a|b`: parts between bars, none of them empty. */
export function listOf(text: string): string[] {
  return text
    .split("|")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
