// The words that all schemas share: exact objects, moments, ids, errors, pages. One file a group of routes stands beside it.
// TypeBox is the one source: it checks what comes in, gives the types, and makes the OpenAPI document.
import Type, { type Static, type TObject, type TProperties, type TSchema } from "typebox";
import type { JsonObject } from "../../core/types.ts";

/** Keywords beside a schema's own: description, examples. */
interface Words {
  readonly [keyword: PropertyKey]: unknown;
}

interface Named extends TSchema {
  readonly $id: string;
}

const NAMED: Named[] = [];

/** All that have a name of their own in the document; server.ts adds them. */
export function namedSchemas(): readonly Named[] {
  return NAMED;
}

/**
 * A schema that stands once in the document, under `components/schemas`, and is referred to wherever it is used. Answers
 * only: what comes in is written out where it comes in.
 */
export function named<T extends TSchema>(name: string, schema: T) {
  NAMED.push({ ...schema, $id: name });
  return Type.Unsafe<Static<T>>({ $ref: `${name}#` });
}

/** An object with these fields and no others. */
export function exact<T extends TProperties>(properties: T, options: Words = {}): TObject<T> {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

export function nullable<T extends TSchema>(schema: T, options: Words = {}) {
  return Type.Union([schema, Type.Null()], options);
}

/** Text that is one of these words. */
export function oneOf<const T extends readonly string[]>(words: T, options: Words = {}) {
  return Type.Unsafe<T[number]>({ type: "string", enum: [...words], ...options });
}

/** Fields with names of their own, whose values are alike. */
export function mapOf<T extends TSchema>(values: T, options: Words = {}) {
  return Type.Unsafe<Record<string, Static<T>>>({ type: "object", additionalProperties: values, ...options });
}

export function listOf<T extends TSchema>(items: T, options: Words = {}) {
  return Type.Array(items, options);
}

/** Whatever JSON there is: traits, attributes, records whose fields people choose. */
export const AnyObject = Type.Unsafe<JsonObject>({ type: "object", additionalProperties: true });
export const AnyJson = Type.Unknown();

export const Moment = Type.String({ format: "date-time", examples: ["2026-11-23T10:00:00.000Z"] });
/** Null: beyond what a calendar reaches, or unknown. */
export const MaybeMoment = nullable(Moment);
export const Count = Type.Integer({ minimum: 0 });

/** The longest id that anything may have; what an id may be is said by the limits. */
export const ID_LENGTH_MAX = 1_024;
/** A rule's text may be long. */
export const RULE_LENGTH_MAX = 16_384;

export function idOf(example: string, description: string) {
  return Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX, description, examples: [example] });
}

export const SegmentIdIn = idOf("cart-under-100", "The segment's id.");
export const UserIdIn = idOf("u1", "The user's id; an e-mail address or another id that names them does, too.");
export const AccountIdIn = idOf("acme", "The account's id.");

export function limitOf(most: number, usual: number) {
  return Type.Optional(
    Type.Integer({ minimum: 1, maximum: most, default: usual, examples: [10], description: "How many at most." }),
  );
}

/** Of the order by id: there is an id in it, of 4 KB at most (idBytesMax), sealed. */
const CURSOR_LENGTH_MAX = 8_192;

/** Opaque: the `next` of the page before. */
export const Cursor = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: CURSOR_LENGTH_MAX,
    description: "The `next` of the page before; left out for the first.",
  }),
);

/** A page: what is on it, and where the next one begins. */
export function pageOf<T extends TSchema>(items: T) {
  return exact({
    items: listOf(items),
    next: nullable(Type.String(), { description: "The `cursor` of the next page; null: this is the last." }),
  });
}

export const Kind = oneOf(["user", "account"], { description: "Whose: people's, or accounts'." });

export const ProblemOut = exact({
  path: Type.String({ description: "Where: `query.limit`, `body.items[0]`." }),
  message: Type.String(),
  hint: Type.Optional(Type.String({ description: "The word that was probably meant." })),
});

export const ErrorOut = named(
  "Error",
  exact(
    {
      error: exact({
        code: Type.String({ description: "For programs." }),
        message: Type.String({ description: "For people: what is wrong, and what to do." }),
        problems: Type.Optional(listOf(ProblemOut)),
      }),
    },
    {
      description: "Every answer that is no answer.",
      examples: [
        { error: { code: "unknown-segment", message: 'There is no segment "vip". GET /v1/segments lists them.' } },
      ],
    },
  ),
);

const REFUSALS = {
  400: "The request is not as it must be: a field, a type, a bound.",
  401: "No key, or one that is not known or was revoked.",
  403: "The key's role has not the right, or a page of another site asks.",
  404: "It is not there.",
  408: "It does not arrive: nothing came for as long as a request may take (`httpTimeout`).",
  409: "Not as things stand: it is there already, is in use, has changed meanwhile; look again.",
  410: "It was there, and is kept no more.",
  412: "It is not what you saw when you read the `etag` that `if-match` names; look again.",
  413: "The body is larger than what is taken.",
  415: "The body is of another type than JSON.",
  422: "It can be read, but not be done; `problems` says each place.",
  429: "Too many requests; `retry-after` says how many seconds to wait.",
  500: "A fault of ours; the log says which.",
  503: "Who could answer does not answer just now; `retry-after` says when to ask again.",
} as const;

export type Refusal = keyof typeof REFUSALS;

/** Refusals of a route's own. Those that every route has (400, 401, 403, 413, 415, 429, 500, 503) are added by server.ts. */
export function refusals<const S extends readonly Refusal[]>(...statuses: S) {
  return Object.fromEntries(statuses.map((status) => [status, refusal(status)])) as unknown as {
    readonly [K in S[number]]: typeof ErrorOut;
  };
}

export function refusal(status: Refusal): TSchema {
  return Type.Unsafe({ ...ErrorOut, description: REFUSALS[status] });
}

/** An answer of another type than JSON. */
export function answerOf(type: string, description: string, schema: TSchema = Type.String()) {
  return { description, content: { [type]: { schema } } };
}

/** For a body that its own parser checks, with more to say than a schema has. */
export function checkedByRoute<T extends TSchema>(schema: T, examples: readonly unknown[]) {
  return Type.Unsafe<unknown>({ ...schema, "x-checked-by-route": true, examples });
}
