// The doors of the HTTP interface: who is let in by which key, what other sites may do, what is masked, how much and how
// often; and that changes are written down. The whole matrix of roles and routes is permissions.test.ts.
import { request } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Keyring } from "../../lib/api/security/keyring.ts";
import { hashOf, isSecretOf, keyPartsOf, newKey } from "../../lib/api/security/keys.ts";
import { RefusedKeys } from "../../lib/api/security/refused-keys.ts";
import type { UserView } from "../../lib/core/partition.ts";
import { until } from "../support/until.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { deltaOf } from "./fake-audience.ts";
import { KeysInMemory } from "./security-in-memory.ts";

let api: ApiInMemory;
beforeEach(async () => {
  api = await apiInMemory();
});
afterEach(() => api.close());

type Headers = Record<string, string>;
const get = (url: string, headers: Headers = {}) => api.app.inject({ method: "GET", url, headers });
const post = (url: string, payload: object, headers: Headers = {}) =>
  api.app.inject({ method: "POST", url, payload, headers });
const RAIN = { kind: "weather", place: "DE", values: { condition: "rain" } };

describe("a key", () => {
  test("is read back from its text, and no two are alike", () => {
    const [one, other] = [newKey(), newKey()];
    expect(one.text).toMatch(/^rk_[a-z2-7]{10}_[A-Za-z0-9_-]{43}$/);
    expect(keyPartsOf(one.text)).toEqual({ id: one.id, secret: one.secret });
    expect(one.id === other.id || one.secret === other.secret).toBe(false);
    expect(isSecretOf(one.secret, hashOf(one.secret))).toBe(true);
    expect(isSecretOf(other.secret, hashOf(one.secret))).toBe(false);
    expect(isSecretOf(one.secret, "")).toBe(false);
    for (const text of ["", "rk_", `${one.text}x`, one.text.slice(0, -1), one.text.toUpperCase(), `x${one.text}`]) {
      expect(keyPartsOf(text), text).toBeUndefined();
    }
  });

  test("is kept as the hash of its secret alone", async () => {
    const { text } = await api.keyring.create({ name: "a", role: "read", personal: false }, "test");
    const kept = JSON.stringify([...api.keys.kept.values()]);
    expect(kept).toContain(hashOf(keyPartsOf(text)!.secret));
    expect(kept).not.toContain(keyPartsOf(text)!.secret);
  });

  test("may be sent as a bearer or as the user of Basic", async () => {
    const { authorization } = await api.header("read");
    const text = authorization.slice("Bearer ".length);
    const basic = (user: string) => `Basic ${Buffer.from(user).toString("base64")}`;
    for (const sent of [authorization, `bearer ${text}`, basic(`${text}:`), basic(text), basic(`${text}:ignored`)]) {
      expect((await get("/v1/segments", { authorization: sent })).statusCode, sent).toBe(200);
    }
    const refused = await get("/v1/segments", { authorization: basic(`:${text}`) });
    expect(refused.statusCode).toBe(401);
    expect(refused.headers["www-authenticate"]).toMatch(/^Bearer, Basic /);
  });

  test("that is revoked elsewhere is refused here at once, and the door stays closed", async () => {
    const sent = await api.header("admin");
    const elsewhere = await Keyring.open(api.keys);
    const { id } = elsewhere.all()[0]!;
    expect((await get("/v1/segments", sent)).statusCode).toBe(200);
    await elsewhere.revoke(id);
    expect((await get("/v1/segments", sent)).statusCode).toBe(401);
    expect((await get("/v1/segments")).statusCode).toBe(401);
    const again = await Keyring.open(api.keys);
    expect(again.isOpen).toBe(false);
  });

  test("of a role that this version does not know gives no right", async () => {
    const keys = new KeysInMemory();
    const { id, secret, text } = newKey();
    const created = new Date().toISOString();
    await keys.put({ id, name: "x", role: "god", personal: true, hash: hashOf(secret), created, createdBy: "x" }, 0);
    const ring = await Keyring.open(keys);
    expect([ring.verified(text), ring.isOpen]).toEqual([undefined, false]);
  });

  test("says when it was last used, and not at every request", async () => {
    const sent = await api.header("read");
    for (let turn = 0; turn < 5; turn += 1) await get("/v1/segments", sent);
    await until("the use is noted", () => [...api.keys.kept.values()].some(({ key }) => key.lastUsed !== undefined));
    expect([...api.keys.kept.values()].map(({ revision }) => revision)).toEqual([2]);
  });
});

