// The permission matrix, made from the table of rights and from the routes: each role is let in where the table says so, and
// nowhere else; without a key nobody is, but where nobody needs one.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RIGHTS, RIGHTS_OF, type Right, ROLES, type Role, roleFor } from "../../lib/api/security/rights.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";

interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly needs: Right;
}

/** What needs no key, and nothing else: a new one is named here on purpose. */
const WITHOUT_KEY = ["GET /healthz", "GET /readyz", "GET /version"];

let api: ApiInMemory;
const routes: Route[] = [];
const headers = new Map<Role, { authorization: string }>();

beforeAll(async () => {
  api = await apiInMemory({ requestsPerMinuteMax: 0 });
  api.app.addHook("onRoute", ({ method, url, config }) => {
    if (typeof method !== "string" || method === "HEAD" || method === "OPTIONS") return;
    routes.push({ method: method as Route["method"], url, needs: config!.needs! });
  });
  await api.app.ready();
  for (const role of ROLES) headers.set(role, await api.header(role));
});
afterAll(() => api.close());

/** Wrong on purpose where the route has parameters: whether one is let in is decided before what is asked is looked at. */
async function ask({ method, url }: Route, headers: Record<string, string>): Promise<number> {
  const path = url.replaceAll(/:[a-zA-Z]+/g, "none").replaceAll("*", "none");
  const sent = { method, url: path, headers };
  return (await api.app.inject(method === "GET" ? sent : { ...sent, payload: "{" })).statusCode;
}

/** A feed that has begun does not end, so nobody waits for it here; test/api/contract opens it. */
const endless = ({ url }: Route): boolean => url === "/v1/live";

test("every route names a right, and only what tells nothing needs none", () => {
  expect(routes.length).toBeGreaterThan(20);
  for (const { method, url, needs } of routes) expect(Object.keys(RIGHTS), `${method} ${url}`).toContain(needs);
  const open = routes.filter(({ needs }) => needs === "nobody").map(({ method, url }) => `${method} ${url}`);
  expect(open.sort()).toEqual(WITHOUT_KEY);
});

test("without a key, with one that is made up, with one that is revoked: 401 everywhere else", async () => {
  const revoked = await api.header("admin");
  const id = revoked.authorization.slice("Bearer rk_".length).slice(0, 10);
  await api.keyring.revoke(id);
  const wrongs: Record<string, string>[] = [
    {},
    { authorization: "Bearer rk_aaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
    { authorization: "Bearer nonsense" },
    { authorization: "Digest x" },
    { authorization: `Basic ${Buffer.from("admin:admin").toString("base64")}` },
    revoked,
  ];
  for (const route of routes) {
    for (const wrong of wrongs) {
      const status = await ask(route, wrong);
      const what = `${route.method} ${route.url} ${wrong.authorization}`;
      if (route.needs === "nobody") expect(status, what).toBe(200);
      else expect(status, what).toBe(401);
    }
  }
});

describe.each(ROLES)("the role %s", (role) => {
  test("is let in where the table says so, and refused everywhere else", async () => {
    for (const route of routes) {
      const allowed = RIGHTS_OF[role].has(route.needs);
      if (allowed && endless(route)) continue;
      const status = await ask(route, headers.get(role)!);
      const what = `${role}: ${route.method} ${route.url} (${route.needs})`;
      if (allowed) expect([401, 403], what).not.toContain(status);
      else expect(status, what).toBe(403);
    }
  });
});

test("the table: a write key asks no questions, who reads changes nothing, and only admin makes keys", () => {
  expect([...RIGHTS_OF.ingest].sort()).toEqual(["decide", "ingest", "nobody"]);
  for (const right of ["ingest", "build", "operate", "export", "keys", "audit", "erase"] as const) {
    expect(RIGHTS_OF.read.has(right), right).toBe(false);
  }
  for (const right of ["keys", "audit", "erase"] as const) expect(roleFor(right)).toBe("admin");
  for (const right of Object.keys(RIGHTS) as Right[]) expect(RIGHTS_OF.admin.has(right), right).toBe(true);
});
