// How a segment has grown and shrunk: joined, left and size a minute, an hour, a day.

import type { Step } from "../../series/cells.ts";
import { readSeries, type SeriesAsk, seriesAsk } from "../../series/reading.ts";
import { seriesOut } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { noSegment } from "../http/refusals.ts";
import { exact, refusals, SegmentIdIn } from "../schemas/common.ts";
import { SeriesOut, SeriesQuery } from "../schemas/compare.ts";

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
      const asked = {
        ...(from === undefined ? {} : { from: momentOf(from, "query.from") }),
        ...(to === undefined ? {} : { to: momentOf(to, "query.to") }),
      };
      return seriesOut(await readSeries(series, id, rangeOf(step, asked)));
    },
  );
};

function momentOf(text: string, where: string): number {
  const at = Date.parse(text);
  if (Number.isFinite(at)) return at;
  throw new HttpError(400, "bad-request", `${where}: expected a moment such as 2026-11-23T10:00:00Z.`);
}

function rangeOf(step: Step, asked: { readonly from?: number; readonly to?: number }): SeriesAsk {
  try {
    return seriesAsk(step, asked, Date.now());
  } catch (error) {
    throw new HttpError(400, "bad-request", `query.${(error as Error).message}.`);
  }
}
