// What has been observed: events by name, their properties, traits, and the most frequent values of each, for whoever writes a
// rule and wants to be offered what there is. Read from the logs when somebody asks, the newest first and a bounded number of
// messages each time; kept in bounded memory. It says of itself how much of the logs it has seen.
import { decodeAccountMessage, decodeEvent } from "../../core/decode.ts";
import { isMeant } from "../../core/erasure.ts";
import { hashOf } from "../../core/ids.ts";
import type {
  Json,
  JsonObject,
  Limits,
  LogRecord,
  MemberId,
  MemberKind,
  Millis,
  PartitionNo,
  Seq,
} from "../../core/types.ts";
import { type Erasures, isCleared } from "../../ports/erasures.ts";
import type { LogLookup } from "../../ports/log-lookup.ts";
import type { KnownErasure } from "../segments/catalogue.ts";
import { type Frequent, MostFrequent } from "./most-frequent.ts";
import { typeOf } from "./profile-parts.ts";

/** Messages read for one refresh, over all partitions: a second or so of reading. */
const REFRESH_MESSAGES = 40_000;
const PARTITION_MESSAGES_MIN = 200;
const REFRESH_EVERY_MS = 10_000;
const PARTITIONS_AT_ONCE = 4;
const NAMES_MAX = 2_000;
/** Of all events and kinds together: each has its values. */
const FIELDS_MAX = 5_000;
const VALUES_MAX = 20;
const VALUE_LENGTH_MAX = 100;

export interface ObservedField {
  readonly name: string;
  readonly count: number;
  readonly last: Millis;
  /** The types of its values, the most frequent first. */
  readonly types: readonly string[];
}

export interface ObservedEvent {
  readonly name: string;
  readonly count: number;
  readonly error: number;
  readonly last: Millis;
}

/** How much of the logs it rests on. */
export interface Coverage {
  /** Messages that were read, and that the logs hold. */
  readonly read: number;
  readonly messages: number;
  /** Not all were read, or something rare was given up: volumes are then of what was read. */
  readonly approximate: boolean;
}

export interface Observed {
  coverage(): Promise<Coverage>;
  events(): readonly ObservedEvent[];
  /** Of the event's properties. Undefined: no such event was observed. */
  properties(event: string): readonly ObservedField[] | undefined;
  traits(kind: MemberKind): readonly ObservedField[];
  /** Scalars, the most frequent first. Undefined: no such field was observed. */
  values(of: FieldName): readonly Frequent<Json>[] | undefined;
}

export type FieldName =
  | { readonly event: string; readonly property: string }
  | { readonly kind: MemberKind; readonly trait: string };

interface Field {
  count: number;
  last: Millis;
  readonly types: Map<string, number>;
  readonly values: MostFrequent<Json>;
}

/** Of a partition's log, from `low` to `high` has been read, but for gaps. */
interface Read {
  low: Seq;
  high: Seq;
  read: number;
  messages: number;
}

export interface ObservedOptions {
  readonly log: LogLookup;
  readonly partitions: number;
  readonly limits: Limits;
  /** Milliseconds that only go forwards. */
  now(): number;
  /** All so far, and how far they are. */
  erasures(): readonly KnownErasure[];
  readonly progress: Pick<Erasures, "phases">;
}

export class ObservedInLogs implements Observed {
  private readonly log: LogLookup;
  private readonly limits: Limits;
  private readonly now: () => number;
  private readonly erasures: () => readonly KnownErasure[];
  private readonly progress: Pick<Erasures, "phases">;
  private erasuresSeen = 0;
  /** Whose messages may still be in the logs: they are passed over. */
  private leaving: readonly KnownErasure[] = [];
  private leavingHashes: ReadonlySet<number> = new Set();
  private parts: readonly Read[];
  private names = new MostFrequent<null>(NAMES_MAX);
  /** By event, then property; traits stand under the kind, which is no event's key. */
  private readonly fields = new Map<string, Map<string, Field>>();
  private fieldCount = 0;
  private isCut = false;
  private refreshedAt = Number.NEGATIVE_INFINITY;
  private refreshing: Promise<void> | undefined;

