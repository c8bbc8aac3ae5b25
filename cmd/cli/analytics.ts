// rollcall segments series | compare: how a segment has grown and shrunk, and several side by side.
// The series are read from the bucket that api processes keep; a comparison is counted by the partitions' owners.
import { type Command, Option } from "commander";
import { COMPARED_MAX, COMPARED_MIN, compareSegments } from "../../lib/api/audience/comparing.ts";
import { comparisonOut, seriesOut } from "../../lib/api/audience/shapes.ts";
import { comparisonText } from "../../lib/cli/compare-text.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { seriesColumns, seriesHead } from "../../lib/cli/series-text.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
import type { Millis } from "../../lib/core/types.ts";
import { NatsSeriesStore } from "../../lib/nats/series.ts";
import { STEPS, type Step } from "../../lib/series/cells.ts";
import { readSeries, type SeriesAsk, seriesAsk } from "../../lib/series/reading.ts";
import { type Context, connected } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { momentOf, segmentNamed } from "./people.ts";

export function addAnalytics(segments: Command): void {
  withOutput(segments.command("series").description("joined, left and size over time"))
    .argument("<id>")
    .addOption(new Option("--step <step>", "so long each, in UTC").choices([...STEPS]).default("hour"))
    .option("--from <time>", "the first step is the one that contains it", momentOf)
    .option("--to <time>", "up to here; now by default", momentOf)
    .action((id: string, options: SeriesOptions, command: Command) =>
      connected(command, (context) => series(context, id, options)),
    );
  withOutput(segments.command("compare").description("segments side by side: sizes, orders, what they share"), [
    "table",
    "json",
  ])
    .argument("<ids...>", `${COMPARED_MIN} to ${COMPARED_MAX} segments of one kind`)
    .action((ids: string[], options: { output: Format }, command: Command) =>
      connected(command, (context) => compare(context, ids, options.output)),
    );
}

interface SeriesOptions {
  readonly step: Step;
  readonly from?: Millis;
  readonly to?: Millis;
  readonly output: Format;
}

async function series(context: Context, id: string, { step, output, ...asked }: SeriesOptions): Promise<void> {
  await segmentNamed(context, id);
  const found = await readSeries(new NatsSeriesStore(context.nc, context.names), id, rangeOf(step, asked));
  if (output === "json") return printJson(seriesOut(found));
  const { points, counted, isBehind } = found;
  if (output === "table") print(`${seriesHead({ id, step, points }, context.style)}\n`);
  print(printRows(points, seriesColumns(step), output, context.style));
  if (counted === 0) note("Nothing is counted yet: an api process does that (`npm start`, or `rollcall api`).");
  else if (isBehind) note("Not everything is counted yet, so the past may still be corrected.");
}

function rangeOf(step: Step, asked: { readonly from?: Millis; readonly to?: Millis }): SeriesAsk {
  try {
    return seriesAsk(step, asked, Date.now());
  } catch (error) {
    throw new CliError(EXIT.usage, `--${(error as Error).message}`);
  }
}

async function compare(context: Context, given: readonly string[], output: Format): Promise<void> {
  const ids = [...new Set(given)];
  if (ids.length < COMPARED_MIN || ids.length > COMPARED_MAX) {
    throw new CliError(EXIT.usage, `name ${COMPARED_MIN} to ${COMPARED_MAX} different segments, not ${ids.length}`);
  }
  const entries = await Promise.all(ids.map((id) => segmentNamed(context, id)));
  const { kind } = entries[0]!;
  const other = entries.find((entry) => entry.kind !== kind);
  if (other !== undefined) {
    throw new CliError(
      EXIT.usage,
      `${ids[0]} has ${kind}s as members and ${other.id} has ${other.kind}s: name segments of one kind`,
    );
  }
  const bar = progressBar("looking at everybody");
  const compared = await compareSegments(context.questions, {
    kind,
    segments: ids,
    onProgress: ({ looked, universe }) =>
      bar.update({ fraction: Math.min(1, looked / Math.max(1, universe)), done: looked, unit: "members" }),
  }).finally(() => bar.end());
  if (output === "json") return printJson(comparisonOut(compared));
  print(comparisonText(compared, context.style));
}
