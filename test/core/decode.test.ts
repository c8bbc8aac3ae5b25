// Bytes from anybody: what is read, what is refused and why, and that nothing ever throws.
// The engine's tests start from decoded events; here the bytes are the subject.
import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { decodeAccountMessage, decodeEvent } from "../../lib/core/decode.ts";
import type { AccountEvent, UserEvent } from "../../lib/core/events.ts";
import { DEFAULT_LIMITS, type RejectReason } from "../../lib/core/types.ts";
import { seeds } from "../support/seed.ts";

fc.configureGlobal({ seed: seeds(1)[0]! });

const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });
const bytes = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => bytes(JSON.stringify(value));
const pack = (value: unknown) => new Uint8Array(packr.pack(value));
const decode = (body: Uint8Array) => decodeEvent(body, DEFAULT_LIMITS);

const TRACK = { type: "track", event: "Product Added", userId: "u1" };
const READ: UserEvent = {
  type: "track",
  name: "Product Added",
  userId: "u1",
  anonymousId: undefined,
  isAnonymous: false,
  timestamp: undefined,
  channel: undefined,
  messageId: undefined,
  properties: {},
  context: {},
  traits: {},
};

function eventOf(body: Uint8Array): UserEvent {
  const decoded = decode(body);
  if (!decoded.ok) throw new Error(`${decoded.reason}: ${decoded.detail}`);
  return decoded.value;
}

function reasonOf(body: Uint8Array): RejectReason | "accepted" {
  const decoded = decode(body);
  return decoded.ok ? "accepted" : decoded.reason;
}

