// What the door resolves and writes into a message before it goes to the log: place, network, device, channel, time.
// Whoever lets messages in sends each through it, as `rollcall import` does; nothing behind the log asks a table again.
import type { Json, JsonObject, Millis } from "../core/types.ts";
import { DEFAULT_VOCABULARY } from "../core/vocabulary.ts";
import { channelOfLibrary } from "./channels.ts";
import { correctedTime } from "./clock-skew.ts";
import { type Devices, openDevices } from "./devices.ts";
import { isObject, objectOf, textOf } from "./json.ts";
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
  const said = objectOf(message.context) ?? {};
  const channel = message.channel ?? channelOfLibrary(said);
  const enriched: Record<string, Json> = { ...message };
  if (channel !== undefined) enriched.channel = channel;
  writeTime(enriched, message, heard.receivedAt);
  // A context that is no object is refused by the engine; writing over it would hide that.
  if (isMissing(message.context) || isObject(message.context)) {
    const context = contextOf(said, textOf(channel), heard);
    if (Object.keys(context).length > 0 || isObject(message.context)) enriched.context = context;
  }
  return enriched;
}

/** The three times by which anyone can do the sum again stay in the message, as the Segment spec has them. */
function writeTime(enriched: Record<string, Json>, message: JsonObject, receivedAt: Millis | undefined): void {
  const time = correctedTime(message, receivedAt);
  if (time === undefined) return;
  enriched.originalTimestamp = message.originalTimestamp ?? message.timestamp!;
  enriched.receivedAt = new Date(receivedAt!).toISOString();
  enriched.timestamp = new Date(time).toISOString();
}

function contextOf(said: JsonObject, channel: string | undefined, heard: Heard): JsonObject {
  const { tables, trustedSources = DEFAULT_VOCABULARY.trustedSources } = heard;
  const source = heard.source ?? channel;
  const isTrusted = source !== undefined && trustedSources.includes(source);
  const ip = choose(heard.ip, textOf(said.ip), channel, isTrusted);
  const userAgent = choose(heard.userAgent, textOf(said.userAgent), channel, isTrusted);
  const resolved = {
    place: ip === undefined ? undefined : tables.placeOf(ip),
    network: ip === undefined ? undefined : tables.networkOf(ip),
    device: tables.deviceOf(userAgent, said, channel === "mobile"),
  };
  const context: Record<string, Json> = { ...said };
  for (const [field, value] of Object.entries(resolved)) {
    if (isTrusted && isObject(said[field])) continue;
    // What an untrusted source says goes even where nothing is resolved: else leaving out an address would be a way to
    // claim any place.
    if (value === undefined) delete context[field];
    else context[field] = value;
  }
  if (heard.keepIp === true && ip !== undefined) context.ip = ip;
  else delete context.ip;
  return context;
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
