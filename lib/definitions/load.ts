// Definitions from files: YAML 1.2 or JSON, one or many a file, every problem with its file, line and column.
// The command line reads with it before it applies; what a definition means is lib/core/rules' business.
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, visit } from "yaml";
import type { Definition } from "../core/rules/ast.ts";
import { parseDefinition } from "../core/rules/parse/parse.ts";
import { itemPath, keyPath, nearest, type Problem, splitPath } from "../core/rules/parse/problems.ts";
import { DEFAULT_LIMITS, type Json, type Limits, type MemberKind } from "../core/types.ts";

export interface Place {
  readonly file: string;
  /** From 1; 0 where the problem is the file itself. */
  readonly line: number;
  readonly column: number;
}

export interface PlacedProblem extends Place {
  readonly message: string;
  readonly hint?: string;
}

export interface LoadedDefinition {
  readonly source: Json;
  readonly file: string;
  readonly line: number;
  /** Undefined when there are problems with it; they are among `problems`. */
  readonly definition: Definition | undefined;
  /** Where a path of this definition (`rule.all[1]`) stands: for problems found later, such as a batch's. */
  readonly placeOf: (path: string) => Place;
}

export interface LoadedList {
  readonly id: string;
  readonly kind: MemberKind;
  readonly members: readonly string[];
  readonly place: Place;
}

export interface Loaded {
  readonly definitions: readonly LoadedDefinition[];
  readonly lists: readonly LoadedList[];
  readonly problems: readonly PlacedProblem[];
  readonly warnings: readonly PlacedProblem[];
  /** False when a file or document could not be read at all: what nobody seems to define may stand in it. */
  readonly isWhole: boolean;
}

const EXTENSIONS = [".yaml", ".yml", ".json"];
/** Anchors are a convenience; a file that multiplies them a hundredfold is an attack or a mistake. */
const ALIASES_MAX = 100;
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/** Files as given; directories with all their *.yaml, *.yml and *.json, in the order of names. */
export async function loadDefinitions(paths: readonly string[], limits: Limits = DEFAULT_LIMITS): Promise<Loaded> {
  const loading = new Loading(limits);
  const files = new Map<string, string>();
  for (const path of paths) {
    for (const file of await filesOf(path, loading)) {
      if (!files.has(resolve(file))) files.set(resolve(file), file);
    }
  }
  for (const file of files.values()) {
    const text = await readText(file, loading);
    if (text !== undefined) loading.addFile(file, text);
  }
  return loading;
}

/** The same from text at hand, such as a request's body or standard input. */
export function readDefinitions(text: string, file: string, limits: Limits = DEFAULT_LIMITS): Loaded {
  const loading = new Loading(limits);
  loading.addFile(file, text);
  return loading;
}

/** One value of a file, and where a path into it stands. */
export interface LoadedValue {
  readonly value: Json;
  readonly placeOf: (path: string) => Place;
}

/** Whatever YAML or JSON documents a file holds, not read as definitions: a vocabulary, items. */
export async function loadValues(file: string): Promise<{ values: LoadedValue[]; problems: PlacedProblem[] }> {
  const values: LoadedValue[] = [];
  const loading = new Loading(DEFAULT_LIMITS, (value, spot) => {
    if (value !== null) values.push({ value, placeOf: (path) => placeAt(spot, path) });
  });
  const text = await readText(file, loading);
  if (text !== undefined) loading.addFile(file, text);
  return { values, problems: loading.problems };
}

async function filesOf(path: string, loading: Loading): Promise<string[]> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return [path];
    const files = await filesBelow(path);
    if (files.length === 0)
      loading.refuseFile(path, `no definitions here; they are ${EXTENSIONS.map((ext) => `*${ext}`).join(", ")}`);
    return files;
  } catch (error) {
    loading.refuseFile(path, reasonOf(error));
    return [];
  }
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files: string[] = [];
  for (const entry of entries) {
    // Hidden entries are editors' and mounts' own; links to directories could lead round in a circle.
    if (entry.name.startsWith(".")) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
    else if (EXTENSIONS.some((extension) => entry.name.endsWith(extension)) && (await isFile(path))) files.push(path);
  }
  return files;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path)).isFile();
}

