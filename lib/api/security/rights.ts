// Who may do what: the one table of roles and rights. Every route names one right (`config: {needs}`); guard.ts asks here,
// and the permission matrix in test/api is made from this table and from the routes.

/** What a route may need. `nobody` needs no key at all, ever. */
export const RIGHTS = {
  nobody: "asked without a key: whether the process lives, and which version it is",
  ingest: "send events",
  decide: "ask which segments one person is in",
  read: "every question: segments, members, people, explanations",
  build: "try definitions; change segments, lists, the vocabulary, items, situations",
  operate: "workers, partitions, jobs, rejects",
  export: "whole files, and who several segments share",
  keys: "make and revoke keys",
  audit: "read who changed what",
  erase: "remove a person",
} as const satisfies Readonly<Record<string, string>>;

export type Right = keyof typeof RIGHTS;

export const ROLES = ["ingest", "read", "build", "operate", "admin"] as const;
export type Role = (typeof ROLES)[number];

/**
 * A write key stands in web pages for everybody to read, so it asks nothing but decisions; and who only reads sends nothing.
 * From there on each role holds the one before it.
 */
const READING: readonly Right[] = ["nobody", "decide", "read"];
const BUILDING: readonly Right[] = [...READING, "build"];
const OPERATING: readonly Right[] = [...BUILDING, "ingest", "operate", "export"];

export const RIGHTS_OF: Readonly<Record<Role, ReadonlySet<Right>>> = {
  ingest: new Set<Right>(["nobody", "ingest", "decide"]),
  read: new Set(READING),
  build: new Set(BUILDING),
  operate: new Set(OPERATING),
  admin: new Set<Right>([...OPERATING, "keys", "audit", "erase"]),
};

/** The weakest role that has it, to be named in refusals. */
export function roleFor(right: Right): Role {
  return ROLES.find((role) => RIGHTS_OF[role].has(right))!;
}
