// The life of a definition between the first draft and the day it is switched off: drafts, publishing, on and off, and what
// reads its history. What each does is lib/api/segments/segment-changes.ts.
import type { FastifyReply, FastifyRequest } from "fastify";
import { parseDefinition } from "../../core/rules/parse/parse.ts";
import { definitionSentence } from "../../core/rules/words/sentence.ts";
import type { Json, SegmentId } from "../../core/types.ts";
import type { RouteGroup } from "../http/api.ts";
import { noSegment } from "../http/refusals.ts";
import { exact, idOf, refusals, SegmentIdIn } from "../schemas/common.ts";
import {
  AppliedOut,
  CancelledOut,
  DraftGoneOut,
  DraftIn,
  DraftOut,
  IfMatch,
  PreparationsOut,
} from "../schemas/segments.ts";
import { NotPossible } from "../segments/not-possible.ts";
import { preparationsOf } from "../segments/preparations.ts";
import {
  assertUnused,
  assertVersion,
  cancelled,
  considered,
  discardDrafts,
  draftOf,
  keepDrafts,
  retried,
  switched,
  waitingFor,
} from "../segments/segment-changes.ts";
import { answered, applied, detailOf, sourceOf, versionSeen, WAITS, withId } from "./segments.ts";
import { assertKnown } from "./versions.ts";

export const draftRoutes: RouteGroup = (app, services) => {
  const { catalogue, limits } = services;

  const draftOut = (id: SegmentId, definition: Json): object => {
    const parsed = parseDefinition(definition, limits);
    const { problems, warnings } = considered(services, { definitions: [definition] });
    return { id, definition, sentence: parsed.ok ? definitionSentence(parsed.definition) : null, problems, warnings };
  };

  app.get(
    "/v1/segments/:id/draft",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "The draft of what a segment might become",
        params: exact({ id: idOf("idea-kept", "The segment's id.") }),
        response: { 200: DraftOut, ...refusals(404) },
      },
    },
    async ({ params: { id } }) => draftOut(id, draftOf(catalogue, id)),
  );

  app.put(
    "/v1/segments/:id/draft",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Keep a draft: nobody joins or leaves, and it may be half done",
        description: "The answer says what publishing it would be refused for.",
        params: exact({ id: idOf("idea", "The segment's id, or that of one to come.") }),
        body: DraftIn,
        response: { 200: DraftOut, ...refusals(422) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const draft = withId(sourceOf(request.body), id);
      const revision = await keepDrafts(services, [draft]);
      await request.audit({ what: "segments.draft", target: id, detail: { revision: revision ?? null } });
      // Not as it is kept now: somebody else may have thrown it away or published it meanwhile.
      return draftOut(id, draft);
    },
  );

  app.delete(
    "/v1/segments/:id/draft",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Throw a draft away",
        params: exact({ id: idOf("idea-dropped", "The segment's id.") }),
        response: { 200: DraftGoneOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const revision = await discardDrafts(services, [id]);
      await request.audit({ what: "segments.discard", target: id, detail: { revision: revision ?? null } });
      return { id };
    },
  );

  app.post(
    "/v1/segments/:id/publish",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Apply a draft",
        params: exact({ id: idOf("idea-ready", "The segment's id.") }),
        headers: IfMatch,
        response: { 200: AppliedOut, ...WAITS, ...refusals(404, 412, 422) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const seen = versionSeen(request.headers["if-match"]);
      const draft = draftOf(catalogue, id);
      const assertStill = (): void => assertVersion(services, id, seen);
      const done = await applied(services, { definitions: [draft], assertStill });
      // Nothing differs from what is in force: then the draft has served.
      if (done.revisions.length === 0 && catalogue.drafts.has(id)) await discardDrafts(services, [id]);
      await request.audit({ what: "segments.publish", target: id, detail: detailOf(done) });
      return answered(services, reply, done, { id });
    },
  );
};

