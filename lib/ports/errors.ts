// Why a partition stops: every refusal of the protocol as a type, a code and a sentence that an operator understands.
// Raised by adapters and actors alike; docs/errors explains each code further.
import type { PartitionNo } from "../core/types.ts";

/** `doubt`: the past is not as remembered, only an operator can help. `lost`: somebody else owns it now. */
export type RefusalKind = "doubt" | "lost";

export abstract class Refusal extends Error {
  abstract readonly code: string;
  readonly kind: RefusalKind = "doubt";
  readonly partition: PartitionNo;

  constructor(partition: PartitionNo, message: string, options?: ErrorOptions) {
    super(`partition ${partition}: ${message}`, options);
    this.partition = partition;
    this.name = new.target.name;
  }
}

/** Somebody took the partition over. Nothing is wrong; nothing more may be said. */
export class OwnershipLost extends Refusal {
  readonly code = "OWN-001";
  override readonly kind = "lost";
}

/** Two running workers bear the same name, so neither can tell the other's records from its own. */
export class DuplicateWorkerName extends Refusal {
  readonly code = "OWN-002";
}

/** The log's beginning was removed past the position needed to go on. */
export class LogTruncated extends Refusal {
  readonly code = "LOG-001";
}

/** The log ends before a position that was already processed. */
export class LogRegressed extends Refusal {
  readonly code = "LOG-002";
}

/** The log holds another message at a remembered position than the one that was processed. */
export class LogDiffers extends Refusal {
  readonly code = "LOG-003";
}

/** A message in the middle of the log is missing and nothing explains it. */
export class LogHole extends Refusal {
  readonly code = "LOG-004";
}

/** The log of another partition holds less of what this one said to it than was said. */
export class LinkRegressed extends Refusal {
  readonly code = "LNK-001";
}

/** SEGMENTS knows less than this worker has seen stored there. */
export class OutputRegressed extends Refusal {
  readonly code = "SEG-001";
}

/** Every checkpoint is ahead of the watermark, and the log cannot be replayed from its start. */
export class CheckpointAhead extends Refusal {
  readonly code = "CHK-001";
}

/** There is a checkpoint but no watermark: SEGMENTS was lost or replaced. */
export class CheckpointOrphaned extends Refusal {
  readonly code = "CHK-002";
}

/** A stored page, or what names it, is missing or has another hash than remembered. An older generation may help. */
export class CheckpointCorrupt extends Refusal {
  readonly code = "CHK-003";
  readonly generation: number;

  constructor(partition: PartitionNo, generation: number, message: string, options?: ErrorOptions) {
    super(partition, message, options);
    this.generation = generation;
  }
}

/** DEFINITIONS holds fewer entries than were already applied. */
export class ControlLogLost extends Refusal {
  readonly code = "CTL-001";
}

/** The replay made other deltas than the ones that were said. */
export class DigestMismatch extends Refusal {
  readonly code = "DLT-001";
}

/** SEGMENTS was trimmed past the place from which this partition's last deltas must be read. */
export class OutputTrimmed extends Refusal {
  readonly code = "DLT-002";
}

/** History that a new definition needs was removed while it was being read. */
export class BackfillTrimmed extends Refusal {
  readonly code = "BKF-001";
}

/** The machine found the log breaking its own order, or failed on a message. It never skips one. */
export class MachineFault extends Refusal {
  readonly code = "MCH-001";
}
