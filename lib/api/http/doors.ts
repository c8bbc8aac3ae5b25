// What stands before every route: headers that browsers heed, other sites, limits on what comes in and how often, and the
// guard. server.ts opens them in this order.
import { Readable } from "node:stream";
import cors from "@fastify/cors";
import helmet, { type FastifyHelmetOptions } from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import Fastify, {
  type FastifyInstance,
  type FastifyRequest,
  type preValidationHookHandler,
  type RouteOptions,
} from "fastify";
import { audited, type Change } from "../security/auditing.ts";
import { countedAs } from "../security/counted.ts";
import { addGuard, isAdmitted } from "../security/guard.ts";
import type { Masking } from "../security/masking.ts";
import type { Right } from "../security/rights.ts";
import type { ApiOptions } from "./api.ts";
import { HttpError } from "./http-error.ts";
import type { HttpSettings } from "./http-settings.ts";
import { assertShallow } from "./input.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** Headers of every answer; for those that no hook sees, too. */
    readonly everyHeader: Readonly<Record<string, string>>;
  }
  interface FastifyRequest {
    /** What whoever asks may see of people. */
    readonly masking: Masking;
    /** Writes down that the caller changed something; after the change, before the answer. */
    audit(change: Change): Promise<void>;
  }
}

const MINUTE_MS = 60_000;
/** Preflight answers are kept by browsers for so long. */
const PREFLIGHT_S = 600;

export function addDoors(app: FastifyInstance, { http, keyring, audit }: ApiOptions): void {
  addHeaders(app);
  app.addHook("onRequest", (request, _reply, done) => {
    assertHost(request);
    done();
  });
  if (http.origins.length > 0) addCors(app, http);
  addGuard(app, { keyring, origins: http.origins, failuresPerMinuteMax: http.failuresPerMinuteMax });
  addRateLimit(app, http);
  app.addHook("preValidation", ({ body }, _reply, done) => {
    // A body that is read while it arrives is no value yet; who reads it looks at each line.
    if (!(body instanceof Readable)) assertShallow(body, http.depthMax);
    done();
  });
  const traitsShown = new Set(http.traitsShown);
  app.decorateRequest("masking", {
    getter(this: FastifyRequest) {
      return { personal: this.caller.personal, traitsShown };
    },
  });
  app.decorateRequest("audit", function (this: FastifyRequest, change: Change) {
    return audited(audit, this.caller.who, change);
  });
}

/** Nothing here is for frames, scripts or caches; the page and /docs say themselves what they need. */
const HELMET: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  // Whether there is TLS in front is known to whoever put it there.
  strictTransportSecurity: false,
  referrerPolicy: { policy: "no-referrer" },
  xFrameOptions: { action: "deny" },
  // Of no use to answers that are data, and each is written and read with every one of them.
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

function addHeaders(app: FastifyInstance): void {
  let headers: Readonly<Record<string, string>> = {};
  app.addHook("onReady", async () => {
    headers = { ...(await helmetHeaders()), "cache-control": "no-store" };
  });
  app.decorate("everyHeader", { getter: () => headers });
  app.addHook("onRequest", (_request, reply, done) => {
    reply.headers(headers);
    done();
  });
}

/** They are the same for every answer, and the plugin works them out anew for each: so it is asked once. */
async function helmetHeaders(): Promise<Record<string, string>> {
  const asked = Fastify();
  asked.register(helmet, HELMET);
  asked.get("/", (_request, reply) => reply.send());
  const { headers } = await asked.inject("/");
  await asked.close();
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (OF_EVERY_ANSWER.has(name) ? [] : [[name, String(value)]])),
  );
}

/** What an answer has without the plugin, too. */
const OF_EVERY_ANSWER: ReadonlySet<string> = new Set(["connection", "content-length", "date", "keep-alive"]);

function assertHost({ raw, headers }: FastifyRequest): void {
  if (headers.host !== undefined || raw.httpVersion === "1.0") return;
  throw new HttpError(400, "bad-request", "A request of HTTP/1.1 says whom it asks: add the header host.");
}

function addCors(app: FastifyInstance, { origins }: HttpSettings): void {
  app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    exposedHeaders: ["rollcall-position", "retry-after"],
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    maxAge: PREFLIGHT_S,
  });
}

/** After the guard, so that each key has its own count; who has none is counted by address. */
function addRateLimit(app: FastifyInstance, http: HttpSettings): void {
  const boundOf = (needs: Right | undefined): number => {
    if (needs === undefined || needs === "nobody") return 0;
    return isForEvents(needs) ? http.eventRequestsPerMinuteMax : http.requestsPerMinuteMax;
  };
  // Where there is no bound nothing is counted; the plugin heeds this when it meets the route, so it comes first.
  app.addHook("onRoute", (route) => {
    const { needs, writeKeyInBody } = route.config ?? {};
    if (boundOf(needs) === 0) route.config = { ...route.config, rateLimit: false };
    else if (writeKeyInBody === true) limitOnceAdmitted(route, app.rateLimit());
  });
  app.register(rateLimit, {
    timeWindow: MINUTE_MS,
    max: ({ routeOptions }) => boundOf(routeOptions.config.needs),
    keyGenerator: (request) =>
      `${isForEvents(request.routeOptions.config.needs) ? "events" : "questions"} ${countedAs(request)}`,
    errorResponseBuilder: (_request, { max, after }) =>
      new HttpError(429, "too-many-requests", `More than ${max} requests a minute; ask again in ${after}.`),
  });
}

/**
 * A key in the body is known when that was read, one in a header before. Each request is counted once. Were the route to give the
 * plugin settings of its own, it would have counts of its own, too, and a key as many requests again on each path.
 */
function limitOnceAdmitted(route: RouteOptions, limit: preValidationHookHandler): void {
  route.config = { ...route.config, rateLimit: false };
  route.onRequest = function (request, reply, done) {
    if (isAdmitted(request)) return limit.call(this, request, reply, done);
    done();
  };
  route.preValidation = limit;
}

function isForEvents(needs: Right | undefined): boolean {
  return needs === "ingest" || needs === "decide";
}
