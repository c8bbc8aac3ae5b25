// Jobs through the real system: a file comes in over HTTP as `rollcall import` brings it in, thousands of members go out as the
// list of members has them, an erasure takes what may name somebody, and who runs a job and is gone is told.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { JobView } from "../../lib/api/jobs/book.ts";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { scanStore } from "../../lib/cli/store-scan.ts";
import { NatsJobStore } from "../../lib/nats/jobs.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { exportJob } from "../api/contract/named.ts";
import { type ApiRig, openApiRig } from "../support/api-rig.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
const MEMBERS = 3_000;
/** Stands in one member's traits and nowhere else. */
const SECRET = "Zaphod-Beeblebrox-4711";
const SEGMENTS =
  "segments:\n  - { id: viewers, name: Viewers, rule: { event: { name: Viewed } } }\n  - { id: nobody, rule: { event: { name: Never } } }\n";

let rig: ApiRig;

beforeAll(async () => {
  rig = await openApiRig(PARTITIONS);
  const { cli } = rig;
  await cli.rollcall("segments", "apply", await cli.fileOf("segments.yaml", SEGMENTS));
});
afterAll(() => rig?.close());

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const viewed = (n: number): object => ({ type: "track", userId: `u${n}`, event: "Viewed", properties: { n } });

async function ask(path: string, init: RequestInit = {}, key = rig.adminKey): Promise<Response> {
  return fetch(rig.url + path, { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } });
}

async function json<T>(path: string, init: RequestInit = {}, status = 200): Promise<T> {
  const response = await ask(path, init);
  const text = await response.text();
  expect(response.status, `${path}: ${text}`).toBe(status);
  return JSON.parse(text) as T;
}

const post = (body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const sent = (body: RequestInit["body"], type = "application/x-ndjson"): RequestInit => ({
  method: "POST",
  headers: { "content-type": type },
  body: body!,
  duplex: "half",
});

const job = (id: string): Promise<JobView> => json(`/v1/jobs/${id}`);

async function exported(wish: object): Promise<JobView> {
  const { id } = await json<JobView>("/v1/exports", post(wish), 202);
  let now: JobView;
  await until("the export has ended", async () => {
    now = await job(id);
    return now.state !== "waiting" && now.state !== "running";
  });
  return now!;
}

interface Imported {
  readonly job: JobView;
  readonly refusals: readonly { line: number; reason: string }[];
  readonly warnings: readonly string[];
}

async function bodiesOf(partition: number): Promise<string[]> {
  const nc = await rig.cli.server.connection();
  const { last } = await streamState(nc, rig.cli.server.names.eventsStream(partition));
  const bodies: string[] = [];
  for await (const { kind, body } of logRecords(nc, rig.cli.server.names, partition, last)) {
    if (kind === "event") bodies.push(Buffer.from(body).toString());
  }
  return bodies;
}

test("a file sent while it is made is what `rollcall import` makes of it, and its progress is seen meanwhile", async () => {
  const rows = Array.from({ length: MEMBERS }, (_, index) => viewed(index));
  const text = `${lines(rows)}no json\n{"type":"track","event":"Viewed"}\n`;
  let go: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  // Half of it, and the rest once somebody has seen that half of it has come.
  const half = Math.floor(text.length / 2);
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(Buffer.from(text.slice(0, half)));
      await held;
      controller.enqueue(Buffer.from(text.slice(half)));
      controller.close();
    },
  });
  const answer = json<Imported>("/v1/imports?file=views.ndjson", sent(body));
  await until("the job tells of the first half", async () => {
    const { items } = await json<{ items: JobView[] }>("/v1/jobs?kind=import&state=running");
    return items.length === 1 && items[0]!.progress.done >= half - 1;
  });
  go();
  const { job: done, refusals } = await answer;
  expect(done).toMatchObject({
    kind: "import",
    target: "views.ndjson",
    state: "done",
    import: { stored: MEMBERS, refused: 2, skipped: 0 },
  });
  expect(refusals.map(({ line }) => line)).toEqual([MEMBERS + 1, MEMBERS + 2]);
  expect(await job(done.id)).toEqual(done);
  const overHttp = await Promise.all([0, 1, 2, 3].map(bodiesOf));
  const path = await rig.cli.fileOf("views.ndjson", text);
  const { code, out } = await rig.cli.rollcall("import", path);
  expect([code, out]).toEqual([0, expect.stringContaining("3,000 rows stored, 2 refused")]);
  const both = await Promise.all([0, 1, 2, 3].map(bodiesOf));
  expect(both).toEqual(overHttp.map((bodies) => [...bodies, ...bodies]));
  expect((await rig.cli.rollcall("jobs", "--kind", "import", "-o", "json")).out).toContain('"by": "cli:');
  await rig.cli.caughtUp();
});

