// Reads a stream from a position on, at our own pace: an ephemeral consumer without acks, and pulls for exactly the room we
// have. Whatever goes wrong (consumer deleted, server restarted, silence) it starts again from its own position.
// Below event-log.ts, control-log.ts and delta-sink.ts; the client's `consume()` re-pulls by itself, so it has no such bound.
import { createInbox, type Msg, type NatsConnection, nuid, type Subscription } from "@nats-io/transport-node";
import { Refusal } from "../ports/errors.ts";
import { type Delivery, headLength, readDelivery } from "./delivery.ts";
import { api, inboxPrefixOf, onReconnect } from "./wire.ts";

const PULL_EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 5_000;
/** Two heartbeats and a bit: a pull that is silent for longer is gone. */
const SILENCE_MS_MAX = 12_000;
const REOPEN_MS_MIN = 20;
const REOPEN_MS_MAX = 1_000;
/** The server says that it is there, and delivers nothing: time to look whether it could. */
const STALL_MS_MAX = 12_000;
/** The server forgets a consumer whose reader died after this long. */
const INACTIVE_MS = 60_000;
const NS_PER_MS = 1_000_000;

export interface StreamReaderOptions {
  readonly nc: NatsConnection;
  readonly stream: string;
  readonly filters?: readonly string[];
  /** Without what the messages hold. */
  readonly headersOnly?: boolean;
  /** Next sequence wanted, asked whenever the reader (re)opens. */
  next(): number;
  /** Messages that may be under way; asked before each pull. */
  room(): number;
  /** Runs before each (re)opening. A Refusal ends the reader; anything else is tried again. */
  check?(): Promise<void>;
  /** After each (re)opening: how many messages are there to be read. */
  opened?(pending: number): void;
  /** Asked when nothing was delivered for long: whether messages are known to wait. Then it reopens, with a check. */
  stalled?(): boolean;
  onMessage(message: Msg, delivery: Delivery): void;
  onFault(error: Refusal): void;
}

interface ConsumerReply {
  readonly num_pending: number;
}

export class StreamReader {
  private readonly options: StreamReaderOptions;
  private readonly delivery: Delivery = { seq: 0, stampMs: 0, pending: 0 };
  private readonly forgetReconnects: () => void;
  /** Counts openings; whatever belongs to an older one is ignored. */
  private turn = 0;
  private stopped = false;
  private subscription: Subscription | undefined;
  private inbox = "";
  private consumer = "";
  private head = -1;
  /** Messages asked for and not yet delivered. */
  private asked = 0;
  private heardAt = 0;
  private deliveredAt = 0;
  private watchdog: NodeJS.Timeout | undefined;

  constructor(options: StreamReaderOptions) {
    this.options = options;
    this.forgetReconnects = onReconnect(options.nc, () => this.reopen());
    void this.open();
  }

  /** Room may have grown: ask for more when it is worth a request. */
  refill(): void {
    if (this.consumer === "") return;
    const room = this.options.room();
    if (room > 0 && this.asked <= room / 2) this.pull(room);
  }

  /** Forgets the consumer and begins again at `next()`. */
  reopen(): void {
    if (!this.stopped) void this.open();
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.forgetReconnects();
    this.close();
  }

  private close(): void {
    clearInterval(this.watchdog);
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    if (this.consumer !== "" && !this.options.nc.isClosed()) {
      // Only a courtesy: the server removes it by itself later.
      this.options.nc.publish(`$JS.API.CONSUMER.DELETE.${this.options.stream}.${this.consumer}`);
    }
    this.consumer = "";
    this.asked = 0;
  }

  private async open(): Promise<void> {
    this.turn += 1;
    const turn = this.turn;
    this.close();
    for (let attempt = 0; turn === this.turn && !this.stopped; attempt += 1) {
      try {
        await this.options.check?.();
        if (turn !== this.turn || this.stopped) return;
        await this.create(turn);
        return;
      } catch (error) {
        if (this.stopped || turn !== this.turn) return;
        // Whoever closed the connection wants nothing more of it.
        if (this.options.nc.isClosed()) {
          this.stop();
          return;
        }
        if (error instanceof Refusal) {
          this.stop();
          this.options.onFault(error);
          return;
        }
        await sleep(Math.min(REOPEN_MS_MAX, REOPEN_MS_MIN * 2 ** attempt));
      }
    }
  }

  private async create(turn: number): Promise<void> {
    const { nc, stream, filters, headersOnly = false, next } = this.options;
    const name = `rollcall-${nuid.next()}`;
    const { num_pending: pending } = await api<ConsumerReply>(nc, `CONSUMER.CREATE.${stream}.${name}`, {
      stream_name: stream,
      config: {
        name,
        ack_policy: "none",
        replay_policy: "instant",
        deliver_policy: "by_start_sequence",
        opt_start_seq: next(),
        inactive_threshold: INACTIVE_MS * NS_PER_MS,
        mem_storage: true,
        num_replicas: 1,
        headers_only: headersOnly,
        ...(filters === undefined ? {} : { filter_subjects: filters }),
      },
    });
    if (turn !== this.turn || this.stopped) return;
    this.inbox = createInbox(inboxPrefixOf(nc));
    this.consumer = name;
    this.head = -1;
    this.subscription = nc.subscribe(this.inbox, {
      callback: (error, message) => {
        if (turn !== this.turn) return;
        if (error !== null) this.reopen();
        else this.receive(message);
      },
    });
    this.heardAt = performance.now();
    this.deliveredAt = this.heardAt;
    this.watchdog = setInterval(() => this.watch(), HEARTBEAT_MS);
    this.watchdog.unref();
    this.refill();
    this.options.opened?.(pending);
  }

  private watch(): void {
    if (this.asked === 0) return;
    const nowMs = performance.now();
    const silent = nowMs - this.heardAt > SILENCE_MS_MAX;
    // Heartbeats come from a consumer that cannot read its stream, too: a damaged block file is only told to the server's log.
    if (silent || (nowMs - this.deliveredAt > STALL_MS_MAX && this.options.stalled?.() === true)) this.reopen();
  }

  private pull(room: number): void {
    const batch = Math.floor(room - this.asked);
    if (batch <= 0) return;
    this.asked += batch;
    const body = JSON.stringify({
      batch,
      expires: PULL_EXPIRES_MS * NS_PER_MS,
      idle_heartbeat: HEARTBEAT_MS * NS_PER_MS,
    });
    const { nc, stream } = this.options;
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.consumer}`, body, { reply: this.inbox });
  }

  private receive(message: Msg): void {
    this.heardAt = performance.now();
    const reply = message.reply;
    if (reply === undefined || reply === "" || message.subject === this.inbox) {
      this.receiveStatus(message);
      return;
    }
    this.asked -= 1;
    this.deliveredAt = this.heardAt;
    if (this.head < 0) this.head = headLength(reply);
    readDelivery(reply, this.head, this.delivery);
    this.options.onMessage(message, this.delivery);
    this.refill();
  }

  /** 100 heartbeat; 408, 404 and some 409 end a pull; everything else means that the consumer is of no more use. */
  private receiveStatus(message: Msg): void {
    const code = message.headers?.code ?? 0;
    if (code === 100) return;
    const left = Number(message.headers?.get("Nats-Pending-Messages") || 0);
    this.asked = Math.max(0, this.asked - left);
    const description = message.headers?.description.toLowerCase() ?? "";
    const ended = code === 408 || code === 404 || (code === 409 && /batch completed|request/.test(description));
    if (ended) this.refill();
    else this.reopen();
  }
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
