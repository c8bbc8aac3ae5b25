// The mapping file: which column means what. Parsed once into functions that turn a row into a message.
// Between rows.ts and publish.ts. What a person wrote wrong is reported with line and column in the mapping file.
import { isMap, isScalar } from "yaml";
import type { Json, JsonObject, MemberId, Millis } from "../core/types.ts";
import { dateReader } from "./dates.ts";
import { Places, type YamlMap } from "./places.ts";
import {
  BadCell,
  type Bind,
  bindObject,
  bindValue,
  type Cells,
  type Columns,
  columnsOf,
  type Reader,
  show,
} from "./values.ts";

export interface Mapping {
  /** Whose rows they are: users', or accounts' own, of no user. */
  readonly about: "users" | "accounts";
  /** File name pattern (`*` any run) by which a file finds this mapping; undefined: only by --map. */
  readonly files: string | undefined;
  readonly format: "csv" | "ndjson" | undefined;
  readonly delimiter: string;
  readonly header: readonly string[] | undefined;
  /** Reads one row. `names` are the header's columns; undefined for NDJSON, where a column is a path. */
  reader(names: readonly string[] | undefined): RowReader;
}

export type RowReader = (cells: Cells, line: number) => Mapped;

/** Which of a partition's subjects a row goes to, as its id says whose it is: a user's or an account's. */
export type RowKind = "event" | "account";

export type Mapped =
  | {
      readonly ok: true;
      readonly kind: RowKind;
      readonly id: MemberId;
      readonly time: Millis | undefined;
      readonly event: JsonObject;
    }
  | { readonly ok: false; readonly reason: string };

const EVENT_TYPES = ["track", "identify", "page", "screen", "group"] as const;
const ACCOUNT_TYPES: readonly string[] = ["group", "track"];

const TOP =
  "files format delimiter header user anonymous groupId time type event channel messageId ip userAgent properties traits context";

export function parseMapping(text: string, file: string): Mapping {
  const place = new Places(text, file);
  const root = place.root();
  place.onlyKeys(root, TOP.split(" "));
  const user = root.has("user") ? bindValue(place, root, "user") : undefined;
  const anonymous = root.has("anonymous") ? bindValue(place, root, "anonymous") : undefined;
  if (user === undefined && anonymous === undefined && !root.has("groupId")) {
    throw place.error(
      root,
      "says nothing of who it was; add `user:` with the column of the user id, or `groupId:` where the rows are accounts",
    );
  }
  const about = isOfAccounts(root) ? "accounts" : "users";
  const shape = shapeOf(place, root);
  // Values are read here, before any row is, so that a mistake in them is found at once.
  return {
    about,
    files: place.text(root, "files"),
    format: place.oneOf(root, "format", ["csv", "ndjson"] as const),
    delimiter: delimiterOf(place, root),
    header: place.texts(root, "header"),
    reader: (names) => {
      const columns = columnsOf(names, file);
      if (about === "accounts") return accountReader(shape(columns));
      return rowReader(user?.(columns), anonymous?.(columns), shape(columns));
    },
  };
}

/** Rows that name a group and nobody who is in it are about the account itself. */
function isOfAccounts(root: YamlMap): boolean {
  return root.has("groupId") && !root.has("user") && !root.has("anonymous");
}

function accountReader(shape: ShapeReader): RowReader {
  return readable((cells, line) => {
    const { event, time } = shape(cells, line);
    return { ok: true, kind: "account", id: String(event.groupId), time, event };
  });
}

/** What is wrong with a cell is the row's reason. */
export function readable(read: RowReader): RowReader {
  return (cells, line) => {
    try {
      return read(cells, line);
    } catch (error) {
      if (error instanceof BadCell) return { ok: false, reason: error.message };
      throw error;
    }
  };
}

