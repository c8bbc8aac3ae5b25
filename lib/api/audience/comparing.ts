// Segments side by side: what their members come to, against everybody, and how many each pair and all of them share. Owners
// count slices (lib/core/engine/answers/comparing.ts); here they are added up, and every figure comes from the same counts:
// each member once, under the set of segments that held them when their page was looked at.
import { type ComparePart, type GroupPart, newGroup } from "../../core/comparing.ts";
import type { MemberKind, Millis, PartitionNo, SegmentId } from "../../core/types.ts";
import type { Questions } from "../../nats/questions.ts";
import { askedEach } from "./asking.ts";

const TOP_CATEGORIES = 5;
export const COMPARED_MIN = 2;
export const COMPARED_MAX = 12;

export interface CompareOwners extends Pick<Questions, "compare"> {
  readonly partitions: number;
}

export interface CompareAsk {
  readonly kind: MemberKind;
  /** 2 to 12, each once. */
  readonly segments: readonly SegmentId[];
  readonly onProgress?: (progress: { readonly looked: number; readonly universe: number }) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What some people come to. */
export interface Profile {
  readonly members: number;
  /** Of everybody, 0 to 1; null where there is nobody. */
  readonly share: number | null;
  readonly activeIn7Days: number;
  readonly activeIn30Days: number;
  readonly visits: number;
  /** The mean score; null where it is not kept, because no segment asks for it. */
  readonly engagement: number | null;
  readonly buyers: number;
  readonly orders: number;
  readonly revenue: number;
  /** Those that most of them have bought from. */
  readonly topCategories: readonly { readonly category: string; readonly members: number; readonly items: number }[];
}

export interface SegmentProfile extends Profile {
  readonly segment: SegmentId;
  /** Who is in this one and in no other of those compared. */
  readonly only: number;
}

export interface Pair {
  readonly a: SegmentId;
  readonly b: SegmentId;
  readonly both: number;
  readonly either: number;
  readonly onlyA: number;
  readonly onlyB: number;
  /** Both of either; null where both are empty. */
  readonly jaccard: number | null;
}

export interface Comparison {
  readonly kind: MemberKind;
  readonly segments: readonly SegmentProfile[];
  readonly everybody: Profile;
  readonly pairs: readonly Pair[];
  /** In all of them, and in any. */
  readonly together: { readonly all: number; readonly any: number; readonly jaccard: number | null };
  /** The latest clock of a partition that was asked. */
  readonly clock: Millis;
}

export async function compareSegments(owners: CompareOwners, ask: CompareAsk): Promise<Comparison> {
  const { kind, segments, onProgress, signal } = ask;
  const sum = new Summing();
  const universes = new Map<PartitionNo, number>();
  let clock = 0;
  const partitions = Array.from({ length: owners.partitions }, (_, partition) => partition);
  const askOne = async (partition: PartitionNo, until: AbortSignal): Promise<void> => {
    for (let cursor: number | null = 0; cursor !== null; ) {
      until.throwIfAborted();
      const asked = { kind, segments, cursor };
      const answer: Awaited<ReturnType<CompareOwners["compare"]>> = await owners.compare(partition, asked);
      sum.add(answer.part);
      clock = Math.max(clock, answer.clock);
      universes.set(partition, answer.universe);
      onProgress?.({ looked: sum.members, universe: estimateOf(universes, owners.partitions) });
      cursor = answer.cursor;
    }
  };
  await askedEach(partitions, askOne, signal);
  return { kind, ...comparedBy(sum, segments), clock };
}

/** Partitions that have not answered yet are taken to be as large as the others. */
function estimateOf(universes: ReadonlyMap<PartitionNo, number>, partitions: number): number {
  const known = [...universes.values()].reduce((sum, size) => sum + size, 0);
  return Math.round((known / universes.size) * partitions);
}

class Summing {
  members = 0;
  readonly groups = new Map<number, Sum>();

