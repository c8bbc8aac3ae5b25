// What was refused, over memory: shown, masked, sent again once and never twice.
import { afterEach, beforeEach, expect, test } from "vitest";
import { erasedOf } from "../../lib/core/erasure.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";

const GOOD = '{"type":"track","event":"Product Added","userId":"u2"}';

let api: ApiInMemory;

beforeEach(async () => {
  api = await apiInMemory();
});
afterEach(() => api.close());

const get = (url: string, headers = {}) => api.app.inject({ method: "GET", url, headers });
const replay = (seq: number, headers = {}) =>
  api.app.inject({ method: "POST", url: `/v1/rejects/${seq}/replay`, headers });
const seqsIn = (response: { json(): unknown }): number[] =>
  (response.json() as { items: { seq: number }[] }).items.map(({ seq }) => seq);

test("newest first, page by page, filtered by reason, partition and time", async () => {
  api.rejects.add("x", { partition: 1 });
  api.rejects.add("y");
  expect(seqsIn(await get("/v1/rejects"))).toEqual([3, 2, 1]);
  const first = (await get("/v1/rejects?limit=2")).json() as { next: string };
  expect(seqsIn(await get(`/v1/rejects?limit=2&cursor=${first.next}`))).toEqual([1]);
  expect(seqsIn(await get("/v1/rejects?reason=not-json"))).toEqual([3, 2]);
  expect(seqsIn(await get("/v1/rejects?partition=1"))).toEqual([2]);
  expect(seqsIn(await get("/v1/rejects?since=2026-11-23T10:00:02Z&until=2026-11-23T10:00:03Z"))).toEqual([2]);
  expect((await get("/v1/rejects?since=yesterday")).statusCode).toBe(400);
  expect((await get("/v1/rejects?cursor=nonsense")).statusCode).toBe(400);
});

test("one with its bytes, whatever they are; nothing of it without the right to personal data", async () => {
  const { seq } = api.rejects.add(Buffer.from([0xff, 0xfe]));
  expect((await get("/v1/rejects/1")).json()).toMatchObject({ text: expect.stringContaining("Product Added") });
  expect((await get(`/v1/rejects/${seq}`)).json()).toMatchObject({ text: null, base64: "//4=" });
  const headers = await api.header("read");
  const masked = await get("/v1/rejects/1", headers);
  expect(masked.json()).toMatchObject({ detail: "•••", text: "•••", base64: null, reason: "no-type" });
  expect(masked.body + (await get("/v1/rejects", headers)).body).not.toMatch(/ann@|Product/);
});

test("one is sent again once: whose it is now, a mark, a record; the second time it is told where it is", async () => {
  expect((await replay(1)).json()).toEqual({ partition: 0, seq: 1 });
  expect(api.rejects.sent).toMatchObject([{ seq: 1, kind: "event", id: "u1" }]);
  expect((await get("/v1/rejects/1")).json()).toMatchObject({ replayed: { partition: 0, seq: 1 } });
  expect((await replay(1)).json()).toMatchObject({ error: { code: "already-replayed" } });
  expect(api.rejects.sent).toHaveLength(1);
  expect(api.audit.entries.map(({ what }) => what)).toEqual(["rejects.replay"]);
});

test("what would be refused again, or of which only a part is kept, is not sent", async () => {
  const bad = api.rejects.add("no JSON");
  const cut = api.rejects.add(GOOD, { bytes: 99_999 });
  for (const { seq } of [bad, cut]) {
    const response = await replay(seq);
    expect([response.statusCode, response.json()]).toMatchObject([422, { error: { code: "still-refused" } }]);
  }
  expect(api.rejects.sent).toEqual([]);
  expect(api.rejects.marks.size).toBe(0);
});

