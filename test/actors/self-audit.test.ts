// A running worker recomputes people from its log: agreement is counted, and what differs is an error in its log that says
// of whom, as of which message, and what. Against a real server.
import { afterAll, beforeAll, expect, test } from "vitest";
import { disagreements } from "../../actors/partition/self-audit.ts";
import { productMachinery } from "../../actors/worker/machinery.ts";
import type { PartitionMachine } from "../../lib/core/partition.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { NatsControlLog } from "../../lib/nats/control-log.ts";
import { provision } from "../../lib/nats/provision.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { PATIENTLY, startTestServer, type TestServer, testDataSet } from "../support/nats.ts";
import { quiet, testShard } from "../support/shards.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;
const PEOPLE = 40;
const FIRMS = 6;
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ partitions: PARTITIONS });
  const nc = await server.connection("client");
  await provision(nc, testDataSet({ partitions: PARTITIONS }), { create: true });
  for (let index = 0; index < PEOPLE; index += 1) {
    const userId = `u${index}`;
    const group = { type: "group", userId, groupId: `firm${index % FIRMS}` };
    await nc.request(`events.${userId}`, JSON.stringify(group), PATIENTLY);
    for (let times = 0; times <= index % 4; times += 1) {
      await nc.request(`events.${userId}`, JSON.stringify({ type: "track", event: "Ping", userId }), PATIENTLY);
    }
  }
  const ping = { event: { name: "Ping", count: { gte: 3 } } };
  const firms = { id: "firms", kind: "account", rule: { users: { rule: ping, atLeast: 2 } } };
  const busy = { id: "busy", kind: "account", rule: { event: { name: "Ping", count: { gte: 10 } } } };
  const define = [{ id: "thrice", rule: ping }, firms, busy];
  await new NatsControlLog(nc, server.names).append({ op: "apply", define, remove: [] }, 0);
});
afterAll(() => server.stop());

test("people and accounts are recomputed and agree, once the definitions are in force", async () => {
  const errors: object[] = [];
  const shard = testShard({
    nc: await server.connection("a"),
    names: server.names,
    partitions: PARTITIONS,
    shard: "a",
    settings: { auditIntervalMs: 20 },
    log: { ...quiet, error: (fields) => void errors.push(fields) },
  });
  shard.start();
  const questions = new Questions(await server.connection("api"), server.names, PARTITIONS);
  await until("several were compared in every partition", async () => {
    const statuses = await questions.status();
    return statuses.every((status) => (status?.counters.audits ?? 0) >= 5);
  });
  await until("the segments are in force", async () => {
    const { sizes } = await questions.sizes();
    return sizes.thrice === PEOPLE / 2 && sizes.firms === FIRMS && sizes.busy === FIRMS;
  });
  const before = (await questions.status()).map((status) => status!.counters.audits);
  await until("several more were compared", async () => {
    const statuses = await questions.status();
    return statuses.every((status, partition) => status!.counters.audits >= before[partition]! + 5);
  });
  const statuses = await questions.status();
  expect(statuses.map((status) => status!.counters.auditMismatches)).toEqual([0, 0]);
  expect(errors).toEqual([]);
  await shard.drain();
});

test("somebody of whom something else is held is an error in the log, with all that is needed to look for the cause", async () => {
  const errors: { member?: string; position?: number; disagreed?: object[] }[] = [];
  const honest = productMachinery(DEFAULT_LIMITS);
  const shard = testShard({
    nc: await server.connection("b"),
    names: server.names,
    partitions: PARTITIONS,
    shard: "b",
    settings: { auditIntervalMs: 20 },
    log: { ...quiet, error: (fields) => void errors.push(fields) },
    machinery: {
      ...honest,
      create: (options) => forgetful(honest.create(options)),
      restore: (options, source) => forgetful(honest.restore(options, source)),
    },
  });
  shard.start();
  await until("a mismatch is told", () => errors.length > 0);
  expect(errors[0]).toMatchObject({
    member: expect.stringMatching(/^u\d+$/),
    position: expect.any(Number),
    revision: expect.any(Number),
    disagreed: [{ segment: "thrice", held: "never a member", recomputed: expect.stringMatching(/^joined, change 1/) }],
  });
  await shard.drain();
});

/** It holds no membership of anybody. */
function forgetful(machine: PartitionMachine): PartitionMachine {
  const user = machine.user.bind(machine);
  return Object.assign(machine, {
    user: (id: string) => {
      const view = user(id);
      return view === undefined ? undefined : { ...view, memberships: [] };
    },
  });
}

test("what differs is told segment by segment", () => {
  const held = new Map([
    ["same", { in: true, n: 1, since: 0 }],
    ["lost", { in: true, n: 3, since: 1_000 }],
    ["extra", { in: true, n: 1, since: 2_000 }],
  ]);
  const recomputed = new Map([
    ["same", { in: true, n: 1, since: 0 }],
    ["lost", { in: false, n: 4, since: 5_000 }],
  ]);
  expect(disagreements(held, recomputed)).toEqual([
    { segment: "extra", held: "joined, change 1, 1970-01-01T00:00:02.000Z", recomputed: "never a member" },
    {
      segment: "lost",
      held: "joined, change 3, 1970-01-01T00:00:01.000Z",
      recomputed: "left, change 4, 1970-01-01T00:00:05.000Z",
    },
  ]);
});
