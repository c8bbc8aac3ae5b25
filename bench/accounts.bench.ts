// An account with a hundred thousand users flips, and each of them joins or leaves a segment for it: how soon has everybody
// been told, and does the worker's thread stand still for it? Guess: as soon as after a definition that lets as many join.
//
// The same load as in the latency bench is measured before, and over and over while flips spread, on and off in turns, and
// last while the definition does.
import { partitionOf } from "../lib/core/ids.ts";
import { LogWriter } from "../lib/import/log-writer.ts";
import { NatsControlLog } from "../lib/nats/control-log.ts";
import { Questions } from "../lib/nats/questions.ts";
import { serveSide } from "./sides/serve.ts";
import { type Bench, type Progress, type Sizes, size } from "./support/bench.ts";
import { beside, inChild } from "./support/child.ts";
import { runAlone } from "./support/cli.ts";
import { hashOf, median, millis, quantile, ratioOf } from "./support/measure.ts";
import { type BenchServer, startBenchServer } from "./support/server.ts";
import { putInForce } from "./support/shard.ts";
import { SWITCH, Switching } from "./support/switching.ts";
import { verified } from "./support/verified.ts";

const GOAL = { least: 1.5, aim: 1.1, better: "less" } as const;
const SIDE = beside(import.meta.url, "./sides/serve");
const ACCOUNT = "acme";
const DEFINITIONS = [
  { id: "big", kind: "account", rule: { trait: { plan: "big" } } },
  { id: "colleague", kind: "user", rule: { account: { segment: { in: ["big"] } } } },
  SWITCH,
];
/** The same people as the account has, by something that everybody is asked for. */
const STRANGERS = { id: "strangers", rule: { not: { trait: { on: { exists: true } } } } };
const SLICE_S = 1;
const LOOK_MS = 100;

export const bench: Bench = {
  name: "accounts",
  question: "a flip of an account with many users, while deltas flow",
  sizes: {
    full: { users: 100_000, flips: 6, rate: 200, before: 10, partitions: 32 },
    quick: { users: 20_000, flips: 2, rate: 200, before: 4, partitions: 32 },
    tiny: { users: 200, flips: 2, rate: 100, before: 1, partitions: 2 },
  },
  async run(sizes, progress) {
    const partitions = size(sizes, "partitions");
    const server = await startBenchServer({ partitions, clock: "log" });
    try {
      const { nc, names } = server;
      await putInForce({ nc, names, partitions, clock: "log" }, DEFINITIONS);
      await bringIn(server, sizes, progress);
      const subjects = { ready: "bench.ready", stop: "bench.stop", pauses: "bench.pauses" } as const;
      const ended = inChild(SIDE, serveSide, { side: "worker", url: server.url, partitions, ...subjects });
      await allAreIn(server, sizes, progress);
      const switching = new Switching();
      progress("before");
      await longestPause(server);
      const before = await switching.measure(server, size(sizes, "rate"), size(sizes, "before"));
      const pauseBefore = await longestPause(server);
      const spread: Spread[] = [];
      for (let flip = 0; flip < size(sizes, "flips"); flip += 1) {
        const on = flip % 2 === 0;
        progress(on ? "everybody joins" : "everybody leaves");
        const change = { segment: "colleague", change: on ? "joined" : "left" } as const;
        spread.push(await untilAllAreTold(server, sizes, switching, change, async () => changePlan(server, on)));
      }
      progress("a definition lets everybody join");
      const change = { segment: STRANGERS.id, change: "joined" } as const;
      const sweep = await untilAllAreTold(server, sizes, switching, change, () => define(server));
      progress("recomputing everything");
      const verdict = await verified(server);
      nc.publish("bench.stop");
      await ended;
      return resultOf(sizes, { before, pauseBefore, spread, sweep, verdict });
    } finally {
      await server.stop();
    }
  },
};

interface Spread {
  readonly during: readonly number[];
  readonly pauseMs: number;
  readonly tookMs: number;
}

interface Measured {
  readonly before: readonly number[];
  readonly pauseBefore: number;
  readonly spread: readonly Spread[];
  readonly sweep: Spread;
  readonly verdict: string;
}

