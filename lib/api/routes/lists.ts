// Lists: which there are, who is in them, and every change of one, by JSON and by CSV. The changes are lib/api/world/lists.ts, the
// reading of CSV is lib/api/world/list-text.ts.
import type { FastifyRequest } from "fastify";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { textParser } from "../http/input.ts";
import { placeOf } from "../http/places.ts";
import { inParts } from "../jobs/parts.ts";
import { exact, idOf, refusals } from "../schemas/common.ts";
import {
  CsvIn,
  LIST_MEMBERS_DEFAULT,
  LISTS_MAX,
  ListChangedOut,
  ListGoneOut,
  ListIdIn,
  ListIn,
  ListMembersIn,
  ListMembersOut,
  ListMembersQuery,
  ListOut,
  ListsOut,
  ListsQuery,
  NewListIn,
  UploadQuery,
} from "../schemas/lists.ts";
import { auditedInSteps, type Change } from "../security/auditing.ts";
import { idOut } from "../security/masking.ts";
import type { Desk } from "../segments/segment-changes.ts";
import { pageOfAll } from "../segments/segment-list.ts";
import { idsOfText } from "../world/list-text.ts";
import {
  assertNoList,
  changeList,
  type ListChange,
  type ListPlace,
  type ListSummary,
  ListWritten,
  listOf,
  listsOf,
  membersOf,
  membersPage,
  removeList,
} from "../world/lists.ts";

