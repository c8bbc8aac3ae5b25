// The HTTP interface over an audience out of thin air: shapes, refusals, headers. The live stream is live.test.ts's.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { CART, deltaOf, type FakeAudience, TRIALS } from "./fake-audience.ts";

let api: ApiInMemory;
let audience: FakeAudience;
let app: ApiInMemory["app"];
beforeEach(async () => {
  api = await apiInMemory();
  ({ app, audience } = api);
});
afterEach(() => api.close());

const get = (url: string) => app.inject({ method: "GET", url });

describe("questions", () => {
  test("segments with their sizes", async () => {
    const { definition: _, ...summary } = CART;
    expect((await get("/v1/segments")).json()).toEqual({ universe: 5_000, segments: [summary], next: null });
    expect((await get("/v1/segments/cart-under-100")).json()).toEqual(CART);
  });

  test("members, a person whose id needs escaping, and why", async () => {
    expect((await get("/v1/segments/cart-under-100/members?limit=5")).json()).toMatchObject({
      size: 1,
      items: [{ id: "u1" }],
      next: null,
    });
    expect((await get("/v1/users/u1%2F%C3%A4")).json()).toMatchObject({ id: "u1/ä" });
    expect((await get("/v1/explain?segment=cart-under-100&user=u1")).json()).toMatchObject({
      explanation: { pass: true },
    });
  });

  test("the schema of a definition, where its id says", async () => {
    const { headers, json } = await get("/v1/schemas/segment.json");
    expect(headers["content-type"]).toMatch(/^application\/schema\+json/);
    expect(json()).toMatchObject({ $id: "/v1/schemas/segment.json", $defs: { rule: { maxProperties: 1 } } });
  });

  test("moments are ISO 8601, as in the deltas", async () => {
    const [members, user, why] = await Promise.all(
      [
        "/v1/segments/cart-under-100/members",
        "/v1/users/u1%2F%C3%A4",
        "/v1/explain?segment=cart-under-100&user=u1",
      ].map(async (url) => (await get(url)).json()),
    );
    expect(members.items).toEqual([{ id: "u1", n: 1, since: "2026-11-23T10:00:00.000Z" }]);
    expect(user).toMatchObject({
      firstSeen: "2026-11-23T10:00:00.000Z",
      lastSeen: "2026-11-23T10:00:01.000Z",
      memberships: [{ segment: "cart-under-100", in: true, n: 1, since: "2026-11-23T10:00:00.000Z" }],
    });
    expect(why).toEqual({
      segment: "cart-under-100",
      user: "u1",
      clock: "2026-11-23T10:00:01.000Z",
      explanation: {
        rule: "all",
        pass: true,
        nodes: [{ rule: "cart.value", pass: true, until: "2026-11-23T10:00:02.000Z" }],
      },
    });
  });

  test("accounts: what is known of one, its users, those of one rule, and why it is in a segment", async () => {
    audience.segments = [CART, TRIALS];
    expect((await get("/v1/accounts/acme")).json()).toMatchObject({
      id: "acme",
      users: 2,
      orders: { count: 1, revenue: 99.5 },
      memberships: [{ segment: "trial-ending", in: true, n: 1, since: "2026-11-23T10:00:00.000Z" }],
      lastSeen: "2026-11-23T10:00:01.000Z",
    });
    expect((await get("/v1/users/u1%2F%C3%A4")).json().account).toEqual({
      id: "acme",
      since: "2026-11-23T10:00:00.000Z",
    });
    expect((await get("/v1/accounts/acme/users")).json()).toMatchObject({
      count: 2,
      users: [{ id: "u1" }, { id: "u2" }],
    });
    expect((await get("/v1/accounts/acme/users?limit=1")).json().users).toHaveLength(1);
    const rule = encodeURIComponent("did Report Viewed");
    expect((await get(`/v1/accounts/acme/users?rule=${rule}`)).json()).toEqual({
      account: "acme",
      count: 1,
      users: [{ id: "u1", holds: ["did Report Viewed"] }],
    });
    const why = (await get("/v1/explain?segment=trial-ending&account=acme")).json();
    expect(why).toMatchObject({ segment: "trial-ending", account: "acme", explanation: { pass: true } });
    const wrong = await get("/v1/explain?segment=trial-ending&user=acme");
    expect(wrong.statusCode).toBe(400);
    expect(wrong.json().error.message).toContain("account=");
  });

  test.each([
    ["/v1/accounts/nobody", 404, "unknown-account"],
    ["/v1/accounts/nobody/users", 404, "unknown-account"],
    ["/v1/accounts/acme/users?rule=", 400, "bad-request"],
    ["/v1/segments/nope", 404, "unknown-segment"],
    ["/v1/segments/nope/members", 404, "unknown-segment"],
    ["/v1/users/nobody", 404, "unknown-user"],
    ["/v1/explain?segment=nope&user=u1", 404, "unknown-segment"],
    ["/v1/explain?segment=cart-under-100&user=u2", 404, "nothing-to-explain"],
    ["/v1/explain?segment=cart-under-100", 400, "bad-request"],
    ["/v1/explain?segment=a&segment=b&user=u1", 400, "bad-request"],
    ["/v1/segments/cart-under-100/members?limit=0", 400, "bad-request"],
    ["/v1/segments/cart-under-100/members?limit=1e3", 400, "bad-request"],
    ["/v1/users/%E0%A4%A", 400, "bad-request"],
    ["/nowhere", 404, "not-found"],
  ])("%s is refused with %i %s", async (url, status, code) => {
    const response = await get(url);
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject({ error: { code, message: expect.any(String) } });
  });

  test("a partition that does not answer is 503 in its own words; anything else tells no more than that", async () => {
    audience.failure = Object.assign(new Error("partition 3: no worker owns it just now"), { name: "QuestionFailed" });
    const unanswered = await get("/v1/users/u1");
    expect(unanswered.statusCode).toBe(503);
    expect(unanswered.json().error.message).toContain("partition 3");
    audience.failure = new Error("secret at /home/x.ts:3");
    const broken = await get("/v1/users/u1");
    expect(broken.statusCode).toBe(500);
    expect(broken.body).not.toContain("secret");
  });
});

