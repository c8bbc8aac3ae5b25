// Mapping files: what a row becomes, and what is said when the mapping or a cell is wrong.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { dateReader } from "../../lib/import/dates.ts";
import { type Mapped, parseMapping } from "../../lib/import/mapping.ts";

function map(yaml: string, header: string | undefined, cells: readonly string[] | Record<string, never>): Mapped {
  return parseMapping(yaml, "my.map.yaml").reader(header?.split(","))(cells, 7);
}

describe("the REES46 example", async () => {
  const mapping = parseMapping(await readFile("examples/rees46.map.yaml", "utf8"), "rees46.map.yaml");
  const header = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session".split(
    ",",
  );
  const read = mapping.reader(header);
  const row = (type: string) =>
    `2019-10-01 00:00:07 UTC,${type},3900821,2053013552326770905,,aqua,33.20,554748717,9333dfbd`.split(",");

  test("a view becomes Product Viewed, ids stay text, the price is a number, an empty cell is missing", () => {
    expect(read(row("view"), 3)).toEqual({
      ok: true,
      kind: "event",
      id: "554748717",
      time: Date.UTC(2019, 9, 1, 0, 0, 7),
      event: {
        type: "track",
        event: "Product Viewed",
        userId: "554748717",
        timestamp: "2019-10-01T00:00:07.000Z",
        channel: "web",
        messageId: "9333dfbd-3",
        properties: {
          product_id: "3900821",
          category_id: "2053013552326770905",
          brand: "aqua",
          price: 33.2,
          currency: "USD",
          session: "9333dfbd",
        },
      },
    });
  });

  test("a purchase becomes an order with its line", () => {
    const mapped = read(row("purchase"), 3);
    expect(mapped.ok && mapped.event.event).toBe("Order Completed");
    expect(mapped.ok && mapped.event.properties).toMatchObject({
      order_id: "9333dfbd-3",
      total: 33.2,
      products: [{ product_id: "3900821", price: 33.2, brand: "aqua" }],
    });
  });

  test("an event it does not know is a bad row that names those it knows", () => {
    expect(read(row("vieww"), 3)).toEqual({
      ok: false,
      reason: 'event_type is "vieww"; the mapping knows view, cart, remove_from_cart, purchase',
    });
  });
});

describe("cells", () => {
  const typed = (type: string) => `user: u\nevent: E\nproperties: { x: { column: x, type: ${type} } }`;
  test.each([
    ["number", "5", 5],
    ["number", "-1.5e3", -1500],
    ["text", "5", "5"],
    ["boolean", "Yes", true],
    ["boolean", "0", false],
    ["date", "2026-02-01", "2026-02-01T00:00:00.000Z"],
  ])("%s %s", (type, cell, value) => {
    expect(map(typed(type), "u,x", ["u1", cell])).toMatchObject({ ok: true, event: { properties: { x: value } } });
  });

  test.each([
    ["number", "1,5"],
    ["number", "NaN"],
    ["number", "0x10"],
    ["number", "Infinity"],
    ["boolean", "maybe"],
    ["date", "2026-02-30"],
  ])("%s refuses %s", (type, cell) => {
    expect(map(typed(type), "u,x", ["u1", cell])).toEqual({
      ok: false,
      reason: `x is "${cell}", which is not a ${type}`,
    });
  });

  test("no user id is a reason; an anonymous id will do", () => {
    const yaml = "user: u\nanonymous: a\nevent: E";
    expect(map(yaml, "u,a", ["", ""])).toEqual({ ok: false, reason: "no user id" });
    expect(map(yaml, "u,a", ["", "d1"])).toMatchObject({ ok: true, id: "d1", event: { anonymousId: "d1" } });
  });

  test("identify carries traits, and NDJSON columns are paths", () => {
    const yaml =
      "user: person.id\ntype: identify\ntraits: { plan: person.plan, seats: { column: seats, type: number } }";
    const cells = { person: { id: 42, plan: "trial" }, seats: 3 } as never;
    expect(map(yaml, undefined, cells)).toEqual({
      ok: true,
      kind: "event",
      id: "42",
      time: undefined,
      event: { type: "identify", userId: "42", traits: { plan: "trial", seats: 3 } },
    });
  });
});

describe("a mistake in the mapping names its place", () => {
  test.each([
    ["usr: a\nevent: E", 'my.map.yaml:1:1: "usr" is not known here; known are files'],
    ["event: E", "my.map.yaml:1:1: says nothing of who it was"],
    [
      "user: u\nevent: E\nproperties:\n  p: { column: x, type: numbr }",
      'my.map.yaml:4:25: type is "numbr"; it is one of text, number',
    ],
    ["user: u\nevent: E\ntime: { column: t, format: hh:mm }", 'my.map.yaml:3:7: format "hh:mm" is not known'],
    ["user: u\nproperties: {}", "my.map.yaml:1:1: a track needs the event's name"],
    ["user: u\nevent: [E", "my.map.yaml:"],
  ])("%j", (yaml, message) => {
    expect(() => parseMapping(yaml, "my.map.yaml")).toThrow(message);
  });

  test("a column that the file lacks is named with those it has", () => {
    const mapping = parseMapping("user: uid\nevent: E", "my.map.yaml");
    expect(() => mapping.reader(["user_id", "x"])).toThrow('the file has no column "uid"; it has user_id, x');
  });
});

