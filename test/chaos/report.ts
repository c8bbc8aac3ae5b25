// What `npm run chaos` says in the end: one table for the terminal, the same as Markdown for a file.
// Used by run.ts.
import { cpus, totalmem } from "node:os";
import { count, counted, duration } from "../../lib/cli/numbers.ts";
import { type Style, widthOf } from "../../lib/cli/style.ts";
import { type Column, printRows } from "../../lib/cli/table.ts";
import { wrap } from "../../lib/cli/wrap.ts";
import { RELEASE_VERSION } from "../../lib/server/fetch.ts";
import type { Observation } from "./scenario.ts";

export interface Run {
  readonly seed: number;
  readonly tookMs: number;
  readonly observations: readonly Observation[];
}

const SEEN_COLUMNS_MIN = 40;
const FAULT_COLUMNS_MAX = 36;

/** One line of a row that takes several. */
interface Line {
  readonly fault: string;
  readonly times: string;
  readonly seen: string;
  readonly held: boolean | undefined;
}

export function tableOf(observations: readonly Observation[], columns: number, style: Style): string {
  const faultWidth = Math.min(FAULT_COLUMNS_MAX, Math.max(5, ...observations.map(({ fault }) => widthOf(fault))));
  const taken = faultWidth + 2 + 7 + 2 + 2 + 6;
  const seenWidth = Math.max(SEEN_COLUMNS_MIN, columns - taken);
  const lines = observations.flatMap(({ fault, times, seen, held }): Line[] => {
    const left = wrap(fault, faultWidth);
    const middle = wrap(seen, seenWidth);
    return Array.from({ length: Math.max(left.length, middle.length) }, (_, index) => ({
      fault: left[index] ?? "",
      times: index === 0 ? count(times) : "",
      seen: middle[index] ?? "",
      held: index === 0 ? held : undefined,
    }));
  });
  const verdict = (held: boolean | undefined): string => {
    if (held === undefined) return "";
    return held ? style.green("held") : style.red("FAILED");
  };
  const shown: readonly Column<Line>[] = [
    { title: "FAULT", key: "fault", value: (line) => line.fault },
    { title: "TIMES", key: "times", value: (line) => line.times, align: "right" },
    { title: "WHAT WAS SEEN", key: "seen", value: (line) => line.seen },
    { title: "", key: "held", value: (line) => verdict(line.held), show: (line) => verdict(line.held) },
  ];
  return printRows(lines, shown, "table", style);
}

export function markdownOf(run: Run): string {
  const rows = run.observations.map(({ fault, times, seen, held }) =>
    [fault, count(times), seen, held ? "held" : "**FAILED**"].map((cell) => cell.replaceAll("|", "\\|")),
  );
  const lines = [["Fault", "Times", "What was seen", ""], ["---", "---:", "---", "---"], ...rows];
  return `${verdictOf(run)}\n\n${machineText()}, seed ${run.seed}, ${duration(run.tookMs)}.\n\n${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

export function verdictOf({ observations }: Run): string {
  const failed = observations.filter(({ held }) => !held).length;
  return failed === 0
    ? `All ${counted(observations.length, "row")} held.`
    : `${count(failed)} of ${counted(observations.length, "row")} did not hold.`;
}

export function machineText(): string {
  const [first] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model ?? "processor"}, ${gigabytes} GiB, Node ${process.versions.node}, nats-server ${RELEASE_VERSION}`;
}
