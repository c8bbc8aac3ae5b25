// Requests made from the OpenAPI document: for each route one that is as it must be, from the document's own examples, and
// one for every way in which it can be wrong. What each must be answered with is said beside it.
import type { Media, NamedOperation, Parameter, Schema } from "./operations.ts";

export interface RequestCase {
  readonly name: string;
  readonly operation: NamedOperation;
  readonly path: string;
  readonly body?: string;
  readonly type?: string;
  /** Without a key. */
  readonly anonymous?: true;
  /** Statuses that are right; each must be in the document, too. */
  readonly right: readonly number[];
}

const LONG_URL_MAX = 8_000;
const NOBODY = "nobody-knows-this-one";
const JSON_TYPE = "application/json";

export function goodRequest(operation: NamedOperation): RequestCase {
  const body = bodyOf(operation);
  const right = statusesOf(operation).filter((status) => status < 300);
  return { ...requestOf(operation, {}, body === undefined ? {} : { body: textOf(body) }), name: "good", right };
}

/** The same in every other type that the document names for its body. */
export function goodRequestsOfOtherTypes(operation: NamedOperation): RequestCase[] {
  const types = Object.keys(operation.operation.requestBody?.content ?? {}).filter((type) => type !== JSON_TYPE);
  return types.map((type) => {
    const own = exampleIn(operation.operation.requestBody!.content[type]!);
    return {
      ...goodRequest(operation),
      ...(own === undefined ? {} : { body: textOf(own) }),
      type,
      name: `good, as ${type}`,
    };
  });
}

/** They make what is not there, unless they are asked so. */
const MAKES_UNLESS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "POST /v1/lists/{id}/upload": { mode: "remove" },
};

export function badRequests(operation: NamedOperation): RequestCase[] {
  return [...badPaths(operation), ...badQueries(operation), ...badBodies(operation), ...withoutKey(operation)];
}

function withoutKey(operation: NamedOperation): RequestCase[] {
  if (operation.operation.security === undefined) return [];
  return [{ ...goodRequest(operation), name: "no key", anonymous: true, right: [401] }];
}

// ── path ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function badPaths(operation: NamedOperation): RequestCase[] {
  const body = bodyOf(operation);
  const sent = body === undefined ? {} : { body: textOf(body) };
  return parametersOf(operation, "path").flatMap(({ name, schema }) => {
    const wrong = (what: string, value: string, right: readonly number[]): RequestCase => ({
      ...requestOf(operation, { [name]: value }, sent, MAKES_UNLESS[operation.name]),
      name: `path ${name} ${what}`,
      right,
    });
    const documented = statusesOf(operation);
    return [
      ...(schema.maxLength === undefined ? [] : [wrong("too long", "x".repeat(schema.maxLength + 1), [400])]),
      ...(documented.includes(404) ? [wrong("unknown", nobodyOf(schema), [404])] : []),
      ...(schema.type === "integer" ? [wrong("that is no number", "x", [400])] : []),
      wrong("that is no text", "%E0%A4%A", [400]),
    ];
  });
}

function nobodyOf({ type, maximum }: Schema): string {
  return type === "integer" ? String(maximum ?? Number.MAX_SAFE_INTEGER) : NOBODY;
}

// ── query ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function badQueries(operation: NamedOperation): RequestCase[] {
  const parameters = parametersOf(operation, "query");
  const wrong = (what: string, query: string): RequestCase => ({
    ...queried(operation, query),
    name: what,
    right: [400],
  });
  const usual = queryOf(operation, {});
  const checksQueries = statusesOf(operation).includes(400) && parameters.length > 0;
  return [
    ...(checksQueries ? [wrong("query with an unknown field", `${usual}&nonsense=1`)] : []),
    ...parameters.flatMap(({ name, required, schema }) => {
      const with_ = (value: string): string => queryOf(operation, { [name]: value });
      return [
        ...(required === true ? [wrong(`query without ${name}`, queryOf(operation, { [name]: undefined }))] : []),
        wrong(`query with ${name} twice`, `${with_(exampleOf(schema))}&${name}=${exampleOf(schema)}`),
        ...wrongValuesOf(schema).map((value) => wrong(`query with ${name}=${value.slice(0, 20)}`, with_(value))),
      ];
    }),
  ];
}

