// Everything one member has done, kept whole: occurrences and writes of traits. Nothing is ever counted ahead; meaning.ts
// reads it by a vocabulary, evaluate.ts goes through all of it each time. oracle.ts adds one accepted event at a time.
import type { UserEvent } from "../core/events.ts";
import type { Catalogue } from "../core/feeds.ts";
import type { FlagId } from "../core/links.ts";
import type { Json, Limits, MemberId, MemberKind, Millis, SegmentId, Seq } from "../core/types.ts";
import type { Vocabulary } from "../core/vocabulary.ts";
import { Crowd, type Tie } from "./accounts.ts";
import { Meaning } from "./meaning.ts";
import { refuseObject } from "./objects.ts";
import { type Occasion, type Refusal, Shop } from "./shop.ts";
import { type DayNumber, isZone, localDayOf, wallClockOf } from "./time.ts";
import { carried } from "./visit-records.ts";

/** A track, page or screen event that happened. */
export class Occurrence implements Occasion {
  readonly seq: Seq;
  readonly time: Millis;
  readonly clock: Millis;
  readonly zone: string;
  readonly catalogue: Catalogue;
  readonly by: MemberId | undefined;
  readonly event: UserEvent;
  /** Events of a server belong to no visit, and of an account those that none of its users did. */
  readonly isOfVisits: boolean;
  #days: Map<string, DayNumber> | undefined;
  #records: Map<string, Record<string, unknown>> | undefined;

  constructor(kind: MemberKind, { seq, time, clock, zone, catalogue, by }: Occasion, event: UserEvent) {
    this.seq = seq;
    this.time = time;
    this.clock = clock;
    this.zone = zone;
    this.catalogue = catalogue;
    this.by = by;
    this.event = event;
    this.isOfVisits = event.channel !== "server" && (kind === "user" || by !== undefined);
  }

  /** Its local day in a zone; worked out once, for it never changes. */
  dayIn(zone: string): DayNumber {
    this.#days ??= new Map();
    const day = this.#days.get(zone) ?? localDayOf(this.time, zone);
    this.#days.set(zone, day);
    return day;
  }

  /** What a `where` of an event rule reads, local time told in a zone. */
  recordIn(zone: string): Record<string, unknown> {
    this.#records ??= new Map();
    const record = this.#records.get(zone) ?? recordOf(this, zone);
    this.#records.set(zone, record);
    return record;
  }
}

function recordOf({ event, time, by }: Occurrence, zone: string): Record<string, unknown> {
  const { properties, context, channel } = event;
  return {
    properties,
    context,
    ...(channel === undefined ? {} : { channel }),
    ...(by === undefined ? {} : { userId: by }),
    get at() {
      return wallClockOf(time, zone);
    },
  };
}

/** An accepted message of any kind; `occurrence` when it is a track, page or screen. */
export interface Message {
  readonly when: Occasion;
  readonly event: UserEvent;
  readonly occurrence: Occurrence | undefined;
}

/** An accepted write of a trait; null removes. */
export interface TraitWrite {
  readonly time: Millis;
  readonly value: Json;
  readonly when: Occasion;
}

export interface Membership {
  readonly in: boolean;
  readonly n: number;
  readonly since: Millis;
}

export class Member {
  readonly kind: MemberKind;
  readonly id: MemberId;
  readonly idBytes: Buffer;
  /** Grows with every accepted event: what was worked out of the history is good for one version. */
  version = 0;
  /** The same of the orders: only their own messages change them. */
  ordersVersion = 0;
  /** All that was accepted, in log order. */
  readonly messages: Message[] = [];
  readonly occurrences: Occurrence[] = [];
  /** The occurrence in which each order was first completed. */
  readonly completedIn = new Map<Seq, Occurrence>();
  readonly writes = new Map<string, TraitWrite[]>();
  readonly lists = new Set<string>();
  readonly memberships = new Map<SegmentId, Membership>();
  /** Numbers of its changes come after this one. */
  floor = 0;
  /** Flags that are lit and hold. */
  readonly flags = new Set<FlagId>();
  /** Of a user: the account that he is in. */
  tie: Tie | undefined;
  /** Of an account: its users. */
  crowd = new Crowd();
  /** Decides which messages about orders and carts stand; what they come to is read by each vocabulary. */
  readonly #shop: Shop;
  readonly #meanings = new Map<Vocabulary, Meaning>();
  readonly limits: Limits;
  #newestTime: Millis | undefined;
  #contextZone: string | undefined;

  constructor(kind: MemberKind, id: MemberId, given: Limits, vocabulary: Vocabulary) {
    // An account has no cart, so what its users put into theirs is never too much for it.
    const limits = kind === "account" ? { ...given, cartLinesMax: Number.POSITIVE_INFINITY } : given;
    this.kind = kind;
    this.id = id;
    this.idBytes = Buffer.from(id, "utf8");
    this.#shop = new Shop(limits, vocabulary);
    this.limits = limits;
  }

