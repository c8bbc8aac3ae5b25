// Requests to JetStream and what their answers mean: the few words of its API that the adapters need, spelled out once.
// Used by every adapter in lib/nats; nothing above them sees a NATS error.
import {
  InvalidArgumentError,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  nuid,
  RequestError,
  type RequestOptions,
  type Status,
} from "@nats-io/transport-node";
import type { Published } from "../ports/publishing.ts";

/** Long enough for a server under load, short enough that a lost answer does not stop a partition for long. */
export const REQUEST_TIMEOUT_MS = 3_000;

/** Room for the headers of a fenced message in a batch. */
const HEADER_BYTES_SPARE = 2_048;
const WRONG_LAST_SEQUENCE = 10071;
const MESSAGE_NOT_FOUND = 10037;
const STREAM_NOT_FOUND = 10059;
const STORE_FAILED = 10077;
/** Of the account, of memory, of storage. */
const RESOURCES_EXCEEDED: ReadonlySet<number> = new Set([10002, 10028, 10047]);

/** JetStream answered that it will not. */
export class ApiError extends Error {
  readonly code: number;
  readonly errCode: number;

  constructor(request: string, code: number, errCode: number, description: string) {
    super(`${request}: ${description} (${errCode || code})`);
    this.name = "ApiError";
    this.code = code;
    this.errCode = errCode;
  }
}

/** There is no such stream: no data set of this name, or one that an older version made. */
export function isNoStream(error: unknown): boolean {
  return error instanceof ApiError && error.errCode === STREAM_NOT_FOUND;
}

interface ApiReply {
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
}

/** One request to the JetStream API, e.g. `STREAM.INFO.EVENTS_0`. Throws ApiError on a refusal. */
export async function api<T>(nc: NatsConnection, request: string, body?: unknown): Promise<T> {
  const payload = body === undefined ? "" : JSON.stringify(body);
  const message = await ask(nc, `$JS.API.${request}`, payload, { timeout: REQUEST_TIMEOUT_MS });
  const reply = message.json<T & ApiReply>();
  if (reply.error !== undefined) {
    const { code = 0, err_code: errCode = 0, description = "refused" } = reply.error;
    throw new ApiError(request, code, errCode, description);
  }
  return reply;
}

/** Publishes to a stream and says how it ended. Never throws. */
export async function publish(
  nc: NatsConnection,
  subject: string,
  payload: string | Uint8Array,
  headers?: MsgHdrs,
  timeoutMs = REQUEST_TIMEOUT_MS,
): Promise<Published> {
  const options: RequestOptions = { timeout: timeoutMs };
  if (headers !== undefined) options.headers = headers;
  try {
    return classify(await ask(nc, subject, payload, options));
  } catch (error) {
    return classifyFailure(error);
  }
}

/** A fence: the message is refused when another sequence than `seq` is the last of `subject`. */
export function expectLast(mh: MsgHdrs, subject: string, seq: number): MsgHdrs {
  mh.append("Nats-Expected-Last-Subject-Sequence", `${seq}`);
  mh.append("Nats-Expected-Last-Subject-Sequence-Subject", subject);
  return mh;
}

export interface Message {
  readonly subject: string;
  readonly payload: string | Uint8Array;
  readonly headers: MsgHdrs;
}

/** Stores messages, all or none: the answer to the last answers for all. Never throws. */
export async function publishBatch(
  nc: NatsConnection,
  messages: readonly Message[],
  timeoutMs?: number,
): Promise<Published> {
  const batch = nuid.next();
  const last = messages.at(-1)!;
  try {
    for (const [index, { subject, payload, headers }] of messages.slice(0, -1).entries()) {
      nc.publish(subject, payload, { headers: batchHeaders(headers, batch, index + 1) });
    }
  } catch (error) {
    // A connection that was closed for good says so by throwing. Without its last message a batch is never stored.
    return { kind: "retry", reason: (error as Error).message };
  }
  return publish(nc, last.subject, last.payload, batchHeaders(last.headers, batch, messages.length, true), timeoutMs);
}

/** One message of an atomic batch, the first is 1. With the last one, `commit`, all are stored, or none. */
export function batchHeaders(mh: MsgHdrs, batch: string, sequence: number, commit = false): MsgHdrs {
  mh.append("Nats-Batch-Id", batch);
  mh.append("Nats-Batch-Sequence", `${sequence}`);
  if (commit) mh.append("Nats-Batch-Commit", "1");
  return mh;
}

