// What the door writes into a message: place, network, device, channel and time, and who may say them instead.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEvent } from "../../lib/core/decode.ts";
import { DEFAULT_LIMITS, type JsonObject } from "../../lib/core/types.ts";
import { enrich, type Heard, openTables } from "../../lib/enrich/enrich.ts";
import { seeds } from "../support/seed.ts";

fc.configureGlobal({ seed: seeds(1)[0]! });

const tables = openTables();
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const RECEIVED = Date.UTC(2026, 10, 23, 10, 0, 0);

const heard = (given: Partial<Heard> = {}): Heard => ({ tables, ...given });
const track = (more: JsonObject = {}): JsonObject => ({ type: "track", userId: "u1", event: "Seen", ...more });
const contextOf = (message: JsonObject, given: Partial<Heard> = {}): JsonObject | undefined =>
  enrich(message, heard(given)).context as JsonObject | undefined;

describe("place and device", () => {
  test("come from what stands beside the message", () => {
    expect(enrich(track(), heard({ ip: "8.8.8.8", userAgent: IPHONE }))).toEqual(
      track({
        context: { place: { country: "US" }, device: { browser: "Safari", os: "iOS", type: "mobile", bot: false } },
      }),
    );
  });

  test("else from the message's own context, whose address is then left out", () => {
    const context = { ip: "8.8.8.8", userAgent: IPHONE, locale: "de-CH", app: { name: "Shop", version: "3.2" } };
    expect(contextOf(track({ context }))).toEqual({
      userAgent: IPHONE,
      locale: "de-CH",
      app: { name: "Shop", version: "3.2" },
      place: { country: "US" },
      device: {
        browser: "Safari",
        os: "iOS",
        type: "mobile",
        app: "Shop",
        version: "3.2",
        language: "de-CH",
        bot: false,
      },
    });
  });

  test("the sender's address goes before what an untrusted message says", () => {
    expect(contextOf(track({ context: { ip: "8.8.8.8" } }), { ip: "200.160.2.3" })).toEqual({
      place: { country: "BR" },
    });
  });

  test("a server sends for others: its own address and user agent are not the person's", () => {
    const beside = { ip: "8.8.8.8", userAgent: "analytics-node/3.0" };
    expect(contextOf(track({ channel: "server" }), beside)).toBeUndefined();
    const context = { ip: "200.160.2.3", userAgent: IPHONE };
    expect(contextOf(track({ channel: "server", context }), beside)).toMatchObject({
      place: { country: "BR" },
      device: { type: "mobile" },
    });
  });

  test("the address is kept where someone wants it: the one that was looked up", () => {
    const message = track({ context: { ip: "200.160.2.3" } });
    expect(contextOf(message, { ip: "8.8.8.8", keepIp: true })).toEqual({ place: { country: "US" }, ip: "8.8.8.8" });
    expect(contextOf(message, { keepIp: true })).toEqual({ place: { country: "BR" }, ip: "200.160.2.3" });
  });

  test("an address is left out even where nothing is known of it", () => {
    expect(contextOf(track({ context: { ip: "10.0.0.1" } }))).toEqual({});
    expect(contextOf(track({ context: { ip: 7 } }))).toEqual({});
  });

  test("a message is given back as new; the one that came stays as it was", () => {
    const message = track({ context: { ip: "8.8.8.8" } });
    const before = structuredClone(message);
    enrich(message, heard());
    expect(message).toEqual(before);
  });
});

