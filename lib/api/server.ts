// The HTTP interface: parse, ask the audience, shape the answer. The page is page.ts, its live feed live.ts.
// Errors are `{error: {code, message}}`, never a stack.
import { randomBytes } from "node:crypto";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { definitionSchema, SCHEMA_ID } from "../core/rules/words/schema.ts";
import type { Audience } from "./audience.ts";
import { HttpError } from "./http-error.ts";
import { LiveFeed } from "./live.ts";
import { metricsOf } from "./metrics.ts";
import { renderPage } from "./page.ts";
import { accountOut, explanationOut, membersOut, userOut } from "./shapes.ts";
import { addWorld, type WorldOptions } from "./world-routes.ts";

const MEMBERS_DEFAULT = 100;
const MEMBERS_MAX = 10_000;
const ID_LENGTH_MAX = 1_024;

export interface ApiOptions {
  readonly audience: Audience;
  /** Where events go in and deltas come out; shown on the page, without secrets. */
  readonly natsUrl: string;
  /** The data set's prefix of subjects, "" or "shop.". */
  readonly subjectPrefix: string;
  readonly log?: ApiLog;
  /** The control log, where vocabulary, items and situations may be written. */
  readonly world?: WorldOptions;
}

/** The part of a pino logger that is used here. */
export interface ApiLog {
  error(fields: object, message: string): void;
}

export function buildApi(options: ApiOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    // A browser opens connections ahead of need; an orderly close would wait a minute for a request that never comes.
    forceCloseConnections: true,
    frameworkErrors: (error, _request, reply) => sendError(error, reply as FastifyReply, options.log),
    routerOptions: { maxParamLength: ID_LENGTH_MAX },
  });
  const feed = new LiveFeed(options.audience);
  app.addHook("onRequest", async (_request, reply) => secure(reply));
  app.addHook("preClose", async () => feed.close());
  app.setErrorHandler((error: FastifyError, _request, reply) => sendError(error, reply, options.log));
  app.setNotFoundHandler((request, reply) =>
    sendError(
      new HttpError(
        404,
        "not-found",
        `There is nothing at ${request.method} ${pathOf(request)}. See / for what there is.`,
      ),
      reply,
      options.log,
    ),
  );
  addPage(app, options, feed);
  addOperations(app, options.audience);
  addQuestions(app, options.audience);
  if (options.world !== undefined) addWorld(app, options.world);
  return app;
}

function addPage(app: FastifyInstance, options: ApiOptions, feed: LiveFeed): void {
  app.get("/", async (_request, reply) => {
    const nonce = randomBytes(16).toString("base64");
    reply.header("content-security-policy", policy(nonce)).type("text/html; charset=utf-8");
    const { audience, natsUrl, subjectPrefix } = options;
    return renderPage({
      overview: await audience.overview(),
      recent: audience.recent(),
      natsUrl,
      subjectPrefix,
      nonce,
    });
  });
  app.get("/v1/live", (_request, reply) => {
    reply.hijack();
    feed.connect(reply.raw);
  });
}

function addOperations(app: FastifyInstance, audience: Audience): void {
  const metrics = metricsOf(audience);
  app.addHook("onResponse", async (request, reply) => {
    metrics.observe(request.routeOptions.url ?? "unknown", reply.statusCode, reply.elapsedTime / 1_000);
  });
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const readiness = await audience.readiness();
    reply.code(readiness.ready ? 200 : 503);
    return readiness;
  });
  app.get("/metrics", async (_request, reply) => {
    reply.type(metrics.contentType);
    return metrics.text();
  });
}

