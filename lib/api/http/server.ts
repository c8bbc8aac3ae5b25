// The HTTP interface, put together: limits, doors, the document, and the groups of routes. It only wires: what a route does
// stands in lib/api/routes, what it means in the room of its topic, lib/api/<topic>/.
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import { namesOf } from "../../nats/names.ts";
import { JobBook } from "../jobs/book.ts";
import { Exports } from "../jobs/exporting.ts";
import { JobRunner } from "../jobs/runner.ts";
import { erasuresNow } from "../operations/erasure.ts";
import { Operating } from "../operations/operating.ts";
import { Rejected } from "../operations/rejects.ts";
import { GROUPS } from "../routes/groups.ts";
import { ID_LENGTH_MAX } from "../schemas/common.ts";
import { assertGuarded } from "../security/guard.ts";
import { addAnswerTime } from "./answer-time.ts";
import type { Api, ApiOptions, ApiServices } from "./api.ts";
import { answerClientError } from "./client-errors.ts";
import { addDocument, withRight } from "./document.ts";
import { addDoors } from "./doors.ts";
import { DRAIN_MS_MAX, Draining } from "./draining.ts";
import type { HttpSettings } from "./http-settings.ts";
import { closeQuery, inputCompiler, jsonParser } from "./input.ts";
import { metricsOf } from "./metrics.ts";
import { nothingThere, sendError } from "./refusals.ts";
import { traceField, traceOfRequest, within } from "./tracing.ts";

const HEADERS_TIMEOUT_MS_MAX = 30_000;
const PLUGIN_MS_MAX = 10_000;

export function buildApi(options: ApiOptions): FastifyInstance {
  const { http, log, audience, version } = options;
  const app: FastifyInstance = Fastify({
    logger: false,
    bodyLimit: http.bodyBytesMax,
    requestTimeout: http.timeoutMs,
    http: {
      headersTimeout: headersTimeoutMs(http),
      connectionsCheckingInterval: headersTimeoutMs(http),
      // Node would refuse it with a status alone; the doors say why.
      requireHostHeader: false,
    },
    trustProxy: http.proxies.length > 0 && [...http.proxies],
    // A browser opens connections ahead of need; an orderly close would wait a minute for a request that never comes.
    forceCloseConnections: true,
    // It is the doors that refuse whoever comes late, in the words and with the headers of all refusals.
    return503OnClosing: false,
    // What is waited for at the end counts as the start of a plugin, too.
    pluginTimeout: DRAIN_MS_MAX + PLUGIN_MS_MAX,
    clientErrorHandler: (error, socket) => answerClientError(error, socket, app.everyHeader),
    // An address that cannot be read is refused before any hook runs.
    frameworkErrors: (error, _request, reply) =>
      sendError(error, reply.headers(reply.server.everyHeader) as FastifyReply, log),
    // An id of so many characters may be escaped to three bytes each.
    routerOptions: { maxParamLength: ID_LENGTH_MAX * 3 },
  });
  // What somebody expects beyond "100-continue" binds nobody, and Node would answer it with a status alone.
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  app.setValidatorCompiler(inputCompiler as Parameters<typeof app.setValidatorCompiler>[0]);
  // Answers are held against their schemas by the contract test; here nothing is dropped in silence.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.setErrorHandler((error: FastifyError, _request, reply) => sendError(error, reply, log));
  app.setNotFoundHandler((request, reply) => sendError(nothingThere(request), reply, log));
  app.addHook("onRoute", closeQuery);
  app.addHook("onRoute", withRight);
  app.addHook("onRoute", assertGuarded);
  addAnswerTime(app, http.timeoutMs);
  // A page of another site may send a form or plain text without asking; JSON it may not.
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, jsonParser(app));
  const metrics = metricsOf(audience, http.metricsSegmentsMax);
  app.addHook("preHandler", ({ headers }, _reply, done) => within(traceOfRequest(headers), done));
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "unknown";
    metrics.observe(route, reply.statusCode, reply.elapsedTime / 1_000);
    const trace = traceOfRequest(request.headers);
    if (trace !== undefined) {
      const told = { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) };
      log?.debug?.({ ...traceField(trace), ...told }, "http: answered");
    }
    done();
  });
  const draining = new Draining(app.server, http.timeoutMs);
  app.addHook("preClose", async () => draining.begin());
  addDoors(app, options);
  app.addHook("onRequest", (_request, _reply, done) => {
    draining.assertOpen();
    done();
  });
  addDocument(app, version, namesOf(options.subjectPrefix.slice(0, -1)));
  const operating = new Operating(options.cluster, () => audience.partitions());
  const { control, catalogue } = options;
  const rejected = new Rejected(options.rejects, options.limits, () => erasuresNow(control, catalogue));
  const services = { ...options, metrics, operating, rejected, ...jobServices(options) };
  app.addHook("preClose", () => services.jobRunner.stop());
  for (const group of GROUPS) app.register(async (routes) => group(routes as unknown as Api, services));
  // Hooks run in the order of what is registered: those of the groups have ended what would not end by itself.
  app.register(async (last) => last.addHook("preClose", () => draining.answered()));
  return app;
}

/**
 * Of the two limits Node takes the longer one for the whole request, and by itself gives headers a minute; it looks every half a
 * minute. So a request was given longer than httpTimeout says.
 */
function headersTimeoutMs({ timeoutMs }: HttpSettings): number {
  return Math.min(timeoutMs, HEADERS_TIMEOUT_MS_MAX);
}

function jobServices(options: ApiOptions): Pick<ApiServices, "jobs" | "jobRunner" | "exports"> {
  const { jobStore: store, exportFiles: files, jobSettings: settings, audience } = options;
  const runner = new JobRunner(store, settings);
  return {
    jobs: new JobBook({ ...options, store, keptMs: settings.keptMs, statuses: () => audience.partitions() }),
    jobRunner: runner,
    exports: new Exports({ ...options, runner, files, settings }),
  };
}
