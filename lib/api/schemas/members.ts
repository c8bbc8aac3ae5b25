// Who is in a segment. For lib/api/routes/members.ts and compare.ts.
import Type from "typebox";
import { MEMBER_ORDERS } from "../../core/members.ts";
import {
  AnyObject,
  Count,
  Cursor,
  exact,
  Kind,
  limitOf,
  listOf,
  MaybeMoment,
  named,
  nullable,
  oneOf,
} from "./common.ts";

const MEMBERS_DEFAULT = 100;
const MEMBERS_MAX = 10_000;

/** Of a list of members, whatever set they are. */
export const MEMBERS_QUERY = {
  limit: limitOf(MEMBERS_MAX, MEMBERS_DEFAULT),
  cursor: Cursor,
  sort: Type.Optional(
    oneOf(MEMBER_ORDERS, {
      default: "any",
      description:
        "`any` is the quickest: one look at everybody in all. `newest` and `oldest` joined last and first; `id` needs a key " +
        "that shows personal data. Each of their pages takes a look at everybody.",
    }),
  ),
  columns: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 2_048,
      examples: ["orders,revenue,lastSeen,trait:plan"],
      description:
        "With commas between: firstSeen, lastSeen, orders, revenue, visits, cart, account, lists, traits, or single traits as " +
        "`trait:NAME`.",
    }),
  ),
};

export const MembersQuery = exact(MEMBERS_QUERY);

export function memberLimit(limit: number | undefined): number {
  return limit ?? MEMBERS_DEFAULT;
}

export const MemberOut = named(
  "Member",
  exact({
    id: Type.String(),
    n: Type.Integer({ minimum: 1, description: "Which joining or leaving of this segment it was: 1, 2, 3 …" }),
    since: MaybeMoment,
    firstSeen: Type.Optional(MaybeMoment),
    lastSeen: Type.Optional(MaybeMoment),
    orders: Type.Optional(Count),
    revenue: Type.Optional(Type.Number()),
    visits: Type.Optional(Count),
    cart: Type.Optional(Type.Number({ description: "What is in the cart comes to so much." })),
    account: Type.Optional(nullable(Type.String())),
    lists: Type.Optional(listOf(Type.String())),
    traits: Type.Optional(AnyObject),
  }),
);

export const MembersOut = exact({
  segment: Type.String(),
  kind: Kind,
  size: Count,
  items: listOf(MemberOut),
  next: nullable(Type.String(), {
    description:
      "The `cursor` of the next page; null: this is the last. A page may have fewer than `limit`, or none, and be followed by " +
      "others: the few among many are looked for in several requests.",
  }),
});
