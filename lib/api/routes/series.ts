// How a segment has grown and shrunk: joined, left and size a minute, an hour, a day.

import { STEP_MS, type Step } from "../../series/cells.ts";
import { DEFAULT_POINTS, POINTS_MAX, readSeries } from "../../series/reading.ts";
import type { RouteGroup } from "../api.ts";
import { HttpError } from "../http-error.ts";
import { noSegment } from "../refusals.ts";
import { exact, refusals, SegmentIdIn } from "../schemas/common.ts";
import { SeriesOut, SeriesQuery } from "../schemas/compare.ts";
import { seriesOut } from "../shapes.ts";

export const seriesRoutes: RouteGroup = (app, { audience, series }) => {
  app.get(
    "/v1/segments/:id/series",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "Joined, left and size of a segment over time",
        params: exact({ id: SegmentIdIn }),
        querystring: SeriesQuery,
        response: { 200: SeriesOut, ...refusals(404) },
      },
    },
    async ({ params: { id }, query: { step = "hour", from, to } }) => {
      if ((await audience.segment(id)) === undefined) throw noSegment(id);
      const until = to === undefined ? Date.now() : momentOf(to, "query.to");
      const since = from === undefined ? until - DEFAULT_POINTS[step] * STEP_MS[step] : momentOf(from, "query.from");
      assertRange(since, until, step);
      return seriesOut(await readSeries(series, id, { from: since, to: until, step }));
    },
  );
};

function momentOf(text: string, where: string): number {
  const at = Date.parse(text);
  if (Number.isFinite(at)) return at;
  throw new HttpError(400, "bad-request", `${where}: expected a moment such as 2026-11-23T10:00:00Z.`);
}

function assertRange(from: number, to: number, step: Step): void {
  if (from >= to) throw new HttpError(400, "bad-request", "query.from: it must be before `to`.");
  if ((to - from) / STEP_MS[step] <= POINTS_MAX) return;
  throw new HttpError(
    400,
    "bad-request",
    `query.from: at most ${POINTS_MAX} steps; ask for less, or for a larger step.`,
  );
}
