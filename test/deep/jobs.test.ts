// Jobs of whole processes: the one that makes an export is killed in the middle of it, and another one tells it as failed and takes
// away what it had made. Meanwhile a file arrives for longer than any other request may take.
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { JobView } from "../../lib/api/jobs/book.ts";
import { NatsExportFiles } from "../../lib/nats/jobs.ts";
import { RealCluster, urlOf } from "../support/real-cluster.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
const MEMBERS = 30_000;
/** Long ids, so that there are many pieces after the first. */
const idOf = (n: number): string => `member-${n}-${"x".repeat(100)}`;
/** Also, how often a server looks for requests that do not arrive. */
const TIMEOUT_S = 3;
/** Often enough not to be taken for silent. */
const ROW_EVERY_MS = 250;

let cluster: RealCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

const row = (userId: string): string => `${JSON.stringify({ type: "track", userId, event: "Seen" })}\n`;

/** Sends a piece now and then; what is answered, as soon as it is, or the end of the connection. */
function dribbled(url: string, type: string, piece: () => string, untilMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", headers: { "content-type": type } }, (response) => {
      let text = `${response.statusCode} `;
      response.setEncoding("utf8").on("data", (more: string) => {
        text += more;
      });
      response.on("end", () => {
        isOver = true;
        resolve(text);
      });
    });
    let isOver = false;
    sent.on("error", (error) => {
      isOver = true;
      reject(error);
    });
    void (async () => {
      while (!isOver && performance.now() < untilMs) {
        sent.write(piece());
        await sleep(ROW_EVERY_MS);
      }
      if (!isOver) sent.end();
    })();
  });
}

async function json<T>(url: string, init: RequestInit = {}): Promise<T> {
  return (await (await fetch(url, init)).json()) as T;
}

test("an export whose process is killed has failed, and nothing of it stays; a file may arrive for long", async () => {
  cluster = await RealCluster.open({ partitions: PARTITIONS, variables: { ROLLCALL_HTTP_TIMEOUT: `${TIMEOUT_S}s` } });
  const { processes, variables } = cluster;
  cluster.worker();
  await cluster.everyPartitionRuns();
  const segment = "id: seen\nrule: { event: { name: Seen } }\n";
  await processes.did(["segments", "apply", await processes.fileOf("seen.yaml", segment)], variables);
  const rows = Array.from({ length: MEMBERS }, (_, n) => row(idOf(n))).join("");
  await processes.did(["import", await processes.fileOf("rows.ndjson", rows)], variables);
  await cluster.caughtUp();
  const [mortal, survivor] = [cluster.api(), cluster.api()];
  const [gone, at] = [await urlOf(mortal), await urlOf(survivor)];

  const endsAt = performance.now() + TIMEOUT_S * 3_000;
  let sent = 0;
  const next = (): string => {
    sent += 1;
    return row(`late-${sent}`);
  };
  const long = dribbled(`${at}/v1/imports`, "application/x-ndjson", next, endsAt);
  const tooLong = dribbled(`${at}/v1/track`, "application/json", () => " ", endsAt);

  const files = new NatsExportFiles(cluster.nc, cluster.server.names);
  const wish = { segment: "seen", format: "csv" };
  const { id } = await json<JobView>(`${gone}/v1/exports`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(wish),
  });
  await until("its first piece is there", async () => (await files.kept()).length > 0);
  await mortal.kill9();
  const job = () => json<JobView>(`${at}/v1/jobs/${id}`);
  expect((await job()).state).toMatch(/^(waiting|running)$/);
  await until("it is told as failed", async () => (await job()).state === "failed");
  expect(await job()).toMatchObject({ problem: expect.stringContaining("is gone"), export: { link: null } });
  expect((await files.kept()).map((kept) => kept.id)).toEqual([id]);

  // Whoever serves HTTP tidies up when somebody is erased; twice, for a job is given up when its process was missed twice.
  for (const user of ["nobody-1", "nobody-2"]) {
    expect((await fetch(`${at}/v1/users/${user}`, { method: "DELETE" })).status).toBe(202);
    const known = async () => (await json<{ erasures: object[] }>(`${at}/v1/erasures`)).erasures.length;
    await until(`${user} is erased`, async () => (await known()) === Number(user.slice(-1)));
  }
  await until("nothing of it is left", async () => (await files.kept()).length === 0, 90_000);

  expect(await tooLong).toMatch(/^408 .*too-slow/);
  const told = await long;
  expect(told).toMatch(/^200 /);
  expect(JSON.parse(told.slice(4))).toMatchObject({ job: { state: "done", import: { stored: sent, refused: 0 } } });
});
