// What a member's kept history comes to by one vocabulary: visits, cart and orders, interactions with items.
// history.ts keeps the events themselves; a definition is answered by the vocabulary that it is read by.
import type { Limits } from "../core/types.ts";
import type { Vocabulary } from "../core/vocabulary.ts";
import type { Occurrence } from "./history.ts";
import { type Interaction, interactionsOf, isView, saidMsOf } from "./items.ts";
import { type Order, Shop } from "./shop.ts";
import { type VisitStory, visitSource, visitStory } from "./visit-records.ts";
import { type Visit, Visits } from "./visits.ts";

export class Meaning {
  readonly vocabulary: Vocabulary;
  readonly visits: Visits;
  readonly #shop: Shop;
  /** The visit an occurrence belonged to when it came in; Visits.now says which one that has become. */
  readonly #visitOf = new Map<Occurrence, Visit>();
  readonly interactions: Interaction[] = [];
  /** The visit event that came next in the log. */
  readonly #nextOf = new Map<Occurrence, Occurrence>();
  #waiting: Occurrence[] = [];
  #stories: readonly VisitStory[] | undefined;
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
    this.#stories = undefined;
    if (occurrence.isOfVisits) {
      for (const before of this.#waiting) this.#nextOf.set(before, occurrence);
      this.#waiting = [];
    }
    this.#waiting.push(occurrence);
    this.interactions.push(...interactionsOf(occurrence, this.vocabulary));
    if (event.type === "track") this.#shop.apply(event.name, event.properties, occurrence);
    const visit = occurrence.isOfVisits ? this.visits.add(occurrence.time) : undefined;
    if (visit !== undefined) this.#visitOf.set(occurrence, visit);
  }

  visitOf(occurrence: Occurrence): Visit | undefined {
    const visit = this.#visitOf.get(occurrence);
    return visit === undefined ? undefined : this.visits.now(visit);
  }

  /** All visits that are kept, the oldest first, each with the events that belong to it now. */
  get stories(): readonly VisitStory[] {
    this.#stories ??= this.#tellStories();
    return this.#stories;
  }

  #tellStories(): VisitStory[] {
    const events = new Map<Visit, Occurrence[]>();
    for (const [occurrence, visit] of this.#visitOf) {
      const current = this.visits.now(visit);
      const its = events.get(current);
      if (its === undefined) events.set(current, [occurrence]);
      else its.push(occurrence);
    }
    return [...events].map(([visit, its]) => visitStory(visit, its)).sort((a, b) => a.visit.start - b.visit.start);
  }

  /** What a `where` of an item rule reads: `time` of a view is 0 until its user's next visit event. */
  itemRecord(interaction: Interaction): Record<string, unknown> {
    return { ...interaction.record, time: isView(interaction) ? this.#viewMs(interaction) : undefined };
  }

  #viewMs(interaction: Interaction): number {
    const said = saidMsOf(interaction);
    if (said !== undefined) return said;
    const gap = (this.#nextOf.get(interaction.occurrence)?.time ?? 0) - interaction.occurrence.time;
    return gap > 0 && gap < this.vocabulary.visitIdleMs ? gap : 0;
  }

  /** What a `source` rule reads. `underWay`: the visit that has not ended. */
  sourceRecord(underWay: Visit | undefined): Record<string, unknown> {
    const { stories } = this;
    const sourceOf = (story: VisitStory | undefined) => story && visitSource(story, this.vocabulary);
    return {
      first: sourceOf(stories[0]),
      latest: sourceOf(stories.at(-1)),
      current: sourceOf(stories.find(({ visit }) => visit === underWay)),
    };
  }

  get orders(): readonly Order[] {
    return this.#shop.orders;
  }

  cartRecord(): Record<string, unknown> {
    return this.#shop.cartRecord();
  }
}
