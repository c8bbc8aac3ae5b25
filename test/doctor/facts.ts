// A healthy partition as read, for tests that then spoil one thing.
// Used by the tests of watermarks, manifests and gaps.
import type { PartitionFacts, StreamFacts } from "../../lib/doctor/facts.ts";
import type { StoredWatermark, Watermark } from "../../lib/ports/delta-sink.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";

export const NOW = Date.UTC(2026, 5, 1);

/** Message n of the log bears the stamp NOW − 100 000 + n. */
export const stampOf = (seq: number): number => NOW - 100_000 + seq;

export function stream(changes: Partial<StreamFacts> = {}): StreamFacts {
  return { first: 1, last: 1_000, messages: 1_000, deleted: [], numDeleted: 0, lost: 0, maxAgeMs: 0, ...changes };
}

export function watermark(changes: Partial<Watermark> = {}): StoredWatermark {
  const value: Watermark = {
    epoch: 3,
    owner: "w-1",
    nonce: "n",
    done: 900,
    from: 50,
    digest: "0",
    fingerprint: stampOf(900),
    revision: 2,
    ...changes,
  };
  return { seq: 77, stamp: NOW, value };
}

export function status(changes: Partial<PartitionStatus> = {}): PartitionStatus {
  return { partition: 5, phase: "running", owner: "w-1", epoch: 3, ...changes } as PartitionStatus;
}

export function facts(changes: Partial<PartitionFacts> = {}): PartitionFacts {
  const generation = (number: number, position: number) => ({
    number,
    position,
    stamp: stampOf(position),
    bad: [],
  });
  return {
    partition: 5,
    manifest: {
      there: true,
      epoch: 3,
      generations: [generation(8, 800), generation(7, 600)],
      blobs: 9,
      blobsLooked: 9,
    },
    watermark: watermark(),
    log: stream(),
    stamps: new Map([900, 800, 600, 601].map((seq) => [seq, stampOf(seq)])),
    status: status(),
    ownerHeard: true,
    ...changes,
  };
}
