// The content of an export: every member of a segment once, page after page, as lines of CSV or of JSON. What stands in a line is
// what GET /v1/segments/:id/members shows. Used by exporting.ts and by the command line.
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../core/types.ts";
import { csvCell } from "../../csv.ts";
import type { ExportFormat } from "../../ports/jobs.ts";
import { type ListedMember, type MemberPage, type MemberPlace, TRAIT } from "../audience/members.ts";
import { memberOut } from "../audience/shapes.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** Of every member, before the columns that were asked for. */
const ALWAYS = ["id", "n", "since"];
/** As RFC 4180 has it. */
const LINE_END = "\r\n";
const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 5_000;

export const PAGE_MEMBERS = 2_000;

export interface ExportText {
  readonly text: string;
  /** Members so far, and how many the segment had when the first page was read. */
  readonly rows: number;
  readonly total: number;
}

export interface ExportSource {
  /** A page from a place on; undefined is the first. */
  page(from: MemberPlace | undefined): Promise<MemberPage>;
  readonly signal: AbortSignal;
  /** An owner that does not answer is asked again for so long. */
  readonly patienceMs: number;
}

/** `columns` are the words of the question: orders, trait:plan. */
export async function* exportTexts(
  source: ExportSource,
  format: ExportFormat,
  columns: readonly string[],
): AsyncGenerator<ExportText> {
  let rows = 0;
  let total = 0;
  let head = format === "csv" ? [...ALWAYS, ...columns].map(csvCell).join(",") + LINE_END : "";
  for (let from: MemberPlace | undefined, isFirst = true; ; isFirst = false) {
    const page = await patiently(() => source.page(from), source);
    if (isFirst) total = page.size;
    rows += page.items.length;
    const lines = page.items.map((member) => lineOf(member, format, columns));
    yield { text: head + lines.join(""), rows, total: Math.max(rows, total) };
    head = "";
    if (page.next === null) return;
    from = page.next;
  }
}

function lineOf(member: ListedMember, format: ExportFormat, columns: readonly string[]): string {
  const out = memberOut(member) as Readonly<Record<string, Json | undefined>>;
  if (format === "ndjson") return `${JSON.stringify(out)}\n`;
  const traits = (out.traits ?? {}) as Readonly<Record<string, Json | undefined>>;
  const cellOf = (column: string): Json | undefined =>
    column.startsWith(TRAIT) ? own(traits, column.slice(TRAIT.length)) : own(out, column);
  return [...ALWAYS, ...columns].map((column) => csvCell(cellOf(column))).join(",") + LINE_END;
}

function own(record: Readonly<Record<string, Json | undefined>>, name: string): Json | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** A partition that has no owner just now gets one; whoever waits longer than that is told what the owner said last. */
async function patiently<T>(ask: () => Promise<T>, { signal, patienceMs }: ExportSource): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)) {
    signal.throwIfAborted();
    try {
      return await unlessAborted(ask(), signal);
    } catch (error) {
      if ((error as Error).name !== "QuestionFailed" || performance.now() > until) throw error;
    }
    await sleep(pauseMs, undefined, { signal });
  }
}
