// What the pages say of the tree is true: every file, heading, test, option, script, code and reason that they name exists,
// and the lists that must be whole are whole.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { NAMED_OPTIONS } from "../../config/options.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { wantedStreams } from "../../lib/nats/provision.ts";
import { testDataSet } from "../support/nats.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const pagesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));

const PAGES = [...pagesIn("."), ...pagesIn("docs"), ...pagesIn("docs/adr"), ...pagesIn("docs/errors")];
/** Folders of ours: a path that begins with one, in backticks, is one of the tree. */
const TREE = /^(?:actors|bench|cmd|config|docs|examples|lib|test)\/[\w./-]*$|^[\w-]+\.(?:md|json|yml|conf)$/;
/** Named, and made by running: not of the tree. */
const MADE = new Set(["rollcall.yaml", "tea-lovers.yaml"]);

const withoutBlocks = (text: string): string => text.replaceAll(/^ *```.*?^ *```$/gms, "");

function pathsIn(text: string): string[] {
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, inside]) => inside!);
  return quoted.filter((path) => TREE.test(path) && !MADE.has(path));
}

interface Link {
  readonly path: string;
  readonly heading: string | undefined;
}

function linksIn(page: string, text: string): Link[] {
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path, heading] = target.split("#");
      return { path: path === "" ? page : normalize(join(dirname(page), path!)), heading };
    });
}

