// Rules of which one side is evaluated for the other, played over all logs at once: the sample product's segments join and leave
// as the oracle says that they would have, had they been in force from the first message on.
import { expect, test } from "vitest";
import { type BacktestOptions, reportOf } from "../../lib/backtest/backtest.ts";
import { BacktestTogether, questionsTo } from "../../lib/backtest/together.ts";
import { inOrder } from "../../lib/cli/side-by-side.ts";
import { fnv1a } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS, type Json, type LogRecord } from "../../lib/core/types.ts";
import { loadDefinitions } from "../../lib/definitions/load.ts";
import { saasTraffic } from "../../lib/saas/traffic.ts";
import { World } from "../oracle/world.ts";

const START = Date.UTC(2026, 10, 23, 10);
const EVENT_MS = 66;
const EVENTS = 2_500;
const PARTITIONS = 3;

interface Played {
  readonly logs: readonly (readonly LogRecord[])[];
  readonly end: number;
}

/** Three minutes of the product, in three logs. */
function played(): Played {
  const logs: LogRecord[][] = Array.from({ length: PARTITIONS }, () => []);
  const end = START + EVENTS * EVENT_MS;
  let now = START;
  for (const { subject, subjectToken, event } of saasTraffic({ seed: 7, run: "test", online: 16, now: () => now })) {
    const log = logs[fnv1a(subjectToken) % PARTITIONS]!;
    const kind = subject === "events" ? "event" : "account";
    log.push({ seq: log.length + 1, stamp: now, kind, body: Buffer.from(JSON.stringify(event)) });
    now += EVENT_MS;
    if (now === end) break;
  }
  return { logs, end };
}

async function sourcesOf(...ids: string[]): Promise<Json[]> {
  const { definitions } = await loadDefinitions(["config/segments/product"]);
  return ids.map((id) => definitions.find(({ definition }) => definition?.id === id)!.source);
}

/** `+` and `-` of one segment, as the oracle says them. */
function saidOf(sources: readonly Json[], id: string, { logs, end }: Played): { joined: number; left: number } {
  const world = new World({ partitions: PARTITIONS });
  const said: string[] = [];
  for (const source of sources) said.push(...world.apply(new Date(START).toISOString(), [source]));
  const all = logs.flatMap((log, partition) => log.map((record) => ({ partition, record })));
  for (const { partition, record } of all.sort((a, b) => a.record.stamp - b.record.stamp)) {
    const stamp = new Date(record.stamp).toISOString();
    const deltas = world.deltas(partition, stamp, record.kind, Buffer.from(record.body).toString());
    said.push(...deltas.map(({ change, segment }) => `${change === "joined" ? "+" : "-"}${segment} `));
    said.push(...world.deliverAll(stamp));
  }
  said.push(...world.tick(new Date(end).toISOString()), ...world.deliverAll(new Date(end).toISOString()));
  const count = (sign: string): number => said.filter((line) => line.startsWith(`${sign}${id} `)).length;
  return { joined: count("+"), left: count("-") };
}

async function together(sources: readonly Json[], id: string, { logs, end }: Played): Promise<BacktestTogether> {
  const options: BacktestOptions = {
    partition: {
      partition: 0,
      partitions: PARTITIONS,
      clockMode: "log",
      clockStepMsMax: 366 * 86_400_000,
      limits: DEFAULT_LIMITS,
      pageCacheBytesMax: Number.POSITIVE_INFINITY,
      pageBytesMax: 65_536,
    },
    id,
    sources,
    vocabulary: undefined,
    zone: "UTC",
    from: START,
  };
  const run = new BacktestTogether(options);
  const sequences = logs.map(async function* (log) {
    yield* log;
  });
  for await (const { from, item } of inOrder(sequences, ({ stamp }) => stamp)) run.apply(from, item);
  run.endAt(end);
  return run;
}

test.each([
  [["seats-nearly-full"], "seats-nearly-full"],
  [["champion-left"], "champion-left"],
  [["trial-activation"], "trial-activation"],
  [["payment-trouble", "billing-contacts"], "billing-contacts"],
])("%j", async (ids, id) => {
  const sources = await sourcesOf(...ids);
  const past = played();
  const run = await together(sources, id, past);
  const parts = run.tests.map((one) => one.part());
  const report = reportOf(parts, { from: START, to: past.end, zone: "UTC" });
  const expected = saidOf(sources, id, past);
  expect(expected.left).toBeGreaterThan(0);
  expect({ joined: report.joined, left: report.left }).toEqual(expected);
  expect(report.size).toBe(expected.joined - expected.left);
});

test("what the machines know is asked as owners are asked", async () => {
  const past = played();
  const { tests } = await together(await sourcesOf("seats-nearly-full"), "seats-nearly-full", past);
  const machines = tests.map(({ machine }) => machine);
  const { explain, accountUsers } = questionsTo(machines);
  const home = machines.find((machine) => machine.account("copperfield") !== undefined)!;
  const { users, usersByRule } = home.account("copperfield")!;
  const [[rule, on]] = Object.entries(usersByRule!) as [[string, number]];
  expect(await accountUsers("copperfield", 1_000)).toHaveLength(users);
  expect(await accountUsers("copperfield", 1_000, rule)).toHaveLength(on);
  expect(await accountUsers("copperfield", 1)).toHaveLength(1);
  const { explain: root } = await explain("seats-nearly-full", "copperfield");
  expect(root!.nodes![0]!.nodes![1]!.users).toEqual({ rule, on, of: users });
  expect((await explain("seats-nearly-full", "nobody")).explain).toBeNull();
});
