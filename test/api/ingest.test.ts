// Events by HTTP over memory: what is stored of what is sent, by which paths, types and keys; what is refused, and how
// whoever sent it is told. The libraries themselves are test/end-to-end/segment-libraries.test.ts.
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import type { InjectOptions } from "fastify";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Storing } from "../../lib/api/ingest/storing.ts";
import type { JsonObject } from "../../lib/core/types.ts";
import type { EventToStore, Taken } from "../../lib/ports/intake.ts";
import { until } from "../support/until.ts";
import { type ApiInMemory, apiInMemory, HTTP_DEFAULTS } from "./api-in-memory.ts";
import { IntakeInMemory } from "./intake-in-memory.ts";

const KB = 1024;
const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36";

let api: ApiInMemory;
beforeEach(async () => {
  api = await apiInMemory();
});
afterEach(() => api.close());

function post(path: string, payload: string | object, more: Partial<InjectOptions> = {}) {
  return api.app.inject({ method: "POST", url: path, payload, ...more });
}

const track = (more: JsonObject = {}): JsonObject => ({ type: "track", userId: "u1", event: "Looked", ...more });

describe("paths", () => {
  const calls = { track: "t", identify: "i", page: "p", screen: "s", group: "g", alias: "a" };

  test.each(Object.entries(calls))("/v1/%s and /v1/%s store one call, of the path's type", async (call, letter) => {
    for (const path of [call, letter]) {
      const { statusCode, body, headers } = await post(`/v1/${path}`, { userId: "u1", type: "nonsense" });
      expect([statusCode, body]).toEqual([200, '{"success":true}']);
      expect(headers["rollcall-position"]).toMatch(/^\d+:\d+$/);
    }
    expect(api.intake.messages().map(({ type }) => type)).toEqual([call, call]);
    expect(api.intake.stored.map(({ kind, id }) => [kind, id])).toEqual([
      ["event", "u1"],
      ["event", "u1"],
    ]);
  });

  test.each(["batch", "import", "b"])("/v1/%s stores many, in their order", async (path) => {
    const batch = ["A", "B", "C"].map((event, index) => track({ event, userId: index === 1 ? "u2" : "u1" }));
    const { statusCode, headers } = await post(`/v1/${path}`, { batch });
    expect(statusCode).toBe(200);
    const ofUser = api.intake.messages().filter(({ userId }) => userId === "u1");
    expect(ofUser.map(({ event }) => event)).toEqual(["A", "C"]);
    const positions = String(headers["rollcall-position"]).split(",");
    expect(new Set(positions.map((position) => position.split(":")[0])).size).toBe(positions.length);
    expect(positions.map((position) => Number(position.split(":")[1]))).toContain(3);
  });

  test("an empty batch is done", async () => {
    expect((await post("/v1/batch", { batch: [] })).json()).toEqual({ success: true });
  });
});

