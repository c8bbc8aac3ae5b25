// rollcall segments backtest: what a definition would have done, from the logs. They are played by played.ts; nothing is
// changed by it.
import type { Command } from "commander";
import { type Said, saidOfDefinition } from "../../lib/api/segments/said.ts";
import type { BacktestReport } from "../../lib/backtest/backtest.ts";
import { backtested } from "../../lib/backtest/played.ts";
import { backtestText } from "../../lib/cli/backtest-text.ts";
import type { Format } from "../../lib/cli/table.ts";
import type { Definition } from "../../lib/core/rules/ast.ts";
import { oneCandidate } from "./candidates.ts";
import { type Context, connected } from "./context.ts";
import { print, printJson, withOutput } from "./output.ts";
import { wholeNumber } from "./people.ts";
import { playing } from "./played.ts";

const DAY_MS = 86_400_000;
const DAYS_DEFAULT = 30;
const COLUMNS_MAX = 100;

export function addBacktests(segments: Command): void {
  withOutput(
    segments
      .command("backtest")
      .description("what a definition would have done in the last days, from the logs; nothing is changed"),
  )
    .argument("<file>", "a file with one definition")
    .option("--days <n>", "so many days up to now", wholeNumber, DAYS_DEFAULT)
    .action((file: string, options: { days: number; output: Format }, command: Command) =>
      connected(command, async (context) => {
        const candidate = await oneCandidate(command, file);
        const to = Date.now();
        const from = to - options.days * DAY_MS;
        const { report } = await playing(context, (logs) =>
          backtested(logs, candidate, { from, to }, (test, now) => test.endAt(now)),
        );
        const { state } = await context.catalogue();
        const { cost } = saidOfDefinition(candidate.definition, state.newestVocabulary, state);
        show(context, candidate.definition, { ...report, cost }, options.output);
      }),
    );
}

/** With what it would cost to bring into force. */
type Tested = BacktestReport & Pick<Said, "cost">;

function show(context: Context, { id, kind, name }: Definition, report: Tested, format: Format): void {
  const columns = Math.min(process.stdout.columns ?? 80, COLUMNS_MAX);
  if (format === "json") printJson(report);
  else if (format === "csv") {
    const rows = report.days.map(({ day, joined, left, size }) => [day, joined, left, size].join(","));
    print(["day,joined,left,size", ...rows].join("\n"));
  } else print(backtestText({ id, kind, name, report }, context.style, columns));
}
