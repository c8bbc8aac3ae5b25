// What happens now, as server-sent events. The feed itself is lib/api/live.ts.
import type { RouteGroup } from "../api.ts";
import { LiveFeed } from "../live.ts";
import { answerOf } from "../schemas/common.ts";

export const liveRoutes: RouteGroup = (app, { audience }) => {
  const feed = new LiveFeed(audience);
  app.addHook("preClose", async () => feed.close());
  app.get(
    "/v1/live",
    {
      config: { needs: "read" },
      schema: {
        tags: ["live"],
        summary: "Sizes when they change, deltas as they happen, as server-sent events",
        response: {
          200: answerOf("text/event-stream", "Events `sizes` (as GET /v1/segments) and `deltas` ({deltas, skipped})."),
        },
      },
    },
    (request, reply) => {
      reply.hijack();
      feed.connect(reply.raw, request.caller.personal);
    },
  );
};
