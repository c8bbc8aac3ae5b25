// What was refused, and whether somebody should look at it.
// Pure: judges the state of the stream REJECTS.
import { count, counted, duration } from "../cli/numbers.ts";
import { type Finding, ok, warn } from "./finding.ts";

/** Refusals of this age are worth a look; older ones have been looked at, or will never be. */
const REJECTS_WARN_MS = 24 * 3_600_000;

/** What the server says of the stream REJECTS: messages by subject, when the first and the last of them came. */
export interface RejectsState {
  readonly subjects?: Readonly<Record<string, number>>;
  readonly first_ts: string;
  readonly last_ts: string;
}

export function rejectsFinding(state: RejectsState, stream: string, nowMs: number): Finding {
  const reasons = Object.entries(state.subjects ?? {}).map(
    ([token, number]) => [token.split(".").at(-1)!, number] as const,
  );
  const total = reasons.reduce((sum, [, number]) => sum + number, 0);
  if (total === 0) return ok("rejects", "no message was refused");
  const shown = reasons
    .sort((a, b) => b[1] - a[1])
    .map(([reason, number]) => `${reason} ${count(number)}`)
    .join(", ");
  const ageMs = nowMs - Date.parse(state.last_ts);
  const since = new Date(state.first_ts).toISOString().slice(0, 10);
  const text = `${counted(total, "message")} refused since ${since}, the last ${duration(ageMs)} ago: ${shown}`;
  if (ageMs > REJECTS_WARN_MS) return ok("rejects", text);
  return warn("rejects", text, `nats stream view ${stream} shows them, each with the reason in its headers`);
}