function nested(depth: number): unknown {
  let value: unknown = {};
  for (let level = 1; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function isPlainJson(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isPlainJson);
  return (
    typeof value === "object" &&
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.values(value).every(isPlainJson)
  );
}

describe("what is read", () => {
  test("a whole track", () => {
    const body = {
      ...TRACK,
      timestamp: "2026-11-23T10:00:00.120Z",
      channel: "web",
      messageId: "m1",
      properties: { price: 19.99, tags: ["a", null], deep: { ok: true } },
      context: { timezone: "Europe/Berlin" },
      unknown: [1],
    };
    const expected = {
      ...READ,
      timestamp: Date.UTC(2026, 10, 23, 10, 0, 0, 120),
      channel: "web",
      messageId: "m1",
      properties: body.properties,
      context: body.context,
    };
    expect(eventOf(json(body))).toEqual(expected);
    expect(eventOf(pack(body))).toEqual(expected);
  });

  test.each([
    ["page", { type: "page", userId: "u1", event: 5 }, { type: "page", name: "Page Viewed" }],
    ["screen", { type: "screen", userId: "u1" }, { type: "screen", name: "Screen Viewed" }],
    [
      "identify",
      { type: "identify", userId: "u1", traits: { a: null } },
      { type: "identify", name: "", traits: { a: null } },
    ],
    [
      "group",
      { type: "group", userId: "u1", groupId: "acme", traits: { seats: 5 }, event: 5 },
      { type: "group", name: "", groupId: "acme", traits: { seats: 5 } },
    ],
    [
      "group without traits",
      { type: "group", userId: "u1", groupId: "a b" },
      { type: "group", name: "", groupId: "a b" },
    ],
    ["group by number", { type: "group", userId: "u1", groupId: 42 }, { type: "group", name: "", groupId: "42" }],
    ["group of none", { type: "group", userId: "u1", groupId: null }, { type: "group", name: "", groupId: null }],
    ["a groupId beside a track is not read", { ...TRACK, groupId: ["a"] }, {}],
    ["traits of a track are not its own", { ...TRACK, traits: { a: 1 } }, {}],
    [
      "an anonymous member",
      { ...TRACK, userId: null, anonymousId: "a1" },
      { userId: "a1", anonymousId: "a1", isAnonymous: true },
    ],
    ["a user known by a device, too", { ...TRACK, anonymousId: 7 }, { anonymousId: "7" }],
    ["a user with an empty anonymousId", { ...TRACK, anonymousId: "" }, {}],
    ["a number as id", { ...TRACK, userId: 42 }, { userId: "42" }],
    ["a number as event name", { ...TRACK, event: 42 }, { name: "42" }],
    ["an id with dots, spaces and *", { ...TRACK, userId: "a.b c*>" }, { userId: "a.b c*>" }],
    ["an id of 256 bytes", { ...TRACK, userId: "é".repeat(128) }, { userId: "é".repeat(128) }],
    ["an id outside the basic plane", { ...TRACK, userId: "😀" }, { userId: "😀" }],
    ["nulls where nothing is", { ...TRACK, properties: null, context: null, channel: null, timestamp: null }, {}],
  ])("%s", (_, body, expected) => {
    expect(eventOf(json(body))).toEqual({ ...READ, ...expected });
    expect(eventOf(pack(body))).toEqual({ ...READ, ...expected });
  });

  test("white space around the object", () => {
    expect(eventOf(bytes(` \r\n\t${JSON.stringify(TRACK)}\n`))).toEqual(READ);
  });

  test.each([
    ["2026-11-23T10:00:00.120Z", Date.UTC(2026, 10, 23, 10, 0, 0, 120)],
    ["2024-02-29T23:59:59.999Z", Date.UTC(2024, 1, 29, 23, 59, 59, 999)],
    ["2026-11-23T10:00:00Z", Date.UTC(2026, 10, 23, 10)],
    ["2026-11-23T10:00:00.123456789Z", Date.UTC(2026, 10, 23, 10, 0, 0, 123)],
    ["2026-11-23T10:00:00.5Z", Date.UTC(2026, 10, 23, 10, 0, 0, 500)],
    ["2026-11-23T10:00:00+05:30", Date.UTC(2026, 10, 23, 4, 30)],
    ["2026-11-23T10:00:00-0800", Date.UTC(2026, 10, 23, 18)],
    ["2026-11-23T10:00:00", Date.UTC(2026, 10, 23, 10)],
    ["2026-11-23 10:00:00", Date.UTC(2026, 10, 23, 10)],
    ["2026-11-23T10:00Z", Date.UTC(2026, 10, 23, 10)],
    ["2026-11-23", Date.UTC(2026, 10, 23)],
    ["1970-01-01T00:00:00.000Z", 0],
    ["9999-12-31T23:59:59.999Z", Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
    [1_700_000_000_000, 1_700_000_000_000],
    [0, 0],
  ])("the time %s", (timestamp, expected) => {
    expect(eventOf(json({ ...TRACK, timestamp })).timestamp).toBe(expected);
  });

  test("depth 32, both encodings", () => {
    const body = { ...TRACK, properties: { a: nested(30) } };
    expect(eventOf(json(body)).properties).toEqual({ a: nested(30) });
    expect(eventOf(pack(body)).properties).toEqual({ a: nested(30) });
  });

  test("exactly 32 KB", () => {
    const empty = json({ ...TRACK, properties: { p: "" } }).length;
    const body = { ...TRACK, properties: { p: "x".repeat(32 * 1024 - empty) } };
    expect(json(body).length).toBe(32 * 1024);
    expect(reasonOf(json(body))).toBe("accepted");
    expect(reasonOf(json({ ...TRACK, properties: { p: `${body.properties.p}x` } }))).toBe("too-large");
  });

  test.each([
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 32,
    2 ** 53 - 1,
    -1,
    -32,
    -33,
    -128,
    -129,
    -32_769,
    -(2 ** 31) - 1,
    1.5,
    -0.1,
  ])("MessagePack reads the number %d", (n) => {
    expect(eventOf(pack({ ...TRACK, properties: { n } })).properties).toEqual({ n });
  });

  test.each([0, 31, 32, 255, 256, 5_000])("MessagePack reads texts, lists and maps of length %d", (length) => {
    const properties = {
      text: "é".repeat(length),
      list: Array.from({ length }, (_, index) => index % 100),
      map: Object.fromEntries(Array.from({ length: Math.min(length, 1_000) }, (_, index) => [`k${index}`, index])),
    };
    const body = pack({ ...TRACK, properties });
    expect(decodeEvent(body, { ...DEFAULT_LIMITS, eventBytesMax: 1_000_000 })).toMatchObject({ value: { properties } });
  });
});

describe("what is refused", () => {
  test.each<[string, Uint8Array, RejectReason, RegExp]>([
    ["nothing", bytes(""), "not-json", /empty/],
    ["words", bytes("hello"), "not-json", /starts with \{/],
    ["a cut-off object", bytes('{"type":"track"'), "not-json", /not JSON/],
    ["invalid UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), "not-json", /UTF-8/],
    ["a byte order mark", bytes('\ufeff{"type":"track"}'), "not-json", /starts with \{/],
    ["two objects", bytes("{}{}"), "not-json", /position 2/],
    ["a JSON list", bytes("[]"), "not-an-object", /a list/],
    ["a JSON text", bytes('"track"'), "not-an-object", /text/],
    ["a JSON number", bytes("12"), "not-an-object", /a number/],
    ["no type", json({ userId: "u1" }), "no-type", /track, identify, page, screen, group/],
    ["a type that is no text", json({ ...TRACK, type: 5 }), "no-type", /a number/],
    ["alias", json({ ...TRACK, type: "alias" }), "unsupported-type", /"alias".*group/],
    ["a group without groupId", json({ type: "group", userId: "u1" }), "no-group-id", /missing/],
    ["a group with an empty groupId", json({ type: "group", userId: "u1", groupId: "" }), "no-group-id", /empty/],
    ["a group of nobody", json({ type: "group", groupId: "acme" }), "no-user-id", /anonymousId/],
    [
      "a groupId of 257 bytes",
      json({ type: "group", userId: "u", groupId: `${"é".repeat(128)}x` }),
      "bad-id",
      /groupId/,
    ],
    ["half a character", bytes('{"type":"group","userId":"u","groupId":"\\ud800"}'), "bad-id", /groupId.*surrogate/],
    ["a groupId that is a list", json({ type: "group", userId: "u", groupId: ["a"] }), "bad-id", /groupId is a list/],
    [
      "a groupId that lost digits",
      bytes('{"type":"group","userId":"u","groupId":9007199254740993}'),
      "bad-id",
      /groupId/,
    ],
    [
      "traits of a group as a list",
      json({ type: "group", userId: "u", groupId: "a", traits: [] }),
      "bad-field",
      /traits/,
    ],
    ["a track without event", json({ type: "track", userId: "u1" }), "no-event-name", /missing/],
    ["a track with an empty event", json({ ...TRACK, event: "" }), "no-event-name", /empty/],
    ["a track with an object as event", json({ ...TRACK, event: {} }), "no-event-name", /an object/],
    ["no id", json({ type: "page" }), "no-user-id", /anonymousId/],
    ["an empty id", json({ ...TRACK, userId: "", anonymousId: "a" }), "bad-id", /userId is empty/],
    ["a bad anonymousId beside a userId", json({ ...TRACK, anonymousId: ["a"] }), "bad-id", /anonymousId is a list/],
    ["an id of 257 bytes", json({ ...TRACK, userId: `${"é".repeat(128)}x` }), "bad-id", /256 bytes/],
    ["an id with half a character", bytes('{"type":"page","userId":"a\\ud800"}'), "bad-id", /surrogate/],
    ["an id that is an object", json({ ...TRACK, userId: { id: 1 } }), "bad-id", /an object/],
    ["an id that is true", json({ ...TRACK, userId: true }), "bad-id", /a boolean/],
    ["a number id that lost digits", bytes('{"type":"page","userId":9007199254740993}'), "bad-id", /lost digits/],
    ["a time that is none", json({ ...TRACK, timestamp: "yesterday" }), "bad-timestamp", /"yesterday"/],
    ["30 February", json({ ...TRACK, timestamp: "2026-02-30T00:00:00.000Z" }), "bad-timestamp", /2026-02-30/],
    ["hour 24", json({ ...TRACK, timestamp: "2026-02-03T24:00:00.000Z" }), "bad-timestamp", /24:00/],
    ["before 1970", json({ ...TRACK, timestamp: "1969-12-31T23:59:59.999Z" }), "bad-timestamp", /before 1970/],
    [
      "before 1970 by its zone",
      json({ ...TRACK, timestamp: "1970-01-01T00:00:00+01:00" }),
      "bad-timestamp",
      /before 1970/,
    ],
    ["a negative number of ms", json({ ...TRACK, timestamp: -1 }), "bad-timestamp", /before 1970/],
    ["after the year 9999", json({ ...TRACK, timestamp: 253_402_300_800_000 }), "bad-timestamp", /after the year 9999/],
    ["a fraction of a ms", json({ ...TRACK, timestamp: 1.5 }), "bad-timestamp", /a number/],
    ["an empty time", json({ ...TRACK, timestamp: "" }), "bad-timestamp", /""/],
    ["a time that is an object", json({ ...TRACK, timestamp: {} }), "bad-timestamp", /an object/],
    ["32 KB + 1", new Uint8Array(32 * 1024 + 1), "too-large", /32769 bytes; the limit is 32768/],
    ["depth 33", json({ ...TRACK, properties: { a: nested(31) } }), "too-deep", /deeper than 32/],
    ["MessagePack of depth 33", pack({ ...TRACK, properties: { a: nested(31) } }), "too-deep", /deeper than 32/],
    ["16,000 brackets", bytes(`{"a":${"[".repeat(16_000)}${"]".repeat(16_000)}}`), "too-deep", /deeper than 32/],
    ["MessagePack of 32,000 lists", new Uint8Array(32_000).fill(0x91).with(0, 0x81).with(1, 0xa0), "too-deep", /32/],
    ["__proto__", bytes('{"type":"page","userId":"u","__proto__":{}}'), "forbidden-key", /__proto__/],
    ["__proto__ deep and escaped", bytes('{"a":[{"\\u005f_proto__":1}]}'), "forbidden-key", /__proto__/],
    ["constructor", json({ ...TRACK, properties: { constructor: 1 } }), "forbidden-key", /constructor/],
    ["prototype", json({ ...TRACK, context: { prototype: 1 } }), "forbidden-key", /prototype/],
    ["NaN in JSON", bytes('{"type":"page","userId":"u","a":NaN}'), "not-json", /not JSON/],
    ["1e999", bytes('{"type":"page","userId":"u","properties":{"a":1e999}}'), "not-finite", /1e999/],
    ["-1e999 in a list", bytes('{"type":"page","userId":"u","properties":{"a":[1,-1e999]}}'), "not-finite", /infinite/],
    ["NaN in MessagePack", pack({ ...TRACK, properties: { a: Number.NaN } }), "not-finite", /NaN/],
    [
      "Infinity in MessagePack",
      pack({ ...TRACK, properties: { a: Number.POSITIVE_INFINITY } }),
      "not-finite",
      /infinite/,
    ],
    ["properties as a list", json({ ...TRACK, properties: [] }), "bad-field", /properties is a list; it is an object/],
    ["context as text", json({ ...TRACK, context: "x" }), "bad-field", /context is text/],
    ["traits as a number", json({ type: "identify", userId: "u", traits: 5 }), "bad-field", /traits is a number/],
    ["channel as a number", json({ ...TRACK, channel: 5 }), "bad-field", /channel is a number/],
    ["messageId as an object", json({ ...TRACK, messageId: {} }), "bad-field", /messageId is an object/],
    ["binary data", pack({ ...TRACK, properties: { a: new Uint8Array([1]) } }), "bad-field", /binary data/],
    ["a MessagePack date", pack({ ...TRACK, timestamp: new Date(0) }), "bad-field", /an extension type/],
    ["a large integer", pack({ ...TRACK, properties: { a: 2n ** 60n } }), "bad-field", /send it as text/],
    ["a key that is a number", pack(new Map<unknown, unknown>([[1, 2]])), "bad-field", /no text/],
    ["a key that is a map", new Uint8Array([0x81, 0x80, 0x01]), "bad-field", /no text/],
    [
      "a MessagePack __proto__",
      new Uint8Array([0x81, 0xa9, ...bytes("__proto__"), 0x80]),
      "forbidden-key",
      /__proto__/,
    ],
    ["a cut-off map", new Uint8Array([0x82, 0xa1, 0x61, 0x01]), "not-json", /ends in the middle/],
    ["a map of four billion", new Uint8Array([0xdf, 0xff, 0xff, 0xff, 0xff]), "not-json", /ends in the middle/],
    ["bytes after the map", new Uint8Array([0x80, 0x80]), "not-json", /1 bytes follow/],
    ["bad UTF-8 in MessagePack", new Uint8Array([0x81, 0xa1, 0xff, 0x01]), "not-json", /UTF-8/],
    ["the byte that is never used", new Uint8Array([0x81, 0xa1, 0x61, 0xc1]), "bad-field", /never starts/],
  ])("%s", (_, body, reason, detail) => {
    expect(decode(body)).toEqual({ ok: false, reason, detail: expect.stringMatching(detail) });
  });

  test("the detail never holds the body's words", () => {
    const decoded = decode(bytes('{"password": "hunter2" oops}'));
    expect(decoded).toMatchObject({ ok: false, reason: "not-json" });
    expect(JSON.stringify(decoded)).not.toContain("hunter2");
  });

  test("a refused body leaves nothing behind for the next", () => {
    expect(reasonOf(new Uint8Array([0x7b, 0xe2, 0x82]))).toBe("not-json");
    expect(eventOf(json(TRACK))).toEqual(READ);
  });
});

describe("about an account, by no user", () => {
  const read = (body: unknown) => decodeAccountMessage(json(body), DEFAULT_LIMITS);
  const GROUP = { type: "group", groupId: "acme", traits: { plan: "pro", seats: null } };
  const ABOUT: AccountEvent = {
    type: "group",
    accountId: "acme",
    name: "",
    timestamp: undefined,
    channel: undefined,
    messageId: undefined,
    properties: {},
    context: {},
    traits: GROUP.traits,
  };

  test("its traits, and an event of its own", () => {
    expect(read(GROUP)).toEqual({ ok: true, value: ABOUT });
    expect(decodeAccountMessage(pack(GROUP), DEFAULT_LIMITS)).toEqual({ ok: true, value: ABOUT });
    const track = {
      type: "track",
      event: "Invoice Paid",
      groupId: 7,
      timestamp: "2026-11-23T10:00:00.000Z",
      channel: "server",
      messageId: "m1",
      properties: { total: 5 },
      context: { a: 1 },
      traits: { read: "never" },
      userId: null,
      anonymousId: "",
    };
    const value: AccountEvent = {
      type: "track",
      accountId: "7",
      name: "Invoice Paid",
      timestamp: Date.UTC(2026, 10, 23, 10),
      channel: "server",
      messageId: "m1",
      properties: { total: 5 },
      context: { a: 1 },
      traits: {},
    };
    expect(read(track)).toEqual({ ok: true, value });
  });

  test.each<[string, unknown, RejectReason, RegExp]>([
    ["a userId beside it", { ...GROUP, userId: "u1" }, "bad-field", /userId.*events\.<user>/],
    ["an empty userId beside it", { ...GROUP, userId: "" }, "bad-field", /userId/],
    ["an anonymousId beside it", { ...GROUP, anonymousId: "a1" }, "bad-field", /anonymousId.*events\.<user>/],
    ["no account", { type: "group" }, "no-group-id", /missing/],
    ["the account null", { ...GROUP, groupId: null }, "no-group-id", /null/],
    ["the account empty", { ...GROUP, groupId: "" }, "no-group-id", /empty/],
    ["an id that is an object", { ...GROUP, groupId: {} }, "bad-id", /groupId is an object/],
    ["an id too long", { ...GROUP, groupId: "x".repeat(257) }, "bad-id", /256 bytes/],
    ["half a character", { ...GROUP, groupId: "\ud800" }, "bad-id", /surrogate/],
    ["no type", { groupId: "acme" }, "no-type", /group or track/],
    ["a type that is none", { ...GROUP, type: 5 }, "no-type", /a number/],
    ["identify", { ...GROUP, type: "identify" }, "unsupported-type", /"identify".*group or track/],
    ["page", { ...GROUP, type: "page" }, "unsupported-type", /"page"/],
    ["a track without a name", { ...GROUP, type: "track" }, "no-event-name", /missing/],
    ["traits as a list", { ...GROUP, traits: [] }, "bad-field", /traits is a list/],
    ["a time that is none", { ...GROUP, timestamp: "soon" }, "bad-timestamp", /"soon"/],
    ["a forbidden key", { ...GROUP, properties: { constructor: 1 } }, "forbidden-key", /constructor/],
    ["too much", { ...GROUP, traits: { a: "x".repeat(32 * 1024) } }, "too-large", /eventBytesMax/],
  ])("refused: %s", (_, body, reason, detail) => {
    expect(read(body)).toEqual({ ok: false, reason, detail: expect.stringMatching(detail) });
  });

  test("anything at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.jsonValue(), fc.jsonValue(), (body, groupId, traits) => {
        for (const one of [body, json({ ...GROUP, groupId, traits }), json({ ...GROUP, type: groupId })]) {
          const decoded = decodeAccountMessage(one, DEFAULT_LIMITS);
          if (decoded.ok) expect(decoded.value.accountId).not.toBe("");
          else expect(decoded.detail.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("anything at all", () => {
  const answers = (body: Uint8Array) => {
    const decoded = decode(body);
    if (!decoded.ok) {
      expect(decoded.reason).toMatch(/^[a-z-]+$/);
      expect(decoded.detail.length).toBeGreaterThan(0);
      expect(decoded.detail.length).toBeLessThan(300);
      return;
    }
    const event = decoded.value;
    expect(["track", "identify", "page", "screen", "group"]).toContain(event.type);
    expect("groupId" in event).toBe(event.type === "group");
    expect(event.groupId).not.toBe("");
    expect(event.userId).not.toBe("");
    expect([event.properties, event.context, event.traits].every(isPlainJson)).toBe(true);
  };

  const field = fc.oneof({ weight: 3, arbitrary: fc.jsonValue() }, fc.constantFrom("u1", "track", "page", "", 5, null));
  const eventLike = fc.record(
    {
      type: fc.oneof(fc.constantFrom("track", "identify", "page", "screen", "group"), field),
      event: fc.oneof(fc.constant("E"), field),
      userId: fc.oneof(fc.string({ unit: "binary" }), field),
      groupId: fc.oneof(fc.string({ unit: "binary" }), field),
      timestamp: fc.oneof(fc.date().map(String), fc.integer(), field),
      properties: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), field),
      context: field,
      traits: field,
    },
    { requiredKeys: [] },
  );

  test("random bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), answers), { numRuns: 3_000 });
  });

  test("random bytes behind each lead of a map", () => {
    const body = fc
      .tuple(fc.constantFrom(0x81, 0x83, 0x8f, 0xde, 0xdf), fc.uint8Array({ maxLength: 100 }))
      .map(([lead, rest]) => new Uint8Array([lead, ...rest]));
    fc.assert(fc.property(body, answers), { numRuns: 3_000 });
  });

  test("random JSON, both encodings agree", () => {
    fc.assert(
      fc.property(eventLike, (value) => {
        const text = JSON.stringify(value);
        answers(bytes(text));
        const plain: unknown = JSON.parse(text.replaceAll("-0", "0"));
        const fromJson = decode(json(plain));
        const packed = decode(pack(plain));
        if (fromJson.ok) expect(packed).toEqual(fromJson);
        else expect(packed).toMatchObject({ ok: false, reason: fromJson.reason });
      }),
      { numRuns: 3_000 },
    );
  });

  test("mutated JSON and MessagePack", () => {
    const mutation = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() });
    fc.assert(
      fc.property(
        eventLike,
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (value, mutations, packed) => {
          let body = packed ? pack(JSON.parse(JSON.stringify(value))) : json(value);
          for (const { at, byte, cut } of mutations) {
            if (body.length === 0) break;
            body = cut ? body.slice(0, at % body.length) : body.with(at % body.length, byte);
          }
          answers(body);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
