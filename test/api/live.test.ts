// The live stream over an audience out of thin air: snapshots, what differs, coming back, limits, ends.
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { erasedOf, isMeant } from "../../lib/core/erasure.ts";
import type { MemberKind } from "../../lib/core/types.ts";
import type { TappedEvent } from "../../lib/ports/event-tap.ts";
import { isCalled, isDelta, isSnapshot, openSse, type SseStream } from "../support/sse.ts";
import { until } from "../support/until.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { CART, deltaOf, TRIALS } from "./fake-audience.ts";

let api: ApiInMemory;
let url: string;
const opened: SseStream[] = [];

beforeEach(async () => {
  await serve();
});
afterEach(async () => {
  for (const stream of opened.splice(0)) stream.close();
  await api.close();
});

async function serve(streamsPerKeyMax = 50, proxies: readonly string[] = []): Promise<void> {
  api = await apiInMemory({ streamsPerKeyMax, proxies });
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
}

async function open(topics: string, headers: Record<string, string> = {}): Promise<SseStream> {
  const stream = await openSse(`${url}/v1/live?topics=${encodeURIComponent(topics)}`, headers);
  opened.push(stream);
  return stream;
}

function say(...ids: string[]): void {
  for (const id of ids) for (const listener of api.audience.listeners) listener(deltaOf(id));
}

function erase(kind: MemberKind, id: string): void {
  const erased = erasedOf(kind, id, "key");
  for (const listener of api.audience.erasureListeners)
    listener((other, one) => other === kind && isMeant(erased, one));
}

const idsOf = (data: unknown): string[] => (data as { items: { id: string }[] }).items.map(({ id }) => id);

