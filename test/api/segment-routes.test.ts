// Segments and lists over HTTP, on a control log in memory: what is written, refused, found, and told.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { idsOfText } from "../../lib/api/world/list-text.ts";
import { DEFAULT_LIMITS, type Json } from "../../lib/core/types.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";

let api: ApiInMemory;
let control: ApiInMemory["control"];
let app: ApiInMemory["app"];

beforeEach(async () => {
  api = await apiInMemory();
  ({ app, control } = api);
});
afterEach(() => api.close());

type Method = "GET" | "PUT" | "POST" | "DELETE";

async function ask(method: Method, url: string, payload?: unknown, headers: Record<string, string> = {}) {
  const answer = await app.inject({
    method,
    url,
    headers: { host: "localhost:8080", ...headers },
    ...(payload === undefined ? {} : { payload: payload as object }),
  });
  const body = String(answer.headers["content-type"]).startsWith("application/json") ? answer.json() : answer.body;
  return { status: answer.statusCode, body, headers: answer.headers };
}

const cart = (id: string, gt = 0, more: Record<string, Json> = {}): Json => ({
  id,
  rule: { cart: { value: { gt } } },
  ...more,
});
const over = (id: string, of: string): Json => ({ id, rule: { segment: { in: [of] } } });

/** Of the log of changes, newest last: what, and of what. */
const said = () => api.audit.entries.map(({ what, target }) => [what, target]);

