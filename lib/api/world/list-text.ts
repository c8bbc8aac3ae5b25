// The ids of a list as people send them: CSV with a header, or one id a line. Every line that is wrong is told by its number,
// and then none counts. Read by the HTTP interface; nothing here is written.
import { setImmediate } from "node:timers/promises";
import { nearest, type Problem } from "../../core/rules/parse/problems.ts";
import type { Limits, MemberId } from "../../core/types.ts";
import { splitLines } from "../../import/lines.ts";
import { csvRecords } from "../../import/rows.ts";
import { ended, NotPossible } from "../segments/not-possible.ts";

/** Names of a column that holds ids, compared without case, blanks and underlines; anything else is asked for by name. */
const ID_COLUMNS: ReadonlySet<string> = new Set(["id", "userid", "user", "accountid", "account", "memberid", "member"]);
const PROBLEMS_MAX = 20;
const DELIMITERS = [",", ";", "\t"];

/** So much is read in one breath; a file may have a million ids, and others want answers meanwhile. */
const BREATH_BYTES = 16 * 1024;

/** In the order of first coming, each once. `column` names the header's column that holds them. */
export async function idsOfText(text: string, { idBytesMax }: Limits, column?: string): Promise<readonly MemberId[]> {
  const ids = new Set<MemberId>();
  const problems = new Problems();
  let columns: Columns | undefined;
  for await (const rows of csvRecords(splitLines(breathsOf(text)), delimiterOf(text))) {
    for (const row of rows) {
      const { line } = row;
      if (!row.ok) {
        problems.add(line, `it is no CSV: ${row.reason}`);
        continue;
      }
      const { cells } = row;
      const isFirst = columns === undefined;
      columns ??= columnsOf(cells, column);
      if (isFirst && columns.areNamed) continue;
      const id = (cells[columns.index] ?? "").trim();
      const wrong = wrongWith(id, cells, columns.width, idBytesMax);
      if (wrong === undefined) ids.add(id);
      else problems.add(line, wrong);
    }
  }
  problems.throwIfAny();
  if (ids.size === 0) throw badText("there is no id in the file");
  return [...ids];
}

async function* breathsOf(text: string): AsyncGenerator<Buffer> {
  // Some programs end lines with a return alone.
  const bytes = Buffer.from(text.includes("\n") ? text : text.replaceAll("\r", "\n"));
  for (let from = 0; from < bytes.length; from += BREATH_BYTES) {
    yield bytes.subarray(from, from + BREATH_BYTES);
    await setImmediate();
  }
}

function delimiterOf(text: string): string {
  const head = /[^\r\n]+/.exec(text)?.[0] ?? "";
  return DELIMITERS.find((one) => head.includes(one)) ?? ",";
}

interface Columns {
  /** Of the ids. */
  readonly index: number;
  /** By the first row, which is a header then. */
  readonly areNamed: boolean;
  /** How many cells a row may have. */
  readonly width: number;
}

function columnsOf(first: readonly string[], column: string | undefined): Columns {
  const header = first.map((cell) => cell.trim());
  const width = widthOf(first);
  if (column !== undefined) {
    const index = header.indexOf(column);
    if (index >= 0) return { index, areNamed: true, width };
    throw badText(
      `there is no column ${JSON.stringify(column)}; the header has ${header.join(", ")}`,
      nearest(column, header),
    );
  }
  const index = header.findIndex((name) => ID_COLUMNS.has(name.toLowerCase().replaceAll(/[\s_-]/g, "")));
  if (index >= 0) return { index, areNamed: true, width };
  if (header.length <= 1) return { index: 0, areNamed: false, width: 1 };
  throw badText(`which of the columns ${header.join(", ")} holds the ids? Name one id, or say ?column=NAME`);
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

/** Of a file that is wrong in every line the first few are kept. */
class Problems {
  private readonly first: Problem[] = [];
  private count = 0;

  add(line: number, message: string): void {
    this.count += 1;
    if (this.first.length < PROBLEMS_MAX) this.first.push({ path: `line ${line}`, message });
  }

  throwIfAny(): void {
    if (this.count > 0) throw refusalOf(this.first, this.count);
  }
}

function badText(message: string, hint?: string): NotPossible {
  return refusalOf([{ path: "line 1", message, ...(hint === undefined ? {} : { hint }) }], 1);
}

function refusalOf(problems: readonly Problem[], count: number): NotPossible {
  const { path, message } = problems[0]!;
  const more = count > 1 ? ` (and ${count - 1} more)` : "";
  return new NotPossible("bad", "bad-list", `Nothing was changed: ${path}: ${ended(message, more)}`, problems);
}
