// How long from an event's publish to the delta at a plain subscriber, beside a relay that reads the same logs and only
// passes each message on? Guess: a tenth more at the median; at p99 the watermarks show.
//
// Every event flips one person's one segment, so every event gives one delta. This process publishes and listens; the worker
// or the relay runs in a process of its own, never two at a time.
import { type ServerName, type ServeSpec, serveSide } from "./sides/serve.ts";
import { type Bench, type Progress, type Row, type Sizes, size } from "./support/bench.ts";
import { beside, inChild } from "./support/child.ts";
import { runAlone } from "./support/cli.ts";
import { hashOf, median, millis, quantile, ratioOf } from "./support/measure.ts";
import { answered, type BenchServer, forgetAll, startBenchServer } from "./support/server.ts";
import { putInForce } from "./support/shard.ts";
import { SWITCH, Switching } from "./support/switching.ts";

const GOALS = {
  p50: { least: 1.25, aim: 1.1, better: "less" },
  p99: { least: 2, aim: 1.5, better: "less" },
} as const;
const SIDE = beside(import.meta.url, "./sides/serve");
const ORDER: readonly ServerName[] = ["worker", "js.publish", "inbox"];

export const bench: Bench = {
  name: "latency",
  question: "published → delta received, beside a relay",
  sizes: {
    full: { slow: 200, middle: 2_000, fast: 8_000, seconds: 2, partitions: 32, rounds: 3 },
    quick: { slow: 200, middle: 2_000, fast: 8_000, seconds: 1, partitions: 32, rounds: 1 },
    tiny: { slow: 200, middle: 400, fast: 800, seconds: 0.1, partitions: 2, rounds: 1 },
  },
  async run(sizes, progress) {
    const partitions = size(sizes, "partitions");
    const server = await startBenchServer({ partitions, clock: "log" });
    try {
      const { nc, names } = server;
      await putInForce({ nc, names, partitions, clock: "log" }, [SWITCH]);
      const rates = ["slow", "middle", "fast"].map((key) => size(sizes, key));
      const samples: Sample[] = [];
      for (let round = 0; round < size(sizes, "rounds"); round += 1) {
        const turn = round % ORDER.length;
        for (const side of [...ORDER.slice(turn), ...ORDER.slice(0, turn)]) {
          progress(`round ${round + 1}: ${side}`);
          samples.push(...(await measureSide(server, side, rates, sizes, progress)));
        }
      }
      const received = samples.reduce((sum, { latencies }) => sum + latencies.length, 0);
      return {
        rows: rates.flatMap((rate) => rowsOf(rate, samples)),
        checked: [`each of ${received.toLocaleString("en-US")} events was heard of once`],
        hash: hashOf(samples.map(({ side, rate, latencies }) => `${side} ${rate} ${latencies.length}`).sort()),
      };
    } finally {
      await server.stop();
    }
  },
};

interface Sample {
  readonly side: ServerName;
  readonly rate: number;
  readonly latencies: readonly number[];
  /** Of the worker or relay, an event, over all rates. */
  readonly cpuUs: number;
}

let turns = 0;
const switching = new Switching();

async function measureSide(
  server: BenchServer,
  side: ServerName,
  rates: readonly number[],
  sizes: Sizes,
  progress: Progress,
): Promise<Sample[]> {
  await forgetAll(server);
  turns += 1;
  const before = switching.sent;
  const [ready, stop] = [`bench.ready.${turns}`, `bench.stop.${turns}`];
  const spec: ServeSpec = { side, url: server.url, partitions: server.partitions, ready, stop };
  const ended = inChild(SIDE, serveSide, spec);
  await Promise.race([
    answered(server.nc, ready),
    ended.then(() => Promise.reject(new Error(`${side} ended by itself`))),
  ]);
  // Compiled code on both sides before anything counts.
  progress(`${side}: warmed`);
  await switching.measure(server, rates[1]!, size(sizes, "seconds"));
  const samples: Omit<Sample, "cpuUs">[] = [];
  for (const rate of rates) {
    progress(`${side}: ${rate} events a second`);
    samples.push({ side, rate, latencies: await switching.measure(server, rate, size(sizes, "seconds")) });
  }
  server.nc.publish(stop);
  const { cpuUs } = await ended;
  const events = switching.sent - before;
  return samples.map((sample) => ({ ...sample, cpuUs: cpuUs / events }));
}

function rowsOf(rate: number, samples: readonly Sample[]): Row[] {
  const of = (side: ServerName, share: number): number[] =>
    samples.filter((one) => one.side === side && one.rate === rate).map(({ latencies }) => quantile(latencies, share));
  const cpu = (side: ServerName): string =>
    `${median(samples.filter((one) => one.side === side).map(({ cpuUs }) => cpuUs)).toFixed(0)} µs`;
  return (["js.publish", "inbox"] as const).flatMap((relay) =>
    (
      [
        ["p50", 0.5],
        ["p99", 0.99],
      ] as const
    ).map(([label, share]): Row => {
      const [worker, other] = [of("worker", share), of(relay, share)];
      return {
        question: `${label} at ${rate.toLocaleString("en-US")} events/s ÷ a relay with ${relay === "inbox" ? "one shared inbox" : "js.publish"}`,
        goal: GOALS[label],
        left: { name: "worker", value: millis(median(worker)) },
        right: { name: "relay", value: millis(median(other)) },
        ratio: ratioOf(worker, other),
        notes:
          label === "p50"
            ? [`processor time an event, over all rates: worker ${cpu("worker")}, relay ${cpu(relay)}`]
            : [],
      };
    }),
  );
}

await runAlone(import.meta.url, bench);
