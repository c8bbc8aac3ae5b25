// What is asked and told of erasures.
import Type from "typebox";
import { WAITS } from "../operations/erasure-waits.ts";
import { Count, exact, listOf, Moment, nullable, oneOf } from "./common.ts";

const Kind = oneOf(["user", "account"]);
const Revision = Type.Integer({ minimum: 1, description: "Names the erasure; it does not say whose it is." });

export const ErasureBegunOut = exact({ revision: Revision, kind: Kind });

const WaitOut = exact({
  for: oneOf(WAITS, {
    description:
      "`owner`: the partition has none that runs; `entry`: its log has not come to the erasure; `others`: other partitions may " +
      "still tell of the member; `folds`: history is folded for new definitions; `checkpoint`: both are written anew; " +
      "`turn`: another erasure is there first; `work`: nothing, it gets on; `retry`: it has failed, and is tried again; " +
      "`hold`: deltas are kept for services (`erasureHold`); `definitions`: entries that put the member on a list are written anew; " +
      "`exports`: what was exported before it is overwritten.",
  }),
  partitions: listOf(Count, { description: "Which wait for it; of `definitions` and `exports` none." }),
  segments: listOf(Type.String(), { description: "Of `folds`: whose history." }),
  until: nullable(Moment, { description: "Of `hold`: until when; else null." }),
  message: Type.String({ description: "For people." }),
});

function stepOf(description: string) {
  return Type.Integer({ minimum: 0, description: `How many partitions there are ${description}.` });
}

export const ErasuresOut = exact({
  erasures: listOf(
    exact({
      revision: Revision,
      kind: Kind,
      at: Moment,
      partitions: Count,
      heard: stepOf("that have come to the erasure in their log: the member is known no more there"),
      listed: stepOf("that have written down what goes, behind which both checkpoints stand"),
      cleared: stepOf("whose log, checkpoints and rejects are without the member"),
      deleted: stepOf("from which the deltas are gone, too"),
      state: oneOf(["under way", "kept for services", "done"], {
        description:
          "`kept for services`: nothing is left but the deltas, which services that were away may still have to hear.",
      }),
      waits: listOf(WaitOut, { description: "What the rest waits for; empty when it is done." }),
    }),
  ),
});