function addQuestions(app: FastifyInstance, audience: Audience): void {
  app.get(SCHEMA_ID, (_request, reply) => reply.type("application/schema+json").send(definitionSchema()));
  app.get("/v1/segments", () => audience.overview());
  app.get<{ Params: { id: string } }>("/v1/segments/:id", async ({ params: { id } }) => {
    return (await audience.segment(id)) ?? noSegment(id);
  });
  app.get<{ Params: { id: string } }>("/v1/segments/:id/members", async ({ params: { id }, query }) => {
    return membersOut((await audience.members(id, limitOf(query))) ?? noSegment(id));
  });
  app.get<{ Params: { id: string } }>("/v1/users/:id", async ({ params: { id } }) => {
    return userOut((await audience.user(id)) ?? noUser(id));
  });
  app.get<{ Params: { id: string } }>("/v1/accounts/:id", async ({ params: { id } }) => {
    return accountOut((await audience.account(id)) ?? noAccount(id));
  });
  app.get<{ Params: { id: string } }>("/v1/accounts/:id/users", async ({ params: { id }, query }) => {
    const rule = optionalTextOf(query, "rule");
    return (await audience.accountUsers(id, limitOf(query), rule)) ?? noAccount(id);
  });
  app.get("/v1/explain", async ({ query }) => {
    const segment = textOf(query, "segment", EXPLAIN_USAGE);
    const { kind } = (await audience.segment(segment)) ?? noSegment(segment);
    const id = textOf(query, kind, kind === "user" ? EXPLAIN_USAGE : EXPLAIN_ACCOUNT_USAGE);
    const explanation = await audience.explain(segment, id);
    if (explanation !== undefined) return explanationOut(explanation);
    throw new HttpError(404, "nothing-to-explain", `${shown(id)} is not known, or ${segment} is not active yet.`);
  });
}

const EXPLAIN_USAGE = "/v1/explain?segment=cart-under-100&user=u1";
const EXPLAIN_ACCOUNT_USAGE = "/v1/explain?segment=trial-ending&account=acme: its members are accounts";

function noSegment(id: string): never {
  throw new HttpError(404, "unknown-segment", `There is no segment ${shown(id)}. GET /v1/segments lists them.`);
}

function noAccount(id: string): never {
  throw new HttpError(404, "unknown-account", `No message has named the account ${shown(id)} yet.`);
}

function noUser(id: string): never {
  throw new HttpError(404, "unknown-user", `No message has named ${shown(id)} yet.`);
}

function shown(id: string): string {
  return JSON.stringify(id.length > 80 ? `${id.slice(0, 80)}…` : id);
}

function textOf(query: unknown, key: string, usage: string): string {
  const value = (query as Record<string, unknown>)[key];
  if (typeof value === "string" && value !== "" && value.length <= ID_LENGTH_MAX) return value;
  throw new HttpError(400, "bad-request", `Say ${key}=… once, as in ${usage}.`);
}

/** A rule's text may be long. */
const RULE_LENGTH_MAX = 16_384;

function optionalTextOf(query: unknown, key: string): string | undefined {
  const value = (query as Record<string, unknown>)[key];
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "" && value.length <= RULE_LENGTH_MAX) return value;
  throw new HttpError(400, "bad-request", `Say ${key}=… once, as \`usersByRule\` of /v1/accounts/ID names it.`);
}

function limitOf(query: unknown): number {
  const { limit } = query as Record<string, unknown>;
  if (limit === undefined) return MEMBERS_DEFAULT;
  const number = typeof limit === "string" && /^\d+$/.test(limit) ? Number(limit) : 0;
  if (number >= 1 && number <= MEMBERS_MAX) return number;
  throw new HttpError(400, "bad-request", `limit is a whole number from 1 to ${MEMBERS_MAX}.`);
}

function secure(reply: FastifyReply): void {
  reply
    .header("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
    .header("x-content-type-options", "nosniff")
    .header("referrer-policy", "no-referrer")
    .header("cross-origin-resource-policy", "same-origin")
    .header("cache-control", "no-store");
}

function policy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function sendError(error: FastifyError | Error, reply: FastifyReply, log: ApiLog | undefined): FastifyReply {
  if (error instanceof HttpError) {
    const { code, message, problems } = error;
    return reply
      .code(error.statusCode)
      .send({ error: { code, message, ...(problems === undefined ? {} : { problems }) } });
  }
  // A partition that does not answer is a matter of waiting, and the question's own words say so.
  if (error.name === "QuestionFailed") {
    return reply
      .code(503)
      .header("retry-after", "1")
      .send({ error: { code: "not-answered", message: error.message } });
  }
  const status = "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
  if (status < 500) return reply.code(status).send({ error: { code: "bad-request", message: error.message } });
  log?.error({ err: error }, "http: a request failed");
  return reply
    .code(500)
    .send({ error: { code: "internal", message: "Something went wrong here; the log says what." } });
}

function pathOf(request: FastifyRequest): string {
  return shown(request.url.split("?")[0]!);
}
