// Jobs in memory: what is written down of them whatever becomes of a write, what an export looks like, what is kept and what is
// taken away, and how a file that arrives is refused. Through a real server: test/end-to-end/jobs.test.ts.
import { createHash } from "node:crypto";
import { EventEmitter, getEventListeners } from "node:events";
import type { Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parse } from "csv-parse/sync";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ListedMember, MemberPage } from "../../lib/api/audience/members.ts";
import { answerClientError } from "../../lib/api/http/client-errors.ts";
import { takesLong } from "../../lib/api/http/long-requests.ts";
import type { JobView } from "../../lib/api/jobs/book.ts";
import { ContentWriter } from "../../lib/api/jobs/content.ts";
import { type ExportSource, exportTexts } from "../../lib/api/jobs/export-text.ts";
import { JobKeeper } from "../../lib/api/jobs/keeper.ts";
import { JobEnded, JobRunner, type JobWish } from "../../lib/api/jobs/runner.ts";
import { JOB_SETTINGS_DEFAULT, type JobSettings } from "../../lib/api/jobs/settings.ts";
import { unlessAborted } from "../../lib/api/jobs/unless-aborted.ts";
import { erasureStates } from "../../lib/api/operations/erasure.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import { csvCell } from "../../lib/csv.ts";
import type { ExportFormat, JobRecord } from "../../lib/ports/jobs.ts";
import { ExportFilesInMemory, JobsInMemory } from "../support/jobs-in-memory.ts";
import { until } from "../support/until.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { exportJob } from "./contract/named.ts";
import { CART } from "./fake-audience.ts";
import { statusOf } from "./status-of.ts";

const AT = Date.UTC(2026, 10, 23, 10);
const QUICK: JobSettings = { ...JOB_SETTINGS_DEFAULT, sayEveryMs: 20 };
const WISH: JobWish = { kind: "import", target: "a.csv", targetKind: "file", by: "me", unit: "bytes", total: 10 };
const ERASE: ControlEntry = {
  op: "erase",
  kind: "user",
  hash: 1,
  mark: "AAAAAAAAAAAA",
  key: "AAAAAAAAAAAAAAAAAAAAAA",
};
const going = new AbortController().signal;

