// docs/configuration.md cannot drift: its table is what config/show.ts prints from the options themselves.
// UPDATE=1 writes it anew.
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { optionsTable } from "../../config/show.ts";

const PAGE = new URL("../../docs/configuration.md", import.meta.url);
const [BEGIN, END] = ["<!-- options: written by `UPDATE=1 npx vitest run test/docs` -->", "<!-- end of options -->"];

/** The page's text before the table, the table, and the text after it. */
function parts(page: string): [string, string, string] {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`docs/configuration.md lacks its marks: ${BEGIN} and ${END}`);
  const start = from + BEGIN.length;
  return [page.slice(0, start), page.slice(start, to), page.slice(to)];
}

test("the table of options is the one that the options make", () => {
  const [before, table, after] = parts(readFileSync(PAGE, "utf8"));
  const wanted = `\n\n${optionsTable()}\n`;
  if (process.env.UPDATE === "1") writeFileSync(PAGE, before + wanted + after);
  else expect(table, "run UPDATE=1 npx vitest run test/docs").toBe(wanted);
});
