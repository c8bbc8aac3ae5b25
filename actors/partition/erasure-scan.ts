// What an erasure takes out of one partition's log: reads it from its first message to where both sides of every link have said
// that this was all. Pure but for the records it is given; erasing.ts reads them and deletes what comes out.
//
//   home        … events of the user …  copy of the entry  … late answers …  "heard" of every partition
//   elsewhere   … what the home said of him …  his leave  "erased"
import type { ControlCopy } from "../../lib/core/control.ts";
import { decodeAccountMessage, decodeEvent } from "../../lib/core/decode.ts";
import { type Erased, isMeant } from "../../lib/core/erasure.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { decodeLink, encodeLink, type LinkBody, type LinkItem, touchOf } from "../../lib/core/links.ts";
import { isListEntry, namesErased, withoutIds } from "../../lib/core/list-entries.ts";
import { idsNamed, objectIn } from "../../lib/core/named.ts";
import type { PartitionOptions } from "../../lib/core/partition.ts";
import type { JsonObject, LogRecord, MemberId, Millis, PartitionNo, Seq } from "../../lib/core/types.ts";
import { type ErasureNote, REWORDED_BYTES_MAX, type StandIn } from "../../lib/ports/erasing.ts";

const text = new TextDecoder();

export class ErasureScan {
  readonly standIns: StandIn[] = [];
  /** The entry's copy. */
  copy: ErasureNote | undefined;
  private readonly revision: number;
  private readonly erased: Erased;
  private readonly options: PartitionOptions;
  private readonly home: PartitionNo;
  /** By sender: that all was said of the user, and that all was said to him. */
  private readonly saidAll = new Set<PartitionNo>();
  private readonly heardAll = new Set<PartitionNo>();
  private clock: Millis = 0;
  private settledAt: Seq = 0;

  constructor(revision: number, erased: Erased, options: PartitionOptions) {
    this.revision = revision;
    this.erased = erased;
    this.options = options;
    this.home = erased.hash % options.partitions;
  }

  /** The place from which on nothing of the member comes any more; undefined while something may. */
  get settled(): Seq | undefined {
    if (this.copy === undefined || !this.saidAll.has(this.home)) return undefined;
    // Whose messages go has said something after them: the last message of a link tells how far it has come.
    if (this.isHome && this.heardAll.size < this.options.partitions) return undefined;
    return this.settledAt;
  }

  private get isHome(): boolean {
    return this.home === this.options.partition;
  }

  take(record: LogRecord): void {
    switch (record.kind) {
      case "control":
        this.takeControl(record);
        return;
      case "event":
      case "account":
        this.takeMessage(record);
        return;
      case "link":
        this.takeLink(record);
        return;
      case "clock":
        if (this.options.clockMode === "event") this.moveClock(readJson(record.body) as { to?: unknown } | undefined);
    }
  }

  private takeControl({ seq, stamp, body }: LogRecord): void {
    const copy = readJson(body) as Partial<ControlCopy> | undefined;
    if (copy?.revision === this.revision && this.copy === undefined) {
      this.copy = { seq, stamp };
      this.settledAt = seq;
    }
    // Also where an owner who is none any more has made it once more.
    if (copy?.revision !== undefined && copy.revision < this.revision) this.takeList(copy, seq, stamp);
  }

  /**
   * What a list says of the ids that live elsewhere means nothing here, and goes, too: a list has many, its entries have a copy in
   * each log, and stand-ins are kept in memory.
   */
  private takeList({ revision, entry }: Partial<ControlCopy>, seq: Seq, stamp: Millis): void {
    if (!isListEntry(entry) || !namesErased(entry, this.erased)) return;
    const { partition, partitions } = this.options;
    const ours = withoutIds(entry, (id) => partitionOf(id, partitions) !== partition || isMeant(this.erased, id));
    const body = JSON.stringify({ revision, entry: ours });
    this.standIns.push({ seq, stamp, kind: "control", body, isAlike: !this.isHome });
  }

  private moveClock(message: { readonly to?: unknown } | undefined): void {
    const to = message?.to;
    if (typeof to === "number" && Number.isFinite(to) && to > this.clock) this.clock = to;
  }

  /** Of the member, or a group call that says what an erased account is. */
  private takeMessage(record: LogRecord): void {
    const about = this.aboutOf(record);
    const said = about.at ?? record.stamp;
    const isTooFar = this.clock > 0 && said - this.clock > this.options.clockStepMsMax;
    const moves = about.isOurs && !isTooFar;
    if (moves) this.clock = Math.max(this.clock, said);
    if (this.copy !== undefined || !about.ids.some((id) => isMeant(this.erased, id))) return;
    const { seq, stamp } = record;
    if (this.erased.kind === "account" && about.isOurs && record.kind === "event") {
      // Whoever belongs to the account has said so, and still does: only what the account is goes.
      const { traits, ...rest } = objectIn(record.body)!;
      if (traits !== undefined) this.standIns.push({ seq, stamp, kind: "event", body: this.withoutTraits(rest) });
      return;
    }
    const isByEvents = this.options.clockMode === "event";
    const body = isByEvents ? JSON.stringify({ to: moves ? said : 0 }) : "{}";
    this.standIns.push({ seq, stamp, kind: "clock", body });
  }

