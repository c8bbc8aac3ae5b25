// What was refused, and sending it again once the cause is gone: as a new event of today, with a header that says which reject it
// was, each once. Routes and the command line ask here; it is kept by lib/nats/reject-log.ts.
//
//   mark "sending" (compare-and-set) ─▶ nobody was erased whom it names ─▶ publish, under an id of the reject's own ─▶ mark "sent"
//
// Who finds "sending" sends again while the log still knows the id; after that nobody can say whether it was stored, and it is told.
import { decodeAccountMessage, decodeEvent } from "../../core/decode.ts";
import { isMeant } from "../../core/erasure.ts";
import { idsNamed } from "../../core/named.ts";
import type { Limits, PartitionNo, Seq } from "../../core/types.ts";
import type { KnownMark, RejectFilter, RejectLog, RejectPage, StoredReject } from "../../ports/reject-log.ts";
import type { KnownErasure } from "../segments/catalogue.ts";

/** Well within the two minutes, at the least, for which a log knows ids (repeatsKnown). */
const SENDING_MS_MAX = 60_000;

export type Replay =
  | { readonly kind: "sent" | "already"; readonly partition: PartitionNo; readonly seq: Seq }
  | ({ readonly kind: "refused" } & Refused)
  | { readonly kind: "unsure" | "failed"; readonly why: string };

interface Refused {
  readonly why: string;
  /** It may quote what was found. */
  readonly detail?: string;
}

export interface ShownReject {
  readonly reject: StoredReject;
  /** Where it was stored when it was sent again. */
  readonly replayed: { readonly partition: PartitionNo; readonly seq: Seq; readonly at: number } | undefined;
}

export interface ReplayCounts {
  readonly sent: number;
  readonly already: number;
  readonly refused: number;
  readonly unsure: number;
  readonly failed: number;
}

export class Rejected {
  private readonly log: RejectLog;
  private readonly limits: Limits;
  /** All that there are when it is asked. */
  private readonly erasures: () => Promise<readonly KnownErasure[]>;

  constructor(log: RejectLog, limits: Limits, erasures: () => Promise<readonly KnownErasure[]>) {
    this.log = log;
    this.limits = limits;
    this.erasures = erasures;
  }

  async page(filter: RejectFilter, limit: number, before?: Seq): Promise<{ items: ShownReject[]; before: Seq | null }> {
    const page: RejectPage = await this.log.page(filter, limit, before);
    return { items: await Promise.all(page.items.map((reject) => this.shown(reject))), before: page.before };
  }

  async get(seq: Seq): Promise<ShownReject | undefined> {
    const reject = await this.log.get(seq);
    return reject === undefined ? undefined : this.shown(reject);
  }

  /** Undefined: there is no such reject. */
  async replay(seq: Seq): Promise<Replay | undefined> {
    const reject = await this.log.get(seq);
    return reject === undefined ? undefined : this.replayReject(reject);
  }

  /** Those of one page, oldest first, as they came. */
  async replayPage(filter: RejectFilter, limit: number, before?: Seq): Promise<ReplayCounts & { before: Seq | null }> {
    const page = await this.log.page(filter, limit, before);
    const counts = { sent: 0, already: 0, refused: 0, unsure: 0, failed: 0 };
    for (const reject of page.items.toReversed()) counts[(await this.replayReject(reject)).kind] += 1;
    return { ...counts, before: page.before };
  }

  private async shown(reject: StoredReject): Promise<ShownReject> {
    const known = await this.log.mark(reject.seq);
    if (known?.mark.state !== "sent") return { reject, replayed: undefined };
    const { partition, seq } = known.mark;
    return { reject, replayed: { partition, seq, at: known.at } };
  }

  private async replayReject(reject: StoredReject): Promise<Replay> {
    const message = this.messageOf(reject);
    if ("why" in message) return { kind: "refused", ...message };
    const known = await this.log.mark(reject.seq);
    const early = foundOf(known);
    if (early !== undefined) return early;
    const claimed = await this.log.putMark(reject.seq, { state: "sending" }, known?.revision ?? 0);
    if (claimed.kind === "fenced") return { kind: "unsure", why: "somebody else sends it just now; look again" };
    if (claimed.kind !== "stored") return { kind: "failed", why: claimed.reason };
    const why = await this.whyNot(reject);
    if (why !== undefined) {
      await this.log.putMark(reject.seq, { state: "failed" }, claimed.seq);
      return why;
    }
    const { seq: rejected, body, trace } = reject;
    const told = trace === undefined ? {} : { trace };
    const taken = await this.log.publishAgain({ seq: rejected, ...message, body, ...told });
    if (taken.kind === "stored") {
      const { partition, seq } = taken;
      await this.log.putMark(reject.seq, { state: "sent", partition, seq }, claimed.seq);
      return { kind: "sent", partition, seq };
    }
    if (taken.kind === "unknown") {
      return { kind: "unsure", why: `${taken.reason}; send it again within a minute, and it is stored once` };
    }
    await this.log.putMark(reject.seq, { state: "failed" }, claimed.seq);
    return { kind: "failed", why: taken.kind === "fenced" ? "it was refused" : taken.reason };
  }

  /** The last look before it is sent: whoever was erased since does not come back by it. */
  private async whyNot(reject: StoredReject): Promise<Replay | undefined> {
    try {
      const isErased = namesErased(reject, await this.erasures());
      return isErased ? { kind: "refused", why: "somebody whom it names was erased after it" } : undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { kind: "failed", why: `nobody can say whether somebody was erased whom it names: ${why}` };
    }
  }

  /** Whose it is; or why it would be refused again. */
  private messageOf({ body, bytes }: StoredReject): { kind: "event" | "account"; id: string } | Refused {
    if (bytes > body.length) return { why: `only ${body.length} of its ${bytes} bytes were kept` };
    const event = decodeEvent(body, this.limits);
    if (event.ok) return { kind: "event", id: event.value.userId };
    const account = decodeAccountMessage(body, this.limits);
    if (account.ok) return { kind: "account", id: account.value.accountId };
    return { why: event.reason, detail: event.detail };
  }
}

function namesErased({ body, stamp, at }: StoredReject, erasures: readonly KnownErasure[]): boolean {
  const loggedAt = Date.parse(stamp ?? "");
  const since = Number.isNaN(loggedAt) ? at : loggedAt;
  const named = { user: idsNamed(body, "user"), account: idsNamed(body, "account") };
  return erasures.some((erasure) => erasure.at >= since && named[erasure.kind].some((id) => isMeant(erasure, id)));
}

/** What is known without sending; undefined: send it. */
function foundOf(known: KnownMark | undefined): Replay | undefined {
  if (known === undefined || known.mark.state === "failed") return undefined;
  if (known.mark.state === "sent") return { kind: "already", partition: known.mark.partition, seq: known.mark.seq };
  if (Date.now() - known.at <= SENDING_MS_MAX) return undefined;
  const why =
    "an earlier attempt broke off, and nobody knows whether it was stored; look into the log for the header Rollcall-Replay";
  return { kind: "unsure", why };
}
