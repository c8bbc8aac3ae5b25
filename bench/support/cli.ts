// One bench from the command line: sizes as flags, progress on stderr, the table on stdout or as JSON in a file.
// Every *.bench.ts ends with runAlone; run.ts starts each in a process of its own.
import { writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Bench, Progress, Result, Sizes } from "./bench.ts";
import { tableOf } from "./table.ts";

export interface Finished extends Result {
  readonly name: string;
  readonly sizes: Sizes;
  readonly tookMs: number;
}

/** Runs the bench when its file is the program that was started; does nothing when it was imported. */
export async function runAlone(url: string, bench: Bench): Promise<void> {
  const started = process.argv[1];
  if (started === undefined || pathToFileURL(started).href !== url) return;
  let flags: ReturnType<typeof readFlags>;
  try {
    flags = readFlags(bench, process.argv.slice(2));
  } catch (error) {
    process.stderr.write(
      `${(error as Error).message}\nSizes of ${bench.name}: ${Object.keys(bench.sizes.full).join(", ")}\n`,
    );
    process.exitCode = 2;
    return;
  }
  const { sizes, json } = flags;
  const finished = await runBench(bench, sizes, progressOn(bench.name));
  if (json === undefined) process.stdout.write(tableOf([finished]));
  else await writeFile(json, JSON.stringify(finished));
}

export async function runBench(bench: Bench, sizes: Sizes, progress: Progress): Promise<Finished> {
  const startedMs = performance.now();
  const result = await bench.run(sizes, progress);
  return { name: bench.name, sizes, tookMs: Math.round(performance.now() - startedMs), ...result };
}

/** Throws on a flag that the bench does not know, with those that it does. */
export function readFlags(bench: Bench, args: readonly string[]): { readonly sizes: Sizes; readonly json?: string } {
  const names = Object.keys(bench.sizes.full);
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  const { values } = parseArgs({
    args: [...args],
    options: { ...options, quick: { type: "boolean" }, json: { type: "string" } },
  });
  const given = values as Record<string, string | boolean | undefined>;
  const sizes: Record<string, number> = { ...(given.quick === true ? bench.sizes.quick : bench.sizes.full) };
  for (const name of names) {
    const text = given[name];
    if (text === undefined) continue;
    const value = Number(text);
    if (!(value > 0)) throw new RangeError(`--${name} ${String(text)} is not a number above 0`);
    sizes[name] = value;
  }
  return { sizes, ...(typeof given.json === "string" ? { json: given.json } : {}) };
}

const SILENCE_MS = 500;

/** A line that overwrites itself on a terminal; else a line now and then. */
function progressOn(name: string): Progress {
  const tty = process.stderr.isTTY === true;
  let toldMs = Number.NEGATIVE_INFINITY;
  return (text) => {
    const nowMs = performance.now();
    if (nowMs - toldMs < (tty ? SILENCE_MS / 5 : SILENCE_MS * 4)) return;
    toldMs = nowMs;
    process.stderr.write(tty ? `\r\x1b[K${name}: ${text}` : `${name}: ${text}\n`);
  };
}
