// How much of what a bare fastify route takes, that publishes each event and waits for its acknowledgement, does the product's
// door take, with a key, an envelope, a look at the browser and the place, and de-duplication? Guess: three quarters.
//
// The server of each side runs in a process of its own, never two at a time; this one sends, over kept connections, what the
// library for pages sends. Nobody reads the logs meanwhile.
import assert from "node:assert/strict";
import { Keyring } from "../lib/api/security/keyring.ts";
import { NatsKeyStore } from "../lib/nats/keys.ts";
import { type TakeInSpec, type TakerName, takeInSide } from "./sides/take-in.ts";
import { type Bench, type Row, type Sizes, size } from "./support/bench.ts";
import { beside, inChild } from "./support/child.ts";
import { runAlone } from "./support/cli.ts";
import { requestBytes, sendAll } from "./support/http-load.ts";
import { hashOf, median, micros, millis, quantile, ratioOf, thousands } from "./support/measure.ts";
import { answered, type BenchServer, logEnds, startBenchServer } from "./support/server.ts";

const SIDE = beside(import.meta.url, "./sides/take-in");
const ORDER: readonly TakerName[] = ["rollcall", "fastify"];
const GOAL = { least: 0.5, aim: 0.7, better: "more" } as const;
const USERS = 5_000;
const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36";

interface Way {
  readonly name: string;
  readonly eventsARequest: number;
}

interface Sample {
  readonly side: TakerName;
  readonly way: Way;
  readonly events: number;
  readonly perSecond: number;
  readonly cpuUsAnEvent: number;
  readonly p99Ms: number;
}

