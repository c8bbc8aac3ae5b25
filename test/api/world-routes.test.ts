// Vocabulary, items and situations over HTTP, on a control log in memory: answers, refusals, and what is written.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { apply } from "../../lib/api/segments/apply.ts";
import { DEFAULT_LIMITS as limits } from "../../lib/core/types.ts";
import { readDefinitions } from "../../lib/definitions/load.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";

let api: ApiInMemory;
let control: ApiInMemory["control"];
let catalogue: ApiInMemory["catalogue"];
let app: ApiInMemory["app"];

beforeEach(async () => {
  api = await apiInMemory();
  ({ app, control, catalogue } = api);
});
afterEach(() => api.close());

const get = (url: string) => app.inject({ method: "GET", url });
const send = (method: "PUT" | "POST", url: string, payload: unknown, headers: Record<string, string> = {}) =>
  app.inject({ method, url, payload: payload as object, headers: { host: "localhost:8080", ...headers } });

async function define(text: string): Promise<void> {
  await apply(control, catalogue, { loaded: readDefinitions(text, "a.yaml"), remove: [], limits });
}

describe("the vocabulary", () => {
  test("is told whole, put, and told with what it edits", async () => {
    await define("id: cart\nrule: { cart: { value: { gt: 0 } } }\n");
    expect((await get("/v1/vocabulary")).json()).toMatchObject({ vocabulary: { currency: "USD" }, waiting: null });
    const put = await send("PUT", "/v1/vocabulary", { currency: "EUR" });
    expect([put.statusCode, put.json()]).toEqual([
      200,
      { revision: 2, changes: [{ part: "currency", before: "USD", after: "EUR" }], edited: ["cart"], warnings: [] },
    ]);
    expect((await get("/v1/vocabulary")).json()).toMatchObject({ vocabulary: { currency: "EUR" } });
    expect((await send("PUT", "/v1/vocabulary", { currency: "EUR" })).json()).toMatchObject({
      revision: null,
      changes: [],
    });
    expect(control.entries).toHaveLength(2);
  });

  test("that asks history is accepted, and waits; a dry run writes nothing", async () => {
    await define("id: clicks\nrule: { campaign: { outcome: clicked } }\n");
    control.write({ op: "activate", revision: 1 });
    const document = { campaigns: { Seen: "clicked" } };
    expect((await send("PUT", "/v1/vocabulary?dryRun", document)).json()).toMatchObject({
      revision: null,
      edited: ["clicks"],
    });
    expect(control.entries).toHaveLength(2);
    expect((await send("PUT", "/v1/vocabulary", document)).statusCode).toBe(202);
    expect((await get("/v1/vocabulary")).json()).toMatchObject({
      vocabulary: { campaigns: expect.not.objectContaining({ Seen: "clicked" }) },
      waiting: { campaigns: { Seen: "clicked" } },
    });
  });

  test("that is wrong is refused with every place; so is one that drops what is in use", async () => {
    const wrong = await send("PUT", "/v1/vocabulary", { currency: "eur", visits: {} });
    expect([wrong.statusCode, wrong.json().error.code]).toEqual([422, "bad-vocabulary"]);
    expect(wrong.json().error.problems).toMatchObject([
      { path: "visits", hint: "visit" },
      { path: "currency", hint: "EUR" },
    ]);
    await send("PUT", "/v1/vocabulary", { funnels: { trial: { steps: [{ name: "paid", order: {} }] } } });
    await define("id: paid\nrule: { funnel: { id: trial, at: paid } }\n");
    const dropped = await send("PUT", "/v1/vocabulary", {});
    expect(dropped.json().error.problems).toMatchObject([
      { message: expect.stringContaining("the segment paid is in the way") },
    ]);
  });

  test("is checked again when somebody else wrote in between, and a lost answer is found out", async () => {
    control.meanwhile = () => control.write({ op: "vocabulary", vocabulary: { currency: "CHF" } });
    expect((await send("PUT", "/v1/vocabulary", { currency: "EUR" })).json()).toMatchObject({
      revision: 2,
      changes: [{ part: "currency", before: "CHF" }],
    });
    control.loseNextAnswer = true;
    expect((await send("PUT", "/v1/vocabulary", { currency: "GBP" })).json()).toMatchObject({
      revision: 3,
      changes: [{ part: "currency", after: "GBP" }],
    });
    expect(control.entries).toHaveLength(3);
  });
});

