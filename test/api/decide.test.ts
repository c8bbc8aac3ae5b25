// POST /v1/decide over an audience out of thin air: who is known, of which segments, and whose position it is.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { CART } from "./fake-audience.ts";

let api: ApiInMemory;
beforeAll(async () => {
  api = await apiInMemory();
});
afterAll(() => api.close());

const decide = (payload: object) => api.app.inject({ method: "POST", url: "/v1/decide", payload });

test("the segments that somebody is in, and the position that is known", async () => {
  expect((await decide({ user: "u1", after: { partition: 3, seq: 7 } })).json()).toEqual({
    user: "u1",
    known: true,
    fresh: true,
    position: { partition: 3, seq: 7 },
    segments: [{ id: CART.id, n: 1, since: "2026-11-23T10:00:00.000Z" }],
  });
});

test("of some segments only; of a position that did not come; of nobody", async () => {
  expect((await decide({ user: "u1", segments: ["other"] })).json()).toMatchObject({ known: true, segments: [] });
  expect((await decide({ user: "u1", after: { seq: 8 } })).json()).toMatchObject({ fresh: false });
  expect((await decide({ user: "a-visitor" })).json()).toMatchObject({ known: false, fresh: true, segments: [] });
});

test("a position of another log is refused, for waiting for it would be waiting for chance", async () => {
  const response = await decide({ user: "u1", after: { partition: 4, seq: 7 } });
  expect([response.statusCode, response.json()]).toMatchObject([422, { error: { code: "other-log" } }]);
  expect(response.json().error.message).toContain("log 3");
});

test("the header of a route that takes events is a position as it stands; the user's own log counts", async () => {
  expect((await decide({ user: "u1", after: "1:900,3:7,4:900" })).json()).toMatchObject({ fresh: true });
  expect((await decide({ user: "u1", after: "3:8" })).json()).toMatchObject({ fresh: false });
  expect((await decide({ user: "u1", after: "1:900" })).json()).toMatchObject({ error: { code: "other-log" } });
  for (const after of ["", "3", "3:0", "3:7,", "3:-1", "3:1e3", "x:1"]) {
    expect((await decide({ user: "u1", after })).statusCode, after).toBe(400);
  }
});

test("a write key may decide", async () => {
  const headers = await api.header("ingest");
  const asked = { method: "POST", url: "/v1/decide", payload: { user: "u1" } } as const;
  expect((await api.app.inject({ ...asked, headers })).statusCode).toBe(200);
  expect((await api.app.inject(asked)).statusCode).toBe(401);
});
