// A rule that asks something new of a long past, while people come and go: how fast the past is read, and what everybody
// else feels of it. Guess: the median doubles, for the fold and the live path share a thread.
//
// The logs are filled first; then the same load as in the latency bench is measured before, and over and over while the
// history is folded. In the end the oracle recomputes everything.
import { appendEntry } from "../lib/api/segments/apply.ts";
import { Catalogue } from "../lib/api/segments/catalogue.ts";
import { preparationsOf } from "../lib/api/segments/preparations.ts";
import { duration } from "../lib/cli/numbers.ts";
import { partitionOf } from "../lib/core/ids.ts";
import { DEFAULT_LIMITS } from "../lib/core/types.ts";
import { LogWriter } from "../lib/import/log-writer.ts";
import { NatsControlLog } from "../lib/nats/control-log.ts";
import { Questions } from "../lib/nats/questions.ts";
import { serveSide } from "./sides/serve.ts";
import { type Bench, type Progress, type Sizes, size } from "./support/bench.ts";
import { beside, inChild } from "./support/child.ts";
import { runAlone } from "./support/cli.ts";
import { randomFrom } from "./support/load.ts";
import { hashOf, millis, quantile, ratioOf } from "./support/measure.ts";
import { type BenchServer, startBenchServer } from "./support/server.ts";
import { putInForce } from "./support/shard.ts";
import { SWITCH, Switching } from "./support/switching.ts";
import { verified } from "./support/verified.ts";

const GOALS = {
  p50: { least: 3, aim: 1.5, better: "less" },
  p99: { least: 6, aim: 3, better: "less" },
} as const;
const SIDE = beside(import.meta.url, "./sides/serve");
const PAGES = ["Home", "Product Viewed", "Cart Viewed", "Search"];
const DAY_MS = 86_400_000;
/** People who looked at many products lately: of everybody's past, and new to everybody's counters. */
const ASKED = {
  id: "keen",
  rule: {
    all: [
      { event: { name: "Product Viewed", count: { gte: 3 }, window: { last: "30d" } } },
      { event: { name: "Search", count: { eq: 0 }, window: { last: "7d" } } },
    ],
  },
};
const SLICE_S = 2;

export const bench: Bench = {
  name: "backfill",
  question: "a rule that asks history, while deltas flow",
  sizes: {
    full: { events: 5_000_000, people: 500_000, rate: 200, before: 10, partitions: 32 },
    quick: { events: 500_000, people: 50_000, rate: 200, before: 4, partitions: 32 },
    tiny: { events: 2_000, people: 200, rate: 100, before: 1, partitions: 2 },
  },
  async run(sizes, progress) {
    const partitions = size(sizes, "partitions");
    const server = await startBenchServer({ partitions, clock: "log" });
    try {
      const { nc, names } = server;
      await putInForce({ nc, names, partitions, clock: "log" }, [SWITCH]);
      await fillLogs(server, sizes, progress);
      const spec = { side: "worker", url: server.url, partitions, ready: "bench.ready", stop: "bench.stop" } as const;
      const ended = inChild(SIDE, serveSide, spec);
      await caughtUp(server, sizes, progress);
      const switching = new Switching();
      progress("before");
      const before = await switching.measure(server, size(sizes, "rate"), size(sizes, "before"));
      const { during, members, tookMs } = await define(server, sizes, switching, progress);
      if (members === 0) throw new Error(`nobody joined ${ASKED.id}: such a fold shows nothing`);
      progress("recomputing everything");
      const verdict = await verified(server);
      nc.publish("bench.stop");
      await ended;
      const events = size(sizes, "events");
      return {
        rows: (["p50", "p99"] as const).map((label) => {
          const share = label === "p50" ? 0.5 : 0.99;
          const [left, right] = [quantile(during, share), quantile(before, share)];
          return {
            question: `${label} of published → delta at ${size(sizes, "rate")} events/s, while ${events.toLocaleString("en-US")} messages are folded ÷ before`,
            goal: GOALS[label],
            left: { name: "during", value: millis(left) },
            right: { name: "before", value: millis(right) },
            ratio: ratioOf([left], [right]),
            notes:
              label === "p50"
                ? [
                    `in force after ${duration(tookMs)}: ${Math.round((events / tookMs) * 1_000).toLocaleString("en-US")} messages a second`,
                  ]
                : [],
          };
        }),
        checked: [
          `each of ${(before.length + during.length).toLocaleString("en-US")} events was heard of once, ${during.length.toLocaleString("en-US")} of them during the fold`,
          `replay --verify: ${verdict}; ${members.toLocaleString("en-US")} joined the new segment`,
        ],
        hash: hashOf([`${events} events`, `${members} members`]),
      };
    } finally {
      await server.stop();
    }
  },
};