function rowReader(user: Reader | undefined, anonymous: Reader | undefined, shape: ShapeReader): RowReader {
  return readable((cells, line) => {
    const userId = user?.(cells, line);
    const anonymousId = anonymous?.(cells, line);
    const id = userId ?? anonymousId;
    if (id === undefined) return { ok: false, reason: "no user id" };
    const { event, time } = shape(cells, line);
    if (userId !== undefined) event.userId = String(userId);
    if (anonymousId !== undefined) event.anonymousId = String(anonymousId);
    return { ok: true, kind: "event", id: String(id), time, event };
  });
}

/** A message under way: each part of the mapping adds its own. */
type Draft = Record<string, Json>;
type ShapeReader = (cells: Cells, line: number) => { readonly event: Draft; readonly time: Millis | undefined };

/** All of the message but who it is. */
function shapeOf(place: Places, root: YamlMap): (columns: Columns) => ShapeReader {
  const time = timeOf(place, root);
  const kinds = kindsOf(place, root);
  const rest = ["channel", "messageId", "context"].filter((key) => root.has(key));
  const others = rest.map((key) => [key, bindValue(place, root, key)] as const);
  const heard = (["ip", "userAgent"] as const).filter((key) => root.has(key));
  const besides = heard.map((key) => [key, bindValue(place, root, key)] as const);
  return (columns) => {
    const readTime = time?.(columns);
    const readKind = kinds(columns);
    const readOthers = others.map(([key, bind]) => [key, bind(columns)] as const);
    const readBesides = besides.map(([key, bind]) => [key, bind(columns)] as const);
    return (cells, line) => {
      const event = readKind(cells, line);
      const at = readTime?.(cells);
      if (at !== undefined) event.timestamp = new Date(at).toISOString();
      for (const [key, read] of readOthers) {
        const value = read(cells, line);
        if (value !== undefined) event[key] = value;
      }
      for (const [key, read] of readBesides) {
        const value = read(cells, line);
        if (value !== undefined) event.context = { ...(event.context as JsonObject | undefined), [key]: value };
      }
      return { event, time: at };
    };
  };
}

type TimeReader = (cells: Cells) => Millis | undefined;

function timeOf(place: Places, root: YamlMap): ((columns: Columns) => TimeReader) | undefined {
  if (!root.has("time")) return undefined;
  const node = root.get("time", true);
  const map = isMap(node) ? (node as YamlMap) : undefined;
  if (map !== undefined) place.onlyKeys(map, ["column", "format"]);
  const column = map === undefined ? place.text(root, "time") : place.text(map, "column");
  if (column === undefined) throw place.error(map ?? root, "`time` needs a column");
  const format = (map === undefined ? undefined : place.text(map, "format")) ?? "iso";
  const read = place.checked(map ?? root, () => dateReader(format));
  return (columns) => {
    const cell = columns(column);
    return (cells) => {
      const value = cell(cells);
      if (value === undefined) throw new BadCell(`${column} is empty; every row needs a time`);
      const at = read(String(value));
      if (at === undefined)
        throw new BadCell(`${column} is ${show(value)}, which is not a time of the format ${format}`);
      return at;
    };
  };
}

type KindReader = (cells: Cells, line: number) => Draft;

/** Type, name, properties and traits: the same for every row, or chosen by a column. */
function kindsOf(place: Places, root: YamlMap): (columns: Columns) => KindReader {
  const node = root.get("event", true);
  if (!isMap(node)) {
    const name = root.has("event") ? place.text(root, "event") : undefined;
    return kindOf(place, root, root, name);
  }
  const choice = node as YamlMap;
  place.onlyKeys(choice, ["column", "names"]);
  const column = place.text(choice, "column");
  if (column === undefined) throw place.error(choice, "`event` needs the column in which the event's name stands");
  const names = choice.get("names", true);
  if (names !== undefined && names !== null && !isMap(names)) {
    throw place.error(choice, "`names` is a table: what stands in the column → the event's name");
  }
  if (!isMap(names)) return asNamed(place, root, column);
  const table = new Map<string, (columns: Columns) => KindReader>();
  for (const key of place.keys(names as YamlMap)) table.set(key, tableEntry(place, root, names as YamlMap, key));
  return (columns) => {
    const cell = columns(column);
    const readers = new Map([...table].map(([key, bind]) => [key, bind(columns)] as const));
    return (cells, line) => {
      const key = cell(cells);
      if (key === undefined) throw new BadCell(`${column} is empty; it should name the event`);
      const reader = readers.get(String(key));
      if (reader === undefined) {
        throw new BadCell(`${column} is ${show(key)}; the mapping knows ${[...table.keys()].join(", ")}`);
      }
      return reader(cells, line);
    };
  };
}

