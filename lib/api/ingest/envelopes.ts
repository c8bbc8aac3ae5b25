// From the body of a request to the events that it holds, as the Segment spec has them: what they lack is filled in, what the
// door resolves is written into them, and each is told whose log it belongs to. Only what cannot be read is refused here: what
// an event means, the partition judges, and tells the rejects stream. Stands before storing.ts.
import { hash, randomUUID } from "node:crypto";
import type { Trace } from "../../core/trace.ts";
import type { Json, Limits, MemberId, Millis } from "../../core/types.ts";
import { channelOfLibrary } from "../../enrich/channels.ts";
import { enrichOwn, type Heard, type Tables } from "../../enrich/enrich.ts";
import { type Draft, isObject, objectOf } from "../../enrich/json.ts";
import type { EventToStore } from "../../ports/intake.ts";
import { HttpError } from "../http/http-error.ts";

export const CALLS = ["track", "identify", "page", "screen", "group", "alias"] as const;
export type Call = (typeof CALLS)[number];

/** As the Segment API has them, so that every library keeps to them. */
export const BATCH_BYTES_MAX = 500 * 1024;
const BATCH_EVENTS_MAX = 2_500;
const SHORT_PLAIN = /^[\x21-\x7e]{1,200}$/;

/** What is known of a request beside its body. */
export interface Arrival {
  readonly tables: Tables;
  readonly trustedSources: readonly string[];
  readonly keepIp: boolean;
  readonly limits: Limits;
  readonly batchBytesMax: number;
  readonly receivedAt: Millis;
  readonly ip: string;
  readonly userAgent: string | undefined;
  /** A page sent it: address and user agent are a person's. */
  readonly isFromPage: boolean;
  /** The id of the key; `open` while there are none. */
  readonly sender: string;
  /** The name of the key. While there are none, an event's own channel is believed. */
  readonly source: string | undefined;
  readonly trace: Trace | undefined;
}

/** The body belongs to whoever calls: it is completed where it is, and not read again. */
export function eventOfCall(call: Call, body: unknown, arrival: Arrival): EventToStore {
  const message = draftAt("body", body);
  message.type = call;
  const event = eventOf(message, arrival);
  assertFits(event, "body", arrival.limits.eventBytesMax, "limits.eventBytesMax");
  return event;
}

/**
 * In the order in which they stand there; likewise. One that is larger than an event may be costs the others nothing: its
 * partition refuses it. But it must fit into a message, and what stands in a batch once and counts for each must not grow to many
 * times what was sent.
 */
export function eventsOfBatch(body: unknown, arrival: Arrival): EventToStore[] {
  const { batch, context, sentAt } = draftAt("body", body);
  if (!Array.isArray(batch))
    throw badAt("body.batch", `is ${nameOf(batch)}; send {"batch": [{"type": "track", …}, …]}`);
  if (batch.length > BATCH_EVENTS_MAX) {
    throw badAt("body.batch", `has ${batch.length} events; send at most ${BATCH_EVENTS_MAX} at once`);
  }
  const eventBytesMax = Math.max(arrival.limits.eventBytesMax, BATCH_BYTES_MAX);
  let bytes = 0;
  return batch.map((item: unknown, index) => {
    const place = `body.batch[${index}]`;
    const message = draftAt(place, item);
    addShared(message, context, sentAt);
    const event = eventOf(message, arrival);
    assertFits(event, place, eventBytesMax);
    bytes += Buffer.byteLength(event.body);
    if (bytes > arrival.batchBytesMax) throw tooLarge("body.batch", bytes, arrival.batchBytesMax, "httpBatchBytesMax");
    return event;
  });
}

/** What a batch says once, it says of each event that does not say it itself. */
function addShared(message: Draft, context: Json | undefined, sentAt: Json | undefined): void {
  const own = message.context ?? {};
  if (isObject(context) && isObject(own)) message.context = { ...context, ...own };
  if (isMissing(message.sentAt) && !isMissing(sentAt)) message.sentAt = sentAt;
}

