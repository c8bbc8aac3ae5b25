// What comes in, held against the schema of its route: a value of the right type, or every place that is wrong.
// Nothing is dropped, filled in or guessed; only a query, which is all text, becomes numbers and truths.
import { isUtf8 } from "node:buffer";
import type { FastifyBodyParser, FastifyInstance, FastifySchemaCompiler, RouteOptions } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { itemPath, keyPath, type Problem } from "../../core/rules/parse/problems.ts";
import { exact } from "../schemas/common.ts";
import { HttpError } from "./http-error.ts";

/** Of a body whose own parser says more than a schema could: the schema is for readers, the route checks. */
export const CHECKED_BY_ROUTE = "x-checked-by-route";

const PROBLEMS_MAX = 20;
const WHERE: Readonly<Record<string, string>> = { querystring: "query", params: "path", headers: "header" };

interface Properties {
  readonly properties?: Readonly<Record<string, { readonly type?: string }>>;
}

export const inputCompiler: FastifySchemaCompiler<TSchema & Properties> = ({ schema, httpPart = "body" }) => {
  if (CHECKED_BY_ROUTE in schema) return (value: unknown) => ({ value });
  const validator = Compile(schema);
  return (value: unknown) => {
    const read = httpPart === "body" ? value : withTypes(value, schema);
    if (validator.Check(read)) return { value: read };
    return { error: refusalOf(validator.Errors(read), WHERE[httpPart] ?? "body", read) };
  };
};

/**
 * A route that names no query takes none: who wrote `?dryRun=true` where nobody reads it would have done what they meant to try. Whatever
 * sends events may add what it likes, against caches for instance.
 */
export function closeQuery(route: RouteOptions): void {
  const { url, schema, config } = route;
  if (schema === undefined || schema.querystring !== undefined || !url.startsWith("/v1/")) return;
  if (config?.needs !== "ingest") route.schema = { ...schema, querystring: exact({}) };
}

/** Text where the schema asks for a number or a truth; what is neither stays as it is, and is refused. */
function withTypes(value: unknown, { properties = {} }: Properties): unknown {
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([name, text]) => [
      name,
      Object.hasOwn(properties, name) ? typed(text, properties[name]!.type) : text,
    ]),
  );
}

function typed(text: unknown, type: string | undefined): unknown {
  if (typeof text !== "string") return text;
  if (type === "integer") return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  if (type === "number") return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
  // `?dryRun` says yes, as `?dryRun=true` does.
  if (type === "boolean") return text === "" || text === "true" ? true : text === "false" ? false : text;
  return text;
}

interface Found {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message: string;
  readonly params: object;
}

/**
 * A field that may not be there is found twice: once for its name, and once for its value, which nothing could suit. Of what may have
 * several forms it is told what is wrong with each.
 */
const TOLD_BY_OTHERS: ReadonlySet<string> = new Set(["boolean", "anyOf"]);

function refusalOf(found: readonly Found[], where: string, value: unknown): HttpError {
  const told = found.filter(({ keyword }) => !TOLD_BY_OTHERS.has(keyword));
  const all = told.flatMap((one) => problemsOf(one, where, value));
  const problems = all.filter(({ path, message }, index) => index === all.findIndex(isOf(path, message)));
  problems.splice(PROBLEMS_MAX);
  const first = problems[0] ?? { path: where, message: "is not as it must be" };
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return new HttpError(400, "bad-request", `${first.path}: ${first.message}${more}.`, problems);
}

function isOf(path: string, message: string): (problem: Problem) => boolean {
  return (problem) => problem.path === path && problem.message === message;
}

function problemsOf({ instancePath, keyword, message, params }: Found, where: string, value: unknown): Problem[] {
  let path = where;
  let given = value;
  for (const escaped of instancePath.split("/").slice(1)) {
    const step = escaped.replaceAll("~1", "/").replaceAll("~0", "~");
    path = Array.isArray(given) ? itemPath(path, Number(step)) : keyPath(path, step);
    given = (given as Readonly<Record<string, unknown>> | undefined)?.[step];
  }
  // What is no body is text; several of one name are a list.
  if (where !== "body" && Array.isArray(given))
    return [{ path, message: `is given ${given.length} times; give it once` }];
  if (keyword === "additionalProperties" || keyword === "unevaluatedProperties") {
    const names = (Object.values(params)[0] ?? []) as readonly string[];
    return names.map((name) => ({ path: keyPath(path, name.slice(0, 80)), message: "there is no such field" }));
  }
  if (keyword === "required") {
    const names = (Object.values(params)[0] ?? []) as readonly string[];
    return names.map((name) => ({ path: keyPath(path, name), message: "is missing" }));
  }
  return [{ path, message: wordsOf(keyword, params, where) ?? message }];
}

