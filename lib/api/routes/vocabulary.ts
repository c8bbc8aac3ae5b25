// The vocabulary: told whole, put, planned, and as it was. The checks are lib/api/world/vocabulary.ts.
import Type from "typebox";
import type { Json } from "../../core/types.ts";
import { vocabularyDocument } from "../../core/vocabulary-document.ts";
import { VOCABULARY_SCHEMA } from "../../core/vocabulary-schema.ts";
import { moment } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { AnyObject, answerOf, Cursor, exact, limitOf, refusals } from "../schemas/common.ts";
import { IfMatch } from "../schemas/segments.ts";
import { OneVocabularyOut, VocabulariesOut, VocabularyIn, VocabularyOut, VocabularyPlanOut } from "../schemas/world.ts";
import { NotPossible } from "../segments/not-possible.ts";
import { recordsWhere, revisionsIn } from "../segments/segment-history.ts";
import { pageOfAll } from "../segments/segment-list.ts";
import { applyVocabulary, planVocabulary, type VocabularyPlan, VocabularyRefused } from "../world/vocabulary.ts";
import type { VocabularyVersion } from "../world/vocabulary-history.ts";
import { versionSeen } from "./segments.ts";

const HISTORY_MAX = 200;
const HISTORY_DEFAULT = 50;

