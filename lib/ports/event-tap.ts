// Hears what comes in, as it comes: for people who watch, never for anything that counts. What the log then refuses is heard
// too, and what comes while nobody listens is not. Answered by lib/nats/event-tap.ts; used by lib/api/live.
import type { Millis, PartitionNo } from "../core/types.ts";

export interface TappedEvent {
  readonly partition: PartitionNo;
  readonly kind: "event" | "account";
  /** When it was heard here. */
  readonly at: Millis;
  readonly body: Uint8Array;
}

export interface EventTap {
  /** Until the function it gives is called. */
  listen(onEvent: (event: TappedEvent) => void): () => void;
}