function resultOf(sizes: Sizes, { before, pauseBefore, spread, sweep, verdict }: Measured) {
  const users = size(sizes, "users").toLocaleString("en-US");
  const during = spread.flatMap((one) => one.during);
  const times = spread.map(({ tookMs }) => tookMs);
  const pauseMs = Math.max(...spread.map((one) => one.pauseMs));
  const heard = before.length + during.length + sweep.during.length;
  const [left, right] = [quantile(during, 0.5), quantile(before, 0.5)];
  return {
    rows: [
      {
        question: `a flip of an account with ${users} users until everybody was told ÷ a definition that lets them join`,
        goal: GOAL,
        left: { name: "flip", value: millis(median(times)) },
        right: { name: "definition", value: millis(sweep.tookMs) },
        ratio: ratioOf([median(times)], [sweep.tookMs]),
      },
      {
        question: "longest pause of the worker's thread while a flip spreads ÷ before",
        left: { name: "during", value: millis(pauseMs) },
        right: { name: "before", value: millis(pauseBefore) },
        ratio: ratioOf([pauseMs], [pauseBefore]),
        notes: [`while the definition spreads: ${millis(sweep.pauseMs)}`],
      },
      {
        question: `p50 of published → delta at ${size(sizes, "rate")} events/s while a flip spreads ÷ before`,
        left: { name: "during", value: millis(left) },
        right: { name: "before", value: millis(right) },
        ratio: ratioOf([left], [right]),
        notes: ["a partition says everything in its order: these wait for those of the flip"],
      },
    ],
    checked: [
      `each of ${heard.toLocaleString("en-US")} events was heard of once, and each user of ${spread.length} flips`,
      `replay --verify: ${verdict}`,
    ],
    hash: hashOf([`${users} users`, `${spread.length} flips`]),
  };
}

/** As an importer does: straight into the logs, before there is a worker. */
async function bringIn({ nc, names, partitions }: BenchServer, sizes: Sizes, progress: Progress): Promise<void> {
  const users = size(sizes, "users");
  const writer = new LogWriter({ nc, names, partitions, mark: "accounts" });
  const bytes = new TextEncoder();
  for (let index = 0; index < users; index += 1) {
    const userId = `m${index}`;
    const body = { type: "group", userId, groupId: ACCOUNT };
    await writer.add(partitionOf(userId, partitions), index + 1, bytes.encode(JSON.stringify(body)));
    if (index % 10_000 === 0) progress(`${index.toLocaleString("en-US")} of ${users.toLocaleString("en-US")} users`);
  }
  await writer.flush();
}

async function allAreIn({ nc, names, partitions }: BenchServer, sizes: Sizes, progress: Progress): Promise<void> {
  const questions = new Questions(nc, names, partitions);
  for (;;) {
    const users = (await questions.account(ACCOUNT).catch(() => undefined))?.account?.users ?? 0;
    progress(`the account has ${users.toLocaleString("en-US")} users`);
    if (users === size(sizes, "users")) break;
    await pause();
  }
  // Their answers, and whatever else is on its way.
  while (!(await questions.status()).every((status) => status?.lag === 0)) await pause();
}

/** Begins something that lets everybody join or leave, and measures until each of them has been told. */
async function untilAllAreTold(
  server: BenchServer,
  sizes: Sizes,
  switching: Switching,
  { segment, change }: { readonly segment: string; readonly change: "joined" | "left" },
  begin: () => Promise<void>,
): Promise<Spread> {
  const { nc, names } = server;
  const users = size(sizes, "users");
  const told = { count: 0, tookMs: 0 };
  const startedMs = performance.now();
  const listening = nc.subscribe(names.segmentSubject(segment, change), {
    callback: () => {
      told.count += 1;
      if (told.count === users) told.tookMs = performance.now() - startedMs;
    },
  });
  await nc.flush();
  await longestPause(server);
  await begin();
  const during: number[] = [];
  do during.push(...(await switching.measure(server, size(sizes, "rate"), SLICE_S)));
  while (told.count < users);
  const pauseMs = await longestPause(server);
  listening.unsubscribe();
  if (told.count !== users) throw new Error(`${told.count} of ${users} users were told`);
  return { during, pauseMs, tookMs: told.tookMs };
}

function changePlan({ nc, names }: BenchServer, on: boolean): void {
  const body = { type: "group", groupId: ACCOUNT, traits: { plan: on ? "big" : "small" } };
  nc.publish(names.accountSubject(ACCOUNT), JSON.stringify(body));
}

async function define({ nc, names }: BenchServer): Promise<void> {
  const control = new NatsControlLog(nc, names);
  const entry = { op: "apply", define: [STRANGERS], remove: [] } as const;
  await control.append(entry, await control.lastRevision());
}

async function longestPause({ nc }: BenchServer): Promise<number> {
  return (await nc.request("bench.pauses", "", { timeout: 10_000 })).json<number>();
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

await runAlone(import.meta.url, bench);