export const lifecycleRoutes: RouteGroup = (app, services) => {
  const { audience, catalogue } = services;

  const change = async (id: SegmentId, enabled: boolean, request: Changing, reply: FastifyReply): Promise<object> => {
    const seen = versionSeen(request.headers["if-match"]);
    const entry = catalogue.entry(id);
    if (entry === undefined) throw noSegment(id);
    if (entry.state === "draft") {
      throw new NotPossible("conflict", "not-in-force", `${id} is a draft: publish it first.`);
    }
    const { definition, assertStill: assertNewest } = switched(services, id, enabled);
    const assertStill = (): void => {
      assertVersion(services, id, seen);
      assertNewest();
      if (!enabled) assertUnused(services, id, "disabled");
    };
    if (!enabled) assertUnused(services, id, "disabled");
    const done = await applied(services, { definitions: [definition], assertStill });
    if (done.revisions.length > 0) {
      const what = enabled ? "segments.enable" : "segments.disable";
      await request.audit({ what, target: id, detail: detailOf(done) });
    }
    return answered(services, reply, done, { id });
  };

  app.post(
    "/v1/segments/:id/enable",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Switch a segment on again: who passes its rule joins",
        params: exact({ id: idOf("cart-asleep", "The segment's id.") }),
        headers: IfMatch,
        response: { 200: AppliedOut, ...WAITS, ...refusals(404, 409, 412, 422) },
      },
    },
    (request, reply) => change(request.params.id, true, request, reply),
  );

  app.post(
    "/v1/segments/:id/disable",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Switch a segment off: everybody leaves, the definition and its counters stay",
        description: "Refused while another segment that is on refers to it; `problems` names each.",
        params: exact({ id: idOf("cart-awake", "The segment's id.") }),
        headers: IfMatch,
        response: { 200: AppliedOut, ...WAITS, ...refusals(404, 409, 412, 422) },
      },
    },
    (request, reply) => change(request.params.id, false, request, reply),
  );

  const preparing = (id: SegmentId): number => {
    assertKnown(catalogue, id);
    const revision = waitingFor(catalogue, id);
    if (revision !== undefined) return revision;
    throw new NotPossible(
      "conflict",
      "nothing-waits",
      `Nothing waits for ${id}: GET /v1/preparations lists what does.`,
    );
  };

  app.post(
    "/v1/segments/:id/cancel",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Give up a change that still reads its history; what is in force goes on",
        params: exact({ id: idOf("pinged-waiting", "The segment's id.") }),
        response: { 200: CancelledOut, ...refusals(404, 409) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const revision = preparing(id);
      const segments = await cancelled(services, revision);
      await request.audit({ what: "segments.cancel", target: id, detail: { revision, segments } });
      return { revision, segments };
    },
  );

  app.post(
    "/v1/segments/:id/retry",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Begin anew what could not be completed, once its cause is mended",
        params: exact({ id: idOf("ponged-waiting", "The segment's id.") }),
        response: { 200: CancelledOut, ...refusals(404, 409) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { revision, segments } = await retried(services, preparing(id));
      if (revision === undefined) throw new NotPossible("conflict", "too-late", `${id} waits for nothing any more.`);
      await request.audit({ what: "segments.retry", target: id, detail: { revision, segments } });
      return { revision, segments };
    },
  );

  const preparations = async (id?: SegmentId): Promise<object> => {
    const { state } = catalogue;
    const all = state.pending.size === 0 ? [] : preparationsOf(state, await audience.partitions());
    return {
      preparations: all.filter(
        ({ segments, removes }) => id === undefined || segments.includes(id) || removes.includes(id),
      ),
    };
  };

  app.get(
    "/v1/preparations",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "What reads its history: how far, how fast, what is left, partition by partition",
        response: { 200: PreparationsOut },
      },
    },
    () => preparations(),
  );

  app.get(
    "/v1/segments/:id/progress",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "The same, of what brings or removes this segment; none: nothing waits",
        params: exact({ id: SegmentIdIn }),
        response: { 200: PreparationsOut, ...refusals(404) },
      },
    },
    async ({ params: { id } }) => {
      assertKnown(catalogue, id);
      return preparations(id);
    },
  );
};

type Changing = Pick<FastifyRequest, "audit"> & { readonly headers: { readonly "if-match"?: string } };
