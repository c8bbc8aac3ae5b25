// Who is in a segment now, page by page.
import type { FastifyRequest } from "fastify";
import { columnsAsked, type MemberAsk } from "../audience/members.ts";
import { membersOut } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { noSegment } from "../http/refusals.ts";
import { exact, refusals, SegmentIdIn } from "../schemas/common.ts";
import { MembersOut, MembersQuery, memberLimit } from "../schemas/members.ts";
import { membersMasked } from "../security/masking.ts";

export const memberRoutes: RouteGroup = (app, { audience }) => {
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
    async (request) => {
      const { id } = request.params;
      const members = await audience.members(id, askOf(request.query, request));
      if (members === undefined) throw noSegment(id);
      return membersOut(membersMasked(members, request.masking));
    },
  );
};

interface MemberQuery {
  readonly limit?: number;
  readonly cursor?: string;
  readonly sort?: MemberAsk["order"];
  readonly columns?: string;
}

/** The cursor of the order by id names somebody, and so does the order itself. */
export function askOf(query: MemberQuery, { masking }: FastifyRequest): MemberAsk {
  const { limit, cursor, sort: order = "any", columns } = query;
  if (order === "id" && !masking.personal) {
    throw new HttpError(
      403,
      "forbidden",
      "query.sort: to sort by id takes a key that shows personal data (--personal); newest, oldest and any do not.",
    );
  }
  return { order, limit: memberLimit(limit), cursor, ...columnsAsked(columns) };
}
