// What is asked and told of erasures.
import Type from "typebox";
import { Count, exact, listOf, Moment, oneOf } from "./common.ts";

const Kind = oneOf(["user", "account"]);
const Revision = Type.Integer({ minimum: 1, description: "Names the erasure; it does not say whose it is." });

export const ErasureBegunOut = exact({
  revision: Revision,
  kind: Kind,
  lists: Type.Array(Type.String(), {
    description:
      "Lists that entries of DEFINITIONS put the id on. It is on them no more, but stands in those entries and their copies.",
  }),
});

export const ErasuresOut = exact({
  erasures: listOf(
    exact({
      revision: Revision,
      kind: Kind,
      at: Moment,
      partitions: Count,
      cleared: Count,
      deleted: Count,
      state: oneOf(["under way", "kept for services", "done"], {
        description:
          "`kept for services`: nothing is left but the deltas, which services that were away may still have to hear.",
      }),
    }),
  ),
});
