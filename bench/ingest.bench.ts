// How much of what a bare fastify route takes, that publishes each event and waits for its acknowledgement, does the product's
// door take, with a key, an envelope, a look at the browser and the place, and de-duplication? Guess: three quarters.
//
// The server of each side runs in a process of its own, never two at a time; this one sends, over kept connections, what the
// library for pages sends. Nobody reads the logs meanwhile. Beside the rates stand what each process spent: on a machine that
// is shared, the processor time of an event is the quieter figure, and it tells which process was the narrow one.
import assert from "node:assert/strict";
import { Keyring } from "../lib/api/security/keyring.ts";
import { NatsKeyStore } from "../lib/nats/keys.ts";
import { type TakeInSpec, type TakerName, takeInSide } from "./sides/take-in.ts";
import { type Bench, type Row, type Sizes, size } from "./support/bench.ts";
import { beside, inChild } from "./support/child.ts";
import { runAlone } from "./support/cli.ts";
import { requestBytes, sendAll } from "./support/http-load.ts";
import { cpuOf, hashOf, median, micros, millis, ownCpu, quantile, ratioOf, thousands } from "./support/measure.ts";
import { answered, type BenchServer, logEnds, startBenchServer } from "./support/server.ts";

const SIDE = beside(import.meta.url, "./sides/take-in");
const ORDER: readonly TakerName[] = ["rollcall", "fastify", "inbox"];
const LABELS: Readonly<Record<TakerName, string>> = {
  rollcall: "rollcall",
  fastify: "bare fastify",
  inbox: "bare fastify, our publisher",
};
const WHAT_THEY_DO = [
  "rollcall: key, limits, depth, envelope, place, device and clock written in, Nats-Msg-Id, acknowledged, position answered",
  "bare fastify: JSON parsed and written, the client's request to the same subject, acknowledged; no key, no headers",
  "bare fastify, our publisher: the same, over one inbox, with one write a turn of the loop",
] as const;
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
  readonly tookMs: number;
  readonly p99Ms: number;
  /** Microseconds of processor time: of the side, of nats-server, of this process, which sends. */
  readonly spent: Spent;
}

interface Spent {
  readonly side: number;
  readonly server: number;
  readonly client: number;
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
        for (const way of ways) {
          for (const side of round % 2 === 0 ? ORDER : [...ORDER].reverse()) {
            progress(`round ${round + 1}: ${LABELS[side]}, ${way.name}`);
            samples.push(await measure(server, { side, key, round, way, sizes }));
          }
        }
      }
      const stored = samples.reduce((sum, { events }) => sum + events, 0);
      return {
        rows: ways.flatMap((way) => rowsOf(way, samples)),
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
  readonly way: Way;
  readonly sizes: Sizes;
}

async function measure(server: BenchServer, { side, key, round, way, sizes }: Turn): Promise<Sample> {
  const { nc, url: natsUrl, partitions } = server;
  const subject = `bench.${side}.${round}.${way.eventsARequest}`;
  const spec = {
    side,
    url: natsUrl,
    partitions,
    ready: `${subject}.ready`,
    stop: `${subject}.stop`,
    cpu: `${subject}.cpu`,
  } satisfies TakeInSpec;
  const served = inChild(SIDE, takeInSide, spec);
  const url = await Promise.race([
    answered(nc, spec.ready),
    served.then(() => Promise.reject(new Error("it stopped"))),
  ]);
  const spent = async (): Promise<Spent> => {
    const ofSide = Number(await answered(nc, spec.cpu));
    return { side: ofSide, server: cpuOf(server.pid), client: ownCpu() };
  };
  const [warmUp, events] = [Math.ceil(size(sizes, "events") / 5), size(sizes, "events")];
  const stored = await storedIn(server);
  const load = { url, connections: size(sizes, "connections") };
  await sendAll({ ...load, requests: requestsOf(way, warmUp, key, `${subject} warm`) });
  const requests = requestsOf(way, events, key, subject);
  const before = await spent();
  const { tookMs, latenciesMs } = await sendAll({ ...load, requests });
  const after = await spent();
  nc.publish(spec.stop);
  await served;
  const sent = rounded(way, events) + rounded(way, warmUp);
  assert.equal(
    (await storedIn(server)) - stored,
    sent,
    `${side} answered ${sent} events, and the logs hold other ones`,
  );
  return {
    side,
    way,
    events: rounded(way, events),
    tookMs,
    p99Ms: quantile(latenciesMs, 0.99),
    spent: {
      side: after.side - before.side,
      server: after.server - before.server,
      client: after.client - before.client,
    },
  };
}

