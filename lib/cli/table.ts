// Rows for people, spreadsheets and programs: one list of columns, three ways to print it.
// Used by every command that lists something.
import type { Json } from "../core/types.ts";
import { csvCell } from "../csv.ts";
import { plain, type Style, widthOf } from "./style.ts";

export const FORMATS = ["table", "json", "csv"] as const;
export type Format = (typeof FORMATS)[number];

export interface Column<T> {
  readonly title: string;
  /** Name in JSON and CSV. */
  readonly key: string;
  readonly value: (row: T) => Json;
  /** For the table; default: the value as text. */
  readonly show?: (row: T) => string;
  readonly align?: "right";
}

export function printRows<T>(rows: readonly T[], columns: readonly Column<T>[], format: Format, style: Style): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(
        rows.map((row) => Object.fromEntries(columns.map(({ key, value }) => [key, value(row)]))),
        null,
        2,
      )}\n`;
    case "csv":
      return `${[columns.map(({ key }) => key), ...rows.map((row) => columns.map(({ value }) => csvCell(value(row))))]
        .map((cells) => cells.join(","))
        .join("\n")}\n`;
    case "table":
      return table(rows, columns, style);
  }
}

function table<T>(rows: readonly T[], columns: readonly Column<T>[], style: Style): string {
  const cells = rows.map((row) => columns.map(({ show, value }) => show?.(row) ?? plain(textOf(value(row)))));
  const widths = columns.map(({ title }, index) =>
    Math.max(widthOf(title), ...cells.map((line) => widthOf(line[index]!))),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => pad(text, widths[index]!, columns[index]!.align, index === columns.length - 1))
      .join("  ")
      .trimEnd();
  return `${[style.dim(line(columns.map(({ title }) => title))), ...cells.map(line)].join("\n")}\n`;
}

function pad(text: string, width: number, align: "right" | undefined, last: boolean): string {
  const blanks = " ".repeat(Math.max(0, width - widthOf(text)));
  if (align === "right") return blanks + text;
  return last ? text : text + blanks;
}

function textOf(value: Json): string {
  if (value === null) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
