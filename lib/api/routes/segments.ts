// Segments: found, told, made, replaced, cloned, deleted; one batch of them with its lists. The changes are
// lib/api/segments/segment-changes.ts; what a version was is routes/versions.ts, what a definition would do routes/candidates.ts.
import type { FastifyReply } from "fastify";
import Type from "typebox";
import type { JsonObject, SegmentId } from "../../core/types.ts";
import { givenList } from "../../definitions/given.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { placeOf } from "../http/places.ts";
import { noSegment } from "../http/refusals.ts";
import { exact, idOf, refusals, SegmentIdIn } from "../schemas/common.ts";
import {
  AppliedOut,
  BatchIn,
  CloneIn,
  definitionIn,
  IfMatch,
  SEGMENTS_MAX,
  SegmentOut,
  SegmentsOut,
  SegmentsQuery,
  UsesOut,
} from "../schemas/segments.ts";
import { auditedInSteps } from "../security/auditing.ts";
import { ApplyWritten } from "../segments/apply.ts";
import {
  applied as applyWanted,
  assertNew,
  assertStays,
  assertUnused,
  assertVersion,
  considered,
  type Desk,
  type Done,
  keepDrafts,
  newestVersion,
  type Wanted,
} from "../segments/segment-changes.ts";
import { segmentsFound } from "../segments/segment-list.ts";
import { segmentsUsedIn, segmentsUsingList, usesOfSegment } from "../segments/uses.ts";

/** It is accepted, and waits for its history. */
export const WAITS = { 202: Type.Unsafe({ ...AppliedOut, description: "It is accepted, and waits for its history." }) };

