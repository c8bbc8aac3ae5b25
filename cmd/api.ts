// The process that answers people: the page, HTTP, metrics. It holds no state; any number of them may run.
import { fileURLToPath } from "node:url";
import { loadConfig } from "../config/load.ts";
import { type Config, natsSettingsOf } from "../config/options.ts";
import { dataSetMade } from "../lib/api/operations/data-set.ts";
import { CliError, EXIT, endingOf } from "../lib/cli/errors.ts";
import { createLog } from "../lib/log.ts";
import { connectNats } from "../lib/nats/connect.ts";
import { namesOf } from "../lib/nats/names.ts";
import { assertFree } from "../lib/server/supervise.ts";
import { listenAs } from "./listening.ts";

/** Runs until a signal; resolves with the process's exit code. */
export async function runApiProcess(config: Config): Promise<number> {
  const log = createLog({ level: config.logLevel, personalData: config.logPersonalData, fields: { role: "api" } });
  const { httpHost: host, httpPort: port } = config;
  if (port !== 0) await assertFree(host, port, "ROLLCALL_HTTP_PORT", "--http-port");
  const settings = natsSettingsOf(config);
  const nc = await connectNats(settings, { role: "api", instance: String(process.pid), log });
  try {
    const names = namesOf(config.name);
    const made = await dataSetMade(nc, names);
    if (made === undefined) {
      throw new CliError(
        EXIT.unreachable,
        `There is no data set yet at ${nc.getServer()}; a worker makes it: rollcall worker`,
      );
    }
    const { partitions, clock } = made;
    const api = await listenAs(config, { nc, names, partitions, clock, log });
    log.info({ url: api.url }, "api: listening");
    await signalled();
    await api.stop();
    return EXIT.ok;
  } finally {
    await nc.close();
  }
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    const onSignal = (): void => {
      count += 1;
      if (count > 1) process.exit(130);
      resolve();
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await runApiProcess(loadConfig().config).catch((error: unknown) => {
    const { exitCode, text } = endingOf(error);
    process.stderr.write(`rollcall api: ${text}\n`);
    return exitCode;
  });
}