export const bench: Bench = {
  name: "ingest",
  question: "events by HTTP, beside a bare fastify route with an acknowledged publish",
  sizes: {
    full: { events: 60_000, batch: 50, connections: 64, partitions: 32, rounds: 5 },
    quick: { events: 20_000, batch: 50, connections: 64, partitions: 32, rounds: 3 },
    tiny: { events: 200, batch: 10, connections: 4, partitions: 2, rounds: 1 },
  },
  async run(sizes, progress) {
    const server = await startBenchServer({ partitions: size(sizes, "partitions"), clock: "log" });
    const keyring = await Keyring.open(new NatsKeyStore(server.nc, server.names));
    try {
      const { text: key } = await keyring.create({ name: "page", role: "ingest", personal: false }, "bench");
      const ways: readonly Way[] = [
        { name: "one event a request", eventsARequest: 1 },
        { name: `${size(sizes, "batch")} events a request`, eventsARequest: size(sizes, "batch") },
      ];
      const samples: Sample[] = [];
      for (let round = 0; round < size(sizes, "rounds"); round += 1) {
        for (const side of round % 2 === 0 ? ORDER : [...ORDER].reverse()) {
          progress(`round ${round + 1}: ${side}`);
          samples.push(...(await measureSide(server, { side, key, round, ways, sizes })));
        }
      }
      const stored = samples.reduce((sum, { events }) => sum + events, 0);
      return {
        rows: ways.map((way) => rowOf(way, samples)),
        checked: [`each of ${stored.toLocaleString("en-US")} events that were answered stands in a log once`],
        hash: hashOf(samples.map(({ side, way, events }) => `${side} ${way.name} ${events}`).sort()),
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
  readonly ways: readonly Way[];
  readonly sizes: Sizes;
}

async function measureSide(server: BenchServer, { side, key, round, ways, sizes }: Turn): Promise<Sample[]> {
  const { nc, url: natsUrl, partitions } = server;
  const samples: Sample[] = [];
  for (const way of ways) {
    const subject = `bench.${side}.${round}.${way.eventsARequest}`;
    const spec: TakeInSpec = { side, url: natsUrl, partitions, ready: `${subject}.ready`, stop: `${subject}.stop` };
    const served = inChild(SIDE, takeInSide, spec);
    const url = await Promise.race([
      answered(nc, spec.ready),
      served.then(() => Promise.reject(new Error("it stopped"))),
    ]);
    const events = size(sizes, "events");
    const warmUp = Math.ceil(events / 5);
    const before = await storedIn(server);
    const load = { url, connections: size(sizes, "connections") };
    await sendAll({ ...load, requests: requestsOf(way, warmUp, key, `${subject} warm`) });
    const { tookMs, latenciesMs } = await sendAll({ ...load, requests: requestsOf(way, events, key, subject) });
    nc.publish(spec.stop);
    const { cpuUs } = await served;
    const sent = rounded(way, events) + rounded(way, warmUp);
    assert.equal(
      (await storedIn(server)) - before,
      sent,
      `${side} answered ${sent} events, and the logs hold other ones`,
    );
    samples.push({
      side,
      way,
      events: rounded(way, events),
      perSecond: (rounded(way, events) / tookMs) * 1_000,
      cpuUsAnEvent: cpuUs / sent,
      p99Ms: quantile(latenciesMs, 0.99),
    });
  }
  return samples;
}

async function storedIn(server: BenchServer): Promise<number> {
  return (await logEnds(server)).reduce((sum, end) => sum + end, 0);
}

function rounded({ eventsARequest }: Way, events: number): number {
  return Math.ceil(events / eventsARequest) * eventsARequest;
}

/** As the library for pages sends them: a key in the header, its own context, text/plain in the way of JSON. */
function requestsOf({ eventsARequest }: Way, events: number, key: string, run: string): Buffer[] {
  const headers = {
    authorization: `Basic ${Buffer.from(`${key}:`).toString("base64")}`,
    "content-type": "application/json",
    "user-agent": CHROME,
  };
  return Array.from({ length: Math.ceil(events / eventsARequest) }, (_, request) => {
    const batch = Array.from({ length: eventsARequest }, (_, index) => eventOf(request * eventsARequest + index, run));
    const body = eventsARequest === 1 ? batch[0]! : { batch, sentAt: batch[0]!.sentAt };
    return requestBytes("POST", eventsARequest === 1 ? "/v1/track" : "/v1/batch", headers, JSON.stringify(body));
  });
}

function eventOf(index: number, run: string) {
  const at = new Date(Date.now()).toISOString();
  return {
    type: "track",
    userId: `user-${(index * 7_919) % USERS}`,
    anonymousId: `anonymous-${(index * 7_919) % USERS}`,
    event: "Product Viewed",
    properties: { product_id: `sku-${index % 900}`, category: "shoes", price: 59.9, currency: "USD" },
    context: {
      page: { path: "/shoes", url: "https://shop.example/shoes", title: "Shoes", referrer: "" },
      userAgent: CHROME,
      locale: "en-US",
      timezone: "Europe/Berlin",
      library: { name: "analytics.js", version: "npm:next-1.84.3" },
    },
    messageId: `ajs-next-${run}-${index}`,
    timestamp: at,
    sentAt: at,
  };
}

function rowOf(way: Way, samples: readonly Sample[]): Row {
  const of = (side: TakerName): Sample[] => samples.filter((sample) => sample.side === side && sample.way === way);
  const rates = (side: TakerName): number[] => of(side).map(({ perSecond }) => perSecond);
  const noteOf = (side: TakerName): string =>
    `${side}: ${micros(median(of(side).map(({ cpuUsAnEvent }) => cpuUsAnEvent)))} of processor an event, p99 ${millis(median(of(side).map(({ p99Ms }) => p99Ms)))}`;
  return {
    question: `events taken in, ${way.name}`,
    goal: GOAL,
    left: { name: "rollcall", value: thousands(median(rates("rollcall"))) },
    right: { name: "bare fastify", value: thousands(median(rates("fastify"))) },
    ratio: ratioOf(rates("rollcall"), rates("fastify")),
    notes: ORDER.map(noteOf),
  };
}

await runAlone(import.meta.url, bench);
