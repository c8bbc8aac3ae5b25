// A decision as it is asked from outside: over HTTP and over NATS alike. The owner of the user's log answers it.
import type { PartitionNo, Seq } from "../../core/types.ts";
import { HttpError } from "../http/http-error.ts";
import type { DecideAsked } from "../schemas/decide.ts";
import type { Audience, Decision } from "./audience.ts";

export async function decided(audience: Audience, { user, segments, after, waitMs }: DecideAsked): Promise<Decision> {
  const seq = after === undefined ? undefined : positionIn(audience.partitionOf(user), after);
  return audience.decide(user, {
    ...(segments === undefined ? {} : { segments }),
    ...(seq === undefined ? {} : { after: seq }),
    ...(waitMs === undefined ? {} : { waitMs }),
  });
}

/** Positions of different logs say nothing of each other: waiting for one of another log would be waiting for chance. */
function positionIn(own: PartitionNo, after: NonNullable<DecideAsked["after"]>): Seq {
  const given = typeof after === "string" ? positionsOf(after) : [{ partition: own, ...after }];
  const found = given.find(({ partition }) => partition === own);
  if (found !== undefined) return found.seq;
  throw new HttpError(
    422,
    "other-log",
    `after: the user's messages go into log ${own}, and this is a position of log ${given.map(({ partition }) => partition).join(", ")}; give that of a message of this user.`,
  );
}

function positionsOf(text: string): { readonly partition: PartitionNo; readonly seq: Seq }[] {
  return text.split(",").map((one) => {
    const [partition, seq] = one.split(":").map(Number);
    return { partition: partition!, seq: seq! };
  });
}
