// One side of the latency bench, alive until it is told to stop: the worker, or a relay that only passes messages on.
// A relay reads the same logs with the official client and publishes into the same stream, so both ways have the same hops.
import { jetstream } from "@nats-io/jetstream";
import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { connectNats } from "../../lib/nats/connect.ts";
import { NatsControlLog } from "../../lib/nats/control-log.ts";
import { type Names, namesOf } from "../../lib/nats/names.ts";
import { ownCpu } from "../support/measure.ts";
import { benchShard, untilAtRevision } from "../support/shard.ts";

/**
 * worker      the product
 * js.publish  a relay as the client's own guide would have it
 * inbox       a relay that publishes with one shared reply inbox: the fastest acked way there is
 */
export type ServerName = "worker" | "js.publish" | "inbox";

export interface ServeSpec {
  readonly side: ServerName;
  readonly url: string;
  readonly partitions: number;
  /** Subjects on which it says that it is there, and is told to stop. */
  readonly ready: string;
  readonly stop: string;
  /** Where it tells how long its thread worked without a breath at most since it was asked before, in milliseconds. */
  readonly pauses?: string;
}

interface Served {
  readonly passed: number;
  /** Of this process, from the moment it was ready. */
  readonly cpuUs: number;
}

export async function serveSide(spec: ServeSpec): Promise<Served> {
  const nc = await connectNats({ url: spec.url }, { role: "bench", instance: spec.side });
  const names = namesOf();
  const end = spec.side === "worker" ? await serveWorker(nc, names, spec) : await serveRelay(nc, names, spec);
  const readyUs = ownCpu();
  nc.subscribe(spec.ready, { callback: (_error, message) => void message.respond() });
  if (spec.pauses !== undefined) tellPauses(nc, spec.pauses);
  await new Promise<void>((resolve) => {
    nc.subscribe(spec.stop, { max: 1, callback: () => resolve() });
  });
  const cpuUs = ownCpu() - readyUs;
  const passed = await end();
  await nc.close();
  return { passed, cpuUs };
}

const LOOK_MS = 1;

/** The platform's own monitor of the event loop measures nothing in the threads of a test suite. */
function tellPauses(nc: NatsConnection, subject: string): void {
  let lookedMs = performance.now();
  let longestMs = 0;
  setInterval(() => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lookedMs - LOOK_MS);
    lookedMs = nowMs;
  }, LOOK_MS).unref();
  nc.subscribe(subject, {
    callback: (_error, message) => {
      message.respond(JSON.stringify(longestMs));
      longestMs = 0;
    },
  });
}

type End = () => Promise<number>;

async function serveWorker(nc: NatsConnection, names: Names, { partitions }: ServeSpec): Promise<End> {
  const shard = benchShard({ nc, names, partitions, clock: "log" });
  await untilAtRevision(shard, partitions, await new NatsControlLog(nc, names).lastRevision());
  return async () => {
    const passed = shard.partitions.reduce((sum, one) => sum + one.status().counters.deltas, 0);
    await shard.drain();
    return passed;
  };
}

async function serveRelay(nc: NatsConnection, names: Names, { side, partitions }: ServeSpec): Promise<End> {
  const js = jetstream(nc);
  const subject = names.deltaSubject("relay", "joined");
  const inbox = createInbox();
  let passed = 0;
  nc.subscribe(inbox, {
    callback: (error) => {
      if (error === null) passed += 1;
    },
  });
  const relay = (data: Uint8Array): void => {
    if (side === "inbox") nc.publish(subject, data, { reply: inbox });
    else void js.publish(subject, data).then(() => (passed += 1));
  };
  const made = Array.from({ length: partitions }, (_, p) =>
    js.consumers.get(names.eventsStream(p), { deliver_policy: "new" } as object),
  );
  const consumers = await Promise.all(made);
  const running = await Promise.all(
    consumers.map((consumer) => consumer.consume({ max_messages: 1_000, callback: (message) => relay(message.data) })),
  );
  return async () => {
    for (const messages of running) messages.stop();
    await nc.flush();
    return passed;
  };
}
