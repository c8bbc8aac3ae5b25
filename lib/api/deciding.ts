// A decision as it is asked from outside: over HTTP and over NATS alike. The owner of the user's log answers it.
import type { Audience, Decision } from "./audience.ts";
import { HttpError } from "./http-error.ts";
import type { DecideAsked } from "./schemas/decide.ts";

export async function decided(audience: Audience, { user, segments, after, waitMs }: DecideAsked): Promise<Decision> {
  if (after?.partition !== undefined) assertOwnLog(audience.partitionOf(user), after.partition);
  return audience.decide(user, {
    ...(segments === undefined ? {} : { segments }),
    ...(after === undefined ? {} : { after: after.seq }),
    ...(waitMs === undefined ? {} : { waitMs }),
  });
}

/** Positions of different logs say nothing of each other: waiting for this one would be waiting for chance. */
function assertOwnLog(own: number, given: number): void {
  if (own === given) return;
  throw new HttpError(
    422,
    "other-log",
    `after.partition: the user's messages go into log ${own}, and this is a position of log ${given}; give that of a message of this user.`,
  );
}
