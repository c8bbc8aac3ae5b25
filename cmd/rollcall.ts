#!/usr/bin/env node
// The command line. Each command is a file in cmd/cli; this one puts them together and ends the process as they ended.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { addFlags } from "../config/flags.ts";
import { EXIT, EXIT_HELP, endingOf } from "../lib/cli/errors.ts";
import { styleFor } from "../lib/cli/style.ts";
import { addDoctor } from "./cli/doctor.ts";
import { GLOBAL_FLAGS } from "./cli/globals.ts";
import { addImport } from "./cli/import.ts";
import { addLists } from "./cli/lists.ts";
import { packageDir } from "./cli/package-dir.ts";
import { addPeople } from "./cli/people.ts";
import { addProcesses } from "./cli/processes.ts";
import { addReplay } from "./cli/replay.ts";
import { addSegments } from "./cli/segments.ts";
import { addSettings } from "./cli/settings.ts";
import { addTail } from "./cli/tail.ts";

const EXAMPLES = `
Examples:
  rollcall dev                                  everything in one; the page is at http://127.0.0.1:8080
  rollcall segments apply config/segments       define segments from files
  rollcall explain cart-under-100 u1            why is u1 in it, or not
  rollcall import clicks.csv.gz                 events from a file
  rollcall replay --verify                      recompute everything and compare
`;

function program(): Command {
  const root = new Command("rollcall")
    .description("Who is in which segment, right now, and who has just joined or left.")
    .version((JSON.parse(readFileSync(`${packageDir()}/package.json`, "utf8")) as { version: string }).version)
    .showSuggestionAfterError()
    .addHelpText("after", EXAMPLES + EXIT_HELP)
    .exitOverride();
  addFlags(root, GLOBAL_FLAGS);
  for (const add of [
    addProcesses,
    addSegments,
    addLists,
    addPeople,
    addTail,
    addImport,
    addReplay,
    addDoctor,
    addSettings,
  ]) {
    add(root);
  }
  return root;
}

async function main(): Promise<void> {
  // `| head` closes the pipe when it has seen enough.
  process.stdout.on("error", (error: NodeJS.ErrnoException) =>
    process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failed),
  );
  try {
    await program().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      return;
    }
    const { exitCode, text } = endingOf(error);
    process.stderr.write(`${styleFor(process.stderr).red("rollcall:")} ${text}\n`);
    process.exitCode = exitCode;
  }
}

await main();
