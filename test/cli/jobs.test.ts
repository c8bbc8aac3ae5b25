// Jobs at the command line, on a real server and a real worker: listed in 80 columns, shown, followed, ended; and an export to a
// file that is there only once it is whole.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NatsJobStore } from "../../lib/nats/jobs.ts";
import type { JobStore } from "../../lib/ports/jobs.ts";
import { exportJob } from "../api/contract/named.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";

const COLUMNS = 80;
const MEMBERS = 30;

let rig: CliRig;
let store: JobStore;

beforeAll(async () => {
  rig = await openCliRig(2);
  store = new NatsJobStore(await rig.server.connection(), rig.server.names);
  await rig.rollcall("segments", "apply", await rig.fileOf("s.yaml", "id: seen\nrule: { event: { name: Seen } }\n"));
});
afterAll(() => rig?.close());

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly done: number;
}

const jobs = async (...args: string[]): Promise<Row[]> =>
  JSON.parse((await rig.rollcall("jobs", ...args, "-o", "json")).out) as Row[];

test("there are none; then an import is one, and an export", async () => {
  expect((await rig.rollcall("jobs")).err).toContain("There are no jobs.");
  const row = (n: number): string => JSON.stringify({ type: "track", userId: `=u${n}`, event: "Seen" });
  const rows = Array.from({ length: MEMBERS }, (_, n) => row(n)).join("\n");
  await rig.rollcall("import", await rig.fileOf("a-file-whose-name-is-longer-than-most.ndjson", `${rows}\nno json\n`));
  await rig.caughtUp();
  const out = join(rig.server.dataDir, "seen.csv");
  const { code, err } = await rig.rollcall("export", "seen", "--out", out);
  expect([code, err]).toEqual([0, expect.stringMatching(/^30 users, 1022 B in \S+seen\.csv \(/)]);
  const content = await readFile(out);
  expect(content.toString()).toMatch(/^id,n,since\r\n'=u\d+,1,20/);
  expect(existsSync(`${out}.part`)).toBe(false);
  const [exported, imported] = await jobs();
  expect(imported).toMatchObject({ kind: "import", state: "done", by: expect.stringMatching(/^cli:/) });
  expect(exported).toMatchObject({ kind: "export", state: "done", done: MEMBERS });
  const shown = (await rig.rollcall("jobs", "show", exported!.id)).out;
  expect(shown).toContain(`sha256    ${createHash("sha256").update(content).digest("hex")}`);
  expect((await rig.rollcall("jobs", "show", imported!.id)).out).toContain("30 rows stored, 1 refused");
  expect((await rig.rollcall("export", "seen", "--format", "ndjson")).out.split("\n")).toHaveLength(MEMBERS + 1);
});

test("what cannot be exported is refused with what helps", async () => {
  expect(await rig.rollcall("export", "sen")).toMatchObject({
    code: 2,
    err: expect.stringContaining("Did you mean seen?"),
  });
  const wrong = await rig.rollcall("export", "seen", "--columns", "order");
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('--columns: there is no column "order"')]);
  const nowhere = await rig.rollcall("export", "seen", "--out", join(rig.server.dataDir, "none", "a.csv"));
  expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining("cannot be written")]);
});

test("the table fits in 80 columns; one that goes on is followed to its end, and told to end", async () => {
  await store.beat("p", 60_000);
  const id = "export-00000000000a";
  const going = { ...exportJob(id, "running", "p"), createdAt: new Date().toISOString(), perSecond: 1_234 };
  const progress = { done: 1_234_567, total: 98_765_432, unit: "members" };
  await store.put({ ...going, progress, target: "segment-".repeat(9) }, 0, 60_000);
  const { out } = await rig.rollcall("jobs");
  expect(out).toMatch(/running 1 % +1,234,567 +21h 57m left/);
  for (const line of out.split("\n")) expect(line.length, line).toBeLessThanOrEqual(COLUMNS);
  expect((await jobs("--kind", "export", "--state", "running")).map((job) => job.id)).toEqual([id]);
  expect((await rig.rollcall("jobs", "cancel", id)).err).toContain("is told to end");
  const stored = (await store.get(id))!;
  expect(stored.job.cancelAsked).toBe(true);
  const following = rig.rollcall("jobs", "show", id, "--follow");
  await store.put({ ...stored.job, state: "cancelled", finishedAt: new Date().toISOString() }, stored.revision, 60_000);
  expect(await following).toMatchObject({ code: 1, err: expect.stringContaining(`${id} has ended: cancelled.`) });
  const again = await rig.rollcall("jobs", "cancel", id);
  expect(again.code).not.toBe(0);
  expect(again.err).toContain("has ended already: cancelled");
  expect(await rig.rollcall("jobs", "show", "nope")).toMatchObject({
    code: 2,
    err: expect.stringContaining("`rollcall jobs`"),
  });
});
