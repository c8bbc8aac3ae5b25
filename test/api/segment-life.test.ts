// The life of a segment over HTTP, on a control log in memory: versions and what differs, drafts, on and off, what waits, who
// did it; and what a definition would do, on a log in memory that the real machine plays.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { definitionsAfterAll } from "../../lib/api/segments/apply.ts";
import { definitionDiff } from "../../lib/api/segments/definition-diff.ts";
import type { Json } from "../../lib/core/types.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";

let api: ApiInMemory;
let control: ApiInMemory["control"];

beforeEach(async () => {
  api = await apiInMemory();
  ({ control } = api);
});
afterEach(() => api.close());

async function ask(method: "GET" | "PUT" | "POST" | "DELETE", url: string, payload?: unknown, headers = {}) {
  const answer = await api.app.inject({
    method,
    url,
    headers: { host: "localhost:8080", ...headers },
    ...(payload === undefined ? {} : { payload: payload as object }),
  });
  const isJson = String(answer.headers["content-type"]).startsWith("application/json");
  return { status: answer.statusCode, body: isJson ? answer.json() : answer.body, headers: answer.headers };
}

const cart = (id: string, gt = 0, more: Record<string, Json> = {}) => ({
  id,
  rule: { cart: { value: { gt } } },
  ...more,
});
const over = (id: string, of: string) => ({ id, rule: { segment: { in: [of] } } });
const pinged = (id: string) => ({ id, rule: { event: { name: "Ping" } } });

describe("versions", () => {
  beforeEach(async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    await ask("PUT", "/v1/segments/rich", cart("rich", 400));
  });

  test("are told newest first, page by page, and one by itself", async () => {
    const first = (await ask("GET", "/v1/segments/rich/versions?limit=1")).body;
    expect(first.items).toMatchObject([{ version: 2, state: "live", inForceUntil: null }]);
    const second = (await ask("GET", `/v1/segments/rich/versions?cursor=${first.next}`)).body;
    expect([second.items, second.next]).toMatchObject([[{ version: 1, state: "past" }], null]);
    const one = (await ask("GET", "/v1/segments/rich/versions/1")).body;
    expect(one).toMatchObject({ definition: cart("rich", 500), sentence: expect.stringContaining("500") });
    expect((await ask("GET", "/v1/segments/rich/versions/9")).body.error.message).toContain("there are 1, 2");
  });

  test("differ as a tree and as a sentence; so does what nobody has applied", async () => {
    const { body } = await ask("GET", "/v1/segments/rich/diff?from=1&to=2");
    expect(body).toMatchObject({ segment: "rich", from: 1, to: 2, same: false });
    const changed = leaves(body.tree).filter(({ change }) => change !== "same");
    expect(changed).toEqual([{ path: "rule.cart.value.gt", key: "gt", change: "changed", before: 500, after: 400 }]);
    const { before, after, parts } = body.sentence;
    const text = (without: string) =>
      parts.flatMap((part: { change: string; text: string }) => (part.change === without ? [] : [part.text])).join("");
    expect([text("added"), text("removed")]).toEqual([before, after]);
    const sent = await ask("POST", "/v1/segments/rich/diff", { definition: cart("rich", 400) });
    expect(sent.body).toMatchObject({ from: 2, to: null, same: true });
    expect((await ask("POST", "/v1/segments/rich/diff", { definition: { rule: {} } })).status).toBe(422);
  });

  test("come back as new ones, unless somebody was faster", async () => {
    const back = await ask("POST", "/v1/segments/rich/rollback", { version: 1 }, { "if-match": '"2"' });
    expect([back.status, back.headers.etag]).toEqual([200, '"3"']);
    expect(api.catalogue.entry("rich")).toMatchObject({ version: 3, definition: cart("rich", 500) });
    expect((await ask("POST", "/v1/segments/rich/rollback", { version: 2 }, { "if-match": '"2"' })).status).toBe(412);
    expect((await ask("POST", "/v1/segments/rich/rollback", { version: 7 })).body.error.code).toBe("unknown-version");
  });

  test("and who made them, when, page by page, of this segment alone", async () => {
    await ask("POST", "/v1/segments/apply", { segments: [cart("rich", 300), cart("poor")] });
    await ask("PUT", "/v1/segments/poor", cart("poor", 1));
    const first = (await ask("GET", "/v1/segments/rich/history?limit=2")).body;
    expect(first.items).toMatchObject([
      { what: "segments.apply", who: "open", versions: [3] },
      { what: "segments.replace", versions: [2] },
    ]);
    const second = (await ask("GET", `/v1/segments/rich/history?limit=2&cursor=${first.next}`)).body;
    expect([second.items, second.next]).toMatchObject([[{ what: "segments.create", versions: [1] }], null]);
  });
});

