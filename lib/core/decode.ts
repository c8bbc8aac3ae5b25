// From a channel's bytes to a UserEvent or an AccountEvent, or to the reason why not. JSON or MessagePack; the first byte tells.
// First on the path of every message, before the engine. It never throws: bad input is a value.
import type { AccountEvent, Decoded, UserEvent } from "./events.ts";
import { Refusal, readMessagePack, startsMap } from "./msgpack.ts";
import { parseDay, parseInstant } from "./rules/parse/dates.ts";
import type { Json, JsonObject, Limits, MemberId, Millis, RejectReason } from "./types.ts";

/**
 * The seam of the receive path: a partial decoder that reads only the fields that rules ask for may stand in, as long
 * as it gives the same value or falls back to decodeEvent.
 */
export type EventDecoder = (body: Uint8Array, limits: Limits) => Decoded<UserEvent>;

export const decodeEvent: EventDecoder = (body, limits) => decodedBy(readEvent, body, limits);

/** The same of a message of `accounts.<id>`: about an account, and by no user. */
export function decodeAccountMessage(body: Uint8Array, limits: Limits): Decoded<AccountEvent> {
  return decodedBy(readAccountEvent, body, limits);
}

function decodedBy<T>(read: (tree: JsonObject, limits: Limits) => T, body: Uint8Array, limits: Limits): Decoded<T> {
  try {
    return { ok: true, value: read(readTree(body, limits), limits) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, reason: error.reason, detail: error.message };
    // Nothing below throws anything else; if it does, one message is lost to the rejects and not the partition.
    return { ok: false, reason: "not-json", detail: `the body cannot be read: ${String(error)}` };
  }
}

/** Bytes → a plain object, no deeper than allowed, without forbidden keys and numbers that are none. */
function readTree(body: Uint8Array, limits: Limits): JsonObject {
  if (body.length > limits.eventBytesMax) {
    refuse(
      "too-large",
      `the event has ${body.length} bytes; the limit is ${limits.eventBytesMax} (limits.eventBytesMax)`,
    );
  }
  const first = firstByte(body);
  if (first === undefined) refuse("not-json", "the body is empty; send a JSON object or a MessagePack map");
  const tree = startsMap(first) ? readPacked(body, limits) : readJson(body, first);
  if (typeof tree !== "object" || tree === null || Array.isArray(tree)) {
    refuse("not-an-object", `the body is ${nameOf(tree)}; an event is an object such as {"type":"track", …}`);
  }
  const fault = faultIn(tree as JsonObject, limits.jsonDepthMax);
  if (fault !== undefined) refuseFault(fault, limits);
  return tree as JsonObject;
}

function readPacked(body: Uint8Array, limits: Limits): Json {
  try {
    return readMessagePack(body, limits.jsonDepthMax);
  } catch (error) {
    if (error instanceof Refusal && error.reason === "too-deep") refuseFault("too-deep", limits);
    throw error;
  }
}

const [SPACE, TAB, LINE_FEED, RETURN, BRACE] = [0x20, 0x09, 0x0a, 0x0d, 0x7b];

function firstByte(body: Uint8Array): number | undefined {
  let index = 0;
  while (index < body.length) {
    const byte = body[index]!;
    if (byte !== SPACE && byte !== TAB && byte !== LINE_FEED && byte !== RETURN) return byte;
    index += 1;
  }
  return undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readJson(body: Uint8Array, first: number): Json {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    refuse("not-json", "the body is neither UTF-8 nor a MessagePack map; send a JSON object in UTF-8");
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const start = first === BRACE ? "" : "; an event starts with {";
    refuse("not-json", `the body is not JSON: ${messageOf(error)}${start}`);
  }
}

/** The parser's words without the body in them: a body may hold what no log should. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const position = /at position \d+/.exec(message);
  if (/end of JSON/i.test(message) || /unterminated/i.test(message)) return "it ends too early";
  return position === null ? "unexpected character" : `unexpected character ${position[0]}`;
}

type Fault = "too-deep" | "not-finite" | "__proto__" | "constructor" | "prototype";

/**
 * One walk finds everything at once. Counting brackets and looking for words in the bytes first was no faster, and
 * less certain: escapes hide words, and a number such as 1e999 is known only once it is read.
 */