describe("what each topic tells", () => {
  test("sizes: all of them first, then only those that differ", async () => {
    api.audience.segments = [CART, TRIALS];
    const stream = await open("sizes");
    expect((await stream.next(isSnapshot("sizes"))).data).toMatchObject({
      universe: 5_000,
      segments: [{ id: CART.id, size: 1_234 }, { id: TRIALS.id }],
    });
    expect((await stream.next(isCalled("start"))).data).toEqual({ resumed: false });
    api.audience.segments = [{ ...CART, size: 1_235 }];
    expect((await stream.next(isDelta("sizes"))).data).toMatchObject({
      universe: 5_000,
      segments: [{ id: CART.id, size: 1_235 }],
      removed: [TRIALS.id],
    });
  });

  test("sizes: nobody answers, and then somebody does again", async () => {
    api.audience.failure = new Error("nobody");
    const stream = await open("sizes");
    expect((await stream.next(isSnapshot("sizes"))).data).toEqual({ unavailable: true });
    api.audience.failure = undefined;
    expect((await stream.next(isSnapshot("sizes"))).data).toMatchObject({ universe: 5_000 });
    api.audience.failure = new Error("nobody");
    expect((await stream.next(isSnapshot("sizes"))).data).toEqual({ unavailable: true });
  });

  test("sizes: what a stream begins with may be larger than what may lie unread", async () => {
    const long = "x".repeat(1_000);
    api.audience.segments = Array.from({ length: 2_000 }, (_, n) => ({ ...CART, id: `cart-${n}`, name: long }));
    const stream = await open("sizes");
    const { segments } = (await stream.next(isSnapshot("sizes"))).data as { segments: unknown[] };
    expect(segments).toHaveLength(2_000);
    expect((await stream.next(isCalled("start"))).data).toEqual({ resumed: false });
    api.audience.segments = api.audience.segments.slice(1);
    expect((await stream.next(isDelta("sizes"))).data).toMatchObject({ segments: [], removed: ["cart-0"] });
  });

  test("changes and a segment: the last ones, then those that happen, each topic its own", async () => {
    api.audience.said = [deltaOf("before")];
    const stream = await open(`changes,segment:${CART.id},segment:other`);
    const { data } = await stream.next(isSnapshot("changes"));
    expect(data).toMatchObject({ recent: [{ id: "before", at: "2026-11-23T10:00:00.000Z" }] });
    expect((await stream.next(isSnapshot(`segment:${CART.id}`))).data).toMatchObject({ segment: { id: CART.id } });
    expect((await stream.next(isSnapshot("segment:other"))).data).toEqual({ segment: null, recent: [] });
    say("u1");
    for (const listener of api.audience.listeners) listener({ ...deltaOf("u2"), segment: "other" });
    const told = [await stream.next((event) => event.event === "delta")];
    while (told.length < 3) told.push(await stream.next((event) => event.event === "delta"));
    expect(Object.fromEntries(told.map(({ topic, data: said }) => [topic, idsOf(said)]))).toEqual({
      changes: ["u1", "u2"],
      [`segment:${CART.id}`]: ["u1"],
      "segment:other": ["u2"],
    });
  });

  test("a person and an account: the profile, then the fields that differ", async () => {
    const stream = await open(`user:${encodeURIComponent("u1/ä")},account:acme,user:nobody`);
    const topic = `user:${encodeURIComponent("u1/ä")}`;
    expect((await stream.next(isSnapshot("account:acme"))).data).toMatchObject({ profile: { id: "acme", users: 2 } });
    expect((await stream.next(isSnapshot("user:nobody"))).data).toEqual({ profile: null });
    expect((await stream.next(isSnapshot(topic))).data).toMatchObject({ profile: { id: "u1/ä", orders: 0 } });
    const user = await api.audience.user("u1");
    api.audience.user = async () => ({ ...user!, id: "u1/ä", orders: 3 }) as never;
    expect((await stream.next(isDelta(topic))).data).toEqual({
      changed: { orders: 3, identities: { user: ["u1"] } },
      removed: [],
    });
  });

  test("events: what comes in, and of what is no event that it came", async () => {
    const stream = await open("events");
    expect((await stream.next(isSnapshot("events"))).data).toEqual({ recent: [] });
    hearEvent('{"type":"track","event":"Product Added","userId":"u1","properties":{"price":4}}');
    hearEvent("no JSON");
    const { items } = (await stream.next(isDelta("events"))).data as { items: object[] };
    expect(items).toMatchObject([
      { id: "u1", type: "track", event: "Product Added", message: { properties: { price: 4 } }, partition: 3 },
      { id: null, message: null, bytes: 7 },
    ]);
  });

  test("whoever begins to listen is told of nobody who was erased; those who listen are told to the last", async () => {
    api.audience.said = [deltaOf("ann"), deltaOf("before")];
    const stream = await open("changes,events");
    await stream.next(isCalled("start"));
    hearEvent('{"type":"track","event":"Seen","anonymousId":"ann"}');
    hearEvent('{"type":"group","userId":"bob","groupId":"acme"}');
    await stream.next(isDelta("events"));
    say("ann", "bob");
    erase("user", "ann");
    expect(idsOf((await stream.next(isDelta("changes"))).data)).toEqual(["ann", "bob"]);
    const recentOf = async (topic: string) => {
      const { data } = await (await open(topic)).next(isSnapshot(topic));
      return (data as { recent: { id: string }[] }).recent.map(({ id }) => id);
    };
    expect(await recentOf("changes")).toEqual(["bob", "before"]);
    expect(await recentOf("events")).toEqual(["bob"]);
    erase("account", "acme");
    expect([await recentOf("changes"), await recentOf("events")]).toEqual([["bob", "before"], []]);
  });

  test("an erasure forgets ids sent as numbers, and an id that nobody can have is no matter to it", async () => {
    const stream = await open("events");
    await stream.next(isCalled("start"));
    for (const id of ['"\\ud800"', "12345", '"bob"']) hearEvent(`{"type":"track","event":"Seen","userId":${id}}`);
    await stream.next(isDelta("events"));
    erase("user", "12345");
    const { data } = await (await open("events")).next(isSnapshot("events"));
    expect(
      (data as { recent: { message: { userId: unknown } }[] }).recent.map(({ message }) => message.userId),
    ).toEqual(["bob", "\ud800"]);
  });

  test("a burst is sampled and says how much it left out", async () => {
    const stream = await open("changes");
    await stream.next(isCalled("start"));
    say(...Array.from({ length: 500 }, (_, n) => `u${n}`));
    const { items, skipped } = (await stream.next(isDelta("changes"))).data as { items: unknown[]; skipped: number };
    expect(items.length + skipped).toBe(500);
    expect(items.length).toBeLessThan(50);
  });

  test("without topics it is sizes and changes; one that is not there is refused with those there are", async () => {
    const stream = await openSse(`${url}/v1/live`);
    opened.push(stream);
    await stream.next(isSnapshot("changes"));
    await stream.next(isSnapshot("sizes"));
    for (const wrong of [
      "nonsense",
      "segment:",
      "user:%ff",
      "sizes,,",
      Array.from({ length: 21 }, (_, n) => `user:${n}`).join(),
    ]) {
      const refused = await open(wrong);
      expect(refused.status, wrong).toBe(400);
      expect(await refused.body(), wrong).toMatchObject({ error: { code: "bad-topics" } });
    }
  });
});

