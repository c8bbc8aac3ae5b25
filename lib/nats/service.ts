// The protocol of NATS services (ADR-32), by which `nats micro ls|ping|info|stats` find whoever answers: discovery on $SRV,
// endpoints in a queue group, errors in headers, counts. What is asked and answered is lib/api/operations/services.ts.
//
// By hand, because the library for it exists for an older line of the client alone, and because it answers wherever a request
// asks to: we speak to inboxes and to nothing else, for we may publish where whoever asks may not.
import { headers, type Msg, type NatsConnection, nuid, type Subscription } from "@nats-io/transport-node";
import type { Trace } from "../core/trace.ts";
import { traceIn } from "./trace-headers.ts";
import { isInbox } from "./wire.ts";

const TYPES = {
  PING: "io.nats.micro.v1.ping_response",
  INFO: "io.nats.micro.v1.info_response",
  STATS: "io.nats.micro.v1.stats_response",
} as const;
type Verb = keyof typeof TYPES;

/** What the protocol's own libraries take when nobody says anything. */
const QUEUE_GROUP = "q";
const NS_PER_MS = 1_000_000;
/** Under way in this process; more are refused, so that a flood costs others no memory. */
const UNDER_WAY_MAX = 1_000;
const ERROR_LENGTH_MAX = 500;
const REPLY_BYTES_SPARE = 4_096;
const CONTROL_CHARACTERS = /\p{Cc}+/gu;
const NOT_ASCII = /[^\x20-\x7e]/g;

/** The answer is that it cannot be answered: `code` is a status of HTTP, the body stands beside it. */
export interface ServiceRefusal {
  readonly code: number;
  readonly message: string;
  readonly body: object;
}

export interface ServiceEndpoint {
  readonly name: string;
  readonly subject: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Throws what `refused` understands. */
  answer(request: unknown, trace: Trace | undefined): Promise<unknown>;
}

export interface ServiceOptions {
  readonly nc: NatsConnection;
  /** Letters, digits, "-" and "_". */
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly endpoints: readonly ServiceEndpoint[];
  refused(error: unknown, trace: Trace | undefined): ServiceRefusal;
}

interface Counted {
  readonly endpoint: ServiceEndpoint;
  requests: number;
  errors: number;
  lastError: string;
  tookMs: number;
}

export class NatsService {
  readonly id = nuid.next();
  private readonly options: ServiceOptions;
  private readonly started = new Date().toISOString();
  private readonly counted: readonly Counted[];
  private readonly subscriptions: Subscription[] = [];
  private underWay = 0;
  private whenIdle: (() => void) | undefined;

  constructor(options: ServiceOptions) {
    this.options = options;
    this.counted = options.endpoints.map((endpoint) => ({
      endpoint,
      requests: 0,
      errors: 0,
      lastError: "",
      tookMs: 0,
    }));
    for (const verb of Object.keys(TYPES) as Verb[]) this.tell(verb);
    for (const counted of this.counted) this.serve(counted);
  }

  /** Takes no more once the server knows, and answers what has come: a question that crosses our leaving is answered, too. */
  async stop(): Promise<void> {
    if (this.options.nc.isClosed()) return;
    const open = this.subscriptions.filter((subscription) => !subscription.isClosed());
    await Promise.all(open.map((subscription) => subscription.drain()));
    if (this.underWay === 0) return;
    await new Promise<void>((resolve) => {
      this.whenIdle = resolve;
    });
  }

