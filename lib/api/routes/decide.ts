// Which segments one person is in now, with the effect of the event that the page has just sent.

import { decided } from "../audience/deciding.ts";
import { decisionOut } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { refusals } from "../schemas/common.ts";
import { DecideIn, DecisionOut } from "../schemas/decide.ts";

export const decideRoutes: RouteGroup = (app, { audience }) => {
  app.post(
    "/v1/decide",
    {
      config: { needs: "decide" },
      schema: {
        tags: ["decide"],
        summary: "Which segments a person is in now, after an event that was just stored",
        body: DecideIn,
        "x-not-audited": "It asks; nothing changes.",
        response: { 200: DecisionOut, ...refusals(422) },
      },
    },
    async ({ body }) => decisionOut(body.user, await decided(audience, body)),
  );
};
