// Requests, thousands at the same time: one inbox for all answers, one clock for all that stay away, and one write for all of a
// turn of the loop. The client's own request makes a timer, an error and five promises for each, which costs more than the
// message, and writes for each that begins in a callback of its own. Under acked.ts and questions.ts; what is asked now and then
// goes through wire.ts.
import {
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  PermissionViolationError,
  type Status,
} from "@nats-io/transport-node";
import { inboxPrefixOf, onStatus } from "./wire.ts";

const RADIX = 36;
/** An answer that stays away is given up so much later at most. */
const LOOK_MS = 100;

export interface Request {
  readonly subject: string;
  readonly payload: string;
  readonly headers?: MsgHdrs | undefined;
  readonly timeoutMs: number;
}

export type Answer =
  | { readonly kind: "message"; readonly message: Msg }
  /** Nobody listens on the subject. */
  | { readonly kind: "nobody" }
  /** It did not leave this process: too large, or the connection was closed for good. */
  | { readonly kind: "unsent"; readonly error: unknown }
  /** It may have been heard, and may still be. */
  | { readonly kind: "unanswered"; readonly error: Error };

interface Waiting extends Request {
  readonly ended: (answer: Answer) => void;
  /** Counted from when it goes out. */
  untilMs: number;
}

const NOBODY: Answer = { kind: "nobody" };

export class Requester {
  private readonly nc: NatsConnection;
  private readonly inbox: string;
  private isHeard = false;
  private turn: Waiting[] = [];
  /** By the last token of the subject on which the answer comes. */
  private readonly waiting = new Map<string, Waiting>();
  private sent = 0;
  private clock: NodeJS.Timeout | undefined;

  constructor(nc: NatsConnection) {
    this.nc = nc;
    this.inbox = createInbox(inboxPrefixOf(nc));
    onStatus(nc, (status) => this.heed(status));
  }

  /** Never rejects. */
  ask({ subject, payload, headers, timeoutMs }: Request): Promise<Answer> {
    return new Promise((ended) => {
      this.turn.push({ subject, payload, headers, timeoutMs, ended, untilMs: 0 });
      // The client writes once for all that is published without a pause, and every write costs as much as several messages.
      if (this.turn.length === 1) setImmediate(() => this.sendTurn());
    });
  }

  private sendTurn(): void {
    const turn = this.turn;
    this.turn = [];
    const nowMs = performance.now();
    for (const request of turn) {
      request.untilMs = nowMs + request.timeoutMs;
      this.send(request);
    }
    this.clock ??= setTimeout(() => this.look(), LOOK_MS);
  }

  private send(request: Waiting): void {
    this.sent += 1;
    const token = this.sent.toString(RADIX);
    const { subject, payload, headers } = request;
    const reply = `${this.inbox}.${token}`;
    try {
      this.listen();
      this.nc.publish(subject, payload, headers === undefined ? { reply } : { reply, headers });
      this.waiting.set(token, request);
    } catch (error) {
      request.ended({ kind: "unsent", error });
    }
  }

  private listen(): void {
    if (this.isHeard) return;
    this.isHeard = true;
    const heard = this.nc.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error === null) return this.hear(message);
        // The client gives up a subscription that the server refused; the next request tries again.
        heard.unsubscribe();
        this.isHeard = false;
        this.giveUp(() => error);
      },
    });
  }

  private hear(message: Msg): void {
    const token = message.subject.slice(this.inbox.length + 1);
    const request = this.waiting.get(token);
    if (request === undefined) return;
    this.waiting.delete(token);
    request.ended(isFromNobody(message) ? NOBODY : { kind: "message", message });
  }

  private heed(status: Status): void {
    // A server that was restarted answers nothing that it was asked before.
    if (status.type === "reconnect") this.giveUp(() => new Error("the connection was lost before the answer came"));
    if (status.type !== "error") return;
    const { error } = status;
    if (!(error instanceof PermissionViolationError) || error.operation !== "publish") return;
    this.giveUp(({ subject }) => (subject === error.subject ? error : undefined));
  }

  private look(): void {
    const nowMs = performance.now();
    this.giveUp(({ untilMs, timeoutMs }) =>
      untilMs <= nowMs ? new Error(`no answer within ${timeoutMs} ms`) : undefined,
    );
    this.clock = this.waiting.size === 0 ? undefined : setTimeout(() => this.look(), LOOK_MS);
  }

  /** Those for which there is a reason. */
  private giveUp(why: (request: Waiting) => Error | undefined): void {
    for (const [token, request] of this.waiting) {
      const error = why(request);
      if (error === undefined) continue;
      this.waiting.delete(token);
      request.ended({ kind: "unanswered", error });
    }
  }
}

/** The server's own answer. */
function isFromNobody({ data, headers }: Msg): boolean {
  return data.length === 0 && headers?.code === 503;
}

const requesters = new WeakMap<NatsConnection, Requester>();

/** One for a connection: whoever asks shares its inbox and its writes. */
export function requesterOf(nc: NatsConnection): Requester {
  const known = requesters.get(nc);
  if (known !== undefined) return known;
  const made = new Requester(nc);
  requesters.set(nc, made);
  return made;
}