/** As forges make them from a heading. */
function anchorsOf(page: string): string[] {
  const headings = [...withoutBlocks(read(page)).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(PAGES)("%s", (page) => {
  const text = withoutBlocks(read(page));

  test("names files that exist", () => {
    expect(pathsIn(text).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test("links to pages and headings that exist", () => {
    const dead = linksIn(page, text).filter(
      ({ path, heading }) =>
        !existsSync(join(ROOT, path)) || (heading !== undefined && !anchorsOf(path).includes(heading)),
    );
    expect(dead).toEqual([]);
  });

  test("names options and scripts that exist", () => {
    const whole = read(page);
    const known = new Set([
      "ROLLCALL_CONFIG",
      // Of the tests alone: which browser shows them a page.
      "ROLLCALL_CHROMIUM",
      ...NAMED_OPTIONS.flatMap(({ env }) => env),
      ...NAMED_OPTIONS.map(({ name }) => name),
    ]);
    const variables = whole.match(/\b(?:ROLLCALL|NATS)_[A-Z_]*[A-Z]\b/g) ?? [];
    const limits = whole.match(/\blimits\.[a-z]\w+/g) ?? [];
    expect([...variables, ...limits].filter((name) => !known.has(name))).toEqual([]);
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const ran = [...whole.matchAll(/\bnpm run ([\w:]+)/g)].map(([, script]) => script!);
    expect(ran.filter((script) => scripts[script] === undefined)).toEqual([]);
  });
});

test("the pages are looked at for what they are meant to name", () => {
  const paths = PAGES.flatMap((page) => pathsIn(withoutBlocks(read(page))));
  expect(PAGES).toContain("docs/ARCHITECTURE.md");
  expect(paths.length).toBeGreaterThan(60);
  expect(pathsIn("`lib/core/nobody.ts` `not a path` `segment.<id>.joined`")).toEqual(["lib/core/nobody.ts"]);
});

test("there are eight laws, each with a test that proves it", () => {
  const page = read("docs/ARCHITECTURE.md");
  const laws = page.split(/^### /m).slice(1);
  expect(laws.map((law) => law[0])).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
  for (const law of laws) expect(law, law.slice(0, 40)).toMatch(/`test\/[\w/.-]+\.test\.ts`/);
});

test("every decision is in the list of decisions", () => {
  const list = read("docs/adr/README.md");
  const files = pagesIn("docs/adr").filter((page) => !page.endsWith("README.md"));
  expect(files.filter((page) => !list.includes(page.split("/").at(-1)!))).toEqual([]);
  for (const page of files) {
    for (const heading of ["Status: ", "## Context", "## Decision", "## Consequences", "## Rejected"]) {
      expect(read(page), page).toContain(heading);
    }
  }
});

test("every code that a partition refuses with has its page and its row", () => {
  const codes = [...read("lib/ports/errors.ts").matchAll(/code = "([A-Z]{3}-\d{3})"/g)].map(([, code]) => code!);
  const operations = read("docs/operations.md");
  expect(codes.length).toBeGreaterThan(10);
  expect(pagesIn("docs/errors").sort()).toEqual(codes.map((code) => `docs/errors/${code}.md`).sort());
  expect(codes.filter((code) => !operations.includes(`[${code}](errors/${code}.md)`))).toEqual([]);
});

test("every reason that a message is refused for is in the list of reasons", () => {
  const source = /export type RejectReason =\n(.*?);/s.exec(read("lib/core/types.ts"))![1]!;
  const reasons = [...source.matchAll(/"([a-z-]+)"/g)].map(([, reason]) => reason!);
  const rows = [...read("docs/events.md").matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, reason]) => reason!);
  expect(reasons.length).toBeGreaterThan(10);
  expect(rows.filter((row) => row.includes("-") || row === "limit").sort()).toEqual(reasons.sort());
});

test("every cause of a delta is in the list of causes, in the document of what goes over NATS as well", () => {
  const [, types] = /export type CauseType = (.*);/.exec(read("lib/core/types.ts"))!;
  const causes = [...types!.matchAll(/"([a-z]+)"/g)].map(([, cause]) => cause!).sort();
  const row = /^\| `cause\.type` \|(.*)\|$/m.exec(read("docs/events.md"))![1]!;
  expect([...row.matchAll(/`([a-z]+)`/g)].map(([, cause]) => cause!).sort()).toEqual(causes);
  const document = /"cause": \{.*?"enum": \[(.*?)\]/s.exec(read("docs/schemas/asyncapi.json"))![1]!;
  expect([...document.matchAll(/"([a-z]+)"/g)].map(([, cause]) => cause!).sort()).toEqual(causes);
});

test("every stream and bucket has its row in the table of how long things are kept, and the pages count them", () => {
  const page = read("docs/operations.md");
  const table = page.slice(page.indexOf("## Retention"), page.indexOf("## Backup"));
  const rows = [...table.matchAll(/^\| `([A-Z_<>p]+)` \|/gm)].map(([, name]) => name!);
  const wanted = wantedStreams(namesOf(), testDataSet({ partitions: 32 })).map(({ name }) => name.replace(/^KV_/, ""));
  const logs = wanted.filter((name) => name.startsWith("EVENTS_"));
  expect(rows.sort()).toEqual(["EVENTS_<p>", ...wanted.filter((name) => !logs.includes(name))].sort());
  expect(page).toContain(`streams      ${wanted.length} streams, all as they must be`);
  const drawn = read("docs/ARCHITECTURE.md");
  expect(rows.filter((name) => !drawn.includes(name))).toEqual([]);
});

/** Every source file below a folder, by its path from the root. */
function sourcesIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".ts")).map((name) => join(folder, name));
}

test("messages name options as they are set: in brackets behind what they bound", () => {
  const known = new Set(NAMED_OPTIONS.map(({ name }) => name));
  const named = ["lib", "actors"].flatMap(sourcesIn).flatMap((file) => {
    const text = read(file);
    const bounds = [
      ...text.matchAll(/ \((?:limit )?([a-z][\w.]*(?:Max|Ms))(?: \$\{\w+\})?\)[^\n]*[`"]/g),
      ...text.matchAll(/more than ([a-z][\w.]*) \(\$\{/g),
    ];
    return bounds.map(([, name]) => ({ file, name: name! }));
  });
  expect(named.filter(({ name }) => !known.has(name))).toEqual([]);
  expect(named.length).toBeGreaterThan(20);
});

test("the table of who may import whom has every folder, and what each of them imports", () => {
  const rows = [...read("CONTRIBUTING.md").matchAll(/^\| (`(?:actors|config|lib)\/.*?) \|.*\| (.*) \|$/gm)];
  const mayImport = new Map(
    rows.flatMap(([, folders, others]) => {
      const allowed = foldersIn(others!).map((folder) => folder.replace(/\/$/, ""));
      return foldersIn(folders!).map((folder) => [folder, allowed] as const);
    }),
  );
  const subfolders = (parent: string): string[] =>
    readdirSync(join(ROOT, parent), { withFileTypes: true }).flatMap((one) =>
      one.isDirectory() ? [`${parent}/${one.name}/`] : [],
    );
  const folders = ["config/", ...subfolders("actors"), ...subfolders("lib")];
  expect(folders.filter((folder) => !mayImport.has(folder))).toEqual([]);
  for (const folder of folders) {
    const allowed = mayImport.get(folder)!;
    const strangers = importsOf(folder).filter(
      (other) => !allowed.some((one) => other === one || other.startsWith(`${one}/`)),
    );
    expect(strangers, folder).toEqual([]);
  }
  expect(importsOf("lib/core/")).toEqual([]);
  expect(importsOf("lib/oracle/")).toEqual(["lib/core"]);
});

function foldersIn(cell: string): string[] {
  return [...cell.matchAll(/`([\w/]+)`/g)].map(([, folder]) => folder!);
}

/** The folders outside of one that its files import; what stands in `lib/` itself is for everybody. */
function importsOf(folder: string): string[] {
  const paths = sourcesIn(folder).flatMap((file) =>
    [...read(file).matchAll(/ from "(\.[^"]+)"/g)].map(([, path]) => normalize(join(dirname(file), path!))),
  );
  const others = paths.filter((path) => !path.startsWith(folder) && dirname(path) !== "lib");
  return [
    ...new Set(
      others.map((path) =>
        path
          .split("/")
          .slice(0, path.startsWith("config") ? 1 : 2)
          .join("/"),
      ),
    ),
  ].sort();
}