/**
 * Whoever asks names where the answer goes. Anywhere but to an inbox, it would be us who spoke there. `_R_.` is the server's own
 * name for an inbox in another account; clients may not name it.
 */
export function isInbox(reply: string | undefined): boolean {
  return reply?.startsWith("_INBOX.") === true || reply?.startsWith("_R_.") === true;
}

interface PubAck extends ApiReply {
  readonly stream?: string;
  readonly seq?: number;
}

/** What a stream's answer to a publish means. */
export function classify(message: Msg): Published {
  const ack = message.json<PubAck>();
  if (ack.error !== undefined) {
    const { code = 0, err_code: errCode = 0, description = "refused" } = ack.error;
    if (errCode === WRONG_LAST_SEQUENCE) return { kind: "fenced" };
    // Whatever else the server says in so many words, it did not store the message.
    const retry = { kind: "retry", reason: `${description} (${errCode || code})` } as const;
    return isFull(code, errCode, description) ? { ...retry, isFull: true } : retry;
  }
  if (ack.stream === undefined || ack.seq === undefined) return { kind: "unknown", reason: "the answer was no ack" };
  return { kind: "stored", seq: ack.seq };
}

/** The stream's bound or the account's is reached, or more waits for the stream than the server holds. */
function isFull(code: number, errCode: number, description: string): boolean {
  if (code === 429 || RESOURCES_EXCEEDED.has(errCode)) return true;
  return errCode === STORE_FAILED && /^maximum /.test(description);
}

export const NO_STREAM: Published = { kind: "retry", reason: "no stream listens on this subject just now" };

export function classifyFailure(error: unknown): Published {
  if (error instanceof RequestError && error.isNoResponders()) return NO_STREAM;
  // The client refuses what is larger than the server takes before it sends anything.
  if (error instanceof InvalidArgumentError) return { kind: "retry", reason: tooLarge(error.message) };
  return { kind: "unknown", reason: error instanceof Error ? error.message : String(error) };
}

function tooLarge(what: string): string {
  return `${what}; raise max_payload in the server's configuration`;
}

/** Of several messages that belong together: why they cannot be sent, before any of them is. */
export function tooLargeFor(nc: NatsConnection, payloads: readonly string[]): Published | undefined {
  const bytesMax = (nc.info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADER_BYTES_SPARE;
  const payload = payloads.find((text) => Buffer.byteLength(text) > bytesMax);
  if (payload === undefined) return undefined;
  return { kind: "retry", reason: tooLarge(`a message of ${Buffer.byteLength(payload)} bytes is too large`) };
}

export interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  readonly stampMs: number;
  readonly data: Uint8Array;
  /** As they stand on the wire; "" where there are none. */
  readonly headers: string;
}

interface MessageReply {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly data?: string;
    readonly hdrs?: string;
    readonly time: string;
  };
}

/** One stored message, through the stream's leader (never a direct get: replicas may lag). */
export async function storedMessage(
  nc: NatsConnection,
  stream: string,
  which: { readonly seq: number; readonly next_by_subj?: string } | { readonly last_by_subj: string },
): Promise<StoredMessage | undefined> {
  try {
    const { message } = await api<MessageReply>(nc, `STREAM.MSG.GET.${stream}`, which);
    return {
      subject: message.subject,
      seq: message.seq,
      stampMs: stampMsOf(message.time),
      data: Buffer.from(message.data ?? "", "base64"),
      headers: Buffer.from(message.hdrs ?? "", "base64").toString("latin1"),
    };
  } catch (error) {
    if (error instanceof ApiError && error.errCode === MESSAGE_NOT_FOUND) return undefined;
    throw error;
  }
}

/** One header of a stored message, from how they stand on the wire; UTF-8. */
export function headerOf({ headers: lines }: StoredMessage, name: string): string | undefined {
  const line = lines.split("\r\n").find((one) => one.startsWith(`${name}:`));
  return line === undefined ? undefined : Buffer.from(line.slice(name.length + 1).trim(), "latin1").toString("utf8");
}

