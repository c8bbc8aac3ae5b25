// Workers and partitions: how they are, and what is wished of them. The answers are lib/api/operations/operating.ts.
import type { RouteGroup } from "../http/api.ts";
import { MoveIn, PartitionIn, PartitionOut, PartitionsOut, WorkerIdIn, WorkersOut } from "../schemas/cluster.ts";
import { exact, refusals } from "../schemas/common.ts";

export const clusterRoutes: RouteGroup = (app, { operating }) => {
  app.get(
    "/v1/workers",
    {
      config: { needs: "read" },
      schema: {
        tags: ["operations"],
        summary: "The workers that live, and how they are",
        response: { 200: WorkersOut },
      },
    },
    async () => ({ workers: (await operating.look()).workers }),
  );

  app.post(
    "/v1/workers/:id/drain",
    {
      config: { needs: "operate" },
      schema: {
        tags: ["operations"],
        summary: "Let a worker give all its partitions to others, and take no more",
        params: exact({ id: WorkerIdIn }),
        response: { 200: WorkersOut, ...refusals(404, 409) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const workers = await operating.drain(id);
      await request.audit({ what: "workers.drain", target: id });
      return { workers };
    },
  );

  app.delete(
    "/v1/workers/:id/drain",
    {
      config: { needs: "operate" },
      schema: {
        tags: ["operations"],
        summary: "Let a worker take its share again",
        params: exact({ id: WorkerIdIn }),
        response: { 200: WorkersOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const workers = await operating.drainNoMore(id);
      await request.audit({ what: "workers.undrain", target: id });
      return { workers };
    },
  );

  app.get(
    "/v1/partitions",
    {
      config: { needs: "read" },
      schema: {
        tags: ["operations"],
        summary: "The partitions: who owns each, how far behind it is, what is wrong",
        response: { 200: PartitionsOut },
      },
    },
    async () => ({ partitions: (await operating.look()).partitions }),
  );

  app.post(
    "/v1/partitions/:partition/move",
    {
      config: { needs: "operate" },
      schema: {
        tags: ["operations"],
        summary: "Wish a partition to a worker; it goes there once its owner has let go",
        description: "The wish holds until it is taken back, or the worker is gone.",
        params: exact({ partition: PartitionIn }),
        body: MoveIn,
        response: { 200: PartitionOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { partition } = request.params;
      const { to } = request.body;
      const moved = await operating.move(numberOf(partition), to);
      await request.audit({ what: "partitions.move", target: partition, detail: { to } });
      return moved;
    },
  );

  app.delete(
    "/v1/partitions/:partition/move",
    {
      config: { needs: "operate" },
      schema: {
        tags: ["operations"],
        summary: "Take back where a partition was wished to",
        params: exact({ partition: PartitionIn }),
        response: { 200: PartitionOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { partition } = request.params;
      const moved = await operating.moveBack(numberOf(partition));
      await request.audit({ what: "partitions.return", target: partition });
      return moved;
    },
  );
};

/** What is no number names no partition. */
function numberOf(text: string): number {
  return /^\d{1,6}$/.test(text) ? Number(text) : -1;
}