describe("a segment", () => {
  test("is made once, with its version and its place told", async () => {
    const made = await ask("POST", "/v1/segments", cart("rich", 500));
    expect([made.status, made.headers.etag, made.headers.location]).toEqual([201, '"1"', "/v1/segments/rich"]);
    expect(made.body).toMatchObject({ revisions: [1], waits: false, created: ["rich"], versions: { rich: 1 } });
    expect(made.body.costs.rich).toMatchObject({ class: "light" });
    const again = await ask("POST", "/v1/segments", cart("rich", 400));
    expect([again.status, again.body.error.code]).toEqual([409, "segment-exists"]);
    expect([control.entries.length, said()]).toEqual([1, [["segments.create", "rich"]]]);
  });

  test("that two delete at the same time is gone for the slower one", async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    const gone = await Promise.all([ask("DELETE", "/v1/segments/rich"), ask("DELETE", "/v1/segments/rich")]);
    expect(gone.map(({ status }) => status).sort()).toEqual([200, 404]);
    expect(control.entries.length).toBe(2);
  });

  test("that is being deleted, and on whose history others wait, is not deleted twice", async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    // What asks history waits, and so does all that is written after it.
    await ask("POST", "/v1/segments", { id: "pinged", rule: { event: { name: "Ping" } } });
    expect((await ask("DELETE", "/v1/segments/rich")).status).toBe(202);
    const again = await ask("DELETE", "/v1/segments/rich");
    expect([again.status, again.body.error.code]).toEqual([409, "segment-leaving"]);
  });

  test("and a list are refused whose id holds half a character: no address could name them", async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    const id = '"a\\ud800"';
    const json = { "content-type": "application/json" };
    const refused = [
      await ask("POST", "/v1/segments/rich/clone", `{"id":${id}}`, json),
      await ask("POST", "/v1/segments/rich/clone", `{"id":${id},"draft":true}`, json),
      await ask("POST", "/v1/lists", `{"id":${id},"members":["u1"]}`, json),
      await ask("POST", "/v1/segments", `{"id":${id},"rule":{"cart":{"value":{"gt":1}}}}`, json),
    ];
    expect(refused.map(({ status, headers }) => [status, headers.location])).toEqual(Array(4).fill([422, undefined]));
    expect(refused[2]!.body.error).toMatchObject({ code: "bad-id", problems: [{ path: "body.id" }] });
    expect([control.entries.length, said()]).toEqual([1, [["segments.create", "rich"]]]);
  });

  test("that asks history is accepted, and waits", async () => {
    const made = await ask("POST", "/v1/segments", { id: "pinged", rule: { event: { name: "Ping" } } });
    expect([made.status, made.body.waits, made.body.costs.pinged.class]).toEqual([202, true, "history"]);
  });

  test("that is wrong is refused with every place and the word that was meant; nothing is written", async () => {
    const wrong = { id: "rich", rule: { all: [{ cart: { valu: { gt: 5 } } }, { segment: { in: ["nobody"] } }] } };
    const { status, body } = await ask("POST", "/v1/segments", wrong);
    expect([status, body.error.code]).toEqual([422, "bad-definition"]);
    expect(body.error.problems).toContainEqual(
      expect.objectContaining({ path: "rule.all[0].cart.valu", hint: "value" }),
    );
    const lost = await ask("POST", "/v1/segments", over("rich", "nobody"));
    expect(lost.body.error.problems).toMatchObject([{ path: "rule.segment.in[0]" }]);
    expect([control.entries.length, said()]).toEqual([0, []]);
  });

  test("is replaced if it is still what was seen, and refused with 412 if it is not", async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    const second = await ask("PUT", "/v1/segments/rich", cart("rich", 400), { "if-match": '"1"' });
    expect([second.status, second.headers.etag, second.body.changed]).toEqual([200, '"2"', ["rich"]]);
    const late = await ask("PUT", "/v1/segments/rich", cart("rich", 300), { "if-match": '"1"' });
    expect([late.status, late.body.error.code]).toEqual([412, "version-moved"]);
    expect(late.body.error.message).toContain("is at version 2, and you saw version 1");
    const same = await ask("PUT", "/v1/segments/rich", { rule: { cart: { value: { gt: 400 } } } });
    expect(same.body).toMatchObject({ revisions: [], changed: [], unchanged: ["rich"] });
    expect((await ask("PUT", "/v1/segments/rich", cart("poor"))).body.error.problems).toMatchObject([{ path: "id" }]);
    expect((await ask("PUT", "/v1/segments/rich", cart("rich"), { "if-match": "2" })).status).toBe(400);
    expect(control.entries).toHaveLength(2);
  });

  test("moved by somebody else in between is not overwritten", async () => {
    await ask("POST", "/v1/segments", cart("rich", 500));
    control.meanwhile = () => control.write({ op: "apply", define: [cart("rich", 450)], remove: [] });
    const late = await ask("PUT", "/v1/segments/rich", cart("rich", 400), { "if-match": '"1"' });
    expect([late.status, control.entries.length]).toEqual([412, 2]);
  });

  test("whose answer was lost is made once, and said to be made", async () => {
    control.loseNextAnswer = true;
    const made = await ask("POST", "/v1/segments", cart("rich", 500));
    expect([made.status, made.body.created, control.entries.length]).toEqual([201, ["rich"], 1]);
  });

  test("whose deletion's answer was lost is deleted, and the log of changes says so", async () => {
    await ask("POST", "/v1/segments/apply", { segments: [cart("rich"), cart("poor"), cart("old")] });
    control.loseNextAnswer = true;
    const gone = await ask("DELETE", "/v1/segments/rich");
    expect([gone.status, gone.body.removed, said().at(-1)]).toEqual([200, ["rich"], ["segments.delete", "rich"]]);
    control.loseNextAnswer = true;
    const batch = await ask("POST", "/v1/segments/apply", { segments: [cart("new")], remove: ["poor", "old"] });
    expect([batch.status, batch.body.removed, control.entries.length]).toEqual([200, ["poor", "old"], 3]);
  });

  test("is deleted, unless others use it, who are named", async () => {
    await ask("POST", "/v1/segments/apply", {
      segments: [cart("rich"), over("happy", "rich"), over("sad", "rich")],
    });
    const refused = await ask("DELETE", "/v1/segments/rich");
    expect([refused.status, refused.body.error.code]).toEqual([409, "segment-in-use"]);
    expect(refused.body.error.problems.map(({ path }: { path: string }) => path)).toEqual(["happy", "sad"]);
    expect((await ask("GET", "/v1/segments/cart-under-100/used-in")).body).toEqual({ segments: [], engagement: false });
    for (const id of ["happy", "sad", "rich"]) expect((await ask("DELETE", `/v1/segments/${id}`)).status).toBe(200);
    expect((await ask("DELETE", "/v1/segments/rich")).status).toBe(404);
  });

  test("is cloned, at once or as a draft, under an id that is free", async () => {
    await ask("POST", "/v1/segments", cart("rich", 500, { name: "Rich", enabled: false, tags: ["money"] }));
    const made = await ask("POST", "/v1/segments/rich/clone", { id: "richer", folder: "money" });
    expect([made.status, made.headers.location]).toEqual([201, "/v1/segments/richer"]);
    expect(api.catalogue.entry("richer")).toMatchObject({
      name: "richer",
      folder: "money",
      state: "live",
      tags: ["money"],
    });
    expect((await ask("POST", "/v1/segments/rich/clone", { id: "richer" })).status).toBe(409);
    expect((await ask("POST", "/v1/segments/rich/clone", { id: "idea", draft: true })).status).toBe(201);
    expect(api.catalogue.entry("idea")).toMatchObject({ state: "draft" });
  });
});

