// What somebody did, newest first, page by page. The owner keeps where their newest messages stand, and those are fetched one
// by one; what is older is looked for backwards through the log of their partition, a bounded way for each page.
//
//   log   ───────────────────┬─ ann ─ bob ─ ann ─ … ─ ann ─▶
//         ◀── looked through ┘  └───── the trail: fetched ──┘
import { partitionOf } from "../../core/ids.ts";
import type { HistoryView } from "../../core/partition.ts";
import type { Limits, LogRecord, Millis, Seq } from "../../core/types.ts";
import { cursorOf, isPair, whereOf } from "../http/cursors.ts";
import { eventsIn, type LoggedEvent, type Whose } from "./log-events.ts";
import type { PeopleSource } from "./people.ts";

/** Fetched at once. */
const FETCH_MESSAGES = 32;
const SCAN_BLOCK_POSITIONS = 2_000;
/** Positions looked through for one page, also where nothing stands any more: some hundred milliseconds. */
const SCAN_POSITIONS_MAX = 20_000;

export interface TimelineAsked {
  readonly limit: number;
  readonly cursor?: string | undefined;
  /** Only events of that name, or of that type. */
  readonly name?: string | undefined;
  /** Of an account: only what that user did. */
  readonly user?: string | undefined;
}

export interface Timeline {
  /** In the order of their places in the log, newest first. */
  readonly events: readonly LoggedEvent[];
  readonly next: string | null;
  /** Messages of others that were looked through for this page; 0 where the owner knew every place. */
  readonly scanned: number;
}

/** Undefined: nobody knows the id. */
export async function timelineOf(
  source: PeopleSource,
  whose: Whose,
  asked: TimelineAsked,
  limits: Limits,
): Promise<Timeline | undefined> {
  const from = whereOf(asked.cursor, isPair) ?? [Number.POSITIVE_INFINITY, 0];
  const { history } = await source.questions.about({ op: "history", ...whose });
  if (history === null) return undefined;
  const page = new Page(source, whose, asked, limits, from);
  await page.fetch(history);
  if (!page.isFull && !history.isWhole) await page.scan(history);
  return page.timeline;
}

/** All that the trail of somebody leads to, oldest first. */
export async function eventsOfTrail(
  { log, partitions }: PeopleSource,
  whose: Whose,
  { trail }: HistoryView,
  limits: Limits,
): Promise<readonly LoggedEvent[]> {
  const records = await log.at(partitionOf(whose.id, partitions), trail);
  return records.flatMap((record) => (record === undefined ? [] : eventsIn(record, whose, limits)));
}

class Page {
  private readonly source: PeopleSource;
  private readonly whose: Whose;
  private readonly asked: TimelineAsked;
  private readonly limits: Limits;
  private readonly partition: number;
  private readonly events: LoggedEvent[] = [];
  /** Everything from here on has been told, or is none of what was asked for. */
  private seq: Seq;
  private index: number;
  private scanned = 0;
  private ended = false;

  constructor(
    source: PeopleSource,
    whose: Whose,
    asked: TimelineAsked,
    limits: Limits,
    [seq, index]: readonly [Seq, number],
  ) {
    this.source = source;
    this.whose = whose;
    this.asked = asked;
    this.limits = limits;
    this.partition = partitionOf(whose.id, source.partitions);
    [this.seq, this.index] = [seq, index];
  }

  get isFull(): boolean {
    return this.events.length >= this.asked.limit;
  }

  get timeline(): Timeline {
    const { events, seq, index, scanned } = this;
    return { events, next: this.ended ? null : cursorOf([seq, index]), scanned };
  }

  /** From the places that the owner knows. */
  async fetch({ trail, isWhole }: HistoryView): Promise<void> {
    const left = trail.filter((seq) => seq < this.seq || (seq === this.seq && this.index > 0)).reverse();
    for (let from = 0; from < left.length && !this.isFull; from += FETCH_MESSAGES) {
      const seqs = left.slice(from, from + FETCH_MESSAGES);
      for (const record of await this.source.log.at(this.partition, seqs)) if (record !== undefined) this.take(record);
    }
    if (!this.isFull) this.ended = isWhole;
  }

  /** Through what everybody did, back to where they were first seen, or to the bound of one page. */
  async scan({ trail, firstSeen }: HistoryView): Promise<void> {
    const { first, last } = await this.source.log.bounds(this.partition);
    // A message of the cursor's that is told in part is above: only the trail and a page before lead into one.
    let before = Math.min(this.index > 0 ? this.seq + 1 : this.seq, trail[0] ?? last + 1, last + 1);
    const lowest = before - SCAN_POSITIONS_MAX;
    while (!this.isFull && before > lowest) {
      const from = Math.max(first, before - SCAN_BLOCK_POSITIONS);
      const records = await this.source.log.between(this.partition, from, before - 1);
      for (const record of records.toReversed()) {
        if (this.isFull) return;
        this.scanned += 1;
        this.take(record);
      }
      const oldest = records[0];
      if (from === first || (oldest !== undefined && this.isBefore(oldest, firstSeen))) {
        this.ended = !this.isFull;
        return;
      }
      before = from;
      if (!this.isFull) [this.seq, this.index] = [before, 0];
    }
  }

  /** Nothing of theirs is older: by the stamps, where they are the clock. */
  private isBefore({ stamp }: LogRecord, firstSeen: Millis): boolean {
    return this.source.clock === "log" && stamp < firstSeen;
  }

  private take(record: LogRecord): void {
    const { limit, name, user } = this.asked;
    const all = eventsIn(record, this.whose, this.limits);
    for (const event of all.toReversed()) {
      if (event.seq === this.seq && event.index >= this.index) continue;
      if (this.events.length >= limit) return;
      [this.seq, this.index] = [event.seq, event.index];
      if (name !== undefined && event.name !== name && event.type !== name) continue;
      if (user !== undefined && event.user !== user) continue;
      this.events.push(event);
    }
  }
}
