// What feeds bring: items of the catalogue, situations at places. The checks are lib/api/world/feeds.ts.
import Type from "typebox";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { exact, idOf, refusals } from "../schemas/common.ts";
import { ItemOut, ItemsIn, ItemsTold, SituationsIn, SituationsOut, SituationsTold } from "../schemas/world.ts";
import { auditedInSteps } from "../security/auditing.ts";
import {
  appendSituation,
  BadFeed,
  type ItemsMode,
  ItemsWriter,
  type KnownSituation,
  placeText,
  readItem,
  readSituation,
  situationsAt,
} from "../world/feeds.ts";

const SITUATIONS_MAX = 1_000;
const MODES: readonly ItemsMode[] = ["merge", "replace", "remove"];

export const itemRoutes: RouteGroup = (app, { control, catalogue, limits, http }) => {
  app.get(
    "/v1/items/:id",
    {
      config: { needs: "read" },
      schema: {
        tags: ["feeds"],
        summary: "What is known of an item of the catalogue",
        params: exact({ id: idOf("sku-1", "The item's id.") }),
        response: { 200: ItemOut, ...refusals(404) },
      },
    },
    async ({ params: { id } }) => {
      const attributes = catalogue.state.catalogue.attributesOf(id);
      if (attributes === undefined) throw new HttpError(404, "unknown-item", "Nothing is known of this item.");
      return { id, attributes };
    },
  );

  app.post(
    "/v1/items",
    {
      config: { needs: "build" },
      bodyLimit: http.feedBytesMax,
      schema: {
        tags: ["feeds"],
        summary: "Say what items are: merge attributes, replace them, or remove items",
        body: ItemsIn,
        response: { 200: ItemsTold, ...refusals(422) },
      },
    },
    async (request) => {
      const { mode, items } = itemsOf(request.body);
      // All are read before any is written: a request is done or not done, as far as its own mistakes go.
      const read = items.map((item, index) => reading(`items[${index}]`, () => readItem(item, limits)));
      const writer = new ItemsWriter(control, catalogue, mode);
      for (const [index, item] of read.entries()) reading(`items[${index}]`, () => writer.assertFits(item));
      const { told } = writer;
      await auditedInSteps(
        (change) => request.audit(change),
        () => {
          const { revision } = catalogue.state;
          return told.written === 0 ? undefined : { what: `items.${mode}`, detail: { revision, items: told.written } };
        },
        async () => {
          for (const item of read) await writer.add(item);
          await writer.end();
        },
      );
      return { revision: catalogue.state.revision, ...told };
    },
  );
};

function itemsOf(body: unknown): { readonly mode: ItemsMode; readonly items: readonly unknown[] } {
  const { mode = "merge", items } = (Array.isArray(body) ? { items: body } : (body ?? {})) as Record<string, unknown>;
  const known = MODES.find((one) => one === mode);
  if (known === undefined || !Array.isArray(items)) {
    throw new HttpError(400, "bad-request", `Send {"mode": one of ${MODES.join(", ")}, "items": [{"id": …, …}]}.`);
  }
  return { mode: known, items };
}

export const situationRoutes: RouteGroup = (app, { control, catalogue, limits, clock, http }) => {
  app.get(
    "/v1/situations",
    {
      config: { needs: "read" },
      schema: {
        tags: ["feeds"],
        summary: "What feeds say of places now",
        querystring: exact({
          kind: Type.Optional(
            Type.String({ minLength: 1, maxLength: 1_024, description: "Of one feed.", examples: ["weather"] }),
          ),
        }),
        response: { 200: SituationsOut },
      },
    },
    async ({ query: { kind } }) => {
      // Where the clock follows the events nobody here knows what is over.
      const now = clock === "log" ? Date.now() : Number.NEGATIVE_INFINITY;
      const said = situationsAt(catalogue, now).filter((one) => kind === undefined || one.kind === kind);
      return { situations: said.map(situationOut) };
    },
  );

  app.post(
    "/v1/situations",
    {
      config: { needs: "build" },
      bodyLimit: http.feedBytesMax,
      schema: {
        tags: ["feeds"],
        summary: "Say how things are at a place, until when",
        body: SituationsIn,
        response: { 200: SituationsTold, ...refusals(422) },
      },
    },
    async (request) => {
      const { body } = request;
      const given = Array.isArray(body) ? body : [body];
      if (given.length > SITUATIONS_MAX) {
        throw new HttpError(413, "too-many", `At most ${SITUATIONS_MAX} situations a request; send several.`);
      }
      const entries = given.map((one, index) =>
        reading(Array.isArray(body) ? `[${index}]` : "situation", () => readSituation(one, limits)),
      );
      const said: string[] = [];
      await auditedInSteps(
        (change) => request.audit(change),
        () => {
          const { revision } = catalogue.state;
          const [first, ...more] = said;
          if (first === undefined) return undefined;
          const target = more.length === 0 ? first : "";
          return { what: "situations.set", target, detail: { revision, situations: said.length } };
        },
        async () => {
          for (const entry of entries) {
            const revision = await appendSituation(control, catalogue, entry);
            if (revision !== undefined) said.push(`${entry.kind} ${placeText(entry.place)}`);
          }
        },
      );
      return { revision: catalogue.state.revision, written: said.length, unchanged: entries.length - said.length };
    },
  );
};

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BadFeed)) throw error;
    throw new HttpError(422, "bad-feed", `${path}: ${error.message}.`, [{ path, message: error.message }]);
  }
}

function situationOut({ kind, place, values, until }: KnownSituation) {
  return { kind, place, values, until: until === null ? null : new Date(until).toISOString() };
}