interface Leaf {
  readonly path: string;
  readonly change: string;
  readonly nodes?: readonly Leaf[];
}

function leaves(node: Leaf): Leaf[] {
  return node.nodes === undefined ? [node] : node.nodes.flatMap(leaves);
}

describe("the tree of what differs", () => {
  const changed = (before: Json, after: Json) =>
    leaves(definitionDiff(before, after)).flatMap(({ path, change }) =>
      change === "same" ? [] : [`${change} ${path}`],
    );

  test.each<[string, Json, Json, string[]]>([
    ["one put in front", { all: [1, 2] }, { all: [0, 1, 2] }, ["added all[0]"]],
    ["one taken out", { all: [1, 2, 3] }, { all: [1, 3] }, ["removed all[1]"]],
    ["one changed inside", { all: [{ a: 1, b: 2 }, 7] }, { all: [{ a: 1, b: 3 }, 7] }, ["changed all[0].b"]],
    [
      "one changed and one added",
      { all: [{ a: 1 }] },
      { all: [{ a: 2 }, { c: 1 }] },
      ["changed all[0].a", "added all[1]"],
    ],
    ["another kind of thing", { a: [1] }, { a: { b: 1 } }, ["changed a"]],
    ["a field more, a field less", { a: 1 }, { b: 1 }, ["added b", "removed a"]],
    ["another order of fields", { a: 1, b: 2 }, { b: 2, a: 1 }, []],
  ])("%s", (_, before, after, expected) => {
    expect(changed(before, after)).toEqual(expected);
  });
});

describe("a draft", () => {
  test("is kept half done, told with what is wrong, published when it is right, or thrown away", async () => {
    const half = await ask("PUT", "/v1/segments/idea/draft", { name: "An idea" });
    expect([half.status, half.body.sentence, half.body.problems[0].path]).toEqual([200, null, "rule"]);
    expect((await ask("POST", "/v1/segments/idea/publish")).status).toBe(422);
    await ask("PUT", "/v1/segments/idea/draft", cart("idea", 5));
    expect((await ask("GET", "/v1/segments/idea/draft")).body).toMatchObject({
      problems: [],
      definition: cart("idea", 5),
    });
    const published = await ask("POST", "/v1/segments/idea/publish");
    expect([published.status, published.body.created, published.headers.etag]).toEqual([200, ["idea"], '"1"']);
    expect((await ask("GET", "/v1/segments/idea/draft")).status).toBe(404);
    await ask("PUT", "/v1/segments/idea/draft", cart("idea", 6));
    expect((await ask("DELETE", "/v1/segments/idea/draft")).status).toBe(200);
    expect((await ask("DELETE", "/v1/segments/idea/draft")).body.error.code).toBe("unknown-draft");
    expect(api.catalogue.entry("idea")).toMatchObject({ version: 1, hasDraft: false });
  });

  test("of what is in force already is done with once it is published", async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    await ask("PUT", "/v1/segments/rich/draft", cart("rich", 500));
    expect((await ask("POST", "/v1/segments/rich/publish")).body).toMatchObject({ revisions: [], unchanged: ["rich"] });
    expect(api.catalogue.entry("rich")).toMatchObject({ version: 1, hasDraft: false });
  });
});

describe("off and on", () => {
  test("is refused while others that are on use it, who are named", async () => {
    await ask("POST", "/v1/segments/apply", { segments: [cart("rich"), over("happy", "rich")] });
    const refused = await ask("POST", "/v1/segments/rich/disable");
    expect([refused.status, refused.body.error.problems]).toMatchObject([409, [{ path: "happy" }]]);
    expect((await ask("POST", "/v1/segments/happy/disable")).status).toBe(200);
    expect((await ask("POST", "/v1/segments/rich/disable", undefined, { "if-match": '"1"' })).headers.etag).toBe('"2"');
    expect(api.catalogue.entry("rich")).toMatchObject({ state: "disabled" });
    expect((await ask("POST", "/v1/segments/rich/enable")).body.changed).toEqual(["rich"]);
    expect((await ask("POST", "/v1/segments/rich/enable")).body).toMatchObject({ revisions: [], unchanged: ["rich"] });
    await ask("PUT", "/v1/segments/idea/draft", cart("idea"));
    expect((await ask("POST", "/v1/segments/idea/enable")).body.error.code).toBe("not-in-force");
  });
});

