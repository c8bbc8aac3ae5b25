// Definitions from files: every shape of file, and every problem at its line and column.
// Files are written to a folder of the test's own and removed after it.
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadDefinitions, readDefinitions } from "../../lib/definitions/load.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-load-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, text: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const one = (id: string) => `id: ${id}\nrule: {cart: {value: {gt: 0}}}\n`;
const read = (text: string) => readDefinitions(text, "f.yaml");

describe("shapes of files", () => {
  test.each<[string, string, [string, number][]]>([
    ["one definition", one("a"), [["a", 1]]],
    [
      "several documents",
      `# shop\n---\n${one("a")}---\n${one("b")}`,
      [
        ["a", 3],
        ["b", 6],
      ],
    ],
    [
      "a list",
      "- id: a\n  rule: {cart: {value: {gt: 0}}}\n- id: b\n  rule: {cart: {value: {gt: 0}}}\n",
      [
        ["a", 1],
        ["b", 3],
      ],
    ],
    ["segments", "segments:\n  - id: a\n    rule: {cart: {value: {gt: 0}}}\n", [["a", 2]]],
    ["JSON", '{\n\t"segments": [\n\t\t{"id": "a", "rule": {"cart": {"value": {"gt": 0}}}}\n\t]\n}\n', [["a", 3]]],
    ["a JSON list", '[{"id": "a", "rule": {"cart": {"value": {"gt": 0}}}}]', [["a", 1]]],
    [
      "an anchor used again",
      "segments:\n  - id: a\n    rule: &r {cart: {value: {gt: 0}}}\n  - id: b\n    rule: *r\n",
      [
        ["a", 2],
        ["b", 4],
      ],
    ],
    ["an empty file", "", []],
    ["a comment", "# nothing yet\n---\n", []],
  ])("%s", (_, text, expected) => {
    const { definitions, problems } = read(text);
    expect(problems).toEqual([]);
    expect(definitions.map(({ definition, line }) => [definition?.id, line])).toEqual(expected);
  });

  test("YAML 1.2: NO is a country, a date is text, yes is text", () => {
    const text = "id: a\nrule: {trait: {country: [NO, yes], since: {date: {from: 2026-01-01}}, n: {ne: 012}}}\n";
    const [loaded] = read(text).definitions;
    expect(loaded?.source).toMatchObject({
      rule: { trait: { country: ["NO", "yes"], since: { date: { from: "2026-01-01" } }, n: { ne: 12 } } },
    });
    expect(loaded?.definition?.source).toBe(loaded?.source);
  });

  test("lists beside segments", () => {
    const text = `segments: [{id: a, rule: {cart: {value: {gt: 0}}}}]\nlists:\n  - id: crm\n    members: [u1, 42, u1, "x y"]\n`;
    expect(read(text).lists).toEqual([
      { id: "crm", kind: "user", members: ["u1", "42", "x y"], place: { file: "f.yaml", line: 3, column: 5 } },
    ]);
    expect(read("lists: [{id: churning, kind: account, members: [acme]}]\n").lists).toMatchObject([
      { kind: "account" },
    ]);
  });

  test("warnings have places too", () => {
    expect(read("id: a\nrule:\n  trait: {x: {gt: 5, lt: 3}}\n").warnings).toEqual([
      { file: "f.yaml", line: 3, column: 11, message: expect.stringMatching(/^rule\.trait\.x: never true/) },
    ]);
  });

  test("a later check finds its place", () => {
    const [, second] = read(`${one("a")}---\nid: b\nrule:\n  all:\n    - segment: {in: [x, y]}\n`).definitions;
    expect(second?.placeOf("rule.all[0].segment.in[1]")).toEqual({ file: "f.yaml", line: 7, column: 25 });
    expect(second?.placeOf("enabled")).toEqual({ file: "f.yaml", line: 4, column: 1 });
  });
});