  add({ members, groups }: ComparePart): void {
    this.members += members;
    for (const [held, group] of Object.entries(groups)) {
      let sum = this.groups.get(Number(held));
      if (sum === undefined) {
        sum = new Sum();
        this.groups.set(Number(held), sum);
      }
      sum.add(group);
    }
  }

  /** Of all groups for which it is true. */
  of(isWanted: (held: number) => boolean): Sum {
    const sum = new Sum();
    for (const [held, group] of this.groups) if (isWanted(held)) sum.addSum(group);
    return sum;
  }

  count(isWanted: (held: number) => boolean): number {
    let members = 0;
    for (const [held, { figures }] of this.groups) if (isWanted(held)) members += figures.members;
    return members;
  }
}

const FIGURES = [
  "members",
  "active7",
  "active30",
  "visits",
  "scored",
  "score",
  "buyers",
  "orders",
  "revenue",
] as const satisfies readonly (keyof GroupPart)[];

class Sum {
  readonly figures = newGroup();
  readonly categories = new Map<string, { members: number; items: number }>();

  add(group: GroupPart): void {
    for (const figure of FIGURES) this.figures[figure] += group[figure];
    for (const [category, members, items] of group.categories) this.addCategory(category, members, items);
  }

  addSum({ figures, categories }: Sum): void {
    this.add(figures);
    for (const [category, { members, items }] of categories) this.addCategory(category, members, items);
  }

  private addCategory(category: string, members: number, items: number): void {
    const known = this.categories.get(category);
    if (known === undefined) this.categories.set(category, { members, items });
    else {
      known.members += members;
      known.items += items;
    }
  }
}

// ── what is said ────────────────────────────────────────────────────────────────────────────────────────────────────

function comparedBy(sum: Summing, segments: readonly SegmentId[]): Omit<Comparison, "kind" | "clock"> {
  const bits = segments.map((_, index) => 2 ** index);
  const all = bits.reduce((whole, bit) => whole + bit, 0);
  const inAll = sum.count((held) => held === all);
  const inAny = sum.count((held) => held !== 0);
  return {
    segments: segments.map((segment, index) => ({
      segment,
      ...profileOf(
        sum.of((held) => has(held, bits[index]!)),
        sum.members,
      ),
      only: sum.count((held) => held === bits[index]),
    })),
    everybody: profileOf(
      sum.of(() => true),
      sum.members,
    ),
    pairs: segments.flatMap((a, left) =>
      segments.slice(left + 1).map((b, index) => pairOf(sum, [a, b], [bits[left]!, bits[left + 1 + index]!])),
    ),
    together: { all: inAll, any: inAny, jaccard: inAny === 0 ? null : inAll / inAny },
  };
}

function has(held: number, bit: number): boolean {
  return (held & bit) !== 0;
}

function pairOf(sum: Summing, [a, b]: [SegmentId, SegmentId], [bitA, bitB]: [number, number]): Pair {
  const both = sum.count((held) => has(held, bitA) && has(held, bitB));
  const onlyA = sum.count((held) => has(held, bitA) && !has(held, bitB));
  const onlyB = sum.count((held) => !has(held, bitA) && has(held, bitB));
  const either = both + onlyA + onlyB;
  return { a, b, both, either, onlyA, onlyB, jaccard: either === 0 ? null : both / either };
}

function profileOf({ figures, categories }: Sum, everybody: number): Profile {
  const { members, active7, active30, visits, scored, score, buyers, orders, revenue } = figures;
  return {
    members,
    share: everybody === 0 ? null : members / everybody,
    activeIn7Days: active7,
    activeIn30Days: active30,
    visits,
    engagement: scored === 0 ? null : Math.round((score / scored) * 100) / 100,
    buyers,
    orders,
    revenue: revenue / 10_000,
    topCategories: [...categories]
      .map(([category, bought]) => ({ category, ...bought }))
      .sort(
        (left, right) =>
          right.members - left.members || right.items - left.items || (left.category < right.category ? -1 : 1),
      )
      .slice(0, TOP_CATEGORIES),
  };
}
