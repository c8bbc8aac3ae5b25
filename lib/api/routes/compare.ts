// Segments side by side, and who is in some of them and not in others.

import type { Audience, SegmentDetail } from "../audience/audience.ts";
import { COMPARED_MAX, COMPARED_MIN } from "../audience/comparing.ts";
import type { MemberPlace } from "../audience/members.ts";
import { comparisonOut, memberOut } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { noSegment } from "../http/refusals.ts";
import { exact, refusals } from "../schemas/common.ts";
import { ComparisonOut, OverlapOut, OverlapQuery, SegmentIdsIn } from "../schemas/compare.ts";
import { membersMasked } from "../security/masking.ts";
import { askOf } from "./members.ts";

export const compareRoutes: RouteGroup = (app, { audience, cursors }) => {
  app.get(
    "/v1/compare",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "Segments side by side: what their members come to, and how many they share",
        querystring: exact({ segments: SegmentIdsIn }),
        response: { 200: ComparisonOut, ...refusals(404, 422) },
      },
    },
    async ({ query, unheard }) => {
      const ids = idsOf(query.segments, "query.segments");
      if (ids.length < COMPARED_MIN) {
        throw new HttpError(
          400,
          "bad-request",
          `query.segments: name ${COMPARED_MIN} to ${COMPARED_MAX}, with commas between.`,
        );
      }
      const { kind } = await ofOneKind(audience, ids);
      return comparisonOut(await audience.compare(kind, ids, unheard));
    },
  );

  app.get(
    "/v1/compare/members",
    {
      config: { needs: "export" },
      schema: {
        tags: ["segments"],
        summary: "Who is in all of some segments, and in none of others",
        querystring: OverlapQuery,
        response: { 200: OverlapOut, ...refusals(404, 422) },
      },
    },
    async (request) => {
      const { query } = request;
      const [inside, outside] = [idsOf(query.in, "query.in"), idsOf(query.out ?? "", "query.out")];
      if (inside.length === 0) throw new HttpError(400, "bad-request", "query.in: name a segment.");
      const { kind } = await ofOneKind(audience, [...inside, ...outside]);
      const asked = askOf(query, request.masking);
      const pages = cursors.pagesOf<MemberPlace>("overlap", inside, outside, asked.order);
      const set = { kind, in: inside, out: outside };
      const page = await audience.overlap(set, { ...asked, from: pages.from(query.cursor), signal: request.unheard });
      // Each page by itself: a cursor may be handed on, and used as often as somebody likes.
      await request.audit({
        what: "compare.export",
        target: inside.join(","),
        detail: { out: outside, members: page.items.length },
      });
      const { items, next } = membersMasked(page, request.masking);
      return { items: items.map(memberOut), next: pages.next(next) };
    },
  );
};

function idsOf(text: string, where: string): string[] {
  const ids = [...new Set(text.split(",").map((id) => id.trim()))].filter((id) => id !== "");
  if (ids.length <= COMPARED_MAX) return ids;
  throw new HttpError(400, "bad-request", `${where}: at most ${COMPARED_MAX} segments, not ${ids.length}.`);
}

/** Users are no accounts: nobody is in segments of both kinds. */
async function ofOneKind(audience: Audience, ids: readonly string[]): Promise<SegmentDetail> {
  const segments = await Promise.all(
    ids.map(async (id) => {
      const segment = await audience.segment(id);
      if (segment === undefined) throw noSegment(id);
      return segment;
    }),
  );
  const [first] = segments;
  const other = segments.find(({ kind }) => kind !== first!.kind);
  if (other === undefined) return first!;
  throw new HttpError(
    422,
    "mixed-kinds",
    `${first!.id} has ${first!.kind}s as members and ${other.id} has ${other.kind}s: compare segments of one kind.`,
  );
}
