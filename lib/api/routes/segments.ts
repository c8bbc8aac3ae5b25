// Which segments there are, and one by itself.
import type { RouteGroup } from "../api.ts";
import { noSegment } from "../refusals.ts";
import { exact, refusals, SegmentIdIn } from "../schemas/common.ts";
import { OverviewOut, SegmentOut } from "../schemas/segments.ts";

export const segmentRoutes: RouteGroup = (app, { audience }) => {
  app.get(
    "/v1/segments",
    {
      config: { needs: "read" },
      schema: { tags: ["segments"], summary: "All segments, with their sizes", response: { 200: OverviewOut } },
    },
    () => audience.overview(),
  );

  app.get(
    "/v1/segments/:id",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "One segment, with its definition and what it says in plain words",
        params: exact({ id: SegmentIdIn }),
        response: { 200: SegmentOut, ...refusals(404) },
      },
    },
    async ({ params: { id } }) => {
      const segment = await audience.segment(id);
      if (segment === undefined) throw noSegment(id);
      return segment;
    },
  );
};
