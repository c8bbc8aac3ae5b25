// The clock of a device may be wrong by years; how long ago something happened, it knows. enrich.ts writes what comes out.
import { parseDay, parseInstant } from "../core/rules/parse/dates.ts";
import type { Json, Millis } from "../core/types.ts";
import type { Draft } from "./json.ts";

/**
 * When it happened by the receiver's clock: as long before the receipt as it was, by the device's clock, before the
 * sending. Undefined: the message does not tell, or tells what is no date.
 */
export function correctedTime(message: Readonly<Draft>, receivedAt: Millis | undefined): Millis | undefined {
  const sentAt = instantOf(message.sentAt);
  const original = instantOf(message.originalTimestamp ?? message.timestamp);
  if (receivedAt === undefined || sentAt === undefined || original === undefined) return undefined;
  const time = receivedAt - (sentAt - original);
  return time >= 0 && time < YEAR_10000 ? time : undefined;
}

const YEAR_10000 = Date.UTC(10_000, 0, 1);

/** As the decoder reads a timestamp; undefined: no date. */
export function instantOf(value: Json | undefined): Millis | undefined {
  if (typeof value === "string") return parseInstant(value) ?? parseDay(value);
  return typeof value === "number" && Number.isInteger(value) ? value : undefined;
}