async function readText(file: string, loading: Loading): Promise<string | undefined> {
  try {
    const bytes = await readFile(file);
    if (bytes.length > FILE_BYTES_MAX) {
      loading.refuseFile(file, `the file has ${bytes.length} bytes; split it into files of at most ${FILE_BYTES_MAX}`);
      return undefined;
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    loading.refuseFile(file, reasonOf(error));
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "there is no such file or directory";
  if (code === "EACCES") return "the file may not be read; check its permissions";
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "the file is not valid UTF-8";
  return error instanceof Error ? error.message : String(error);
}

/** Where one value of a file stands, and how to find what is inside it. */
interface Spot {
  readonly document: Document;
  readonly node: Node | undefined;
  readonly lines: LineCounter;
  readonly file: string;
  /** From the document's root, as problems.ts writes paths. */
  readonly path: string;
}

const LIST_KEYS = ["id", "members", "kind"];

class Loading implements Loaded {
  readonly definitions: LoadedDefinition[] = [];
  readonly lists: LoadedList[] = [];
  readonly problems: PlacedProblem[] = [];
  readonly warnings: PlacedProblem[] = [];
  isWhole = true;
  readonly #limits: Limits;
  readonly #seen = new Map<string, Place>();
  readonly #seenLists = new Map<string, Place>();

  readonly #take: (value: Json, spot: Spot) => void;

  constructor(limits: Limits, take?: (value: Json, spot: Spot) => void) {
    this.#limits = limits;
    this.#take = take ?? ((value, spot) => this.#addValue(value, spot));
  }

  refuseFile(file: string, message: string): undefined {
    this.problems.push({ file, line: 0, column: 0, message });
    this.isWhole = false;
  }

  addFile(file: string, text: string): undefined {
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, {
      version: "1.2",
      uniqueKeys: true,
      stringKeys: true,
      lineCounter: lines,
    });
    for (const document of "empty" in documents ? [] : documents) this.#addDocument(document, file, lines);
  }

  #addDocument(document: Document.Parsed, file: string, lines: LineCounter): undefined {
    const faults = [...document.errors, ...document.warnings];
    for (const fault of faults) {
      const { line, col } = lines.linePos(fault.pos[0]);
      // The library adds an excerpt of the file from the second line on.
      const message = fault.message.split(/ at line \d+|\n/)[0]!;
      this.problems.push({ file, line, column: col, message });
    }
    if (faults.length > 0) this.isWhole = false;
    if (faults.length > 0 || document.contents === null) return;
    const spot: Spot = { document, node: document.contents, lines, file, path: "" };
    try {
      this.#take(document.toJS({ maxAliasCount: ALIASES_MAX }) as Json, spot);
    } catch (error) {
      this.isWhole = false;
      // Aliases are followed and counted only while values are made.
      const nowhere = /^Unresolved alias.*: (.*)$/.exec(error instanceof Error ? error.message : "")?.[1];
      if (nowhere !== undefined) return this.#refuseAlias(nowhere, spot);
      if (!(error instanceof ReferenceError)) throw error;
      const message = `too many aliases (*name): at most ${ALIASES_MAX}; write them out`;
      this.problems.push({ ...placeAt(spot, ""), message });
    }
  }

  #refuseAlias(name: string, spot: Spot): undefined {
    let offset = 0;
    visit(spot.document, {
      Alias(_, node) {
        if (node.source !== name) return undefined;
        offset = node.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    const { line, col } = spot.lines.linePos(offset);
    this.problems.push({
      file: spot.file,
      line,
      column: col,
      message: `*${name} names no anchor before it; write &${name}`,
    });
  }

  /** A document is one definition, a list of definitions, or {segments, lists}. */
  #addValue(value: Json, spot: Spot): undefined {
    if (value === null) return;
    if (Array.isArray(value)) return this.#addSegments(value, spot, "");
    if (!isRecord(value) || !("segments" in value || "lists" in value)) return this.#addDefinition(value, spot, "");
    for (const key of Object.keys(value)) {
      if (key === "segments" || key === "lists") continue;
      const message = `unknown key ${JSON.stringify(key)}; beside segments there is only lists`;
      this.#refuse(spot, keyPath("", key), message, nearest(key, ["segments", "lists"]));
    }
    if ("segments" in value) this.#addSegments(value.segments!, spot, "segments");
    if ("lists" in value) this.#addLists(value.lists!, spot);
  }

  #addSegments(value: Json, spot: Spot, path: string): undefined {
    if (!Array.isArray(value)) return this.#refuse(spot, path, "segments is a list of definitions");
    for (const [index, item] of value.entries()) this.#addDefinition(item as Json, spot, itemPath(path, index));
  }

  #addDefinition(source: Json, spot: Spot, path: string): undefined {
    const placeOf = (inner: string) => placeAt(spot, inside(path, inner));
    const parsed = parseDefinition(source, this.#limits);
    const place = placeOf("");
    const add = (to: PlacedProblem[]) => (problem: Problem) => to.push(placed(problem, placeOf(problem.path)));
    if (parsed.ok) parsed.warnings.forEach(add(this.warnings));
    else parsed.problems.forEach(add(this.problems));
    const definition = parsed.ok ? parsed.definition : undefined;
    this.definitions.push({ source, file: spot.file, line: place.line, definition, placeOf });
    if (definition === undefined) return;
    const before = this.#seen.get(definition.id);
    if (before === undefined) this.#seen.set(definition.id, place);
    else
      this.#refuse(
        spot,
        inside(path, "id"),
        `${definition.id} is already defined at ${before.file}:${before.line}; keep one`,
      );
  }

  #addLists(value: Json, spot: Spot): undefined {
    if (!Array.isArray(value)) return this.#refuse(spot, "lists", "lists is a list of {id, members}");
    for (const [index, item] of value.entries()) this.#addList(item as Json, spot, itemPath("lists", index));
  }

  #addList(value: Json, spot: Spot, path: string): undefined {
    if (!isRecord(value)) return this.#refuse(spot, path, "a list is an object {id, members}");
    for (const key of Object.keys(value)) {
      if (LIST_KEYS.includes(key)) continue;
      const message = `unknown key ${JSON.stringify(key)}; a list has id, members and, of accounts, kind`;
      this.#refuse(spot, keyPath(path, key), message, nearest(key, LIST_KEYS));
    }
    const { kind = "user" } = value;
    if (kind !== "user" && kind !== "account") {
      return this.#refuse(spot, keyPath(path, "kind"), "kind is user or account");
    }
    const id = this.#idAt(value.id, spot, keyPath(path, "id"));
    const { members } = value;
    if (!Array.isArray(members))
      return this.#refuse(spot, keyPath(path, "members"), `members is a list of ${kind} ids`);
    const ids = members.map((member: Json, index) =>
      this.#idAt(member, spot, itemPath(keyPath(path, "members"), index)),
    );
    if (id === undefined || ids.includes(undefined)) return;
    const before = this.#seenLists.get(id);
    if (before !== undefined) {
      return this.#refuse(
        spot,
        keyPath(path, "id"),
        `the list ${id} is already given at ${before.file}:${before.line}; keep one`,
      );
    }
    const place = placeAt(spot, path);
    this.#seenLists.set(id, place);
    this.lists.push({ id, kind, members: [...new Set(ids as string[])], place });
  }

  /** Where an id stands, a number is read as its decimal text. */
  #idAt(value: Json | undefined, spot: Spot, path: string): string | undefined {
    const id = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
    if (typeof id === "string" && id !== "" && Buffer.byteLength(id) <= this.#limits.idBytesMax) return id;
    this.#refuse(spot, path, `an id is text of 1 to ${this.#limits.idBytesMax} bytes (limits.idBytesMax)`);
    return undefined;
  }

  #refuse(spot: Spot, path: string, message: string, hint?: string): undefined {
    this.problems.push(placed(hint === undefined ? { path, message } : { path, message, hint }, placeAt(spot, path)));
  }
}

