// rollcall rejects [show | replay]: what was refused, why, with its original bytes; and sending it again once the cause is gone.
// The logic is that of HTTP, lib/api/operations/rejects.ts.
import { type Command, InvalidArgumentError } from "commander";
import { erasuresNow } from "../../lib/api/operations/erasure.ts";
import { Rejected, type Replay, type ReplayCounts, type ShownReject } from "../../lib/api/operations/rejects.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { bytes, counted, instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import { traceIdOf } from "../../lib/core/trace.ts";
import { NatsRejectLog } from "../../lib/nats/reject-log.ts";
import type { RejectFilter } from "../../lib/ports/reject-log.ts";
import { type Context, connected } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";

const REJECTS_DEFAULT = 20;
const REJECTS_MAX = 10_000;
const PAGE = 200;
const DETAIL_WIDTH_MAX = 26;

interface FilterFlags {
  readonly reason?: string;
  readonly partition?: number;
  readonly since?: number;
  readonly until?: number;
}

interface ListFlags extends FilterFlags {
  readonly last: number;
  readonly output: Format;
}

export function addRejects(program: Command): void {
  const rejects = withOutput(
    withFilter(program.command("rejects").description("what was refused, newest first")).option(
      "--last <n>",
      "so many of the newest",
      numberOf,
      REJECTS_DEFAULT,
    ),
  ).action((flags: ListFlags, command: Command) => connected(command, (context) => list(context, flags)));
  withOutput(
    rejects
      .command("show")
      .description("one of them, with its original bytes")
      .argument("<seq>", "its number", numberOf),
    ["table", "json"],
  ).action((seq: number, { output }: { output: Format }, command: Command) =>
    connected(command, (context) => show(context, seq, output)),
  );
  withFilter(
    rejects
      .command("replay")
      .description("send some again as new events, those named or all that a filter finds; each is stored once")
      .argument("[seq...]"),
  ).action((seqs: readonly string[], _flags: FilterFlags, command: Command) =>
    // A filter may stand before or after the word.
    connected(command, (context) => replay(context, seqs.map(numberOf), command.optsWithGlobals<FilterFlags>())),
  );
}

function withFilter(command: Command): Command {
  return command
    .option("--reason <reason>", "of this reason alone")
    .option("--partition <p>", "from this log alone", wholeOf)
    .option("--since <moment>", "told then or later", momentOf)
    .option("--until <moment>", "told before", momentOf);
}

function numberOf(text: string): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (number >= 1) return number;
  throw new InvalidArgumentError("a whole number from 1 on");
}

function wholeOf(text: string): number {
  return text === "0" ? 0 : numberOf(text);
}

function momentOf(text: string): number {
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new InvalidArgumentError("a moment such as 2026-11-23T10:00:00Z");
}

function rejectedOf({ nc, names, partitions, config, control, catalogue }: Context): Rejected {
  const erasures = async () => erasuresNow(control, await catalogue());
  return new Rejected(new NatsRejectLog(nc, names, partitions), config.limits, erasures);
}

