// The page at `/` and the schema of a definition: what people and editors open. The page is lib/api/page/page.ts.
import { randomBytes } from "node:crypto";
import { definitionSchema, SCHEMA_ID } from "../../core/rules/words/schema.ts";
import type { RouteGroup } from "../http/api.ts";
import { renderPage } from "../page/page.ts";
import { AnyObject, answerOf } from "../schemas/common.ts";
import { deltaMasked } from "../security/masking.ts";

export const pageRoutes: RouteGroup = (app, { audience, natsUrl, subjectPrefix }) => {
  app.get(
    "/",
    {
      config: { needs: "read" },
      schema: {
        tags: ["live"],
        summary: "The page: segments, and who has just joined or left",
        response: { 200: answerOf("text/html", "The page.") },
      },
    },
    async (request, reply) => {
      const nonce = randomBytes(16).toString("base64");
      reply.header("content-security-policy", policy(nonce)).type("text/html; charset=utf-8");
      const recent = audience.recent().map((delta) => deltaMasked(delta, request.masking));
      return renderPage({ overview: await audience.overview(), recent, natsUrl, subjectPrefix, nonce });
    },
  );

  app.get(
    SCHEMA_ID,
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "The JSON Schema of a definition",
        response: { 200: answerOf("application/schema+json", "Draft 2020-12.", AnyObject) },
      },
    },
    (_request, reply) => reply.type("application/schema+json").send(definitionSchema()),
  );
};

function policy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
