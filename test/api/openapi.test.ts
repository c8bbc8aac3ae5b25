// The OpenAPI document: the committed copy is what the routes make, and it is a document. UPDATE=1 writes
// docs/schemas/openapi.json anew.
import { readFileSync, writeFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TAGS } from "../../lib/api/routes/groups.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { operationsOf } from "./contract/operations.ts";

const COPY = new URL("../../docs/schemas/openapi.json", import.meta.url);

let api: ApiInMemory;
let document: Record<string, unknown>;
beforeAll(async () => {
  api = await apiInMemory();
  const response = await api.app.inject({ method: "GET", url: "/openapi.json" });
  expect(response.statusCode).toBe(200);
  document = response.json();
});
afterAll(() => api.close());

test("the committed copy is what the routes make", () => {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (process.env.UPDATE === "1") writeFileSync(COPY, text);
  expect(readFileSync(COPY, "utf8"), "run UPDATE=1 npx vitest run test/api/openapi").toBe(text);
});

describe("the document", () => {
  test("is OpenAPI 3.1, names its ways of sending a key, and each tag that a route bears", () => {
    expect(document).toMatchObject({
      openapi: "3.1.0",
      components: { securitySchemes: { bearer: { scheme: "bearer" }, basic: { scheme: "basic" } } },
    });
    const used = new Set(operationsOf(document).flatMap(({ operation }) => operation.tags ?? []));
    expect([...used].sort()).toEqual(Object.keys(TAGS).sort());
  });

  test("has every route, each with a summary, a tag, an answer and its refusals", () => {
    const operations = operationsOf(document);
    expect(operations.length).toBeGreaterThan(15);
    for (const { name, operation } of operations) {
      expect(operation.summary, name).toBeTruthy();
      expect(operation.tags, name).toHaveLength(1);
      const statuses = Object.keys(operation.responses);
      expect(
        statuses.some((status) => status.startsWith("2")),
        name,
      ).toBe(true);
      expect(statuses, name).toContain("500");
      if (operation.security !== undefined)
        expect(statuses, name).toEqual(expect.arrayContaining(["401", "403", "429"]));
    }
  });

  test("each of its schemas compiles, and every object says what it holds", () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ ...document, $id: "openapi" });
    const vague: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null || path.includes("/examples/")) return;
      const { type, properties, additionalProperties } = value as Record<string, unknown>;
      if (type === "object" && properties !== undefined && additionalProperties === undefined) vague.push(path);
      for (const [key, inner] of Object.entries(value)) walk(inner, `${path}/${key}`);
    };
    walk(document, "");
    expect(vague).toEqual([]);
    for (const { name, operation } of operationsOf(document)) {
      for (const [status, { content = {} }] of Object.entries(operation.responses)) {
        for (const [type, { schema }] of Object.entries(content)) {
          const rooted = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object;
          expect(() => ajv.compile(rooted), `${name} ${status} ${type}`).not.toThrow();
        }
      }
    }
  });
});
