// Entries of the control log that put ids on a list, or take them from it: whom they name, and the same without some of them.
// Used where somebody is erased, by actors, and by the doctor, who looks at some.
import type { ControlEntry } from "./control.ts";
import { type Erased, isMeant } from "./erasure.ts";
import type { MemberId, MemberKind } from "./types.ts";

export type ListEntry = Extract<ControlEntry, { op: "list" }>;

/** Entries are as they were written: what was refused is one, too. */
export function isListEntry(entry: unknown): entry is ListEntry {
  const list = entry as Partial<ListEntry> | null | undefined;
  return typeof list === "object" && list?.op === "list" && Array.isArray(list.members);
}

/** Whether one of the ids in it is meant. */
export function namesErased(entry: ListEntry, erased: Erased): boolean {
  return kindIn(entry) === erased.kind && entry.members.some((id) => isId(id) && isMeant(erased, id));
}

/** The ids in it. */
export function idsIn({ members }: ListEntry): readonly MemberId[] {
  return members.filter(isId);
}

/** The same entry without those ids. What is no id stays: it is why the entry was refused. */
export function withoutIds(entry: ListEntry, isGone: (id: MemberId) => boolean): ListEntry {
  return { ...entry, members: entry.members.filter((id) => !isId(id) || !isGone(id)) };
}

function kindIn({ kind }: ListEntry): MemberKind {
  return kind === "account" ? "account" : "user";
}

function isId(id: unknown): id is MemberId {
  return typeof id === "string" && id !== "" && !/\p{Surrogate}/u.test(id);
}
