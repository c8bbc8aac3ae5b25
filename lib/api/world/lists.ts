// Lists: static groups of people or accounts that rules refer to. Which there are, who uses them, and every change of one, in
// as many control entries as it needs. Used by the command line and by the HTTP interface.
import { nearest } from "../../core/rules/parse/problems.ts";
import type { Limits, MemberId, MemberKind, SegmentId } from "../../core/types.ts";
import { appendEntry, listEntry } from "../segments/apply.ts";
import type { Catalogue } from "../segments/catalogue.ts";
import { NotPossible } from "../segments/not-possible.ts";
import type { Desk } from "../segments/segment-changes.ts";
import { segmentsUsingList } from "../segments/uses.ts";
import { breathing, inBreaths } from "./breathing.ts";
import type { ListMembers, ListMode } from "./list-members.ts";

export interface ListSummary {
  readonly id: string;
  readonly kind: MemberKind;
  readonly members: number;
  readonly usedBy: readonly SegmentId[];
}

/** In the order of their ids. */
export function listsOf(catalogue: Catalogue): readonly ListSummary[] {
  return [...catalogue.lists.keys()].sort().map((id) => listOf(catalogue, id));
}

export function listOf(catalogue: Catalogue, id: string): ListSummary {
  return {
    id,
    kind: catalogue.listKinds.get(id) ?? "user",
    members: membersOf(catalogue, id).size,
    usedBy: segmentsUsingList(catalogue, id),
  };
}

export function membersOf({ lists }: Catalogue, id: string): ListMembers {
  const members = lists.get(id);
  if (members !== undefined) return members;
  const meant = nearest(id, lists.keys());
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
  throw new NotPossible("unknown", "unknown-list", `There is no list "${id.slice(0, 80)}".${hint}`);
}

/** Where the next page begins: after an id, or after so many. */
export type ListPlace = { readonly after?: MemberId } | { readonly shown: number };

interface PageWanted {
  /** Otherwise as they were put on it. */
  readonly isById: boolean;
  readonly limit: number;
  readonly place: ListPlace | undefined;
}

/** By id, whoever is put on it or taken from it meanwhile, nobody who stays is left out or shown twice. */
export async function membersPage(
  members: ListMembers,
  { isById, limit, place = isById ? {} : { shown: 0 } }: PageWanted,
): Promise<{ readonly items: readonly MemberId[]; readonly next: ListPlace | null }> {
  const items =
    "shown" in place ? members.shown(place.shown, limit + 1) : await breathing(members.after(place.after, limit + 1));
  const next = "shown" in place ? { shown: place.shown + limit } : { after: items[limit - 1]! };
  return items.length > limit ? { items: items.slice(0, limit), next } : { items, next: null };
}

export interface ListChange {
  readonly id: string;
  readonly mode: ListMode;
  readonly members: readonly MemberId[];
  /** Left out: that of the list, and users for a new one. */
  readonly kind?: MemberKind;
  /** Throws when the list is not as it must be; looked at before the first entry is written. */
  readonly assertStill?: () => void;
  /** Where it takes more than one entry: told before the first is written, and gives whom to tell of each that is. May throw to end it. */
  readonly inParts?: () => Promise<(members: number) => void>;
}

/** What has been written of a change so far. */
export class ListWritten {
  /** Of each entry. */
  readonly revisions: number[] = [];
  /** Of those who were given, how many are as they were to be. */
  members = 0;
}

/** {"op":"list","id":"","mode":"replace","kind":"account","members":[]} and what the log adds. */
const FRAME_BYTES = 128;
/** Halves of a message at most: a partition applies each entry in one breath. */
const ENTRY_BYTES_MAX = 512 * 1024;

/**
 * What fits into one entry is written as it is given. What does not is written in several, and of it only what differs: what comes
 * first, what goes after that, so that nobody who stays leaves on the way. `written` is told of each entry, so that it is known
 * when one fails.
 */
