// rollcall dev | worker | api: the long-running processes, with every option as a flag.
// Each is a file of its own under cmd/; this one only hands over the options.
import type { Command } from "commander";
import { addFlags } from "../../config/flags.ts";
import { NAMED_OPTIONS } from "../../config/options.ts";
import { optionsOf } from "./context.ts";
import { GLOBAL_FLAGS, showUsualFlags } from "./globals.ts";

const OPTIONS = NAMED_OPTIONS.map(({ name }) => name).filter((name) => !GLOBAL_FLAGS.includes(name));

export function addProcesses(program: Command): void {
  processCommand(
    program,
    "dev",
    "everything in one: its own nats-server, a worker, the page, two sample scenes",
  ).action(async (_options: unknown, command: Command) => {
    const { runDev } = await import("../dev.ts");
    process.exitCode = await runDev(optionsOf(command));
  });
  processCommand(program, "worker", "own partitions: hear their logs, say who joined and who left")
    .option(
      "--worker-name <name>",
      "a name that no other running worker has; one that comes back under it need not wait for its own silence",
    )
    .action(async ({ workerName }: { workerName?: string }, command: Command) => {
      const { config } = optionsOf(command);
      stopWithParent();
      const { runWorkerProcess } = await import("../worker.ts");
      process.exit(await runWorkerProcess(config, workerName === undefined ? {} : { name: workerName }));
    });
  processCommand(program, "api", "the page and the HTTP interface").action(
    async (_options: unknown, command: Command) => {
      const { runApiProcess } = await import("../api.ts");
      process.exitCode = await runApiProcess(optionsOf(command).config);
    },
  );
}

function processCommand(program: Command, name: string, description: string): Command {
  return showUsualFlags(addFlags(program.command(name).description(description), OPTIONS));
}

/** A worker that `dev` started is in a process group of its own, so that Ctrl-C does not reach it before its turn comes. */
function stopWithParent(): void {
  if (process.channel === undefined) return;
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel.unref();
}
