// Jobs: what goes on and what came of it, ending one, exporting the members of a segment, and getting what an export has made.
// What they mean is lib/api/jobs. Sending a file to be imported is imports.ts.
import { Readable } from "node:stream";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { noSegment, shown } from "../http/refusals.ts";
import { viewOf } from "../jobs/book.ts";
import { contentOf } from "../jobs/content.ts";
import { answerOf, exact, refusals } from "../schemas/common.ts";
import { ExportIn, JOBS_DEFAULT, JobIdIn, JobOut, JobsOut, JobsQuery, JobToCancelIn } from "../schemas/jobs.ts";

/** A download takes as long as the line of whoever asks. */
const DOWNLOAD_MS_MAX = 24 * 60 * 60 * 1_000;
const TYPES = { csv: "text/csv; charset=utf-8", ndjson: "application/x-ndjson" } as const;

export const jobRoutes: RouteGroup = (app, { jobs, exports, exportFiles }) => {
  app.get(
    "/v1/jobs",
    {
      config: { needs: "read" },
      schema: {
        tags: ["jobs"],
        summary: "Backfills, imports and exports, newest first: how far they are, and what came of them",
        querystring: JobsQuery,
        response: { 200: JobsOut },
      },
    },
    ({ query: { limit = JOBS_DEFAULT, ...asked } }) => jobs.page({ ...asked, limit }),
  );

  app.get(
    "/v1/jobs/:id",
    {
      config: { needs: "read" },
      schema: {
        tags: ["jobs"],
        summary: "One job",
        params: exact({ id: JobIdIn }),
        response: { 200: JobOut, ...refusals(404) },
      },
    },
    ({ params: { id } }) => jobs.job(id),
  );

  app.post(
    "/v1/jobs/:id/cancel",
    {
      config: { needs: "operate" },
      schema: {
        tags: ["jobs"],
        summary: "Let a job end; whoever runs it hears of it within seconds",
        description:
          "What is stored of an import stays stored; nothing of an export is kept; what was in force goes on.",
        params: exact({ id: JobToCancelIn }),
        response: { 200: JobOut, ...refusals(404, 409) },
      },
    },
    async (request) => {
      const job = await jobs.cancel(request.params.id);
      const { id, kind, target } = job;
      await request.audit({ what: "jobs.cancel", target: id, detail: { kind, of: target } });
      return job;
    },
  );

  app.post(
    "/v1/exports",
    {
      config: { needs: "export" },
      schema: {
        tags: ["jobs"],
        summary: "Export the members of a segment, all of them, with the columns that are asked for",
        description: "Answered at once with the job; its `export.link` is the content once it is done.",
        body: ExportIn,
        response: { 202: JobOut, ...refusals(404) },
      },
    },
    async (request, reply) => {
      const { segment, format, columns } = request.body;
      const { masking, caller } = request;
      const job = await exports.begin({ segment, format, columns, masking, by: caller.who });
      if (job === undefined) throw noSegment(segment);
      const { id } = job;
      const { personal } = masking;
      await request.audit({
        what: "exports.begin",
        target: id,
        detail: { segment, format, columns: [...(job.export?.columns ?? [])], personal },
      });
      reply.code(202).header("location", `/v1/jobs/${id}`);
      return viewOf({ job, revision: 0, isAlive: true });
    },
  );

  app.get(
    "/v1/exports/:id/file",
    {
      config: { needs: "export", answerMsMax: DOWNLOAD_MS_MAX },
      exposeHeadRoute: false,
      schema: {
        tags: ["jobs"],
        summary: "What an export has made",
        description: "Its `etag` is the SHA-256 of the content.",
        params: exact({ id: JobIdIn }),
        response: {
          200: {
            ...answerOf("text/csv", "The content: CSV, or JSON lines."),
            content: {
              ...answerOf("text/csv", "").content,
              ...answerOf("application/x-ndjson", "").content,
            },
          },
          ...refusals(403, 404, 409, 410),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const stored = await jobs.stored(id);
      const { export: made, state, target: segment, startedAt } = stored.job;
      if (made === null) throw new HttpError(404, "no-export", `${shown(id)} is no export.`);
      const view = viewOf(stored);
      if (view.state !== "done") throw notReady(id, view.state, view.problem);
      if (made.personal && !request.masking.personal) {
        throw new HttpError(
          403,
          "forbidden",
          "Personal data stands in it in the clear, which takes a key that shows personal data (--personal).",
        );
      }
      const first = view.export?.link === null ? undefined : await exportFiles.read(id, 0);
      if (first === undefined) throw gone(id, state, view.problem);
      const { rows, bytes, format } = made;
      await request.audit({ what: "exports.download", target: id, detail: { segment, rows, bytes } });
      reply
        .type(TYPES[format])
        .header("content-length", bytes)
        .header("content-disposition", disposition(`${segment}-${dayOf(startedAt)}.${format}`))
        .header("etag", `"${made.sha256}"`);
      return reply.send(Readable.from(contentOf(exportFiles, id, made.chunks, first)));
    },
  );
};

function notReady(id: string, state: string, problem: string | null): HttpError {
  const why = problem === null ? "" : ` ${problem}`;
  return new HttpError(409, "not-ready", `${id} is ${state}.${why} GET /v1/jobs/${id} tells how far it is.`);
}

function gone(id: string, state: string, problem: string | null): HttpError {
  return new HttpError(
    410,
    "gone",
    problem ?? `The content of ${id} (${state}) is not kept here any more. Export again.`,
  );
}

/** A name of other letters than ASCII's is said twice, as RFC 6266 has it. */
function disposition(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
  return plain === name
    ? `attachment; filename="${name}"`
    : `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name).replaceAll(/['()*]/g, escaped)}`;
}

function escaped(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
}

function dayOf(moment: string | null): string {
  return (moment ?? "").slice(0, 10);
}