async function storedIn(server: BenchServer): Promise<number> {
  return (await logEnds(server)).reduce((sum, end) => sum + end, 0);
}

function rounded({ eventsARequest }: Way, events: number): number {
  return Math.ceil(events / eventsARequest) * eventsARequest;
}

/** As the library for pages sends them: the key in the header and in the body, and a batch says once when it was sent. */
function requestsOf({ eventsARequest }: Way, events: number, key: string, run: string): Buffer[] {
  const headers = {
    authorization: `Basic ${Buffer.from(`${key}:`).toString("base64")}`,
    "content-type": "application/json",
    "user-agent": CHROME,
  };
  return Array.from({ length: Math.ceil(events / eventsARequest) }, (_, request) => {
    const sentAt = new Date().toISOString();
    const batch = Array.from({ length: eventsARequest }, (_, index) =>
      eventOf(request * eventsARequest + index, key, run),
    );
    return eventsARequest === 1
      ? requestBytes("POST", "/v1/track", headers, JSON.stringify({ ...batch[0]!, sentAt }))
      : requestBytes("POST", "/v1/batch", headers, JSON.stringify({ writeKey: key, batch, sentAt }));
  });
}

function eventOf(index: number, writeKey: string, run: string) {
  return {
    timestamp: new Date().toISOString(),
    integrations: {},
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
    writeKey,
    _metadata: { bundled: ["Segment.io"], unbundled: [], bundledIds: [] },
  };
}

function rowsOf(way: Way, samples: readonly Sample[]): Row[] {
  const of = (side: TakerName): Sample[] => samples.filter((sample) => sample.side === side && sample.way === way);
  const rates = (side: TakerName): number[] => of(side).map(({ events, tookMs }) => (events / tookMs) * 1_000);
  const costs = (side: TakerName): number[] => of(side).map(({ events, spent }) => spent.side / events);
  const rate = (side: TakerName) => ({ name: LABELS[side], value: thousands(median(rates(side))) });
  const cost = (side: TakerName) => ({ name: LABELS[side], value: micros(median(costs(side))) });
  return [
    {
      question: `events taken in, ${way.name}`,
      goal: GOAL,
      left: rate("rollcall"),
      right: rate("fastify"),
      ratio: ratioOf(rates("rollcall"), rates("fastify")),
      notes: [...(way === samples[0]?.way ? WHAT_THEY_DO : []), ...ORDER.map((side) => busyNote(side, of(side)))],
    },
    {
      question: `processor time of the side for an event, ${way.name}`,
      left: cost("fastify"),
      right: cost("rollcall"),
      ratio: ratioOf(costs("fastify"), costs("rollcall")),
    },
    {
      question: `events taken in beside the fastest acknowledged publish, ${way.name}`,
      left: rate("rollcall"),
      right: rate("inbox"),
      ratio: ratioOf(rates("rollcall"), rates("inbox")),
      notes: [`processor time: ${cost("inbox").value} an event of ${LABELS.inbox}`],
    },
  ];
}

/** Which process was the narrow one: of a thread that does all the work, a hundred of a hundred is all there is. */
function busyNote(side: TakerName, samples: readonly Sample[]): string {
  const busy = (who: keyof Spent): string =>
    `${median(samples.map(({ spent, tookMs }) => spent[who] / tookMs / 10)).toFixed(0)} %`;
  const p99 = millis(median(samples.map(({ p99Ms }) => p99Ms)));
  return `${LABELS[side]}: its process ${busy("side")} of one processor, nats-server ${busy("server")}, who sends ${busy("client")}; p99 ${p99}`;
}

await runAlone(import.meta.url, bench);
