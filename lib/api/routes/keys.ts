// Keys: made, listed, revoked. They are kept by lib/api/security/keyring.ts.
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { shown } from "../http/refusals.ts";
import { exact, refusals } from "../schemas/common.ts";
import { KeyIdIn, KeyIn, KeyOut, KeysOut, NewKeyOut } from "../schemas/security.ts";
import type { KnownKey } from "../security/keyring.ts";

export const keyRoutes: RouteGroup = (app, { keyring }) => {
  app.get(
    "/v1/keys",
    {
      config: { needs: "keys" },
      schema: { tags: ["keys"], summary: "All keys, revoked ones too", response: { 200: KeysOut } },
    },
    async () => ({ keys: keyring.all().map(keyOut) }),
  );

  app.post(
    "/v1/keys",
    {
      config: { needs: "keys" },
      schema: {
        tags: ["keys"],
        summary: "Make a key; the answer shows it once",
        body: KeyIn,
        response: { 201: NewKeyOut, ...refusals(409) },
      },
    },
    async (request, reply) => {
      const { name, role, personal = false } = request.body;
      // With the first key every door closes, and who made it must hold one that opens them.
      if (keyring.isOpen && role !== "admin") {
        throw new HttpError(409, "first-key", "The first key is one of role admin: without it nobody could make more.");
      }
      const { key, text } = await keyring.create({ name, role, personal }, request.caller.who);
      await request.audit({ what: "keys.create", target: key.id, detail: { name, role, personal } });
      reply.code(201);
      return { ...keyOut(key), key: text };
    },
  );

  app.delete(
    "/v1/keys/:id",
    {
      config: { needs: "keys" },
      schema: {
        tags: ["keys"],
        summary: "Revoke a key, for good",
        params: exact({ id: KeyIdIn }),
        response: { 200: KeyOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const key = await keyring.revoke(id);
      if (key === undefined) throw new HttpError(404, "unknown-key", `There is no key ${shown(id)}.`);
      await request.audit({ what: "keys.revoke", target: id, detail: { name: key.name } });
      return keyOut(key);
    },
  );
};

/** All but the hash. */
function keyOut({ hash: _, ...key }: KnownKey): Omit<KnownKey, "hash"> {
  return key;
}
