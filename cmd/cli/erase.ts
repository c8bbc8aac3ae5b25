// rollcall erase: forgets a user or an account, shows how far that is, and looks whether anything is left in a server's files.
// What an erasure is stands in lib/api/operations/erasure.ts; docs/privacy.md says what it reaches and what it does not.
import type { Command } from "commander";
import { type ErasureState, erasureStates, forget, NoSuchId } from "../../lib/api/operations/erasure.ts";
import { waitOut } from "../../lib/api/operations/erasure-waits.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { counted, instant } from "../../lib/cli/numbers.ts";
import { scanStore } from "../../lib/cli/store-scan.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import type { MemberKind } from "../../lib/core/types.ts";
import { NatsErasures } from "../../lib/nats/erasing.ts";
import { NatsExportFiles, NatsJobStore } from "../../lib/nats/jobs.ts";
import { type Context, connected } from "./context.ts";
import { note, print, withOutput } from "./output.ts";

const FILES_SHOWN_MAX = 50;
/** Erasures whose waiting is told in words; all of it stands in the JSON. */
const TOLD_MAX = 20;

interface EraseOptions {
  readonly account?: boolean;
  readonly status?: boolean;
  readonly scan?: readonly string[];
  readonly store?: string;
  readonly output: Format;
}

export function addErase(program: Command): void {
  withOutput(
    program
      .command("erase")
      .description("erase a user or an account: state, messages, deltas")
      .argument("[id]", "the user's id itself, or with --account the account's")
      .option("--account", "it is an account's id")
      .option("--status", "show erasures and how far they are")
      .option("--scan <values...>", "look for these bytes in the files of a server's store; exit 1 where one is found")
      .option("--store <folder>", "the server's store (jetstream.store_dir), for --scan"),
  ).action(async (id: string | undefined, options: EraseOptions, command: Command) => {
    const asked = [id, options.status, options.scan].filter((one) => one !== undefined).length;
    if (asked !== 1) throw new CliError(EXIT.usage, "Give an id, or --status, or --scan with what to look for.");
    if (options.scan !== undefined) await scan(options.scan, options.store);
    else if (id !== undefined)
      await connected(command, (context) => erase(context, options.account === true ? "account" : "user", id));
    else await connected(command, (context) => showAll(context, options.output));
  });
}

async function erase(context: Context, kind: MemberKind, id: string): Promise<void> {
  const { control, config } = context;
  try {
    const catalogue = await context.catalogue();
    const revision = await forget({ control, catalogue, limits: config.limits }, kind, id);
    await context.audited({ what: "erasures.begin", target: `${revision}`, detail: { kind } });
    note(`The ${kind} is being erased, as revision ${revision}. See it through: rollcall erase --status`);
  } catch (error) {
    if (error instanceof NoSuchId) throw new CliError(EXIT.usage, error.message);
    throw error;
  }
}

/** Eighty columns are few. */
const STATES_SHOWN: Readonly<Record<ErasureState["state"], string>> = {
  "under way": "under way",
  "kept for services": "kept",
  done: "done",
};

const COLUMNS: readonly Column<ErasureState>[] = [
  { title: "REVISION", key: "revision", value: ({ revision }) => revision, align: "right" },
  { title: "KIND", key: "kind", value: ({ kind }) => kind },
  {
    title: "AT",
    key: "at",
    value: ({ at }) => new Date(at).toISOString(),
    show: ({ at }) => `${instant(at).slice(0, "2026-11-23 10:00".length)}Z`,
  },
  { title: "STATE", key: "state", value: ({ state }) => state, show: ({ state }) => STATES_SHOWN[state] },
  { title: "HEARD", key: "heard", value: ({ heard }) => heard, align: "right" },
  { title: "LISTED", key: "listed", value: ({ listed }) => listed, align: "right" },
  { title: "CLEARED", key: "cleared", value: ({ cleared }) => cleared, align: "right" },
  { title: "DELETED", key: "deleted", value: ({ deleted }) => deleted, align: "right" },
];

/** Of what a table has no room for. */
const MORE: readonly Column<ErasureState>[] = [
  { title: "PARTITIONS", key: "partitions", value: ({ partitions }) => partitions },
  { title: "WAITS", key: "waits", value: ({ waits }) => waits.map(waitOut) },
];

async function showAll(context: Context, format: Format): Promise<void> {
  const erasures = new NatsErasures(context.nc, context.names);
  const jobs = new NatsJobStore(context.nc, context.names);
  const files = new NatsExportFiles(context.nc, context.names);
  const catalogue = await context.catalogue();
  const statuses = await context.questions.status();
  const rows = await erasureStates(catalogue, erasures, { jobs, files }, statuses);
  print(printRows(rows, format === "table" ? COLUMNS : [...COLUMNS, ...MORE], format, context.style));
  if (rows.length === 0) note("Nobody was ever erased.");
  if (format === "table") tellWaits(rows);
}

function tellWaits(rows: readonly ErasureState[]): void {
  const waiting = rows.filter(({ waits }) => waits.length > 0);
  if (waiting.length > 0) note(`What they wait for, in ${counted(waiting[0]!.partitions, "partition")}:`);
  for (const { revision, waits } of waiting.slice(0, TOLD_MAX))
    for (const { message } of waits) note(`${revision}: ${message}`);
  if (waiting.length > TOLD_MAX) note(`… and ${waiting.length - TOLD_MAX} more; -o json tells of all.`);
}

/** Reads the files as they are, so it is to be run where they are. */
async function scan(values: readonly string[], store: string | undefined): Promise<void> {
  if (store === undefined) throw new CliError(EXIT.usage, "Say where the server keeps its files: --store <folder>.");
  const { files, found, unread } = await scanStore(store, values);
  for (const { value, path } of found.slice(0, FILES_SHOWN_MAX)) print(`${JSON.stringify(value)} in ${path}`);
  if (found.length > FILES_SHOWN_MAX) note(`… and ${found.length - FILES_SHOWN_MAX} more`);
  for (const path of unread.slice(0, FILES_SHOWN_MAX))
    note(`${path} is compressed and could not be read; look again once the server has written it, or has stopped.`);
  if (found.length > 0)
    throw new CliError(EXIT.failed, `${counted(found.length, "place")} in ${counted(files, "file")}.`);
  if (unread.length > 0) throw new CliError(EXIT.failed, `${counted(unread.length, "file")} could not be read.`);
  note(`Nothing of it in ${counted(files, "file")}.`);
}