export const vocabularyRoutes: RouteGroup = (app, { control, catalogue, limits, http, audit }) => {
  app.get(
    "/v1/vocabulary",
    {
      config: { needs: "read" },
      schema: {
        tags: ["vocabulary"],
        summary: "What gives events their meaning",
        description: "Its `etag` is the newest revision of it: send it back as `if-match` with a change.",
        response: { 200: VocabularyOut },
      },
    },
    async (_request, reply) => {
      reply.header("etag", `"${catalogue.vocabularyRevision}"`);
      const { vocabulary, newestVocabulary } = catalogue.state;
      const waits = newestVocabulary !== vocabulary;
      return {
        vocabulary: vocabularyDocument(vocabulary),
        waiting: waits ? vocabularyDocument(newestVocabulary) : null,
      };
    },
  );

  app.put(
    "/v1/vocabulary",
    {
      config: { needs: "build" },
      bodyLimit: http.feedBytesMax,
      schema: {
        tags: ["vocabulary"],
        summary: "Put a vocabulary in force, or say what it would change",
        querystring: exact({
          dryRun: Type.Optional(Type.Boolean({ description: "Only say what would be done." })),
        }),
        headers: IfMatch,
        body: VocabularyIn,
        response: {
          200: VocabularyPlanOut,
          202: Type.Unsafe({ ...VocabularyPlanOut, description: "It is accepted, and waits for its history." }),
          ...refusals(412, 422),
        },
      },
    },
    async (request, reply) => {
      const source = request.body as Json;
      const seen = versionSeen(request.headers["if-match"]);
      const assertStill = (): void => {
        const newest = catalogue.vocabularyRevision;
        if (seen === undefined || seen === newest) return;
        const message = `The vocabulary is at revision ${newest}, and you saw ${seen}: look again, then decide.`;
        throw new NotPossible("moved", "version-moved", message);
      };
      if (request.query.dryRun === true) {
        const plan = planVocabulary(catalogue, source, limits);
        if (plan.problems.length > 0) throw refused(plan.problems);
        return planOut(plan, null);
      }
      const { plan, revision } = await applyVocabulary(control, catalogue, source, limits, assertStill).catch(
        (error: unknown) => {
          throw error instanceof VocabularyRefused ? refused(error.problems) : error;
        },
      );
      if (revision !== undefined) {
        const parts = plan.changes.map(({ part }) => part);
        await request.audit({ what: "vocabulary.apply", detail: { revision, parts } });
      }
      const waits = revision !== undefined && catalogue.state.pending.has(revision);
      reply.code(waits ? 202 : 200).header("etag", `"${catalogue.vocabularyRevision}"`);
      return planOut(plan, revision ?? null);
    },
  );

  app.post(
    "/v1/vocabulary/plan",
    {
      config: { needs: "read" },
      bodyLimit: http.feedBytesMax,
      schema: {
        "x-not-audited": "It only asks.",
        tags: ["vocabulary"],
        summary: "What a vocabulary would change, and which segments that would concern",
        body: VocabularyIn,
        response: { 200: VocabularyPlanOut, ...refusals(422) },
      },
    },
    async ({ body }) => {
      const plan = planVocabulary(catalogue, body as Json, limits);
      if (plan.problems.length > 0) throw refused(plan.problems);
      return planOut(plan, null);
    },
  );

  /** Who put each of these, as far as one look into the log of changes tells. */
  const whoPut = async (revisions: readonly number[]): Promise<(revision: number) => string | null> => {
    const { items } = await recordsWhere(audit, ({ what }) => what === "vocabulary.apply", HISTORY_MAX);
    const who = new Map(items.flatMap((record) => revisionsIn(record.detail).map((one) => [one, record.who] as const)));
    return (revision) => (revisions.includes(revision) ? (who.get(revision) ?? null) : null);
  };

  app.get(
    "/v1/vocabulary/history",
    {
      config: { needs: "read" },
      schema: {
        tags: ["vocabulary"],
        summary: "Every vocabulary that was put, newest first, by whom and when",
        querystring: exact({ limit: limitOf(HISTORY_MAX, HISTORY_DEFAULT), cursor: Cursor }),
        response: { 200: VocabulariesOut },
      },
    },
    async ({ query: { limit = HISTORY_DEFAULT, cursor } }) => {
      const page = pageOfAll(catalogue.vocabularies(), { limit, ...(cursor === undefined ? {} : { cursor }) });
      const whoOf = await whoPut(page.items.map(({ revision }) => revision));
      return { ...page, items: page.items.map((version) => versionOut(version, whoOf(version.revision))) };
    },
  );

  app.get(
    "/v1/vocabulary/history/:revision",
    {
      config: { needs: "read" },
      schema: {
        tags: ["vocabulary"],
        summary: "One of them, as it was written; put again, it is in force again",
        params: exact({
          revision: Type.Integer({ minimum: 1, maximum: 1_000_000_000, examples: [1], description: "Of the history." }),
        }),
        response: { 200: OneVocabularyOut, ...refusals(404) },
      },
    },
    async ({ params: { revision } }) => {
      const found = catalogue.vocabularies().find((one) => one.revision === revision);
      if (found === undefined) {
        const message = `No vocabulary came with revision ${revision}: GET /v1/vocabulary/history lists them.`;
        throw new NotPossible("unknown", "unknown-revision", message);
      }
      return { ...versionOut(found, (await whoPut([revision]))(revision)), vocabulary: found.source };
    },
  );

  app.get(
    "/v1/schemas/vocabulary.json",
    {
      config: { needs: "read" },
      schema: {
        tags: ["vocabulary"],
        summary: "The JSON Schema of a vocabulary",
        response: { 200: answerOf("application/schema+json", "Draft 2020-12.", AnyObject) },
      },
    },
    (_request, reply) => reply.type("application/schema+json").send(VOCABULARY_SCHEMA),
  );
};

function versionOut({ source: _, appliedAt, ...version }: VocabularyVersion, who: string | null) {
  return { ...version, appliedAt: moment(appliedAt), who };
}

function refused(problems: VocabularyPlan["problems"]): HttpError {
  return new HttpError(422, "bad-vocabulary", "The vocabulary was not applied.", problems);
}

function planOut({ changes, edited, warnings }: VocabularyPlan, revision: number | null) {
  return {
    revision,
    changes: changes.map(({ part, before = null, after = null }) => ({ part, before, after })),
    edited,
    warnings,
  };
}