describe("bodies", () => {
  test("plain text is read as JSON here, and nowhere else", async () => {
    const more = { headers: { "content-type": "text/plain;charset=UTF-8" } };
    expect((await post("/v1/t", JSON.stringify(track()), more)).statusCode).toBe(200);
    expect((await post("/v1/items", '{"items":[]}', more)).statusCode).toBe(415);
  });

  test("what is no UTF-8 is refused, so that two names do not become one", async () => {
    for (const type of ["application/json", "text/plain"]) {
      const send = (name: string, encoding: "latin1" | "utf8") => {
        const payload = Buffer.from(JSON.stringify(track({ userId: name })), encoding);
        return post("/v1/t", payload, { headers: { "content-type": type } });
      };
      const refused = await send("José", "latin1");
      expect([refused.statusCode, refused.json().error.message]).toEqual([400, "The body is not UTF-8."]);
      expect((await send("José", "utf8")).statusCode).toBe(200);
    }
    expect(api.intake.stored.map(({ id }) => id)).toEqual(["José", "José"]);
  });

  test("what comes gzipped is read; what would grow beyond the limit, is broken, or is packed otherwise, is refused", async () => {
    const packed = (body: Buffer, encoding = "gzip") =>
      api.app.inject({
        method: "POST",
        url: "/v1/batch",
        headers: { "content-type": "application/json", "content-encoding": encoding },
        payload: body,
      });
    const whole = gzipSync(JSON.stringify({ batch: [track(), track()] }));
    expect((await packed(whole)).statusCode).toBe(200);
    const bomb = gzipSync(Buffer.alloc(50 * KB * KB, " "));
    expect(bomb.length).toBeLessThan(100 * KB);
    const refused = [
      await packed(bomb),
      await packed(whole.subarray(0, -9)),
      await packed(Buffer.from("{}")),
      await packed(whole, "br"),
    ];
    expect(refused.map(({ statusCode }) => statusCode)).toEqual([400, 400, 400, 415]);
    for (const { body } of refused) expect(JSON.parse(body).error.message).toEqual(expect.any(String));
    expect(api.intake.stored.length).toBe(2);
  });

  test("what is gzipped and broken, in a request that is refused before its body is read, harms nobody", async () => {
    const broken = gzipSync(JSON.stringify({ batch: [track()] })).subarray(0, -9);
    const headers = { "content-type": "text/csv", "content-encoding": "gzip" };
    expect((await post("/v1/batch", broken, { headers })).statusCode).toBe(415);
    // An error that nobody listened for ended the process, here the test, in one of the next turns.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect((await post("/v1/track", track())).statusCode).toBe(200);
  });

  test("a message without an id gets one", async () => {
    await post("/v1/batch", { batch: [track(), track({ messageId: "" })] });
    const ids = api.intake.messages().map(({ messageId }) => messageId);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(2);
  });

  test("a wrong clock of the sender is set right, by the batch's sentAt, too", async () => {
    const year = 365 * 86_400_000;
    const wrong = (msAgo: number): string => new Date(Date.now() - year - msAgo).toISOString();
    const before = Date.now();
    await post("/v1/batch", { sentAt: wrong(0), batch: [track({ timestamp: wrong(60_000) })] });
    const [message] = api.intake.messages();
    const corrected = Date.parse(message!.timestamp as string);
    expect(Math.abs(corrected - (before - 60_000))).toBeLessThan(30_000);
    expect(Date.parse(message!.receivedAt as string)).toBeGreaterThanOrEqual(before);
  });

  test("what a batch says once counts for each event that does not say it itself", async () => {
    const context = { app: { name: "Shop" }, locale: "de" };
    await post("/v1/batch", { context, batch: [track(), track({ context: { locale: "fr" } })] });
    expect(api.intake.messages().map((message) => (message.context as JsonObject).locale)).toEqual(["de", "fr"]);
    expect(api.intake.messages().map((message) => (message.context as JsonObject).app)).toEqual([
      { name: "Shop" },
      { name: "Shop" },
    ]);
  });

  test("a trace goes on", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const tracestate = "vendor=1,other=2";
    await post("/v1/batch", { batch: [track(), track()] }, { headers: { traceparent, tracestate } });
    await post("/v1/track", track(), { headers: { traceparent } });
    await post("/v1/track", track(), { headers: { traceparent: "nonsense", tracestate } });
    await post("/v1/track", track(), { headers: { tracestate } });
    expect(api.intake.stored.map(({ trace }) => trace)).toEqual([
      { traceparent, tracestate },
      { traceparent, tracestate },
      { traceparent },
      undefined,
      undefined,
    ]);
  });
});

