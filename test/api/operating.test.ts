// Workers and partitions over memory: what is shown of each, and what may be wished.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { shardOf } from "./cluster-in-memory.ts";
import { statusOf } from "./status-of.ts";

let api: ApiInMemory;

beforeEach(async () => {
  api = await apiInMemory();
  api.audience.statuses = [statusOf(0, "worker-1"), statusOf(1, "worker-b-1"), null];
});
afterEach(() => api.close());

interface Told {
  readonly workers: readonly { readonly id: string; readonly problems: readonly string[] }[];
  readonly partitions: readonly { readonly problems: readonly string[] }[];
}

async function ask(
  method: "GET" | "POST" | "DELETE",
  url: string,
  payload?: object,
): Promise<{ status: number; body: Told }> {
  const response = await api.app.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
  return { status: response.statusCode, body: response.json<Told>() };
}

describe("what is shown", () => {
  test("of a worker: what it holds together, its process, and what is wrong", async () => {
    const error = { code: "LOG-002", message: "the log ends at 7" };
    api.cluster.known = [shardOf("worker-1"), shardOf("worker-b-1", 9_000)];
    api.audience.statuses = [
      statusOf(0, "worker-1"),
      statusOf(1, "worker-1", { lagMs: 900, phase: "refused", error }),
      statusOf(2, "worker-b-1", { problem: "no space left" }),
    ];
    const { body } = await ask("GET", "/v1/workers");
    expect(body.workers).toMatchObject([
      { id: "worker-1", worker: "worker", alive: true, partitions: [0, 1], lag: 8, lagMs: 900, eventsPerSecond: 180 },
      { id: "worker-b-1", alive: false, problems: ["it is silent; the others take its partitions over"] },
    ]);
    expect(body.workers[0]!.problems).toEqual(["stopped on a fault: partition 1"]);
    const { partitions } = (await ask("GET", "/v1/partitions")).body;
    expect(partitions.map((one) => one.problems)).toEqual([
      [],
      ["LOG-002: the log ends at 7"],
      ["cannot store what there is to say: no space left"],
    ]);
  });

  test("of a partition that nobody answers for: that it is so, and nothing made up", async () => {
    const { partitions } = (await ask("GET", "/v1/partitions")).body;
    expect(partitions[1]).toMatchObject({ owner: "worker-b-1", members: 12, checkpointAgeMs: 1_500, wished: null });
    expect(partitions[2]).toMatchObject({ owner: null, lag: null, members: null });
    expect(partitions[2]!.problems).toHaveLength(1);
  });
});

describe("what is wished", () => {
  test("a partition goes to a living shard, also when somebody else wishes at the same time; and back", async () => {
    api.cluster.races = 2;
    const moved = await ask("POST", "/v1/partitions/1/move", { to: "worker-1" });
    expect(moved).toMatchObject({ status: 200, body: { partition: 1, wished: "worker-1", owner: "worker-b-1" } });
    expect(api.cluster.wishes.wishes).toEqual({ moves: { 1: "worker-1" }, drained: [] });
    expect((await ask("DELETE", "/v1/partitions/1/move")).body).toMatchObject({ wished: null });
    expect(api.audit.entries.map(({ what, target, detail }) => [what, target, detail])).toEqual([
      ["partitions.move", "1", { to: "worker-1" }],
      ["partitions.return", "1", {}],
    ]);
  });

  test("nothing of it for who is not there, for a partition that is not there, or a silent worker", async () => {
    api.cluster.known = [shardOf("worker-1"), shardOf("worker-b-1", 9_000)];
    for (const [url, to] of [
      ["/v1/partitions/1/move", "nobody"],
      ["/v1/partitions/1/move", "worker-b-1"],
      ["/v1/partitions/3/move", "worker-1"],
      ["/v1/partitions/x/move", "worker-1"],
    ] as const) {
      expect((await ask("POST", url, { to })).status, `${url} ${to}`).toBe(404);
    }
    expect((await ask("POST", "/v1/workers/nobody/drain")).status).toBe(404);
    expect(api.cluster.wishes.revision).toBe(0);
    expect(api.audit.entries).toEqual([]);
  });

  test("a worker is drained with all its shards, or one of them; what was wished to it is taken back", async () => {
    await ask("POST", "/v1/partitions/0/move", { to: "worker-b-2" });
    expect((await ask("POST", "/v1/workers/worker-b-2/drain")).body.workers).toMatchObject([
      { id: "worker-b-2", drained: true },
    ]);
    expect(api.cluster.wishes.wishes).toEqual({ moves: {}, drained: ["worker-b-2"] });
    const both = (await ask("POST", "/v1/workers/worker-b/drain")).body.workers;
    expect(both.map(({ id }) => id)).toEqual(["worker-b-1", "worker-b-2"]);
    expect(await ask("POST", "/v1/workers/worker/drain")).toMatchObject({
      status: 409,
      body: { error: { code: "last-worker" } },
    });
    await ask("DELETE", "/v1/workers/worker-b/drain");
    expect(api.cluster.wishes.wishes).toEqual({ moves: {}, drained: [] });
  });
});