test("the same again is warned of, resumed leaves out all of it; packed or as CSV it is read as well", async () => {
  const rows = lines([viewed(1), viewed(2)]);
  const first = await json<Imported>("/v1/imports", sent(rows));
  expect([first.job.import, first.warnings]).toEqual([{ stored: 2, refused: 0, skipped: 0 }, []]);
  const again = await json<Imported>("/v1/imports?resume=true", sent(rows));
  expect(again.job.import).toEqual({ stored: 0, refused: 0, skipped: 2 });
  const twice = await json<Imported>("/v1/imports", sent(rows));
  expect(twice.warnings).toEqual([expect.stringContaining("has been imported before")]);
  const path = await rig.cli.fileOf("two.ndjson", rows);
  expect((await rig.cli.rollcall("import", path, "--resume")).out).toContain("0 rows stored, 0 refused, 2 already in");
  const packed = await json<Imported>("/v1/imports", sent(gzipSync(lines([viewed(3)]))));
  expect(packed.job.import).toMatchObject({ stored: 1 });
  const mapping = encodeURIComponent("user: who\nevent: Viewed\nproperties: { n: { column: n, type: number } }\n");
  const csv = await json<Imported>(`/v1/imports?mapping=${mapping}`, sent('who,n\nu4,4\n"u,5",x\n', "text/csv"));
  expect(csv.job.import).toEqual({ stored: 1, refused: 1, skipped: 0 });
  await rig.cli.caughtUp();
});

test("an export is the list of members, whole, once each, and its sum is right", async () => {
  const members = new Map<string, object>();
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path = `/v1/segments/viewers/members?limit=1000&columns=lastSeen,visits${cursor === "" ? "" : `&cursor=${cursor}`}`;
    const page: { items: { id: string }[]; next: string | null } = await json(path);
    for (const item of page.items) members.set(item.id, item);
    cursor = page.next;
  }
  expect(members.size).toBe(MEMBERS);
  const done = await exported({ segment: "viewers", format: "ndjson", columns: "lastSeen,visits" });
  expect(done).toMatchObject({ state: "done", progress: { done: MEMBERS, total: MEMBERS }, problem: null });
  const response = await ask(done.export!.link!);
  expect(response.headers.get("content-disposition")).toMatch(
    /^attachment; filename="viewers-\d{4}-\d\d-\d\d\.ndjson"$/,
  );
  expect(response.headers.get("etag")).toBe(`"${done.export!.sha256}"`);
  const content = Buffer.from(await response.arrayBuffer());
  expect(content.length).toBe(done.export!.bytes);
  expect(createHash("sha256").update(content).digest("hex")).toBe(done.export!.sha256);
  const rows = content
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: string });
  expect(rows).toHaveLength(MEMBERS);
  expect(new Map(rows.map((row) => [row.id, row]))).toEqual(members);
  const path = join(rig.cli.server.dataDir, "viewers.csv");
  const { code, err } = await rig.cli.rollcall("export", "viewers", "--columns", "visits", "--out", path);
  expect([code, err]).toEqual([0, expect.stringContaining("3,000 users")]);
  const csv = (await readFile(path, "utf8")).split("\r\n");
  expect(csv[0]).toBe("id,n,since,visits");
  expect(
    csv
      .slice(1, -1)
      .map((line) => line.split(",")[0])
      .sort(),
  ).toEqual([...members.keys()].sort());
});

test("a segment of nobody is a header, or nothing", async () => {
  const empty = await exported({ segment: "nobody", format: "ndjson" });
  expect(await (await ask(empty.export!.link!)).text()).toBe("");
  const head = await exported({ segment: "nobody", format: "csv", columns: "trait:plan" });
  expect(await (await ask(head.export!.link!)).text()).toBe("id,n,since,trait:plan\r\n");
});

