// Who is in a segment now, page by page.
import { columnsAsked, type MemberAsk, type MemberPlace } from "../audience/members.ts";
import { membersOut } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { noSegment } from "../http/refusals.ts";
import { exact, refusals, SegmentIdIn } from "../schemas/common.ts";
import { MembersOut, MembersQuery, memberLimit } from "../schemas/members.ts";
import { type Masking, membersMasked } from "../security/masking.ts";

export const memberRoutes: RouteGroup = (app, { audience, cursors }) => {
  app.get(
    "/v1/segments/:id/members",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "Members of a segment",
        params: exact({ id: SegmentIdIn }),
        querystring: MembersQuery,
        response: { 200: MembersOut, ...refusals(404) },
      },
    },
    async ({ params: { id }, query, masking, unheard: signal }) => {
      const asked = askOf(query, masking);
      const pages = cursors.pagesOf<MemberPlace>("members", id, asked.order);
      const members = await audience.members(id, { ...asked, from: pages.from(query.cursor), signal });
      if (members === undefined) throw noSegment(id);
      return membersOut(membersMasked(members, masking), pages.next(members.next));
    },
  );
};

interface MemberQuery {
  readonly limit?: number;
  readonly sort?: MemberAsk["order"];
  readonly columns?: string;
}

/** Between which others somebody stands by id tells how their id begins. */
export function askOf(
  { limit, sort: order = "any", columns }: MemberQuery,
  masking: Masking,
): Omit<MemberAsk, "from" | "signal"> {
  if (order === "id" && !masking.personal) {
    throw new HttpError(
      403,
      "forbidden",
      "query.sort: to sort by id takes a key that shows personal data (--personal); newest, oldest and any do not.",
    );
  }
  return { order, limit: memberLimit(limit), ...columnsAsked(columns) };
}
