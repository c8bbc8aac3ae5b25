// Members of a segment, or of several at once, page by page over all partitions: found by their owners in slices, put into one
// order here. Whoever stays a member from the first page to the last is met once, on one page; whoever joins or leaves meanwhile
// may be met or not. In an order by time that holds for who does not leave and join again meanwhile.
//
//   any             partition by partition, in the order of the walk through its pages, which splits do not disturb
//   id, time        the best of each partition's slices, beyond the last one of the page before
import { partitionOf } from "../../core/ids.ts";
import {
  type ColumnsAsked,
  compareRanks,
  type FoundMember,
  MEMBER_COLUMNS,
  type MemberColumn,
  type MemberOrder,
  type MemberRank,
  type MemberSet,
} from "../../core/members.ts";
import type { MemberRow } from "../../core/partition.ts";
import type { MemberId, Millis, PartitionNo, SegmentId } from "../../core/types.ts";
import type { Questions } from "../../nats/questions.ts";
import { HttpError } from "../http/http-error.ts";
import { askedEach } from "./asking.ts";

/** A search for the few among many ends a page early then, perhaps with nobody on it; the next one goes on. */
const PAGE_MS_MAX = 5_000;
/** Before the name of a trait, where a column is one. */
export const TRAIT = "trait:";

export type MemberOwners = Pick<Questions, "gather" | "rows" | "sizesOf"> & { readonly partitions: number };