test("what is personal stays with keys that show it; each export and each download is in the log of changes", async () => {
  const { cli } = rig;
  const secret = { type: "identify", userId: "u7", traits: { name: SECRET } };
  await json("/v1/imports", sent(lines([secret])));
  await cli.caughtUp();
  const wish = { segment: "viewers", format: "csv", columns: "trait:name" };
  const open = await exported(wish);
  expect(await (await ask(open.export!.link!)).text()).toContain(SECRET);
  const plain = (await cli.rollcall("keys", "create", "plain", "--role", "operate")).out.trim();
  expect((await ask(open.export!.link!, {}, plain)).status).toBe(403);
  const { id } = (await (await ask("/v1/exports", post(wish), plain)).json()) as JobView;
  await until("it is done", async () => (await job(id)).state === "done");
  const masked = await (await ask(`/v1/exports/${id}/file`, {}, plain)).text();
  expect(masked).toContain("u7,1,");
  expect(masked).not.toContain(SECRET);
  const { items } = await json<{ items: { what: string; target: string }[] }>("/v1/audit?limit=10");
  const said = items.map(({ what, target }) => `${what} ${target}`);
  expect(said).toEqual(expect.arrayContaining([`exports.begin ${id}`, `exports.download ${id}`]));
});

test("an erasure overwrites what was exported before it, and the job says so", async () => {
  const stream = join(rig.cli.server.dataDir, "nats", "jetstream", "$G", "streams", "EXPORTS");
  const looked = () => scanStore(stream, [SECRET]);
  const before = await exported({ segment: "viewers", format: "csv", columns: "trait:name" });
  await until("the server has written it down", async () => (await looked()).found.length > 0);
  await json("/v1/users/u7", { method: "DELETE" }, 202);
  await until("its content is gone", async () => (await job(before.id)).export!.link === null);
  expect(await job(before.id)).toMatchObject({
    state: "done",
    problem: expect.stringContaining("Somebody was erased"),
  });
  const gone = await ask(`/v1/exports/${before.id}/file`);
  expect([gone.status, await gone.text()]).toEqual([410, expect.stringContaining("Somebody was erased")]);
  await until("no byte of it is left", async () => {
    const { found, unread } = await looked();
    return found.length + unread.length === 0;
  });
  const after = await exported({ segment: "viewers", format: "csv", columns: "trait:name" });
  const content = await (await ask(after.export!.link!)).text();
  expect(content).not.toContain("u7,");
  expect(content.split("\r\n")).toHaveLength(MEMBERS + 1);
});

test("of a process that is gone the job is told as failed; a cancelled one leaves nothing", async () => {
  const store = new NatsJobStore(await rig.cli.server.connection(), rig.cli.server.names);
  const id = "export-00000000dead";
  await store.beat("gone", 60_000);
  await store.put(exportJob(id, "running", "gone"), 0, 60_000);
  expect((await job(id)).state).toBe("running");
  await store.beat("gone", 1_000);
  await until("its heartbeat has expired", async () => (await job(id)).state === "failed");
  expect((await job(id)).problem).toContain("The process that ran it is gone");
  expect(await json(`/v1/jobs/${id}/cancel`, { method: "POST" }, 200)).toMatchObject({ state: "failed" });
  // Nobody answers for the members, so it goes on until somebody ends it.
  await rig.cli.stopWorker();
  const { id: going } = await json<JobView>("/v1/exports", post({ segment: "viewers", format: "csv" }), 202);
  await until("it runs", async () => (await job(going)).state === "running");
  expect((await rig.cli.rollcall("jobs", "cancel", going)).err).toContain("is told to end");
  await until("it has ended", async () => (await job(going)).state === "cancelled");
  await rig.cli.startWorker();
  expect((await ask(`/v1/exports/${going}/file`)).status).toBe(409);
});

test("an export outlives a server that goes and comes back", async () => {
  const { id } = await json<JobView>(
    "/v1/exports",
    post({ segment: "viewers", format: "csv", columns: "traits" }),
    202,
  );
  await rig.cli.server.restart();
  await until("it is done", async () => (await job(id).catch(() => undefined))?.state === "done");
  const content = await (await ask(`/v1/exports/${id}/file`)).text();
  const ids = content
    .trimEnd()
    .split("\r\n")
    .slice(1)
    .map((line) => line.split(",")[0]);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toHaveLength(MEMBERS - 1);
});

test("a backfill is a job while it goes on, and can be given up", async () => {
  await rig.cli.stopWorker();
  const { cli } = rig;
  await json("/v1/segments", post({ id: "late", rule: { event: { name: "Viewed", window: { last: "1h" } } } }), 202);
  const { items } = await json<{ items: JobView[] }>("/v1/jobs?kind=backfill");
  expect(items).toMatchObject([{ kind: "backfill", target: "late", state: "waiting", by: null }]);
  const { id } = items[0]!;
  expect((await cli.rollcall("jobs", "show", id)).out).toContain("backfill of a segment");
  expect(await json(`/v1/jobs/${id}/cancel`, { method: "POST" })).toMatchObject({ id, state: "cancelled" });
  expect((await ask(`/v1/jobs/${id}`)).status).toBe(404);
  await cli.startWorker();
});