test("why it would be refused again is told by its code; what was found, to who may see it", async () => {
  const { seq } = api.rejects.add('{"type":"track","event":"Seen","userId":"u2","timestamp":"born 1975"}');
  const told = async (personal: boolean) =>
    (await replay(seq, await api.header("operate", personal))).json<{ error: { message: string } }>().error.message;
  expect(await told(false)).toBe("It would be refused again. bad-timestamp: •••.");
  expect(await told(true)).toContain("born 1975");
});

test("an answer that was lost: sent again within a minute it is stored once, and later nobody says that it was not", async () => {
  api.rejects.fates.push({ kind: "unknown", reason: "timeout" });
  expect((await replay(1)).json()).toMatchObject({ error: { code: "unsure" } });
  expect((await replay(1)).json()).toEqual({ partition: 0, seq: 1 });
  expect(api.rejects.sent).toHaveLength(1);
  const { seq } = api.rejects.add(GOOD);
  api.rejects.marks.set(seq, { mark: { state: "sending" }, revision: 1, at: Date.now() - 61_000 });
  expect((await replay(seq)).json()).toMatchObject({ error: { code: "unsure" } });
  expect(api.rejects.sent).toHaveLength(1);
});

test("one that the log did not take may be sent again at any time", async () => {
  api.rejects.fates.push({ kind: "retry", reason: "the log is full" });
  expect((await replay(1)).statusCode).toBe(503);
  expect((await replay(1)).statusCode).toBe(200);
});

test("many: two who do it at the same time send each once, and the counts say what became of all", async () => {
  for (let n = 0; n < 10; n += 1) api.rejects.add(GOOD, { reason: "no-type" });
  api.rejects.add("no JSON", { reason: "no-type" });
  const ask = () =>
    api.app.inject({ method: "POST", url: "/v1/rejects/replay", payload: { reason: "no-type", limit: 100 } });
  const counts = (await Promise.all([ask(), ask()])).map((response) => response.json<Record<string, number>>());
  expect(counts[0]!.sent! + counts[1]!.sent!).toBe(11);
  expect(api.rejects.sent.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect((await ask()).json()).toEqual({ sent: 0, already: 11, refused: 1, unsure: 0, failed: 0, next: null });
});

test("whoever was erased does not come back by a reject from before, also when that is heard at the last moment", async () => {
  const erase = (kind: "user" | "account", id: string) =>
    api.control.write({ op: "erase", ...erasedOf(kind, id, "key") });
  const bodies = [
    '{"type":"track","event":"Played","userId":4711}',
    '{"type":"track","event":"Played","userId":"u3","anonymousId":"4711"}',
    '{"type":"group","userId":"u3","groupId":"acme","traits":{"billing":"pay@acme.example"}}',
    '{"type":"group","groupId":"acme"}',
  ];
  // Of the first moment there was; those of the next line come after the erasures.
  const before = bodies.map((body) => api.rejects.add(body, { at: 0 }).seq);
  const told = api.rejects.add(bodies[0]!, { stamp: new Date(0).toISOString() }).seq;
  const after = bodies.map((body) => api.rejects.add(body).seq);
  const { putMark } = api.rejects;
  api.rejects.putMark = async (...of) => {
    if (api.control.entries.length === 0) for (const kind of ["user", "account"] as const) erase(kind, "4711");
    return putMark.apply(api.rejects, of);
  };
  expect((await replay(before[0]!)).json()).toMatchObject({ error: { code: "still-refused" } });
  erase("account", "acme");
  for (const seq of [...before, told]) expect((await replay(seq)).statusCode).toBe(422);
  expect(api.rejects.sent).toEqual([]);
  for (const seq of after) expect((await replay(seq)).statusCode).toBe(200);
});

test("where nobody can say who was erased, nothing is sent, and it may be tried again", async () => {
  api.control.lastRevision = () => Promise.reject(new Error("no answer"));
  expect((await replay(1)).statusCode).toBe(503);
  api.control.lastRevision = async () => 0;
  expect((await replay(1)).statusCode).toBe(200);
});