function hearEvent(text: string): void {
  const event: TappedEvent = { partition: 3, kind: "event", at: Date.UTC(2026, 10, 23), body: Buffer.from(text) };
  for (const listener of api.tap.listeners) listener(event);
}

describe("coming back", () => {
  test("with the last id, exactly what was missed is told, under the ids that it had", async () => {
    const [first, other] = [await open("changes"), await open("changes")];
    for (const stream of [first, other]) await stream.next(isCalled("start"));
    say("u1");
    await first.next(isDelta("changes"));
    first.close();
    say("u2");
    await other.next(isDelta("changes"));
    const missed = await other.next(isDelta("changes"));
    const again = await open("changes", { "last-event-id": first.lastId });
    const told = await again.next(() => true);
    expect([told.event, idsOf(told.data), told.id]).toEqual(["delta", ["u2"], missed.id]);
    expect((await again.next(isCalled("start"))).data).toEqual({ resumed: true });
  });

  test("alone, too: a topic stays for a while when nobody listens", async () => {
    await api.close();
    await serve(1);
    const first = await open("changes");
    await first.next(isCalled("start"));
    first.close();
    let other: SseStream | undefined;
    await until("the first one is gone, so that there is room", async () => {
      other = await open("sizes");
      return other.status === 200;
    });
    say("u1");
    other!.close();
    let again: SseStream;
    await until("there is room again", async () => {
      again = await open("changes", { "last-event-id": first.lastId });
      return again.status === 200;
    });
    // Told before it came back, or after: what it missed is not told twice, and not left out.
    const told = [await again!.next(() => true), await again!.next(() => true)];
    expect(told.find(({ event }) => event === "start")!.data).toEqual({ resumed: true });
    expect(told.filter(({ event }) => event === "delta").map(({ data }) => idsOf(data))).toEqual([["u1"]]);
  });

  test("with other topics, other rights, or an id of another process: snapshots, and that it is so", async () => {
    const first = await open("changes");
    await first.next(isCalled("start"));
    const resumed = { data: { resumed: true } };
    const anew = { data: { resumed: false, reason: expect.stringContaining("not known here") } };
    const cases: readonly (readonly [string, string, object])[] = [
      ["changes", first.lastId, resumed],
      ["changes,sizes", first.lastId, anew],
      ["changes", `x${first.lastId}`, anew],
      ["changes", `${first.lastId}9`, anew],
      ["changes", "nonsense", anew],
    ];
    for (const [topics, id, expected] of cases) {
      const again = await open(topics, { "last-event-id": id });
      expect(await again.next(isCalled("start")), `${topics} ${id}`).toMatchObject(expected);
    }
  });

  test("too late: more was told meanwhile than is kept", async () => {
    const first = await open("events");
    await first.next(isCalled("start"));
    const last = first.lastId;
    const long = JSON.stringify({ type: "track", event: "x".repeat(3_900), userId: "u1" });
    let told = 0;
    // Each message of twenty long events is some 80 KB, and half a megabyte is kept.
    while (told < 8) {
      for (let n = 0; n < 100; n += 1) hearEvent(long);
      await first.next(isDelta("events"));
      told += 1;
    }
    const again = await open("events", { "last-event-id": last });
    expect((await again.next(isCalled("start"))).data).toMatchObject({ resumed: false });
  });
});