export const segmentRoutes: RouteGroup = (app, services) => {
  const { audience, catalogue, http } = services;

  app.get(
    "/v1/segments",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "Segments with their sizes: all, or those that are looked for",
        querystring: SegmentsQuery,
        response: { 200: SegmentsOut },
      },
    },
    async ({ query }) => {
      const { usedIn, uses, usesList, sort = "id", limit = SEGMENTS_MAX, ...filters } = query;
      const { segments, universe } = await audience.overview();
      const sets = [
        ...(usedIn === undefined ? [] : [segmentsUsedIn(catalogue, usedIn)]),
        ...(uses === undefined ? [] : [usesOfSegment(catalogue, uses).segments]),
        ...(usesList === undefined ? [] : [segmentsUsingList(catalogue, usesList)]),
      ].map((ids) => new Set(ids));
      const among =
        sets.length === 0 ? {} : { among: new Set([...sets[0]!].filter((id) => sets.every((s) => s.has(id)))) };
      const changedAt = (id: SegmentId): number => catalogue.versions(id)[0]?.appliedAt ?? 0;
      return { ...segmentsFound(segments, { ...filters, ...among, sort, limit }, changedAt), universe };
    },
  );

  app.get(
    "/v1/segments/:id",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "One segment, with its definition and what it says in plain words",
        description:
          "Its `etag` is the version that it shows: send it back as `if-match` with a change. While a newer one waits " +
          "(`nextVersion`) a change builds on that one, which stands among the versions.",
        params: exact({ id: SegmentIdIn }),
        response: { 200: SegmentOut, ...refusals(404) },
      },
    },
    async ({ params: { id } }, reply) => {
      const segment = await audience.segment(id);
      if (segment === undefined) throw noSegment(id);
      reply.header("etag", etagOf(segment.version));
      return segment;
    },
  );

  app.get(
    "/v1/segments/:id/used-in",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "Who refers to a segment",
        params: exact({ id: SegmentIdIn }),
        response: { 200: UsesOut, ...refusals(404) },
      },
    },
    async ({ params: { id } }) => {
      if ((await audience.segment(id)) === undefined) throw noSegment(id);
      return usesOfSegment(catalogue, id);
    },
  );

  app.post(
    "/v1/segments",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Make a segment",
        body: definitionIn({ id: "big-carts", name: "Big carts", rule: { cart: { value: { gte: 500 } } } }),
        response: { 201: AppliedOut, ...WAITS, ...refusals(409, 422) },
      },
    },
    async (request, reply) => {
      const source = sourceOf(request.body);
      const id = String(source.id);
      const done = await applied(services, { definitions: [source], assertStill: () => assertNew(services, id) });
      await request.audit({ what: "segments.create", target: id, detail: detailOf(done) });
      reply.header("location", placeOf("segments", id));
      return answered(services, reply, done, { id, good: 201 });
    },
  );

  app.put(
    "/v1/segments/:id",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Replace a segment's definition: a new version of it",
        description: "The version in force serves until the new one is ready, and exactly the difference is announced.",
        params: exact({ id: idOf("cart-changing", "The segment's id.") }),
        headers: IfMatch,
        body: definitionIn({ id: "cart-changing", rule: { cart: { value: { gt: 20 } } } }),
        response: { 200: AppliedOut, ...WAITS, ...refusals(404, 412, 422) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const seen = versionSeen(request.headers["if-match"]);
      if (newestVersion(services, id) === 0) throw noSegment(id);
      const definition = withId(sourceOf(request.body), id);
      const assertStill = (): void => assertVersion(services, id, seen);
      const done = await applied(services, { definitions: [definition], assertStill });
      if (done.revisions.length > 0) {
        await request.audit({ what: "segments.replace", target: id, detail: detailOf(done) });
      }
      return answered(services, reply, done, { id });
    },
  );

  app.delete(
    "/v1/segments/:id",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Delete a segment: everybody leaves it; its history stays",
        description: "Refused while another segment refers to it; `problems` names each.",
        params: exact({ id: idOf("cart-unwanted", "The segment's id.") }),
        headers: IfMatch,
        response: { 200: AppliedOut, ...WAITS, ...refusals(404, 409, 412) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const seen = versionSeen(request.headers["if-match"]);
      const assertThere = (): void => {
        if (newestVersion(services, id) === 0) throw noSegment(id);
        assertStays(services, id);
      };
      const assertStill = (): void => {
        assertThere();
        assertVersion(services, id, seen);
        assertUnused(services, id, "deleted");
      };
      assertStill();
      const done = await applied(services, { definitions: [], remove: [id], assertStill }).catch((error: unknown) => {
        // When somebody else was faster it is not the request that is wrong.
        assertThere();
        throw error;
      });
      await request.audit({ what: "segments.delete", target: id, detail: detailOf(done) });
      return answered(services, reply, done, {});
    },
  );

  app.post(
    "/v1/segments/:id/clone",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Make another segment of the same definition",
        params: exact({ id: SegmentIdIn }),
        body: CloneIn,
        response: { 201: AppliedOut, ...WAITS, ...refusals(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const entry = catalogue.entry(request.params.id);
      if (entry === undefined) throw noSegment(request.params.id);
      const { id, draft = false, name = id, ...others } = request.body;
      const { enabled: _, ...rest } = entry.definition as JsonObject;
      const definition: JsonObject = { ...rest, id, name, ...others };
      const place = placeOf("segments", id);
      if (draft) {
        assertNew(services, id);
        const revision = await keepDrafts(services, [definition]);
        await request.audit({
          what: "segments.clone",
          target: id,
          detail: { from: entry.id, draft, revision: revision ?? null },
        });
        reply.code(201).header("location", place);
        return {
          ...NOTHING,
          revisions: revision === undefined ? [] : [revision],
          created: [id],
          versions: { [id]: 0 },
        };
      }
      const done = await applied(services, { definitions: [definition], assertStill: () => assertNew(services, id) });
      await request.audit({ what: "segments.clone", target: id, detail: { from: entry.id, ...detailOf(done) } });
      reply.header("location", place);
      return answered(services, reply, done, { id, good: 201 });
    },
  );

  app.post(
    "/v1/segments/apply",
    {
      config: { needs: "build" },
      bodyLimit: http.feedBytesMax,
      schema: {
        tags: ["segments"],
        summary: "Make, replace and delete many as one batch, with their lists; in any order",
        body: BatchIn,
        response: { 200: AppliedOut, ...WAITS, ...refusals(422) },
      },
    },
    async (request, reply) => {
      const { segments: definitions = [], lists = [], remove = [], dryRun = false } = request.body;
      const wanted = {
        definitions,
        lists: lists.map(({ id, kind = "user", members }) => givenList(id, kind, members)),
        remove,
        pathOf: (index: number) => `segments[${index}]`,
        hasHistory: await isAnybodyKnown(services),
      };
      if (dryRun) {
        const { plan, problems, warnings } = considered(services, wanted);
        if (problems.length > 0) throw new HttpError(422, "bad-definition", "It would not be applied.", problems);
        return { ...appliedOut(services, { plan, revisions: [], warnings }), waits: false };
      }
      const written = new ApplyWritten();
      const done = await auditedInSteps(
        (change) => request.audit(change),
        () => (written.isNothing ? undefined : { what: "segments.apply", detail: written.detail }),
        () => applyWanted(services, wanted, written),
      );
      return answered(services, reply, done, {});
    },
  );
};

