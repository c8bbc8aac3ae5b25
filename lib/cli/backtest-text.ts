// A back-test for a terminal: a line a day with joins, leaves, the size and a bar; then who goes to and fro.
// Used by cmd/cli/backtests.ts.
import { type BacktestReport, type DayTally, FLAPPING_JOINS_MIN } from "../backtest/backtest.ts";
import type { Cost } from "../core/rules/checks/cost.ts";
import type { MemberKind } from "../core/types.ts";
import { headsText } from "./member-text.ts";
import { count } from "./numbers.ts";
import { plain, type Style } from "./style.ts";
import { type Column, printRows } from "./table.ts";
import { wrap } from "./wrap.ts";

export interface BacktestText {
  readonly kind: MemberKind;
  readonly id: string;
  readonly name: string;
  readonly report: BacktestReport & { readonly cost: Cost };
}

const BAR_COLUMNS_MIN = 10;

export function backtestText({ id, kind, name, report }: BacktestText, style: Style, columns: number): string {
  const { days, joined, left, size, sizeBefore, universe } = report;
  const most = Math.max(1, ...days.map((day) => day.size));
  const room = Math.max(BAR_COLUMNS_MIN, columns - FIGURES_COLUMNS);
  const table = printRows(days, columnsOf(most, room, style), "table", style).trimEnd();
  const net = `${count(sizeBefore)} before, ${style.green(`${count(joined)} joined`)}, ${style.red(`${count(left)} left`)}`;
  const now = `${style.bold(count(size))} now, of ${count(universe)} who are known`;
  return [
    `${style.bold(plain(name))}  ${style.dim(id)}`,
    "",
    table,
    "",
    `${net}: ${now}`,
    flappingText(report, kind),
    ...costLines(report.cost, columns),
  ].join("\n");
}

/** Day, joined, left and size with the gaps between them. */
const FIGURES_COLUMNS = 46;

function columnsOf(most: number, room: number, style: Style): readonly Column<DayTally>[] {
  const figure = (title: string, key: "joined" | "left" | "size"): Column<DayTally> => ({
    title,
    key,
    value: (row) => row[key],
    show: (row) => (row[key] === 0 && key !== "size" ? style.dim("–") : count(row[key])),
    align: "right",
  });
  const bar: Column<DayTally> = {
    title: "",
    key: "bar",
    value: () => null,
    show: ({ size }) => style.cyan("━".repeat(Math.round((size * room) / most))),
  };
  return [
    { title: "DAY", key: "day", value: ({ day }) => day },
    figure("JOINED", "joined"),
    figure("LEFT", "left"),
    figure("SIZE", "size"),
    bar,
  ];
}

function costLines({ class: name, why }: Cost, columns: number): readonly string[] {
  return wrap(`${name}: ${why}`, columns);
}

function flappingText({ flapping }: BacktestReport, kind: MemberKind): string {
  if (flapping.people === 0)
    return `${kind === "account" ? "no account" : "nobody"} joined ${FLAPPING_JOINS_MIN} times or oftener`;
  const most = flapping.most.map(({ id, joins }) => `${plain(id)} ${joins} times`).join(", ");
  const who = headsText(flapping.people, kind);
  return `${who} joined ${FLAPPING_JOINS_MIN} times or oftener (${most}): stay and cooldown calm it`;
}
