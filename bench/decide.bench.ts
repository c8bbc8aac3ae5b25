// What does a page wait for a decision, with 200 of them under way at once and 5,000 events a second coming in, beside a bare
// fastify route that answers the same bytes from nowhere? Guess: twice as long; there is a hop to the owner and back.
//
// The worker and the server of each side run in processes of their own; this one publishes the events and asks. Every decision
// is about somebody whom those events flip.
import assert from "node:assert/strict";
import { Keyring } from "../lib/api/security/keyring.ts";
import { NatsKeyStore } from "../lib/nats/keys.ts";
import { type ServeSpec, serveSide } from "./sides/serve.ts";
import { type TakeInSpec, type TakerName, takeInSide } from "./sides/take-in.ts";
import { type Bench, type Row, type Sizes, size } from "./support/bench.ts";
import { beside, inChild } from "./support/child.ts";
import { runAlone } from "./support/cli.ts";
import { requestBytes, sendAll } from "./support/http-load.ts";
import { hashOf, median, millis, quantile, ratioOf, thousands } from "./support/measure.ts";
import { answered, type BenchServer, startBenchServer } from "./support/server.ts";
import { putInForce } from "./support/shard.ts";
import { SWITCH, Switching } from "./support/switching.ts";

const WORKER = beside(import.meta.url, "./sides/serve");
const SIDE = beside(import.meta.url, "./sides/take-in");
const ORDER: readonly TakerName[] = ["rollcall", "fastify"];
const GOAL = { least: 5, aim: 3, better: "less" } as const;
const USERS = 1_000;

interface Sample {
  readonly side: TakerName;
  readonly latenciesMs: readonly number[];
  readonly tookMs: number;
}

export const bench: Bench = {
  name: "decide",
  question: "200 decisions at once while events come in, beside a bare fastify route",
  sizes: {
    full: { rate: 5_000, connections: 200, requests: 40_000, seconds: 8, partitions: 32, rounds: 5 },
    quick: { rate: 5_000, connections: 200, requests: 15_000, seconds: 3, partitions: 32, rounds: 3 },
    tiny: { rate: 200, connections: 4, requests: 100, seconds: 0.2, partitions: 2, rounds: 1 },
  },
  async run(sizes, progress) {
    const partitions = size(sizes, "partitions");
    const server = await startBenchServer({ partitions, clock: "log" });
    const { nc, names, url } = server;
    const keyring = await Keyring.open(new NatsKeyStore(nc, names));
    try {
      await putInForce({ nc, names, partitions, clock: "log" }, [SWITCH]);
      const { text: key } = await keyring.create({ name: "page", role: "ingest", personal: false }, "bench");
      const spec: ServeSpec = {
        side: "worker",
        url,
        partitions,
        ready: "bench.worker.ready",
        stop: "bench.worker.stop",
      };
      const worker = inChild(WORKER, serveSide, spec);
      await Promise.race([answered(nc, spec.ready), worker.then(() => Promise.reject(new Error("the worker ended")))]);
      const switching = new Switching();
      // Compiled code on all sides, and somebody to decide about, before anything counts.
      await switching.measure(server, size(sizes, "rate"), size(sizes, "seconds"));
      const samples: Sample[] = [];
      for (let round = 0; round < size(sizes, "rounds"); round += 1) {
        for (const side of round % 2 === 0 ? ORDER : [...ORDER].reverse()) {
          progress(`round ${round + 1}: ${side}`);
          samples.push(await measureSide(server, switching, { side, key, round, sizes }));
        }
      }
      nc.publish(spec.stop);
      await worker;
      return {
        rows: [rowOf("p50", 0.5, samples), rowOf("p99", 0.99, samples)],
        checked: ["every decision was answered 200, and every event was heard of once meanwhile"],
        hash: hashOf(samples.map(({ side, latenciesMs }) => `${side} ${latenciesMs.length}`).sort()),
      };
    } finally {
      keyring.close();
      await server.stop();
    }
  },
};

interface Turn {
  readonly side: TakerName;
  readonly key: string;
  readonly round: number;
  readonly sizes: Sizes;
}

async function measureSide(server: BenchServer, switching: Switching, turn: Turn): Promise<Sample> {
  const { nc, url: natsUrl, partitions } = server;
  const { side, sizes } = turn;
  const subject = `bench.decide.${side}.${turn.round}`;
  const spec: TakeInSpec = { side, url: natsUrl, partitions, ready: `${subject}.ready`, stop: `${subject}.stop` };
  const served = inChild(SIDE, takeInSide, spec);
  const address = await Promise.race([
    answered(nc, spec.ready),
    served.then(() => Promise.reject(new Error(`${side} ended by itself`))),
  ]);
  const load = { url: address, connections: size(sizes, "connections") };
  const requests = requestsOf(size(sizes, "requests"), turn.key);
  await sendAll({ ...load, requests: requests.slice(0, Math.ceil(requests.length / 5)) });
  const [{ latenciesMs, tookMs }] = await Promise.all([
    sendAll({ ...load, requests }),
    switching.measure(server, size(sizes, "rate"), size(sizes, "seconds")),
  ]);
  nc.publish(spec.stop);
  await served;
  assert.equal(latenciesMs.length, requests.length, "a decision was not answered");
  return { side, latenciesMs, tookMs };
}

function requestsOf(count: number, key: string): Buffer[] {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  return Array.from({ length: count }, (_, index) =>
    requestBytes("POST", "/v1/decide", headers, JSON.stringify({ user: `u${(index * 7_919) % USERS}` })),
  );
}

function rowOf(label: string, share: number, samples: readonly Sample[]): Row {
  const of = (side: TakerName): Sample[] => samples.filter((sample) => sample.side === side);
  const waits = (side: TakerName): number[] => of(side).map(({ latenciesMs }) => quantile(latenciesMs, share));
  const rate = (side: TakerName): string =>
    thousands(median(of(side).map(({ latenciesMs, tookMs }) => (latenciesMs.length / tookMs) * 1_000)));
  return {
    question: `${label} of a decision`,
    ...(label === "p99" ? { goal: GOAL } : {}),
    left: { name: "rollcall", value: millis(median(waits("rollcall"))) },
    right: { name: "bare fastify", value: millis(median(waits("fastify"))) },
    ratio: ratioOf(waits("rollcall"), waits("fastify")),
    notes: ORDER.map((side) => `${side}: ${rate(side)} decisions a second`),
  };
}

await runAlone(import.meta.url, bench);
