// Items of the catalogue from a file: CSV with typed columns, one JSON object a line, or YAML. Rows come one by one with
// their line, so that what cannot be read is told at its place and the rest goes on.
import type { Json, JsonObject } from "../core/types.ts";
import { loadValues } from "../definitions/load.ts";
import { openLines } from "./lines.ts";
import { csvRows, ndjsonRows, type Row } from "./rows.ts";
import { listOf } from "./values.ts";

export const COLUMN_TYPES = ["text", "number", "boolean", "list"] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

export interface ItemRow {
  readonly line: number;
  /** As feeds write an item; or why the row is none. */
  readonly item: Json | undefined;
  readonly reason?: string;
}

export interface ItemFile {
  readonly rows: AsyncIterable<ItemRow>;
  /** 0 … 1 of the file read so far. */
  fraction(): number;
}

/** The header is none, or lacks what was asked for: nothing of the file can be read. */
export class HeaderWrong extends Error {
  override readonly name = "HeaderWrong";
}

/** Columns that are numbers wherever nothing else is said. */
const NUMBERS = new Set(["price", "quantity", "value"]);

export async function openItems(path: string, types: ReadonlyMap<string, ColumnType>): Promise<ItemFile> {
  const name = path.replace(/\.gz$/, "");
  if (/\.(ya?ml|json)$/.test(name)) return { rows: yamlItems(path), fraction: () => 0 };
  const source = await openLines(path);
  const fraction = (): number => source.bytesRead() / Math.max(1, source.bytesTotal ?? 0);
  if (/\.(jsonl|ndjson)$/.test(name)) return { rows: objects(ndjsonRows(source.chunks)), fraction };
  let header: readonly string[] = [];
  const rows = csvRows(source.chunks, { delimiter: name.endsWith(".tsv") ? "\t" : "," }, (names) => {
    header = names;
    const unknown = [...types.keys()].find((column) => !names.includes(column));
    if (unknown !== undefined) throw new Error(`there is no column ${unknown}; the columns are ${names.join(", ")}`);
    if (!names.includes("id")) throw new Error(`no column is named id; the columns are ${names.join(", ")}`);
  });
  return { rows: typedRows(rows, () => header, types), fraction };
}

/** A list of items, `{items: […]}`, or one item a document. */
async function* yamlItems(path: string): AsyncGenerator<ItemRow> {
  const { values, problems } = await loadValues(path);
  for (const { line, message } of problems) yield { line, item: undefined, reason: message };
  for (const { value, placeOf } of values) {
    const isWrapped = typeof value === "object" && value !== null && !Array.isArray(value) && "items" in value;
    const at = isWrapped ? "items" : "";
    const inner = isWrapped ? (value as JsonObject).items! : value;
    if (!Array.isArray(inner)) yield { line: placeOf(at).line, item: inner };
    else
      for (const [index, item] of inner.entries()) yield { line: placeOf(`${at}[${index}]`).line, item: item as Json };
  }
}

async function* objects(chunks: AsyncIterable<readonly Row[]>): AsyncGenerator<ItemRow> {
  for await (const rows of chunks) {
    for (const row of rows) {
      if (row.ok) yield { line: row.line, item: row.cells as JsonObject };
      else yield { line: row.line, item: undefined, reason: row.reason };
    }
  }
}

async function* typedRows(
  chunks: AsyncIterable<readonly Row[]>,
  header: () => readonly string[],
  types: ReadonlyMap<string, ColumnType>,
): AsyncGenerator<ItemRow> {
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    const { done, value: rows } = await iterator.next().catch((error: Error) => {
      throw new HeaderWrong(error.message);
    });
    if (done === true) return;
    for (const row of rows) {
      if (row.ok) yield typedRow(row.line, header(), row.cells as readonly string[], types);
      else yield { line: row.line, item: undefined, reason: row.reason };
    }
  }
}

function typedRow(
  line: number,
  header: readonly string[],
  cells: readonly string[],
  types: ReadonlyMap<string, ColumnType>,
): ItemRow {
  const item: Record<string, Json> = {};
  for (const [index, name] of header.entries()) {
    const text = cells[index]!;
    // An empty cell says nothing of its attribute.
    if (text === "") continue;
    const type = types.get(name) ?? (NUMBERS.has(name) ? "number" : "text");
    const value = typed(text, type);
    if (value === undefined) return { line, item: undefined, reason: `${name}: ${JSON.stringify(text)} is no ${type}` };
    item[name] = value;
  }
  return { line, item };
}

function typed(text: string, type: ColumnType): Json | undefined {
  switch (type) {
    case "text":
      return text;
    case "number": {
      const number = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(text) ? Number(text) : Number.NaN;
      return Number.isFinite(number) ? number : undefined;
    }
    case "boolean": {
      const word = text.trim().toLowerCase();
      return ["true", "yes", "1"].includes(word) ? true : ["false", "no", "0"].includes(word) ? false : undefined;
    }
    case "list":
      return listOf(text);
  }
}
