// The program's own log for people: JSON lines in, "12:03:04 info  worker: started  shards=1" out.
// Used by dev, where a person watches; everything else logs JSON.
import { timeOfDay } from "./numbers.ts";
import { plain, type Style, styleFor } from "./style.ts";

interface Output {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface LogLines {
  write(text: string): void;
}

/** Takes whole or broken-up lines; what is no JSON is shown as it is. */
export function logLines(output: Output = process.stderr): LogLines {
  const style = styleFor(output);
  let rest = "";
  return {
    write(text) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line !== "") output.write(`${readable(line, style)}\n`);
    },
  };
}

/** Shows what a child process logs. */
export function showLog(from: NodeJS.ReadableStream, to: LogLines): void {
  from.setEncoding("utf8").on("data", (chunk: string) => to.write(chunk));
}

const OWN_FIELDS: ReadonlySet<string> = new Set(["level", "time", "pid", "role", "instance", "msg", "err", "name"]);

function readable(line: string, style: Style): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return plain(line);
  }
  if (typeof fields !== "object" || fields === null) return plain(line);
  const level = String(fields.level ?? "info");
  const at = Date.parse(String(fields.time ?? ""));
  const rest = Object.entries(fields)
    .filter(([key]) => !OWN_FIELDS.has(key))
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  const parts = [
    style.dim(Number.isNaN(at) ? "--:--:--" : timeOfDay(at)),
    paintOf(level, style)(level.padEnd(5)),
    plain(String(fields.msg ?? "")),
    ...(rest === "" ? [] : [style.dim(plain(rest))]),
  ];
  return [parts.join(" "), ...errorLines(fields.err, style)].join("\n");
}

function paintOf(level: string, style: Style): (text: string) => string {
  if (level === "error" || level === "fatal") return style.red;
  return level === "warn" ? style.yellow : style.green;
}

function errorLines(err: unknown, style: Style): string[] {
  if (typeof err !== "object" || err === null) return [];
  const { message, stack } = err as { message?: unknown; stack?: unknown };
  const text = typeof stack === "string" ? stack : String(message ?? "");
  return text
    .split("\n")
    .slice(0, 12)
    .map((line) => style.dim(`         ${plain(line)}`));
}
