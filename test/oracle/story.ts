// A story is a partition's log told line by line: who does what at which time, and what is announced.
// The tests of this folder read rules.md's law with it.
import { parse } from "yaml";
import type { LinkMessage } from "../../lib/core/links.ts";
import {
  DEFAULT_LIMITS,
  type Delta,
  type Json,
  type Limits,
  type LogKind,
  type LogRecord,
} from "../../lib/core/types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../../lib/core/vocabulary.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";

/** "12:30" is on Monday 2 November 2026, "+3 12:30" three days later; an ISO date-time is itself. UTC. */
export function instant(text: string): number {
  const match = /^(?:\+(\d+) )?(\d+):(\d\d)(?::(\d\d)(?:\.(\d{3}))?)?$/.exec(text);
  if (match === null) return Date.parse(text);
  const [, days = "0", hours, minutes, seconds = "0", millis = "0"] = match;
  const minute = (Number(days) * 24 + Number(hours)) * 60 + Number(minutes);
  return Date.UTC(2026, 10, 2) + (minute * 60 + Number(seconds)) * 1_000 + Number(millis);
}

export interface StoryOptions {
  readonly limits?: Partial<Limits>;
  readonly clockMode?: "log" | "event";
  readonly clockStepMsMax?: number;
  readonly partition?: number;
  readonly partitions?: number;
  /** What differs from the default. */
  readonly vocabulary?: Partial<Vocabulary>;
}

export interface Said {
  /** Event time; default: none, so that the stamp counts. */
  readonly at?: string;
  readonly channel?: string;
  readonly messageId?: string;
  readonly context?: Json;
}

export class Story {
  readonly oracle: Oracle;
  #seq = 0;
  protected revision = 0;

  constructor(options: StoryOptions = {}) {
    this.oracle = new Oracle({
      partition: options.partition ?? 0,
      partitions: options.partitions ?? 1,
      clockMode: options.clockMode ?? "log",
      clockStepMsMax: options.clockStepMsMax ?? 366 * 86_400_000,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      vocabulary: { ...DEFAULT_VOCABULARY, ...options.vocabulary },
    });
  }

  /** Who hears the log and says the deltas. */
  protected hear(record: LogRecord): Delta[] {
    return this.oracle.apply(record);
  }

  protected takeLinks(): LinkMessage[] {
    return this.oracle.takeLinks();
  }

  /** One message of the log, and what the partition then says to itself; the answer is what they made the oracle say. */
  deltas(stamp: string, kind: LogKind, body: unknown): Delta[] {
    this.#seq += 1;
    const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
    const deltas = this.hear({ seq: this.#seq, stamp: instant(stamp), kind, body: bytes });
    return [...deltas, ...this.takeLinks().flatMap(({ body: link }) => this.deltas(stamp, "link", link))];
  }

  /** Segments as YAML documents `id: {rule…}`; activated at once, whatever they ask. */
  define(stamp: string, segments: string, header: Record<string, unknown> = {}): string[] {
    return this.apply(stamp, definitionsIn(segments, header));
  }

  apply(stamp: string, define: readonly unknown[], remove: readonly string[] = []): string[] {
    const applied = this.control(stamp, { op: "apply", define, remove });
    return [...applied, ...this.control(stamp, { op: "activate", revision: this.revision })];
  }

  control(stamp: string, entry: unknown): string[] {
    this.revision += 1;
    return told(this.deltas(stamp, "control", { revision: this.revision, entry }));
  }

  list(stamp: string, id: string, mode: string, members: readonly string[]): string[] {
    return this.control(stamp, { op: "list", id, mode, members });
  }

  /** Items of the catalogue: attributes by id. */
  items(stamp: string, items: Readonly<Record<string, Json>>, mode = "merge"): string[] {
    const entries = Object.entries(items).map(([id, attributes]) => ({ id, attributes }));
    return this.control(stamp, { op: "items", mode, items: entries });
  }

  /** A vocabulary, activated at once whatever it asks; what it leaves out is as by default. */
  vocabulary(stamp: string, vocabulary: Json): string[] {
    const said = this.control(stamp, { op: "vocabulary", vocabulary });
    return [...said, ...this.control(stamp, { op: "activate", revision: this.revision })];
  }

  group(stamp: string, userId: string, groupId: string | null, traits: Json = {}, said: Said = {}): string[] {
    return this.event(stamp, { type: "group", userId, groupId, traits }, said);
  }

  track(stamp: string, userId: string, event: string, properties: Json = {}, said: Said = {}): string[] {
    return this.event(stamp, { type: "track", userId, event, properties }, said);
  }

  identify(stamp: string, userId: string, traits: Json, said: Said = {}): string[] {
    return this.event(stamp, { type: "identify", userId, traits }, said);
  }

  event(stamp: string, body: Record<string, unknown>, said: Said = {}): string[] {
    return told(this.deltas(stamp, "event", bodyOf(body, said)));
  }

  tick(stamp: string): string[] {
    return told(this.deltas(stamp, "clock", {}));
  }

  /** Who is in a segment now. */
  members(segment: string): string[] {
    const all = this.oracle.memberships().get(segment) ?? new Map();
    return [...all].filter(([, membership]) => membership.in).map(([id]) => id);
  }

  get reasons(): string[] {
    return this.oracle.rejects.map(({ reason }) => reason);
  }
}

/** The definitions of segments that are written as a YAML document `id: {rule…}`. */
export function definitionsIn(segments: string, header: Record<string, unknown>): Record<string, unknown>[] {
  const rules = parse(segments) as Record<string, unknown>;
  return Object.entries(rules).map(([id, rule]) => ({ id, ...header, rule }));
}

/** A message, with what is said beside it. */
export function bodyOf(body: Readonly<Record<string, unknown>>, { at, ...rest }: Said): Record<string, unknown> {
  const timestamp = at === undefined ? {} : { timestamp: new Date(instant(at)).toISOString() };
  return { ...body, ...rest, ...timestamp };
}

/** "+big ann 01:00", "-big ann +7 01:00:01": what was announced, and its instant as a story tells it (else its date). */
export function told(deltas: readonly Delta[]): string[] {
  return deltas.map(
    ({ change, segment, id, at }) => `${change === "joined" ? "+" : "-"}${segment} ${id} ${clockText(at)}`,
  );
}

function clockText(at: number): string {
  const days = Math.floor((at - Date.UTC(2026, 10, 2)) / 86_400_000);
  const time = new Date(at)
    .toISOString()
    .slice(11, 23)
    .replace(/:00\.000$|\.000$/, "");
  if (days < 0 || days > 999) return `${new Date(at).toISOString().slice(0, 10)} ${time}`;
  return days === 0 ? time : `+${days} ${time}`;
}
