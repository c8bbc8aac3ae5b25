// Profiles by their parts, search, and the catalogue of what was observed, over real machines in memory: what is told follows
// from the messages. The same against a server stands in test/end-to-end/profiles.test.ts.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TRAIL_MAX } from "../../lib/core/engine/member/trail.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import type { PeopleInMemory } from "./people-in-memory.ts";

let api: ApiInMemory;
let people: PeopleInMemory;
beforeEach(async () => {
  api = await apiInMemory();
  ({ people } = api);
});
afterEach(() => api.close());

interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly next: string | null;
  readonly [field: string]: unknown;
}

async function get(url: string, headers: Record<string, string> = {}): Promise<Page> {
  const { statusCode, json, payload } = await api.app.inject({ method: "GET", url, headers });
  if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${payload}`);
  return json() as Page;
}

const status = async (url: string): Promise<number> => (await api.app.inject({ method: "GET", url })).statusCode;

/** Every page from the first to the last. */
async function pages(url: string): Promise<Page[]> {
  const all: Page[] = [];
  for (let cursor: string | null = ""; cursor !== null; cursor = all.at(-1)!.next) {
    all.push(await get(`${url}${url.includes("?") ? "&" : "?"}limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`));
    if (all.length > 200) throw new Error("the pages do not end");
  }
  return all;
}

const track = (event: string, properties = {}, more = {}) => ({ type: "track", event, properties, ...more });

describe("the timeline", () => {
  test("newest first, page by page, from the places that the owner knows", async () => {
    for (let n = 1; n <= 7; n += 1) {
      people.event("ann", track("Seen", { n }, { messageId: `m${n}`, channel: "web" }));
      people.event("bob", track("Seen", { n: -n }));
    }
    const all = await pages("/v1/users/ann/events");
    expect(all.map(({ items }) => items.map(({ messageId }) => messageId))).toEqual([
      ["m7", "m6", "m5"],
      ["m4", "m3", "m2"],
      ["m1"],
    ]);
    expect(all.every(({ scanned }) => scanned === 0)).toBe(true);
    expect(all[0]!.items[0]).toMatchObject({ type: "track", name: "Seen", channel: "web", properties: { n: 7 } });
    expect(people.fetched).toBeLessThanOrEqual(7 * all.length);
  });

  test("what is older than those places is found by looking backwards, and said how far", async () => {
    const count = TRAIL_MAX + 8;
    for (let n = 1; n <= count; n += 1) {
      people.event("ann", track(n % 2 === 0 ? "Even" : "Odd", { n }));
      people.event("bob", track("Even", { n }));
    }
    const all = await pages("/v1/users/ann/events");
    const told = all.flatMap(({ items }) => items.map(({ properties }) => (properties as { n: number }).n));
    expect(told).toEqual(Array.from({ length: count }, (_, index) => count - index));
    expect(all.some(({ scanned }) => (scanned as number) > 0)).toBe(true);
    const even = (await pages("/v1/users/ann/events?name=Even")).flatMap(({ items }) => items);
    expect(even).toHaveLength(count / 2);
    expect(new Set(even.map(({ name }) => name))).toEqual(new Set(["Even"]));
  });

  test("what an erasure took from between hides nothing that is older", async () => {
    const hers = partitionOf("ann", people.partitions);
    const erased = Array.from({ length: 20 }, (_, n) => `e${n}`).find(
      (id) => partitionOf(id, people.partitions) === hers,
    )!;
    people.event("ann", track("Oldest"));
    for (let n = 0; n < 2_050; n += 1) people.event(erased, track("Seen"));
    for (let n = 0; n <= TRAIL_MAX; n += 1) people.event("ann", track("Seen"));
    people.logs[hers]!.splice(1, 2_050);
    const all = await pages("/v1/users/ann/events");
    const told = all.flatMap(({ items }) => items);
    expect([told.length, told.at(-1)!.name]).toEqual([TRAIL_MAX + 2, "Oldest"]);
  });

  test("of an account: by whom each thing was done, and one user's alone", async () => {
    for (const user of ["ann", "bob"]) people.event(user, { type: "group", groupId: "acme", traits: { by: user } });
    people.event("ann", track("Report", { n: 1 }));
    people.event("bob", track("Report", { n: 2 }));
    const who = (page: Page) => page.items.map(({ user, type }) => `${type} ${user}`);
    expect(who(await get("/v1/accounts/acme/events"))).toEqual(["track bob", "track ann", "group bob", "group ann"]);
    expect(who(await get("/v1/accounts/acme/events?user=ann"))).toEqual(["track ann", "group ann"]);
    const { items } = await get("/v1/users/ann/events?name=group");
    expect(items).toMatchObject([{ account: "acme", traits: { by: "ann" } }]);
  });

  test("nobody's, and a cursor that is none", async () => {
    expect(await status("/v1/users/nobody/events")).toBe(404);
    people.event("ann", track("Seen"));
    expect(await status("/v1/users/ann/events?cursor=nonsense")).toBe(400);
    expect(await status("/v1/users/ann/events?user=bob")).toBe(400);
  });
});

describe("parts", () => {
  test("traits say which message wrote them; a late one has written nothing", async () => {
    api.audience.user = async (id) => people.cluster.of(id).user(id);
    people.event("ann", { type: "identify", traits: { plan: "free", city: "Ulm" }, messageId: "first" });
    people.event("ann", { type: "identify", traits: { plan: "pro" }, messageId: "second", channel: "server" });
    const late = { timestamp: "2020-01-01T00:00:00Z", messageId: "late" };
    people.event("ann", { type: "identify", traits: { plan: "old" }, ...late });
    people.event("ann", track("Order Completed", { order_id: "1", total: 12.5 }));
    const { items } = await get("/v1/users/ann/traits");
    const trait = (name: string) => items.find((one) => one.name === name);
    expect(trait("city")).toMatchObject({
      origin: "sent",
      type: "text",
      value: "Ulm",
      message: { messageId: "first" },
    });
    expect(trait("plan")).toMatchObject({ value: "pro", message: { messageId: "second", channel: "server" } });
    expect(trait("revenue")).toEqual({
      name: "revenue",
      origin: "computed",
      type: "number",
      value: 12.5,
      at: null,
      message: null,
    });
  });

  test("orders: what they were placed at, what they come to, what has been said of them since", async () => {
    people.event("ann", track("Order Completed", { order_id: "1", total: 100 }, { messageId: "placed" }));
    people.event("ann", track("Order Refunded", { order_id: "1", total: 30 }, { messageId: "back" }));
    people.event(
      "ann",
      track("Order Completed", { order_id: "2", products: [{ product_id: "p", price: 4, quantity: 2 }] }),
    );
    people.event("ann", track("Order Cancelled", { order_id: "2" }));
    const { items, ...totals } = await get("/v1/users/ann/orders");
    expect(totals).toMatchObject({ count: 2, standing: 1, revenue: 70, average: 70, next: null });
    expect(items).toMatchObject([
      { id: "2", placed: 8, lowered: 8, gone: true, changes: [{ event: "Order Cancelled" }] },
      {
        id: "1",
        messageId: "placed",
        placed: 100,
        total: 70,
        lowered: 30,
        gone: false,
        changes: [{ messageId: "back", total: 30 }],
      },
    ]);
  });

  test("sessions, places, campaigns, segments and near misses", async () => {
    people.cluster.define([
      { id: "busy", rule: { event: { name: "A", window: { last: "1h" } } } },
      { id: "both", rule: { all: [{ event: { name: "A" } }, { trait: { plan: "pro" } }] } },
      { id: "from-ulm", rule: { visit: { where: { "place.city": "Ulm" } } } },
    ]);
    const context = { place: { city: "Ulm", country: "DE" } };
    people.event("ann", { ...track("A", {}), context });
    people.event("ann", track("Email Opened", { campaign_id: "spring" }));
    people.event("ann", track("Email Link Clicked", { campaign_id: "spring" }));
    const { items: sessions, count } = await get("/v1/users/ann/sessions");
    expect([count, sessions.length]).toEqual([1, 1]);
    expect(sessions[0]).toMatchObject({ underWay: true, visit: { events: 3, place: { city: "Ulm" } } });
    expect(await get("/v1/users/ann/places")).toMatchObject({
      places: [{ record: { city: "Ulm" }, visits: 1 }],
      devices: [],
    });
    expect(await get("/v1/users/ann/campaigns")).toMatchObject({
      items: [{ campaign: "spring", outcomes: { opened: { count: 1 }, clicked: { count: 1 } } }],
      messages: 3,
      complete: true,
    });
    const { items: segments } = await get("/v1/users/ann/segments");
    expect(segments.map(({ segment, in: isIn, times, left }) => [segment, isIn, times, left])).toEqual([
      ["busy", true, 1, null],
      ["from-ulm", true, 1, null],
    ]);
    expect(segments.find(({ segment }) => segment === "busy")!.until).toMatch(/^\d{4}-/);
    expect(await get("/v1/users/ann/near-misses")).toMatchObject({
      items: [{ segment: "both", mustPass: true, rule: "trait plan" }],
      next: null,
    });
  });

  test("whoever sees no personal data sees that there is something, and how much", async () => {
    people.event("ann", { type: "identify", traits: { email: "ann@shop.example" } });
    people.event("ann", { ...track("Seen", { secret: "s3" }), context: { ip: "192.0.2.7" } });
    people.event("ann", track("Order Completed", { order_id: "1", total: 100 }));
    api.audience.user = async (id) => people.cluster.of(id).user(id);
    const headers = await api.header("read");
    for (const part of ["events", "traits", "sessions", "places", "near-misses"]) {
      const page = JSON.stringify(await get(`/v1/users/ann/${part}`, headers));
      expect(page, part).not.toMatch(/shop\.example|s3|192\.0\.2/);
    }
    expect((await get("/v1/users/ann/events", headers)).items[1]).toMatchObject({ properties: { secret: "•••" } });
    expect(await get("/v1/users/ann/orders", headers)).toMatchObject({ revenue: 100 });
  });

  test("of carts and orders, whoever sees no personal data sees what is a product's, and that more was sent", async () => {
    const product = { product_id: "p", name: "Mug", price: 4, quantity: 2, coupon: "SPRING" };
    const sent = { recipient_email: "bob@shop.example", gift: { message: "s3" }, brand: { said: "s3" } };
    const hidden = { recipient_email: "•••", gift: { message: "•••" }, brand: { said: "•••" } };
    const coupon = { of: "s3" };
    people.event("ann", track("Order Completed", { order_id: "1", coupon, products: [{ ...product, ...sent }] }));
    people.event("ann", track("Product Added", { ...product, ...sent }));
    api.audience.user = async (id) => people.cluster.of(id).user(id);
    const [reads, sees] = [await api.header("read"), await api.header("read", true)];
    const [order] = (await get("/v1/users/ann/orders", reads)).items;
    expect(order).toMatchObject({ id: "1", total: 8, quantity: 2, coupon: { of: "•••" } });
    expect(order!.products).toEqual([{ ...product, ...hidden }]);
    expect(await get("/v1/users/ann/cart", reads)).toMatchObject({ value: 8, products: [{ ...product, ...hidden }] });
    expect((await get("/v1/users/ann", reads)).cart).toMatchObject({ products: [{ ...product, ...hidden }] });
    expect((await get("/v1/users/ann/orders", sees)).items).toMatchObject([{ products: [{ ...product, ...sent }] }]);
    expect(await get("/v1/users/ann/cart", sees)).toMatchObject({ products: [{ ...product, ...sent }] });
  });
});

describe("search", () => {
  test("whose id it is comes first; the others follow, each once, page by page", async () => {
    api.audience.user = async (id) => people.cluster.of(id).user(id);
    api.audience.account = async () => undefined;
    for (let n = 0; n < 40; n += 1) people.event(`u${n}`, track("Seen"));
    people.event("zoe", { type: "identify", traits: { name: "Zoe U. Smith", plan: "u1" } });
    const all = await pages("/v1/search?q=u1");
    expect(all[0]!.items[0]).toMatchObject({ kind: "user", id: "u1", field: "id" });
    expect(all.flatMap(({ items }) => items.map(({ id }) => id)).sort()).toEqual(
      ["u1", ...Array.from({ length: 10 }, (_, n) => `u1${n}`), "zoe"].sort(),
    );
    expect(all.every(({ partial }) => partial === false)).toBe(true);
    expect((await get("/v1/search?q=SMI")).items).toMatchObject([{ id: "zoe", field: "name", value: "Zoe U. Smith" }]);
    expect((await get("/v1/search?q=u1&field=plan")).items).toMatchObject([{ id: "zoe", field: "plan" }]);
    expect((await get("/v1/search?q=u1&kind=account")).items).toEqual([]);
  });

  test("an owner that does not answer costs its share, and the page says so", async () => {
    api.audience.user = async () => undefined;
    for (let n = 0; n < 20; n += 1) people.event(`u${n}`, track("Seen"));
    const whole = await get("/v1/search?q=u&limit=100");
    people.away.add(1);
    const part = await get("/v1/search?q=u&limit=100");
    expect([whole.items.length, whole.partial]).toEqual([20, false]);
    expect(part.items.length).toBeGreaterThan(0);
    expect(part.items.length).toBeLessThan(20);
    expect(part.partial).toBe(true);
  });

  test("an owner that goes while it is asked whose id it is: nobody may be found, and the page says so", async () => {
    people.event("u1", track("Seen"));
    api.audience.user = async () => {
      throw Object.assign(new Error("partition 1: no worker owns it just now"), { name: "QuestionFailed" });
    };
    expect(await get("/v1/search?q=u1&kind=user")).toMatchObject({ items: [], partial: true });
    api.audience.user = async (id) => people.cluster.of(id).user(id);
    expect(await get("/v1/search?q=u1&kind=user")).toMatchObject({ items: [{ id: "u1" }], partial: false });
  });

  test("where a page ends is told by no cursor, and one of another text is refused", async () => {
    api.audience.user = async () => undefined;
    for (let n = 0; n < 40; n += 1) people.event(`u${n}`, track("Seen"));
    const { next } = await get("/v1/search?q=u&limit=1");
    expect(Buffer.from(next!, "base64url").toString("latin1")).not.toMatch(/\[0,\[/);
    expect(await status(`/v1/search?q=u&limit=1&cursor=${next}`)).toBe(200);
    expect(await status(`/v1/search?q=v&limit=1&cursor=${next}`)).toBe(400);
  });

  test("who sees no personal data finds nobody by it", async () => {
    api.audience.user = async (id) => people.cluster.of(id).user(id);
    api.audience.account = async () => undefined;
    people.event("u1", { type: "identify", traits: { email: "ann@shop.example", name: "Ann" } });
    people.event("ann@shop.example", track("Seen"));
    const headers = await api.header("read");
    expect((await get("/v1/search?q=ann", headers)).items).toEqual([]);
    expect((await get("/v1/search?q=u", headers)).items).toMatchObject([{ id: "u1", value: "u1", name: "•••" }]);
    expect((await get("/v1/search?q=ann%40shop.example", headers)).items).toMatchObject([{ id: "a•••@•••" }]);
  });

  test("who sees no personal data is answered the same whether somebody has it or nobody, down to where it goes on", async () => {
    api.audience.user = async (id) => people.cluster.of(id).user(id);
    api.audience.account = async () => undefined;
    for (let n = 0; n < 40; n += 1) people.event(`u${n}`, { type: "identify", traits: { name: `Ann ${n}` } });
    for (const id of ["ann@shop.example", "anna@shop.example", "+4989123456"]) people.event(id, track("Seen"));
    const headers = await api.header("read");
    const asked = (q: string) => get(`/v1/search?limit=1&q=${encodeURIComponent(q)}`, headers);
    const nobody = await asked("bob@");
    expect(nobody).toMatchObject({ items: [], next: null });
    expect(nobody.looked).toBeGreaterThan(40);
    for (const q of ["ann", "ann@shop.exampl", "+49"]) expect(await asked(q), q).toEqual(nobody);
  });
});

describe("the catalogue", () => {
  test("events, properties, traits and values, the most frequent first, by how they begin", async () => {
    for (const [product, times] of [
      ["p1", 3],
      ["p2", 1],
    ] as const) {
      for (let n = 0; n < times; n += 1)
        people.event("ann", track("Product Viewed", { product_id: product, price: n }));
    }
    people.event("ann", track("Cart Viewed"));
    people.event("ann", { type: "identify", traits: { plan: "pro", tags: ["a"] } });
    people.event("ann", { type: "group", groupId: "acme", traits: { seats: 5 } });
    const { items, coverage } = await get("/v1/catalog/events");
    expect(items).toMatchObject([
      { name: "Product Viewed", count: 4, error: 0 },
      { name: "Cart Viewed", count: 1 },
    ]);
    const messages = people.logs.flat().length;
    expect(coverage).toEqual({ read: messages, messages, approximate: false });
    expect((await get("/v1/catalog/events?prefix=cart")).items).toMatchObject([{ name: "Cart Viewed" }]);
    expect((await get("/v1/catalog/properties?event=Product%20Viewed")).items).toMatchObject([
      { name: "price", types: ["number"], count: 4 },
      { name: "product_id", types: ["text"], count: 4 },
    ]);
    expect((await get("/v1/catalog/traits")).items.map(({ name }) => name)).toEqual(["plan", "tags"]);
    expect((await get("/v1/catalog/traits?kind=account")).items).toMatchObject([{ name: "seats", types: ["number"] }]);
    const values = "/v1/catalog/values?event=Product%20Viewed&property=product_id";
    expect((await get(values)).items).toMatchObject([
      { value: "p1", count: 3 },
      { value: "p2", count: 1 },
    ]);
    expect((await get(`${values}&prefix=P2`)).items).toMatchObject([{ value: "p2" }]);
    expect((await get("/v1/catalog/values?trait=plan")).items).toMatchObject([{ value: "pro" }]);
    expect((await get(values, await api.header("read"))).items).toMatchObject([
      { value: "•••", count: 3 },
      { value: "•••" },
    ]);
  });

  test("what nobody has sent, and a question that says too much or too little", async () => {
    expect(await status("/v1/catalog/properties?event=Nothing")).toBe(404);
    expect(await status("/v1/catalog/values?trait=nothing")).toBe(404);
    for (const query of [
      "",
      "?event=A",
      "?property=a",
      "?event=A&property=a&trait=b",
      "?event=A&property=a&kind=user",
    ]) {
      expect(await status(`/v1/catalog/values${query}`), query).toBe(400);
    }
  });
});
