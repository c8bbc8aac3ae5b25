// rollcall replay: recomputes everything from the logs, the slow and obvious way; with --verify it compares the result
// with the deltas that were said and the memberships that are live. Reading is lib/cli/read-streams.ts, comparing lib/verify.
import type { Command } from "commander";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { liveMemberships, type Standing } from "../../lib/cli/live-memberships.ts";
import { count } from "../../lib/cli/numbers.ts";
import { type ProgressBar, progressBar } from "../../lib/cli/progress.ts";
import { logRecords, storedDeltas } from "../../lib/cli/read-streams.ts";
import { sideBySide } from "../../lib/cli/side-by-side.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { PartitionNo, Seq } from "../../lib/core/types.ts";
import { NatsLedger } from "../../lib/nats/erasing.ts";
import { NatsEventLog } from "../../lib/nats/event-log.ts";
import { Oracle, type OracleOptions } from "../../lib/oracle/oracle.ts";
import { LinkBook } from "../../lib/verify/links.ts";
import { verifyTable } from "../../lib/verify/table.ts";
import { combineReports, type PartitionReport, type StoredDelta, verifyPartition } from "../../lib/verify/verify.ts";
import { type Context, connected } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";

const LOGS_AT_ONCE = 4;

export function addReplay(program: Command): void {
  withOutput(program.command("replay").description("recompute all memberships from the logs, the slow and obvious way"))
    .option(
      "--verify",
      "compare with the deltas that were said and the memberships that are live; exit 1 on a difference",
    )
    .action((options: { verify?: boolean; output: Format }, command: Command) =>
      connected(command, (context) =>
        options.verify === true ? verify(context, options.output) : recompute(context, options.output),
      ),
    );
}

async function recompute(context: Context, format: Format): Promise<void> {
  const ends = await endsOf(context);
  const bar = progressBar("recomputing");
  const progress = new Progress(bar, ends);
  const sizes = new Map<string, number>();
  try {
    for (const [partition, upTo] of ends.entries()) {
      const oracle = new Oracle(oracleOptions(context, partition));
      for await (const record of logRecords(context.nc, context.names, partition, upTo)) {
        for (const { segment, change } of oracle.apply(record)) {
          sizes.set(segment, (sizes.get(segment) ?? 0) + (change === "joined" ? 1 : -1));
        }
        oracle.takeLinks();
        if (record.seq % 1_000 === 0) progress.at(partition, record.seq);
      }
    }
  } finally {
    bar.end();
  }
  const rows = [...sizes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([segment, size]) => ({ segment, size }));
  print(
    printRows(
      rows,
      [
        { title: "SEGMENT", key: "segment", value: (row) => row.segment },
        { title: "MEMBERS", key: "size", value: (row) => row.size, show: (row) => count(row.size), align: "right" },
      ],
      format,
      context.style,
    ),
  );
}

async function verify(context: Context, format: Format): Promise<void> {
  await endsOf(context);
  const standings = await liveMemberships(context.questions, await context.catalogue(), context.partitions, () =>
    collectDeltas(context),
  );
  const bar = progressBar("verifying");
  const progress = new Progress(
    bar,
    standings.map(({ position }) => position),
  );
  const links = new LinkBook();
  let reports: readonly PartitionReport[];
  try {
    reports = await sideBySide(standings, LOGS_AT_ONCE, (standing) =>
      verifyOne(context, standing, { links, progress }),
    );
  } finally {
    bar.end();
  }
  const report = combineReports(reports, links);
  if (format === "json") printJson(report);
  else print(verifyTable(report));
  if (!report.equal) throw new CliError(EXIT.failed, "What was said is not what the logs say.");
}

async function verifyOne(
  context: Context,
  standing: Standing,
  { links, progress }: { readonly links: LinkBook; readonly progress: Progress },
): Promise<PartitionReport> {
  const { partition, position, memberships, deltas } = standing;
  return verifyPartition({
    ledger: await new NatsLedger(context.nc, context.names, partition).read(),
    options: oracleOptions(context, partition),
    records: logRecords(context.nc, context.names, partition, position),
    deltas,
    memberships,
    links,
    onProgress: (inputs) => progress.at(partition, inputs),
  });
}

/** All deltas that are stored now, each with its partition. */
async function collectDeltas({ nc, names, partitions }: Context): Promise<readonly (readonly StoredDelta[])[]> {
  const byPartition: StoredDelta[][] = Array.from({ length: partitions }, () => []);
  for await (const stored of storedDeltas(nc, names))
    byPartition[partitionOf(stored.delta.id, partitions)]!.push(stored);
  return byPartition;
}

function oracleOptions({ config, partitions, clock }: Context, partition: PartitionNo): OracleOptions {
  return {
    partition,
    partitions,
    clockMode: clock,
    clockStepMsMax: config.clockStepMsMax,
    limits: config.limits,
  };
}

/** Last sequence of each log; refuses logs whose beginning is gone. */
async function endsOf({ nc, names, partitions }: Context): Promise<readonly Seq[]> {
  const bounds = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => new NatsEventLog(nc, names, partition).bounds()),
  );
  const trimmed = bounds.flatMap(({ first }, partition) =>
    first > 1 ? [`${names.eventsStream(partition)} begins at ${first}`] : [],
  );
  if (trimmed.length > 0) {
    throw new CliError(
      EXIT.failed,
      `Logs were trimmed (${trimmed.slice(0, 3).join(", ")}${trimmed.length > 3 ? " …" : ""}), so the past cannot be recomputed from its beginning.`,
    );
  }
  return bounds.map(({ last }) => last);
}

class Progress {
  private readonly bar: ProgressBar;
  private readonly total: number;
  private readonly done = new Map<PartitionNo, number>();

  constructor(bar: ProgressBar, ends: readonly Seq[]) {
    this.bar = bar;
    this.total = ends.reduce((sum, end) => sum + end, 0);
    if (this.total === 0) note("The logs are empty.");
  }

  at(partition: PartitionNo, inputs: number): void {
    this.done.set(partition, inputs);
    const done = [...this.done.values()].reduce((sum, value) => sum + value, 0);
    this.bar.update({ fraction: done / Math.max(1, this.total), done, unit: "messages" });
  }
}