describe("a batch", () => {
  test("brings lists, definitions and removals together; a dry run writes nothing", async () => {
    const batch = {
      lists: [{ id: "staff", members: ["u1"] }],
      segments: [cart("rich"), { id: "ours", rule: { list: { in: ["staff"] } } }],
    };
    const dry = await ask("POST", "/v1/segments/apply", { ...batch, dryRun: true });
    expect(dry.body).toMatchObject({ revisions: [], created: ["rich", "ours"], lists: ["staff"] });
    expect(control.entries).toHaveLength(0);
    const done = await ask("POST", "/v1/segments/apply", batch);
    expect(done.body).toMatchObject({ created: ["rich", "ours"], lists: ["staff"] });
    expect(said()).toEqual([["segments.apply", ""]]);
    const more = await ask("POST", "/v1/segments/apply", { segments: [cart("new")], remove: ["rich"] });
    expect(more.body).toMatchObject({ created: ["new"], removed: ["rich"] });
  });

  test("that fails on the way is in the log of changes with what was written, and as not complete", async () => {
    const lists = ["staff", "press"].map((id) => ({ id, members: ["u1"] }));
    const ours = { id: "ours", rule: { list: { in: ["staff", "press"] } } };
    const across = {
      id: "firms",
      kind: "account",
      rule: { users: { rule: { segment: { in: ["ours"] } }, atLeast: 1 } },
    };
    const wanted = { lists, segments: [ours, across] };
    const nothing = { created: [], changed: [], removed: [] };
    control.failAppend(2);
    expect((await ask("POST", "/v1/segments/apply", wanted)).status).toBe(500);
    control.failAppend(3);
    expect((await ask("POST", "/v1/segments/apply", wanted)).status).toBe(500);
    expect(api.audit.entries.map(({ detail }) => detail)).toEqual([
      { ...nothing, revisions: [], lists: ["staff"], complete: false },
      { ...nothing, revisions: [3], lists: ["press"], created: ["ours"], complete: false },
    ]);
    control.failAppend(1);
    await ask("POST", "/v1/segments/apply", wanted);
    expect(api.audit.entries).toHaveLength(2);
    expect((await ask("POST", "/v1/segments/apply", wanted)).body.created).toEqual(["firms"]);
    expect(api.audit.entries.at(-1)?.detail).toEqual({ ...nothing, revisions: [4], lists: [], created: ["firms"] });
  });

  test("that somebody else spoils on the way says what was written by then", async () => {
    await ask("POST", "/v1/segments", cart("rich"));
    control.meanwhile = () => control.write({ op: "apply", define: [], remove: ["rich"] });
    const batch = { lists: [{ id: "staff", members: ["u1"] }], segments: [over("happy", "rich")] };
    const { status, body } = await ask("POST", "/v1/segments/apply", batch);
    expect([status, body.error.message]).toEqual([
      422,
      expect.stringMatching(/^Not all was applied; what was written stays \(the list staff\): segments\[0\]/),
    ]);
    expect(api.audit.entries.at(-1)).toMatchObject({ what: "segments.apply", detail: { lists: ["staff"] } });
  });

  test("that is wrong says where in the batch", async () => {
    const { status, body } = await ask("POST", "/v1/segments/apply", {
      segments: [cart("a"), over("b", "c"), cart("a")],
    });
    expect([status, body.error.problems.map(({ path }: { path: string }) => path)]).toEqual([
      422,
      ["segments[2].id", "segments[1].rule.segment.in[0]"],
    ]);
  });
});