  constructor({ log, partitions, limits, now, erasures, progress }: ObservedOptions) {
    this.log = log;
    this.limits = limits;
    this.now = now;
    this.erasures = erasures;
    this.progress = progress;
    this.parts = unread(partitions);
  }

  /** What was read of whoever was erased must go, and nobody can tell which it is: all is read anew. */
  private forgetErased(): void {
    const all = this.erasures();
    if (all.length === this.erasuresSeen) return;
    this.leave([...this.leaving, ...all.slice(this.erasuresSeen)]);
    this.erasuresSeen = all.length;
  }

  /** Whose messages have left the logs may have come back, and is passed over no more. */
  private async lookWhoHasLeft(): Promise<void> {
    if (this.leaving.length === 0) return;
    const phases = await this.progress.phases();
    const left = this.leaving.filter(({ revision }) => !isCleared(phases.get(revision), this.parts.length));
    if (left.length < this.leaving.length) this.leave(left);
  }

  private leave(erasures: readonly KnownErasure[]): void {
    this.leaving = erasures;
    this.leavingHashes = new Set(erasures.map(({ hash }) => hash));
    this.forget();
  }

  /** There may be many, and messages are more: the hash tells nearly all of them apart. */
  private isLeaving(kind: MemberKind, id: MemberId): boolean {
    if (this.leaving.length === 0) return false;
    const hash = hashOf(id);
    if (!this.leavingHashes.has(hash)) return false;
    return this.leaving.some((erasure) => erasure.hash === hash && erasure.kind === kind && isMeant(erasure, id));
  }

  private forget(): void {
    this.parts = unread(this.parts.length);
    this.names = new MostFrequent(NAMES_MAX);
    this.fields.clear();
    this.fieldCount = 0;
    this.isCut = false;
    this.refreshedAt = Number.NEGATIVE_INFINITY;
  }

  /** Reads on, where it is time to; everybody who asks meanwhile waits for the same. */
  async coverage(): Promise<Coverage> {
    this.forgetErased();
    if (this.now() - this.refreshedAt >= REFRESH_EVERY_MS) {
      this.refreshing ??= this.refresh().finally(() => {
        this.refreshing = undefined;
      });
    }
    await this.refreshing;
    const [read, messages] = [sum(this.parts, "read"), sum(this.parts, "messages")];
    return { read, messages, approximate: read < messages || this.isCut || this.names.isApproximate };
  }

  events(): readonly ObservedEvent[] {
    return this.names.all.map(({ key, count, error, last }) => ({ name: key, count, error, last }));
  }

  properties(event: string): readonly ObservedField[] | undefined {
    const isKnown = this.fields.has(eventKey(event)) || this.names.all.some(({ key }) => key === event);
    return isKnown ? fieldsOf(this.fields.get(eventKey(event))) : undefined;
  }

  traits(kind: MemberKind): readonly ObservedField[] {
    return fieldsOf(this.fields.get(traitKey(kind)));
  }

  values(of: FieldName): readonly Frequent<Json>[] | undefined {
    const field =
      "event" in of
        ? this.fields.get(eventKey(of.event))?.get(of.property)
        : this.fields.get(traitKey(of.kind))?.get(of.trait);
    return field?.values.all;
  }

  // ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private async refresh(): Promise<void> {
    await this.lookWhoHasLeft();
    const most = Math.max(PARTITION_MESSAGES_MIN, Math.floor(REFRESH_MESSAGES / this.parts.length));
    const left = this.parts.map((_, partition) => partition);
    const reader = async (): Promise<void> => {
      for (let partition = left.shift(); partition !== undefined; partition = left.shift()) {
        await this.readOn(partition, most);
      }
    };
    await Promise.all(Array.from({ length: PARTITIONS_AT_ONCE }, reader));
    this.refreshedAt = this.now();
  }

  /** What is new first; then, with what is left of the bound, what is older than all that was read. */
  private async readOn(partition: PartitionNo, most: number): Promise<void> {
    const part = this.parts[partition]!;
    const { first, last } = await this.log.bounds(partition);
    part.messages = Math.max(part.read, last - first + 1);
    const fresh = Math.min(most, last - Math.max(part.high, first - 1));
    if (fresh > 0) await this.read(partition, part, last + 1, fresh);
    const older = Math.min(most - Math.max(0, fresh), part.low - first);
    if (older > 0 && Number.isFinite(older)) await this.read(partition, part, part.low, older);
  }

  /** Messages that were removed from between count as read: there is no more to be known of them. */
  private async read(partition: PartitionNo, part: Read, before: Seq, count: number): Promise<void> {
    const records = await this.log.between(partition, before - count, before - 1);
    if (this.parts[partition] !== part) return;
    part.low = Math.min(part.low, before - count);
    part.high = Math.max(part.high, before - 1);
    part.read += count;
    for (const record of records) this.observe(record);
  }

  /** What users do stands in their own log; what links tell of it would count it twice. */
  private observe(record: LogRecord): void {
    if (record.kind === "event") {
      const decoded = decodeEvent(record.body, this.limits);
      if (!decoded.ok) return;
      const { type, name, properties, traits, userId, groupId } = decoded.value;
      if (this.isLeaving("user", userId) || (typeof groupId === "string" && this.isLeaving("account", groupId))) return;
      if (type === "identify") this.observeFields(traitKey("user"), traits, record.stamp);
      else if (type === "group") this.observeFields(traitKey("account"), traits, record.stamp);
      else this.observeEvent(name, properties, record.stamp);
    } else if (record.kind === "account") {
      const decoded = decodeAccountMessage(record.body, this.limits);
      if (!decoded.ok) return;
      const { type, name, properties, traits, accountId } = decoded.value;
      if (this.isLeaving("account", accountId)) return;
      if (type === "group") this.observeFields(traitKey("account"), traits, record.stamp);
      else this.observeEvent(name, properties, record.stamp);
    }
  }

  private observeEvent(name: string, properties: JsonObject, at: Millis): void {
    this.names.add(name, null, at);
    this.observeFields(eventKey(name), properties, at);
  }

  private observeFields(key: string, record: JsonObject, at: Millis): void {
    for (const [name, value] of Object.entries(record)) {
      if (value === null) continue;
      const field = this.fieldOf(key, name);
      if (field === undefined) continue;
      field.count += 1;
      if (at > field.last) field.last = at;
      const type = typeOf(value);
      field.types.set(type, (field.types.get(type) ?? 0) + 1);
      if (typeof value === "object" || (typeof value === "string" && value.length > VALUE_LENGTH_MAX)) continue;
      field.values.add(JSON.stringify(value), value, at);
    }
  }

  /** Undefined: there is no room for another one. */
  private fieldOf(key: string, name: string): Field | undefined {
    let ofKey = this.fields.get(key);
    const known = ofKey?.get(name);
    if (known !== undefined) return known;
    if (this.fieldCount >= FIELDS_MAX || name.length > VALUE_LENGTH_MAX) {
      this.isCut = true;
      return undefined;
    }
    if (ofKey === undefined) {
      ofKey = new Map();
      this.fields.set(key, ofKey);
    }
    const field: Field = { count: 0, last: 0, types: new Map(), values: new MostFrequent(VALUES_MAX) };
    ofKey.set(name, field);
    this.fieldCount += 1;
    return field;
  }
}

function unread(partitions: number): readonly Read[] {
  return Array.from({ length: partitions }, () => ({ low: Number.POSITIVE_INFINITY, high: 0, read: 0, messages: 0 }));
}

function eventKey(event: string): string {
  return `event ${event}`;
}

function traitKey(kind: MemberKind): string {
  return `trait ${kind}`;
}

function fieldsOf(fields: ReadonlyMap<string, Field> | undefined): readonly ObservedField[] {
  return Array.from(fields ?? [], ([name, { count, last, types }]) => ({
    name,
    count,
    last,
    types: [...types].sort(([, left], [, right]) => right - left).map(([type]) => type),
  })).sort((left, right) => right.count - left.count || (left.name < right.name ? -1 : 1));
}

function sum(parts: readonly Read[], what: "read" | "messages"): number {
  return parts.reduce((total, part) => total + part[what], 0);
}