export const listRoutes: RouteGroup = (app, services) => {
  const { catalogue, cursors, http } = services;

  app.get(
    "/v1/lists",
    {
      config: { needs: "read" },
      schema: {
        tags: ["lists"],
        summary: "The lists there are, with who refers to them",
        querystring: ListsQuery,
        response: { 200: ListsOut },
      },
    },
    async ({ query: { text, kind, limit = LISTS_MAX, cursor } }) => {
      const found = listsOf(catalogue).filter(
        (list) =>
          (text === undefined || list.id.toLowerCase().includes(text.toLowerCase())) &&
          (kind === undefined || list.kind === kind),
      );
      return pageOfAll(found, { limit, ...(cursor === undefined ? {} : { cursor }) });
    },
  );

  app.get(
    "/v1/lists/:id",
    {
      config: { needs: "read" },
      schema: {
        tags: ["lists"],
        summary: "One list: how many are in it, and who refers to it",
        params: exact({ id: ListIdIn }),
        response: { 200: ListOut, ...refusals(404) },
      },
    },
    async ({ params: { id } }) => listOf(catalogue, id),
  );

  app.get(
    "/v1/lists/:id/members",
    {
      config: { needs: "read" },
      schema: {
        tags: ["lists"],
        summary: "Who is in a list",
        description: "By id; for a key that shows no personal data, as they were put on it.",
        params: exact({ id: ListIdIn }),
        querystring: ListMembersQuery,
        response: { 200: ListMembersOut, ...refusals(404) },
      },
    },
    async ({ params, query, masking }) => {
      const { limit = LIST_MEMBERS_DEFAULT, cursor } = query;
      const { id: list } = params;
      // Between which others an id stands tells how it begins, however it is masked.
      const isById = masking.personal;
      const pages = cursors.pagesOf<ListPlace>("list", list, isById);
      const wanted = { isById, limit, place: pages.from(cursor) };
      const { items, next } = await membersPage(membersOf(catalogue, list), wanted);
      return { items: items.map((id) => idOut(id, masking)), next: pages.next(next) };
    },
  );

  app.post(
    "/v1/lists",
    {
      config: { needs: "build" },
      bodyLimit: http.feedBytesMax,
      schema: {
        tags: ["lists"],
        summary: "Make a list",
        body: NewListIn,
        response: { 201: ListChangedOut, ...refusals(409, 422) },
      },
    },
    async (request, reply) => {
      const { id, kind = "user", members = [] } = request.body;
      const assertStill = (): void => assertNoList(catalogue, id);
      reply.code(201).header("location", placeOf("lists", id));
      return changed(services, request, "create", { id, kind, members, mode: "replace", assertStill });
    },
  );

  app.put(
    "/v1/lists/:id",
    {
      config: { needs: "build" },
      bodyLimit: http.feedBytesMax,
      schema: {
        tags: ["lists"],
        summary: "Make a list exactly these members; a new one where there is none",
        params: exact({ id: idOf("colleagues", "The list's id.") }),
        body: ListIn,
        response: { 200: ListChangedOut, ...refusals(409, 422) },
      },
    },
    async (request) =>
      changed(services, request, "replace", { id: request.params.id, mode: "replace", ...request.body }),
  );

  app.post(
    "/v1/lists/:id/add",
    {
      config: { needs: "build" },
      bodyLimit: http.feedBytesMax,
      schema: {
        tags: ["lists"],
        summary: "Add members to a list; a new one where there is none",
        params: exact({ id: ListIdIn }),
        body: ListIn,
        response: { 200: ListChangedOut, ...refusals(409, 422) },
      },
    },
    async (request) => changed(services, request, "add", { id: request.params.id, mode: "add", ...request.body }),
  );

  app.post(
    "/v1/lists/:id/remove",
    {
      config: { needs: "build" },
      bodyLimit: http.feedBytesMax,
      schema: {
        tags: ["lists"],
        summary: "Take members out of a list",
        params: exact({ id: ListIdIn }),
        body: ListMembersIn,
        response: { 200: ListChangedOut, ...refusals(404, 422) },
      },
    },
    async (request) => changed(services, request, "remove", { id: request.params.id, mode: "remove", ...request.body }),
  );

  app.delete(
    "/v1/lists/:id",
    {
      config: { needs: "build" },
      schema: {
        tags: ["lists"],
        summary: "Delete a list; refused while a segment refers to it",
        params: exact({ id: idOf("strangers", "The list's id.") }),
        response: { 200: ListGoneOut, ...refusals(404, 409) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const revision = await removeList(services, id);
      await request.audit({ what: "lists.delete", target: id, detail: { revision: revision ?? null } });
      return { id };
    },
  );
};

/** By itself, since it alone takes text: everywhere else text is refused before anybody reads it. */
export const listUploadRoutes: RouteGroup = (app, services) => {
  const asText = textParser((_request, text, done) => done(null, text));
  app.addContentTypeParser("text/csv", { parseAs: "buffer" }, asText);
  app.post(
    "/v1/lists/:id/upload",
    {
      config: { needs: "build" },
      bodyLimit: services.http.feedBytesMax,
      schema: {
        tags: ["lists"],
        summary: "Add, replace or remove members by a CSV file",
        description: "Every line that is wrong is told by its number, and then nothing is changed.",
        params: exact({ id: idOf("newsletter", "The list's id.") }),
        querystring: UploadQuery,
        body: CsvIn,
        response: { 200: ListChangedOut, ...refusals(404, 409, 422) },
      },
    },
    async (request) => {
      const { mode = "add", kind, column } = request.query;
      const members = await idsOfText(textOf(request.body), services.limits, column);
      const { id } = request.params;
      const wish = { target: id, by: request.caller.who, total: members.length };
      return inParts(services.jobRunner, wish, (parts) =>
        changed(services, request, "upload", {
          id,
          mode,
          members,
          inParts: parts,
          ...(kind === undefined ? {} : { kind }),
        }),
      );
    },
  );
};

function textOf(body: unknown): string {
  if (typeof body === "string") return body;
  throw new HttpError(415, "unsupported-type", "Send the file as text/csv; JSON goes to …/add, …/remove, or PUT.");
}

/** Who they are is personal; how many, and of which list, is not. */
async function changed(
  desk: Desk,
  request: Pick<FastifyRequest, "audit">,
  verb: string,
  change: ListChange,
): Promise<{ readonly revisions: readonly number[]; readonly list: ListSummary }> {
  const written = new ListWritten();
  const { revisions } = written;
  const { id, mode } = change;
  const made = (): Change | undefined => {
    if (revisions.length === 0) return undefined;
    const detail = { revisions, members: written.members, ...(verb === "upload" ? { mode } : {}) };
    return { what: `lists.${verb}`, target: id, detail };
  };
  const tell = (told: Change): Promise<void> => request.audit(told);
  const list = await auditedInSteps(tell, made, () => changeList(desk, change, written));
  return { revisions, list };
}