describe("a cell of CSV", () => {
  test.each([
    ["plain", "plain"],
    ["", ""],
    [null, ""],
    [undefined, ""],
    ["a,b", '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ["two\nlines", '"two\nlines"'],
    ["two\r\nlines", '"two\r\nlines"'],
    [-1.5, "-1.5"],
    [true, "true"],
    [["a", "b"], '"[""a"",""b""]"'],
    ["=1+1", "'=1+1"],
    ["+49 30 1234", "'+49 30 1234"],
    ["-2+3", "'-2+3"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", "'\t=1"],
    ["\r=1", '"\'\r=1"'],
    ["＝1+1", "'＝1+1"],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ["a=1", "a=1"],
    ["ann@shop.example", "ann@shop.example"],
  ])("%j is %s", (value, cell) => expect(csvCell(value)).toBe(cell));
});

const member = (id: string, row: object = {}): ListedMember => ({ id, n: 1, since: AT, row: { id, ...row } });

function sourceOf(pages: readonly (readonly ListedMember[])[], faults: Error[] = []): ExportSource {
  const size = pages.flat().length;
  return {
    page: async (from): Promise<MemberPage> => {
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      const at = from?.order === "any" ? from.at : 0;
      const next = { order: "any", partition: 0, at: at + 1 } as const;
      return { size, items: pages[at]!, next: next.at < pages.length ? next : null };
    },
    signal: going,
    patienceMs: 10_000,
  };
}

async function textOf(source: ExportSource, format: ExportFormat, columns: readonly string[] = []): Promise<string> {
  let whole = "";
  for await (const { text } of exportTexts(source, format, columns)) whole += text;
  return whole;
}

const questionFailed = (): Error =>
  Object.assign(new Error("partition 1: no worker owns it"), { name: "QuestionFailed" });

describe("the content of an export", () => {
  const rows = [
    [member("u1", { orders: 2, lastSeen: AT, lists: ["vip", "a,b"], traits: { name: 'Ann "A"', plan: "=pro" } })],
    [],
    [member("u,2", { orders: 0, lastSeen: AT, lists: [], traits: {} })],
  ];
  const columns = ["orders", "trait:name", "lists", "lastSeen", "trait:plan", "trait:constructor"];

  test("as CSV has the columns in the order in which they were asked for, and reads back", async () => {
    const text = await textOf(sourceOf(rows), "csv", columns);
    expect(text.endsWith("\r\n")).toBe(true);
    const since = new Date(AT).toISOString();
    expect(parse(text, { record_delimiter: "\r\n" })).toEqual([
      ["id", "n", "since", ...columns],
      ["u1", "1", since, "2", 'Ann "A"', '["vip","a,b"]', since, "'=pro", ""],
      ["u,2", "1", since, "0", "", "[]", since, "", ""],
    ]);
  });

  test("as JSON lines is what the list of members gives", async () => {
    const since = new Date(AT).toISOString();
    const lines = (await textOf(sourceOf([[member("u1", { orders: 2, lastSeen: AT })]]), "ndjson")).split("\n");
    expect(lines).toEqual([JSON.stringify({ id: "u1", orders: 2, lastSeen: since, n: 1, since }), ""]);
  });

  test("waits for an owner that does not answer, and not for other faults", async () => {
    expect(await textOf(sourceOf([[member("u1")]], [questionFailed()]), "csv")).toContain("u1,1,");
    await expect(textOf(sourceOf([[]], [new Error("broken")]), "csv")).rejects.toThrow("broken");
    const impatient = { ...sourceOf([[]], [questionFailed(), questionFailed()]), patienceMs: 0 };
    await expect(textOf(impatient, "csv")).rejects.toThrow("no worker owns it");
  });

  test("is kept in pieces that add up to it, whatever becomes of an answer; beyond its bound nothing more is written", async () => {
    const files = new ExportFilesInMemory();
    const writer = new ContentWriter(files, "export-a", 10_000, going);
    const text = "0123456789".repeat(250);
    files.failures = 1;
    await files.write("export-a", 0, Buffer.from(text.slice(0, files.chunkBytesMax)));
    files.failures = 1;
    await writer.add(text);
    await writer.add("€");
    const sha256 = createHash("sha256").update(`${text}€`).digest("hex");
    expect(await writer.end()).toEqual({ bytes: 2_503, sha256, chunks: 3 });
    expect(files.text("export-a")).toBe(`${text}€`);
    const small = new ContentWriter(files, "export-b", 9, going);
    await expect(small.add("0123456789")).rejects.toThrow(/larger than 9 bytes.*exportBytesMax/);
    expect(files.text("export-b")).toBe("");
  });
});

describe("an answer that is waited for unless the job is told to end", () => {
  test("is held by nobody afterwards, so that a file that arrives is never whole in memory", async () => {
    const { signal } = new AbortController();
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const seen: WeakRef<Buffer>[] = [];
    for (let n = 0; n < 20; n += 1)
      seen.push(new WeakRef(await unlessAborted(Promise.resolve(Buffer.alloc(8)), signal)));
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await until("all are let go", () => {
      gc();
      return seen.every((piece) => piece.deref() === undefined);
    });
  });

  test("is not waited for once it is told, be it before or meanwhile", async () => {
    const controller = new AbortController();
    const never = unlessAborted(new Promise(() => {}), controller.signal);
    controller.abort(new JobEnded("cancelled", "enough"));
    await expect(never).rejects.toThrow("enough");
    await expect(unlessAborted(new Promise(() => {}), controller.signal)).rejects.toThrow("enough");
  });
});

describe("a job that runs", () => {
  let store: JobsInMemory;
  let runner: JobRunner;
  beforeEach(() => {
    store = new JobsInMemory();
    runner = new JobRunner(store, QUICK);
  });
  afterEach(() => runner.stop());
  const stored = (id: string): JobRecord => store.kept.get(id)!.job;

  test("is written down from its beginning to its end, also when answers are lost", async () => {
    const job = await runner.begin(WISH);
    const { id } = job.record;
    expect(stored(id)).toMatchObject({ state: "waiting", by: "me", progress: { done: 0, total: 10, unit: "bytes" } });
    store.fates.push("stored-unheard", "lost", "stored-unheard");
    const { record, why } = await job.run(async () => {
      job.progress(10, { import: { stored: 1, refused: 0, skipped: 0 } });
      return { problem: null };
    });
    expect(why).toBeUndefined();
    expect(stored(id)).toEqual(record);
    expect(record).toMatchObject({ state: "done", progress: { done: 10 }, import: { stored: 1 } });
    expect(store.fates).toEqual([]);
  });

  test("that throws has failed, in the words of what it threw", async () => {
    const job = await runner.begin(WISH);
    const fault = new Error("the disk is full");
    const { why } = await job.run(() => Promise.reject(fault));
    expect(why).toBe(fault);
    expect(stored(job.record.id)).toMatchObject({ state: "failed", problem: "the disk is full" });
  });

  const untilAborted = (signal: AbortSignal) => () =>
    new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));

  test("hears within seconds that somebody wishes it to end", async () => {
    const job = await runner.begin(WISH);
    const { id } = job.record;
    const running = job.run(untilAborted(job.signal));
    const { revision } = store.kept.get(id)!;
    await store.put({ ...stored(id), cancelAsked: true }, revision);
    expect((await running).why).toMatchObject({ state: "cancelled" });
    expect(stored(id)).toMatchObject({ state: "cancelled", problem: "Somebody has cancelled it." });
  });

  test("that others took for gone ends, and stays as they left it", async () => {
    const job = await runner.begin(WISH);
    const { id } = job.record;
    const running = job.run(untilAborted(job.signal));
    const left = { ...stored(id), state: "failed" as const, problem: "gone", finishedAt: "2026-11-23T10:00:00.000Z" };
    await store.put(left, store.kept.get(id)!.revision);
    expect((await running).why).toBeInstanceOf(JobEnded);
    expect(stored(id)).toEqual(left);
  });

  test("fails when its process is stopped", async () => {
    const job = await runner.begin(WISH);
    void job.run(untilAborted(job.signal));
    await runner.stop();
    expect(stored(job.record.id)).toMatchObject({ state: "failed", problem: expect.stringContaining("was stopped") });
  });

  test("that cannot be written down is not begun", async () => {
    store.fates.push("lost");
    await expect(runner.begin(WISH)).rejects.toMatchObject({ why: "busy", code: "not-answered" });
    expect(store.kept.size).toBe(0);
  });
});

