// Time series through the real system: two processes that could count, workers and they killed by turns, a server in between.
// What they come to is what the stream SEGMENTS holds, delta by delta, in every step; and the lists beside it are whole.
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeDelta } from "../../lib/core/deltas.ts";
import type { Delta } from "../../lib/core/types.ts";
import { NatsSeriesStore } from "../../lib/nats/series.ts";
import { StreamReader } from "../../lib/nats/stream-reader.ts";
import { cellOf, STEP_MS, STEPS, type Step, startOf } from "../../lib/series/cells.ts";
import { Listener, track } from "../support/listener.ts";
import type { Watched } from "../support/processes.ts";
import { RealCluster, tell, urlOf } from "../support/real-cluster.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
const PEOPLE = 60;
const ROUNDS = 6;
const SEGMENTS = `
segments:
  - { id: in-cart, rule: { cart: { value: { gt: 0 } } } }
  - { id: full-cart, rule: { cart: { value: { gte: 100 } } } }
  - { id: buyers, rule: { order: { count: { gte: 1 } } } }
`;
const IDS = ["in-cart", "full-cart", "buyers"];

let cluster: RealCluster;
let client: Listener;
let store: NatsSeriesStore;
let worker: Watched;

beforeAll(async () => {
  cluster = await RealCluster.open({ partitions: PARTITIONS });
  worker = cluster.worker();
  await cluster.everyPartitionRuns();
  await cluster.apply([await cluster.processes.fileOf("segments.yaml", SEGMENTS)]);
  client = await Listener.open(cluster.server.url);
  store = new NatsSeriesStore(cluster.nc, cluster.server.names);
});

afterAll(async () => {
  await client?.close();
  await cluster?.close();
});

/** Everybody does something that lets some of them join and others leave. */
async function round(number: number): Promise<void> {
  const sent = Array.from({ length: PEOPLE }, (_, person) => {
    const id = `p${person}`;
    switch ((person + number) % 3) {
      case 0:
        return client.send(id, track(id, "Product Added", { product_id: "sku", price: person % 2 === 0 ? 150 : 20 }));
      case 1:
        return client.send(id, track(id, "Cart Cleared"));
      default:
        return client.send(id, track(id, "Order Completed", { order_id: `o${person}-${number}`, total: 10 }));
    }
  });
  await Promise.all(sent);
}

async function restartServer(): Promise<void> {
  await cluster.server.restart();
  const answers = () =>
    store.lastMessage().then(
      () => true,
      () => false,
    );
  await until("the server answers", answers);
}

async function said(): Promise<Delta[]> {
  const to = await store.lastDelta();
  return new Promise((resolve, reject) => {
    const found: Delta[] = [];
    let next = 1;
    const reader = new StreamReader({
      nc: cluster.nc,
      stream: cluster.server.names.segmentsStream,
      filters: ["segment.*.*"],
      next: () => next,
      room: () => 1_000,
      onMessage: (message, { seq }) => {
        next = seq + 1;
        found.push(decodeDelta(message.string()));
        if (seq < to) return;
        reader.stop();
        resolve(found);
      },
      onFault: reject,
    });
  });
}

interface Answer {
  readonly items: readonly {
    readonly at: string;
    readonly joined: number;
    readonly left: number;
    readonly size: number;
  }[];
  readonly counted: { readonly seq: number; readonly behind: boolean };
}

function expected(deltas: readonly Delta[], segment: string, step: Step, from: number, to: number): Answer["items"] {
  const own = deltas.filter((delta) => delta.segment === segment);
  const cells = Array.from(
    { length: cellOf(to - 1, step) - cellOf(from, step) + 1 },
    (_, index) => cellOf(from, step) + index,
  );
  const count = (change: string, since: number, end: number) =>
    own.filter((delta) => delta.change === change && delta.at >= since && delta.at < end).length;
  return cells.map((cell) => {
    const [start, end] = [startOf(cell, step), startOf(cell + 1, step)];
    const size = count("joined", 0, end) - count("left", 0, end);
    return {
      at: new Date(start).toISOString(),
      joined: count("joined", start, end),
      left: count("left", start, end),
      size,
    };
  });
}

test("counts are those of SEGMENTS, whoever is killed while they are kept", async () => {
  const began = Date.now();
  // The first round is behind them when they come: they begin at the stream's start.
  await round(0);
  await cluster.caughtUp();
  let counting = [cluster.api(), cluster.api()];
  await Promise.all(counting.map(urlOf));
  for (let number = 1; number <= ROUNDS; number += 1) {
    const sending = round(number);
    if (number % 2 === 0) {
      await worker.kill9();
      worker = cluster.worker();
    } else {
      await counting[0]!.kill9();
      counting = [counting[1]!, cluster.api()];
    }
    await sending;
    if (number === 3) await restartServer();
    await cluster.caughtUp();
  }
  const url = await urlOf(counting[1]!);
  const ask = async (path: string) => (await fetch(url + path)).json() as Promise<Answer>;
  await until(
    "all is counted",
    async () => (await ask("/v1/segments/in-cart/series")).counted?.behind === false,
    60_000,
  );
  const deltas = await said();
  const to = Date.now() + 60_000;
  for (const id of IDS) {
    for (const step of STEPS) {
      const from = began - STEP_MS[step];
      const query = `step=${step}&from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
      const { items } = await ask(`/v1/segments/${id}/series?${query}`);
      expect(items, `${id} ${step}`).toEqual(expected(deltas, id, step, from, to));
    }
    const { items } = await ask(`/v1/segments/${id}/members?limit=1000`);
    const { items: hours } = await ask(`/v1/segments/${id}/series`);
    expect(hours.at(-1)!.size).toBe(items.length);
  }
  expect(deltas.length).toBeGreaterThan(PEOPLE);
  tell("time series", { deltas: deltas.length, "api processes": cluster.apis, rounds: ROUNDS });
});

test("what two segments share is what their lists share", async () => {
  const url = await urlOf(cluster.api());
  const ids = async (path: string) => {
    const { items } = (await (await fetch(url + path)).json()) as { items: readonly { readonly id: string }[] };
    return items.map(({ id }) => id).sort();
  };
  const [inCart, buyers] = [await ids("/v1/segments/in-cart/members"), await ids("/v1/segments/buyers/members")];
  const both = inCart.filter((id) => buyers.includes(id));
  expect(await ids("/v1/compare/members?in=in-cart,buyers")).toEqual(both);
  expect(await ids("/v1/compare/members?in=in-cart&out=buyers")).toEqual(inCart.filter((id) => !buyers.includes(id)));
  const compared = (await (await fetch(`${url}/v1/compare?segments=in-cart,buyers`)).json()) as {
    readonly pairs: readonly { readonly both: number }[];
    readonly everybody: { readonly members: number; readonly orders: number };
  };
  expect(compared.pairs[0]!.both).toBe(both.length);
  expect(compared.everybody).toMatchObject({ members: PEOPLE, orders: (PEOPLE / 3) * (ROUNDS + 1) });
});
