// What a feed says of a place, through the real system: said on the command line, heard by whoever listens for the people
// who are there, and over by itself, also when the worker that would have said so is gone.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Heard, Listener } from "../support/listener.ts";
import type { Watched } from "../support/processes.ts";
import { differencesOf, RealCluster, tell } from "../support/real-cluster.ts";

const PARTITIONS = 4;
const ULM = "DE/BW/Ulm";
const SEGMENTS = `
segments:
  - { id: in-the-rain, rule: { weather: { condition: rain } } }
  - { id: stuck, rule: { situation: { kind: strike, where: { line: S1 } } } }
`;
/** Enough that every partition has some. */
const IN_ULM = Array.from({ length: 24 }, (_, index) => `ulm-${index}`);
const IN_BONN = ["bonn-1", "bonn-2"];

let cluster: RealCluster;
let worker: Watched;
let client: Listener;

beforeAll(async () => {
  cluster = await RealCluster.open({ partitions: PARTITIONS });
  worker = cluster.worker();
  await cluster.everyPartitionRuns();
  await cluster.apply([await cluster.processes.fileOf("segments.yaml", SEGMENTS)]);
  client = await Listener.open(cluster.server.url);
  for (const id of IN_ULM) await visit(id, { country: "DE", region: "BW", city: "ULM" });
  for (const id of IN_BONN) await visit(id, { country: "DE", region: "NW", city: "Bonn" });
});

afterAll(async () => {
  await client.close();
  await cluster.close();
});

function visit(userId: string, place: object): Promise<number> {
  return client.send(userId, { type: "page", userId, context: { place } });
}

function rollcall(...args: string[]): Promise<unknown> {
  return cluster.processes.did(args, cluster.variables);
}

/** The n-th delta of everybody in Ulm, when all have come. */
function everybody(segment: string, n: number): Promise<Heard[]> {
  return Promise.all(IN_ULM.map((id) => client.delta(segment, id, n, 60_000)));
}

function causesOf(deltas: readonly Heard[]): string[] {
  return [...new Set(deltas.map(({ change, cause }) => `${change} by ${cause.type}`))];
}

test("a city's people join when its weather comes, and leave when it clears", async () => {
  await rollcall("situation", "set", "weather", "--place", ULM, "condition=rain", "temperature=8");
  const joined = await everybody("in-the-rain", 1);
  expect(causesOf(joined)).toEqual(["joined by feed"]);
  // Heard so long after its place in the log: nobody's own event was waited for.
  tell("a feed's word", { "slowest ms": Math.max(...joined.map(({ at, heardMs }) => heardMs - Date.parse(at))) });
  await rollcall("situation", "clear", "weather", "--place", ULM);
  expect(causesOf(await everybody("in-the-rain", 2))).toEqual(["left by feed"]);
  expect(client.of("bonn-1")).toEqual([]);
});

test("who comes to the place joins, and what is over is over at its instant, though the worker was killed", async () => {
  const over = Math.ceil(Date.now() / 1_000) * 1_000 + 20_000;
  const end = new Date(over).toISOString();
  await rollcall("situation", "set", "strike", "--place", ULM, "line=S1", "--until", end);
  await everybody("stuck", 1);
  await visit("bonn-1", { country: "DE", region: "BW", city: "Ulm" });
  expect((await client.delta("stuck", "bonn-1", 1)).cause.type).toBe("event");
  await worker.kill9();
  cluster.worker();
  const left = [...(await everybody("stuck", 2)), await client.delta("stuck", "bonn-1", 2, 60_000)];
  expect(causesOf(left)).toEqual(["left by time"]);
  expect(new Set(left.map(({ at }) => Date.parse(at)))).toEqual(new Set([over]));
  expect(client.of("bonn-2")).toEqual([]);
});

test("all of it is what the slow recomputation says", async () => {
  await cluster.caughtUp();
  expect(differencesOf(await cluster.verify())).toEqual([]);
  // In both segments everybody in Ulm joined and left, and in one the newcomer.
  expect(client.heard).toHaveLength(IN_ULM.length * 4 + 2);
});
