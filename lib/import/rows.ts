// Lines as rows: CSV records (RFC 4180 quoting, newlines inside quotes too) or one JSON object a line.
// Between lines.ts and mapping.ts. A row that is none is a value with its line number and its reason.
import { parse as parseCsv } from "csv-parse/sync";
import type { JsonObject } from "../core/types.ts";
import type { Line } from "./lines.ts";

export type Row = GoodRow<readonly string[] | JsonObject> | BadRow;
export type CsvRecord = GoodRow<readonly string[]> | BadRow;

interface GoodRow<Cells> {
  readonly ok: true;
  readonly line: number;
  readonly raw: string;
  readonly cells: Cells;
}

export interface BadRow {
  readonly ok: false;
  readonly line: number;
  readonly raw: string;
  readonly reason: string;
}

export interface CsvOptions {
  readonly delimiter: string;
  /** Column names, when the file has no header line. */
  readonly header?: readonly string[];
}

/** Nothing after it can be read, either. */
export class HeaderUnreadable extends Error {
  override readonly name = "HeaderUnreadable";
}

/** A quoted field may run over several lines, but a forgotten quote must not swallow the rest of the file. */
const RECORD_LINES_MAX = 100;
const UNCLOSED = "a quote is opened and never closed";

/** `header` is called once, before the first row is given. */
export async function* csvRows(
  chunks: AsyncIterable<readonly Line[]>,
  options: CsvOptions,
  header: (names: readonly string[]) => void,
): AsyncGenerator<readonly Row[]> {
  let names = options.header;
  if (names !== undefined) header(names);
  for await (const rows of csvRecords(chunks, options.delimiter)) {
    const first = rows[0];
    if (names === undefined && first !== undefined) {
      if (!first.ok)
        throw new HeaderUnreadable(
          `line ${first.line}, which should name the columns, cannot be read: ${first.reason}`,
        );
      names = first.cells.map((name) => name.trim());
      header(names);
      rows.shift();
    }
    yield rows.map((row) => (names === undefined ? row : checkWidth(row, names.length)));
  }
}

/** Of any width; the header, where there is one, is the first. */
export async function* csvRecords(
  chunks: AsyncIterable<readonly Line[]>,
  delimiter: string,
): AsyncGenerator<CsvRecord[]> {
  let open: readonly Line[] = [];
  for await (const lines of chunks) {
    const { rows, rest } = records([...open, ...lines], delimiter, false);
    open = rest;
    yield rows;
  }
  yield records(open, delimiter, true).rows;
}

/** Cuts lines into records; `rest` is a record whose closing quote has not come yet. */
function records(lines: readonly Line[], delimiter: string, last: boolean): { rows: CsvRecord[]; rest: Line[] } {
  const rows: CsvRecord[] = [];
  let index = 0;
  while (index < lines.length) {
    const line = lines[index]!;
    if (line.trouble !== undefined) rows.push(bad(line, line.trouble));
    if (line.trouble !== undefined || line.text === "") {
      index += 1;
      continue;
    }
    const count = linesOfRecord(lines, index);
    if (count === undefined && !last && lines.length - index < RECORD_LINES_MAX)
      return { rows, rest: lines.slice(index) };
    const row = count === undefined ? bad(line, UNCLOSED) : record(lines.slice(index, index + count), delimiter);
    // A stray quote pairs up with one many lines below; only its own line is lost by that, not those between.
    const stray = !row.ok && (count ?? 1) > 1;
    rows.push(stray ? bad(line, UNCLOSED) : row);
    index += stray ? 1 : (count ?? 1);
  }
  return { rows, rest: [] };
}

/** How many lines the record takes: until its quotes are even. Undefined: more than there are, or than allowed. */
function linesOfRecord(lines: readonly Line[], start: number): number | undefined {
  let quotes = 0;
  for (let index = start; index < lines.length && index - start < RECORD_LINES_MAX; index += 1) {
    const { text, trouble } = lines[index]!;
    if (trouble !== undefined) return undefined;
    for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) quotes += 1;
    if (quotes % 2 === 0) return index - start + 1;
  }
  return undefined;
}

function record(lines: readonly Line[], delimiter: string): CsvRecord {
  const { line } = lines[0]!;
  const raw = lines.length === 1 ? lines[0]!.text : lines.map(({ text }) => text).join("\n");
  const plain = plainCells(raw, delimiter);
  if (plain !== undefined) return { ok: true, line, raw, cells: plain };
  try {
    const [cells] = parseCsv(raw, { delimiter, record_delimiter: "\r\n", relax_column_count: true }) as string[][];
    return { ok: true, line, raw, cells: cells ?? [] };
  } catch {
    return {
      ok: false,
      line,
      raw,
      reason: "a quote stands where none may stand; double the quotes inside a quoted field",
    };
  }
}

/** Where no quote stands within a cell; a parser that is made for one row costs ten times as much as this. */
function plainCells(raw: string, delimiter: string): readonly string[] | undefined {
  if (!raw.includes('"')) return raw.split(delimiter);
  const cells: string[] = [];
  for (let at = 0; at <= raw.length; at += delimiter.length) {
    const isQuoted = raw[at] === '"';
    const found = isQuoted ? raw.indexOf('"', at + 1) : raw.indexOf(delimiter, at);
    if (isQuoted && found < 0) return undefined;
    const end = found < 0 ? raw.length : found;
    const cell = raw.slice(isQuoted ? at + 1 : at, end);
    cells.push(cell);
    at = isQuoted ? end + 1 : end;
    const isWhole = at === raw.length || raw.startsWith(delimiter, at);
    if (!isWhole || (!isQuoted && cell.includes('"'))) return undefined;
  }
  return cells;
}

function checkWidth(row: CsvRecord, width: number): CsvRecord {
  if (!row.ok || row.cells.length === width) return row;
  const found = row.cells.length;
  const columns = `${found} column${found === 1 ? "" : "s"} where the header has ${width}`;
  const reason = found < width ? `${columns}; the line seems to be cut off` : columns;
  return { ok: false, line: row.line, raw: row.raw, reason };
}

export async function* ndjsonRows(chunks: AsyncIterable<readonly Line[]>): AsyncGenerator<readonly Row[]> {
  for await (const lines of chunks) {
    yield lines.filter((line) => line.trouble !== undefined || line.text.trim() !== "").map(jsonRow);
  }
}

function jsonRow(line: Line): Row {
  if (line.trouble !== undefined) return bad(line, line.trouble);
  try {
    const cells: unknown = JSON.parse(line.text);
    if (typeof cells !== "object" || cells === null || Array.isArray(cells)) return bad(line, "not a JSON object");
    return { ok: true, line: line.line, raw: line.text, cells: cells as JsonObject };
  } catch {
    return bad(line, "not JSON");
  }
}

function bad(line: Line, reason: string): BadRow {
  return { ok: false, line: line.line, raw: line.text, reason };
}
