// Is this the log that we remember? One check, run at restore and whenever a reader (re)opens, in every world.
// A length check alone passes once a lost log has filled up again, so the message at the position is compared too.
import type { Millis, PartitionNo } from "../core/types.ts";
import { LogDiffers, LogRegressed, LogTruncated, type Refusal } from "./errors.ts";
import type { EventLog, Fingerprint, LogBounds } from "./event-log.ts";

/** Throws a Refusal unless the log holds `after` as remembered and everything behind it. */
export async function checkPast(partition: PartitionNo, log: EventLog, after: Fingerprint): Promise<LogBounds> {
  const bounds = await log.bounds();
  const stamp = holds(bounds, after) ? await log.stampAt(after.seq) : undefined;
  const doubt = doubtOfPast(partition, bounds, after, stamp);
  if (doubt !== undefined) throw doubt;
  return bounds;
}

/** What speaks against `after` being this log's past; `stamp` is that of the message at its place, where there is one. */
export function doubtOfPast(
  partition: PartitionNo,
  bounds: LogBounds,
  after: Fingerprint,
  stamp: Millis | undefined,
): Refusal | undefined {
  if (bounds.last < after.seq) {
    return new LogRegressed(
      partition,
      `its log ends at ${bounds.last}, but ${after.seq} was already processed: the stream lost its tail or was replaced; restore it from a backup`,
    );
  }
  if (bounds.first > after.seq + 1) {
    return new LogTruncated(
      partition,
      `its log begins at ${bounds.first}, but message ${after.seq + 1} is still needed: it was purged or aged out past the last checkpoint; ` +
        "restore the stream, or start a new data set",
    );
  }
  if (!holds(bounds, after) || stamp === after.stamp) return undefined;
  return new LogDiffers(
    partition,
    `message ${after.seq} of its log is not the one that was processed (${when(stamp)}, the processed one ${when(after.stamp)}): ` +
      "the stream was replaced or restored to another past",
  );
}

/** Whether the message at the position is within the log, so that it can be compared. */
function holds({ first, last }: LogBounds, { seq }: Fingerprint): boolean {
  return seq > 0 && first <= seq && seq <= last;
}

function when(stamp: number | undefined): string {
  return stamp === undefined ? "it is missing" : `stored at ${new Date(stamp).toISOString()}`;
}