export interface MemberAsk extends ColumnsAsked {
  readonly order: MemberOrder;
  readonly limit: number;
  /** The `next` of the page before, which was asked in the same order. */
  readonly from: MemberPlace | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ListedMember {
  readonly id: MemberId;
  readonly n: number;
  readonly since: Millis;
  /** The columns asked for; absent where none is. */
  readonly row?: MemberRow;
}

export interface MemberPage {
  /** Of the first segment. */
  readonly size: number;
  readonly items: readonly ListedMember[];
  readonly next: MemberPlace | null;
}

/** Where the next page begins. It is made of ids, so whoever may not see them is given it sealed (sealed-cursors.ts). */
export type MemberPlace =
  | { readonly order: "any"; readonly partition: PartitionNo; readonly at: number; readonly after?: number }
  | { readonly order: Exclude<MemberOrder, "any">; readonly beyond: MemberRank };

interface Found {
  readonly members: readonly FoundMember[];
  readonly next: MemberPlace | undefined;
}

export async function memberPage(owners: MemberOwners, set: MemberSet, ask: MemberAsk): Promise<MemberPage> {
  const sizes = await owners.sizesOf(set.in[0]!);
  const { members, next } = await membersFrom(owners, set, ask, sizes);
  const rows = await rowsOf(owners, set, members, ask);
  return {
    size: sizes.reduce((sum, size) => sum + size, 0),
    items: members.map(({ id, n, since }) => {
      const row = rows?.get(id);
      return { id, n, since, ...(row === undefined ? {} : { row }) };
    }),
    next: next ?? null,
  };
}

function membersFrom(
  owners: MemberOwners,
  set: MemberSet,
  { order, limit, from, signal }: MemberAsk,
  sizes: readonly number[],
): Promise<Found> {
  if (order === "any") {
    return inAnyOrder(owners, set, { limit, signal }, sizes, from?.order === "any" ? from : undefined);
  }
  const beyond = from?.order === "any" ? undefined : from?.beyond;
  return inOrder(owners, set, { order, limit, beyond, signal }, sizes);
}

async function inAnyOrder(
  owners: MemberOwners,
  set: MemberSet,
  { limit, signal }: Pick<MemberAsk, "limit" | "signal">,
  sizes: readonly number[],
  from: Extract<MemberPlace, { order: "any" }> = { order: "any", partition: 0, at: 0 },
): Promise<Found> {
  const members: FoundMember[] = [];
  const until = performance.now() + PAGE_MS_MAX;
  let place = from;
  while (place.partition < owners.partitions) {
    signal?.throwIfAborted();
    if (members.length >= limit || performance.now() > until) return { members, next: place };
    const { partition, at, after } = place;
    const ended: MemberPlace = { order: "any", partition: partition + 1, at: 0 };
    if (sizes[partition] === 0) {
      place = ended;
      continue;
    }
    const asked = { set, order: "any", cursor: at, limit: limit - members.length } as const;
    const answer = await owners.gather(partition, { ...asked, ...(after === undefined ? {} : { after }) });
    members.push(...answer.found);
    const { cursor, after: within } = answer;
    place =
      cursor === null
        ? ended
        : { order: "any", partition, at: cursor, ...(within === undefined ? {} : { after: within }) };
  }
  return { members, next: undefined };
}

interface Ordered extends Pick<MemberAsk, "limit" | "signal"> {
  readonly order: Exclude<MemberOrder, "any">;
  readonly beyond: MemberRank | undefined;
}

/** One more than asked for is looked for, so that the last page knows that it is the last. */
async function inOrder(
  owners: MemberOwners,
  set: MemberSet,
  { order, limit, beyond, signal }: Ordered,
  sizes: readonly number[],
): Promise<Found> {
  const compare = compareRanks(order);
  const most = limit + 1;
  let best: FoundMember[] = [];
  const partitions = [...sizes.keys()].filter((partition) => sizes[partition] !== 0);
  const askOne = async (partition: PartitionNo, still: AbortSignal): Promise<void> => {
    for (let cursor: number | null = 0; cursor !== null; ) {
      still.throwIfAborted();
      const until: FoundMember | undefined = best.length < most ? undefined : best.at(-1);
      const answer: Awaited<ReturnType<MemberOwners["gather"]>> = await owners.gather(partition, {
        set,
        order,
        cursor,
        limit: most,
        ...(beyond === undefined ? {} : { beyond: rankOf(beyond, order) }),
        ...(until === undefined ? {} : { until: rankOf(until, order) }),
      });
      if (answer.found.length > 0) best = [...best, ...answer.found].sort(compare).slice(0, most);
      cursor = answer.cursor;
    }
  };
  await askedEach(partitions, askOne, signal);
  const members = best.slice(0, limit);
  return { members, next: best.length > limit ? { order, beyond: rankOf(members.at(-1)!, order) } : undefined };
}

/** What the order reads, and no more: a question to each owner carries it. */
function rankOf({ id, since, place, mark }: MemberRank, order: MemberOrder): MemberRank {
  return order === "id" ? { id, since: 0, place: 0, mark: 0 } : { id: "", since, place, mark };
}

// ── columns ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Undefined where no columns are asked. Whoever was forgotten meanwhile has none. */
async function rowsOf(
  owners: MemberOwners,
  { kind }: MemberSet,
  members: readonly FoundMember[],
  { columns, traits, signal }: ColumnsAsked & Pick<MemberAsk, "signal">,
): Promise<ReadonlyMap<MemberId, MemberRow> | undefined> {
  if (columns.length === 0 && traits.length === 0) return undefined;
  const waiting = new Map<PartitionNo, MemberId[]>();
  for (const { id } of members) {
    const partition = partitionOf(id, owners.partitions);
    waiting.set(partition, [...(waiting.get(partition) ?? []), id]);
  }
  const rows = new Map<MemberId, MemberRow>();
  const askOne = async ([partition, own]: [PartitionNo, MemberId[]], until: AbortSignal): Promise<void> => {
    for (let ids: readonly MemberId[] = own; ids.length > 0; ) {
      until.throwIfAborted();
      const answer = await owners.rows(partition, { kind, ids, columns, traits });
      for (const row of answer.rows) if (row !== null) rows.set(row.id, row);
      ids = ids.slice(answer.rows.length);
    }
  };
  await askedEach(waiting, askOne, signal);
  return rows;
}

/** `orders,lastSeen,trait:plan`: the words as they were asked for, each once. */
export function columnWords(text: string | undefined): readonly string[] {
  const words = (text ?? "").split(",").map((word) => word.trim());
  return [...new Set(words.filter((word) => word !== ""))];
}

/** Throws an HttpError that names the word which is no column. */
export function columnsAsked(text: string | undefined): ColumnsAsked {
  const columns: MemberColumn[] = [];
  const traits: string[] = [];
  for (const word of columnWords(text)) {
    const column = MEMBER_COLUMNS.find((one) => one === word);
    if (column !== undefined) columns.push(column);
    else if (word.startsWith(TRAIT) && word.length > TRAIT.length) traits.push(word.slice(TRAIT.length));
    else {
      const there = `${MEMBER_COLUMNS.join(", ")} and ${TRAIT}NAME`;
      throw new HttpError(
        400,
        "bad-request",
        `query.columns: there is no column ${JSON.stringify(word)}; there are ${there}.`,
      );
    }
  }
  return { columns, traits };
}

/** Of one segment. */
export function membersOf(kind: MemberSet["kind"], segment: SegmentId): MemberSet {
  return { kind, in: [segment], out: [] };
}
