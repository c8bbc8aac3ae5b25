// rollcall audit: who changed what, and when. The stream AUDIT holds all of it, and nobody can shorten it.
import { type Command, InvalidArgumentError } from "commander";
import { counted, instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import type { Json } from "../../lib/core/types.ts";
import { NatsAuditLog } from "../../lib/nats/audit.ts";
import type { AuditRecord } from "../../lib/ports/audit.ts";
import { type Context, connected } from "./context.ts";
import { note, print, withOutput } from "./output.ts";

const RECORDS_DEFAULT = 50;
const RECORDS_MAX = 100_000;
const LISTED_MAX = 4;

interface AuditOptions {
  readonly last: number;
  readonly output: Format;
}

export function addAudit(program: Command): void {
  withOutput(
    program
      .command("audit")
      .description("who changed what and when, newest last")
      .option("--last <n>", "so many of the newest", countOf, RECORDS_DEFAULT),
  ).action((options: AuditOptions, command: Command) => connected(command, (context) => show(context, options)));
}

function countOf(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= RECORDS_MAX) return number;
  throw new InvalidArgumentError(`a whole number from 1 to ${RECORDS_MAX}`);
}

const COLUMNS: readonly Column<AuditRecord>[] = [
  { title: "SEQ", key: "seq", value: ({ seq }) => seq, align: "right" },
  { title: "AT", key: "at", value: ({ at }) => at, show: ({ at }) => instant(Date.parse(at)) },
  { title: "WHO", key: "who", value: ({ who }) => who, show: ({ who }) => plain(who) },
  { title: "WHAT", key: "what", value: ({ what }) => what, show: ({ what }) => plain(what) },
  { title: "TARGET", key: "target", value: ({ target }) => target, show: ({ target }) => plain(target || "–") },
  { title: "DETAIL", key: "detail", value: ({ detail }) => detail, show: ({ detail }) => detailText(detail) },
];

/** What is empty is left out. */
function detailText(detail: AuditRecord["detail"]): string {
  return Object.entries(detail)
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${plain(name)} ${plain(Array.isArray(value) ? listText(value) : textOf(value))}`)
    .join("; ");
}

/** JSON has all of a long list. */
function listText(values: readonly Json[]): string {
  const shown = values.slice(0, LISTED_MAX).map(textOf).join(", ");
  return values.length > LISTED_MAX ? `${shown} and ${values.length - LISTED_MAX} more` : shown;
}

function textOf(value: Json): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

async function show({ nc, names, style }: Context, { last, output }: AuditOptions): Promise<void> {
  const { records, before } = await new NatsAuditLog(nc, names).read(last);
  print(printRows(records.toReversed(), COLUMNS, output, style));
  if (records.length === 0) note("Nothing was changed yet.");
  else if (before !== null) note(`There are older ones: --last shows more than ${counted(records.length, "record")}.`);
}
