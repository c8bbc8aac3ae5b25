// What the pages show can be done: events are accepted, deltas are written just so, definitions parse, commands exist, and
// the one-line encoding of ids for channels is the one that the server's hash is asked with.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { decodeAccountMessage, decodeEvent } from "../../lib/core/decode.ts";
import { decodeDelta, deltaId, encodeDelta } from "../../lib/core/deltas.ts";
import { encodeId, partitionOf } from "../../lib/core/ids.ts";
import { parseDefinition } from "../../lib/core/rules/parse/parse.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { parseMapping } from "../../lib/import/mapping.ts";
import { seeds } from "../support/seed.ts";

fc.configureGlobal({ seed: seeds(1)[0]! });

const ROOT = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");
const PAGES = [
  "README.md",
  "docs/events.md",
  "docs/operations.md",
  "docs/configuration.md",
  "docs/vocabulary.md",
  "docs/accounts.md",
  "docs/privacy.md",
  "docs/security.md",
  "CONTRIBUTING.md",
];
const TEXT = PAGES.map(read).join("\n");

const blocksOf = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(([, body]) => body!);

test("events that are published are accepted, as their subject reads them", () => {
  const quoted = [...TEXT.matchAll(/(events|accounts)\.\S+\s+(?:\\\n\s*)?'(\{"type".*?\})'/g)];
  const rows = [...read("docs/accounts.md").matchAll(/^\| `(\{.*?\})` \| `(events|accounts)\./gm)];
  const all = [...quoted.map(([, to, body]) => [to!, body!]), ...rows.map(([, body, to]) => [to!, body!])];
  expect(all.filter(([to]) => to === "events").length).toBeGreaterThan(3);
  expect(all.filter(([to]) => to === "accounts").length).toBeGreaterThan(2);
  for (const [to, body] of all) {
    const decode = to === "events" ? decodeEvent : decodeAccountMessage;
    expect(decode(Buffer.from(body!), DEFAULT_LIMITS), body).toMatchObject({ ok: true });
  }
});

test("the rules of docs/accounts.md are ones, on accounts, and its segment and its mapping can be read", () => {
  const page = read("docs/accounts.md");
  const rules = [...page.matchAll(/^\| .*\| `((?:users|event): .*)` \|$/gm)].map(([, rule]) => rule!);
  expect(rules.length).toBeGreaterThan(8);
  for (const rule of rules) {
    const source = { id: "x", name: "x", kind: "account", rule: parseYaml(rule) };
    expect(parseDefinition(source, DEFAULT_LIMITS), rule).toMatchObject({ ok: true });
  }
  const [mapping, segment] = blocksOf(page, "yaml");
  expect(parseMapping(mapping!, "people.map.yaml").about).toBe("users");
  expect(parseDefinition(parseYaml(segment!), DEFAULT_LIMITS)).toMatchObject({ ok: true });
});

test("deltas are written as they go out, byte for byte", () => {
  const bodies = [...TEXT.matchAll(/(\{"segment":.*\})$/gm)].map(([, body]) => body!);
  expect(bodies.length).toBeGreaterThan(4);
  for (const body of bodies) expect(encodeDelta(decodeDelta(body))).toBe(body);
  const header = /^Rollcall-Delta-Id: (.*)$/m.exec(TEXT)![1];
  expect(bodies.map((body) => deltaId(decodeDelta(body)))).toContain(header);
});

test("the definition of the README is one", () => {
  const [source] = blocksOf(read("README.md"), "yaml");
  expect(parseDefinition(parseYaml(source!), DEFAULT_LIMITS)).toMatchObject({ ok: true });
});

test("the encoding of ids for channels is ours", () => {
  const source = blocksOf(read("docs/events.md"), "js").find((block) => block.startsWith("const token"))!;
  const token = new Function(`${source}; return token;`)() as (id: string) => string;
  expect(token("a b.c*d/ü")).toBe("a%20b%2Ec%2Ad%2F%C3%BC");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (id) => token(id) === encodeId(id)));
});

test("programs import what is installed, commands and their options exist", () => {
  const sources = [...readdirSync(new URL("cmd/cli", ROOT)).map((name) => `cmd/cli/${name}`), "config/options.ts"];
  const code = sources.map(read).join("\n");
  const lines = blocksOf(TEXT, "sh").flatMap((block) => block.split("\n"));
  const calls = lines.map((line) => /^(?:[A-Z_]+=\S+ )*rollcall ([^#]*)/.exec(line)?.[1]).filter((call) => call);
  expect(calls.length).toBeGreaterThan(15);
  for (const call of calls) {
    const [command, ...rest] = call!.trim().split(/\s+/);
    if (command !== "--help" && command !== "COMMAND") expect(code, call).toContain(`"${command}"`);
    for (const flag of rest.filter((word) => word.startsWith("--") && word !== "--help")) {
      expect(code, call).toMatch(new RegExp(`${flag}[ "]`));
    }
  }
  const imports = blocksOf(TEXT, "js").filter((block) => block.startsWith("import"));
  expect(imports.length).toBeGreaterThan(1);
  const { dependencies, exports } = JSON.parse(read("package.json")) as { dependencies: object; exports: object };
  // Of our own there is what the package exports: "./enrich" is `rollcall/enrich`.
  const ours = Object.keys(exports).map((name) => name.replace(/^\./, "rollcall"));
  for (const block of imports) {
    for (const [, name] of block.matchAll(/ from "(.+?)"/g))
      expect([...ours, ...Object.keys(dependencies)]).toContain(name);
  }
});

test("no page names a path of the machine it was written on", () => {
  expect(TEXT).not.toContain(fileURLToPath(ROOT));
});

test.each([
  ["README.md", /"EVENTS_(\d+)"|"after":"(\d+):/g, "ann"],
  ["docs/ARCHITECTURE.md", /`(?:log\.|EVENTS_)(\d+)[.`]/g, "ann"],
  ["docs/events.md", /"EVENTS_(\d+)"/g, "u42"],
  ["docs/api.md", /"EVENTS_(\d+)"|"partition": (\d+)|\b(\d+):5120/g, "u1"],
  ["docs/accounts.md", /partition (\d+): ann/g, "ann"],
  ["docs/accounts.md", /partition (\d+): acme/g, "acme"],
])("%s shows partitions that are the hash's", (page, shown, id) => {
  const partitions = [...read(page).matchAll(shown)].map((found) => Number(found.slice(1).find(Boolean)));
  expect([...new Set(partitions)]).toEqual([partitionOf(id, 32)]);
});
