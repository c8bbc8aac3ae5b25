// Who is meant by a text: somebody whose id it is, found at once in the partition that their id says; then everybody whom it
// begins, owner by owner and slice by slice. Nothing is kept for it, so it costs a look at each member until there are enough;
// the time for one page is bounded, and where it ran out, or an owner did not answer, the page says that it is in part.
import type { SearchAsked, SearchHit } from "../../core/partition.ts";
import type { PartitionNo } from "../../core/types.ts";
import type { PeopleSource } from "./people.ts";

/** Owners asked at once. */
const OWNERS_MAX = 8;
const TIME_MS_MAX = 2_000;

export type Found = Omit<SearchHit, "at">;

export interface SearchPage {
  readonly items: readonly Found[];
  readonly next: SearchPlace | null;
  /** There may be others before `next`: the time ran out, or somebody did not answer. */
  readonly partial: boolean;
  /** Members that were looked at. */
  readonly looked: number;
}

export interface Searching {
  readonly asked: SearchAsked;
  /** Those whose id is the text: told before all others. */
  readonly exact: readonly Found[];
  /** Somebody whose id it may be could not be asked about. */
  readonly isExactOpen?: boolean;
  readonly limit: number;
  /** The `next` of the page before. */
  readonly from: SearchPlace | undefined;
  now(): number;
}

/**
 * Of partitions `first`, `first + 1` … : where each stands; null where it has been looked through. It is made of ids, so whoever may
 * not see them is given it sealed (sealed-cursors.ts).
 */
export type SearchPlace = readonly [first: PartitionNo, at: readonly (number | null)[]];

export async function searchPage(source: PeopleSource, searching: Searching): Promise<SearchPage> {
  const { from } = searching;
  const round = new Round(source, searching, from ?? [0, []]);
  if (from === undefined) round.begin();
  await round.run();
  return round.page;
}

class Round {
  private readonly source: PeopleSource;
  private readonly searching: Searching;
  private readonly until: number;
  private readonly items: Found[] = [];
  private first: PartitionNo;
  private at: (number | null)[];
  private looked = 0;
  private partial = false;

  constructor(source: PeopleSource, searching: Searching, [first, at]: SearchPlace) {
    this.source = source;
    this.searching = searching;
    this.until = searching.now() + TIME_MS_MAX;
    this.first = first;
    this.at = at.length === 0 ? this.starts() : [...at];
  }

  begin(): void {
    const { exact, isExactOpen = false, limit } = this.searching;
    this.items.push(...exact.slice(0, limit));
    this.partial = isExactOpen;
  }

  async run(): Promise<void> {
    for (;;) {
      if (this.isDone || this.room <= 0) return;
      if (this.at.every((one) => one === null)) {
        this.first += OWNERS_MAX;
        this.at = this.starts();
        continue;
      }
      if (this.searching.now() >= this.until) {
        this.partial = true;
        return;
      }
      await this.slice();
    }
  }

  get page(): SearchPage {
    const { items, partial, looked } = this;
    const isLast =
      this.isDone || (this.first + this.at.length >= this.source.partitions && this.at.every((one) => one === null));
    return { items, next: isLast ? null : [this.first, this.at], partial, looked };
  }

  private get isDone(): boolean {
    return this.first >= this.source.partitions;
  }

  private get room(): number {
    return this.searching.limit - this.items.length;
  }

  private starts(): number[] {
    return new Array<number>(Math.max(0, Math.min(OWNERS_MAX, this.source.partitions - this.first))).fill(0);
  }

  /** One slice of each owner that has more; whoever does not answer is passed over, and the page says so. */
  private async slice(): Promise<void> {
    const { asked } = this.searching;
    const answers = await Promise.all(
      this.at.map((cursor, index) =>
        cursor === null
          ? undefined
          : this.source.questions.search(this.first + index, asked, cursor, this.room).catch((error: Error) => error),
      ),
    );
    answers.forEach((answer, index) => {
      if (answer === undefined) return;
      if (answer instanceof Error) {
        if (answer.name !== "QuestionFailed") throw answer;
        this.partial = true;
        this.at[index] = null;
        return;
      }
      if (this.room <= 0) return;
      this.looked += answer.looked;
      this.at[index] = this.accept(answer.hits) ?? answer.cursor;
    });
  }

  /** Where to go on, when there was no room for all. Those who stand at one place are told together. */
  private accept(hits: readonly SearchHit[]): number | undefined {
    let count = Math.min(this.room, hits.length);
    if (count < hits.length) {
      while (count > 0 && hits[count]!.at === hits[count - 1]!.at) count -= 1;
      while (count === 0 || (count < hits.length && hits[count]!.at === hits[count - 1]!.at)) count += 1;
    }
    for (const { at: _, ...found } of hits.slice(0, count)) if (!this.isExact(found)) this.items.push(found);
    return hits[count]?.at;
  }

  /** Told on the first page, before all others. */
  private isExact({ id }: Found): boolean {
    const { text, field } = this.searching.asked;
    return id === text && (field === undefined || field === "id");
  }
}