describe("who may say it", () => {
  const said = { place: { country: "FR", city: "Lyon" }, network: { company: "Acme" }, device: { type: "tv" } };

  test("a trusted source's own word is kept, whole; what it leaves open is resolved", () => {
    const message = track({ channel: "server", context: { ...said, ip: "8.8.8.8", userAgent: IPHONE } });
    expect(contextOf(message)).toEqual({ ...said, userAgent: IPHONE });
    const { place: _, ...rest } = said;
    expect(contextOf(track({ channel: "server", context: { ...rest, ip: "8.8.8.8" } }))).toEqual({
      ...rest,
      place: { country: "US" },
    });
  });

  test("an untrusted source's word goes, whether or not anything takes its place", () => {
    const message = track({ channel: "web", context: said });
    expect(contextOf(message, { ip: "8.8.8.8" })).toEqual({ place: { country: "US" } });
    expect(contextOf(message)).toEqual({});
    expect(contextOf(track({ context: said }))).toEqual({});
  });

  test("the vocabulary names who is trusted; a door that knows who speaks is believed before the message", () => {
    const message = track({ channel: "web", context: said });
    expect(contextOf(message, { trustedSources: ["web"] })).toEqual(said);
    expect(contextOf(message, { source: "import" })).toEqual(said);
    expect(contextOf(track({ channel: "server", context: said }), { source: "web" })).toEqual({});
    expect(contextOf(track({ channel: "server", context: said }), { trustedSources: [] })).toEqual({});
  });

  test("what is no object was not said", () => {
    const context = { place: ["FR"], network: "Acme", device: null, ip: "8.8.8.8" };
    expect(contextOf(track({ channel: "server", context }))).toEqual({ place: { country: "US" } });
  });
});

describe("channel", () => {
  test.each([
    ["analytics.js", "web"],
    ["analytics-ios", "mobile"],
    ["analytics-android", "mobile"],
    ["analytics-kotlin", "mobile"],
    ["analytics-swift", "mobile"],
    ["@segment/analytics-react-native", "mobile"],
    ["analytics_flutter", "mobile"],
    ["analytics-node", "server"],
    ["@segment/analytics-node", "server"],
    ["analytics-python", "server"],
    ["analytics-ruby", "server"],
    ["analytics-go", "server"],
    ["analytics-java", "server"],
    ["analytics-php", "server"],
    ["Analytics.NET", "server"],
    ["analytics-dotnet", "server"],
    ["analytics-constructor", undefined],
    ["something else", undefined],
  ])("of the library %s is %s", (name, channel) => {
    expect(enrich(track({ context: { library: { name } } }), heard()).channel).toBe(channel);
  });

  test("what the message says goes first", () => {
    const context = { library: { name: "analytics-node" } };
    expect(enrich(track({ channel: "web", context }), heard()).channel).toBe("web");
  });

  test("a library in an app runs on something mobile, and is no bot whatever its HTTP client is called", () => {
    const context = { library: { name: "analytics-kotlin" }, os: { name: "Android", version: "14" } };
    expect(contextOf(track({ context }), { userAgent: "okhttp/4.12.0" })).toMatchObject({
      device: { os: "Android", type: "mobile", bot: false },
    });
  });
});

describe("time", () => {
  const timeOf = (message: JsonObject, receivedAt: number | undefined = RECEIVED): unknown =>
    enrich(track(message), heard({ receivedAt })).timestamp;

  test("a clock that is two years slow: as long before the receipt as it was before the sending", () => {
    const [originalTimestamp, sentAt] = ["2024-01-01T00:00:00.000Z", "2024-01-01T00:00:07.500Z"];
    const [corrected, receivedAt] = ["2026-11-23T09:59:52.500Z", "2026-11-23T10:00:00.000Z"];
    const wanted = track({ originalTimestamp, sentAt, timestamp: corrected, receivedAt });
    const context = { receivedAt: RECEIVED };
    expect(enrich(track({ originalTimestamp, sentAt }), heard(context))).toEqual(wanted);
    // A library that writes `timestamp` alone: it is the original.
    expect(enrich(track({ timestamp: originalTimestamp, sentAt }), heard(context))).toEqual(wanted);
    // What has been corrected once comes out the same.
    expect(enrich(wanted, heard(context))).toEqual(wanted);
  });

  test("milliseconds and offsets are times, too", () => {
    expect(timeOf({ originalTimestamp: 1_000, sentAt: 3_000 })).toBe("2026-11-23T09:59:58.000Z");
    expect(timeOf({ originalTimestamp: "2024-01-01T02:00:00+02:00", sentAt: "2024-01-01T00:00:01Z" })).toBe(
      "2026-11-23T09:59:59.000Z",
    );
  });

  test.each([
    ["no sentAt", { timestamp: "2024-01-01T00:00:00Z" }],
    ["a sentAt that is no date", { timestamp: "2024-01-01T00:00:00Z", sentAt: "soon" }],
    ["a time that is no date", { timestamp: "earlier", sentAt: "2024-01-01T00:00:00Z" }],
    ["an original that is no date", { timestamp: "2024-01-01T00:00:00Z", originalTimestamp: {}, sentAt: 5 }],
    ["a time before 1970 when corrected", { timestamp: -9e15, sentAt: 0 }],
    ["a time after 9999 when corrected", { timestamp: 9e15, sentAt: 0 }],
    ["no time", { sentAt: "2024-01-01T00:00:00Z" }],
  ])("%s: left alone", (_, message) => {
    expect(enrich(track(message), heard({ receivedAt: RECEIVED }))).toEqual(track(message));
  });

  test("without a receipt nothing is corrected", () => {
    const message = track({ timestamp: "2024-01-01T00:00:00Z", sentAt: "2024-01-01T00:00:01Z" });
    expect(enrich(message, heard())).toEqual(message);
  });
});