describe("what is kept", () => {
  let api: ApiInMemory;
  let keeper: JobKeeper | undefined;
  beforeEach(async () => {
    api = await apiInMemory();
  });
  afterEach(async () => {
    await keeper?.stop();
    await api.close();
  });

  const kept = (id: string): JobRecord | undefined => api.jobStore.kept.get(id)?.job;

  async function put(job: JobRecord, content = "rows"): Promise<void> {
    await api.jobStore.put(job, 0);
    if (job.state === "done") await api.exportFiles.write(job.id, 0, Buffer.from(content));
  }

  function keep(settings: Partial<JobSettings> = {}): void {
    const { jobStore: store, exportFiles: files, catalogue } = api;
    const log = { warn: () => {} };
    keeper = new JobKeeper({ store, files, catalogue, log, settings: { ...JOB_SETTINGS_DEFAULT, ...settings } });
  }

  const erase = (): void => api.control.write(ERASE);
  const made = (id: string, more: Partial<NonNullable<JobRecord["export"]>> = {}): JobRecord => {
    const job = exportJob(id, "done", "p");
    return { ...job, export: { ...job.export!, ...more } };
  };

  test("content goes when it was kept long enough, when nobody knows it, and when its job has failed", async () => {
    await put(made("export-00000000000a"));
    await put(made("export-00000000000b", { expiresAt: "2026-01-01T00:00:00.000Z" }));
    await put({ ...made("export-00000000000c"), state: "failed" });
    await api.exportFiles.write("export-00000000000c", 0, Buffer.from("half"));
    await api.exportFiles.write("export-00000000000d", 0, Buffer.from("nobody's"));
    await put(exportJob("export-00000000000e", "running", "p"));
    await api.exportFiles.write("export-00000000000e", 0, Buffer.from("going on"));
    keep();
    await until("what shall go is gone", () => api.exportFiles.pieces.size === 2);
    expect([...api.exportFiles.pieces.keys()].sort()).toEqual(["export-00000000000a", "export-00000000000e"]);
    await until("it is said", () => kept("export-00000000000b")?.export?.chunks === 0);
    expect(kept("export-00000000000b")?.problem).toContain("exportsKept");
    expect(kept("export-00000000000a")?.export?.chunks).toBe(1);
  });

  test("what begins while the keeper looks is nobody's only in its list", async () => {
    const { jobStore, exportFiles } = api;
    await exportFiles.write("export-00000000000d", 0, Buffer.from("nobody's"));
    const { kept: look } = ExportFilesInMemory.prototype;
    exportFiles.kept = async () => {
      await jobStore.put(exportJob("export-00000000000e", "running", "p"), 0);
      await exportFiles.write("export-00000000000e", 0, Buffer.from("just begun"));
      return look.call(exportFiles);
    };
    keep();
    await until("what is nobody's is gone", () => !exportFiles.pieces.has("export-00000000000d"));
    await keeper!.stop();
    expect(exportFiles.text("export-00000000000e")).toBe("just begun");
  });

  test("an erasure takes what was exported before it, and nothing later", async () => {
    erase();
    const { revision } = api.catalogue.erasures.at(-1)!;
    await put(made("export-00000000000a", { erasures: revision - 1 }));
    await put(made("export-00000000000b", { erasures: revision + 1 }));
    await put(made("export-00000000000c", { erasures: revision }));
    const phases = new Map([[revision, new Map([[0, "deleted" as const]])]]);
    const { catalogue, jobStore: jobs, exportFiles: files } = api;
    const outOfControlLog = new Set<number>();
    const erasures = { phases: async () => phases, outOfControlLog: async () => outOfControlLog };
    const stateNow = async () => (await erasureStates(catalogue, erasures, { jobs, files }, [null])).at(-1)?.state;
    expect(await stateNow()).toBe("under way");
    keep();
    await until("the first is gone", () => !api.exportFiles.pieces.has("export-00000000000a"));
    expect(await stateNow()).toBe("under way");
    outOfControlLog.add(revision);
    expect(await stateNow()).toBe("done");
    erase();
    await until("the one before the second is gone", () => !api.exportFiles.pieces.has("export-00000000000c"));
    await until("it is said", () => kept("export-00000000000c")?.problem?.includes("Somebody was erased") === true);
    expect([...api.exportFiles.pieces.keys()]).toEqual(["export-00000000000b"]);
  });

  test("a job without its process has failed once that is seen twice; of those that ended the newest stay", async () => {
    await put(exportJob("export-00000000000a", "running", "gone"));
    await api.exportFiles.write("export-00000000000a", 0, Buffer.from("half"));
    for (const n of [1, 2, 3]) {
      const job = made(`export-00000000001${n}`, { erasures: 9 });
      await put({ ...job, createdAt: `2026-11-2${n}T10:00:00.000Z` });
    }
    keep({ keptMax: 3 });
    await until("the oldest is forgotten", () => kept("export-000000000011") === undefined);
    expect(kept("export-00000000000a")?.state).toBe("running");
    erase();
    await until("it is told as failed", () => kept("export-00000000000a")?.state === "failed");
    expect(kept("export-00000000000a")?.problem).toContain("is gone");
    await until("what it had made is gone, too", () => !api.exportFiles.pieces.has("export-00000000000a"));
    expect(kept("export-000000000013")?.state).toBe("done");
  });

  test("is listed newest first, page by page, by kind and state", async () => {
    const ids = Array.from({ length: 5 }, (_, n) => `export-00000000000${n}`);
    for (const [n, id] of ids.entries()) {
      await put({ ...exportJob(id, n === 0 ? "failed" : "done", "p"), createdAt: `2026-11-2${n}T10:00:00.000Z` });
    }
    const get = async (query: string): Promise<{ items: JobView[]; next: string | null }> =>
      (await api.app.inject({ url: `/v1/jobs?${query}`, headers: { host: "localhost" } })).json();
    const first = await get("limit=3");
    expect(first.items.map(({ id }) => id)).toEqual(ids.slice(2).reverse());
    const rest = await get(`limit=3&cursor=${first.next}`);
    expect([rest.items.map(({ id }) => id), rest.next]).toEqual([[ids[1], ids[0]], null]);
    expect((await get("state=failed")).items.map(({ id }) => id)).toEqual([ids[0]]);
    expect((await get("kind=import")).items).toEqual([]);
    expect(await get("cursor=bm9uc2Vuc2U")).toMatchObject({ error: { code: "bad-cursor" } });
  });
});

