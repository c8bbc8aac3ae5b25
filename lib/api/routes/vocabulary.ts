// The vocabulary: told whole, and put. The checks are lib/api/vocabulary.ts.
import Type from "typebox";
import type { Json } from "../../core/types.ts";
import { vocabularyDocument } from "../../core/vocabulary-document.ts";
import type { RouteGroup } from "../api.ts";
import { HttpError } from "../http-error.ts";
import { exact, refusals } from "../schemas/common.ts";
import { VocabularyIn, VocabularyOut, VocabularyPlanOut } from "../schemas/world.ts";
import { applyVocabulary, planVocabulary, type VocabularyPlan, VocabularyRefused } from "../vocabulary.ts";

export const vocabularyRoutes: RouteGroup = (app, { control, catalogue, limits, http }) => {
  app.get(
    "/v1/vocabulary",
    {
      config: { needs: "read" },
      schema: { tags: ["vocabulary"], summary: "What gives events their meaning", response: { 200: VocabularyOut } },
    },
    async () => {
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
        body: VocabularyIn,
        response: {
          200: VocabularyPlanOut,
          202: Type.Unsafe({ ...VocabularyPlanOut, description: "It is accepted, and waits for its history." }),
          ...refusals(422),
        },
      },
    },
    async (request, reply) => {
      const source = request.body as Json;
      if (request.query.dryRun === true) {
        const plan = planVocabulary(catalogue, source, limits);
        if (plan.problems.length > 0) throw refused(plan.problems);
        return planOut(plan, null);
      }
      const { plan, revision } = await applyVocabulary(control, catalogue, source, limits).catch((error: unknown) => {
        throw error instanceof VocabularyRefused ? refused(error.problems) : error;
      });
      if (revision !== undefined) {
        const parts = plan.changes.map(({ part }) => part);
        await request.audit({ what: "vocabulary.apply", detail: { revision, parts } });
      }
      const waits = revision !== undefined && catalogue.state.pending.has(revision);
      reply.code(waits ? 202 : 200);
      return planOut(plan, revision ?? null);
    },
  );
};

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