describe("a key in the body", () => {
  test("opens the routes that take it there, and no others", async () => {
    const taken: string[] = [];
    const body = await apiInMemory();
    body.app.register(async (routes) => {
      const take = async ({ caller }: { caller: { who: string } }) => ({ stored: taken.push(caller.who) });
      routes.post("/v1/take", { config: { needs: "ingest", writeKeyInBody: true } }, take);
      routes.post("/v1/other", { config: { needs: "ingest" } }, take);
    });
    const send = (url: string, payload: object) => body.app.inject({ method: "POST", url, payload });
    expect((await send("/v1/take", {})).statusCode).toBe(200);
    const [write, read] = [await body.header("ingest"), await body.header("read")];
    const textOf = ({ authorization }: Headers) => authorization!.slice("Bearer ".length);
    expect((await send("/v1/take", {})).statusCode).toBe(401);
    expect((await send("/v1/take", { writeKey: 7 })).statusCode).toBe(401);
    expect((await send("/v1/take", { writeKey: `${textOf(write)}x` })).statusCode).toBe(401);
    expect((await send("/v1/take", { writeKey: textOf(read) })).statusCode).toBe(403);
    expect((await send("/v1/take", { writeKey: textOf(write) })).statusCode).toBe(200);
    expect((await send("/v1/other", { writeKey: textOf(write) })).statusCode).toBe(401);
    expect(taken).toEqual(["open", expect.stringMatching(/^[a-z2-7]{10}$/)]);
    await body.close();
  });
});

describe("a write key that was right before", () => {
  test("is refused from the moment it is revoked, and a secret that differs is no less wrong for it", async () => {
    const [write, admin] = [await api.header("ingest"), await api.header("admin")];
    const send = async (sent: Headers) => (await post("/v1/track", { userId: "u1", event: "Looked" }, sent)).statusCode;
    expect([await send(write), await send(write)]).toEqual([200, 200]);
    const wrong = {
      authorization: `${write.authorization!.slice(0, -1)}${write.authorization.endsWith("x") ? "y" : "x"}`,
    };
    expect([await send(wrong), await send(write)]).toEqual([401, 200]);
    const id = write.authorization.slice("Bearer rk_".length).split("_")[0]!;
    const revoked = await api.app.inject({ method: "DELETE", url: `/v1/keys/${id}`, headers: admin });
    expect([revoked.statusCode, await send(write)]).toEqual([200, 401]);
  });
});

describe("keys over HTTP", () => {
  test("the first is an admin's, is shown once, closes the door, and makes others", async () => {
    expect((await post("/v1/keys", { name: "shop", role: "ingest" })).json().error.code).toBe("first-key");
    const made = await post("/v1/keys", { name: "me", role: "admin", personal: true });
    expect(made.statusCode).toBe(201);
    const { key, id } = made.json();
    expect((await get("/v1/segments")).statusCode).toBe(401);
    const sent = { authorization: `Bearer ${key}` };
    expect((await post("/v1/keys", { name: "shop", role: "ingest" }, sent)).statusCode).toBe(201);
    const listed = (await get("/v1/keys", sent)).json().keys;
    expect(listed).toMatchObject([
      { id, name: "me", createdBy: "open" },
      { name: "shop", createdBy: id },
    ]);
    expect(JSON.stringify(listed)).not.toMatch(/hash|rk_/);
    expect(api.audit.entries).toMatchObject([
      { who: "open", what: "keys.create", target: id, detail: { name: "me", role: "admin", personal: true } },
      { who: id, what: "keys.create", target: listed[1].id },
    ]);
    expect(JSON.stringify(api.audit.entries)).not.toContain(key);
    const revoked = await api.app.inject({ method: "DELETE", url: `/v1/keys/${listed[1].id}`, headers: sent });
    expect(revoked.json()).toMatchObject({ name: "shop", revoked: expect.any(String) });
  });
});