describe("who may listen, how many, for how long", () => {
  test("without the right to personal data, ids that speak and what is known of people are masked", async () => {
    const headers = await api.header("read");
    const personal = await api.header("read", true);
    const [masked, full] = [
      await open("changes,events,user:u1", headers),
      await open("changes,events,user:u1", personal),
    ];
    expect((await masked.next(isSnapshot("user:u1"))).data).toMatchObject({
      profile: { id: "u1", identities: { user: ["•••"] } },
    });
    await masked.next(isCalled("start"));
    await full.next(isCalled("start"));
    say("ann@shop.example");
    hearEvent('{"type":"identify","userId":"ann@shop.example","traits":{"name":"Ann"}}');
    for (const [stream, seen] of [
      [full, true],
      [masked, false],
    ] as const) {
      const told = [
        await stream.next((one) => one.event === "delta"),
        await stream.next((one) => one.event === "delta"),
      ];
      expect(JSON.stringify(told).includes("ann@shop.example")).toBe(seen);
      expect(JSON.stringify(told).includes("Ann")).toBe(seen);
    }
  });

  test("so many streams a key, and room again when one closes", async () => {
    await api.close();
    await serve(2);
    const [one] = [await open("changes"), await open("changes")];
    const refused = await open("changes");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "10"]);
    expect(await refused.body()).toMatchObject({ error: { code: "too-many-streams" } });
    one.close();
    await until("there is room again", async () => (await open("changes")).status === 200);
  });

  test("without keys, so many streams an address, and an IPv6 net is one", async () => {
    await api.close();
    await serve(1, ["127.0.0.1"]);
    const from = async (address: string) => (await open("changes", { "x-forwarded-for": address })).status;
    expect([await from("2001:db8::1"), await from("2001:db8::2"), await from("2001:db8:0:1::1")]).toEqual([
      200, 429, 200,
    ]);
  });

  test("streams that are asked for behind another on one connection take nobody's room", async () => {
    await api.close();
    await serve(2);
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("GET /v1/live?topics=changes HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2));
    await until("the first one begins", async () => String(socket.read()).includes("event: start"));
    socket.destroy();
    await until("there is room for both", async () => {
      const both = [await open("changes"), await open("changes")];
      if (both.every(({ status }) => status === 200)) return true;
      for (const stream of both) stream.close();
      return false;
    });
  });

  test("the headers of the doors stand on the answer", async () => {
    await api.close();
    api = await apiInMemory({ origins: ["https://shop.example"] });
    url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    const stream = await open("changes", { origin: "https://shop.example" });
    expect(stream.headers.get("access-control-allow-origin")).toBe("https://shop.example");
    expect(stream.headers.get("x-content-type-options")).toBe("nosniff");
    expect(stream.headers.get("x-accel-buffering")).toBe("no");
    expect(stream.headers.get("cache-control")).toBe("no-store");
  });

  test("closing the server ends the streams, with when to come back", async () => {
    const stream = await open("changes");
    await stream.next(isCalled("start"));
    const closing = api.app.close();
    const end = await stream.next(isCalled("end"));
    expect(end.data).toMatchObject({ reason: "closing" });
    expect(end.retryMs).toBeGreaterThanOrEqual(1_000);
    await expect(stream.next(isCalled("never"))).rejects.toThrow("ended");
    await closing;
  });

  test("who does not read is cut, and the others are not held up", async () => {
    const reading = await open("events");
    await reading.next(isCalled("start"));
    const silent = await silentReader();
    await until("both listen", async () => (await openStreams()) === 2);
    let isCut = false;
    silent.once("close", () => {
      isCut = true;
    });
    const long = "x".repeat(1_000);
    let turn = 0;
    await until("the silent one is cut", async () => {
      turn += 1;
      // Megabytes that differ every second: what lies between the two is full after a few of them.
      api.audience.segments = Array.from({ length: 5_000 }, (_, n) => ({
        ...CART,
        id: `${n}`,
        name: `${turn} ${long}`,
      }));
      hearEvent('{"type":"track","event":"Seen","userId":"u1"}');
      await reading.next(isDelta("events"));
      return isCut || (await openStreams()) === 1;
    });
    silent.destroy();
  });
});

/** Connected, asking, and never reading an answer. */
async function silentReader(): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.pause();
  socket.on("error", () => undefined);
  socket.write("GET /v1/live?topics=events,sizes HTTP/1.1\r\nHost: localhost\r\n\r\n");
  return socket;
}

function openStreams(): Promise<number> {
  return new Promise((resolve, reject) => {
    api.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
