// Vocabulary, items and situations from the command line, against a real server and a real worker: what is printed, what
// is refused with which remedy, and that people join by it.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { encodeId } from "../../lib/core/ids.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { PATIENTLY } from "../support/nats.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;
let rig: CliRig;

beforeAll(async () => {
  rig = await openCliRig(PARTITIONS);
});
afterAll(() => rig.close());

const rollcall = (...args: string[]) => rig.rollcall(...args);
const fileOf = (name: string, content: string | Buffer) => rig.fileOf(name, content);

async function track(userId: string, event: string, properties: object, context: object = {}): Promise<void> {
  const nc = await rig.server.connection();
  const message = JSON.stringify({ type: "track", userId, event, properties, context });
  await nc.request(`events.${encodeId(userId)}`, message, PATIENTLY);
}

const isMember = async (segment: string, user: string): Promise<boolean> =>
  JSON.parse((await rollcall("members", segment, "-o", "json")).out).some(({ id }: { id: string }) => id === user);

const ITEMS = [
  "id,price,brand,tags,active",
  "sku-1,5.50,acme,a|b,true",
  "sku-2,,other,,no",
  "sku-3,x,acme,,yes",
  ",1,,,",
];

describe("vocabulary", () => {
  test("show gives the whole of it, as a file that changes nothing", async () => {
    const { code, out } = await rollcall("vocabulary", "show");
    expect(code).toBe(0);
    expect(parseYaml(out)).toMatchObject({ visit: { idle: "30m" }, currency: "USD" });
    const path = await fileOf("same.yaml", out);
    expect((await rollcall("vocabulary", "diff", path)).out).toBe("nothing differs\n");
    expect((await rollcall("vocabulary", "apply", path)).out).toBe("nothing differs\n");
    expect(JSON.parse((await rollcall("vocabulary", "show", "-o", "json")).out)).toEqual(parseYaml(out));
    const schema = JSON.parse((await rollcall("vocabulary", "schema")).out);
    expect(schema).toEqual(JSON.parse(await readFile("docs/schemas/vocabulary.schema.json", "utf8")));
  });

  test("diff shows parts and segments; apply waits for the history; who was there before joins", async () => {
    const clicked =
      "id: clicked\nrule: { campaign: { outcome: clicked } }\n---\nid: dear-cart\nrule: { cart: { value: { gt: 100 } } }\n";
    await rollcall("segments", "apply", await fileOf("clicked.yaml", clicked));
    await track("v1", "Banner Clicked", { campaign_id: "summer" });
    const path = await fileOf(
      "vocabulary.yaml",
      "currency: EUR\ncampaigns:\n  Banner Clicked: clicked\n  Email Bounced: null\nengagement:\n  parts:\n    - { weight: 100, full: 3, visits: true }\n",
    );
    const diff = await rollcall("vocabulary", "diff", path);
    expect(diff).toMatchObject({ code: 0, err: "" });
    expect(diff.out.split("\n")).toEqual([
      "~ currency  USD → EUR",
      "+ campaigns.Banner Clicked  clicked",
      "~ engagement.parts",
      "    - { weight: 50, full: 10, visits: true }",
      "    - { weight: 30, full: 20, event: [ Product Viewed, Page Viewed ] }",
      "    - { weight: 20, full: 2, event: [ Order Completed ] }",
      "    + { weight: 100, full: 3, visits: true }",
      "- campaigns.Email Bounced  bounced",
      "edits 2 segments: clicked, dear-cart",
      "",
    ]);
    for (const line of diff.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(JSON.parse((await rollcall("vocabulary", "diff", path, "-o", "json")).out)).toMatchObject({
      edited: ["clicked", "dear-cart"],
    });
    const applied = await rollcall("vocabulary", "apply", path);
    expect(applied).toMatchObject({ code: 0, out: diff.out });
    expect(applied.err).toContain(`in force in all ${PARTITIONS} partitions`);
    expect(await isMember("clicked", "v1")).toBe(true);
    expect((await rollcall("segments", "show", "clicked")).out).toContain("version 2");
    expect((await rollcall("vocabulary", "show")).out).toContain("currency: EUR");
  });

  test("a mistake has its line; a funnel in use cannot go", async () => {
    const path = await fileOf("broken.yaml", "visit:\n  idle: 30 minutes\nfunels: {}\n");
    const { code, err } = await rollcall("vocabulary", "apply", path);
    expect(code).toBe(2);
    expect(err).toContain(`${path}:3:1: error: funels: unknown key`);
    expect(err).toContain(`${path}:2:3: error: visit.idle: expected a duration`);
    expect(err).toContain("(did you mean 30m?)");
    expect(err).toContain("2 problems; nothing was applied.");
    const funnel = "funnels: { trial: { steps: [{ name: paid, order: {} }] } }\n";
    await rollcall("vocabulary", "apply", await fileOf("funnel.yaml", funnel));
    await rollcall(
      "segments",
      "apply",
      await fileOf("paid.yaml", "id: paid\nrule: { funnel: { id: trial, at: paid } }\n"),
    );
    const refused = await rollcall("vocabulary", "apply", await fileOf("none.yaml", "{}\n"));
    expect(refused.code).toBe(2);
    expect(refused.err).toContain("the segment paid is in the way: rule.funnel.id: the vocabulary has no funnel");
  });

  test("a file that is not there, and one with two documents", async () => {
    expect(await rollcall("vocabulary", "diff", "nothing.yaml")).toMatchObject({ code: 2 });
    const two = await rollcall("vocabulary", "apply", await fileOf("two.yaml", "{}\n---\n{}\n"));
    expect(two).toMatchObject({ code: 2, err: expect.stringContaining("one vocabulary; found 2 documents") });
  });
});

describe("items", () => {
  test("import: typed columns, refusals with their line, unchanged the second time", async () => {
    const path = await fileOf("items.csv", `${ITEMS.join("\n")}\n`);
    const types = ["--type", "tags=list", "--type", "active=boolean"];
    const { code, out, err } = await rollcall("items", "import", path, ...types);
    expect(out).toBe("2 items written in 1 entry, 0 unchanged, 2 refused\n");
    expect(code).toBe(1);
    expect(err).toContain(`${path}:4: price: "x" is no number`);
    expect(err).toContain(`${path}:5: an item has an id`);
    expect(JSON.parse((await rollcall("items", "show", "sku-1", "-o", "json")).out)).toEqual({
      id: "sku-1",
      attributes: { price: 5.5, brand: "acme", tags: ["a", "b"], active: true },
    });
    expect((await rollcall("items", "show", "sku-2")).out).toBe("sku-2\nbrand: other\nactive: false\n");
    expect((await rollcall("items", "import", path, ...types)).out).toContain(
      "0 items written in 0 entries, 2 unchanged",
    );
  });

  test("JSON lines, YAML, removing; an id or a column that is not there", async () => {
    const lines = await fileOf("items.jsonl", '{"id":7,"price":1}\n{"id":"sku-1","price":null}\n{"nr":1}\n');
    expect((await rollcall("items", "import", lines)).out).toContain(
      "2 items written in 1 entry, 0 unchanged, 1 refused",
    );
    expect((await rollcall("items", "show", "sku-1")).out).not.toContain("price");
    const yaml = await fileOf("items.yaml", "- { id: '7', colour: red }\n");
    expect((await rollcall("items", "import", yaml, "--mode", "replace")).code).toBe(0);
    expect((await rollcall("items", "show", "7")).out).toBe("7\ncolour: red\n");
    expect((await rollcall("items", "import", yaml, "--mode", "remove")).out).toContain("1 item removed");
    expect(await rollcall("items", "show", "7")).toMatchObject({ code: 2, err: expect.stringContaining('item "7"') });
    const csv = await fileOf("no-id.csv", "nr,price\n1,2\n");
    expect(await rollcall("items", "import", csv)).toMatchObject({
      code: 2,
      err: expect.stringContaining("no column is named id; the columns are nr, price"),
    });
    expect(await rollcall("items", "import", csv, "--type", "price=money")).toMatchObject({ code: 2 });
  });

  test("more than one message takes is written in several, and a view is looked up", async () => {
    const many = Array.from({ length: 3_000 }, (_, index) =>
      JSON.stringify({ id: `many-${index}`, text: "x".repeat(300), brand: "bulk" }),
    );
    const { out } = await rollcall("items", "import", await fileOf("many.ndjson", many.join("\n")));
    expect(out).toMatch(/^3,000 items written in [23] entries/);
    const rule = "id: bulk-viewers\nrule: { item: { action: viewed, type: brand, ids: [bulk] } }\n";
    await rollcall("segments", "apply", await fileOf("bulk.yaml", rule));
    await track("i1", "Product Viewed", { product_id: "many-2999" });
    await until("the viewer is in", () => isMember("bulk-viewers", "i1"));
  });
});

describe("situation", () => {
  test("set, seen by who is there, listed, cleared", async () => {
    const rule = "id: rained-on\nrule: { weather: { condition: rain, temperature: { lt: 10 } } }\n";
    await rollcall("segments", "apply", await fileOf("rain.yaml", rule));
    await track("s1", "Looked", {}, { place: { country: "DE", region: "Bavaria", city: "Munich" } });
    const place = ["--place", "de/bavaria/munich"];
    const set = await rollcall(
      "situation",
      "set",
      "weather",
      "condition=rain",
      "temperature=7",
      ...place,
      "--until",
      "3h",
    );
    expect(set).toMatchObject({ code: 0, err: "weather at de/bavaria/munich is set.\n" });
    await until("who is there is in", () => isMember("rained-on", "s1"));
    const table = (await rollcall("situation", "ls")).out;
    expect(table).toMatch(
      /^KIND +PLACE +LASTS +VALUES\nweather +de\/bavaria\/munich +[23]h[ 0-9m]* +condition=rain temperature=7\n$/,
    );
    for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect((await rollcall("situation", "clear", "weather", ...place)).err).toBe(
      "weather at de/bavaria/munich is cleared.\n",
    );
    expect((await rollcall("situation", "clear", "weather", ...place)).err).toContain("nothing new");
    await until("he is out again", async () => !(await isMember("rained-on", "s1")));
    expect((await rollcall("situation", "ls")).err).toContain("Nothing is said of any place.");
  });

  test.each([
    [["set", "weather", "rain", "--place", "DE"], /key=value; found "rain"/],
    [["set", "weather", "a=1", "--place", "DE/x/y/z"], /country\/region\/city/],
    [["set", "weather", "a=1", "--place", "DE//y"], /region is text/],
    [["set", "weather", "a=1", "--place", "DE", "--until", "tomorrow"], /date-time from 1970 on with its offset/],
    [["set", "weather", "a=1"], /--place/],
  ])("%j is refused", async (args, message) => {
    expect(await rollcall("situation", ...args)).toMatchObject({ code: 2, err: expect.stringMatching(message) });
  });
});
