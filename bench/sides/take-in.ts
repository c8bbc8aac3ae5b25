// One side of the ingest and the decide bench, alive until it is told to stop: the product's HTTP interface, or bare fastify
// routes, which publish what they are sent and wait for the acknowledgement, or answer a decision that stands written.
import type { NatsConnection } from "@nats-io/transport-node";
import Fastify from "fastify";
import { loadConfig } from "../../config/load.ts";
import { httpSettingsOf } from "../../config/options.ts";
import { listen } from "../../lib/api/listen.ts";
import { encodeId } from "../../lib/core/ids.ts";
import { connectNats } from "../../lib/nats/connect.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { ownCpu } from "../support/measure.ts";

export type TakerName = "rollcall" | "fastify";

export interface TakeInSpec {
  readonly side: TakerName;
  readonly url: string;
  readonly partitions: number;
  /** Where it is asked for its address, and told to stop. */
  readonly ready: string;
  readonly stop: string;
}

interface TookIn {
  /** Of this process, from the moment it was ready. */
  readonly cpuUs: number;
}

interface Listening {
  readonly url: string;
  stop(): Promise<void>;
}

export async function takeInSide(spec: TakeInSpec): Promise<TookIn> {
  const nc = await connectNats({ url: spec.url }, { role: "bench", instance: spec.side });
  const server = spec.side === "rollcall" ? await product(nc, spec) : await bare(nc);
  const readyUs = ownCpu();
  nc.subscribe(spec.ready, { callback: (_error, message) => void message.respond(server.url) });
  await new Promise<void>((resolve) => {
    nc.subscribe(spec.stop, { max: 1, callback: () => resolve() });
  });
  const cpuUs = ownCpu() - readyUs;
  await server.stop();
  await nc.close();
  return { cpuUs };
}

/** With the options' defaults, and a key: the door is closed, as it is in production. */
function product(nc: NatsConnection, { partitions, url }: TakeInSpec): Promise<Listening> {
  const { config } = loadConfig({}, {}, "/");
  return listen({
    nc,
    names: namesOf(),
    partitions,
    clock: "log",
    limits: config.limits,
    http: httpSettingsOf(config),
    host: "127.0.0.1",
    port: 0,
    natsUrl: url,
    version: "0.0.0",
    log: {
      warn: () => undefined,
      error: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
    },
  });
}

interface Body {
  readonly userId: string;
  readonly batch?: readonly { readonly userId: string }[];
}

async function bare(nc: NatsConnection): Promise<Listening> {
  const app = Fastify({ forceCloseConnections: true });
  const store = (event: { readonly userId: string }) =>
    nc.request(`events.${encodeId(event.userId)}`, JSON.stringify(event), { timeout: 5_000 });
  app.post("/v1/track", async ({ body }) => {
    await store(body as Body);
    return { success: true };
  });
  app.post("/v1/batch", async ({ body }) => {
    await Promise.all((body as Body).batch!.map(store));
    return { success: true };
  });
  app.post("/v1/decide", async ({ body }) => decisionOf((body as { readonly user: string }).user));
  return { url: await app.listen({ host: "127.0.0.1", port: 0 }), stop: () => app.close() };
}

/** As much as the product says. */
function decisionOf(user: string): object {
  const segments = [{ id: "switched-on", n: 1, since: "2026-11-23T10:00:00.000Z" }];
  return { user, known: true, fresh: true, position: { partition: 3, seq: 5_120 }, segments };
}