describe("without keys", () => {
  test("only this machine's own names are answered", async () => {
    for (const host of ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "a.localhost"]) {
      expect((await get("/v1/segments", { host })).statusCode, host).toBe(200);
    }
    for (const host of ["evil.example", "127.0.0.1.evil.example", "192.168.0.7", "[2001:db8::1]:80"]) {
      const { statusCode, body } = await get("/v1/segments", { host });
      expect([statusCode, JSON.parse(body).error.code], host).toEqual([403, "other-host"]);
    }
    expect((await get("/healthz", { host: "10.0.0.3" })).statusCode).toBe(200);
  });
});

describe("pages of other sites", () => {
  test("write nothing, also with a key, unless they are named", async () => {
    const sent = await api.header("admin");
    const origin = "https://shop.example";
    expect((await post("/v1/situations", RAIN, { ...sent, origin })).json().error.code).toBe("other-site");
    expect((await get("/v1/segments", { ...sent, origin })).headers["access-control-allow-origin"]).toBeUndefined();
    const named = await apiInMemory({ origins: [origin] });
    const key = await named.header("admin");
    const answer = await named.app.inject({
      method: "POST",
      url: "/v1/situations",
      payload: RAIN,
      headers: { ...key, origin },
    });
    expect([answer.statusCode, answer.headers["access-control-allow-origin"]]).toEqual([200, origin]);
    const preflight = await named.app.inject({
      method: "OPTIONS",
      url: "/v1/situations",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
    });
    expect([preflight.statusCode, preflight.headers["access-control-allow-headers"]]).toEqual([204, "authorization"]);
    const other = { ...key, origin: "https://evil.example" };
    const refused = await named.app.inject({ method: "POST", url: "/v1/situations", payload: RAIN, headers: other });
    expect(refused.statusCode).toBe(403);
    await named.close();
  });
});