describe("items", () => {
  test("are written in entries that fit, looked up, and not written again", async () => {
    control.entryBytesMax = 400;
    const items = Array.from({ length: 10 }, (_, index) => ({
      id: `sku-${index}`,
      price: index,
      text: "x".repeat(60),
    }));
    expect((await send("POST", "/v1/items", { items })).json()).toEqual({
      revision: 5,
      written: 10,
      unchanged: 0,
      entries: 5,
    });
    expect(control.entries.every((entry) => JSON.stringify(entry).length <= 400)).toBe(true);
    expect((await get("/v1/items/sku-3")).json()).toMatchObject({ id: "sku-3", attributes: { price: 3 } });
    expect((await send("POST", "/v1/items", items)).json()).toMatchObject({ written: 0, unchanged: 10, entries: 0 });
    expect(
      (await send("POST", "/v1/items", { mode: "remove", items: [{ id: "sku-3" }, { id: "none" }] })).json(),
    ).toMatchObject({
      written: 1,
      unchanged: 1,
    });
    expect((await get("/v1/items/sku-3")).statusCode).toBe(404);
  });

  test.each([
    [{ items: [{ id: "a" }, { price: 1 }] }, "items[1]: an item has an id; found nothing."],
    [{ items: [7] }, "items[0]: an item is an object"],
    [{ items: [{ id: "a", text: "x".repeat(1_000) }] }, "items[0]: the item a has 10"],
    [[{ id: "x".repeat(300) }], "items[0]: the id has 300 bytes; the limit is 256 (limits.idBytesMax)."],
    [{ mode: "add", items: [] }, "one of merge, replace, remove"],
    [{}, '"items": ['],
  ])("%# is refused whole", async (payload, message) => {
    control.entryBytesMax = 600;
    const { statusCode, body } = await send("POST", "/v1/items", payload);
    expect([400, 422]).toContain(statusCode);
    expect(JSON.parse(body).error.message).toContain(message);
    expect(control.entries).toEqual([]);
  });
});

test("what was written of a request that failed is in the log of changes, as not complete", async () => {
  control.entryBytesMax = 400;
  const items = Array.from({ length: 10 }, (_, index) => ({ id: `sku-${index}`, text: "x".repeat(60) }));
  control.failAppend(3);
  expect((await send("POST", "/v1/items", { items })).statusCode).toBe(500);
  control.failAppend(2);
  const said = ["DE", "FR"].map((place) => ({ kind: "weather", place, values: { condition: "rain" } }));
  expect((await send("POST", "/v1/situations", said)).statusCode).toBe(500);
  control.failAppend(1);
  await send("POST", "/v1/items", [{ id: "sku-99" }]);
  expect(api.audit.entries).toMatchObject([
    { what: "items.merge", detail: { revision: 2, items: 4, complete: false } },
    { what: "situations.set", target: "weather DE", detail: { revision: 3, situations: 1, complete: false } },
  ]);
});

describe("situations", () => {
  const rain = { kind: "weather", place: { country: "DE", region: "BY" }, values: { condition: "rain" } };

  test("one or many, each an entry; the same again is none; null clears", async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    expect((await send("POST", "/v1/situations", { ...rain, until })).json()).toEqual({
      revision: 1,
      written: 1,
      unchanged: 0,
    });
    const strike = { kind: "strike", place: "FR", values: { lines: ["A"] } };
    expect((await send("POST", "/v1/situations", [{ ...rain, until }, strike])).json()).toEqual({
      revision: 2,
      written: 1,
      unchanged: 1,
    });
    expect((await get("/v1/situations")).json()).toEqual({
      situations: [
        { ...strike, place: { country: "FR" }, until: null },
        { ...rain, until },
      ],
    });
    expect((await get("/v1/situations?kind=weather")).json().situations).toHaveLength(1);
    await send("POST", "/v1/situations", { kind: "weather", place: "de/by", values: null });
    expect((await get("/v1/situations?kind=weather")).json()).toEqual({ situations: [] });
  });

  test("what is over is left out", async () => {
    await send("POST", "/v1/situations", { ...rain, until: "2020-01-01T00:00:00Z" });
    expect((await get("/v1/situations")).json()).toEqual({ situations: [] });
  });

  test.each([
    [{ ...rain, place: { country: "DE", city: "Munich" } }, /the city Munich needs its region/],
    [{ ...rain, place: { land: "DE" } }, /unknown key "land"/],
    [{ ...rain, place: "a/b/c/d" }, /country\/region\/city/],
    [{ ...rain, values: "rain" }, /values is an object/],
    [{ ...rain, until: "2026-11-23" }, /date-time from 1970 on with its offset/],
    [{ ...rain, kind: "" }, /kind is text/],
    [{ ...rain, when: 1 }, /unknown key "when"/],
    [[rain, 7], /^\[1\]: a situation is an object/],
  ])("%j is refused", async (payload, message) => {
    const { statusCode, body } = await send("POST", "/v1/situations", payload);
    expect(statusCode).toBe(422);
    expect(JSON.parse(body).error.message).toMatch(message);
    expect(control.entries).toEqual([]);
  });
});

test("a page of another site writes nothing, whatever it says that it sends", async () => {
  const body = { currency: "EUR" };
  for (const origin of ["http://evil.example", "null"]) {
    expect((await send("PUT", "/v1/vocabulary", body, { origin })).statusCode).toBe(403);
  }
  const text = await send("POST", "/v1/situations", "[]", { "content-type": "text/plain" });
  expect(text.statusCode).toBe(415);
  expect((await send("PUT", "/v1/vocabulary", body, { origin: "http://localhost:8080" })).statusCode).toBe(200);
});
