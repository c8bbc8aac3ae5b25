// The ids of a list as people send them: CSV with a header, or one id a line. Every line that is wrong is told by its number,
// and then none counts. Read by the HTTP interface; nothing here is written.
import { type Info, parse } from "csv-parse/sync";
import { nearest, type Problem } from "../../core/rules/parse/problems.ts";
import type { Limits, MemberId } from "../../core/types.ts";
import { ended, NotPossible } from "../segments/not-possible.ts";

/** Names of a column that holds ids, compared without case, blanks and underlines; anything else is asked for by name. */
const ID_COLUMNS: ReadonlySet<string> = new Set(["id", "userid", "user", "accountid", "account", "memberid", "member"]);
const PROBLEMS_MAX = 20;
const DELIMITERS = [",", ";", "\t"];

interface Row {
  readonly cells: readonly string[];
  /** 1, 2, 3 … as an editor shows it. */
  readonly line: number;
}

/** In the order of first coming, each once. `column` names the header's column that holds them. */
export function idsOfText(text: string, { idBytesMax }: Limits, column?: string): readonly MemberId[] {
  const rows = rowsOf(text);
  const { index, from } = idColumnOf(rows, column);
  const width = widthOf(rows[0]?.cells ?? []);
  const problems: Problem[] = [];
  const ids = new Set<MemberId>();
  for (const { cells, line } of rows.slice(from)) {
    const id = (cells[index] ?? "").trim();
    const wrong = wrongWith(id, cells, width, idBytesMax);
    if (wrong === undefined) ids.add(id);
    else problems.push({ path: `line ${line}`, message: wrong });
  }
  if (problems.length > 0) throw badText(problems);
  if (ids.size === 0) throw badText([{ path: "line 1", message: "there is no id in the file" }]);
  return [...ids];
}

function rowsOf(text: string): Row[] {
  const head = text.slice(0, Math.max(0, text.search(/\r?\n/)) || text.length);
  const delimiter = DELIMITERS.find((one) => head.includes(one)) ?? ",";
  try {
    const read = parse(text, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as { readonly record: readonly string[]; readonly info: Info }[];
    // The number of the row's last line; a cell of several lines counts from there.
    return read.map(({ record, info }) => ({ cells: record, line: info.lines }));
  } catch (error) {
    const { lines = 0, message } = error as { readonly lines?: number; readonly message: string };
    throw badText([{ path: `line ${lines}`, message: `it is no CSV: ${message}` }]);
  }
}

function idColumnOf(rows: readonly Row[], column: string | undefined): { index: number; from: number } {
  const header = rows[0]?.cells.map((cell) => cell.trim()) ?? [];
  if (column !== undefined) {
    const index = header.indexOf(column);
    if (index >= 0) return { index, from: 1 };
    const meant = nearest(column, header);
    const message = `there is no column ${JSON.stringify(column)}; the header has ${header.join(", ")}`;
    throw badText([{ path: "line 1", message, ...(meant === undefined ? {} : { hint: meant }) }]);
  }
  const index = header.findIndex((name) => ID_COLUMNS.has(name.toLowerCase().replaceAll(/[\s_-]/g, "")));
  if (index >= 0) return { index, from: 1 };
  if (header.length <= 1) return { index: 0, from: 0 };
  const message = `which of the columns ${header.join(", ")} holds the ids? Name one id, or say ?column=NAME`;
  throw badText([{ path: "line 1", message }]);
}

function wrongWith(id: string, cells: readonly string[], width: number, idBytesMax: number): string | undefined {
  // An id that holds the delimiter would be cut, and its beginning may be somebody else.
  if (cells.length > width && widthOf(cells) > width) {
    const found = `${widthOf(cells)} cells where the first row has ${width}`;
    return `there are ${found}; what holds the delimiter must be put in quotes`;
  }
  if (id === "") return cells.length > 1 ? "there is no id in this row" : "there is no id";
  const bytes = Buffer.byteLength(id);
  if (bytes > idBytesMax) return `the id has ${bytes} bytes; the limit is ${idBytesMax} (limits.idBytesMax)`;
  if (id.includes("\uFFFD")) return "it is not UTF-8; save the file as UTF-8";
  return undefined;
}

/** Without the empty cells at its end, which spreadsheets add. */
function widthOf(cells: readonly string[]): number {
  return cells.findLastIndex((cell) => cell.trim() !== "") + 1;
}

function badText(problems: readonly Problem[]): NotPossible {
  const { path, message } = problems[0]!;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return new NotPossible(
    "bad",
    "bad-list",
    `Nothing was changed: ${path}: ${ended(message, more)}`,
    problems.slice(0, PROBLEMS_MAX),
  );
}
