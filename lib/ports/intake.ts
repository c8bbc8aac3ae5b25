// Where channels' events go in: the log of whoever an event is about.
// Answered by lib/nats/intake.ts; asked by lib/api/ingest/storing.ts.
import type { Trace } from "../core/trace.ts";
import type { MemberId, PartitionNo, Seq } from "../core/types.ts";
import type { Published } from "./publishing.ts";

export interface EventToStore {
  /** About a user, or about an account by nobody. */
  readonly kind: "event" | "account";
  /** In whose log it is stored. */
  readonly id: MemberId;
  /** A repeat of it within the log's window is answered as if it were stored, and is not. */
  readonly dedupId: string;
  /** JSON. */
  readonly body: string;
  /** Of the request that it came in. */
  readonly trace?: Trace | undefined;
}

export type Taken =
  | { readonly kind: "stored"; readonly partition: PartitionNo; readonly seq: Seq }
  | Exclude<Published, { readonly kind: "stored" }>;

export interface EventIntake {
  /** Never throws. Whoever wants an order waits for the one before. */
  store(event: EventToStore): Promise<Taken>;
}