  /** As it was sent; where that is longer as JSON than an event or the ledger may have it, as much of it as may be. */
  private withoutTraits(rest: JsonObject): string {
    const bytesMax = Math.min(this.options.limits.eventBytesMax, REWORDED_BYTES_MAX);
    const forms = [rest, { ...tieOf(rest), context: knownOf(rest) }, tieOf(rest)].map((form) => JSON.stringify(form));
    return forms.find((form) => Buffer.byteLength(form) <= bytesMax) ?? forms.at(-1)!;
  }

  private aboutOf({ kind, body }: LogRecord): { ids: MemberId[]; at: Millis | undefined; isOurs: boolean } {
    const { limits } = this.options;
    if (kind === "account") {
      const decoded = decodeAccountMessage(body, limits);
      if (!decoded.ok) return { ids: idsNamed(body, this.erased.kind), at: undefined, isOurs: false };
      const { accountId, timestamp } = decoded.value;
      return { ids: this.erased.kind === "account" ? [accountId] : [], at: timestamp, isOurs: true };
    }
    const decoded = decodeEvent(body, limits);
    // It has done nothing, and may say who it was meant to be about all the same.
    if (!decoded.ok) return { ids: idsNamed(body, this.erased.kind), at: undefined, isOurs: false };
    const { userId, groupId, timestamp } = decoded.value;
    const ids = this.erased.kind === "user" ? [userId] : typeof groupId === "string" ? [groupId] : [];
    return { ids, at: timestamp, isOurs: true };
  }

  private takeLink(record: LogRecord): void {
    const link = decodeLink(readJson(record.body));
    if (link === undefined) return;
    const kept = link.items.filter((item) => !this.isTheirs(item, link));
    const items = kept.map((item) => (this.tellsOfBefore(item, link) ? { ...item, traits: {} } : item));
    if (items.length < link.items.length || items.some((item, index) => item !== kept[index])) {
      const body = encodeLink({ ...link, items: [...items, ...this.touches(link)] });
      this.standIns.push({ seq: record.seq, stamp: record.stamp, kind: "link", body });
    }
    for (const item of link.items) this.hear(item, link.from, record.seq);
  }

  /** Of an erased user's doings his accounts keep what they came to, but nobody can recompute that any more. */
  private touches(link: LinkBody): LinkItem[] {
    if (this.erased.kind === "account") return [];
    const theirs = link.items.filter((item) => item.op !== "answer" && this.isTheirs(item, link));
    return [...new Set(theirs.flatMap((item) => ("account" in item ? [item.account] : [])))].map(touchOf);
  }

  private hear(item: LinkItem, from: PartitionNo, seq: Seq): void {
    if (item.op !== "erased" || item.revision !== this.revision) return;
    const side = item.heard === true ? this.heardAll : this.saidAll;
    if (side.has(from)) return;
    side.add(from);
    if (this.isHome ? item.heard === true : from === this.home) this.settledAt = Math.max(this.settledAt, seq);
  }

  private isTheirs(item: LinkItem, { from }: LinkBody): boolean {
    if (item.op === "lit" || item.op === "erased") return false;
    if (this.erased.kind === "account") {
      const isTold = item.op !== "flip" && item.op !== "answer";
      return isTold && this.copy === undefined && isMeant(this.erased, item.account);
    }
    if (!("user" in item)) return false;
    // Who comes back says so after the word that all was said before.
    const isOver = item.op === "answer" ? this.heardAll.has(from) : this.saidAll.has(from);
    return !isOver && isMeant(this.erased, item.user);
  }

  /** A group call that its partition was told before it heard of the account's erasure: it counts, and its traits do not. */
  private tellsOfBefore(item: LinkItem, { from }: LinkBody): item is Extract<LinkItem, { op: "group" }> {
    if (this.erased.kind !== "account" || item.op !== "group" || this.copy === undefined) return false;
    const hasTraits = Object.keys(item.traits).length > 0;
    return hasTraits && !this.heardAll.has(from) && isMeant(this.erased, item.account);
  }
}

/** What a group call says of user and account. */
function tieOf({ type, userId, anonymousId, groupId, timestamp, messageId }: JsonObject): object {
  return { type, userId, anonymousId, groupId, timestamp, messageId };
}

/** What it says of the user alone that is kept of him. */
function knownOf({ context }: JsonObject): object {
  const { timezone, externalIds } = (context ?? {}) as JsonObject;
  return { timezone, externalIds };
}

function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(text.decode(body));
  } catch {
    return undefined;
  }
}
