// The command line. Each command is a file beside this one; here they are put together, and an error becomes an exit code.
import { Command, CommanderError } from "commander";
import { EXIT, EXIT_HELP, endingOf } from "../../lib/cli/errors.ts";
import { styleFor } from "../../lib/cli/style.ts";
import { addAccounts } from "./accounts.ts";
import { addAudit } from "./audit.ts";
import { addCluster } from "./cluster.ts";
import { addDoctor } from "./doctor.ts";
import { addEnrich } from "./enrich.ts";
import { addErase } from "./erase.ts";
import { addExport } from "./export.ts";
import { addGlobalFlags } from "./globals.ts";
import { addImport } from "./import.ts";
import { addItems } from "./items.ts";
import { addJobs } from "./jobs.ts";
import { addKeys } from "./keys.ts";
import { addLists } from "./lists.ts";
import { packageVersion } from "./package-dir.ts";
import { addPeople } from "./people.ts";
import { addProcesses } from "./processes.ts";
import { addRejects } from "./rejects.ts";
import { addReplay } from "./replay.ts";
import { addSearch } from "./search.ts";
import { addSegments } from "./segments.ts";
import { addSettings } from "./settings.ts";
import { addSituations } from "./situations.ts";
import { addTail } from "./tail.ts";
import { addVocabulary } from "./vocabulary.ts";

const EXAMPLES = `
Examples:
  rollcall dev                                  everything in one; the page is at http://127.0.0.1:8080
  rollcall segments apply config/segments       define segments from files
  rollcall explain cart-under-100 u1            why is u1 in it, or not
  rollcall import clicks.csv.gz                 events from a file
  rollcall export cart-under-100 > carts.csv    all its members into a file
  rollcall replay --verify                      recompute everything and compare
`;

function program(): Command {
  const root = new Command("rollcall")
    .description("Who is in which segment, right now, and who has just joined or left.")
    .version(packageVersion())
    .showSuggestionAfterError()
    .addHelpText("after", EXAMPLES + EXIT_HELP)
    .exitOverride();
  addGlobalFlags(root);
  for (const add of [
    addProcesses,
    addSegments,
    addLists,
    addVocabulary,
    addItems,
    addSituations,
    addPeople,
    addSearch,
    addAccounts,
    addTail,
    addImport,
    addExport,
    addJobs,
    addEnrich,
    addReplay,
    addDoctor,
    addCluster,
    addRejects,
    addKeys,
    addAudit,
    addErase,
    addSettings,
  ]) {
    add(root);
  }
  return root;
}

/** Runs one command; resolves with the exit code. What went wrong is said on stderr. */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    // Help and the version are errors of this kind, too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { exitCode, text } = endingOf(error);
    process.stderr.write(`${styleFor(process.stderr).red("rollcall:")} ${text}\n`);
    return exitCode;
  }
}
