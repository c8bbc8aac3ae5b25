// Lists: static groups of people or accounts that rules refer to. For lib/api/routes/lists.ts.
import Type from "typebox";
import { Count, Cursor, exact, ID_LENGTH_MAX, idOf, Kind, limitOf, listOf, named, oneOf, pageOf } from "./common.ts";

export const LISTS_MAX = 1_000;
export const LIST_MEMBERS_MAX = 10_000;
export const LIST_MEMBERS_DEFAULT = 1_000;

export const ListIdIn = idOf("employees", "The list's id.");

const MembersIn = listOf(Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX }), {
  description: "Ids of users, or of accounts.",
});
const KindIn = Type.Optional(Type.Unsafe<"user" | "account">({ ...Kind, description: "Left out: users. It stays." }));

export const ListsQuery = exact({
  text: Type.Optional(Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX, description: "In the id, in any case." })),
  kind: Type.Optional(Kind),
  limit: limitOf(LISTS_MAX, LISTS_MAX),
  cursor: Cursor,
});

export const ListMembersQuery = exact({ limit: limitOf(LIST_MEMBERS_MAX, LIST_MEMBERS_DEFAULT), cursor: Cursor });

export const NewListIn = exact(
  {
    id: Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX }),
    kind: KindIn,
    members: Type.Optional(MembersIn),
  },
  { examples: [{ id: "friends", members: ["u1", "u2"] }] },
);

export const ListIn = exact({ kind: KindIn, members: MembersIn }, { examples: [{ members: ["u1", "u3"] }] });

export const ListMembersIn = exact({ members: MembersIn }, { examples: [{ members: ["u4"] }] });

export const UploadQuery = exact({
  mode: Type.Optional(
    oneOf(["add", "replace", "remove"], { default: "add", description: "What becomes of those who are in the list." }),
  ),
  kind: KindIn,
  column: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: ID_LENGTH_MAX,
      description: "The header's column of ids; left out where there is one column, or one named `id` or `user_id`.",
    }),
  ),
});

export const CsvIn = {
  content: {
    "text/csv": {
      schema: Type.String({
        description: "A header and rows, or one id a line. UTF-8; comma, semicolon or tab.",
        examples: ["id,name\nu5,Ann\nu6,Bob\n"],
      }),
    },
  },
};

export const ListOut = named(
  "List",
  exact({
    id: Type.String(),
    kind: Kind,
    members: Type.Integer({ minimum: 0, description: "How many." }),
    usedBy: listOf(Type.String(), { description: "Segments that refer to it." }),
  }),
);

export const ListsOut = pageOf(ListOut);
export const ListMembersOut = pageOf(Type.String());

export const ListChangedOut = exact({
  revisions: listOf(Count, { description: "Of each entry of the control log." }),
  list: ListOut,
});

export const ListGoneOut = exact({ id: Type.String() });