/** Without a table of names the column holds the event's name as it is. */
function asNamed(place: Places, root: YamlMap, column: string): (columns: Columns) => KindReader {
  const bind = kindOf(place, root, root, "");
  return (columns) => {
    const cell = columns(column);
    const read = bind(columns);
    return (cells, line) => {
      const name = cell(cells);
      if (name === undefined) throw new BadCell(`${column} is empty; it should name the event`);
      const event = read(cells, line);
      event.event = String(name);
      return event;
    };
  };
}

function tableEntry(place: Places, root: YamlMap, names: YamlMap, key: string): (columns: Columns) => KindReader {
  const node = names.get(key, true);
  if (isScalar(node)) return kindOf(place, root, root, place.text(names, key));
  if (!isMap(node)) throw place.error(names, `${key}: give the event's name, or {name, properties}`);
  const entry = node as YamlMap;
  place.onlyKeys(entry, ["type", "name", "properties", "traits"]);
  return kindOf(place, root, entry, place.text(entry, "name"));
}

/** `own` says what differs from `root`. */
function kindOf(
  place: Places,
  root: YamlMap,
  own: YamlMap,
  name: string | undefined,
): (columns: Columns) => KindReader {
  const type = place.oneOf(own, "type", EVENT_TYPES) ?? place.oneOf(root, "type", EVENT_TYPES) ?? usualType(root);
  const group = groupOf(place, root, own, type);
  if (type === "track" && name === undefined)
    throw place.error(own, "a track needs the event's name: `event: Product Viewed`");
  const parts = (["properties", "traits"] as const).flatMap((key) => {
    const holder = own.has(key) ? own : root;
    return holder.has(key) ? [[key, bindObject(place, holder, key)] as const] : [];
  });
  const named: JsonObject = name === undefined ? {} : type === "track" ? { event: name } : { name };
  return (columns) => {
    const readers = parts.map(([key, bind]) => [key, bind(columns)] as const);
    const readGroup = group?.(columns);
    return (cells, line) => {
      const event: Draft = { type, ...named };
      if (readGroup !== undefined) event.groupId = groupIdOf(readGroup(cells, line));
      for (const [key, read] of readers) event[key] = read(cells, line) ?? {};
      return event;
    };
  };
}

function usualType(root: YamlMap): (typeof EVENT_TYPES)[number] {
  return root.has("groupId") && !root.has("event") ? "group" : "track";
}

/** The account that a row names: where it says that somebody belongs to it, and in all rows about accounts. */
function groupOf(place: Places, root: YamlMap, own: YamlMap, type: string): Bind | undefined {
  if (isOfAccounts(root) && !ACCOUNT_TYPES.includes(type))
    throw place.error(
      own,
      `about an account a row is a group or a track, not ${type}; add \`user:\` where it is a person's`,
    );
  if (type === "group" && !root.has("groupId"))
    throw place.error(own, "a group needs the account's id; add `groupId:` with its column");
  return type === "group" || isOfAccounts(root) ? bindValue(place, root, "groupId") : undefined;
}

/** A mapping can say null outright: in no account from then on. An empty cell is a mistake in the row. */
function groupIdOf(value: Json | undefined): string | null {
  if (value === undefined) throw new BadCell("no account id");
  return value === null ? null : String(value);
}

function delimiterOf(place: Places, root: YamlMap): string {
  const delimiter = place.text(root, "delimiter") ?? ",";
  if (delimiter.length !== 1 || delimiter === '"')
    throw place.error(root, "`delimiter` is one character, such as ; or \\t");
  return delimiter;
}