export async function changeList(desk: Desk, change: ListChange, written: ListWritten): Promise<ListSummary> {
  const { control, catalogue, limits } = desk;
  const { id, mode } = change;
  assertListId(id, limits);
  const bytesMax = Math.min(control.entryBytesMax ?? ENTRY_BYTES_MAX, ENTRY_BYTES_MAX) - FRAME_BYTES - bytesOf(id);
  const { given, bytes } = await eachOnce(change.members, limits);
  const { revisions } = written;
  const kindNow = (how: ListMode): MemberKind => {
    if (revisions.length === 0) change.assertStill?.();
    // An entry that takes somebody out of a list that is not there would make it.
    if (how === "remove") membersOf(catalogue, id);
    return kindOf(catalogue, id, change.kind);
  };
  const write = async (how: ListMode, ids: readonly MemberId[]): Promise<void> => {
    const revision = await appendEntry(control, catalogue, (isInDoubt) => {
      // After a lost answer the list is what the entry was to make of it, by this very change.
      if (isInDoubt && how !== "remove" && holdsExactly(catalogue, id, ids)) return undefined;
      return listEntry(id, kindNow(how), how, ids);
    });
    if (revision === undefined) return;
    const why = catalogue.rejections.get(revision);
    if (why !== undefined) throw new NotPossible("bad", "bad-list", `The list was refused: ${why}.`);
    revisions.push(revision);
  };
  if (bytes <= bytesMax) {
    await write(mode, [...given]);
    written.members = given.size;
    return listOf(catalogue, id);
  }
  await catchUp(desk);
  const how = mode === "remove" ? "remove" : "add";
  kindNow(how);
  const isOn = (member: MemberId): boolean => catalogue.lists.get(id)?.has(member) ?? false;
  const differ = await partsOf(given, bytesMax, (member) => isOn(member) === (how === "remove"));
  written.members = given.size - differ.count;
  const told = differ.all.length > 1 ? await change.inParts?.() : undefined;
  for (const part of differ.all) {
    told?.(written.members);
    await write(how, part);
    written.members += part.length;
  }
  told?.(written.members);
  if (mode === "replace") {
    const goes = await partsOf(membersOf(catalogue, id), bytesMax, (member) => !given.has(member));
    for (const part of goes.all) await write("remove", part);
  }
  return listOf(catalogue, id);
}

async function eachOnce(
  members: readonly MemberId[],
  limits: Limits,
): Promise<{ readonly given: ReadonlySet<MemberId>; readonly bytes: number }> {
  const given = new Set<MemberId>();
  let bytes = 0;
  await inBreaths(members, (member, index) => {
    assertMemberId(member, index, limits);
    if (given.has(member)) return;
    given.add(member);
    bytes += bytesIn(member);
  });
  return { given, bytes };
}

/** Whoever has been told of a change elsewhere finds it here. */
async function catchUp({ control, catalogue }: Desk): Promise<void> {
  const revision = await control.lastRevision();
  await catalogue.when(() => catalogue.state.revision >= revision);
}

function holdsExactly({ lists }: Catalogue, id: string, members: readonly MemberId[]): boolean {
  const held = lists.get(id);
  return held !== undefined && held.size === members.length && members.every((member) => held.has(member));
}

interface Parts {
  /** Ids of each entry. */
  readonly all: readonly (readonly MemberId[])[];
  readonly count: number;
}

/** Those who are wanted, in as many entries as they take. */
async function partsOf(
  members: Iterable<MemberId>,
  bytesMax: number,
  isWanted: (member: MemberId) => boolean,
): Promise<Parts> {
  const all: MemberId[][] = [];
  let count = 0;
  let bytes = Number.POSITIVE_INFINITY;
  await inBreaths(members, (member) => {
    if (!isWanted(member)) return;
    const size = bytesIn(member);
    if (bytes + size > bytesMax) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)!.push(member);
    bytes += size;
    count += 1;
  });
  return { all, count };
}

/** What an id takes in an entry. */
function bytesIn(member: MemberId): number {
  return bytesOf(JSON.stringify(member)) + 1;
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

function assertListId(id: string, { idBytesMax }: Limits): void {
  if (id !== "" && bytesOf(id) <= idBytesMax) return;
  throw new NotPossible("bad", "bad-list", `A list's id is text of 1 to ${idBytesMax} bytes (limits.idBytesMax).`);
}

function assertMemberId(member: MemberId, index: number, { idBytesMax }: Limits): void {
  if (member !== "" && bytesOf(member) <= idBytesMax) return;
  const message =
    member === ""
      ? "an id is not empty"
      : `"${member.slice(0, 40)}…" is longer than an id may be (limits.idBytesMax ${idBytesMax})`;
  throw new NotPossible("bad", "bad-list", `${message}.`, [{ path: `members[${index}]`, message }]);
}

/** A list that is there keeps its kind, so it need not be said again. */
function kindOf({ listKinds }: Catalogue, id: string, asked: MemberKind | undefined): MemberKind {
  const held = listKinds.get(id);
  if (held === undefined || asked === undefined || held === asked) return held ?? asked ?? "user";
  throw new NotPossible(
    "conflict",
    "list-kind",
    `The list ${id} holds ${held}s, and keeps its kind: give the ${asked}s a list of another id.`,
  );
}

export function assertNoList({ lists }: Catalogue, id: string): void {
  if (!lists.has(id)) return;
  throw new NotPossible(
    "conflict",
    "list-exists",
    `There is a list ${id} already: give another id, or replace that one.`,
  );
}

/** Refused while a segment names it. */
export async function removeList({ control, catalogue }: Desk, id: string): Promise<number | undefined> {
  membersOf(catalogue, id);
  return appendEntry(control, catalogue, () => {
    if (!catalogue.lists.has(id)) return undefined;
    const using = segmentsUsingList(catalogue, id);
    if (using.length === 0) return { op: "removeList", id };
    const problems = using.map((user) => ({ path: user, message: `the segment ${user} names it` }));
    const message = `${id} is in use by ${using.join(", ")}; change those first.`;
    throw new NotPossible("conflict", "list-in-use", message, problems);
  });
}
