// The OpenAPI document: made from the routes and their schemas, served at /openapi.json, shown at /docs, and committed as
// docs/schemas/openapi.json. What every route has in common (its key, its usual refusals) is added here, once.
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance, FastifySchema, RouteOptions } from "fastify";
import type { Names } from "../../nats/names.ts";
import { ICON, LOGO } from "../page/icon.ts";
import { TAGS } from "../routes/groups.ts";
import { AnyObject, namedSchemas, refusal } from "../schemas/common.ts";
import type { Right } from "../security/rights.ts";
import { asyncApi } from "./asyncapi.ts";

const DESCRIPTION = `Who is in which segment, right now, and who has just joined or left. docs/api.md tells how to call it.

Errors are \`{"error": {"code", "message", "problems"?}}\`. Moments are ISO 8601. What a schema does not name is refused.`;

const SECURITY = {
  bearer: { type: "http", scheme: "bearer", description: "`Authorization: Bearer rk_…`" },
  basic: { type: "http", scheme: "basic", description: "The key is the user, the password is empty." },
} as const;

/** Its own document is all that /docs shows, so nobody is asked for an address of one. */
const DOCS_STYLE = `
.swagger-ui .topbar { background: #1b2133; }
.swagger-ui .topbar .download-url-wrapper { display: none; }
.swagger-ui .topbar-wrapper { justify-content: space-between; }
`;

export function addDocument(app: FastifyInstance, version: string, names: Names): void {
  const messages = asyncApi(version, names);
  for (const schema of namedSchemas()) app.addSchema(schema);
  app.register(swagger, {
    convertConstToEnum: false,
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Rollcall",
        version,
        description: DESCRIPTION,
        license: { name: "Apache-2.0", identifier: "Apache-2.0" } as object as { name: string },
      },
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { securitySchemes: SECURITY },
    },
    refResolver: { buildLocalReference: (json) => String(json.$id) },
    transform: ({ schema, url, route }) => ({ schema: described(schema, route), url }),
  });
  app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: true,
    uiConfig: { deepLinking: true, displayRequestDuration: true, tryItOutEnabled: true },
    logo: { type: "image/svg+xml", content: Buffer.from(LOGO), href: "/", target: "_self" },
    theme: {
      title: "Rollcall",
      css: [{ filename: "rollcall.css", content: DOCS_STYLE }],
      favicon: [{ filename: "icon.svg", rel: "icon", type: "image/svg+xml", sizes: "any", content: ICON }],
    },
  });
  app.register(async (routes) => {
    routes.get(
      "/openapi.json",
      {
        config: { needs: "read" },
        schema: { tags: ["operations"], summary: "This document", response: { 200: AnyObject } },
      },
      () => app.swagger(),
    );
    routes.get(
      "/asyncapi.json",
      {
        config: { needs: "read" },
        schema: { tags: ["operations"], summary: "What goes over NATS, as AsyncAPI 3", response: { 200: AnyObject } },
      },
      () => messages,
    );
  });
}

/** The pages of /docs are made by their plugin, which knows nothing of rights. */
export function withRight(route: RouteOptions): void {
  if (route.url.startsWith("/docs") && route.config?.needs === undefined) {
    route.config = { ...route.config, needs: "read" };
  }
}

function described(schema: FastifySchema | undefined, route: RouteOptions): FastifySchema {
  if (schema === undefined) return { hide: true };
  const needs = route.config?.needs ?? "nobody";
  const response = { ...usualRefusals(schema, needs), ...(schema.response as object) };
  return {
    ...schema,
    response: withDescriptions(response),
    ...(needs === "nobody" ? {} : { security: [{ bearer: [] }, { basic: [] }], description: needsText(schema, needs) }),
  };
}

function needsText({ description }: FastifySchema, needs: Right): string {
  return [description, `Needs the right \`${needs}\`.`].filter((text) => text !== undefined).join(" ");
}

function usualRefusals({ params, querystring, body }: FastifySchema, needs: Right): object {
  const takes = [params, querystring, body].some((part) => part !== undefined);
  return {
    ...(takes ? { 400: refusal(400) } : {}),
    ...(needs === "nobody" ? {} : { 401: refusal(401), 403: refusal(403), 429: refusal(429) }),
    ...(body === undefined ? {} : { 413: refusal(413), 415: refusal(415) }),
    500: refusal(500),
    ...(needs === "nobody" ? {} : { 503: refusal(503) }),
  };
}

/** A description is obligatory in OpenAPI; that of a good answer is seldom worth more than this. */
function withDescriptions(response: object): object {
  return Object.fromEntries(
    Object.entries(response).map(([status, schema]) => [
      status,
      { ...(schema as object), description: (schema as { description?: string }).description ?? "Done" },
    ]),
  );
}