test.each([
  ["iso", "2026-11-23T10:00:00+01:00", Date.UTC(2026, 10, 23, 9)],
  ["iso", "2026-11-23 10:00:00", Date.UTC(2026, 10, 23, 10)],
  ["iso", "23.11.2026", undefined],
  ["unix", "1574380800.5", 1_574_380_800_500],
  ["unix-ms", "1574380800500", 1_574_380_800_500],
  ["DD.MM.YYYY HH:mm", "23.11.2026 10:05", Date.UTC(2026, 10, 23, 10, 5)],
  ["DD.MM.YYYY HH:mm", "31.02.2026 10:05", undefined],
  ["DD.MM.YYYY HH:mm", "23.11.2026 25:05", undefined],
])("format %s reads %s", (format, text, at) => {
  expect(dateReader(format)(text)).toBe(at);
});

test("an address and a user agent go into the context, beside what else is put there", () => {
  const yaml = "user: u\nevent: Seen\nip: from\nuserAgent: { column: agent }\ncontext: { object: { locale: lang } }\n";
  const contextOf = (...cells: string[]) => {
    const mapped = map(yaml, "u,from,agent,lang", cells);
    return mapped.ok && mapped.event.context;
  };
  expect(contextOf("u1", "8.8.8.8", "curl/8", "de")).toEqual({ locale: "de", ip: "8.8.8.8", userAgent: "curl/8" });
  expect(contextOf("u1", "8.8.8.8", "", "")).toEqual({ ip: "8.8.8.8" });
  const bare = map("user: u\nevent: Seen\nip: from\n", "u,from", ["u1", ""]);
  expect(bare.ok && bare.event).toEqual({ type: "track", event: "Seen", userId: "u1" });
});

describe("accounts", () => {
  test("with a user, a group id says where somebody belongs from then on", () => {
    const yaml = "user: u\ngroupId: { column: org, type: number }\ntraits: { plan: plan }\n";
    expect(map(yaml, "u,org,plan", ["u1", "42", "team"])).toEqual({
      ok: true,
      kind: "event",
      id: "u1",
      time: undefined,
      event: { type: "group", groupId: "42", traits: { plan: "team" }, userId: "u1" },
    });
    expect(map(yaml, "u,org,plan", ["u1", "", "team"])).toEqual({ ok: false, reason: "no account id" });
    const leaves = map("user: u\ngroupId: { value: null }\n", "u", ["u1"]);
    expect(leaves.ok && leaves.event).toEqual({ type: "group", groupId: null, userId: "u1" });
  });

  test("group rows among others: a table of names says which rows are", () => {
    const yaml = [
      "user: u",
      "groupId: org",
      "event: { column: what, names: { seen: Seen, hired: { type: group, traits: { plan: plan } } } }",
    ].join("\n");
    const seen = map(yaml, "u,what,org,plan", ["u1", "seen", "acme", "team"]);
    expect(seen.ok && seen.event).toEqual({ type: "track", event: "Seen", userId: "u1" });
    const hired = map(yaml, "u,what,org,plan", ["u1", "hired", "acme", "team"]);
    expect(hired.ok && hired.event).toEqual({
      type: "group",
      groupId: "acme",
      traits: { plan: "team" },
      userId: "u1",
    });
  });

  test("without a user the rows are the accounts' own: traits, or an event", () => {
    const yaml = "groupId: org\ntime: at\ntraits: { seats: { column: seats, type: number } }\n";
    expect(parseMapping(yaml, "my.map.yaml").about).toBe("accounts");
    expect(map(yaml, "org,at,seats", ["acme", "2026-11-23T10:00:00Z", "8"])).toEqual({
      ok: true,
      kind: "account",
      id: "acme",
      time: Date.UTC(2026, 10, 23, 10),
      event: { type: "group", groupId: "acme", timestamp: "2026-11-23T10:00:00.000Z", traits: { seats: 8 } },
    });
    const paid = map("groupId: org\nevent: Invoice Paid\n", "org", ["acme"]);
    expect(paid.ok && [paid.kind, paid.event]).toEqual([
      "account",
      { type: "track", event: "Invoice Paid", groupId: "acme" },
    ]);
  });

  test.each([
    ["event: Seen", "1:1: says nothing of who it was; add `user:`"],
    ["groupId: org\ntype: page", "about an account a row is a group or a track, not page"],
    ["user: u\ntype: group", "a group needs the account's id; add `groupId:` with its column"],
  ])("what is wrong with %j is said", (yaml, said) => {
    expect(() => parseMapping(yaml, "my.map.yaml").reader(["u", "org"])).toThrow(said);
  });
});
