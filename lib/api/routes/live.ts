// What happens now, as server-sent events. The streams themselves are lib/api/live.
import type { FastifyRequest } from "fastify";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { within } from "../http/tracing.ts";
import { LiveFeed } from "../live/feed.ts";
import { TOPICS_DEFAULT, topicsOf } from "../live/topics.ts";
import { answerOf } from "../schemas/common.ts";
import { LiveQuery } from "../schemas/live.ts";
import { countedAs } from "../security/counted.ts";
import { RIGHTS_OF } from "../security/rights.ts";

const DESCRIPTION = `Each message is an event \`snapshot\` or \`delta\` with \`{topic, data}\`; \`start\` (\`{resumed, reason?}\`) follows what a
stream begins with, \`end\` (\`{reason, message}\`) says why it ends. Of a topic at most four messages a second; a comment every 15 s.
Send the last id again as \`Last-Event-ID\`, as browsers do, to be told what was missed.`;

/** One that waits for its turn on the connection is never told that the connection has closed. */
const NOT_ITS_TURN = "A live stream is asked for when every answer before it on the same connection has come.";

export const liveRoutes: RouteGroup = (app, { audience, tap, operating, http, keyring }) => {
  const { streamsPerKeyMax, traitsShown } = http;
  const feed = new LiveFeed({ audience, tap, operating, streamsPerKeyMax, traitsShown: new Set(traitsShown) });
  app.addHook("preClose", async () => feed.close());
  /** Its key may be revoked while it listens; and the first key of all closes the door. */
  const isWelcome = ({ caller: { key } }: FastifyRequest): boolean => {
    if (key === undefined) return keyring.isOpen;
    const now = keyring.all().find(({ id }) => id === key.id);
    return now !== undefined && now.revoked === undefined && RIGHTS_OF[now.role].has("read");
  };
  app.get(
    "/v1/live",
    {
      // Its answer would be held open like the stream, with nobody to read it.
      exposeHeadRoute: false,
      config: { needs: "read" },
      schema: {
        tags: ["live"],
        summary: "What happens now, as server-sent events: sizes, changes, people, events, operations",
        description: DESCRIPTION,
        querystring: LiveQuery,
        response: { 200: answerOf("text/event-stream", "Snapshots, then what differs.") },
      },
    },
    (request, reply) => {
      const topics = topicsOf(request.query.topics ?? TOPICS_DEFAULT);
      const { caller, headers } = request;
      const who = countedAs(request);
      if (reply.raw.socket === null) throw new HttpError(400, "bad-request", NOT_ITS_TURN);
      feed.assertRoom(who);
      const lastEventId = headers["last-event-id"];
      reply.hijack();
      const listener = {
        response: reply.raw,
        headers: reply.getHeaders(),
        topics,
        personal: caller.personal,
        who,
        lastEventId: typeof lastEventId === "string" ? lastEventId.slice(0, 200) : "",
        isWelcome: () => isWelcome(request),
      };
      // What it begins, others listen to as well.
      within(undefined, () => void feed.connect(listener));
    },
  );
};
