// A file sent to be imported: its body is read while it arrives, and answered when its last row is stored. By itself, since it
// alone takes bodies of that kind. What is done with it is lib/api/jobs/receiving.ts.
import type { FastifyRequest } from "fastify";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { takesLong } from "../http/long-requests.ts";
import { viewOf } from "../jobs/book.ts";
import { received } from "../jobs/receiving.ts";
import { unlessAborted } from "../jobs/unless-aborted.ts";
import { refusals } from "../schemas/common.ts";
import { ImportedOut, ImportIn, ImportQuery } from "../schemas/jobs.ts";

/** As long as somebody sends. */
const IMPORT_MS_MAX = 24 * 60 * 60 * 1_000;
const FORMATS = { "application/x-ndjson": "ndjson", "text/csv": "csv" } as const;

export const importRoutes: RouteGroup = (app, services) => {
  const { jobRunner, importLogs, http, tables, keepIp, limits, clock, catalogue } = services;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(Object.keys(FORMATS), (_request, payload, done) => done(null, payload));

  app.post(
    "/v1/imports",
    {
      config: { needs: "operate", answerMsMax: IMPORT_MS_MAX },
      onRequest: (request, _reply, done) => {
        takesLong(request);
        done();
      },
      schema: {
        tags: ["jobs"],
        summary: "Import events, or accounts, from a file: its body is read while it arrives",
        description:
          "The same as `rollcall import`. Answered when the last row is stored; GET /v1/jobs tells how far it is meanwhile. " +
          "A body may be gzipped. Rows that are refused are counted, and the others go in.",
        querystring: ImportQuery,
        body: ImportIn,
        response: { 200: ImportedOut, ...refusals(408, 409, 422) },
      },
    },
    async (request, reply) => {
      // Of a body that is refused half way nobody reads the rest.
      reply.header("connection", "close");
      const format = formatOf(request);
      const { query, caller, headers } = request;
      const { file = `upload.${format}`, resume = false, ...mapping } = query;
      const length = Number(headers["content-length"] ?? Number.NaN);
      const { trustedSources } = catalogue.state.vocabulary;
      const done = await received(
        { runner: jobRunner, logs: importLogs, door: { tables, trustedSources, keepIp }, limits, clock },
        {
          ...mapping,
          file,
          format,
          resume,
          bytesTotal: Number.isSafeInteger(length) ? length : null,
          by: caller.who,
        },
        (signal) => arriving(request, http.timeoutMs, signal),
        (events, job) => request.audit({ what: "events.import", target: file, detail: { events, job } }),
      );
      reply.removeHeader("connection");
      return { ...done, job: viewOf({ job: done.job, revision: 0, isAlive: true }) };
    },
  );
};

function formatOf({ headers }: FastifyRequest): "csv" | "ndjson" {
  const type = (headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
  const format = Object.hasOwn(FORMATS, type) ? FORMATS[type as keyof typeof FORMATS] : undefined;
  if (format !== undefined) return format;
  throw new HttpError(415, "unsupported-type", `Send the file as ${Object.keys(FORMATS).join(" or as ")}.`);
}

/** What comes in, as fast as it is taken. Silence for longer than a request may take to arrive ends it, and so does the signal. */
async function* arriving(
  { body, raw }: FastifyRequest,
  silenceMsMax: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const bytes = ((body ?? raw) as typeof raw)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_resolve, reject) => {
      const why = new HttpError(408, "too-slow", `Nothing came for ${silenceMsMax} ms (httpTimeout).`);
      timer = setTimeout(() => reject(why), silenceMsMax);
    });
    try {
      const { done, value } = await unlessAborted(Promise.race([bytes.next().catch(brokenOff), silence]), signal);
      if (done === true) return;
      yield value;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Nobody hears the answer then; the list of jobs shows it. */
function brokenOff(error: Error): never {
  const message = "Its sender broke off before its end; the same file with resume=true goes on where it stopped.";
  throw new HttpError(400, "broken-off", message, [{ path: "body", message: error.message }]);
}