/** Deletes one message so that its bytes are overwritten. One that is gone already is no fault. */
export async function eraseMessage(nc: NatsConnection, stream: string, seq: number): Promise<void> {
  try {
    await api(nc, `STREAM.MSG.DELETE.${stream}`, { seq });
  } catch (error) {
    if (error instanceof ApiError && /no message found|not found|deleted/i.test(error.message)) return;
    throw error;
  }
}

/** Whole milliseconds of an RFC 3339 time with nanoseconds: cut, not rounded, as in a reply subject. */
export function stampMsOf(time: string): number {
  const match = /^(.+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (match === null) throw new RangeError(`not a time stamp: ${time}`);
  const [, whole, fraction = "", zone] = match;
  return Date.parse(`${whole}${zone}`) + Number(fraction.slice(0, 3).padEnd(3, "0"));
}

export interface StreamState {
  readonly first: number;
  readonly last: number;
}

interface StreamInfoReply {
  readonly state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number };
}

/** First and last sequence, through the leader. An empty stream has last = first − 1. */
export async function streamState(nc: NatsConnection, stream: string): Promise<StreamState> {
  const { state } = await api<StreamInfoReply>(nc, `STREAM.INFO.${stream}`);
  return { first: state.messages === 0 ? state.last_seq + 1 : state.first_seq, last: state.last_seq };
}

interface SubjectsReply {
  readonly total?: number;
  readonly state: { readonly subjects?: Readonly<Record<string, number>> };
}

/** Which subjects a stream holds messages of, and how many of each. The server gives them in pages. */
export async function subjectCountsOf(
  nc: NatsConnection,
  stream: string,
  filter: string,
): Promise<ReadonlyMap<string, number>> {
  const all = new Map<string, number>();
  for (;;) {
    const asked = { subjects_filter: filter, offset: all.size };
    const { state, total = 0 } = await api<SubjectsReply>(nc, `STREAM.INFO.${stream}`, asked);
    const page = Object.entries(state.subjects ?? {});
    for (const [subject, count] of page) all.set(subject, count);
    if (page.length === 0 || all.size >= total) return all;
  }
}

export async function subjectsOf(nc: NatsConnection, stream: string, filter: string): Promise<readonly string[]> {
  return [...(await subjectCountsOf(nc, stream, filter)).keys()];
}

const unanswered = new WeakMap<NatsConnection, Set<(error: Error) => void>>();

/**
 * A request whose answer does not outlive the connection: a server that was restarted answers nothing it was asked before,
 * and whoever waits for the whole time-out says nothing meanwhile. It may have been heard, and may still be.
 */
function ask(nc: NatsConnection, subject: string, payload: string | Uint8Array, options: RequestOptions): Promise<Msg> {
  let waiting = unanswered.get(nc);
  if (waiting === undefined) {
    const all = new Set<(error: Error) => void>();
    unanswered.set(nc, all);
    onReconnect(nc, () => {
      for (const giveUp of [...all]) giveUp(new Error("the connection was lost before the answer came"));
    });
    waiting = all;
  }
  const mine = waiting;
  return new Promise((resolve, reject) => {
    mine.add(reject);
    nc.request(subject, payload, options)
      .then(resolve, reject)
      .finally(() => mine.delete(reject));
  });
}

/** Calls `run` after every reconnect. */
export function onReconnect(nc: NatsConnection, run: () => void): () => void {
  return onStatus(nc, ({ type }) => {
    if (type === "reconnect") run();
  });
}

const statusListeners = new WeakMap<NatsConnection, Set<(status: Status) => void>>();

/** What the client tells of the connection; one loop for each of them, however many listen. */
export function onStatus(nc: NatsConnection, hear: (status: Status) => void): () => void {
  let listeners = statusListeners.get(nc);
  if (listeners === undefined) {
    listeners = new Set();
    statusListeners.set(nc, listeners);
    void tellStatus(nc, listeners);
  }
  listeners.add(hear);
  return () => {
    listeners.delete(hear);
  };
}

async function tellStatus(nc: NatsConnection, listeners: ReadonlySet<(status: Status) => void>): Promise<void> {
  for await (const status of nc.status()) for (const hear of [...listeners]) hear(status);
}

/** Permissions may allow one inbox prefix only; the client keeps the configured one among its options. */
export function inboxPrefixOf(nc: NatsConnection): string | undefined {
  return (nc as { options?: { inboxPrefix?: string } }).options?.inboxPrefix;
}