  /** The last visit event's in the log that carried one, whole. */
  lastCarried(kind: "place" | "network" | "device"): object | undefined {
    const last = this.occurrences.findLast((one) => one.isOfVisits && carried(one, kind) !== undefined);
    return last && carried(last, kind);
  }

  /** What the history comes to by a vocabulary. */
  by(vocabulary: Vocabulary): Meaning {
    const meaning = this.#meanings.get(vocabulary) ?? new Meaning(vocabulary, this.limits);
    this.#meanings.set(vocabulary, meaning);
    meaning.readOn(this.occurrences);
    return meaning;
  }

  get newestTime(): Millis | undefined {
    return this.#newestTime;
  }

  /** Takes an event, or refuses it as a whole: then nothing has changed. */
  add(event: UserEvent, given: Omit<Occasion, "zone">): Refusal | undefined {
    const { time } = given;
    const refusal = event.type === "identify" ? this.#refuseTraits(event, time) : undefined;
    if (refusal !== undefined) return refusal;
    const when = { ...given, zone: this.#zoneAfter(event, time) };
    if (event.type === "track") {
      const refusedObject = refuseObject(event, this.messages, this.limits);
      if (refusedObject !== undefined) return refusedObject;
      const refused = this.#shop.apply(event.name, event.properties, when);
      if (refused !== undefined) return refused;
      if (event.name.startsWith("Order ")) this.ordersVersion += 1;
    }
    if (isZone(event.context.timezone)) this.#contextZone = event.context.timezone;
    if (event.type === "identify") this.#write(event, when);
    const isOccurrence = event.type !== "identify" && event.type !== "group";
    const occurrence = isOccurrence ? this.#occur(event, when) : undefined;
    this.messages.push({ when, event, occurrence });
    this.#newestTime = Math.max(this.#newestTime ?? time, time);
    this.version += 1;
    return undefined;
  }

  #occur(event: UserEvent, when: Occasion): Occurrence {
    const occurrence = new Occurrence(this.kind, when, event);
    this.occurrences.push(occurrence);
    if (event.type === "track" && event.name === "Order Completed") this.completedIn.set(when.seq, occurrence);
    return occurrence;
  }

  #write(event: UserEvent, when: Occasion): void {
    const { time } = when;
    for (const [key, value] of this.#taken(event, time)) {
      const writes = this.writes.get(key) ?? [];
      writes.push({ time, value, when });
      this.writes.set(key, writes);
    }
  }

  /** The writes of an identify that are taken: those for which nothing newer is held. */
  #taken(event: UserEvent, time: Millis): [string, Json][] {
    // The traits of a group call are the account's.
    if (event.type !== "identify") return [];
    return Object.entries(event.traits).filter(([key]) => {
      const held = this.writes.get(key)?.at(-1);
      return held === undefined || held.time <= time;
    });
  }

  #refuseTraits(event: UserEvent, time: Millis): Refusal | undefined {
    const after = new Map(Object.entries(this.traits()));
    for (const [key, value] of this.#taken(event, time)) {
      if (value === null) after.delete(key);
      else after.set(key, value);
    }
    const { traitsMax } = this.limits;
    if (after.size <= traitsMax) return undefined;
    return { reason: "limit", detail: `the ${this.kind} would have more than ${traitsMax} traits` };
  }

  #zoneAfter(event: UserEvent, time: Millis): string {
    const written = this.#taken(event, time).find(([key]) => key === "timezone");
    const trait = written === undefined ? this.writes.get("timezone")?.at(-1)?.value : written[1];
    if (isZone(trait)) return trait;
    return isZone(event.context.timezone) ? event.context.timezone : (this.#contextZone ?? "UTC");
  }

  /** The member's own zone: trait, else the last context that named one, else UTC. */
  get zone(): string {
    const trait = this.writes.get("timezone")?.at(-1)?.value;
    return isZone(trait) ? trait : (this.#contextZone ?? "UTC");
  }

  traits(): Record<string, Json> {
    const held = [...this.writes].map(([key, writes]) => [key, writes.at(-1)!.value] as const);
    return Object.fromEntries(held.filter(([, value]) => value !== null));
  }

  /** The value of a trait in force at an instant. */
  traitAt(key: string, time: Millis): Json | undefined {
    return this.writes.get(key)?.findLast((write) => write.time <= time)?.value;
  }
}

/** Accounts before users, then by the bytes of the id. */
export function inOrder(a: Member, b: Member): number {
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1;
  return Buffer.compare(a.idBytes, b.idBytes);
}
