// Where bad input goes: each refused message with its reason and its original bytes.
// Answered by lib/nats/rejects.ts and lib/memory/rejects.ts; used by actors/partition/speaker.ts.
import type { Reject } from "../core/types.ts";

export interface Rejects {
  /** True when all are stored. When false, some may be; saying them again is harmless, readers know a repeat by partition and sequence. */
  tell(rejects: readonly Reject[]): Promise<boolean>;
}