/** As an importer does: atomic batches, straight into the logs; their times are of the last sixty days. */
async function fillLogs({ nc, names, partitions }: BenchServer, sizes: Sizes, progress: Progress): Promise<void> {
  const [events, people] = [size(sizes, "events"), size(sizes, "people")];
  const writer = new LogWriter({ nc, names, partitions, mark: "backfill" });
  const nowMs = Date.now();
  const random = randomFrom(1);
  const bytes = new TextEncoder();
  for (let index = 0; index < events; index += 1) {
    // A multiplier without a common factor scatters people over the time.
    const userId = `m${(index * 7_919) % people}`;
    const timestamp = nowMs - Math.floor(60 * DAY_MS * (1 - index / events));
    const event = PAGES[Math.floor(random() * PAGES.length)]!;
    const body = {
      type: "track",
      event,
      userId,
      timestamp,
      properties: { product_id: `p${index % 997}`, price: index % 200 },
    };
    await writer.add(partitionOf(userId, partitions), index + 1, bytes.encode(JSON.stringify(body)));
    if (index % 100_000 === 0)
      progress(`${index.toLocaleString("en-US")} of ${events.toLocaleString("en-US")} events logged`);
  }
  await writer.flush();
}

async function caughtUp({ nc, names, partitions }: BenchServer, sizes: Sizes, progress: Progress): Promise<void> {
  const questions = new Questions(nc, names, partitions);
  for (;;) {
    const statuses = await questions.status();
    const done = statuses.reduce((sum, status) => sum + (status?.position ?? 0), 0);
    progress(`the worker has processed ${done.toLocaleString("en-US")}`);
    if (done >= size(sizes, "events") && statuses.every((status) => status?.lag === 0 && status.unsaid === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Applies the rule and measures until it is in force everywhere. */
async function define({ nc, names, partitions }: BenchServer, sizes: Sizes, switching: Switching, progress: Progress) {
  const control = new NatsControlLog(nc, names);
  const catalogue = await Catalogue.open(control, DEFAULT_LIMITS);
  const questions = new Questions(nc, names, partitions);
  const startedMs = performance.now();
  const revision = await appendEntry(control, catalogue, () => ({ op: "apply", define: [ASKED], remove: [] }));
  const during: number[] = [];
  const tell = async (): Promise<void> => {
    const [preparation] = preparationsOf(catalogue.state, await questions.status());
    if (preparation === undefined) return;
    const { done, total, perSecond, leftMs } = preparation;
    const left = leftMs === null ? "" : `, ${duration(leftMs)} left`;
    progress(
      `folded ${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}, ${perSecond.toLocaleString("en-US")}/s${left}`,
    );
  };
  const timer = setInterval(() => void tell().catch(() => undefined), 1_000);
  const inForce = async (): Promise<boolean> => {
    if (catalogue.state.pending.has(revision!)) return false;
    return (await questions.status()).every((status) => status !== null && status.revision > revision!);
  };
  try {
    do during.push(...(await switching.measure({ nc, names }, size(sizes, "rate"), SLICE_S)));
    while (!(await inForce()));
  } finally {
    clearInterval(timer);
    catalogue.stop();
  }
  const tookMs = performance.now() - startedMs;
  return { during, tookMs, members: (await questions.sizes()).sizes[ASKED.id] ?? 0 };
}

await runAlone(import.meta.url, bench);