describe("a list", () => {
  const members = async (id: string) => (await ask("GET", `/v1/lists/${id}/members`)).body.items;

  test("is made, changed, told and deleted", async () => {
    expect((await ask("POST", "/v1/lists", { id: "staff", members: ["u1", "u2"] })).status).toBe(201);
    expect((await ask("POST", "/v1/lists", { id: "staff" })).body.error.code).toBe("list-exists");
    await ask("POST", "/v1/lists/staff/add", { members: ["u3", "u3"] });
    await ask("POST", "/v1/lists/staff/remove", { members: ["u1"] });
    expect(await members("staff")).toEqual(["u2", "u3"]);
    expect((await ask("PUT", "/v1/lists/staff", { members: ["u7"] })).body.list).toMatchObject({ members: 1 });
    expect((await ask("POST", "/v1/lists/stuff/remove", { members: ["u1"] })).body.error.message).toContain("staff?");
    expect((await ask("PUT", "/v1/lists/staff", { members: ["acme"], kind: "account" })).body.error.code).toBe(
      "list-kind",
    );
    await ask("POST", "/v1/segments", { id: "ours", rule: { list: { in: ["staff"] } } });
    expect((await ask("GET", "/v1/lists")).body.items).toMatchObject([{ id: "staff", kind: "user", usedBy: ["ours"] }]);
    const used = await ask("DELETE", "/v1/lists/staff");
    expect([used.status, used.body.error.problems]).toMatchObject([409, [{ path: "ours" }]]);
    await ask("DELETE", "/v1/segments/ours");
    expect((await ask("DELETE", "/v1/lists/staff")).status).toBe(200);
    expect(said().map(([what]) => what)).toEqual([
      "lists.create",
      "lists.add",
      "lists.remove",
      "lists.replace",
      "segments.create",
      "segments.delete",
      "lists.delete",
    ]);
  });

  test("comes page by page, and masked for who may not see whom it names", async () => {
    await ask("POST", "/v1/lists", { id: "staff", members: ["u3", "u1", "ann@shop.example"] });
    const first = (await ask("GET", "/v1/lists/staff/members?limit=2")).body;
    expect(first.items).toEqual(["ann@shop.example", "u1"]);
    expect((await ask("GET", `/v1/lists/staff/members?limit=2&cursor=${first.next}`)).body).toEqual({
      items: ["u3"],
      next: null,
    });
    await api.header("admin");
    const reader = await api.header("read");
    const masked = async (more: string) =>
      (await ask("GET", `/v1/lists/staff/members?limit=2${more}`, undefined, reader)).body;
    // As they were added: beside whom somebody stood by id would tell how the id begins.
    const page = await masked("");
    expect(page.items).toEqual(["u3", "u1"]);
    expect(await masked(`&cursor=${page.next}`)).toEqual({ items: ["a•••@•••"], next: null });
  });

  test("of which somebody is taken out between two pages leaves nobody out", async () => {
    await ask("POST", "/v1/lists", { id: "staff", members: ["u5", "u4", "u3", "u2", "u1"] });
    const page = async (more = "") => (await ask("GET", `/v1/lists/staff/members?limit=2${more}`)).body;
    const first = await page();
    await ask("POST", "/v1/lists/staff/remove", { members: ["u1", "u2"] });
    await ask("POST", "/v1/lists/staff/add", { members: ["u0"] });
    const second = await page(`&cursor=${first.next}`);
    expect([first.items, second.items]).toEqual([
      ["u1", "u2"],
      ["u3", "u4"],
    ]);
    expect(await page(`&cursor=${second.next}`)).toEqual({ items: ["u5"], next: null });
    for (const cursor of ["2", first.next.slice(0, -4)]) {
      expect((await ask("GET", `/v1/lists/staff/members?cursor=${cursor}`)).body.error.code).toBe("bad-cursor");
    }
  });

  test("that is not there has nobody to take out, by a file neither, and none is made", async () => {
    await ask("POST", "/v1/lists", { id: "staff", members: ["u1", "u2"] });
    const csv = { "content-type": "text/csv" };
    const typo = await ask("POST", "/v1/lists/stuff/upload?mode=remove", "u1\n", csv);
    expect([typo.status, typo.body.error.code]).toEqual([404, "unknown-list"]);
    expect(typo.body.error.message).toContain("staff?");
    // Deleted before the entry is stored.
    control.meanwhile = () => control.write({ op: "removeList", id: "staff" });
    expect((await ask("POST", "/v1/lists/staff/remove", { members: ["u1"] })).status).toBe(404);
    expect([control.entries.length, (await ask("GET", "/v1/lists")).body.items]).toEqual([2, []]);
  });

  test("loses all that are taken out of it, whoever writes at the same time", async () => {
    await ask("POST", "/v1/lists", { id: "staff", members: ["u1"] });
    control.meanwhile = () => control.write({ op: "list", id: "others", mode: "add", members: ["u9"] });
    const { body } = await ask("POST", "/v1/lists/staff/remove", { members: ["u1"] });
    expect([body.list.members, await members("staff")]).toEqual([0, []]);
  });

  test("that takes several entries is made, though the answer to the first was lost", async () => {
    control.entryBytesMax = 400;
    control.loseNextAnswer = true;
    const all = Array.from({ length: 60 }, (_, index) => `user-${index}`);
    const made = await ask("POST", "/v1/lists", { id: "staff", members: all });
    expect([made.status, made.body.list?.members]).toEqual([201, 60]);
  });

  test("that was changed in part is in the log of changes with what was written, and as not complete", async () => {
    control.entryBytesMax = 400;
    const all = Array.from({ length: 60 }, (_, index) => `user-${index}`);
    control.failAppend(3);
    const failed = await ask("POST", "/v1/lists/staff/upload", all.join("\n"), { "content-type": "text/csv" });
    expect(failed.status).toBe(500);
    const held = api.catalogue.lists.get("staff")!.size;
    expect(api.audit.entries).toMatchObject([
      { what: "lists.upload", target: "staff", detail: { revisions: [1, 2], members: held, complete: false } },
    ]);
    control.failAppend(1);
    await ask("POST", "/v1/lists/staff/add", { members: ["u1"] });
    expect(api.audit.entries).toHaveLength(1);
  });

  test("too long for one message is written in several; who stays in it never leaves on the way", async () => {
    control.entryBytesMax = 400;
    const first = Array.from({ length: 60 }, (_, index) => `user-${index}`);
    await ask("POST", "/v1/lists", { id: "staff", members: first });
    const then = [...first.slice(30), "user-99"];
    const before = control.entries.length;
    await ask("PUT", "/v1/lists/staff", { members: then });
    expect(await members("staff")).toEqual([...then].sort());
    const entries = control.entries.slice(before) as unknown as { mode: string; members: string[] }[];
    expect(new Set(entries.map(({ mode }) => mode))).toEqual(new Set(["add", "remove"]));
    const removed = entries.filter(({ mode }) => mode === "remove").flatMap((entry) => entry.members);
    expect(removed.sort()).toEqual(first.slice(0, 30).sort());
  });
});

