// Who changed what, newest first. Written by every route and command that changes something.
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { AuditOut, AuditQuery } from "../schemas/security.ts";

const RECORDS_DEFAULT = 50;

export const auditRoutes: RouteGroup = (app, { audit }) => {
  app.get(
    "/v1/audit",
    {
      config: { needs: "audit" },
      schema: {
        tags: ["keys"],
        summary: "Who changed what, newest first",
        querystring: AuditQuery,
        response: { 200: AuditOut },
      },
    },
    async ({ query: { limit = RECORDS_DEFAULT, cursor } }) => {
      const { records, before } = await audit.read(limit, cursor === undefined ? undefined : seqOf(cursor));
      return { items: records, next: before === null ? null : String(before) };
    },
  );
};

function seqOf(cursor: string): number {
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor);
  throw new HttpError(400, "bad-cursor", "query.cursor: it is the `next` of the page before, and nothing else.");
}
