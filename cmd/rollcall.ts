#!/usr/bin/env node
// The command line's process: one command, then the exit code that it ended with.
import { runCli } from "./cli/program.ts";

// `| head` closes the pipe when it has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await runCli(process.argv.slice(2));
