// One side of the ingest and the decide bench, alive until it is told to stop: the product's HTTP interface, or bare fastify
// routes, which publish what they are sent and wait for the acknowledgement, or answer a decision that stands written.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import Fastify from "fastify";
import { loadConfig } from "../../config/load.ts";
import { httpSettingsOf } from "../../config/options.ts";
import { listen } from "../../lib/api/http/listen.ts";
import { encodeId } from "../../lib/core/ids.ts";
import { AckedPublisher } from "../../lib/nats/acked.ts";
import { connectNats } from "../../lib/nats/connect.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { ownCpu } from "../support/measure.ts";

/**
 * rollcall  the product
 * fastify   a bare route: parses JSON, asks with the client's request, answers
 * inbox     the same, and publishes as the product does: over one inbox, with one write a turn of the loop
 */
export type TakerName = "rollcall" | "fastify" | "inbox";

export interface TakeInSpec {
  readonly side: TakerName;
  readonly url: string;
  readonly partitions: number;
  /** Where it is asked for its address, and told to stop. */
  readonly ready: string;
  readonly stop: string;
  /** Where it tells how many microseconds of processor time its process has spent. */
  readonly cpu?: string;
}

interface Listening {
  readonly url: string;
  stop(): Promise<void>;
}

export async function takeInSide(spec: TakeInSpec): Promise<object> {
  const nc = await connectNats({ url: spec.url }, { role: "bench", instance: spec.side });
  const server = spec.side === "rollcall" ? await product(nc, spec) : await bare(storeOf(nc, spec.side));
  if (spec.cpu !== undefined) {
    nc.subscribe(spec.cpu, { callback: (_error, message) => void message.respond(String(ownCpu())) });
  }
  nc.subscribe(spec.ready, { callback: (_error, message) => void message.respond(server.url) });
  await new Promise<void>((resolve) => {
    nc.subscribe(spec.stop, { max: 1, callback: () => resolve() });
  });
  await server.stop();
  await nc.close();
  return {};
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

type Store = (event: { readonly userId: string }) => Promise<unknown>;

/** To the subject where the product's events go, too; both wait until the log has stored it. */
function storeOf(nc: NatsConnection, side: Exclude<TakerName, "rollcall">): Store {
  const subjectOf = (userId: string): string => `events.${encodeId(userId)}`;
  if (side === "fastify") {
    return (event) => nc.request(subjectOf(event.userId), JSON.stringify(event), { timeout: 5_000 });
  }
  const publisher = new AckedPublisher(nc);
  return (event) => publisher.publish(subjectOf(event.userId), JSON.stringify(event), headers());
}

async function bare(store: Store): Promise<Listening> {
  const app = Fastify({ forceCloseConnections: true });
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