describe("problems and their places", () => {
  test.each<[string, string, number, number, RegExp, string?]>([
    [
      "a misspelled key",
      "id: a\nrule:\n  all:\n    - evnt: {}\n",
      4,
      7,
      /^rule\.all\[0\]\.evnt: unknown rule/,
      "event",
    ],
    [
      "in the second document",
      `${one("a")}---\nid: b\nrule: {cart: {vlaue: 1}}\n`,
      5,
      15,
      /^rule\.cart\.vlaue: /,
      "value",
    ],
    [
      "in segments",
      "segments:\n  - id: a\n    rule:\n      order: {window: {last: 7 days}}\n",
      4,
      24,
      /^rule\.order\.window\.last/,
      "7d",
    ],
    ["in a list item", "id: a\nrule:\n  trait:\n    x:\n      - 1\n      - {}\n", 6, 9, /^rule\.trait\.x\[1\]: /],
    [
      "under a key with dots",
      "id: a\nrule:\n  event:\n    name: A\n    where:\n      at.time: {lt: 9}\n",
      6,
      17,
      /time of day/,
    ],
    ["behind an alias", "id: a\nrule:\n  any: [&x {evnt: {}}, *x]\n", 3, 13, /unknown rule/, "event"],
    ["a missing key, at what lacks it", "- id: a\n  name: x\n", 1, 3, /^rule: a definition needs a rule/],
    ["text", "hello", 1, 1, /expected a definition/],
    ["an unknown key beside segments", "segments: []\nlist: []\n", 2, 1, /^list: unknown key "list"/, "lists"],
    ["segments that are no list", "segments: {}\n", 1, 1, /segments is a list/],
    ["lists that are no list", "lists: 5\n", 1, 1, /lists is a list/],
    ["a list that is no object", "lists: [5]\n", 1, 9, /an object \{id, members\}/],
    ["a list with another key", "lists: [{id: a, members: [], member: 1}]\n", 1, 30, /unknown key "member"/, "members"],
    ["a list without id", "lists: [{members: []}]\n", 1, 9, /^lists\[0\]\.id: an id is text/],
    ["a list of another kind", "lists: [{id: a, kind: x, members: []}]\n", 1, 17, /kind is user or account/],
    ["a list without members", "lists: [{id: a}]\n", 1, 9, /members is a list/],
    ["a member that is no id", "lists: [{id: a, members: [x, '']}]\n", 1, 30, /an id is text of 1 to 256 bytes/],
    [
      "a list given twice",
      "lists: [{id: a, members: []}, {id: a, members: []}]\n",
      1,
      32,
      /already given at f\.yaml:1/,
    ],
    ["an id defined twice", `${one("a")}---\n${one("a")}`, 4, 1, /^id: a is already defined at f\.yaml:1; keep one/],
    ["a duplicate key", "id: a\nname: x\nname: y\nrule: {}\n", 3, 1, /keys must be unique/i],
    ["bad YAML", "id: a\nrule: {cart: [}\n", 2, 15, /./],
    ["an unknown tag", "id: !secret a\nrule: {cart: {value: {gt: 0}}}\n", 1, 5, /tag/i],
    ["an alias of nothing", "id: *nobody\nrule: {cart: {value: {gt: 0}}}\n", 1, 5, /\*nobody names no anchor/],
  ])("%s", (_, text, line, column, message, hint) => {
    const { problems } = read(text);
    expect(problems[0]).toEqual({
      file: "f.yaml",
      line,
      column,
      message: expect.stringMatching(message),
      ...(hint === undefined ? {} : { hint }),
    });
  });

  test("a bomb of anchors is refused", () => {
    const levels = Array.from({ length: 9 }, (_, n) => `l${n + 1}: &l${n + 1} [${Array(9).fill(`*l${n}`).join(", ")}]`);
    const { problems } = read(`l0: &l0 [x, x, x, x, x, x, x, x, x]\n${levels.join("\n")}\n`);
    expect(problems).toEqual([
      { file: "f.yaml", line: 1, column: 1, message: expect.stringMatching(/too many aliases/) },
    ]);
  });

  test.each([
    "__proto__: {segments: []}\nid: a\nrule: {cart: {value: 1}}\n",
    '{"__proto__": {}, "id": "a", "rule": {"cart": {"value": 1}}}',
  ])("a forbidden key: %j", (text) => {
    expect(read(text).problems).toMatchObject([{ line: 1, message: expect.stringMatching(/"__proto__" is refused/) }]);
    expect(({} as { segments?: unknown }).segments).toBeUndefined();
  });

  test("one bad definition leaves its neighbours", () => {
    const { definitions, problems } = read(`id: A\nrule: {}\n---\n${one("b")}`);
    expect(definitions.map(({ definition }) => definition?.id)).toEqual([undefined, "b"]);
    expect(problems.map(({ line }) => line)).toEqual([1, 2]);
  });
});

describe("files and directories", () => {
  test("a directory is read whole, in the order of names", async () => {
    await write("b.yml", one("b"));
    await write("a/z.yaml", one("z"));
    await write("a/y.json", '{"id": "y", "rule": {"cart": {"value": {"gt": 0}}}}');
    await write("notes.txt", "not a definition");
    await write(".hidden.yaml", "broken: [");
    await symlink(folder, join(folder, "loop"));
    await symlink(join(folder, "b.yml"), join(folder, "c.yaml"));
    const { definitions, problems } = await loadDefinitions([folder]);
    expect(definitions.map(({ definition, file }) => [definition?.id, file.slice(folder.length + 1)])).toEqual([
      ["y", "a/y.json"],
      ["z", "a/z.yaml"],
      ["b", "b.yml"],
      ["b", "c.yaml"],
    ]);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/b is already defined at .*b\.yml:1/),
    ]);
  });

  test("a file named twice is read once", async () => {
    const file = await write("a.yaml", one("a"));
    const { definitions, problems } = await loadDefinitions([file, folder, file]);
    expect([definitions.length, problems]).toEqual([1, []]);
  });

  test("what cannot be read is a problem with the file's name", async () => {
    const latin = await write("latin.yaml", new Uint8Array([0x69, 0x64, 0x3a, 0x20, 0xe9]));
    await mkdir(join(folder, "empty"));
    const { problems } = await loadDefinitions([join(folder, "none.yaml"), latin, join(folder, "empty")]);
    expect(problems).toEqual([
      { file: join(folder, "none.yaml"), line: 0, column: 0, message: "there is no such file or directory" },
      {
        file: join(folder, "empty"),
        line: 0,
        column: 0,
        message: expect.stringMatching(/no definitions here; they are \*\.yaml/),
      },
      { file: latin, line: 0, column: 0, message: "the file is not valid UTF-8" },
    ]);
  });
});
