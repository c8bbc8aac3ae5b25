// Times as files write them, as milliseconds since 1970 UTC. mapping.ts asks for a reader by format.
// A format is `iso`, `unix`, `unix-ms`, or a pattern such as `YYYY-MM-DD HH:mm:ss UTC`, read as UTC.
import { parseDay, parseInstant } from "../core/rules/parse/dates.ts";
import type { Millis } from "../core/types.ts";

export type DateReader = (text: string) => Millis | undefined;

const PARTS: Readonly<Record<string, string>> = {
  YYYY: "(?<year>\\d{4})",
  MM: "(?<month>\\d{2})",
  DD: "(?<day>\\d{2})",
  HH: "(?<hour>\\d{2})",
  mm: "(?<minute>\\d{2})",
  ss: "(?<second>\\d{2})",
  SSS: "(?<milli>\\d{3})",
};

export function dateReader(format: string): DateReader {
  if (format === "iso") return (text) => parseDay(text) ?? parseInstant(text.replace(/ ?UTC$/, "Z"));
  if (format === "unix") return (text) => readNumber(text, 1_000);
  if (format === "unix-ms") return (text) => readNumber(text, 1);
  return patternReader(format);
}

function readNumber(text: string, unitMs: number): Millis | undefined {
  return /^-?\d+(\.\d+)?$/.test(text) ? Math.floor(Number(text) * unitMs) : undefined;
}

function patternReader(format: string): DateReader {
  const source = format
    .split(/(YYYY|SSS|MM|DD|HH|mm|ss)/)
    .map((part) => PARTS[part] ?? part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("");
  for (const needed of ["year", "month", "day"]) {
    if (!source.includes(`<${needed}>`)) {
      throw new RangeError(
        `format "${format}" is not known: use iso, unix, unix-ms, or a pattern with YYYY, MM and DD`,
      );
    }
  }
  const pattern = new RegExp(`^${source}$`);
  return (text) => {
    const groups = pattern.exec(text)?.groups;
    if (groups === undefined) return undefined;
    const part = (name: string): number => Number(groups[name] ?? 0);
    const at = Date.UTC(
      part("year"),
      part("month") - 1,
      part("day"),
      part("hour"),
      part("minute"),
      part("second"),
      part("milli"),
    );
    // Date.UTC rolls 30 February over into March; what comes back must be what was written.
    const day = `${groups.year}-${groups.month}-${groups.day}`;
    const real = parseDay(day) !== undefined && part("hour") < 24 && part("minute") < 60 && part("second") < 60;
    return real ? at : undefined;
  };
}
