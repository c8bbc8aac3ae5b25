// What the door resolves and writes into a message before it goes to the log: place, network, device, channel, time.
// Whoever lets messages in sends each through it, as `rollcall import` does; nothing behind the log asks a table again.
import type { Json, JsonObject, Millis } from "../core/types.ts";
import { DEFAULT_VOCABULARY } from "../core/vocabulary.ts";
import { channelOfLibrary } from "./channels.ts";
import { correctedTime } from "./clock-skew.ts";
import { type Devices, openDevices } from "./devices.ts";
import { type Draft, isObject, textOf } from "./json.ts";
import { openPlaces, type Places, type PlacesOptions } from "./places.ts";

/** What is looked up in: databases, and what was read from them lately. One for a process. */
export type Tables = Places & Devices;

/** Throws PlacesFileUnusable, at once, when a file that the options name cannot be used. */
export function openTables(options: PlacesOptions = {}): Tables {
  return { ...openPlaces(options), ...openDevices() };
}

/** What the door knows of a message beside what stands in it. */
export interface Heard {
  readonly tables: Tables;
  /** Missing where nobody knows, as in a file: then a wrong clock of the sender is left as it is. */
  readonly receivedAt?: Millis | undefined;
  /** The sender's. Not asked for messages of channel `server`, whose sender is not the person. */
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Who speaks, where the door knows it for certain; else it is the message's own channel. */
  readonly source?: string | undefined;
  /** Sources that may say themselves what else is resolved; the vocabulary's. */
  readonly trustedSources?: readonly string[] | undefined;
  /** Keep the address in `context.ip`. It is personal data, so it is left out unless someone wants it. */
  readonly keepIp?: boolean | undefined;
}

/** A new message; the one that is given stays as it is. Never throws: what is wrong in a message, the engine refuses. */
export function enrich(message: JsonObject, heard: Heard): JsonObject {
  // A list of messages may hold anything.
  if (!isObject(message)) return message;
  const { context } = message;
  const enriched: Draft = { ...message };
  if (isObject(context)) enriched.context = { ...context };
  enrichOwn(enriched, heard);
  return enriched as JsonObject;
}

/**
 * The same, written into the message and its context themselves: for who has just read it and gives it to nobody else. A copy
 * that fields are added to costs several times what the rest does.
 */
export function enrichOwn(message: Draft, heard: Heard): void {
  const { context } = message;
  const said: Draft = isObject(context) ? (context as Draft) : {};
  const channel = message.channel ?? channelOfLibrary(said as JsonObject);
  if (channel !== undefined) message.channel = channel;
  writeTime(message, heard.receivedAt);
  if (isObject(context)) writeContext(said, textOf(channel), heard);
  // A context that is no object is refused by the engine; writing over it would hide that.
  else if (isMissing(context)) {
    writeContext(said, textOf(channel), heard);
    if (Object.keys(said).length > 0) message.context = said as JsonObject;
  }
}

/** The three times by which anyone can do the sum again stay in the message, as the Segment spec has them. */
function writeTime(message: Draft, receivedAt: Millis | undefined): void {
  const time = correctedTime(message, receivedAt);
  if (time === undefined) return;
  message.originalTimestamp ??= message.timestamp!;
  message.receivedAt = receiptText(receivedAt!);
  message.timestamp = new Date(time).toISOString();
}

let receipt = { ms: Number.NaN, text: "" };

/** Many messages are received in the same millisecond. */
function receiptText(ms: Millis): string {
  if (receipt.ms !== ms) receipt = { ms, text: new Date(ms).toISOString() };
  return receipt.text;
}

function writeContext(context: Draft, channel: string | undefined, heard: Heard): void {
  const { tables, trustedSources = DEFAULT_VOCABULARY.trustedSources } = heard;
  const source = heard.source ?? channel;
  const isTrusted = source !== undefined && trustedSources.includes(source);
  const ip = choose(heard.ip, textOf(context.ip), channel, isTrusted);
  const userAgent = choose(heard.userAgent, textOf(context.userAgent), channel, isTrusted);
  const write = (field: string, value: JsonObject | undefined): void => {
    if (isTrusted && isObject(context[field])) return;
    if (value !== undefined) context[field] = value;
    // What an untrusted source says goes even where nothing is resolved: else leaving out an address would be a way to
    // claim any place.
    else if (Object.hasOwn(context, field)) delete context[field];
  };
  write("place", ip === undefined ? undefined : tables.placeOf(ip));
  write("network", ip === undefined ? undefined : tables.networkOf(ip));
  write("device", tables.deviceOf(userAgent, context as JsonObject, channel === "mobile"));
  if (heard.keepIp === true && ip !== undefined) context.ip = ip;
  else if (Object.hasOwn(context, "ip")) delete context.ip;
}

/** Whose address or user agent counts. A server sends for others: only what it says of them is the person's. */
function choose(
  beside: string | undefined,
  said: string | undefined,
  channel: string | undefined,
  isTrusted: boolean,
): string | undefined {
  if (channel === "server") return said;
  return isTrusted ? (said ?? beside) : (beside ?? said);
}

function isMissing(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}