const TYPES: Readonly<Record<string, string>> = {
  integer: "must be a whole number",
  number: "must be a number",
  boolean: "must be true or false",
  string: "must be text",
  array: "must be a list",
  object: "must be an object",
};

/** Undefined: the library says it well. */
function wordsOf(keyword: string, params: object, where: string): string | undefined {
  const { type, allowedValues, limit } = params as {
    type?: unknown;
    allowedValues?: readonly unknown[];
    limit?: number;
  };
  switch (keyword) {
    case "type":
      // Of more digits than are read where all is text.
      if (type === "integer" && where !== "body") return `${TYPES.integer} of 15 digits at most`;
      return typeof type === "string" ? TYPES[type] : undefined;
    case "enum":
      return `must be one of ${allowedValues!.join(", ")}`;
    case "minLength":
      return limit === 1 ? "must not be empty" : undefined;
  }
  return undefined;
}

/** The most that httpDepthMax can be. */
const DEPTH_BOUND_MAX = 512;
/** Numbers that may be too large to be one; only then the value is walked. */
const LONG_NUMBER = /\d{300}|[eE]\+?0*[1-9]\d\d/;

/** As fastify's own, and refuses a number that JSON can write and no program can hold: it would be stored as null. */
export function jsonParser(app: Pick<FastifyInstance, "getDefaultJsonParser">): FastifyBodyParser<Buffer> {
  const parse = app.getDefaultJsonParser("error", "error");
  return textParser((request, text, done) => {
    parse(request, text, (error, value) => {
      if (isNoJson(error))
        return done(new HttpError(400, "bad-request", `The body is not JSON: ${whereNoJson(text)}.`));
      const place = error === null && LONG_NUMBER.test(text) ? placeOfInfinite(value, "body", 0) : undefined;
      if (place === undefined) done(error, value);
      else done(new HttpError(400, "bad-request", `${place} is too large to be a number.`));
    });
  });
}

function isNoJson(error: (Error & { readonly code?: string }) | null): boolean {
  return error?.code === "FST_ERR_CTP_INVALID_JSON_BODY";
}

function whereNoJson(text: string): string {
  try {
    JSON.parse(text);
    return "a key in it is __proto__, or constructor with prototype, and those are refused";
  } catch (error) {
    const { message } = error as Error;
    const at = /position (\d+)/.exec(message)?.[1];
    if (at !== undefined) return `it is wrong from character ${Number(at) + 1} on`;
    return message.includes("Unexpected end")
      ? "it ends too early"
      : "something in it is no value: texts stand in double quotes";
  }
}

/** What is no UTF-8 would be read all the same, with one sign for all that it is not: of two names it could make one. */
export function textParser(parse: FastifyBodyParser<string>): FastifyBodyParser<Buffer> {
  return (request, bytes, done) => {
    if (isUtf8(bytes)) parse(request, bytes.toString(), done);
    else done(new HttpError(400, "bad-request", "The body is not UTF-8."));
  };
}

function placeOfInfinite(value: unknown, path: string, depth: number): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : path;
  // What is nested deeper than any bound of the options is refused right after.
  if (typeof value !== "object" || value === null || depth > DEPTH_BOUND_MAX) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const place = placeOfInfinite(inner, Array.isArray(value) ? `${path}[${key}]` : keyPath(path, key), depth + 1);
    if (place !== undefined) return place;
  }
  return undefined;
}

/** Whatever is read later may walk a body without fear. */
export function assertShallow(value: unknown, depthMax: number, depth = 0): void {
  if (typeof value !== "object" || value === null) return;
  if (depth >= depthMax) {
    throw new HttpError(400, "too-deep", `The body is nested deeper than ${depthMax} (httpDepthMax).`);
  }
  for (const inner of Object.values(value)) assertShallow(inner, depthMax, depth + 1);
}