describe("whose log", () => {
  test("the user's; of an account by nobody, the account's; an empty id is none", async () => {
    const batch = [
      track({ userId: 7 }),
      track({ userId: "", anonymousId: "a1" }),
      { type: "group", groupId: "acme", traits: { plan: "trial" } },
      { type: "track", groupId: "acme", event: "Invoice Failed", anonymousId: "" },
      { type: "group", userId: "u1", groupId: "acme" },
    ];
    expect((await post("/v1/batch", { batch })).statusCode).toBe(200);
    const found = new Map(api.intake.stored.map(({ kind, id, body }) => [`${kind} ${id}`, body]));
    expect([...found.keys()].sort()).toEqual(["account acme", "event 7", "event a1", "event u1"]);
    expect(found.get("event a1")).not.toContain("userId");
    expect(api.intake.stored.length).toBe(5);
  });

  test("an event of which nobody can tell whose it is goes on all the same: its partition says what is wrong", async () => {
    const nobodys = [
      { type: "track", event: "A", messageId: "m1" },
      { type: "track", event: "B", messageId: "m2", userId: "x".repeat(300) },
      { type: "track", event: "C", messageId: "m3", userId: {} },
      { type: "track", event: "D", messageId: "m4", userId: "half \ud800" },
      { type: "group", messageId: "m5" },
    ];
    expect((await post("/v1/batch", { batch: [...nobodys, track()] })).statusCode).toBe(200);
    expect(api.intake.stored.map(({ kind, id }) => `${kind} ${id}`)).toEqual(
      expect.arrayContaining(["event m1", "event m2", "event m3", "event m4", "event m5", "event u1"]),
    );
  });
});

describe("the name by which a log knows a repeat", () => {
  const nameOf = async (payload: JsonObject, headers = {}): Promise<string> => {
    expect((await post("/v1/t", payload, { headers })).statusCode).toBe(200);
    return api.intake.stored.at(-1)!.dedupId;
  };

  test("is the same for the same message, by whatever route", async () => {
    const message = track({ messageId: "m1" });
    const name = await nameOf(message);
    expect(await nameOf({ ...message, properties: { price: 5 } })).toBe(name);
    await post("/v1/batch", { batch: [message] });
    expect(api.intake.stored.at(-1)!.dedupId).toBe(name);
  });

  test("is another one for another message, another person, an account of that id, another key", async () => {
    const names = [
      await nameOf(track({ messageId: "1001", userId: "ann" })),
      await nameOf(track({ messageId: "1002", userId: "ann" })),
      await nameOf(track({ messageId: "1001", userId: "bob" })),
      await nameOf({ messageId: "1001", groupId: "ann", event: "Invoice Failed" }),
    ];
    for (const role of ["ingest", "operate"] as const) {
      names.push(await nameOf(track({ messageId: "1001", userId: "ann" }), await api.header(role)));
    }
    expect(new Set(names).size).toBe(names.length);
  });

  test("is none that anything else in the log has, and stands in a header, whatever the message says", async () => {
    for (const messageId of ["replay:7", `ä${"x".repeat(300)}`, "half \ud800", "a\r\nb"]) {
      expect(await nameOf(track({ messageId }))).toMatch(/^http:[\w-]{43}$/);
    }
  });
});