describe("over HTTP", () => {
  let api: ApiInMemory;
  afterEach(() => api.close());

  async function post(url: string, payload?: unknown, type = "application/json") {
    const answer = await api.app.inject({
      method: "POST",
      url,
      headers: { host: "localhost", ...(payload === undefined ? {} : { "content-type": type }) },
      ...(payload === undefined ? {} : { payload: payload as string }),
    });
    return { status: answer.statusCode, body: answer.json() };
  }
  const state = (id: string) => api.jobStore.kept.get(id)?.job.state;

  test("one export after the other; who waits can be told to end", async () => {
    api = await apiInMemory({}, { jobSettings: { ...QUICK, exportsAtOnceMax: 1 } });
    let answer: (page: MemberPage) => void = () => {};
    api.audience.members = () =>
      new Promise((resolve) => {
        answer = (page) => resolve({ segment: CART.id, kind: CART.kind, ...page });
      });
    const wish = { segment: CART.id, format: "csv" };
    const [first, second, third] = [
      await post("/v1/exports", wish),
      await post("/v1/exports", wish),
      await post("/v1/exports", wish),
    ];
    expect([first.status, second.status]).toEqual([202, 202]);
    await until("the first reads", () => state(first.body.id) === "running");
    expect((await post(`/v1/jobs/${second.body.id}/cancel`)).body).toMatchObject({ state: "waiting" });
    await until("the second has ended", () => state(second.body.id) === "cancelled");
    expect(state(third.body.id)).toBe("waiting");
    answer({ size: 1, items: [{ id: "u1", n: 1, since: AT }], next: null });
    await until("the third reads", () => state(third.body.id) === "running");
    expect(state(first.body.id)).toBe("done");
    expect(await post(`/v1/jobs/${first.body.id}/cancel`)).toMatchObject({
      status: 409,
      body: { error: { code: "job-ended" } },
    });
    answer({ size: 0, items: [], next: null });
    await until("the third is done", () => state(third.body.id) === "done");
  });

  test("a hundred exports wait; the next is told when to ask again", async () => {
    api = await apiInMemory({}, { jobSettings: { ...QUICK, exportsAtOnceMax: 1 } });
    let answer: () => void = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const none = { segment: CART.id, kind: CART.kind, size: 0, items: [], next: null };
    api.audience.members = () => answered.then(() => none);
    const ask = () =>
      api.app.inject({
        method: "POST",
        url: "/v1/exports",
        headers: { host: "localhost" },
        payload: { segment: CART.id, format: "csv" },
      });
    for (let taken = 0; taken < 101; taken += 1) expect((await ask()).statusCode).toBe(202);
    const refused = await ask();
    expect([refused.statusCode, refused.json().error.code]).toEqual([429, "too-many-jobs"]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    answer();
    await until("all are done", () => [...api.jobStore.kept.values()].every(({ job }) => job.state === "done"));
  });

  test("an export begins once all have heard of an erasure, and ends when one comes meanwhile", async () => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    api.control.write(ERASE);
    api.audience.statuses = [statusOf(0, "a", { revision: 0 })];
    let asked = 0;
    let answer: () => void = () => {};
    api.audience.members = () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = () => resolve({ segment: CART.id, kind: CART.kind, size: 0, items: [], next: null });
      });
    };
    const { body } = await post("/v1/exports", { segment: CART.id, format: "csv" });
    await until("it runs", () => state(body.id) === "running");
    expect(asked).toBe(0);
    api.audience.statuses = [statusOf(0, "a", { revision: 1 })];
    await until("it reads", () => asked === 1);
    api.control.write(ERASE);
    answer();
    await until("it has failed", () => state(body.id) === "failed");
    expect(api.jobStore.kept.get(body.id)!.job.problem).toContain("Somebody was erased while it was made");
    expect(api.exportFiles.pieces.size).toBe(0);
  });

  test("what cannot be exported is refused before anything is written down", async () => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    expect(await post("/v1/exports", { segment: "none", format: "csv" })).toMatchObject({ status: 404 });
    const wrong = await post("/v1/exports", { segment: CART.id, format: "csv", columns: "order" });
    expect([wrong.status, wrong.body.error.message]).toEqual([400, expect.stringContaining('no column "order"')]);
    expect(api.jobStore.kept.size).toBe(0);
    expect(api.audit.entries).toEqual([]);
  });

  const csv = (query: string, text = "who,what\nu1,Seen\n") => post(`/v1/imports?${query}`, text, "text/csv");
  const mapping = (text: string): string => `mapping=${encodeURIComponent(text)}`;

  test.each([
    ["CSV that nobody explains", "", /send a mapping, or accounts=true/],
    ["a mapping that is wrong", mapping("user: who\nevents: Seen\n"), /query\.mapping.*events/],
    [
      "a mapping of another format",
      mapping("user: who\nevent: Seen\nformat: ndjson\n"),
      /for ndjson, and the body is csv/,
    ],
    ["a column that is not there", mapping("user: whom\nevent: Seen\n"), /whom/],
    ["an id without accounts", "id=who", /add accounts=true/],
    ["a type that is none", "accounts=true&type=who%3Dmoney", /query\.type.*one of text, number/],
    ["rows of accounts", mapping("groupId: who\n"), /rows of accounts; add accounts=true/],
  ])("%s is refused with what helps, and no row is stored", async (_what, query, message) => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    const { status, body } = await csv(query);
    expect([status, body.error.message]).toEqual([422, expect.stringMatching(message)]);
    expect(api.importLogs.rows).toEqual([]);
    expect(api.audit.entries).toEqual([]);
  });

  test("nothing of a file can be stored: each reason by its line; JSON is another type", async () => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    const { status, body } = await post("/v1/imports", "no json\n{}\n", "application/x-ndjson");
    expect([status, body.error.problems]).toEqual([
      422,
      [
        { path: "line 1", message: "not JSON" },
        { path: "line 2", message: "no userId, no anonymousId and no groupId" },
      ],
    ]);
    expect((await post("/v1/imports", [])).status).toBe(415);
    expect([...api.jobStore.kept.values()].map(({ job }) => job.state)).toEqual(["failed"]);
  });

  test("a log that takes no more stops it; what is stored is said, and resumed", async () => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    const rows = [1, 2, 3].map((n) => `{"type":"track","userId":"u","event":"E","properties":{"n":${n}}}\n`).join("");
    api.importLogs.onAdd = async () => {
      if (api.importLogs.rows.length === 2)
        throw Object.assign(new Error("the log is full"), { name: "ImportStopped" });
    };
    const stopped = await post("/v1/imports", rows, "application/x-ndjson");
    expect([stopped.status, stopped.body.error.code]).toEqual([503, "import-stopped"]);
    expect(stopped.body.error.message).toContain("2 rows are stored; the same request with resume=true goes on");
    expect(api.audit.entries).toMatchObject([{ what: "events.import", detail: { events: 2 } }]);
    api.importLogs.onAdd = async () => {};
    const resumed = await post("/v1/imports?resume=true", rows, "application/x-ndjson");
    expect(resumed.body.job.import).toEqual({ stored: 1, refused: 0, skipped: 2 });
    expect(api.importLogs.rows.map(({ line }) => line)).toEqual([1, 2, 3]);
  });

  /** The first row comes, and then nothing more. */
  function silent(): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from('{"type":"track","userId":"u","event":"E"}\n')),
    });
  }
  async function upload(signal?: AbortSignal): Promise<{ status: number; text: string }> {
    const { port } = api.app.server.address() as { port: number };
    const response = await fetch(`http://127.0.0.1:${port}/v1/imports`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: silent(),
      duplex: "half",
      ...(signal === undefined ? {} : { signal }),
    });
    return { status: response.status, text: await response.text() };
  }

  test("of a sender who falls silent no more is waited for; what came before is stored", async () => {
    api = await apiInMemory({ timeoutMs: 300 }, { jobSettings: QUICK });
    await api.app.listen({ host: "127.0.0.1", port: 0 });
    // For its headers to arrive there is time: that is another bound.
    Object.assign(api.app.server, { headersTimeout: 0, requestTimeout: 0 });
    const { status, text } = await upload();
    expect([status, text]).toEqual([408, expect.stringContaining("Nothing came for 300 ms")]);
    const [kept] = [...api.jobStore.kept.values()];
    expect(kept!.job).toMatchObject({ state: "failed", problem: expect.stringContaining("Nothing came") });
  });

  test("of a sender who breaks off what came is stored, and the job says how to go on", async () => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    await api.app.listen({ host: "127.0.0.1", port: 0 });
    const controller = new AbortController();
    const answer = upload(controller.signal);
    await until("the job is there", () => api.jobStore.kept.size === 1);
    const [id] = [...api.jobStore.kept.keys()];
    controller.abort();
    await expect(answer).rejects.toThrow(/abort/);
    await until("it has failed", () => state(id!) === "failed");
    expect(api.jobStore.kept.get(id!)!.job.problem).toContain("resume=true goes on where it stopped");
  });

  test("what calls itself packed and is damaged is refused by its line", async () => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    const { status, body } = await post("/v1/imports", Buffer.from([0x1f, 0x8b, 1, 2, 3, 4]), "application/x-ndjson");
    expect([status, body.error.message]).toEqual([422, expect.stringContaining("line 1: the archive is damaged")]);
  });

  test("an import that is cancelled answers so, while its sender still sends", async () => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    await api.app.listen({ host: "127.0.0.1", port: 0 });
    const answer = upload();
    await until("it is there", () => api.jobStore.kept.size === 1);
    const [id] = [...api.jobStore.kept.keys()];
    expect((await post(`/v1/jobs/${id}/cancel`)).status).toBe(200);
    expect(await answer).toMatchObject({ status: 409, text: expect.stringContaining("Somebody has cancelled it.") });
    expect(state(id!)).toBe("cancelled");
  });

  test("a list that takes several entries is a job; one that takes a single entry is none", async () => {
    api = await apiInMemory({}, { jobSettings: QUICK });
    const ids = Array.from({ length: 100 }, (_, n) => `member-${n}`).join("\n");
    expect((await post("/v1/lists/short/upload", "a\nb", "text/csv")).status).toBe(200);
    expect(api.jobStore.kept.size).toBe(0);
    api.control.entryBytesMax = 400;
    expect((await post("/v1/lists/long/upload", ids, "text/csv")).body.list.members).toBe(100);
    expect([...api.jobStore.kept.values()]).toMatchObject([
      {
        job: { kind: "import", target: "long", targetKind: "list", state: "done", progress: { done: 100, total: 100 } },
      },
    ]);
  });
});

test("a request that takes long is not ended for it, once it is over the next one on its connection is", () => {
  const socket = Object.assign(new EventEmitter(), {
    destroyed: false,
    writable: true,
    write: () => true,
    destroy: () => {
      socket.destroyed = true;
    },
  });
  const raw = Object.assign(new EventEmitter(), { socket });
  const tooSlow = (): void => {
    const error = Object.assign(new Error("too slow"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
    answerClientError(error, socket as unknown as Socket, {});
  };
  takesLong({ raw } as unknown as Parameters<typeof takesLong>[0]);
  tooSlow();
  expect(socket.destroyed).toBe(false);
  raw.emit("close");
  tooSlow();
  expect(socket.destroyed).toBe(true);
});