describe("what is odd is refused with its place, and with what helps", () => {
  test.each([
    ["/v1/segments?limit=1&limit=2", "query.limit: is given 2 times; give it once."],
    ["/v1/segments?sort=id&sort=name&sort=id", "query.sort: is given 3 times; give it once."],
    ["/v1/segments?limit=99999999999999999999", "query.limit: must be a whole number of 15 digits at most."],
    ["/v1/segments?kind=x", "query.kind: must be one of user, account."],
    ["/v1/segments?hasDraft=maybe", "query.hasDraft: must be true or false."],
    ["/v1/segments/cart-under-100/series?from=yesterday", "expected a moment such as 2026-11-23T10:00:00Z."],
    ["/v1/search?q=", "query.q: must not be empty."],
    ["/v1/explain?segment=cart-under-100&user=u1&account=acme", "query: say user=… alone"],
    ["/v1/users/%E0%A4%A", "A % in the path is not followed by a byte of UTF-8"],
    ["/v1/users/%", "A % in the path is not followed by a byte of UTF-8"],
  ])("%s", async (url, words) => {
    const answer = await get(url);
    expect([answer.statusCode, answer.json().error.message]).toEqual([400, expect.stringContaining(words)]);
  });

  test("an id in the path that is longer than any", async () => {
    const answer = await get(`/v1/users/${"a".repeat(4_000)}`);
    const { message } = answer.json().error;
    expect([answer.statusCode, message]).toEqual([400, "An id in the path is longer than any can be."]);
  });

  test("a query where none is read, also where it would have made all the difference", async () => {
    const asked = [
      await get("/v1/erasures?limit=5"),
      await app.inject({ method: "POST", url: "/v1/segments/apply?dryRun=true", payload: { remove: [] } }),
      await app.inject({ method: "DELETE", url: "/v1/users/u1?dryRun" }),
    ];
    expect(asked.map((answer) => [answer.statusCode, answer.json().error.message])).toEqual([
      [400, "query.limit: there is no such field."],
      [400, "query.dryRun: there is no such field."],
      [400, "query.dryRun: there is no such field."],
    ]);
    expect(api.control.entries).toEqual([]);
    expect((await get("/healthz?now=1")).statusCode).toBe(200);
    const event = { userId: "u1", event: "Product Viewed" };
    expect((await app.inject({ method: "POST", url: "/v1/track?v=2", payload: event })).statusCode).toBe(200);
  });

  const JSON_TYPE = { "content-type": "application/json" };
  test.each([
    [
      "no type of ours",
      "/v1/decide",
      { "content-type": "application/x-www-form-urlencoded" },
      "a=1",
      415,
      "header.content-type",
    ],
    ["nothing", "/v1/decide", JSON_TYPE, "", 400, "The body is empty"],
    ["no JSON", "/v1/decide", JSON_TYPE, '{"user": u1}', 400, "something in it is no value"],
    ["half of it", "/v1/decide", JSON_TYPE, '{"user"', 400, "The body is not JSON: it is wrong from character 8 on."],
    ["the beginning of it", "/v1/decide", JSON_TYPE, "[", 400, "The body is not JSON: it ends too early."],
    ["a key that is none", "/v1/decide", JSON_TYPE, '{"__proto__": {}}', 400, "a key in it is __proto__"],
    ["too much", "/v1/decide", JSON_TYPE, `"${"x".repeat(1_100_000)}"`, 413, "httpBodyBytesMax"],
    ["no gzip", "/v1/track", { ...JSON_TYPE, "content-encoding": "gzip" }, "{}", 400, "not gzip"],
    [
      "a wrong element",
      "/v1/decide",
      JSON_TYPE,
      '{"user":"u1","segments":["a",1]}',
      400,
      "body.segments[1]: must be text.",
    ],
  ])("a body of %s", async (_, url, headers, payload, status, words) => {
    const answer = await app.inject({ method: "POST", url, headers, payload });
    expect([answer.statusCode, answer.json().error.message]).toEqual([status, expect.stringContaining(words)]);
  });
});

