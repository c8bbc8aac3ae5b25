// Brings the HTTP interface up over a connection to NATS, and takes it down again.
// Used by cmd/api.ts and, inside its own process, by cmd/dev.ts.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Limits } from "../core/types.ts";
import { NatsControlLog } from "../nats/control-log.ts";
import type { Names } from "../nats/names.ts";
import { type NatsAudience, openAudience } from "./nats-audience.ts";
import { type ApiLog, buildApi } from "./server.ts";

export interface ListenOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  readonly clock: "log" | "event";
  readonly limits: Limits;
  readonly host: string;
  readonly port: number;
  readonly natsUrl: string;
  readonly log: ApiLog;
}

export interface RunningApi {
  readonly url: string;
  readonly audience: NatsAudience;
  stop(): Promise<void>;
}

export async function listen(options: ListenOptions): Promise<RunningApi> {
  const { nc, names, partitions, clock, limits, host, port, natsUrl, log } = options;
  const audience = await openAudience({ nc, names, partitions, limits });
  const subjectPrefix = names.name === "" ? "" : `${names.name}.`;
  const app = buildApi({
    audience,
    natsUrl: withoutSecret(natsUrl),
    subjectPrefix,
    log,
    world: { control: new NatsControlLog(nc, names), catalogue: audience.catalogue, limits, clock },
  });
  await app.listen({ host, port });
  const address = app.server.address();
  const actual = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: httpUrl(host, actual),
    audience,
    async stop() {
      await app.close();
      audience.close();
    },
  };
}

/** Where a browser on this machine finds it. */
export function httpUrl(host: string, port: number): string {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

/** An address may carry a user and a password, or a token; the first of several is shown. */
function withoutSecret(url: string): string {
  return url
    .split(",")[0]!
    .trim()
    .replace(/\/\/[^/@]*@/, "//");
}
