// Whatever goes wrong, as the one who asked reads it: `{error: {code, message, problems?}}`, never a stack.
// server.ts sends every error through here.
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { NotPossible, type Why } from "../segments/not-possible.ts";
import { HttpError } from "./http-error.ts";
import { traceField, traceOfRequest } from "./tracing.ts";

/** The part of a pino logger that is used here. */
export interface ApiLog {
  error(fields: object, message: string): void;
  debug?(fields: object, message: string): void;
}

const CODES: Readonly<Record<number, string>> = {
  404: "not-found",
  405: "not-allowed",
  408: "too-slow",
  413: "too-large",
  415: "unsupported-type",
  429: "too-many-requests",
};

/** Seconds until asking again may help, where nobody has said so better. */
const RETRY_S: Readonly<Record<number, number>> = { 429: 10, 503: 1 };

export function sendError(error: FastifyError | Error, reply: FastifyReply, log: ApiLog | undefined): FastifyReply {
  const refusal = refusalOf(error);
  if (refusal.statusCode >= 500 && refusal.code === "internal") {
    const trace = traceOfRequest(reply.request.headers);
    log?.error({ err: error, ...traceField(trace) }, "http: a request failed");
  }
  const { statusCode, retryAfterS = RETRY_S[statusCode] } = refusal;
  if (statusCode === 401) reply.header("www-authenticate", 'Bearer, Basic realm="Rollcall", charset="UTF-8"');
  if (retryAfterS !== undefined && !reply.hasHeader("retry-after")) reply.header("retry-after", String(retryAfterS));
  return reply.code(statusCode).send(bodyOf(refusal));
}

/** The same for whoever has begun to answer already, and can change no status any more. */
export function errorOut(error: unknown): object {
  return bodyOf(refusalOf(error instanceof Error ? error : new Error(String(error))));
}

function bodyOf({ code, message, problems }: HttpError): object {
  return { error: { code, message, ...(problems === undefined ? {} : { problems }) } };
}

const STATUS_OF: Readonly<Record<Why, number>> = {
  unknown: 404,
  conflict: 409,
  moved: 412,
  bad: 422,
  malformed: 400,
  busy: 503,
};

export function refusalOf(error: FastifyError | Error): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof NotPossible) {
    return new HttpError(STATUS_OF[error.why], error.code, error.message, error.problems);
  }
  if (error.name === "NotPlayable") return new HttpError(422, "not-playable", error.message);
  if (error.name === "TimeoutError") {
    return new HttpError(
      503,
      "not-answered",
      "The answer was not there in time; ask with ?stream, which takes its time.",
    );
  }
  if (error.name === "EntryTooLarge") return new HttpError(413, "too-large", error.message);
  // A partition that does not answer is a matter of waiting, and the question's own words say so.
  if (error.name === "QuestionFailed") return new HttpError(503, "not-answered", error.message);
  if (error.name === "SeriesMissing" || error.name === "SeriesBusy") {
    return new HttpError(503, "no-series", error.message);
  }
  if (error.name === "JobsMissing") return new HttpError(503, "no-jobs", error.message);
  // Of a body that breaks while it is read; what breaks elsewhere bears no status.
  const isOfRequest = "statusCode" in error && "code" in error && typeof error.code === "string";
  const words = isOfRequest ? wordsOf(String(error.code)) : undefined;
  if (words !== undefined) return new HttpError(...words);
  // Ids are escaped to find whose log they belong to; half a character, as JSON can write it, cannot be.
  if (error instanceof URIError) {
    return new HttpError(400, "bad-request", "An id holds half a character (a lone surrogate); nobody has such an id.");
  }
  if (error.name === "NotAudited") return new HttpError(503, "not-audited", error.message);
  const status = "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
  if (status >= 400 && status < 500) return new HttpError(status, CODES[status] ?? "bad-request", error.message);
  return new HttpError(500, "internal", "Something went wrong here; the log says what.");
}

/** What fastify refuses by itself, with place and remedy. */
function wordsOf(code: string): ConstructorParameters<typeof HttpError> | undefined {
  switch (code) {
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return [
        415,
        "unsupported-type",
        "header.content-type: such a body is not taken here. Send JSON as application/json; /docs names the routes that take something else.",
      ];
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return [
        400,
        "bad-request",
        "The body is empty, and header.content-type says that it is JSON: send some, or leave the header out.",
      ];
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return [
        413,
        "too-large",
        "The body is larger than what is taken here (httpBodyBytesMax, or httpFeedBytesMax where many come at once); send it in parts.",
      ];
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return [400, "bad-request", "The body is not as long as header.content-length says."];
    case "FST_ERR_BAD_URL":
      return [
        400,
        "bad-request",
        "A % in the path is not followed by a byte of UTF-8 in hex; write ids as encodeURIComponent does.",
      ];
    case "FST_ERR_MAX_PARAM_LENGTH":
      return [400, "bad-request", "An id in the path is longer than any can be."];
    case "Z_DATA_ERROR":
    case "Z_BUF_ERROR":
      return [
        400,
        "bad-request",
        "The body is not gzip, as header.content-encoding says that it is, or it breaks off.",
      ];
  }
  return undefined;
}

export function nothingThere(request: FastifyRequest): HttpError {
  const path = shown(request.url.split("?")[0]!);
  return new HttpError(404, "not-found", `There is nothing at ${request.method} ${path}. See /docs for what there is.`);
}

export function tooLate(): HttpError {
  return new HttpError(503, "not-answered", "The answer was not there in time; ask again, or for less.");
}

export function shown(id: string): string {
  return JSON.stringify(id.length > 80 ? `${id.slice(0, 80)}…` : id);
}

export function noSegment(id: string): HttpError {
  return new HttpError(404, "unknown-segment", `There is no segment ${shown(id)}. GET /v1/segments lists them.`);
}

export function noAccount(id: string): HttpError {
  return new HttpError(404, "unknown-account", `No message has named the account ${shown(id)} yet.`);
}

export function noUser(id: string): HttpError {
  return new HttpError(404, "unknown-user", `No message has named ${shown(id)} yet.`);
}
