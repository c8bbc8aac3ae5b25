// What has been observed, for whoever writes a rule: events, their properties, traits, and the values of each.
import Type from "typebox";
import { folded } from "../../core/engine/answers/search.ts";
import type { Json } from "../../core/types.ts";
import { moment } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { shown } from "../http/refusals.ts";
import type { FieldName } from "../profiles/observed.ts";
import { exact, Kind, limitOf, refusals } from "../schemas/common.ts";
import { ObservedEventsOut, ObservedFieldsOut, ObservedValuesOut } from "../schemas/search.ts";
import { MASK } from "../security/masking.ts";

const SHOWN_DEFAULT = 50;
const SHOWN_MAX = 2_000;
const NAME_LENGTH_MAX = 1_024;

const limit = limitOf(SHOWN_MAX, SHOWN_DEFAULT);
const prefix = Type.Optional(
  Type.String({ minLength: 1, maxLength: 200, description: "How it begins; small and capital letters are the same." }),
);
const name = (example: string, description: string) =>
  Type.String({ minLength: 1, maxLength: NAME_LENGTH_MAX, examples: [example], description });
const EventName = name("Product Added", "An event as rules name it.");

const DESCRIPTION =
  "Read from the logs, the newest first, 40,000 messages each time at most; `coverage` says how many it rests on.";

export const observedRoutes: RouteGroup = (app, { observed }) => {
  app.get(
    "/v1/catalog/events",
    {
      config: { needs: "read" },
      schema: {
        tags: ["catalogue"],
        summary: "Events that have been observed, with how often and when last",
        description: DESCRIPTION,
        querystring: exact({ prefix, limit }),
        response: { 200: ObservedEventsOut },
      },
    },
    async ({ query }) => {
      const coverage = await observed.coverage();
      return { items: chosen(observed.events(), query).map(seen), coverage };
    },
  );

  app.get(
    "/v1/catalog/properties",
    {
      config: { needs: "read" },
      schema: {
        tags: ["catalogue"],
        summary: "Properties that an event has been observed with",
        description: DESCRIPTION,
        querystring: exact({ event: EventName, prefix, limit }),
        response: { 200: ObservedFieldsOut, ...refusals(404) },
      },
    },
    async ({ query }) => {
      const coverage = await observed.coverage();
      const fields = observed.properties(query.event);
      if (fields === undefined) throw notObserved(`event ${shown(query.event)}`);
      return { items: chosen(fields, query).map(seen), coverage };
    },
  );

  app.get(
    "/v1/catalog/traits",
    {
      config: { needs: "read" },
      schema: {
        tags: ["catalogue"],
        summary: "Traits that have been written, of people or of accounts",
        description: DESCRIPTION,
        querystring: exact({ kind: Type.Optional(Kind), prefix, limit }),
        response: { 200: ObservedFieldsOut },
      },
    },
    async ({ query }) => {
      const coverage = await observed.coverage();
      return { items: chosen(observed.traits(query.kind ?? "user"), query).map(seen), coverage };
    },
  );

  app.get(
    "/v1/catalog/values",
    {
      config: { needs: "read" },
      schema: {
        tags: ["catalogue"],
        summary: "The most frequent values of a property of an event, or of a trait",
        description: `${DESCRIPTION} A key that shows no personal data sees how often, and not what.`,
        querystring: exact({
          event: Type.Optional(EventName),
          property: Type.Optional(name("product_id", "One of the event's properties.")),
          trait: Type.Optional(
            Type.String({ minLength: 1, maxLength: NAME_LENGTH_MAX, description: "Instead: a trait." }),
          ),
          kind: Type.Optional(Type.Unsafe<"user" | "account">({ ...Kind, description: "Of a trait: whose." })),
          prefix,
        }),
        response: { 200: ObservedValuesOut, ...refusals(404) },
      },
    },
    async ({ query, masking }) => {
      const field = fieldIn(query);
      const isShown = masking.personal || ("trait" in field && masking.traitsShown.has(field.trait));
      const coverage = await observed.coverage();
      const values = observed.values(field);
      if (values === undefined)
        throw notObserved("trait" in field ? `trait ${shown(field.trait)}` : `property ${shown(field.property)}`);
      const sought = isShown ? values.filter(({ value }) => begins(String(value), query.prefix)) : values;
      return {
        items: sought.map(({ value, count, error, last }) => ({
          value: isShown ? (value as Json) : MASK,
          count,
          error,
          last: moment(last),
        })),
        coverage,
      };
    },
  );
};

interface Chosen {
  readonly prefix?: string;
  readonly limit?: number;
}

function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  { prefix, limit = SHOWN_DEFAULT }: Chosen,
): T[] {
  return all.filter(({ name }) => begins(name, prefix)).slice(0, limit);
}

function begins(text: string, prefix: string | undefined): boolean {
  return prefix === undefined || folded(text).startsWith(folded(prefix));
}

function seen<T extends { readonly last: number }>(one: T): object {
  return { ...one, last: moment(one.last) };
}

function fieldIn(query: {
  readonly event?: string;
  readonly property?: string;
  readonly trait?: string;
  readonly kind?: "user" | "account";
}): FieldName {
  const { event, property, trait, kind = "user" } = query;
  if (trait !== undefined && event === undefined && property === undefined) return { kind, trait };
  if (trait === undefined && event !== undefined && property !== undefined && query.kind === undefined) {
    return { event, property };
  }
  throw new HttpError(
    400,
    "bad-request",
    "query: say event=… and property=…, or trait=… (and kind=account for one of accounts).",
  );
}

function notObserved(what: string): HttpError {
  return new HttpError(404, "not-observed", `The ${what} has not been observed, as far as the logs were read.`);
}
