// How far a long job is: a bar that is redrawn on a terminal, a line every few seconds elsewhere. Always on stderr.
// Used by import, apply and replay.
import { count, duration } from "./numbers.ts";
import { type Style, styleFor, widthOf } from "./style.ts";

const REDRAW_MS = 100;
const LINE_MS = 5_000;
const BAR_COLUMNS = 28;

interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface ProgressState {
  /** 0 … 1; undefined while nobody knows. */
  readonly fraction: number | undefined;
  /** What is counted, so far; gives the rate. */
  readonly done: number;
  readonly unit: string;
  readonly note?: string;
}

export interface ProgressBar {
  update(state: ProgressState): void;
  /** A line that stays, above the bar. */
  line(text: string): void;
  /** Wipes the bar; the summary is the command's own. */
  end(): void;
}

export function progressBar(
  title: string,
  output: Output = process.stderr,
  nowMs: () => number = () => performance.now(),
): ProgressBar {
  const style = styleFor(output);
  const startedMs = nowMs();
  const everyMs = output.isTTY === true ? REDRAW_MS : LINE_MS;
  let shownMs = output.isTTY === true ? Number.NEGATIVE_INFINITY : startedMs;
  let shown = "";
  const wipe = (): void => {
    if (output.isTTY === true && shown !== "") output.write("\r\x1b[K");
  };
  return {
    update(state) {
      if (nowMs() - shownMs < everyMs) return;
      shownMs = nowMs();
      const text = describe(title, state, nowMs() - startedMs, style);
      if (output.isTTY !== true) return void output.write(`${text}\n`);
      shown = shorten(`${bar(state.fraction, style)} ${text}`, output.columns ?? 80);
      output.write(`\r\x1b[K${shown}`);
    },
    line(text) {
      wipe();
      output.write(`${text}\n`);
      if (output.isTTY === true && shown !== "") output.write(shown);
    },
    end() {
      wipe();
      shown = "";
    },
  };
}

function bar(fraction: number | undefined, style: Style): string {
  if (fraction === undefined) return style.dim("─".repeat(BAR_COLUMNS));
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_COLUMNS);
  return style.cyan("━".repeat(filled)) + style.dim("─".repeat(BAR_COLUMNS - filled));
}

function describe(title: string, state: ProgressState, elapsedMs: number, style: Style): string {
  const { fraction, done, unit, note } = state;
  const parts = [title];
  if (fraction !== undefined) parts.push(`${Math.floor(fraction * 100)} %`);
  parts.push(`${count(done)} ${unit}`);
  if (elapsedMs >= 1_000) parts.push(`${count(Math.round((done / elapsedMs) * 1_000))}/s`);
  if (fraction !== undefined && fraction > 0.02 && elapsedMs >= 1_000) {
    parts.push(`${duration((elapsedMs / fraction) * (1 - fraction))} left`);
  }
  if (note !== undefined) parts.push(note);
  return parts.join(style.dim(" · "));
}

/** A bar that wraps cannot be redrawn. */
function shorten(text: string, columns: number): string {
  if (widthOf(text) < columns) return text;
  let width = 0;
  let end = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes take no columns and must stay whole
  for (const [token] of text.matchAll(/\x1b\[[0-9;]*m|./gsu)) {
    if (!token.startsWith("\x1b")) width += 1;
    if (width >= columns - 1) break;
    end += token.length;
  }
  return `${text.slice(0, end)}…\x1b[0m`;
}