  // ── discovery ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Everybody answers, so without a queue group: all services, those of one name, one of them. */
  private tell(verb: Verb): void {
    const { nc, name } = this.options;
    for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${this.id}`]) {
      const subscription = nc.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) respond(message, JSON.stringify({ type: TYPES[verb], ...this.said(verb) }));
        },
      });
      this.subscriptions.push(subscription);
    }
  }

  private said(verb: Verb): object {
    const { name, version, metadata, description } = this.options;
    const base = { name, id: this.id, version, metadata };
    switch (verb) {
      case "PING":
        return base;
      case "INFO":
        return { ...base, description, endpoints: this.counted.map(({ endpoint }) => placeOf(endpoint)) };
      case "STATS":
        return { ...base, started: this.started, endpoints: this.counted.map(statsOf) };
    }
  }

  // ── endpoints ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private serve(counted: Counted): void {
    const subscription = this.options.nc.subscribe(counted.endpoint.subject, {
      queue: QUEUE_GROUP,
      callback: (error, message) => {
        if (error === null) void this.answer(counted, message);
      },
    });
    this.subscriptions.push(subscription);
  }

  private async answer(counted: Counted, message: Msg): Promise<void> {
    const beganMs = performance.now();
    const trace = traceIn(message);
    this.underWay += 1;
    counted.requests += 1;
    try {
      if (this.underWay > UNDER_WAY_MAX) throw new TooMany();
      const answer = JSON.stringify(await counted.endpoint.answer(requestOf(message), trace));
      this.assertFits(answer);
      respond(message, answer);
    } catch (error) {
      this.refuse(counted, message, refusalOf(error) ?? this.options.refused(error, trace));
    } finally {
      counted.tookMs += performance.now() - beganMs;
      this.underWay -= 1;
      if (this.underWay === 0) this.whenIdle?.();
    }
  }

  private refuse(counted: Counted, message: Msg, { code, message: why, body }: ServiceRefusal): void {
    counted.errors += 1;
    counted.lastError = `${code}:${why}`.slice(0, ERROR_LENGTH_MAX);
    const mh = headers();
    mh.set("Nats-Service-Error", headerText(why));
    mh.set("Nats-Service-Error-Code", `${code}`);
    respond(message, JSON.stringify(body), mh);
  }

  private assertFits(answer: string): void {
    const bytesMax = (this.options.nc.info?.max_payload ?? Number.POSITIVE_INFINITY) - REPLY_BYTES_SPARE;
    if (Buffer.byteLength(answer) > bytesMax) throw new TooLarge();
  }
}

class TooMany extends Error {}
class TooLarge extends Error {}
class NotJson extends Error {}

/** What the protocol itself refuses. */
function refusalOf(error: unknown): ServiceRefusal | undefined {
  if (error instanceof TooMany)
    return refusal(429, "too-many-requests", "Too many questions are under way; ask again.");
  if (error instanceof TooLarge)
    return refusal(413, "too-large", "The answer is larger than one message; ask with a smaller limit.");
  if (error instanceof NotJson)
    return refusal(400, "bad-request", "The request is no JSON; send an object, or nothing.");
  return undefined;
}

function refusal(code: number, name: string, message: string): ServiceRefusal {
  return { code, message, body: { error: { code: name, message } } };
}

/** Nothing at all asks without conditions. */
function requestOf(message: Msg): unknown {
  if (message.data.length === 0) return {};
  try {
    return message.json();
  } catch {
    throw new NotJson();
  }
}

function respond(message: Msg, body: string, mh?: ReturnType<typeof headers>): void {
  if (isInbox(message.reply)) message.respond(body, mh === undefined ? {} : { headers: mh });
}

function placeOf({ name, subject, metadata }: ServiceEndpoint): object {
  return { name, subject, queue_group: QUEUE_GROUP, metadata };
}

function statsOf({ endpoint, requests, errors, lastError, tookMs }: Counted): object {
  const processing = Math.round(tookMs * NS_PER_MS);
  return {
    ...placeOf(endpoint),
    num_requests: requests,
    num_errors: errors,
    last_error: lastError,
    processing_time: processing,
    average_processing_time: requests === 0 ? 0 : Math.round(processing / requests),
  };
}

/** A header is one line of plain text; the body says it in full. */
function headerText(text: string): string {
  return text.replace(CONTROL_CHARACTERS, " ").replace(NOT_ASCII, "?").slice(0, ERROR_LENGTH_MAX);
}
