// docs/vocabulary.md and the weather example cannot drift: the documents are parsed, the defaults are those it names, and the
// adapter publishes its file to the real routes.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { situationsAt } from "../../lib/api/world/feeds.ts";
import { parseDefinition } from "../../lib/core/rules/parse/parse.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../../lib/core/vocabulary.ts";
import { parseVocabulary, vocabularyDocument } from "../../lib/core/vocabulary-document.ts";
import { apiInMemory } from "../api/api-in-memory.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/vocabulary.md");
const blocks = Array.from(
  page.matchAll(/^```yaml vocabulary\n(.*?)^```$/gms),
  ([, text]) => parseYaml(text!) as object,
);

describe("the page", () => {
  test.each(blocks.map((block, index) => [index, block]))("document %i is one", (_, block) => {
    expect(parseVocabulary(block, DEFAULT_LIMITS)).toMatchObject({ ok: true, warnings: [] });
  });

  test("shows every part, each form of an item and each measure of engagement, and no untested YAML", () => {
    const whole = blocks.at(-1)!;
    expect(Object.keys(whole)).toEqual(Object.keys(vocabularyDocument(DEFAULT_VOCABULARY)));
    const text = JSON.stringify(whole);
    for (const word of ["product", "products", "category", "item"]) expect(text).toContain(`"of":"${word}"`);
    for (const word of ["visits", "event", "trait", "segment", "order"]) expect(text).toContain(`"${word}":`);
    expect(page.match(/^```yaml.*$/gm)).toEqual(blocks.map(() => "```yaml vocabulary"));
  });

  test("names the defaults as they are", () => {
    const { visitIdleMs, currency, items, referrers, engagement } = DEFAULT_VOCABULARY;
    expect([visitIdleMs, currency, items.types.join(", ")]).toEqual([
      1_800_000,
      "USD",
      "product, category, brand, article",
    ]);
    expect(Object.keys(referrers)).toHaveLength(19);
    expect(engagement.parts.map(({ weight, full }) => [weight, full])).toEqual([
      [50, 10],
      [30, 20],
      [20, 2],
    ]);
  });
});

describe("the weather example", () => {
  let stop: (() => Promise<void>) | undefined;
  afterEach(() => stop?.());

  test("its segment is one", () => {
    const [, text] = /^```yaml\n(.*?)^```$/ms.exec(read("examples/weather/README.md"))!;
    expect(parseDefinition(parseYaml(text!), DEFAULT_LIMITS)).toMatchObject({ ok: true });
  });

  test("publishes its file, and the second time nothing new", async () => {
    const { app, catalogue, close } = await apiInMemory();
    stop = close;
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    const publish = async (): Promise<string> => {
      const args = ["examples/weather/publish.mjs", "examples/weather/weather.jsonl", url];
      return (await promisify(execFile)(process.execPath, args)).stdout;
    };
    expect(await publish()).toBe("4 written, 0 unchanged\n");
    expect(situationsAt(catalogue, Date.now())).toMatchObject([
      { kind: "weather", place: { country: "DE", region: "Bavaria", city: "Munich" }, values: { condition: "rain" } },
      { place: { country: "DE", region: "Berlin" } },
      { place: { country: "FR", region: "Île-de-France", city: "Paris" } },
      { place: { country: "US" }, values: { temperature: 24 } },
    ]);
    // Across the full hour it is said again, with the next end.
    expect(await publish()).toMatch(/^(0 written, 4|4 written, 0) unchanged\n$/);
  });
});
