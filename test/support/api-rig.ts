// The HTTP interface as a process serves it, over a real server and a real worker, with keys: the door is closed.
// Stands on cli-rig.ts. Used by tests that send what programs and pages send.

import type { HttpSettings } from "../../lib/api/http/http-settings.ts";
import { type ListenLog, listen, type RunningApi } from "../../lib/api/http/listen.ts";
import type { Role } from "../../lib/api/security/rights.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { HTTP_DEFAULTS } from "../api/api-in-memory.ts";
import { type CliRig, openCliRig } from "./cli-rig.ts";

export interface ApiRig {
  readonly cli: CliRig;
  readonly url: string;
  /** Of role ingest. */
  readonly writeKey: string;
  /** Of role admin, with the right to personal data. */
  readonly adminKey: string;
  close(): Promise<void>;
}

const SILENT: ListenLog = { warn: () => {}, error: () => {} };

/** `variables` are options of the worker. */
export async function openApiRig(
  partitions: number,
  http: Partial<HttpSettings> = {},
  log: ListenLog = SILENT,
  variables: Record<string, unknown> = {},
): Promise<ApiRig> {
  const cli = await openCliRig(partitions, variables);
  const keyOf = async (role: Role, ...flags: string[]): Promise<string> =>
    (await cli.rollcall("keys", "create", `the ${role}`, "--role", role, ...flags)).out.trim();
  const [adminKey, writeKey] = [await keyOf("admin", "--personal"), await keyOf("ingest")];
  const { server } = cli;
  const api: RunningApi = await listen({
    nc: await server.connection("api"),
    names: server.names,
    partitions,
    clock: "log",
    limits: DEFAULT_LIMITS,
    http: { ...HTTP_DEFAULTS, requestsPerMinuteMax: 0, ...http },
    host: "127.0.0.1",
    port: 0,
    natsUrl: server.url,
    version: "0.0.0",
    log,
  });
  return {
    cli,
    url: api.url,
    writeKey,
    adminKey,
    close: async () => {
      await api.stop();
      await cli.close();
    },
  };
}