test("a request that is wrong in several ways is told each place once, in words", async () => {
  const wrong = await app.inject({ method: "POST", url: "/v1/keys", payload: { role: "god", nonsense: 1, more: {} } });
  expect(wrong.statusCode).toBe(400);
  const { message, problems } = wrong.json().error;
  expect(message).toMatch(/^body\.\w+: .* \(and 3 more\)\.$/);
  expect(problems.map(({ path }: { path: string }) => path).sort()).toEqual([
    "body.more",
    "body.name",
    "body.nonsense",
    "body.role",
  ]);
  expect(problems).toContainEqual({ path: "body.nonsense", message: "there is no such field" });
  expect((await get("/v1/explain?segment=a&user=b&x=1")).json().error.message).toBe("query.x: there is no such field.");
});

describe("operations", () => {
  test("ready only when every partition is served", async () => {
    expect((await get("/readyz")).statusCode).toBe(200);
    audience.reasons = ["partition 3 has no owner"];
    const response = await get("/readyz");
    expect(response.statusCode).toBe(503);
    expect(response.json()).toEqual({ ready: false, reasons: ["partition 3 has no owner"] });
    expect((await get("/healthz")).json()).toEqual({ status: "ok" });
  });

  test("metrics name the sizes, the partitions and the requests by route, not by id", async () => {
    await get("/v1/users/somebody");
    const { body } = await get("/metrics");
    expect(body).toContain('rollcall_segment_size{segment="cart-under-100"} 1234');
    expect(body).toContain('rollcall_partition_running{partition="0"} 0');
    expect(body).toContain('route="/v1/users/:id",status="404"');
    expect(body).not.toContain("somebody");
  });
});

describe("the page", () => {
  test("shows sizes and recent changes, and lets nothing in from outside", async () => {
    const hostile = '<img src=x onerror="alert(1)">';
    audience.said = [deltaOf(hostile)];
    audience.segments = [{ ...CART, name: "</script><script>alert(1)</script>" }];
    const response = await get("/");
    expect(response.headers["content-type"]).toContain("text/html");
    expect(response.body).toContain("1,234");
    expect(response.body).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
    expect(response.body).not.toContain(hostile);
    expect(response.body).not.toContain("<script>alert");
  });

  test("says whose each segment is", async () => {
    audience.segments = [CART, TRIALS];
    const { body } = await get("/");
    const rows = [...body.matchAll(/<tr data-id="([^"]+)">.*?<span class="kind">(\w+)<\/span>/g)];
    expect(rows.map(([, id, kind]) => [id, kind])).toEqual([
      ["cart-under-100", "people"],
      ["trial-ending", "accounts"],
    ]);
  });

  test("names the server and the data set in the commands that it suggests", async () => {
    const other = await apiInMemory({}, { natsUrl: "nats://127.0.0.1:5000", subjectPrefix: "shop." });
    const { body } = await other.app.inject({ method: "GET", url: "/" });
    expect(body).toContain("nats sub --server nats://127.0.0.1:5000 &#39;shop.segment.&gt;&#39;");
    expect(body).toContain("rollcall --nats-url nats://127.0.0.1:5000 --name shop tail");
    expect((await get("/")).body).toContain(">rollcall tail<");
    await other.close();
  });

  test("runs only the script that bears this answer's nonce", async () => {
    const first = await get("/");
    const second = await get("/");
    const nonce = /script-src 'nonce-([^']+)'/.exec(first.headers["content-security-policy"] as string)![1]!;
    expect(first.body).toContain(`<script nonce="${nonce}">`);
    expect(second.body).not.toContain(nonce);
    expect(first.headers["x-content-type-options"]).toBe("nosniff");
    expect(first.body).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
  });
});