function filterOf({ reason, partition, since, until }: FilterFlags): RejectFilter {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(partition === undefined ? {} : { partition }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

const COLUMNS: readonly Column<ShownReject>[] = [
  { title: "SEQ", key: "seq", value: ({ reject }) => reject.seq, align: "right" },
  {
    title: "AT",
    key: "at",
    value: ({ reject }) => new Date(reject.at).toISOString(),
    show: ({ reject }) => new Date(reject.at).toISOString().slice(5, 19).replace("T", " "),
  },
  { title: "P", key: "partition", value: ({ reject }) => reject.partition, align: "right" },
  { title: "REASON", key: "reason", value: ({ reject }) => reject.reason, show: ({ reject }) => plain(reject.reason) },
  {
    title: "BYTES",
    key: "bytes",
    value: ({ reject }) => reject.bytes,
    show: ({ reject }) => bytes(reject.bytes),
    align: "right",
  },
  {
    title: "AGAIN",
    key: "replayed",
    value: ({ replayed }) => (replayed === undefined ? null : { ...replayed, at: new Date(replayed.at).toISOString() }),
    show: ({ replayed }) => (replayed === undefined ? "–" : "sent"),
  },
  {
    title: "DETAIL",
    key: "detail",
    value: ({ reject }) => reject.detail,
    show: ({ reject }) => shortened(plain(reject.detail)),
  },
];

function shortened(text: string): string {
  return text.length <= DETAIL_WIDTH_MAX ? text : `${text.slice(0, DETAIL_WIDTH_MAX - 1)}…`;
}

async function list(context: Context, flags: ListFlags): Promise<void> {
  const rejected = rejectedOf(context);
  const last = Math.min(flags.last, REJECTS_MAX);
  const found: ShownReject[] = [];
  let before: number | undefined;
  do {
    const page = await rejected.page(filterOf(flags), Math.min(PAGE, last - found.length), before);
    found.push(...page.items);
    before = page.before ?? undefined;
  } while (before !== undefined && found.length < last);
  print(printRows(found, COLUMNS, flags.output, context.style));
  if (found.length === 0) note("Nothing of the kind was refused.");
  else if (before !== undefined)
    note(`There are older ones: --last shows more than ${counted(found.length, "reject")}.`);
}

async function show(context: Context, seq: number, output: Format): Promise<void> {
  const found = await rejectedOf(context).get(seq);
  if (found === undefined) throw noReject(seq);
  const { reject, replayed } = found;
  const body = Buffer.from(reject.body);
  if (output === "json") {
    const { body: _, ...rest } = reject;
    return printJson({ ...rest, at: new Date(reject.at).toISOString(), base64: body.toString("base64"), replayed });
  }
  const again = replayed === undefined ? "no" : `message ${replayed.seq} of partition ${replayed.partition}`;
  const where = reject.partition === null ? "unknown" : `message ${reject.logSeq} of partition ${reject.partition}`;
  print(`refused     ${instant(reject.at)}`);
  print(`reason      ${plain(reject.reason)}: ${plain(reject.detail)}`);
  print(`log         ${where}`);
  print(`sent again  ${again}`);
  if (reject.trace !== undefined) print(`trace       ${traceIdOf(reject.trace)}`);
  print(
    `bytes       ${bytes(reject.bytes)}${body.length < reject.bytes ? `, of which ${bytes(body.length)} were kept` : ""}`,
  );
  print(plain(body.toString("utf8")));
}

async function replay(context: Context, seqs: readonly number[], flags: FilterFlags): Promise<void> {
  if (seqs.length > 0) return replayNamed(context, seqs);
  const filter = filterOf(flags);
  if (Object.keys(filter).length === 0) {
    throw new CliError(EXIT.usage, "Say which: their numbers, or a filter such as --reason no-type.");
  }
  const rejected = rejectedOf(context);
  const all = { sent: 0, already: 0, refused: 0, unsure: 0, failed: 0 };
  for (let before: number | undefined; ; ) {
    const { before: next, ...counts } = await rejected.replayPage(filter, PAGE, before);
    for (const [kind, number] of Object.entries(counts)) all[kind as keyof ReplayCounts] += number;
    if (next === null) break;
    before = next;
  }
  await context.audited({ what: "rejects.replay-many", detail: { ...filter, ...all } });
  note(`${counted(all.sent, "reject")} sent again.`);
  if (all.already > 0) note(`${all.already} had been sent again before.`);
  if (all.refused > 0) note(`${all.refused} would be refused again, and were not sent.`);
  if (all.unsure > 0) note(`${all.unsure} may have been sent before: docs/operations.md says what to do.`);
  if (all.failed > 0) throw new CliError(EXIT.failed, `${all.failed} could not be stored; send them again.`);
}

async function replayNamed(context: Context, seqs: readonly number[]): Promise<void> {
  const rejected = rejectedOf(context);
  let bad = 0;
  for (const seq of seqs) {
    const outcome = await rejected.replay(seq);
    if (outcome === undefined) throw noReject(seq);
    if (outcome.kind === "sent") {
      const { partition, seq: stored } = outcome;
      await context.audited({ what: "rejects.replay", target: String(seq), detail: { partition, seq: stored } });
    } else if (outcome.kind !== "already") bad += 1;
    note(`${seq}: ${textOf(outcome)}`);
  }
  if (bad > 0) throw new CliError(EXIT.failed, `${counted(bad, "reject")} of ${seqs.length} not sent.`);
}

function textOf(outcome: Replay): string {
  switch (outcome.kind) {
    case "sent":
      return `sent again; it is message ${outcome.seq} of partition ${outcome.partition}.`;
    case "already":
      return `was sent again before; it is message ${outcome.seq} of partition ${outcome.partition}.`;
    case "refused": {
      const { why, detail } = outcome;
      return `would be refused again. ${plain(detail === undefined ? why : `${why}: ${detail}`)}.`;
    }
    case "unsure":
    case "failed":
      return `${plain(outcome.why)}.`;
  }
}

function noReject(seq: number): CliError {
  return new CliError(EXIT.usage, `There is no reject ${seq}, or it is older than rejects are kept.`);
}
