// What is known of a person and of an account. For lib/api/routes/users.ts and accounts.ts.
import Type from "typebox";
import { AnyJson, AnyObject, Count, exact, listOf, MaybeMoment, mapOf, named } from "./common.ts";

const MembershipOut = named(
  "Membership",
  exact({ segment: Type.String(), in: Type.Boolean(), n: Count, since: MaybeMoment }),
);

const VisitsOut = named(
  "Visits",
  exact({
    count: Count,
    newest: Type.Optional(
      exact({
        start: MaybeMoment,
        last: MaybeMoment,
        underWay: Type.Boolean(),
        visit: Type.Unsafe({ ...AnyObject, description: "As rules read it; what no rule has kept is missing." }),
      }),
    ),
  }),
);

/** Alike for both. */
const known = {
  id: Type.String(),
  traits: AnyJson,
  place: Type.Optional(AnyObject),
  network: Type.Optional(AnyObject),
  device: Type.Optional(AnyObject),
  visits: VisitsOut,
  source: Type.Optional(AnyObject),
  situations: mapOf(AnyObject, { description: "What feeds say of that place, by the feed's kind." }),
  objects: mapOf(mapOf(AnyObject), { description: "By type, then by id." }),
  lists: listOf(Type.String()),
  memberships: listOf(MembershipOut),
  affinities: Type.Optional(AnyJson),
  firstSeen: MaybeMoment,
  lastSeen: MaybeMoment,
  online: Type.Boolean({ description: "A visit is under way." }),
};

export const UserOut = named(
  "User",
  exact({
    ...known,
    account: Type.Optional(exact({ id: Type.String(), since: Type.Optional(MaybeMoment) })),
    identities: mapOf(listOf(Type.String()), { description: "Ids by type, in the order of first coming." }),
    cart: AnyJson,
    orders: Count,
  }),
);

export const AccountOut = named(
  "Account",
  exact({
    ...known,
    users: Type.Integer({ minimum: 0, description: "Those who are its users now, with or without events." }),
    usersByRule: Type.Optional(
      mapOf(Count, { description: "By the text of each `users` rule that some segment asks." }),
    ),
    orders: exact({ count: Count, revenue: Type.Number() }),
  }),
);

export const AccountUsersOut = exact({
  account: Type.String(),
  count: Type.Integer({ minimum: 0, description: "Of all its users, those asked for." }),
  users: listOf(
    exact({
      id: Type.String(),
      holds: listOf(Type.String(), { description: "The texts of the `users` rules that hold for them." }),
      role: Type.Optional(Type.String({ description: "Their trait `role`." })),
      since: Type.Optional(MaybeMoment),
      lastSeen: Type.Optional(MaybeMoment),
    }),
  ),
});
