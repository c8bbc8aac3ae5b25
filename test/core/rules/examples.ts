// The examples of docs/rules.md, by the tag of their block: docs.test.ts reads them as rules, schema.test.ts as JSON.
import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";

export const page = readFileSync(new URL("../../../docs/rules.md", import.meta.url), "utf8");

export interface Example {
  readonly line: number;
  readonly text: string;
}

export function examplesOf(tag: string): Example[] {
  const blocks = page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms);
  return Array.from(blocks)
    .filter(([, found]) => found === tag)
    .map((block) => ({ line: page.slice(0, block.index).split("\n").length, text: block[2]! }));
}

/** Every definition that the page shows, by its line; a bare rule gets an id. */
export const sources: [number, unknown][] = [
  ...examplesOf("yaml definition").map(({ line, text }): [number, unknown] => [line, parseYaml(text)]),
  ...examplesOf("yaml rule").map(({ line, text }): [number, unknown] => [line, { id: "x", rule: parseYaml(text) }]),
];
