// A cell of CSV as RFC 4180 writes it, safe to open as a spreadsheet. Used by the command line's tables and by exports.
import type { Json } from "./core/types.ts";

/** What a spreadsheet would take for a formula, in the wide forms of some keyboards, too; a number is none. */
const FORMULA = /^[=+\-@＝＋－＠\t\r\n]/;

export function csvCell(value: Json | undefined): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const safe = typeof value === "string" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
