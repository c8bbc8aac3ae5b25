// Accounts from a file without a mapping: one column or key is the id, all others are traits of the types that are named.
// Stands beside mapping.ts for `rollcall import --accounts`; a mapping says more, such as when it was.
import type { Json, JsonObject } from "../core/types.ts";
import { type Mapped, type Mapping, type RowReader, readable } from "./mapping.ts";
import { type Bind, bindColumn, type Cells, type CellType, columnsOf } from "./values.ts";

export interface AccountColumns {
  /** The column or key that names the account. */
  readonly id: string;
  /** Of columns that are no text. In JSON lines values have a type already; one that is named here must be of it. */
  readonly types: ReadonlyMap<string, CellType>;
}

export function accountsMapping(path: string, { id, types }: AccountColumns): Mapping {
  const isCsv = !/\.(ndjson|jsonl|json)(\.gz)?$/i.test(path);
  return {
    about: "accounts",
    files: undefined,
    format: isCsv ? "csv" : "ndjson",
    delimiter: /\.tsv(\.gz)?$/i.test(path) ? "\t" : ",",
    header: undefined,
    reader: (names) => (names === undefined ? ofObjects(id, types) : ofColumns(path, names, id, types)),
  };
}

function ofColumns(
  path: string,
  names: readonly string[],
  id: string,
  types: ReadonlyMap<string, CellType>,
): RowReader {
  const columns = columnsOf(names, path);
  const readId = bindColumn(id, "text")(columns);
  // A type for a column that the file does not have is a slip of the pen, and is said as such.
  const others = [...new Set([...names.filter((name) => name !== id), ...types.keys()])];
  const readers = others.map((name) => [name, bindColumn(name, types.get(name) ?? "text")(columns)] as const);
  return readable((cells, line) => {
    const traits: Record<string, Json> = {};
    for (const [name, read] of readers) {
      const value = read(cells, line);
      // An empty cell says nothing of its trait.
      if (value !== undefined) traits[name] = value;
    }
    return groupCall(id, readId(cells, line), traits);
  });
}

function ofObjects(id: string, types: ReadonlyMap<string, CellType>): RowReader {
  const typed = new Map([...types].map(([name, type]) => [name, ofKey(bindColumn(name, type))] as const));
  return readable((cells, line) => {
    const { [id]: named, ...others } = cells as JsonObject;
    const traits: Record<string, Json> = {};
    for (const [name, value] of Object.entries(others)) {
      const read = value === null ? undefined : typed.get(name);
      // null takes the trait away, as in a message.
      traits[name] = read === undefined ? value : read({ value }, line)!;
    }
    return groupCall(id, typeof named === "number" ? String(named) : named, traits);
  });
}

/** Keys are taken as they are: a dot in one is no path. */
function ofKey(bind: Bind): (cells: Cells, line: number) => Json | undefined {
  return bind(() => (cells) => (cells as JsonObject).value);
}

function groupCall(column: string, id: Json | undefined, traits: JsonObject): Mapped {
  if (typeof id !== "string" || id === "") return { ok: false, reason: `no account id in ${column}` };
  return { ok: true, kind: "account", id, time: undefined, event: { type: "group", groupId: id, traits } };
}