function faultIn(value: JsonObject | readonly Json[], depth: number): Fault | undefined {
  if (depth === 0) return "too-deep";
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) {
      const fault = faultOf(item, depth);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  for (const key in value) {
    const { length } = key;
    if ((length === 9 || length === 11) && isForbidden(key)) return key;
    const item = (value as JsonObject)[key]!;
    // Most values are texts: they are through here without a call.
    if (typeof item === "string") continue;
    const fault = faultOf(item, depth);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOf(value: Json, depth: number): Fault | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : "not-finite";
  if (typeof value !== "object" || value === null) return undefined;
  return faultIn(value, depth - 1);
}

function isForbidden(key: string): key is "__proto__" | "constructor" | "prototype" {
  return key === "__proto__" || key === "constructor" || key === "prototype";
}

function refuseFault(fault: Fault, limits: Limits): never {
  if (fault === "too-deep") {
    refuse("too-deep", `the event is nested deeper than ${limits.jsonDepthMax} (limits.jsonDepthMax); send it flatter`);
  }
  if (fault === "not-finite") {
    refuse("not-finite", "a number of the event is NaN or infinite (or too large, such as 1e999); leave it out");
  }
  refuse("forbidden-key", `the key ${JSON.stringify(fault)} is refused; rename the field`);
}

const EMPTY: JsonObject = Object.freeze({});

/** The tree → the event: which fields there must be, and of which type. */
function readEvent(tree: JsonObject, limits: Limits): UserEvent {
  const type = readType(tree);
  const isAnonymous = isMissing(tree.userId);
  const userId = readMemberId(tree, isAnonymous, limits);
  return {
    type,
    name: readName(type, tree),
    userId,
    anonymousId: isAnonymous ? userId : readOtherId(tree, limits),
    isAnonymous,
    timestamp: readTimestamp(tree.timestamp),
    channel: readText(tree, "channel"),
    messageId: readText(tree, "messageId"),
    properties: readObject(tree, "properties"),
    context: readObject(tree, "context"),
    traits: type === "identify" || type === "group" ? readObject(tree, "traits") : EMPTY,
    ...(type === "group" ? { groupId: tree.groupId === null ? null : readGroupId(tree, limits) } : {}),
  };
}

function readAccountEvent(tree: JsonObject, limits: Limits): AccountEvent {
  const type = readAccountType(tree);
  refuseUser(tree, "userId");
  if (tree.anonymousId !== "") refuseUser(tree, "anonymousId");
  return {
    type,
    accountId: readGroupId(tree, limits),
    name: readName(type, tree),
    timestamp: readTimestamp(tree.timestamp),
    channel: readText(tree, "channel"),
    messageId: readText(tree, "messageId"),
    properties: readObject(tree, "properties"),
    context: readObject(tree, "context"),
    traits: type === "group" ? readObject(tree, "traits") : EMPTY,
  };
}

function readAccountType(tree: JsonObject): AccountEvent["type"] {
  const { type } = tree;
  if (type === "group" || type === "track") return type;
  if (isMissing(type) || typeof type !== "string" || type === "") {
    return refuse("no-type", `type is ${nameOf(type)}; about an account it is group or track`);
  }
  return refuse("unsupported-type", `the type ${shown(type)} is not supported about an account; use group or track`);
}

function refuseUser(tree: JsonObject, field: "userId" | "anonymousId"): void {
  if (isMissing(tree[field])) return;
  refuse("bad-field", `${field} stands beside an account's message; publish what a user does to events.<user>`);
}

/** The account's id. Where null means something, the caller has taken it before. */
function readGroupId(tree: JsonObject, limits: Limits): MemberId {
  const { groupId } = tree;
  if (!isMissing(groupId) && groupId !== "") return readId(tree, "groupId", limits);
  return refuse("no-group-id", `groupId is ${nameOf(groupId)}; send the account's id as text`);
}

const TYPES = "track, identify, page, screen, group";

function readType(tree: JsonObject): UserEvent["type"] {
  const { type } = tree;
  switch (type) {
    case "track":
    case "identify":
    case "page":
    case "screen":
    case "group":
      return type;
    case undefined:
    case null:
    case "":
      return refuse("no-type", `type is missing; it is one of ${TYPES}`);
    default:
      if (typeof type !== "string") return refuse("no-type", `type is ${nameOf(type)}; it is one of ${TYPES}`);
      return refuse("unsupported-type", `the type ${shown(type)} is not supported; use one of ${TYPES}`);
  }
}

function readName(type: UserEvent["type"], tree: JsonObject): string {
  if (type === "page") return "Page Viewed";
  if (type === "screen") return "Screen Viewed";
  if (type === "identify" || type === "group") return "";
  const { event } = tree;
  if (typeof event === "string" && event !== "") return event;
  // Where a name stands, a number is read as its decimal text.
  if (typeof event === "number") return String(event);
  return refuse("no-event-name", `event is ${nameOf(event)}; a track message names what was done in event`);
}

/** The id of the member is the `userId`, else the `anonymousId`. */
function readMemberId(tree: JsonObject, isAnonymous: boolean, limits: Limits): string {
  if (!isAnonymous) return readId(tree, "userId", limits);
  if (!isMissing(tree.anonymousId)) return readId(tree, "anonymousId", limits);
  return refuse("no-user-id", "userId and anonymousId are both missing; send one of them");
}

/** The `anonymousId` beside a `userId`; libraries send it empty where there is none. */
function readOtherId(tree: JsonObject, limits: Limits): string | undefined {
  return isMissing(tree.anonymousId) || tree.anonymousId === "" ? undefined : readId(tree, "anonymousId", limits);
}

function readId(tree: JsonObject, field: "userId" | "anonymousId" | "groupId", limits: Limits): string {
  const value = tree[field];
  const id = typeof value === "number" ? decimalId(value, field) : value;
  if (typeof id !== "string") return refuse("bad-id", `${field} is ${nameOf(id)}; it is text`);
  if (id === "") return refuse("bad-id", `${field} is empty; send an id or leave the field out`);
  // A character has at most three bytes for each of its UTF-16 units.
  if (id.length * 3 > limits.idBytesMax && utf8Length(id) > limits.idBytesMax) {
    return refuse("bad-id", `${field} is longer than ${limits.idBytesMax} bytes (limits.idBytesMax)`);
  }
  if (/\p{Surrogate}/u.test(id))
    return refuse("bad-id", `${field} holds half a character (a lone surrogate); send valid Unicode`);
  return id;
}

/** Beyond 2^53 neighbours share one number: two people would become one. */
function decimalId(value: number, field: string): string {
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return String(value);
  return refuse("bad-id", `${field} is a number beyond 2^53 and has lost digits; send it as text`);
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

const YEAR_10000 = Date.UTC(10_000, 0, 1);

/** RFC 3339 text (without an offset it is UTC; a bare day is its midnight), or whole milliseconds since 1970. */
function readTimestamp(value: Json | undefined): Millis | undefined {
  if (isMissing(value)) return undefined;
  let ms: Millis | undefined;
  if (typeof value === "string") ms = parseInstant(value) ?? parseDay(value);
  else if (typeof value === "number" && Number.isInteger(value)) ms = value;
  if (ms === undefined) {
    const found = typeof value === "string" ? shown(value) : nameOf(value);
    return refuse(
      "bad-timestamp",
      `timestamp is ${found}; send a date such as 2026-11-23T10:00:00.120Z, or leave it out`,
    );
  }
  if (ms < 0) return refuse("bad-timestamp", `timestamp ${shown(String(value))} is before 1970`);
  if (ms >= YEAR_10000) return refuse("bad-timestamp", `timestamp ${shown(String(value))} is after the year 9999`);
  return ms;
}

function readText(tree: JsonObject, field: "channel" | "messageId"): string | undefined {
  const value = tree[field];
  if (typeof value === "string") return value;
  if (isMissing(value)) return undefined;
  return refuse("bad-field", `${field} is ${nameOf(value)}; it is text`);
}

function readObject(tree: JsonObject, field: "properties" | "context" | "traits"): JsonObject {
  const value = tree[field];
  if (isMissing(value)) return EMPTY;
  if (typeof value === "object" && !Array.isArray(value)) return value as JsonObject;
  return refuse("bad-field", `${field} is ${nameOf(value)}; it is an object`);
}

function isMissing(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}

function nameOf(value: Json | undefined): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (value === "") return "an empty text";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? "text" : `a ${typeof value}`;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 37)}…` : text);
}

function refuse(reason: RejectReason, detail: string): never {
  throw new Refusal(reason, detail);
}