describe("a file of ids", () => {
  const upload = (text: string, query = "") =>
    ask("POST", `/v1/lists/staff/upload${query}`, text, { "content-type": "text/csv" });
  const held = () => [...(api.catalogue.lists.get("staff") ?? [])];

  test.each([
    ["one id a line", "u1\nu2\r\n\n u2 \n", "", ["u1", "u2"]],
    ["a header of one column", "User ID\nu1\nu2\n", "", ["u1", "u2"]],
    ["a header of several", '\uFEFFname;user_id\nAnn;u1\n"Bo;b";u2\n', "", ["u1", "u2"]],
    ["a column by its name", "name,key\nAnn,u1\n", "?column=key", ["u1"]],
    ["rows that end early, or in empty cells", "id,name\nu1\nu2,Bo,,\n", "", ["u1", "u2"]],
    ["lines that end with a return alone", "id\ru1\ru2\r", "", ["u1", "u2"]],
    ["a cell of several lines", 'id,text\nu1,"two\nlines"\nu2,""\n', "", ["u1", "u2"]],
    ["an id in quotes", 'id\n"doe,jane"\n', "", ["doe,jane"]],
  ])("is read: %s", async (_, text, query, expected) => {
    expect((await upload(text, query)).status).toBe(200);
    expect(held()).toEqual(expected);
  });

  test.each([
    ["no id in a row", "id,name\nu1,Ann\n\n,Bob\n,Cy\n", "", ["line 4", "line 5"], "no id"],
    ["an id that is too long", `u1\n${"x".repeat(2_000)}\n`, "", ["line 2"], "idBytesMax"],
    ["a column nobody knows", "name,key\nAnn,u1\n", "?column=ky", ["line 1"], "no column"],
    ["columns of which none is named", "name,key\nAnn,u1\n", "", ["line 1"], "which of the columns"],
    ["a quote that does not end", 'id\nu1\n"u2\n', "", ["line 3"], "no CSV"],
    [
      "an id with a comma that no quotes hold",
      "id\nu1\ndoe,jane\n",
      "",
      ["line 3"],
      "2 cells where the first row has 1",
    ],
    ["such an id among columns", "id,name,\ndoe,jane,Jane Doe,x\n", "", ["line 2"], "must be put in quotes"],
    ["nothing", "\n", "", ["line 1"], "no id"],
  ])("is refused with its lines: %s", async (_, text, query, lines, words) => {
    const { status, body } = await upload(text, query);
    expect([status, body.error.problems.map(({ path }: { path: string }) => path)]).toEqual([422, lines]);
    expect(body.error.message).toContain(words);
    expect([control.entries.length, said()]).toEqual([0, []]);
  });

  test("that is long lets others have their turn while it is read", async () => {
    const ids = Array.from({ length: 50_000 }, (_, index) => `user-${index}`);
    let turns = 0;
    let isRead = false;
    const turn = (): void => {
      turns += 1;
      if (!isRead) setImmediate(turn);
    };
    setImmediate(turn);
    expect(await idsOfText(ids.join("\n"), DEFAULT_LIMITS)).toEqual(ids);
    isRead = true;
    expect(turns).toBeGreaterThan(20);
  });

  test("is UTF-8, as JSON is: else two ids could become one", async () => {
    for (const [path, type, text] of [
      ["/v1/lists/staff/upload", "text/csv", "José\nJosè\n"],
      ["/v1/lists/staff/add", "application/json", '{"members":["José","Josè"]}'],
    ] as const) {
      const headers = { "content-type": type };
      const refused = await api.app.inject({
        method: "POST",
        url: path,
        headers,
        payload: Buffer.from(text, "latin1"),
      });
      expect([refused.statusCode, refused.json().error.message]).toEqual([400, "The body is not UTF-8."]);
      const taken = await api.app.inject({ method: "POST", url: path, headers, payload: Buffer.from(text) });
      expect(taken.statusCode).toBe(200);
    }
    expect(held()).toEqual(["José", "Josè"]);
  });

  test("replaces or removes, and is no JSON", async () => {
    await upload("u1\nu2\n");
    await upload("u3\n", "?mode=replace");
    expect(held()).toEqual(["u3"]);
    await upload("u3\n", "?mode=remove");
    expect(held()).toEqual([]);
    expect((await ask("POST", "/v1/lists/staff/upload", ["u1"])).status).toBe(415);
  });
});