function eventOf(message: Draft, arrival: Arrival): EventToStore {
  // A key is a secret, and the log is read by many. Undefined is left out of JSON; to delete a field makes an object slow.
  if (message.writeKey !== undefined) message.writeKey = undefined;
  // Libraries write an id that they do not have as an empty text.
  if (message.userId === "") message.userId = undefined;
  if (message.anonymousId === "") message.anonymousId = undefined;
  if (isMissing(message.messageId) || message.messageId === "") message.messageId = randomUUID();
  enrichOwn(message, heardOf(message, arrival));
  const body = JSON.stringify(message);
  const messageId = typeof message.messageId === "string" ? message.messageId : JSON.stringify(message.messageId);
  const { kind, id } = whoseLog(message, messageId, arrival.limits);
  return { kind, id, dedupId: dedupIdOf(arrival.sender, kind, id, messageId), body, trace: arrival.trace };
}

/** A server's own address is not the person's, and of a program without a name it is not known what it is. */
function heardOf(message: Draft, arrival: Arrival): Heard {
  const { tables, trustedSources, keepIp, receivedAt, ip, userAgent, isFromPage, source } = arrival;
  const channel = message.channel ?? channelOfLibrary(objectOf(message.context) ?? {});
  const isPersons = isFromPage || channel === "web" || channel === "mobile";
  return {
    tables,
    trustedSources,
    keepIp,
    receivedAt,
    source,
    ip: isPersons ? ip : undefined,
    userAgent: isPersons ? userAgent : undefined,
  };
}

function assertFits({ body }: EventToStore, place: string, bytesMax: number, option?: string): void {
  // A character has at most three bytes for each of its UTF-16 units.
  if (body.length * 3 <= bytesMax) return;
  const bytes = Buffer.byteLength(body);
  if (bytes > bytesMax) throw tooLarge(place, bytes, bytesMax, option);
}

function tooLarge(place: string, bytes: number, bytesMax: number, option?: string): HttpError {
  const message = `has ${bytes} bytes; the limit is ${bytesMax}`;
  const named = option === undefined ? message : `${message} (${option})`;
  return new HttpError(400, "too-large", `${place} ${named}.`, [{ path: place, message }]);
}

/**
 * As the decoder reads it: the user, else the account of a message by nobody. One of which nobody can tell goes to some log
 * all the same, always the same one for the same message: the partition refuses it there, and says why.
 */
function whoseLog(message: Draft, messageId: string, limits: Limits): Pick<EventToStore, "kind" | "id"> {
  const { type, groupId } = message;
  const user = message.userId ?? message.anonymousId;
  const account = isMissing(user) && (type === "group" || type === "track") ? idOf(groupId, limits) : undefined;
  if (account !== undefined) return { kind: "account", id: account };
  return { kind: "event", id: idOf(user, limits) ?? idOfNobody(messageId) };
}

/** Undefined: no id, or one that the decoder refuses. */
function idOf(value: Json | undefined, { idBytesMax }: Limits): MemberId | undefined {
  if (typeof value === "number") return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? String(value) : undefined;
  if (typeof value !== "string" || value === "" || /\p{Surrogate}/u.test(value)) return undefined;
  return value.length * 3 <= idBytesMax || Buffer.byteLength(value) <= idBytesMax ? value : undefined;
}

function idOfNobody(messageId: string): MemberId {
  return SHORT_PLAIN.test(messageId) ? messageId : hash("sha256", messageId);
}

/**
 * A log knows repeats of all its messages by one name each, so the name says whose word it is and about whom: else whoever has
 * numbers of their own, or guesses another's, would keep that one's events out, and they would be answered as if stored.
 */
function dedupIdOf(sender: string, kind: EventToStore["kind"], id: MemberId, messageId: string): string {
  return `http:${hash("sha256", JSON.stringify([sender, kind, id, messageId]), "base64url")}`;
}

function draftAt(place: string, value: unknown): Draft {
  if (isObject(value as Json)) return value as Draft;
  throw badAt(place, `is ${nameOf(value)}; an event is an object such as {"userId": "u1", "event": "Product Viewed"}`);
}

function badAt(path: string, message: string): HttpError {
  return new HttpError(400, "bad-request", `${path} ${message}.`, [{ path, message }]);
}

function nameOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : typeof value === "string" ? "text" : `a ${typeof value}`;
}

function isMissing(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}