describe("keys", () => {
  test("in a header of either kind, or in the body, with role ingest; in no log", async () => {
    const { authorization } = await api.header("ingest");
    const key = authorization.slice("Bearer ".length);
    const basic = (text: string) => ({ headers: { authorization: `Basic ${Buffer.from(text).toString("base64")}` } });
    const text = { headers: { "content-type": "text/plain" } };
    const answers = [
      await post("/v1/t", track(), { headers: { authorization } }),
      await post("/v1/t", track(), basic(`${key}:`)),
      await post("/v1/t", track(), basic(key)),
      await post("/v1/t", { ...track(), writeKey: key }),
      await post("/v1/b", JSON.stringify({ batch: [{ ...track(), writeKey: key }], writeKey: key }), text),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200, 200]);
    expect(api.intake.stored.length).toBe(5);
    for (const { body } of api.intake.stored) expect(body).not.toContain(key);
  });

  test("whoever has none is told that first, whatever else is wrong", async () => {
    const { authorization } = await api.header("read");
    const json = { headers: { "content-type": "application/json" } };
    expect((await post("/v1/t", track())).statusCode).toBe(401);
    expect((await post("/v1/t", { ...track(), writeKey: "nonsense" })).statusCode).toBe(401);
    for (const text of ["{", '{"a":1e999}', Buffer.from("é", "latin1")]) {
      expect((await post("/v1/t", text, json)).json().error.code).toBe("no-key");
    }
    expect((await post("/v1/t", "<a/>", { headers: { "content-type": "text/xml" } })).statusCode).toBe(401);
    expect((await post("/v1/b", `"${"x".repeat(600 * KB)}"`, json)).statusCode).toBe(401);
    expect((await post("/v1/t", track(), { headers: { authorization } })).statusCode).toBe(403);
    expect(api.intake.stored).toEqual([]);
  });

  test("settings of a page's library, by the key in the path", async () => {
    const { authorization } = await api.header("ingest");
    const key = authorization.slice("Bearer ".length);
    const { statusCode, body } = await api.app.inject(`/v1/projects/${key}/settings`);
    const { integrations, ...others } = JSON.parse(body);
    const { apiKey, httpConfig } = integrations["Segment.io"];
    expect([statusCode, apiKey]).toEqual([200, key]);
    expect(others).toEqual({ plan: { track: {} }, metrics: { sampleRate: 0 } });
    // As the library reads it: by itself it gives up after ten.
    const load = createRequire(import.meta.url);
    const library = load("@segment/analytics-next/dist/cjs/plugins/segmentio/shared-dispatcher.js");
    const { rateLimitConfig, backoffConfig } = library.resolveHttpConfig(undefined, httpConfig);
    expect([rateLimitConfig.maxRetryCount, backoffConfig.maxRetryCount]).toEqual([100, 100]);
    expect((await api.app.inject("/v1/projects/nonsense/settings")).statusCode).toBe(401);
  });
});

