// A comparison of segments for a terminal: how large they are, what their members do and buy, and what each two share.
// Used by cmd/cli/analytics.ts.
import type { Comparison, Pair, Profile, SegmentProfile } from "../api/audience/comparing.ts";
import { count } from "./numbers.ts";
import { plain, type Style } from "./style.ts";
import { type Column, printRows } from "./table.ts";

const ID_COLUMNS_MAX = 26;
const CATEGORIES_COLUMNS_MAX = 52;
const CATEGORY_COLUMNS_MAX = 20;

interface Row extends Profile {
  readonly name: string;
  /** Undefined for everybody. */
  readonly only?: number;
}

export function comparisonText({ kind, segments, everybody, pairs, together }: Comparison, style: Style): string {
  const rows: Row[] = [
    ...segments.map(({ segment, ...profile }: SegmentProfile) => ({ ...profile, name: segment })),
    { ...everybody, name: kind === "account" ? "all accounts" : "everybody" },
  ];
  const of = (columns: readonly Column<Row>[]): string => printRows(rows, [nameColumn, ...columns], "table", style);
  return [
    of(sizeColumns),
    of(doingColumns),
    of(buyingColumns),
    ...(everybody.topCategories.length === 0 ? [] : [of([categoriesColumn])]),
    printRows(pairs, pairColumns, "table", style),
    ...(segments.length > 2 ? [togetherText(together, segments.length, style)] : []),
  ].join("\n");
}

function togetherText({ all, any, jaccard }: Comparison["together"], segments: number, style: Style): string {
  return `${style.bold(count(all))} in all ${segments}, ${count(any)} in any of them ${style.dim(`(${percent(jaccard)} shared)`)}\n`;
}

const nameColumn: Column<Row> = {
  title: "SEGMENT",
  key: "name",
  value: ({ name }) => name,
  show: ({ name }) => cut(name, ID_COLUMNS_MAX),
};

const sizeColumns: readonly Column<Row>[] = [
  numbers("MEMBERS", ({ members }) => count(members)),
  numbers("OF EVERYBODY", ({ share }) => percent(share)),
  numbers("IN NO OTHER", ({ only }) => (only === undefined ? "" : count(only))),
];

const doingColumns: readonly Column<Row>[] = [
  numbers("SEEN IN 7 DAYS", ({ activeIn7Days, members }) => percent(ratio(activeIn7Days, members))),
  numbers("IN 30", ({ activeIn30Days, members }) => percent(ratio(activeIn30Days, members))),
  numbers("VISITS EACH", ({ visits, members }) => decimal(ratio(visits, members))),
  numbers("ENGAGEMENT", ({ engagement }) => decimal(engagement)),
];

const buyingColumns: readonly Column<Row>[] = [
  numbers("BUYERS", ({ buyers, members }) => percent(ratio(buyers, members))),
  numbers("ORDERS", ({ orders }) => count(orders)),
  numbers("REVENUE", ({ revenue }) => money(revenue)),
];

const categoriesColumn: Column<Row> = {
  title: "TOP CATEGORIES, BY BUYERS",
  key: "topCategories",
  value: () => null,
  show: ({ topCategories }) => cut(categories(topCategories), CATEGORIES_COLUMNS_MAX),
};

const pairColumns: readonly Column<Pair>[] = [
  { title: "A", key: "a", value: ({ a }) => a, show: ({ a }) => cut(a, 18) },
  { title: "B", key: "b", value: ({ b }) => b, show: ({ b }) => cut(b, 18) },
  numbers("BOTH", ({ both }) => count(both)),
  numbers("ONLY A", ({ onlyA }) => count(onlyA)),
  numbers("ONLY B", ({ onlyB }) => count(onlyB)),
  numbers("SHARED", ({ jaccard }) => percent(jaccard)),
];

function numbers<T>(title: string, show: (row: T) => string): Column<T> {
  return { title, key: title, value: () => null, show, align: "right" };
}

function categories(top: Profile["topCategories"]): string {
  if (top.length === 0) return "–";
  return top
    .map(({ category, members }) => `${cut(plain(category), CATEGORY_COLUMNS_MAX)} ${count(members)}`)
    .join(", ");
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function percent(share: number | null): string {
  if (share === null) return "–";
  const value = share * 100;
  return `${value > 0 && value < 0.1 ? "< 0.1" : value.toFixed(1)} %`;
}

function decimal(value: number | null): string {
  return value === null ? "–" : value.toFixed(1);
}

const MONEY = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function money(value: number): string {
  return MONEY.format(value);
}

function cut(text: string, columns: number): string {
  const letters = [...text];
  return letters.length <= columns ? text : `${letters.slice(0, columns - 1).join("")}…`;
}