function wrongValuesOf(schema: Schema): string[] {
  const { type, maxLength, minLength, minimum, maximum } = schema;
  if (type === "integer" || type === "number") {
    return [
      "x",
      "",
      "1e3",
      "0x10",
      ...(typeof minimum === "number" ? [String(minimum - 1)] : []),
      ...(typeof maximum === "number" ? [String(maximum + 1)] : []),
    ];
  }
  if (type === "boolean") return ["yes", "2"];
  if (schema.enum !== undefined) return ["nonsense", ""];
  return [
    ...(typeof minLength === "number" && minLength > 0 ? [""] : []),
    ...(maxLength !== undefined && maxLength < LONG_URL_MAX ? ["x".repeat(maxLength + 1)] : []),
  ];
}

// ── body ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function badBodies(operation: NamedOperation): RequestCase[] {
  const media = mediaOf(operation);
  if (media === undefined) return [];
  const wrong = (what: string, body: string, right: readonly number[] = [400, 422]): RequestCase => ({
    ...requestOf(operation, {}, { body }),
    name: `body ${what}`,
    right,
  });
  const good = bodyOf(operation);
  if (typeOf(operation) !== JSON_TYPE) {
    return [wrong("that is empty", ""), wrong("that breaks off", 'id\n"u1'), ...ofOtherTypes(operation, good)];
  }
  const deep = `${'{"a":'.repeat(2_000)}1${"}".repeat(2_000)}`;
  return [
    wrong("that is no JSON", '{"a":', [400]),
    wrong("that is empty", "", [400]),
    wrong("that is deep", deep, [400]),
    wrong("that means a prototype", '{"__proto__": {"a": 1}}', [400]),
    wrong("of a number", "7"),
    wrong("of a text", '"text"'),
    wrong("of null", "null"),
    ...ofOtherTypes(operation, good),
    ...badFields(media.schema, good as Readonly<Record<string, unknown>>).map(([what, body]) =>
      wrong(what, JSON.stringify(body)),
    ),
  ];
}

function ofOtherTypes(operation: NamedOperation, good: unknown): RequestCase[] {
  const takesText = operation.operation.requestBody!.content["text/plain"] !== undefined;
  const plain = { ...requestOf(operation, {}, { body: textOf(good), type: "text/plain" }), name: "plain text" };
  return [
    ...(takesText ? [] : [{ ...plain, right: [415] }]),
    { ...requestOf(operation, {}, { body: "<a/>", type: "application/xml" }), name: "XML", right: [415] },
  ];
}

/** Of a body that the schema alone checks; others say in their own tests what they refuse. */
function badFields(schema: Schema, good: Readonly<Record<string, unknown>>): [string, unknown][] {
  if (schema["x-checked-by-route"] === true || schema.properties === undefined) return [];
  const { required = [], properties } = schema;
  return [
    ["with an unknown field", { ...good, nonsense: 1 }],
    ["of a list", [good]],
    ...required.map((name): [string, unknown] => [`without ${name}`, { ...good, [name]: undefined }]),
    ...Object.entries(properties).flatMap(([name, field]) =>
      wrongJson(field).map((value): [string, unknown] => [
        `with ${name} ${(JSON.stringify(value) ?? "").slice(0, 20)}`,
        { ...good, [name]: value },
      ]),
    ),
  ];
}

function wrongJson({ type, maxLength, enum: words }: Schema): unknown[] {
  if (words !== undefined) return ["nonsense", 7, null];
  switch (type) {
    case "string":
      return [7, null, {}, ...(maxLength === undefined ? [] : ["x".repeat(maxLength + 1)])];
    case "integer":
    case "number":
      return ["7", null, {}];
    case "boolean":
      return ["true", 1, null];
    case "array":
      return [{}, "text", 7];
    case "object":
      return [[], "text", 7];
    default:
      return [];
  }
}

// ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function statusesOf({ operation }: NamedOperation): number[] {
  return Object.keys(operation.responses).map(Number);
}

function parametersOf({ operation }: NamedOperation, where: Parameter["in"]): readonly Parameter[] {
  return (operation.parameters ?? []).filter((parameter) => parameter.in === where);
}

function mediaOf({ operation }: NamedOperation): Media | undefined {
  return operation.requestBody?.content[typeOf({ operation })];
}

/** JSON where it takes it; text of another type is its own example. */
function typeOf({ operation }: Pick<NamedOperation, "operation">): string {
  const types = Object.keys(operation.requestBody?.content ?? {});
  return types.includes(JSON_TYPE) ? JSON_TYPE : (types[0] ?? JSON_TYPE);
}

function textOf(body: unknown): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

function bodyOf(operation: NamedOperation): unknown {
  const media = mediaOf(operation);
  if (media === undefined) return undefined;
  const example = exampleIn(media);
  if (example === undefined)
    throw new Error(`${operation.name}: its body has no example, so nobody knows how to call it`);
  return example;
}

function exampleIn({ example, examples }: Media): unknown {
  return example ?? Object.values(examples ?? {})[0]?.value;
}

function requestOf(
  operation: NamedOperation,
  path: Readonly<Record<string, string>>,
  sent: { readonly body?: string; readonly type?: string },
  asked: Readonly<Record<string, string>> = {},
): Omit<RequestCase, "name" | "right"> {
  const { body, type = typeOf(operation) } = sent;
  const query = queryOf(operation, asked);
  const url = pathWith(operation, path) + (query === "" ? "" : `?${query}`);
  return { operation, path: url, ...(body === undefined ? {} : { body, type }) };
}

function queried(operation: NamedOperation, query: string): Omit<RequestCase, "name" | "right"> {
  const body = bodyOf(operation);
  return {
    operation,
    path: `${pathWith(operation, {})}?${query}`,
    ...(body === undefined ? {} : { body: textOf(body), type: typeOf(operation) }),
  };
}

/** What is given instead of an example is sent as it is. */
function pathWith(operation: NamedOperation, given: Readonly<Record<string, string>>): string {
  return operation.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const parameter = parametersOf(operation, "path").find((one) => one.name === name);
    return given[name] ?? encodeURIComponent(exampleValueOf(parameter!, operation.name));
  });
}

/** Those that are required, and what is given; undefined leaves one out. */
function queryOf(operation: NamedOperation, given: Readonly<Record<string, string | undefined>>): string {
  const parts: string[] = [];
  for (const parameter of parametersOf(operation, "query")) {
    const { name } = parameter;
    const value = Object.hasOwn(given, name) ? given[name] : defaultValueOf(parameter, operation.name);
    if (value !== undefined) parts.push(`${name}=${encodeURIComponent(value)}`);
  }
  return parts.join("&");
}

/** An optional one that has an example is sent, too: an example that does not work helps nobody. */
function defaultValueOf(parameter: Parameter, name: string): string | undefined {
  const { example } = parameter as { readonly example?: unknown };
  if (example !== undefined) return String(example);
  if (parameter.required === true) return exampleValueOf(parameter, name);
  return undefined;
}

function exampleValueOf(parameter: Parameter, name: string): string {
  const { example } = parameter as { readonly example?: unknown };
  const value = example ?? parameter.schema.examples?.[0];
  if (value === undefined) throw new Error(`${name}: ${parameter.name} has no example, so nobody knows how to call it`);
  return String(value);
}

function exampleOf({ type, enum: words }: Schema): string {
  if (words !== undefined) return String(words[0]);
  return type === "integer" || type === "number" ? "1" : type === "boolean" ? "true" : "x";
}
