// The HTTP interface as the options say it, over a connection and a data set that are there. For api.ts and dev.ts.
import { type Config, httpSettingsOf, jobSettingsOf, natsSettingsOf, retentionOf } from "../config/options.ts";
import { type ListenOptions, listen, type RunningApi } from "../lib/api/http/listen.ts";
import { packageVersion } from "./cli/package-dir.ts";

type Given = Pick<ListenOptions, "nc" | "names" | "partitions" | "clock" | "log">;

export function listenAs(config: Config, given: Given): Promise<RunningApi> {
  return listen({
    ...given,
    limits: config.limits,
    machine: config,
    http: httpSettingsOf(config),
    series: retentionOf(config),
    jobs: jobSettingsOf(config),
    host: config.httpHost,
    port: config.httpPort,
    natsUrl: natsSettingsOf(config).url,
    version: packageVersion(),
    door: config,
  });
}
