// What a member's kept history comes to by one vocabulary: visits, cart and orders, interactions with items.
// history.ts keeps the events themselves; a definition is answered by the vocabulary that it is read by.
import type { Limits } from "../core/types.ts";
import type { Vocabulary } from "../core/vocabulary.ts";
import type { Occurrence } from "./history.ts";
import { type Order, Shop } from "./shop.ts";
import { type Visit, Visits } from "./visits.ts";

export class Meaning {
  readonly vocabulary: Vocabulary;
  readonly visits: Visits;
  readonly #shop: Shop;
  /** The visit an occurrence belonged to when it came in; Visits.now says which one that has become. */
  readonly #visitOf = new Map<Occurrence, Visit>();
  /** So many occurrences have been read. */
  #read = 0;

  constructor(vocabulary: Vocabulary, limits: Limits) {
    this.vocabulary = vocabulary;
    this.visits = new Visits(vocabulary.visitIdleMs, limits.visitsChangeableMax);
    this.#shop = new Shop(limits, vocabulary);
  }

  /** Reads on from where it was, in log order. */
  readOn(occurrences: readonly Occurrence[]): void {
    for (; this.#read < occurrences.length; this.#read += 1) this.#take(occurrences[this.#read]!);
  }

  #take(occurrence: Occurrence): void {
    const { event } = occurrence;
    if (event.type === "track") this.#shop.apply(event.name, event.properties, occurrence);
    const visit = occurrence.isOfVisits ? this.visits.add(occurrence.time) : undefined;
    if (visit !== undefined) this.#visitOf.set(occurrence, visit);
  }

  visitOf(occurrence: Occurrence): Visit | undefined {
    const visit = this.#visitOf.get(occurrence);
    return visit === undefined ? undefined : this.visits.now(visit);
  }

  get orders(): readonly Order[] {
    return this.#shop.orders;
  }

  cartRecord(): Record<string, unknown> {
    return this.#shop.cartRecord();
  }
}
