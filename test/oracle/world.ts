// Several partitions and what they say to each other: each has a log of its own, and a link message stands in the log of
// its receiver when the story says so. accounts.test.ts tells stories with it; of one partition alone tells story.ts.
import { partitionOf } from "../../lib/core/ids.ts";
import type { LinkMessage } from "../../lib/core/links.ts";
import {
  DEFAULT_LIMITS,
  type Delta,
  type Json,
  type Limits,
  type LogKind,
  type LogRecord,
} from "../../lib/core/types.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { bodyOf, definitionsIn, instant, type Said, told } from "./story.ts";

/** Who hears one partition's log. */
export interface Hearer {
  hear(record: LogRecord): Delta[];
  takeLinks(): LinkMessage[];
}

export interface WorldOptions {
  readonly partitions?: number;
  readonly clockMode?: "log" | "event";
  readonly limits?: Partial<Limits>;
}

export class World {
  readonly partitions: number;
  readonly clockMode: "log" | "event";
  readonly limits: Limits;
  readonly hearers: readonly Hearer[];
  readonly #seqs: number[];
  /** Said and not heard, by sender and receiver. */
  readonly #onTheWay = new Map<string, LinkMessage[]>();
  #revision = 0;

  constructor({ partitions = 2, clockMode = "log", limits = {} }: WorldOptions = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.partitions = partitions;
    this.clockMode = clockMode;
    this.hearers = Array.from({ length: partitions }, (_, partition) => this.hearerOf(partition));
    this.#seqs = this.hearers.map(() => 0);
  }

  protected hearerOf(partition: number): Hearer {
    const oracle = new Oracle({
      partition,
      partitions: this.partitions,
      clockMode: this.clockMode,
      clockStepMsMax: 366 * 86_400_000,
      limits: this.limits,
    });
    return { hear: (record) => oracle.apply(record), takeLinks: () => oracle.takeLinks() };
  }

  /** An id that begins so and is at home in a partition. */
  idIn(partition: number, name: string): string {
    for (let index = 0; ; index += 1) {
      const id = index === 0 ? name : `${name}${index}`;
      if (partitionOf(id, this.partitions) === partition) return id;
    }
  }

  /** One message of one log. */
  deltas(partition: number, stamp: string, kind: LogKind, body: unknown): Delta[] {
    this.#seqs[partition]! += 1;
    const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
    const record = { seq: this.#seqs[partition]!, stamp: instant(stamp), kind, body: bytes };
    const hearer = this.hearers[partition]!;
    const deltas = hearer.hear(record);
    for (const link of hearer.takeLinks()) this.#way(partition, link.to).push(link);
    return deltas;
  }

  #way(from: number, to: number): LinkMessage[] {
    const key = `${from} ${to}`;
    const way = this.#onTheWay.get(key) ?? [];
    this.#onTheWay.set(key, way);
    return way;
  }

  /** What stands between two partitions. */
  onTheWay(from: number, to: number): unknown[] {
    return this.#way(from, to).flatMap(({ body }) => (JSON.parse(body) as { items: unknown[] }).items);
  }

  /** The next message from one partition to another stands in its log. */
  deliver(stamp: string, from: number, to: number): Delta[] {
    const link = this.#way(from, to).shift();
    if (link === undefined) throw new Error(`partition ${from} has nothing to say to ${to}`);
    return this.deltas(to, stamp, "link", link.body);
  }

  /** All that is said is heard, also what that makes them say. */
  deliverAll(stamp: string): string[] {
    const deltas: Delta[] = [];
    const waiting = () => [...this.#onTheWay].find(([, links]) => links.length > 0)?.[0];
    for (let way = waiting(); way !== undefined; way = waiting()) {
      const [from, to] = way.split(" ").map(Number);
      deltas.push(...this.deliver(stamp, from!, to!));
    }
    return told(deltas);
  }

  /** One entry, in every log. */
  control(stamp: string, entry: unknown): string[] {
    this.#revision += 1;
    const body = { revision: this.#revision, entry };
    return told(this.hearers.flatMap((_, partition) => this.deltas(partition, stamp, "control", body)));
  }

  /** Segments as YAML documents `id: {rule…}`, in force once all partitions know what others evaluate for them. */
  define(stamp: string, segments: string, header: Record<string, unknown> = {}): string[] {
    return this.apply(stamp, definitionsIn(segments, header));
  }

  apply(stamp: string, define: readonly unknown[], remove: readonly string[] = []): string[] {
    const applied = this.control(stamp, { op: "apply", define, remove });
    const revision = this.#revision;
    const ready = this.hearers.flatMap((_, partition) => this.deltas(partition, stamp, "ready", { revision, from: 1 }));
    const settled = this.deliverAll(stamp);
    return [...applied, ...told(ready), ...settled, ...this.control(stamp, { op: "activate", revision })];
  }

  /** In the user's log. */
  event(stamp: string, body: Readonly<Record<string, unknown>>, said: Said = {}): string[] {
    const partition = partitionOf(body.userId as string, this.partitions);
    return told(this.deltas(partition, stamp, "event", bodyOf(body, said)));
  }

  track(stamp: string, userId: string, event: string, properties: Json = {}, said: Said = {}): string[] {
    return this.event(stamp, { type: "track", userId, event, properties }, said);
  }

  group(stamp: string, userId: string, groupId: string | null, traits: Json = {}, said: Said = {}): string[] {
    return this.event(stamp, { type: "group", userId, groupId, traits }, said);
  }

  /** In the account's log, by no user. */
  account(stamp: string, body: Readonly<Record<string, unknown>>, said: Said = {}): string[] {
    const partition = partitionOf(body.groupId as string, this.partitions);
    return told(this.deltas(partition, stamp, "account", bodyOf(body, said)));
  }

  tick(stamp: string): string[] {
    return told(this.hearers.flatMap((_, partition) => this.deltas(partition, stamp, "clock", {})));
  }
}
