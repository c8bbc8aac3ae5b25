// docs/api.md cannot drift: its roles are those of the table, its limits those of the options, its examples have the shapes of
// the document, and every status that a route may be refused with is explained.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { NAMED_OPTIONS } from "../../config/options.ts";
import { ROLES } from "../../lib/api/security/rights.ts";
import { operationsOf } from "../api/contract/operations.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/api.md");
const section = (from: string, to: string): string => page.slice(page.indexOf(from), page.indexOf(to));
const document = JSON.parse(read("docs/schemas/openapi.json")) as Record<string, unknown>;

test("its roles are those there are", () => {
  const named = [...section("### Roles", "### Personal data").matchAll(/^\| `([a-z]+)` \| /gm)].map(([, role]) => role);
  expect(named).toEqual([...ROLES]);
});

test("its limits are options, and all of those that bound requests", () => {
  const named = [...page.matchAll(/^\| `(http[A-Za-z]+)` \|/gm)].map(([, option]) => option!).sort();
  const bounds = NAMED_OPTIONS.map(({ name }) => name).filter((name) => /^http.*(Max|Timeout)$/.test(name));
  expect(named).toEqual(bounds.sort());
});

test("its examples of an error and of a record have the shapes of the document", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ ...document, $id: "openapi" });
  const exampleIn = (text: string): object => JSON.parse(/^```json\n(.*?)^```$/ms.exec(text)![1]!) as object;
  const error = exampleIn(section("## Answers", "### Pages\n"));
  const record = exampleIn(page.slice(page.indexOf("## The log of changes")));
  expect(ajv.validate({ $ref: "openapi#/components/schemas/Error" }, error), ajv.errorsText()).toBe(true);
  const stored = { ...record, seq: 1 };
  expect(ajv.validate({ $ref: "openapi#/components/schemas/AuditRecord" }, stored), ajv.errorsText()).toBe(true);
});

test("every status of a refusal is explained", () => {
  const rows = [...page.matchAll(/^\| (\d[\d, ]+) \|/gm)].flatMap(([, statuses]) => statuses!.split(", "));
  const refusals = operationsOf(document).flatMap(({ operation }) => Object.keys(operation.responses));
  for (const status of new Set(refusals)) if (Number(status) >= 400) expect(rows, status).toContain(status);
});
