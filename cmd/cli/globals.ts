// Options that every command takes, before or after its name; and which of the many options --help shows.
import { type Command, Option } from "commander";

export const GLOBAL_FLAGS: readonly string[] = ["name", "natsUrl"];

/** The same flags as config/flags.ts would make, in words that fit a command that only asks. */
export function addGlobalFlags(root: Command): void {
  root
    .addOption(new Option("--nats-url <url>", "the server to ask (NATS_URL; default nats://127.0.0.1:4222)"))
    .addOption(new Option("--name <name>", "the data set, where a server has several (ROLLCALL_NAME)"))
    .addOption(new Option("--config <path>", "a file with options (default rollcall.yaml, if there is one)"));
}

const SHOWN: ReadonlySet<string> = new Set([
  "--no-demo",
  "--http-host",
  "--http-port",
  "--nats-port",
  "--nats-url",
  "--data-dir",
  "--config",
  "--name",
  "--partitions",
  "--clock",
  "--shards",
  "--log-level",
]);

/** Sixty flags help nobody; all of them are taken, the usual ones are shown. */
export function showUsualFlags(command: Command): Command {
  for (const option of command.options) if (!SHOWN.has(option.long ?? "")) option.hideHelp();
  return command.addHelpText(
    "after",
    "\nEvery option has a flag, a variable and a name in rollcall.yaml: `rollcall config` lists them all.",
  );
}
