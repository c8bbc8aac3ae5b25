// Law 6, with real processes: time alone moves people, on time, when nothing else happens; also when the worker was killed
// in between, when only one page fits into memory, and both.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Listener, track } from "../support/listener.ts";
import { RealCluster, tell, total } from "../support/real-cluster.ts";
import { until } from "../support/until.ts";

const ON_TIME_MS = 1_000;
const TILE_MS = 1_000;
const TRIES_MAX = 5;
/** So many others that every partition has several pages. */
const NEIGHBOURS = 4_000;
/** Few enough that they are through before anybody's time is up, and enough that some are on another page. */
const PASSERS_BY = 40;
const ONE_PAGE = { ROLLCALL_PAGE_CACHE_BYTES: "0", ROLLCALL_PAGE_BYTES_MAX: "4KB" };
const SEGMENTS = `
segments:
  - { id: active-10s, rule: { event: { name: Ping, count: { gte: 3 }, window: { last: 10s } } } }
  - { id: active-3s, rule: { event: { name: Ping, count: { gte: 3 }, window: { last: 3s } } } }
`;

let cluster: RealCluster;
let listener: Listener;

afterEach(async () => {
  await listener.close();
  await cluster.close();
});

async function begin(variables: Record<string, string>) {
  cluster = await RealCluster.open({ partitions: 4, variables });
  const worker = cluster.worker();
  await cluster.everyPartitionRuns();
  const dir = join(cluster.processes.dir, "segments");
  await mkdir(dir);
  await writeFile(join(dir, "silence.yaml"), SEGMENTS);
  await cluster.apply([dir]);
  listener = await Listener.open(cluster.server.url);
  return worker;
}

/** Three events at one time; gives the deadline of a window of so many milliseconds. */
async function threeEvents(user: string): Promise<(windowMs: number) => number> {
  const timestamp = new Date().toISOString();
  for (let count = 0; count < 3; count += 1) await listener.send(user, track(user, "Ping", { count }, { timestamp }));
  const tileEnds = (Math.floor(Date.parse(timestamp) / TILE_MS) + 1) * TILE_MS;
  return (windowMs) => tileEnds + windowMs;
}

/**
 * Others, so that the page of the silent one is put away. They are through when this ends, and no rule counts what they do, so
 * that no page is fetched for them later: nobody is late because of them.
 */
async function othersComeBy(count = NEIGHBOURS): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => `neighbour-${index}`);
  await Promise.all(ids.map((id) => listener.send(id, track(id, "Pass"))));
  await cluster.caughtUp();
}

async function leavesOnTime(segment: string, user: string, n: number, deadline: number): Promise<number> {
  const left = await listener.delta(segment, user, n);
  expect(left).toMatchObject({ subject: `segment.${segment}.left`, change: "left", n, cause: { type: "time" } });
  expect(Date.parse(left.at)).toBe(deadline);
  const lateMs = left.heardMs - deadline;
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThanOrEqual(ON_TIME_MS);
  return lateMs;
}

/** With a cache of one page others must have been put away, and fetched again. */
async function pagesLoaded(variables: Record<string, string>): Promise<number> {
  const loaded = total(await cluster.everyPartitionRuns(), ({ counters }) => counters.pagesLoaded);
  if ("ROLLCALL_PAGE_CACHE_BYTES" in variables) expect(loaded).toBeGreaterThan(0);
  return loaded;
}

const CACHES = [
  { cache: "a roomy cache", variables: {} },
  { cache: "a cache of one page", variables: ONE_PAGE },
] as const;

test.each(CACHES)("who falls silent leaves on time, with $cache", async ({ cache, variables }) => {
  await begin(variables);
  await othersComeBy();
  const deadlineOf = await threeEvents("u1");
  await listener.delta("active-10s", "u1", 1);
  await listener.delta("active-3s", "u1", 1);
  await othersComeBy(PASSERS_BY);
  const short = await leavesOnTime("active-3s", "u1", 2, deadlineOf(3_000));
  const long = await leavesOnTime("active-10s", "u1", 2, deadlineOf(10_000));
  const loaded = await pagesLoaded(variables);
  tell(`silence with ${cache}`, { "3 s window, ms late": short, "10 s window, ms late": long, "pages loaded": loaded });
  expect(listener.of("u1")).toHaveLength(4);
});

test.each(CACHES)(
  "who falls silent leaves on time though the worker is killed in between, with $cache",
  async ({ cache, variables }) => {
    let worker = await begin(variables);
    await othersComeBy();
    let tries = 0;
    let user = "";
    let deadline = 0;
    // A new worker that takes until the deadline shows nothing: on a busy machine the next one may be quicker.
    do {
      tries += 1;
      expect(tries, "a worker that is there before the deadline").toBeLessThanOrEqual(TRIES_MAX);
      user = `u2-${tries}`;
      deadline = (await threeEvents(user))(10_000);
      await listener.delta("active-10s", user, 1);
      await worker.kill9();
      worker = cluster.worker();
      await cluster.everyPartitionRuns();
      await cluster.caughtUp();
    } while (Date.now() >= deadline);
    const long = await leavesOnTime("active-10s", user, 2, deadline);
    tell(`silence, killed in between, with ${cache}`, {
      "10 s window, ms late": long,
      "pages loaded": await pagesLoaded(variables),
      tries,
    });
    await listener.delta("active-3s", user, 2);
    expect(listener.of(user)).toHaveLength(4);
  },
);

test.each(CACHES)(
  "who fell silent while no worker ran leaves as soon as one does, with $cache",
  async ({ cache, variables }) => {
    const worker = await begin(variables);
    await othersComeBy();
    const deadlineOf = await threeEvents("u3");
    await listener.delta("active-10s", "u3", 1);
    await worker.kill9();
    await until("the deadline is past", () => Date.now() > deadlineOf(10_000));
    cluster.worker();
    await cluster.everyPartitionRuns();
    // Owned and restored: what stood in the logs has been replayed.
    await cluster.caughtUp();
    const runsMs = Date.now();
    for (const [segment, windowMs] of [
      ["active-3s", 3_000],
      ["active-10s", 10_000],
    ] as const) {
      const left = await listener.delta(segment, "u3", 2);
      expect(left).toMatchObject({
        change: "left",
        cause: { type: "time" },
        at: new Date(deadlineOf(windowMs)).toISOString(),
      });
      expect(left.heardMs - runsMs).toBeLessThanOrEqual(ON_TIME_MS);
    }
    tell(`silence, no worker at the deadline, with ${cache}`, {
      "ms after the replay": listener.of("u3").at(-1)!.heardMs - runsMs,
    });
    expect(listener.of("u3")).toHaveLength(4);
  },
);