describe("pages of other sites", () => {
  const SHOP = "https://shop.example";

  test("may send when the options name them, after asking with whatever headers libraries set", async () => {
    await api.close();
    api = await apiInMemory({ origins: [SHOP] });
    const asked = "authorization,content-type,x-retry-count";
    const preflight = await api.app.inject({
      method: "OPTIONS",
      url: "/v1/t",
      headers: { origin: SHOP, "access-control-request-method": "POST", "access-control-request-headers": asked },
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers["access-control-allow-origin"]).toBe(SHOP);
    expect(preflight.headers["access-control-allow-headers"]).toBe(asked);
    const sent = await post("/v1/t", track(), { headers: { origin: SHOP } });
    expect([sent.statusCode, sent.headers["access-control-allow-origin"]]).toEqual([200, SHOP]);
    expect(sent.headers["access-control-expose-headers"]).toContain("rollcall-position");
    const other = await post("/v1/t", track(), { headers: { origin: "https://evil.example" } });
    expect(other.statusCode).toBe(403);
  });
});

describe("what the door writes", () => {
  const page = { remoteAddress: "8.8.8.8", headers: { "sec-fetch-site": "same-origin", "user-agent": CHROME } };
  const context = (index = 0): JsonObject => (api.intake.messages()[index]!.context ?? {}) as JsonObject;

  test("a page's address and browser are a person's; a server's are not", async () => {
    await post("/v1/t", track(), page);
    await post("/v1/t", track({ context: { library: { name: "@segment/analytics-node" } } }), {
      ...page,
      headers: { "user-agent": "node", "sec-fetch-mode": "cors" },
    });
    await post("/v1/t", track(), {
      remoteAddress: "8.8.8.8",
      headers: { "user-agent": CHROME, "sec-fetch-mode": "cors" },
    });
    expect(context(0)).toMatchObject({ place: { country: "US" }, device: { browser: "Chrome", type: "desktop" } });
    expect(context(0).ip).toBeUndefined();
    expect(api.intake.messages()[1]).toMatchObject({ channel: "server" });
    expect(context(1).place).toBeUndefined();
    expect(context(2)).toEqual({});
  });

  test("behind a proxy that the options name, the address is the one it says; else it is anybody's word", async () => {
    const forwarded = {
      ...page,
      remoteAddress: "10.0.0.7",
      headers: { ...page.headers, "x-forwarded-for": "8.8.8.8" },
    };
    await post("/v1/t", track(), forwarded);
    expect(context(0).place).toBeUndefined();
    await api.close();
    api = await apiInMemory({ proxies: ["10.0.0.0/8"] });
    await post("/v1/t", track(), forwarded);
    await post("/v1/t", track(), { ...forwarded, remoteAddress: "8.8.4.4" });
    await post("/v1/t", track(), {
      ...forwarded,
      headers: { ...forwarded.headers, "x-forwarded-for": "1.1.1.1, 192.168.0.1" },
    });
    expect([context(0).place, context(2).place]).toEqual([{ country: "US" }, undefined]);
    // A name that is forwarded opens no door that is for this machine alone.
    const named = {
      ...forwarded,
      headers: { ...forwarded.headers, host: "evil.example", "x-forwarded-host": "localhost" },
    };
    expect((await post("/v1/t", track(), named)).json().error.code).toBe("other-host");
  });

  test("who is believed is said by the name of the key, not by the message", async () => {
    const { catalogue } = api;
    expect(catalogue.state.vocabulary.trustedSources).toContain("server");
    const claim = track({ channel: "server", context: { place: { country: "FR" } } });
    const sendAs = async (name: string): Promise<void> => {
      const { text } = await api.keyring.create({ name, role: "ingest", personal: false }, "test");
      await post("/v1/t", claim, { headers: { authorization: `Bearer ${text}` } });
    };
    await sendAs("shop");
    await sendAs("server");
    expect([context(0).place, context(1).place]).toEqual([undefined, { country: "FR" }]);
  });
});

describe("refusals", () => {
  const problemOf = async (path: string, payload: string | object) => {
    const json = typeof payload === "string" ? { headers: { "content-type": "application/json" } } : {};
    const answer = await post(path, payload, json);
    return [answer.statusCode, answer.json().error.message as string] as const;
  };

  test("what cannot be read is refused whole, and names the place", async () => {
    const huge = track({ properties: { text: "x".repeat(33 * KB) } });
    expect(await problemOf("/v1/t", huge)).toEqual([
      400,
      expect.stringMatching(/^body has 33\d+ bytes; the limit is 32768/),
    ]);
    expect(await problemOf("/v1/b", { batch: [track(), 7] })).toEqual([
      400,
      expect.stringMatching(/^body\.batch\[1\] is a number/),
    ]);
    expect(await problemOf("/v1/b", { batch: {} })).toEqual([400, expect.stringMatching(/^body\.batch is an object/)]);
    expect(await problemOf("/v1/b", {})).toEqual([400, expect.stringMatching(/^body\.batch is missing/)]);
    expect(await problemOf("/v1/b", [])).toEqual([400, expect.stringMatching(/^body is a list/)]);
    const many = { batch: Array.from({ length: 2_501 }, () => ({})) };
    expect(await problemOf("/v1/b", many)).toEqual([400, expect.stringMatching(/^body\.batch has 2501 events/)]);
    const long = { batch: Array.from({ length: 20 }, () => track({ properties: { text: "x".repeat(30 * KB) } })) };
    expect(await problemOf("/v1/b", long)).toEqual([400, expect.stringMatching(/^body is larger than 512000 bytes/)]);
    expect(await problemOf("/v1/b", '{"batch":[{"properties":{"a":[1,1e999]}}]}')).toEqual([
      400,
      expect.stringMatching(/^body\.batch\[0\]\.properties\.a\[1\] is too large to be a number/),
    ]);
    expect(await problemOf("/v1/t", `{"a":1e999,"b":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)).toEqual([
      400,
      expect.any(String),
    ]);
    expect(api.intake.stored).toEqual([]);
  });

  test("one event of a batch that is too large costs the others nothing: its partition says what is wrong", async () => {
    const huge = track({ event: "Huge", properties: { text: "x".repeat(40 * KB) } });
    expect((await post("/v1/b", { batch: [track({ event: "A" }), huge, track({ event: "B" })] })).statusCode).toBe(200);
    expect(api.intake.messages().map(({ event }) => event)).toEqual(["A", "Huge", "B"]);
  });

  test("one of a batch that fits into no message is refused: the numbers of a body may become longer", async () => {
    const numbers = `[${"1e20,".repeat(99_000)}1]`;
    expect(
      await problemOf("/v1/b", `{"batch":[{"userId":"u1"},{"userId":"u1","properties":{"numbers":${numbers}}}]}`),
    ).toEqual([400, expect.stringMatching(/^body\.batch\[1\] has 2\d{6} bytes; the limit is 512000\.$/)]);
    expect(api.intake.stored).toEqual([]);
  });

  test("what a batch says once must not become many times what was sent", async () => {
    const context = { text: "x".repeat(30 * KB) };
    const batch = (events: number) => ({ context, batch: Array.from({ length: events }, () => ({ type: "page" })) });
    expect(await problemOf("/v1/b", batch(2_500))).toEqual([
      400,
      expect.stringMatching(/^body\.batch has 8\d{6} bytes; the limit is 8388608 \(httpBatchBytesMax\)\.$/),
    ]);
    expect(api.intake.stored).toEqual([]);
    expect((await post("/v1/b", batch(200))).statusCode).toBe(200);
    expect(api.intake.stored.length).toBe(200);
  });

  test("numbers that are only written long pass", async () => {
    expect(
      (
        await post("/v1/t", '{"userId":"u1","event":"e","properties":{"a":1e100,"b":"1e999"}}', {
          headers: { "content-type": "application/json" },
        })
      ).statusCode,
    ).toBe(200);
    expect(api.intake.messages()[0]!.properties).toEqual({ a: 1e100, b: "1e999" });
  });

  test("a user whose event was not stored gets none of the later ones stored; the others get theirs", async () => {
    const batch = [
      track({ userId: "a", event: "1" }),
      track({ userId: "b", event: "1" }),
      track({ userId: "a", event: "2" }),
      track({ userId: "b", event: "2" }),
    ];
    api.intake.ends.push({ kind: "unknown", reason: "no answer" });
    const answer = await post("/v1/batch", { batch });
    expect([answer.statusCode, answer.headers["retry-after"], answer.json().error.code]).toEqual([
      503,
      "1",
      "not-stored",
    ]);
    expect(api.intake.messages().map(({ userId, event }) => `${userId}${event}`)).toEqual(["b1", "b2"]);
  });

  test("a full log is told as 429 with a time to wait, whatever else went wrong beside it", async () => {
    const full: Taken = { kind: "retry", reason: "maximum bytes exceeded (10077)", isFull: true };
    api.intake.ends.push({ kind: "unknown", reason: "no answer" }, full);
    const answer = await post("/v1/batch", { batch: [track({ userId: "a" }), track({ userId: "b" })] });
    expect([answer.statusCode, answer.headers["retry-after"], answer.json().error.code]).toEqual([
      429,
      "15",
      "queue-full",
    ]);
    expect(answer.json().error.message).toContain("maximum bytes exceeded");
    expect(answer.json().error.message).toContain("is not stored twice within 2m (repeatsKnown)");
  });

  test("as many wait as the option says; the next is told 429, nothing of it is stored, and there is room again later", async () => {
    await api.close();
    api = await apiInMemory({ eventsWaitingMax: 2 });
    const held = api.intake.hold();
    const first = post("/v1/batch", { batch: [track({ userId: "a" }), track({ userId: "b" })] });
    await until("both wait", () => api.intake.waiting === 2);
    const refused = await post("/v1/t", track({ userId: "c" }));
    expect([refused.statusCode, refused.headers["retry-after"]]).toEqual([429, "1"]);
    held.release();
    expect((await first).statusCode).toBe(200);
    expect(api.intake.stored.map(({ id }) => id).sort()).toEqual(["a", "b"]);
    // One that is larger than the room is let in when nobody else is there.
    const batch = ["a", "b", "c"].map((userId) => track({ userId }));
    expect((await post("/v1/batch", { batch })).statusCode).toBe(200);
  });
});

describe("a request that does not end soon", () => {
  const ofOneUser = { batch: ["1", "2", "3"].map((event) => track({ event })) };
  const events = () => api.intake.messages().map(({ event }) => event);

  test("has no further event stored once its time is over, and is told so", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const held = api.intake.hold();
    const asked = post("/v1/batch", ofOneUser);
    await until("the first waits", () => api.intake.waiting === 1);
    vi.advanceTimersByTime(HTTP_DEFAULTS.timeoutMs);
    held.release();
    const answer = await asked;
    expect([answer.statusCode, answer.json().error.code]).toEqual([503, "not-stored"]);
    expect(answer.json().error.message).toContain("httpTimeout");
    expect(events()).toEqual(["1"]);
  });

  test("has no further event stored once whoever sent it has gone: they send it again", async () => {
    const url = await api.app.listen({ port: 0 });
    let isNoticed = false;
    api.app.server.on("connection", (socket) => socket.on("close", () => (isNoticed = true)));
    const held = api.intake.hold();
    const gone = new AbortController();
    const answer = sendTo(url, ofOneUser, gone.signal).catch(() => "gone");
    await until("the first waits", () => api.intake.waiting === 1);
    gone.abort();
    expect(await answer).toBe("gone");
    await until("the server has noticed", () => isNoticed);
    held.release();
    await api.app.close();
    expect(events()).toEqual(["1"]);
  });

  test("lets nobody else wait longer when whoever sent it leaves", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const intake = new IntakeInMemory();
    const storing = new Storing(intake, { eventsWaitingMax: 2, timeoutMs: 60_000, repeatsKnownMs: 120_000 });
    const event = (dedupId: string): EventToStore => ({
      kind: "event",
      id: "u1",
      dedupId,
      body: "{}",
      trace: undefined,
    });
    const held = intake.hold();
    let hasGone = false;
    const left = storing.store([event("1"), event("2")], () => hasGone);
    vi.advanceTimersByTime(20_000);
    hasGone = true;
    held.release();
    await expect(left).rejects.toMatchObject({ statusCode: 503 });
    intake.hold();
    void storing.store([event("3"), event("4")], () => false);
    await expect(storing.store([event("5")], () => false)).rejects.toMatchObject({ statusCode: 429, retryAfterS: 1 });
  });

  test("is stored and answered, when the process ends meanwhile", async () => {
    const url = await api.app.listen({ port: 0 });
    const held = api.intake.hold();
    const answer = sendTo(url, ofOneUser);
    await until("the first waits", () => api.intake.waiting === 1);
    const closed = api.app.close();
    await until("it ends", () => isRefused(url));
    held.release();
    expect([(await answer).status, await (await answer).json()]).toEqual([200, { success: true }]);
    await closed;
    expect(events()).toEqual(["1", "2", "3"]);
  });
});

function sendTo(url: string, body: object, signal?: AbortSignal): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${url}/v1/batch`, { method: "POST", headers, body: JSON.stringify(body), ...(signal && { signal }) });
}

function isRefused(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`).then(
    ({ status }) => status === 503,
    () => true,
  );
}
