// The permission matrix, made from the table of rights and from the routes: each role is let in where the table says so, and
// nowhere else; without a key nobody is, but where nobody needs one. Every route there is, the pages of /docs and HEAD included.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RIGHTS, RIGHTS_OF, type Right, ROLES, type Role, roleFor } from "../../lib/api/security/rights.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";

interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly needs: Right;
  readonly keyInBody: boolean;
  readonly keyInPath: boolean;
}

/** What needs no key, and nothing else: a new one is named here on purpose. */
const WITHOUT_KEY = ["/healthz", "/readyz", "/version"];
/** What the document does not describe: how it is shown. */
const UNDOCUMENTED = /^\/docs(\/|$)/;

let api: ApiInMemory;
const routes: Route[] = [];
/** A key of each role, and one of each that was revoked. */
const keys = new Map<Role, string>();
const revoked = new Map<Role, string>();

beforeAll(async () => {
  api = await apiInMemory({ requestsPerMinuteMax: 0, eventRequestsPerMinuteMax: 0, failuresPerMinuteMax: 0 });
  api.app.addHook("onRoute", ({ method, url, config }) => {
    for (const one of [method].flat()) {
      const { needs, writeKeyInBody: keyInBody = false, writeKeyInPath: keyInPath = false } = config!;
      routes.push({ method: one as Route["method"], url, needs: needs!, keyInBody, keyInPath });
    }
  });
  await api.app.ready();
  for (const role of ROLES) {
    keys.set(role, await keyOf(role));
    const gone = await keyOf(role);
    await api.keyring.revoke(gone.slice("rk_".length).slice(0, 10));
    revoked.set(role, gone);
  }
});
afterAll(() => api.close());

async function keyOf(role: Role): Promise<string> {
  return (await api.header(role)).authorization.slice("Bearer ".length);
}

/** Ways to send a key; in the body and in the path some routes take it, elsewhere none does. */
type Way = "bearer" | "basic" | "body" | "path" | "elsewhere";

function waysInto({ keyInBody, keyInPath }: Route): readonly Way[] {
  if (keyInBody) return ["bearer", "basic", "body"];
  return keyInPath ? ["bearer", "basic", "path"] : ["bearer"];
}

const isReading = ({ method }: Route): boolean => method === "GET" || method === "HEAD";

/** Wrong on purpose where the route has parameters: whether one is let in is decided before what is asked is looked at. */
async function ask(route: Route, headers: Record<string, string>, more: { key?: string; body?: string } = {}) {
  const path = route.url.replaceAll(":writeKey", more.key ?? "none").replaceAll(/:[a-zA-Z]+/g, "none");
  const sent = { method: route.method, url: path.replaceAll("*", "none"), headers };
  const { statusCode } = await api.app.inject(isReading(route) ? sent : { ...sent, payload: more.body ?? "{" });
  return statusCode;
}

function askWith(route: Route, key: string, way: Way): Promise<number> {
  switch (way) {
    case "bearer":
      return ask(route, { authorization: `Bearer ${key}` });
    case "basic":
      return ask(route, { authorization: `Basic ${Buffer.from(`${key}:`).toString("base64")}` });
    case "path":
      return ask(route, {}, { key });
    case "body":
      return ask(route, { "content-type": "application/json" }, { body: JSON.stringify({ writeKey: key, batch: 7 }) });
    case "elsewhere": {
      const cookie = `writeKey=${key}; authorization=Bearer ${key}`;
      return ask({ ...route, url: `${route.url}?writeKey=${key}&key=${key}` }, { cookie, "x-api-key": key });
    }
  }
}

/** A feed that has begun does not end, so nobody waits for it here; test/api/contract opens it. */
const endless = ({ url }: Route): boolean => url === "/v1/live";

test("every route names a right, and only what tells nothing needs none", () => {
  expect(routes.length).toBeGreaterThan(200);
  for (const { method, url, needs } of routes) expect(Object.keys(RIGHTS), `${method} ${url}`).toContain(needs);
  const open = routes.filter(({ needs }) => needs === "nobody").map(({ method, url }) => `${method} ${url}`);
  expect(open.sort()).toEqual(["GET", "HEAD"].flatMap((method) => WITHOUT_KEY.map((url) => `${method} ${url}`)));
});

