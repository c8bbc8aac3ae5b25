// Does each watermark say what its log, its stream and its owner say, too? And would a restart find what it needs?
// Pure: judges the facts of read.ts. Beside manifests.ts and gaps.ts.
import { count, duration } from "../cli/numbers.ts";
import type { Millis, Seq } from "../core/types.ts";
import type { StoredWatermark } from "../ports/delta-sink.ts";
import { LogTruncated, OutputTrimmed, OwnershipLost } from "../ports/errors.ts";
import { doubtOfPast } from "../ports/log-past.ts";
import type { PartitionFacts } from "./facts.ts";
import { page, refused, type Trouble } from "./finding.ts";

/** With less room than this between what a restart needs and where the log begins, somebody should look. */
const HEADROOM_MIN = 0.5;

export function watermarkTroubles(facts: PartitionFacts, segmentsFirst: Seq, nowMs: Millis): readonly Trouble[] {
  const { watermark } = facts;
  if (watermark === undefined) return missing(facts);
  return [
    ...past(facts, watermark),
    ...start(facts, watermark, nowMs),
    ...spoken(facts, watermark, segmentsFirst),
    ...owner(facts, watermark),
  ];
}

function missing({ partition, manifest, status }: PartitionFacts): readonly Trouble[] {
  if (manifest.generations.length === 0 && status === null) {
    const text = "it has no watermark: nobody has ever owned it";
    return [{ kind: "never owned", verdict: "warn", partition, text, remedy: "start a worker: rollcall worker" }];
  }
  const text = "its watermark is gone, though it has been owned: SEGMENTS lost it, so nothing fences its owner";
  const remedy = `stop the workers and restore SEGMENTS from a backup; ${page("CHK-002")}`;
  return [{ kind: "CHK-002", verdict: "fail", partition, text, remedy }];
}

/** `done` must lie within the log, and the message there must be the one that was spoken of. */
function past({ partition, log, stamps }: PartitionFacts, { value }: StoredWatermark): readonly Trouble[] {
  const { done, fingerprint } = value;
  const doubt = doubtOfPast(partition, log, { seq: done, stamp: fingerprint ?? 0 }, stamps.get(done));
  // A start that is gone is judged by what a restart needs, below.
  if (doubt === undefined || doubt instanceof LogTruncated) return [];
  return [refused(doubt, "stop the workers; restore the log, and everything else, from one backup")];
}

/** A restart needs the log from its checkpoint on; from the older one, should the newest turn out to be damaged. */
function start(facts: PartitionFacts, { value }: StoredWatermark, nowMs: Millis): readonly Trouble[] {
  const { partition, log, manifest } = facts;
  const positions = manifest.generations.map(({ position }) => position).filter((position) => position <= value.done);
  const newest = positions[0] ?? 0;
  const oldest = positions.at(-1) ?? 0;
  if (log.first > newest + 1) {
    const from = newest === 0 ? "there is no checkpoint" : `the newest checkpoint stands at ${newest}`;
    const text = `its log begins at ${log.first} and ${from}: a restart could not rebuild it`;
    const remedy = "restore its log from a backup before its worker stops";
    return [refused(new LogTruncated(partition, text), remedy)];
  }
  if (log.first > oldest + 1) {
    const text = `its log begins at ${log.first}, after the older checkpoint (${oldest}): only the newest can be used`;
    const remedy = "the next checkpoint mends it; does the worker write any? keep logs longer than checkpoints take";
    return [{ kind: "one leg", verdict: "warn", partition, text, remedy }];
  }
  return headroom(facts, oldest, nowMs);
}

function headroom(facts: PartitionFacts, oldest: Seq, nowMs: Millis): readonly Trouble[] {
  const { partition, log, stamps } = facts;
  const needed = stamps.get(oldest + 1);
  // Where all is in the older checkpoint, the log may go as it likes.
  if (log.maxAgeMs === 0 || needed === undefined) return [];
  const ageLeft = 1 - (nowMs - needed) / log.maxAgeMs;
  const messagesLeft = log.first === 1 ? 1 : (oldest + 1 - log.first) / (log.last + 1 - log.first);
  if (ageLeft >= HEADROOM_MIN && messagesLeft >= HEADROOM_MIN) return [];
  const what =
    ageLeft < HEADROOM_MIN
      ? `is ${duration(nowMs - needed)} old and the log keeps ${duration(log.maxAgeMs)}`
      : `is only ${count(oldest + 1 - log.first)} of ${count(log.last + 1 - log.first)} messages after the log's first`;
  return [
    {
      kind: "headroom",
      verdict: "warn",
      partition,
      text: `message ${oldest + 1}, which the older checkpoint still needs, ${what}`,
      remedy: `let workers catch up and checkpoint, or raise ROLLCALL_EVENTS_MAX_AGE and the streams' max_age; ${page("LOG-001")}`,
    },
  ];
}

/** What was said after `done` is looked for from `from` on. */
function spoken({ partition }: PartitionFacts, { value }: StoredWatermark, segmentsFirst: Seq): readonly Trouble[] {
  if (value.from >= segmentsFirst) return [];
  const text = `its last deltas must be read from ${value.from} of SEGMENTS, which begins at ${segmentsFirst}`;
  return [refused(new OutputTrimmed(partition, text), "restore SEGMENTS from a backup before its worker stops")];
}

function owner({ partition, status, ownerHeard }: PartitionFacts, { value }: StoredWatermark): readonly Trouble[] {
  if (status === null) {
    if (value.owner === null) return [];
    const text = ownerHeard
      ? `${value.owner} owns it and lives, but does not answer for it`
      : `its watermark names ${value.owner}, of whom nothing is heard`;
    const remedy = "start a worker, or wait until another has taken it over: that takes seconds";
    return [{ kind: `silent ${ownerHeard}`, verdict: ownerHeard ? "warn" : "fail", partition, text, remedy }];
  }
  if (status.phase !== "running" || (status.epoch === value.epoch && status.owner === value.owner)) return [];
  const text =
    `${status.owner} answers with epoch ${status.epoch}, but the watermark says epoch ${value.epoch}, ` +
    `owner ${value.owner ?? "none"}: whatever it publishes is refused`;
  return [refused(new OwnershipLost(partition, text), "look again in a minute; if it stays, restart that worker")];
}