describe("what waits for its history", () => {
  beforeEach(async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    // What is written after one that waits, waits too.
    await ask("POST", "/v1/segments", pinged("pinged"));
    const second = await ask("PUT", "/v1/segments/rich", cart("rich", 400));
    expect([second.status, second.headers.etag]).toEqual([202, '"2"']);
  });

  test("is not overwritten by whoever has seen only what is in force", async () => {
    api.audience.segments = [{ ...api.catalogue.entry("rich")!, size: 0 }];
    const seen = await ask("GET", "/v1/segments/rich");
    expect([seen.body.definition, seen.headers.etag]).toEqual([cart("rich", 500), '"1"']);
    const edit = await ask("PUT", "/v1/segments/rich", cart("rich", 501), { "if-match": String(seen.headers.etag) });
    expect([edit.status, edit.body.error.message]).toEqual([412, expect.stringContaining("not in force yet")]);
    const next = await ask("PUT", "/v1/segments/rich", cart("rich", 401), { "if-match": '"2"' });
    expect([next.status, next.headers.etag]).toEqual([202, '"3"']);
  });

  test("is what is switched off and on", async () => {
    const newest = () => definitionsAfterAll(api.catalogue).get("rich")?.source;
    expect((await ask("POST", "/v1/segments/rich/disable")).status).toBe(202);
    expect(newest()).toEqual({ ...(cart("rich", 400) as object), enabled: false });
    expect((await ask("POST", "/v1/segments/rich/enable")).status).toBe(202);
    expect(newest()).toEqual(cart("rich", 400));
    control.meanwhile = () => control.write({ op: "apply", define: [cart("rich", 300)], remove: [] });
    expect((await ask("POST", "/v1/segments/rich/disable")).status).toBe(412);
    expect(newest()).toEqual(cart("rich", 300));
    await ask("DELETE", "/v1/segments/rich");
    expect((await ask("POST", "/v1/segments/rich/enable")).body.error.code).toBe("segment-leaving");
  });
});

describe("what reads its history", () => {
  test("is told, begun anew, and given up; what others wait for is not", async () => {
    await ask("POST", "/v1/segments", pinged("pinged"));
    await ask("POST", "/v1/segments", over("over", "pinged"));
    expect((await ask("GET", "/v1/preparations")).body.preparations).toMatchObject([
      { revision: 1, segments: ["pinged"], shares: [{ state: "waiting" }] },
      { revision: 2, segments: ["over"] },
    ]);
    expect((await ask("GET", "/v1/segments/over/progress")).body.preparations).toMatchObject([{ revision: 2 }]);
    const waited = await ask("POST", "/v1/segments/pinged/cancel");
    expect([waited.status, waited.body.error.code]).toEqual([409, "waited-for"]);
    expect((await ask("POST", "/v1/segments/over/cancel")).body).toEqual({ revision: 2, segments: ["over"] });
    const again = await ask("POST", "/v1/segments/pinged/retry");
    expect(again.body).toEqual({ revision: 4, segments: ["pinged"] });
    control.write({ op: "activate", revision: 4 });
    expect((await ask("POST", "/v1/segments/pinged/cancel")).body.error.code).toBe("nothing-waits");
    expect((await ask("POST", "/v1/segments/nobody/cancel")).status).toBe(404);
  });
});