test("the matrix has every operation of the document, each says the right that it needs, and only /docs is not in it", () => {
  const { paths } = api.app.swagger() as {
    readonly paths: Record<string, Record<string, { readonly description?: string }>>;
  };
  const documented = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { description }]) => ({
      what: `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
      needs: /Needs the right `(\w+)`\.$/.exec(description ?? "")?.[1] ?? "nobody",
    })),
  );
  const known = routes.filter(({ method, url }) => method !== "HEAD" && !UNDOCUMENTED.test(url));
  const order = (left: { what: string }, right: { what: string }) => (left.what < right.what ? -1 : 1);
  expect(documented.sort(order)).toEqual(
    known.map(({ method, url, needs }) => ({ what: `${method} ${url}`, needs })).sort(order),
  );
  const shown = new Set(routes.filter(({ url }) => UNDOCUMENTED.test(url)).map(({ needs }) => needs));
  expect([...shown]).toEqual(["read"]);
});

test("without a key, and with one that is none: 401 everywhere else", async () => {
  const wrongs: Record<string, string>[] = [
    {},
    { authorization: "Bearer rk_aaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
    { authorization: "Bearer nonsense" },
    { authorization: "Digest x" },
    { authorization: `Basic ${Buffer.from("admin:admin").toString("base64")}` },
  ];
  for (const route of routes) {
    for (const wrong of wrongs) {
      const what = `${route.method} ${route.url} ${wrong.authorization}`;
      expect(await ask(route, wrong), what).toBe(route.needs === "nobody" ? 200 : 401);
    }
  }
});

test("a stream without an end is not begun by who asks only for its head", async () => {
  const { headers, statusCode } = await api.app.inject({
    method: "HEAD",
    url: "/v1/live",
    headers: { authorization: `Bearer ${keys.get("read")}` },
  });
  expect([statusCode, headers["content-type"]]).toEqual([404, "application/json; charset=utf-8"]);
});

test("a slash more or less opens nothing", async () => {
  for (const route of routes) {
    const url = route.url.endsWith("/") ? route.url.slice(0, -1) : `${route.url}/`;
    if (route.needs !== "nobody" && url !== "") expect([401, 404], url).toContain(await ask({ ...route, url }, {}));
  }
});

test("a key that was revoked opens nothing, of whatever role and however it is sent", async () => {
  for (const route of routes.filter(({ needs }) => needs !== "nobody")) {
    for (const [role, key] of revoked) {
      for (const way of waysInto(route))
        expect(await askWith(route, key, way), `${role} by ${way}: ${route.method} ${route.url}`).toBe(401);
    }
  }
});

test("an admin's key opens nothing where it is sent as that route does not take it", async () => {
  const key = keys.get("admin")!;
  let refused = 0;
  for (const route of routes.filter(({ needs }) => needs !== "nobody")) {
    const others: readonly Way[] = ["elsewhere", ...(route.keyInBody || isReading(route) ? [] : (["body"] as const))];
    for (const way of others) {
      expect(await askWith(route, key, way), `by ${way}: ${route.method} ${route.url}`).toBe(401);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(routes.length);
});

describe.each(ROLES)("the role %s", (role) => {
  test("is let in where the table says so, and refused everywhere else, however its key is sent", async () => {
    const counted = { let: 0, refused: 0 };
    for (const route of routes) {
      const allowed = RIGHTS_OF[role].has(route.needs);
      if (allowed && endless(route)) continue;
      for (const way of waysInto(route)) {
        const status = await askWith(route, keys.get(role)!, way);
        const what = `${role} by ${way}: ${route.method} ${route.url} (${route.needs})`;
        if (allowed) expect([401, 403], what).not.toContain(status);
        else expect(status, what).toBe(403);
        counted[allowed ? "let" : "refused"] += 1;
      }
    }
    expect(counted.let).toBeGreaterThan(0);
    expect(counted.refused > 0, `${JSON.stringify(counted)}`).toBe(role !== "admin");
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
