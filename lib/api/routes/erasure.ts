// Somebody is erased, and how far that is. What it means: lib/api/operations/erasure.ts and docs/privacy.md.
import type { MemberKind } from "../../core/types.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { type ErasureState, erasureStates, forget, NoSuchId } from "../operations/erasure.ts";
import { waitOut } from "../operations/erasure-waits.ts";
import { exact, idOf } from "../schemas/common.ts";
import { ErasureBegunOut, ErasuresOut } from "../schemas/erasure.ts";

const UserIdIn = idOf("gone-1", "The user's id itself; another id that names them is none here.");
const AccountIdIn = idOf("gone-2", "The account's id.");

function erasureOut({ at, waits, ...state }: ErasureState) {
  return { ...state, at: new Date(at).toISOString(), waits: waits.map(waitOut) };
}

export const erasureRoutes: RouteGroup = (app, services) => {
  const begin = async (kind: MemberKind, id: string): Promise<{ revision: number; kind: MemberKind }> => {
    try {
      return { revision: await forget(services, kind, id), kind };
    } catch (error) {
      if (error instanceof NoSuchId) throw new HttpError(400, "bad-id", error.message);
      throw error;
    }
  };

  app.delete(
    "/v1/users/:id",
    {
      config: { needs: "erase" },
      schema: {
        tags: ["privacy"],
        summary: "Erase a user: state, messages, deltas; followed by its revision",
        params: exact({ id: UserIdIn }),
        response: { 202: ErasureBegunOut },
      },
    },
    async (request, reply) => {
      const begun = await begin("user", request.params.id);
      await request.audit({ what: "erasures.begin", target: `${begun.revision}`, detail: { kind: "user" } });
      reply.code(202);
      return begun;
    },
  );

  app.delete(
    "/v1/accounts/:id",
    {
      config: { needs: "erase" },
      schema: {
        tags: ["privacy"],
        summary: "Erase an account: what it is and has done; its users stay, and are its users",
        params: exact({ id: AccountIdIn }),
        response: { 202: ErasureBegunOut },
      },
    },
    async (request, reply) => {
      const begun = await begin("account", request.params.id);
      await request.audit({ what: "erasures.begin", target: `${begun.revision}`, detail: { kind: "account" } });
      reply.code(202);
      return begun;
    },
  );

  app.get(
    "/v1/erasures",
    {
      config: { needs: "erase" },
      schema: {
        tags: ["privacy"],
        summary: "Erasures and how far they are, newest first",
        response: { 200: ErasuresOut },
      },
    },
    async () => {
      const { catalogue, erasures, jobStore: jobs, exportFiles: files } = services;
      const statuses = await services.audience.partitions();
      const states = await erasureStates(catalogue, erasures, { jobs, files }, statuses);
      return { erasures: states.map(erasureOut) };
    },
  );
};
