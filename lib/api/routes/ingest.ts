// Events in, as the Segment API takes them, so that its libraries need no change: one call or many at once, by long paths and
// by one letter. How they are read is lib/api/ingest/envelopes.ts, how they get into the logs lib/api/ingest/storing.ts.
import type { FastifyReply, FastifyRequest } from "fastify";
import type { EventToStore } from "../../ports/intake.ts";
import type { Api, ApiServices, RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { inflated } from "../http/inflating.ts";
import { jsonParser } from "../http/input.ts";
import { sendError } from "../http/refusals.ts";
import { traceOfRequest } from "../http/tracing.ts";
import { type Arrival, BATCH_BYTES_MAX, CALLS, eventOfCall, eventsOfBatch } from "../ingest/envelopes.ts";
import { type Positions, Storing } from "../ingest/storing.ts";
import { exact } from "../schemas/common.ts";
import { BatchIn, callIn, IngestTold, SettingsOut, WriteKeyIn } from "../schemas/ingest.ts";
import { isAdmitted, noKey } from "../security/guard.ts";

/** Where the logs are read up to here, what was sent is heard: `partition:sequence`, with commas between. */
export const POSITION_HEADER = "rollcall-position";

/** The most that the library takes; of itself it gives an event up after the tenth refusal. */
const PATIENT = { rateLimitConfig: { maxRetryCount: 100 }, backoffConfig: { maxRetryCount: 100 } };
/** Of the guard's refusals; every other one is about a body. */
const GUARDS_STATUSES: ReadonlySet<number> = new Set([401, 403, 429]);
/** Of every route that takes events. */
const SCHEMA = {
  tags: ["events"],
  response: { 200: IngestTold },
  "x-not-audited": "Events are data; they have logs of their own.",
};

export const ingestRoutes: RouteGroup = (app, services) => {
  const { log, http, intake } = services;
  const storing = new Storing(intake, http);
  const store = async ({ raw: { socket } }: FastifyRequest, reply: FastifyReply, events: EventToStore[]) => {
    tellPositions(reply, await storing.store(events, () => socket.destroyed));
    return { success: true };
  };
  // Only here: elsewhere a page of another site could send plain text without asking.
  app.addContentTypeParser("text/plain", { parseAs: "buffer" }, jsonParser(app));
  app.addHook("preParsing", (request, _reply, payload, done) => done(null, inflated(request, payload)));
  app.setErrorHandler((error: Error, request, reply) => sendError(refusalOf(error, request), reply, log));

  for (const call of CALLS) {
    for (const path of [call, call[0]!]) {
      app.post(
        `/v1/${path}`,
        {
          config: { needs: "ingest", writeKeyInBody: true },
          bodyLimit: BATCH_BYTES_MAX,
          schema: { ...SCHEMA, summary: summaryOf(path, call), body: callIn(call) },
        },
        (request, reply) => store(request, reply, [eventOfCall(call, request.body, arrivalOf(request, services))]),
      );
    }
  }
  for (const path of ["batch", "import", "b"]) {
    app.post(
      `/v1/${path}`,
      {
        config: { needs: "ingest", writeKeyInBody: true },
        bodyLimit: BATCH_BYTES_MAX,
        schema: { ...SCHEMA, summary: summaryOf(path, "batch"), body: BatchIn },
      },
      (request, reply) => store(request, reply, eventsOfBatch(request.body, arrivalOf(request, services))),
    );
  }
  settingsRoute(app);
};

const SUMMARIES: Readonly<Record<string, string>> = {
  track: "Somebody has done something",
  identify: "What is known of somebody",
  page: "Somebody has seen a page",
  screen: "Somebody has seen a screen of an app",
  group: "Which account somebody belongs to, and what is known of it",
  alias: "Two ids are one person's; stored, and not read yet",
  batch: "Many calls at once",
};

function summaryOf(path: string, call: string): string {
  return path.length === 1 ? `The same as /v1/${call}` : SUMMARIES[call]!;
}

/**
 * What the library for browsers asks for before anything else. The key stands in the path, and lets in. What the library would tell
 * of itself, it would tell us.
 */
function settingsRoute(app: Api): void {
  app.get(
    "/v1/projects/:writeKey/settings",
    {
      config: { needs: "ingest", writeKeyInPath: true },
      schema: {
        tags: ["events"],
        summary: "How a page's library is to be set up",
        params: exact({ writeKey: WriteKeyIn }),
        response: { 200: SettingsOut },
      },
    },
    async ({ params: { writeKey } }) => ({
      integrations: { "Segment.io": { apiKey: writeKey, httpConfig: PATIENT } },
      plan: { track: {} },
      metrics: { sampleRate: 0 },
    }),
  );
}

function arrivalOf(
  { ip, headers, caller }: FastifyRequest,
  { tables, keepIp, limits, http, catalogue }: ApiServices,
): Arrival {
  return {
    tables,
    trustedSources: catalogue.state.vocabulary.trustedSources,
    keepIp,
    limits,
    batchBytesMax: http.batchBytesMax,
    receivedAt: Date.now(),
    ip,
    userAgent: headers["user-agent"],
    // Browsers say one or the other of every request that writes, and pages cannot leave it out. Node's fetch says another
    // header of theirs, sec-fetch-mode, too.
    isFromPage: headers.origin !== undefined || headers["sec-fetch-site"] !== undefined,
    sender: caller.who,
    source: caller.key?.name,
    trace: traceOfRequest(headers),
  };
}

function tellPositions(reply: FastifyReply, positions: Positions): void {
  if (positions.size === 0) return;
  reply.header(POSITION_HEADER, Array.from(positions, ([partition, seq]) => `${partition}:${seq}`).join(","));
}

/** A key in the body is known only once the body is read; who has none is told that, and not what is wrong with the body. */
function refusalOf(error: Error, request: FastifyRequest): Error {
  const isGuards = error instanceof HttpError && GUARDS_STATUSES.has(error.statusCode);
  if (!isAdmitted(request) && !isGuards) return noKey(request, "Send a key: Authorization, or writeKey.");
  if ("code" in error && error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    // The Segment API's own status: libraries know it, and give up on what will never fit.
    const message = `is larger than ${BATCH_BYTES_MAX} bytes; send fewer events at once`;
    return new HttpError(400, "too-large", `body ${message}.`, [{ path: "body", message }]);
  }
  return error;
}