describe("headers", () => {
  test("let no answer be framed, guessed, cached or run", async () => {
    for (const url of ["/v1/segments", "/v1/segments/unknown", "/nowhere", "/v1/segments/%zz"]) {
      const { headers } = await get(url);
      expect(headers, url).toMatchObject({
        "content-security-policy": "default-src 'none';frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
      });
      expect(headers["x-powered-by"], url).toBeUndefined();
    }
  });

  test("the page of the document works under a policy of its own, and needs a key like all else", async () => {
    const page = await get("/docs/");
    expect([page.statusCode, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.headers["content-security-policy"]).toContain("default-src 'self'");
    await api.header("admin");
    for (const url of ["/docs/", "/docs/json", "/docs/static/swagger-ui.css", "/openapi.json"]) {
      expect((await get(url)).statusCode, url).toBe(401);
    }
  });
});

describe("limits", () => {
  test("on size and depth of a body", async () => {
    const small = await apiInMemory({ bodyBytesMax: 1_024, feedBytesMax: 4_096, depthMax: 8 });
    const send = (url: string, payload: object) => small.app.inject({ method: "POST", url, payload });
    const [one, feed] = ["x".repeat(1_100), "x".repeat(4_200)];
    expect((await send("/v1/keys", { name: one, role: "admin" })).json().error.code).toBe("too-large");
    expect((await send("/v1/items", [{ id: "a", text: one }])).statusCode).toBe(200);
    expect((await send("/v1/items", [{ id: "a", text: feed }])).statusCode).toBe(413);
    const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });
    expect((await send("/v1/items", [{ id: "a", b: nested(4) }])).statusCode).toBe(200);
    expect((await send("/v1/items", [{ id: "a", b: nested(9) }])).json().error.code).toBe("too-deep");
    await small.close();
  });

  test("on how often one key asks, each by itself; what needs no key is not counted", async () => {
    const rare = await apiInMemory({ requestsPerMinuteMax: 3 });
    const [ann, bob] = [await rare.header("read"), await rare.header("read")];
    const ask = async (headers: Headers) => rare.app.inject({ method: "GET", url: "/v1/segments", headers });
    const statuses: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) statuses.push((await ask(ann)).statusCode);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await ask(ann);
    expect(refused.json().error.code).toBe("too-many-requests");
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await ask(bob)).statusCode).toBe(200);
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await rare.app.inject({ method: "GET", url: "/healthz" })).statusCode).toBe(200);
    }
    await rare.close();
  });

  test("events and decisions have a bound of their own", async () => {
    const rare = await apiInMemory({ requestsPerMinuteMax: 1, eventRequestsPerMinuteMax: 2 });
    rare.app.register(async (routes) => {
      routes.get("/v1/decided", { config: { needs: "decide" } }, async () => ({}));
    });
    const headers = await rare.header("read");
    const ask = async (url: string) => (await rare.app.inject({ method: "GET", url, headers })).statusCode;
    expect([await ask("/v1/decided"), await ask("/v1/decided"), await ask("/v1/decided")]).toEqual([200, 200, 429]);
    expect([await ask("/v1/segments"), await ask("/v1/segments")]).toEqual([200, 429]);
    await rare.close();
  });

  test("of events are those of a key wherever it stands, and by whatever path: not of the address", async () => {
    const rare = await apiInMemory({ eventRequestsPerMinuteMax: 2 });
    const [ann, bob] = [await rare.header("ingest"), await rare.header("ingest")];
    const inBody = ({ authorization }: Headers) => ({ writeKey: authorization!.slice("Bearer ".length), userId: "u1" });
    const send = async (url: string, payload: object | string, headers: Headers = {}) => {
      const json = { ...headers, "content-type": "application/json" };
      return (await rare.app.inject({ method: "POST", url, payload, headers: json })).statusCode;
    };
    expect([await send("/v1/i", inBody(ann)), await send("/v1/p", { userId: "u1" }, ann)]).toEqual([200, 200]);
    expect([await send("/v1/s", inBody(ann)), await send("/v1/b", { ...inBody(ann), batch: [] })]).toEqual([429, 429]);
    // One in a header is known before the body is read.
    expect(await send("/v1/i", "no JSON", ann)).toBe(429);
    expect([await send("/v1/i", inBody(bob)), await send("/v1/i", "no JSON", bob)]).toEqual([200, 400]);
    expect(await send("/v1/i", inBody(bob))).toBe(429);
    await rare.close();
  });

  test("on how often one address asks without a key; then no body from there is read, and a right key in a header counts", async () => {
    const wary = await apiInMemory({ failuresPerMinuteMax: 4 });
    const { authorization } = await wary.header("ingest");
    const writeKey = authorization.slice("Bearer ".length);
    const send = (payload: object | string, headers: Headers = {}, remoteAddress = "10.0.0.1") => {
      const json = { ...headers, "content-type": "application/json" };
      return wary.app.inject({ method: "POST", url: "/v1/i", payload, headers: json, remoteAddress });
    };
    const failures = [
      await send({ userId: "u1" }),
      await send({ userId: "u1", writeKey: "nonsense" }),
      await send("no JSON"),
      await send({ userId: "u1" }, { authorization: "Bearer nonsense" }),
    ];
    expect(failures.map(({ statusCode }) => statusCode)).toEqual([401, 401, 401, 401]);
    const refused = [
      await send({ userId: "u1", writeKey }),
      await send("no JSON"),
      await send({ userId: "u1" }, { authorization: "Bearer nonsense" }),
    ];
    expect(refused.map(({ statusCode }) => statusCode)).toEqual([429, 429, 429]);
    for (const { headers, body } of refused) {
      expect(Number(headers["retry-after"])).toBeGreaterThan(50);
      expect(body).toContain("httpFailuresPerMinuteMax");
    }
    expect((await send({ userId: "u1" }, { authorization })).statusCode).toBe(200);
    expect((await send({ userId: "u1", writeKey }, {}, "10.0.0.2")).statusCode).toBe(200);
    await wary.close();
  });

  test("by address take all of an IPv6 net for one, and an IPv4 address for itself however it is written", async () => {
    const wary = await apiInMemory({ failuresPerMinuteMax: 2, requestsPerMinuteMax: 2, proxies: ["127.0.0.1"] });
    const ask = async (from: string) =>
      (await wary.app.inject({ url: "/v1/segments", headers: { "x-forwarded-for": from } })).statusCode;
    const each = async (...addresses: string[]) => {
      const statuses: number[] = [];
      for (const address of addresses) statuses.push(await ask(address));
      return statuses;
    };
    // While there are no keys it is all requests that count.
    expect(await each("2001:db8::1", "2001:db8::ffff:0:2", "2001:db8:0:0:a::1")).toEqual([200, 200, 429]);
    expect(await each("2001:db8:0:1::1", "::ffff:10.0.0.1", "::ffff:a00:1", "10.0.0.1")).toEqual([200, 200, 200, 429]);
    expect(await each("10.0.0.2", "::ffff:10.0.0.3")).toEqual([200, 200]);
    await wary.header("read");
    expect(await each("2001:db8::1", "2001:db8::2", "2001:db8::3")).toEqual([401, 401, 429]);
    expect(await each("2001:db8:0:1::1", "fe80::1%eth0", "fe80::2%eth1", "fe80::3")).toEqual([401, 401, 401, 429]);
    expect(await each("::ffff:10.0.0.1", "10.0.0.1", "::ffff:a00:1", "::ffff:10.0.0.2")).toEqual([401, 401, 429, 401]);
    await wary.close();
  });

  test("on failures ends with the minute, and holds for no address when it is none", () => {
    const refused = new RefusedKeys(1);
    expect(refused.refusalOf("a", "no", 1_000).statusCode).toBe(401);
    expect(refused.refusalOf("a", "no", 60_000)).toMatchObject({ statusCode: 429, retryAfterS: 1 });
    expect(() => refused.assertHeard("a", 60_999)).toThrow(/httpFailuresPerMinuteMax/);
    refused.assertHeard("a", 61_000);
    expect(refused.refusalOf("a", "no", 61_000).statusCode).toBe(401);
    const boundless = new RefusedKeys(0);
    const statuses = Array.from({ length: 1_000 }, () => boundless.refusalOf("a", "no").statusCode);
    expect(new Set(statuses)).toEqual(new Set([401]));
    boundless.assertHeard("a");
  });

  test("on how long an answer may take", async () => {
    const hasty = await apiInMemory({ timeoutMs: 50 });
    hasty.audience.overview = () => new Promise(() => {});
    const late = await hasty.app.inject({ method: "GET", url: "/v1/segments" });
    expect([late.statusCode, late.json().error.code]).toEqual([503, "not-answered"]);
    await hasty.close();
  });

  test("on how long an answer to a body may take, though the request is over once the body is read", async () => {
    const hasty = await apiInMemory({ timeoutMs: 50 });
    const url = await hasty.app.listen({ host: "127.0.0.1", port: 0 });
    // For the request to arrive there is time: that is another bound.
    Object.assign(hasty.app.server, { headersTimeout: 0, requestTimeout: 0 });
    hasty.control.append = () => new Promise(() => {});
    const late = await fetch(`${url}/v1/segments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: "rich", rule: { cart: { value: { gt: 500 } } } }),
    });
    expect([late.status, ((await late.json()) as { error: { code: string } }).error.code]).toEqual([
      503,
      "not-answered",
    ]);
    await hasty.close();
  });

  test("headers that are too large end the request, and no stack comes back", async () => {
    const url = new URL(await api.app.listen({ host: "127.0.0.1", port: 0 }));
    const answer = await new Promise<number>((resolve, reject) => {
      const sent = request({
        port: url.port,
        host: url.hostname,
        path: "/healthz",
        headers: { x: "y".repeat(20_000) },
      });
      sent.on("response", (response) => resolve(response.resume().statusCode ?? 0)).on("error", reject);
      sent.end();
    });
    expect(answer).toBe(431);
  });
});

describe("personal data", () => {
  const ann: UserView = {
    id: "ann@shop.example",
    account: { id: "acme", since: 0 },
    identities: { user: ["u1"], email: ["ann@shop.example"] },
    traits: { email: "ann@shop.example", plan: "pro", address: { city: "Munich", lines: ["Street 7"] }, age: 41 },
    place: { country: "DE", city: "Munich" },
    visits: {
      count: 1,
      newest: { start: 0, last: 1, underWay: false, visit: { page: "/reset?mail=ann@shop.example" } },
    },
    situations: { weather: { condition: "rain" } },
    cart: { value: 60, quantity: 1, lines: 1, changed: null, products: [{ product_id: "p1", price: 60, to: "ann" }] },
    orders: 2,
    objects: { policy: { "ann-7": { holder: "Ann" } } },
    lists: ["vip"],
    memberships: [],
    firstSeen: 0,
    lastSeen: 1,
  };
  const SECRETS = /ann|Munich|Street|rain|41|"DE"/;

  test("is shown to a key with that right, and masked for every other, in the same shape", async () => {
    api.audience.user = async () => ann as Awaited<ReturnType<ApiInMemory["audience"]["user"]>>;
    const url = "/v1/users/u1";
    const shown = (await get(url, await api.header("read", true))).json();
    const masked = (await get(url, await api.header("operate"))).json();
    expect(shown).toMatchObject({ id: ann.id, traits: ann.traits, identities: ann.identities });
    expect(JSON.stringify(masked)).not.toMatch(SECRETS);
    expect(Object.keys(masked).sort()).toEqual(Object.keys(shown).sort());
    expect(masked).toMatchObject({
      id: "a•••@•••",
      traits: { plan: "•••", address: { lines: ["•••"] } },
      account: { id: "acme" },
      cart: { value: 60, lines: 1, products: [{ product_id: "p1", price: 60, to: "•••" }] },
      orders: 2,
      lists: ["vip"],
    });
  });

  test("traits that an option names are shown to all", async () => {
    const open = await apiInMemory({ traitsShown: ["plan"] });
    open.audience.user = async () => ann as Awaited<ReturnType<ApiInMemory["audience"]["user"]>>;
    const headers = await open.header("read");
    const { traits } = (await open.app.inject({ method: "GET", url: "/v1/users/u1", headers })).json();
    expect(traits).toMatchObject({ plan: "pro", email: "•••", age: "•••" });
    await open.close();
  });

  test("members, an account's users, an explanation and the feed name only ids that say nothing", async () => {
    const { audience } = api;
    const id = "ann@shop.example";
    audience.members = async (segment) => ({
      segment,
      kind: "user",
      size: 2,
      items: [
        { id, n: 1, since: 0, row: { id, account: id, traits: { email: id, seats: 4 } } },
        { id: "u2", n: 1, since: 0 },
      ],
      next: null,
    });
    audience.accountUsers = async (account) => ({ account, count: 1, users: [{ id, holds: [] }] });
    const node = {
      rule: "trait.email",
      pass: true,
      actual: id,
      expected: "one of 3",
      nodes: [{ rule: "x", pass: false, actual: { mail: id } }],
    };
    audience.explain = async (segment) => ({ segment, kind: "user", id, clock: 0, explanation: node }) as never;
    audience.said = [deltaOf(id)];
    const [personal, plain] = [await api.header("read", true), await api.header("read")];
    const urls = [
      "/v1/segments/cart-under-100/members",
      "/v1/accounts/acme/users",
      "/v1/explain?segment=cart-under-100&user=u1",
      "/",
    ];
    for (const url of urls) {
      expect((await get(url, personal)).body, url).toContain(id);
      expect((await get(url, plain)).body, url).not.toContain("ann@");
    }
    expect((await get(urls[0]!, plain)).json().items).toEqual([
      {
        id: "a•••@•••",
        n: 1,
        since: "1970-01-01T00:00:00.000Z",
        account: "a•••@•••",
        traits: { email: "•••", seats: "•••" },
      },
      { id: "u2", n: 1, since: "1970-01-01T00:00:00.000Z" },
    ]);
    // The order by id tells beside whom an id stands.
    expect((await get(`${urls[0]!}?sort=id`, plain)).statusCode).toBe(403);
    expect((await get(`${urls[0]!}?sort=id`, personal)).statusCode).toBe(200);
  });
});

describe("a cursor", () => {
  const place = { order: "newest", beyond: { id: "", since: 1, place: 2_717_908_991, mark: 1_234 } } as const;
  const members = "/v1/segments/cart-under-100/members";
  const asked: (object | undefined)[] = [];

  beforeEach(() => {
    asked.length = 0;
    const page = (from: object | undefined) => {
      asked.push(from);
      return { size: 2, items: [{ id: "+4989123456", n: 1, since: 1 }], next: from === undefined ? place : null };
    };
    api.audience.members = async (segment, { from }) => ({ segment, kind: "user", ...page(from) });
    api.audience.overlap = async (_set, { from }) => page(from);
  });

  test.each([
    ["of members", `${members}?sort=newest`, `${members}?sort=oldest`],
    [
      "of an overlap",
      "/v1/compare/members?in=cart-under-100&sort=newest",
      "/v1/compare/members?in=big-spenders&sort=newest",
    ],
  ])("%s goes on where the page ended, with its own question alone, and tells no place", async (_of, url, other) => {
    const plain = await api.header("operate");
    const { next } = (await get(url, plain)).json<{ next: string }>();
    expect(Buffer.from(next, "base64url").toString("latin1")).not.toMatch(/newest|2717908991|1234/);
    expect((await get(`${url}&cursor=${next}`, plain)).json()).toMatchObject({ items: [{ id: "+•••" }], next: null });
    expect(asked).toEqual([undefined, place]);
    const madeUp = Buffer.from(JSON.stringify(place)).toString("base64url");
    for (const wrong of [`${other}&cursor=${next}`, `${url}&cursor=${madeUp}`]) {
      const response = await get(wrong, plain);
      expect([response.statusCode, response.json().error.code], wrong).toEqual([400, "bad-cursor"]);
    }
    expect(asked).toHaveLength(2);
  });

  test("each page of an overlap is in the log of changes, also one that is asked for twice", async () => {
    const key = await api.header("operate");
    const url = "/v1/compare/members?in=cart-under-100&out=big-spenders";
    const { next } = (await get(url, key)).json<{ next: string }>();
    for (let times = 0; times < 2; times += 1) expect((await get(`${url}&cursor=${next}`, key)).statusCode).toBe(200);
    const written = api.audit.entries.filter(({ what }) => what === "compare.export");
    const entry = { target: "cart-under-100", detail: { out: ["big-spenders"], members: 1 } };
    expect(written).toMatchObject([entry, entry, entry]);
  });
});

describe("the log of changes", () => {
  test("says who did what, in pages, newest first", async () => {
    const admin = await api.header("admin");
    for (const condition of ["rain", "sun", "snow"]) {
      await post("/v1/situations", { ...RAIN, values: { condition } }, admin);
    }
    await post("/v1/situations", { ...RAIN, values: { condition: "snow" } }, admin);
    const first = (await get("/v1/audit?limit=2", admin)).json();
    expect(first.items.map(({ seq }: { seq: number }) => seq)).toEqual([3, 2]);
    expect(first.items[0]).toMatchObject({ what: "situations.set", target: "weather DE", detail: { revision: 3 } });
    expect(first.items[0].who).toMatch(/^[a-z2-7]{10}$/);
    const second = (await get(`/v1/audit?limit=2&cursor=${first.next}`, admin)).json();
    expect([second.items.map(({ seq }: { seq: number }) => seq), second.next]).toEqual([[1], null]);
    expect((await get("/v1/audit?cursor=nonsense", admin)).json().error.code).toBe("bad-cursor");
  });

  test("that does not take a record is said: the change stands", async () => {
    api.audit.failures = 3;
    const answer = await post("/v1/situations", RAIN);
    expect([answer.statusCode, answer.json().error.code]).toEqual([503, "not-audited"]);
    expect(answer.json().error.message).toContain("The change was made (situations.set weather DE)");
    expect(api.control.entries).toHaveLength(1);
    api.audit.failures = 2;
    expect((await post("/v1/situations", { ...RAIN, values: {} })).statusCode).toBe(200);
  });
});