export function placed(problem: Problem, place: Place): PlacedProblem {
  const message = problem.path === "" ? problem.message : `${problem.path}: ${problem.message}`;
  return problem.hint === undefined ? { ...place, message } : { ...place, message, hint: problem.hint };
}

export function inside(outer: string, inner: string): string {
  if (outer === "" || inner === "") return outer + inner;
  return inner.startsWith("[") ? outer + inner : `${outer}.${inner}`;
}

/** The place of a path; where nothing stands there (a missing key), that of the nearest thing around it. */
function placeAt(spot: Spot, path: string): Place {
  let node: unknown = spot.node;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const step of splitPath(path)) {
    node = resolved(node, spot.document);
    const next = stepInto(node, step);
    if (next === undefined) break;
    offset = next.offset ?? offset;
    node = next.node;
  }
  const { line, col } = spot.lines.linePos(offset);
  return { file: spot.file, line, column: col };
}

function resolved(node: unknown, document: Document): unknown {
  return isNode(node) && "source" in node && "resolve" in node
    ? (node as { resolve(d: Document): unknown }).resolve(document)
    : node;
}

/** Into a map by key: the offset is the key's. Into a list by index: the offset is the item's. */
function stepInto(node: unknown, step: string | number): { offset: number | undefined; node: unknown } | undefined {
  if (isSeq(node) && typeof step === "number") {
    const item = node.items[step];
    return item === undefined ? undefined : { offset: isNode(item) ? item.range?.[0] : undefined, node: item };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
  if (pair === undefined) return undefined;
  return { offset: isNode(pair.key) ? pair.key.range?.[0] : undefined, node: pair.value };
}

function isRecord(value: unknown): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
