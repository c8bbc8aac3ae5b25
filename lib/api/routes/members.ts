// Who is in a segment now.
import type { RouteGroup } from "../api.ts";
import { noSegment } from "../refusals.ts";
import { exact, limitOf, refusals, SegmentIdIn } from "../schemas/common.ts";
import { MembersOut } from "../schemas/members.ts";
import { membersMasked } from "../security/masking.ts";
import { membersOut } from "../shapes.ts";

const MEMBERS_DEFAULT = 100;
const MEMBERS_MAX = 10_000;

export const memberRoutes: RouteGroup = (app, { audience }) => {
  app.get(
    "/v1/segments/:id/members",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "Members of a segment",
        params: exact({ id: SegmentIdIn }),
        querystring: exact({ limit: limitOf(MEMBERS_MAX, MEMBERS_DEFAULT) }),
        response: { 200: MembersOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const members = await audience.members(id, request.query.limit ?? MEMBERS_DEFAULT);
      if (members === undefined) throw noSegment(id);
      return membersOut(membersMasked(members, request.masking));
    },
  );
};