describe("before it is applied", () => {
  test("a definition is checked with its place, its hint, its warnings, its cost and its sentence", async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    const check = async (definition: Json) => (await ask("POST", "/v1/segments/validate", { definition })).body;
    expect(await check(cart("rich", 500))).toMatchObject({
      valid: true,
      change: "unchanged",
      cost: { class: "light" },
    });
    expect(await check(cart("rich", 5))).toMatchObject({ valid: true, change: "changed", problems: [] });
    expect(await check(over("idea", "rih"))).toMatchObject({
      valid: false,
      change: "new",
      problems: [{ path: "rule.segment.in[0]", hint: "rich" }],
    });
    expect(await check({ id: "idea", rule: { cart: { valu: 1 } } })).toMatchObject({
      valid: false,
      change: "none",
      cost: null,
      problems: [{ path: "rule.cart.valu", hint: "value" }],
    });
    const seen = { events: new Set(["Ping"]), traits: new Set<string>(), accountTraits: new Set<string>() };
    api.candidates.seen = { ...seen, among: "the last 2 messages" };
    expect((await check({ id: "idea", rule: { event: { name: "Pin" } } })).warnings).toMatchObject([
      { path: "rule.event.name", hint: "Ping" },
    ]);
    expect((await ask("POST", "/v1/segments/sentence", { definition: cart("idea", 5) })).body.sentence).toContain("5");
    expect(control.entries).toHaveLength(1);
  });

  const DAY_MS = 86_400_000;
  const pings = (times: number, user: string) => {
    for (let day = times; day > 0; day -= 1) {
      const stamp = Date.now() - day * DAY_MS;
      api.candidates.event(stamp, { type: "track", userId: user, event: "Ping", messageId: `${user}-${day}` });
    }
  };
  const often = { id: "often", rule: { event: { name: "Ping", count: { gte: 2 } } } };

  test("it is tried on everybody: how many, by which node, who misses it by one rule", async () => {
    pings(3, "ann@shop.example");
    pings(1, "u2");
    api.candidates.records.sort((a, b) => a.stamp - b.stamp);
    api.candidates.records.forEach((record, index) => {
      api.candidates.records[index] = { ...record, seq: index + 1 };
    });
    const { body } = await ask("POST", "/v1/segments/try", { definition: often });
    expect(body).toMatchObject({ segment: "often", kind: "user", against: null, members: 2, in: 1, nearMisses: 1 });
    expect(body.inSample).toEqual(["ann@shop.example"]);
    expect(body.nearSample).toMatchObject([{ id: "u2", actual: 1 }]);
    await api.header("admin");
    const masked = await ask("POST", "/v1/segments/try", { definition: often }, await api.header("build"));
    expect([masked.body.inSample, masked.body.nearSample[0].actual]).toEqual([["a•••@•••"], "•••"]);
    expect(masked.body.in).toBe(1);
  });

  test("who may only read asks what a definition says, and not whom it takes in: that tells what is known of them", async () => {
    await api.header("admin");
    const reads = await api.header("read");
    const asked = (path: string) => ask("POST", `/v1/segments/${path}`, { definition: often }, reads);
    for (const path of ["validate", "sentence"]) expect((await asked(path)).status, path).toBe(200);
    for (const path of ["try", "try?stream", "backtest", "backtest?stream", "often/diff"]) {
      const { status, body } = await asked(path);
      expect([status, body.error?.code], path).toEqual([403, "not-allowed"]);
    }
  });

  test("line by line: progress with what is known so far, then the result, or why there is none", async () => {
    pings(3, "u1");
    const said = (text: string) =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    const streamed = await ask("POST", "/v1/segments/try?stream", { definition: often });
    expect(streamed.headers["content-type"]).toBe("application/x-ndjson");
    expect(said(streamed.body)).toMatchObject([
      { progress: { done: 1, total: 1 }, partial: { in: 1 } },
      { result: { in: 1, segment: "often" } },
    ]);
    api.candidates.failure = Object.assign(new Error("nobody answers for partition 3"), { name: "QuestionFailed" });
    const failed = said((await ask("POST", "/v1/segments/try?stream", { definition: often })).body);
    expect(failed.at(-1)).toMatchObject({ error: { code: "not-answered" } });
    expect((await ask("POST", "/v1/segments/try?stream", { definition: {} })).status).toBe(422);
  });

  test("the days it would have had are told from the logs", async () => {
    pings(3, "u1");
    const { body } = await ask("POST", "/v1/segments/backtest", { definition: often, days: 4 });
    expect(body).toMatchObject({
      segment: "often",
      joined: 1,
      left: 0,
      size: 1,
      universe: 1,
      cost: { class: "history" },
    });
    expect(body.days.map(({ joined }: { joined: number }) => joined).reduce((a: number, b: number) => a + b)).toBe(1);
    const exact = await ask("POST", "/v1/segments/try", { definition: often, history: true });
    expect(exact.body).toMatchObject({ in: 1, unknown: 0 });
  });
});
