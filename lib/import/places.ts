// A mapping's YAML with its places: what is wrong is said with file, line and column.
// values.ts and mapping.ts read everything through it.
import { isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import type { Json } from "../core/types.ts";

export class MappingError extends Error {
  override readonly name = "MappingError";
}

export type YamlMap = {
  has(key: string): boolean;
  get(key: string, keepScalar: true): Node | null | undefined;
  items: { key: unknown }[];
  range?: [number, number, number] | null;
};

/** Reads the mapping's YAML, and names file, line and column where something is wrong. */
export class Places {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  constructor(text: string, file: string) {
    this.#file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const [error] = this.#document.errors;
    if (error !== undefined) throw this.#at(error.pos[0], error.message);
  }

  root(): YamlMap {
    const { contents } = this.#document;
    if (!isMap(contents)) throw this.#at(0, "a mapping is a table; see examples/ for one");
    return contents as unknown as YamlMap;
  }

  error(node: { range?: [number, number, number] | null | undefined }, message: string): MappingError {
    return this.#at(node.range?.[0] ?? 0, message);
  }

  checked<T>(node: YamlMap, make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw this.error(node, (error as Error).message);
    }
  }

  keys(map: YamlMap): string[] {
    return map.items.map(({ key }) => String(isScalar(key) ? key.value : key));
  }

  onlyKeys(map: YamlMap, allowed: readonly string[]): void {
    for (const { key } of map.items) {
      const name = String(isScalar(key) ? key.value : key);
      if (allowed.includes(name)) continue;
      const node = isScalar(key) ? key : map;
      throw this.error(node as YamlMap, `"${name}" is not known here; known are ${allowed.join(", ")}`);
    }
  }

  text(map: YamlMap, key: string): string | undefined {
    const node = this.node(map, key);
    if (node === undefined || node === null) return undefined;
    if (!isScalar(node) || node.value === null) throw this.error(node as YamlMap, `${key} should be text`);
    return String(node.value);
  }

  texts(map: YamlMap, key: string): readonly string[] | undefined {
    const node = this.node(map, key);
    if (node === undefined || node === null) return undefined;
    const value: unknown = (node as Node).toJS(this.#document);
    if (!Array.isArray(value)) throw this.error(node as unknown as YamlMap, `${key} should be a list of column names`);
    return value.map(String);
  }

  oneOf<const T extends string>(map: YamlMap, key: string, allowed: readonly T[]): T | undefined {
    const value = this.text(map, key);
    if (value === undefined) return undefined;
    if (allowed.includes(value as T)) return value as T;
    throw this.error(
      this.node(map, key) as unknown as YamlMap,
      `${key} is "${value}"; it is one of ${allowed.join(", ")}`,
    );
  }

  json(map: YamlMap, key: string): Json {
    return (this.node(map, key)?.toJS(this.#document) ?? null) as Json;
  }

  node(map: YamlMap, key: string): Node | null | undefined {
    const node = map.get(key, true);
    return (node as { resolve?: (document: unknown) => Node } | null | undefined)?.resolve?.(this.#document) ?? node;
  }

  #at(offset: number, message: string): MappingError {
    const { line, col } = this.#lines.linePos(offset);
    return new MappingError(`${this.#file}:${line}:${col}: ${message}`);
  }
}
