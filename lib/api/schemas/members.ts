// Who is in a segment. For lib/api/routes/members.ts.
import Type from "typebox";
import { Count, exact, Kind, listOf, MaybeMoment, named } from "./common.ts";

export const MemberOut = named(
  "Member",
  exact({
    id: Type.String(),
    n: Type.Integer({ minimum: 1, description: "Which joining or leaving of this segment it was: 1, 2, 3 …" }),
    since: MaybeMoment,
  }),
);

export const MembersOut = exact({
  segment: Type.String(),
  kind: Kind,
  size: Count,
  members: listOf(MemberOut),
});
