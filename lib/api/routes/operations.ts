// Whether the process lives, whether it can serve, what it counts, and which version it is.
import Type from "typebox";
import type { RouteGroup } from "../http/api.ts";
import { answerOf } from "../schemas/common.ts";
import { HealthOut, ReadinessOut, VersionOut } from "../schemas/operations.ts";

export const operationRoutes: RouteGroup = (app, { audience, metrics, version }) => {
  app.get(
    "/healthz",
    {
      config: { needs: "nobody" },
      schema: { tags: ["operations"], summary: "Whether the process lives", response: { 200: HealthOut } },
    },
    async () => ({ status: "ok" }),
  );

  app.get(
    "/readyz",
    {
      config: { needs: "nobody" },
      schema: {
        tags: ["operations"],
        summary: "Whether every partition is served",
        response: { 200: ReadinessOut, 503: Type.Unsafe({ ...ReadinessOut, description: "Not every partition is." }) },
      },
    },
    async (_request, reply) => {
      const readiness = await audience.readiness();
      reply.code(readiness.ready ? 200 : 503);
      return readiness;
    },
  );

  app.get(
    "/version",
    {
      config: { needs: "nobody" },
      schema: { tags: ["operations"], summary: "Which version answers", response: { 200: VersionOut } },
    },
    async () => ({ version }),
  );

  app.get(
    "/metrics",
    {
      config: { needs: "read" },
      schema: {
        tags: ["operations"],
        summary: "Metrics for Prometheus",
        response: { 200: answerOf("text/plain", "In Prometheus's text format.") },
      },
    },
    async (_request, reply) => {
      reply.type(metrics.contentType);
      return metrics.text();
    },
  );
};