describe("segments are looked for", () => {
  beforeEach(() => {
    const [first] = api.audience.segments;
    const of = (id: string, more: object) => ({ ...first!, id, name: id, tags: [], folder: null, ...more });
    api.audience.segments = [
      of("b", { size: 3, tags: ["x"], folder: "shop" }),
      of("a", { size: 9, folder: "shop/carts", description: "Who pays" }),
      of("c", { size: 3, folder: "shopping", state: "draft", hasDraft: true, kind: "account" }),
    ];
  });

  const found = async (query: string) => {
    const { body } = await ask("GET", `/v1/segments?${query}`);
    return body.segments.map(({ id }: { id: string }) => id);
  };

  test.each([
    ["", ["a", "b", "c"]],
    ["text=PAYS", ["a"]],
    ["tag=x", ["b"]],
    ["folder=shop", ["a", "b"]],
    ["kind=account", ["c"]],
    ["state=draft", ["c"]],
    ["hasDraft=false", ["a", "b"]],
    ["sort=-id", ["c", "b", "a"]],
    ["sort=size", ["b", "c", "a"]],
    ["sort=-size", ["a", "c", "b"]],
    ["sort=folder", ["b", "a", "c"]],
  ])("by %s", async (query, ids) => {
    expect(await found(query)).toEqual(ids);
  });

  test("by what they refer to", async () => {
    await ask("POST", "/v1/segments/apply", {
      lists: [{ id: "staff", members: [] }],
      segments: [cart("a"), over("b", "a"), { id: "c", rule: { list: { in: ["staff"] } } }],
    });
    expect(await found("uses=a")).toEqual(["b"]);
    expect(await found("usedIn=b")).toEqual(["a"]);
    expect(await found("usesList=staff")).toEqual(["c"]);
    expect(await found("sort=-changed&uses=a&usedIn=b")).toEqual([]);
  });

  test("page by page, whatever is made meanwhile", async () => {
    const first = (await ask("GET", "/v1/segments?sort=-size&limit=2")).body;
    expect(first.segments.map(({ id }: { id: string }) => id)).toEqual(["a", "c"]);
    api.audience.segments.push({ ...api.audience.segments[0]!, id: "z", size: 100 });
    const second = (await ask("GET", `/v1/segments?sort=-size&limit=2&cursor=${first.next}`)).body;
    expect([second.segments.map(({ id }: { id: string }) => id), second.next]).toEqual([["b"], null]);
    for (const wrong of [`sort=id&cursor=${first.next}`, "cursor=nonsense"]) {
      expect((await ask("GET", `/v1/segments?${wrong}`)).body.error.code).toBe("bad-cursor");
    }
  });
});