describe("anything", () => {
  const FIELDS: Readonly<Record<string, readonly string[]>> = {
    place: ["country", "region", "city", "postal", "metro", "point"],
    network: ["isp", "company", "industry"],
    device: ["browser", "os", "type", "app", "version", "language", "bot"],
  };
  // Keys and values that mean something, so that what is made reaches every line.
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(
      "8.8.8.8",
      "10.0.0.1",
      "::1",
      IPHONE,
      "Googlebot/2.1",
      "analytics.js",
      "2024-01-01T00:00:00Z",
      "web",
    ),
  );
  const context = fc.oneof(
    value,
    fc.dictionary(
      fc.constantFrom("ip", "userAgent", "place", "network", "device", "app", "os", "library", "locale", "__proto__"),
      fc.oneof(value, fc.dictionary(fc.constantFrom("name", "version", "country", "type"), value)),
    ),
  );
  const message = fc
    .tuple(
      fc.dictionary(
        fc.constantFrom("channel", "timestamp", "sentAt", "originalTimestamp", "receivedAt", "properties", "userId"),
        value,
      ),
      fc.option(context, { nil: undefined }),
    )
    .map(([fields, said]) => (said === undefined ? fields : { ...fields, context: said }));
  const beside = fc.record({
    receivedAt: fc.option(fc.double(), { nil: undefined }),
    ip: fc.option(fc.string(), { nil: undefined }),
    userAgent: fc.option(fc.string(), { nil: undefined }),
  });

  test("JSON in, JSON out; of an untrusted source only the fields that rules know, and no address", () => {
    fc.assert(
      fc.property(fc.oneof(message, fc.jsonValue()), beside, (given, of) => {
        const plain = JSON.parse(JSON.stringify(given)) as JsonObject;
        const enriched = enrich(plain, heard({ ...of, source: "web" }));
        expect(JSON.parse(JSON.stringify(enriched))).toEqual(enriched);
        const written = (enriched as JsonObject | null)?.context as JsonObject | undefined;
        if (typeof written !== "object" || written === null || Array.isArray(written)) return;
        expect(Object.hasOwn(written, "ip")).toBe(false);
        for (const [field, known] of Object.entries(FIELDS)) {
          if (!Object.hasOwn(written, field)) continue;
          expect(known).toEqual(expect.arrayContaining(Object.keys(written[field] as JsonObject)));
          expect(Object.keys(written[field] as JsonObject)).not.toEqual([]);
        }
      }),
    );
  });

  test("what the engine takes, it takes enriched", () => {
    const read = (message: JsonObject) => decodeEvent(Buffer.from(JSON.stringify(message)), DEFAULT_LIMITS);
    fc.assert(
      fc.property(message, beside, (given, of) => {
        const plain = JSON.parse(JSON.stringify(track(given as JsonObject))) as JsonObject;
        if (!read(plain).ok) return;
        expect(read(enrich(plain, heard(of)))).toMatchObject({ ok: true });
      }),
    );
  });
});