// ── for the other groups of routes that change segments ─────────────────────────────────────────────────────────────

type Services = Parameters<RouteGroup>[1];

/** Applied, with what it costs told by what there is. */
export async function applied(services: Services, wanted: Wanted): Promise<Done> {
  return applyWanted(services, { ...wanted, hasHistory: await isAnybodyKnown(services) });
}

/** Taken for granted while not every partition answers. */
export async function isAnybodyKnown({ audience }: Pick<Services, "audience">): Promise<boolean> {
  return (await audience.overview()).universe !== 0;
}

export function answered(
  desk: Desk,
  reply: FastifyReply,
  done: Done,
  { id, good = 200 }: { readonly id?: SegmentId; readonly good?: number },
): object {
  const out = appliedOut(desk, done);
  reply.code(out.waits ? 202 : good);
  if (id !== undefined) reply.header("etag", etagOf(newestVersion(desk, id)));
  return out;
}

const NOTHING = {
  revisions: [] as readonly number[],
  waits: false,
  created: [] as readonly SegmentId[],
  changed: [],
  unchanged: [],
  removed: [],
  lists: [],
  costs: {},
  warnings: [],
};

function appliedOut(desk: Desk, { plan, revisions, warnings }: Done) {
  const { created, changed, unchanged, removed, lists, costs } = plan;
  const { pending } = desk.catalogue.state;
  return {
    revisions,
    waits: revisions.some((revision) => pending.has(revision)),
    created,
    changed,
    unchanged,
    removed,
    lists: lists.map(({ id }) => id),
    versions: Object.fromEntries([...created, ...changed, ...unchanged].map((id) => [id, newestVersion(desk, id)])),
    costs: Object.fromEntries(costs),
    warnings,
  };
}

/** For the log of changes. */
export function detailOf({ plan, revisions }: Done): JsonObject {
  const { created, changed, removed, lists } = plan;
  return { revisions, created, changed, removed, lists: lists.map(({ id }) => id) };
}

function etagOf(version: number): string {
  return `"${version}"`;
}

/** Undefined: whatever is there will do. */
export function versionSeen(header: string | undefined): number | undefined {
  if (header === undefined || header === "*") return undefined;
  const version = /^"(\d{1,9})"$/.exec(header)?.[1];
  if (version !== undefined) return Number(version);
  throw new HttpError(400, "bad-request", 'header.if-match: it is the etag of one answer, such as "3", or *.');
}

export function sourceOf(body: unknown): JsonObject {
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as JsonObject;
  const message = "a definition is an object such as {id: vip, rule: …}";
  throw new HttpError(422, "bad-definition", `${message}.`, [{ path: "", message }]);
}

/** The id stands in the path; in the body it is the same, or left out. */
export function withId(source: JsonObject, id: SegmentId): JsonObject {
  if (source.id !== undefined && source.id !== id) {
    const message = `the path says ${id}; a segment keeps its id`;
    throw new HttpError(422, "bad-definition", `id: ${message}.`, [{ path: "id", message }]);
  }
  return { ...source, id };
}
