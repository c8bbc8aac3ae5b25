// Why somebody is in a segment, or is not.
import Type from "typebox";
import { explanationOut } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { noSegment, shown } from "../http/refusals.ts";
import { AccountIdIn, exact, refusals, SegmentIdIn, UserIdIn } from "../schemas/common.ts";
import { ExplanationOut } from "../schemas/explain.ts";
import { explanationMasked } from "../security/masking.ts";

const USAGE = {
  user: "/v1/explain?segment=cart-under-100&user=u1",
  account: "/v1/explain?segment=trial-ending&account=acme: its members are accounts",
};

export const explainRoutes: RouteGroup = (app, { audience }) => {
  app.get(
    "/v1/explain",
    {
      config: { needs: "read" },
      schema: {
        tags: ["people"],
        summary: "Why a person is in a segment, or is not; for segments of accounts, an account",
        querystring: exact({
          segment: SegmentIdIn,
          user: Type.Optional(UserIdIn),
          account: Type.Optional(Type.Unsafe<string>({ ...AccountIdIn, examples: [] })),
        }),
        response: { 200: ExplanationOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { query } = request;
      const segment = await audience.segment(query.segment);
      if (segment === undefined) throw noSegment(query.segment);
      const { kind } = segment;
      const id = query[kind];
      if (id === undefined || (query.user !== undefined && query.account !== undefined)) {
        throw new HttpError(400, "bad-request", `query: say ${kind}=… alone, as in ${USAGE[kind]}.`);
      }
      const explanation = await audience.explain(query.segment, id);
      if (explanation !== undefined) return explanationOut(explanationMasked(explanation, request.masking));
      throw new HttpError(
        404,
        "nothing-to-explain",
        `${shown(id)} is not known, or ${query.segment} is not active yet.`,
      );
    },
  );
};
