// Publishes that a stream acknowledges, many at the same time: one inbox for all answers, one clock for all that stay away, and
// one write for all of a turn of the loop. The client's own request makes a timer, an error and five promises for each, which
// costs more than the message. For intake.ts; what is said now and then goes through `publish` of wire.ts.
import {
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  PermissionViolationError,
  type Status,
} from "@nats-io/transport-node";
import type { Published } from "../ports/publishing.ts";
import { classify, classifyFailure, inboxPrefixOf, NO_STREAM, onStatus, REQUEST_TIMEOUT_MS } from "./wire.ts";

const RADIX = 36;

interface Sending {
  readonly subject: string;
  readonly payload: string;
  readonly headers: MsgHdrs;
  readonly ended: (how: Published) => void;
  /** Until when its answer is waited for; counted from when it goes out. */
  untilMs: number;
}

export class AckedPublisher {
  private readonly nc: NatsConnection;
  private readonly timeoutMs: number;
  private readonly inbox: string;
  private isHeard = false;
  private turn: Sending[] = [];
  /** By the last token of the subject on which the answer comes; the oldest first, since all wait equally long. */
  private readonly unanswered = new Map<string, Sending>();
  private sent = 0;
  private clock: NodeJS.Timeout | undefined;

  constructor(nc: NatsConnection, timeoutMs = REQUEST_TIMEOUT_MS) {
    this.nc = nc;
    this.timeoutMs = timeoutMs;
    this.inbox = createInbox(inboxPrefixOf(nc));
    onStatus(nc, (status) => this.heed(status));
  }

  /** Says how it ended, as `publish` of wire.ts does. Never throws. */
  publish(subject: string, payload: string, headers: MsgHdrs): Promise<Published> {
    return new Promise((ended) => {
      this.turn.push({ subject, payload, headers, ended, untilMs: 0 });
      // The client writes once for all that is published without a pause, and every write costs as much as several messages.
      if (this.turn.length === 1) setImmediate(() => this.sendTurn());
    });
  }

  private sendTurn(): void {
    const turn = this.turn;
    this.turn = [];
    const untilMs = performance.now() + this.timeoutMs;
    for (const sending of turn) {
      sending.untilMs = untilMs;
      this.send(sending);
    }
    this.clock ??= setTimeout(() => this.giveUpLate(), this.timeoutMs);
  }

  private send(sending: Sending): void {
    this.sent += 1;
    const token = this.sent.toString(RADIX);
    const { subject, payload, headers, ended } = sending;
    try {
      this.listen();
      this.nc.publish(subject, payload, { reply: `${this.inbox}.${token}`, headers });
      this.unanswered.set(token, sending);
    } catch (error) {
      // Too large for the server, or a connection that was closed for good.
      ended(classifyFailure(error));
    }
  }

  private listen(): void {
    if (this.isHeard) return;
    this.isHeard = true;
    const heard = this.nc.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error === null) return this.hear(message);
        // The client gives up a subscription that the server refused; the next message tries again.
        heard.unsubscribe();
        this.isHeard = false;
        this.giveUp(() => true, error.message);
      },
    });
  }

  private hear(message: Msg): void {
    const token = message.subject.slice(this.inbox.length + 1);
    const waiting = this.unanswered.get(token);
    if (waiting === undefined) return;
    this.unanswered.delete(token);
    waiting.ended(isNobody(message) ? NO_STREAM : classify(message));
  }

  private heed(status: Status): void {
    // A server that was restarted answers nothing that it was asked before.
    if (status.type === "reconnect") this.giveUp(() => true, "the connection was lost before the answer came");
    if (status.type !== "error" || !(status.error instanceof PermissionViolationError)) return;
    const { operation, subject, message } = status.error;
    if (operation === "publish") this.giveUp((sending) => sending.subject === subject, message);
  }

  private giveUpLate(): void {
    const nowMs = performance.now();
    this.giveUp(({ untilMs }) => untilMs <= nowMs, `no answer within ${this.timeoutMs} ms`);
    const [oldest] = this.unanswered.values();
    this.clock =
      oldest === undefined
        ? undefined
        : setTimeout(() => this.giveUpLate(), Math.max(1, Math.ceil(oldest.untilMs - nowMs)));
  }

  /** What was sent may have been heard, and may still be. */
  private giveUp(which: (sending: Sending) => boolean, reason: string): void {
    for (const [token, sending] of this.unanswered) {
      if (!which(sending)) continue;
      this.unanswered.delete(token);
      sending.ended({ kind: "unknown", reason });
    }
  }
}

/** The server's own answer where no stream listens. */
function isNobody({ data, headers }: Msg): boolean {
  return data.length === 0 && headers?.code === 503;
}
