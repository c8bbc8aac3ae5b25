// Why somebody is in a segment, or is not: the rule's own tree with what was found. For lib/api/routes/explain.ts.
import Type from "typebox";
import { AnyJson, Count, exact, listOf, MaybeMoment, named } from "./common.ts";

/** A tree of itself, so it is referred to before it is there. */
const NodeRef = Type.Unsafe({ $ref: "ExplainNode#" });

const TurnOut = exact({
  rule: Type.String(),
  mustPass: Type.Boolean({ description: "False: it passes now, and would have to fail." }),
  actual: Type.Optional(AnyJson),
  expected: Type.Optional(Type.String()),
});

export const ExplainNodeOut = named(
  "ExplainNode",
  exact({
    rule: Type.String(),
    pass: Type.Boolean(),
    unknown: Type.Optional(
      Type.Boolean({ description: "What it asks of the past is not kept; `pass` is false then." }),
    ),
    actual: Type.Optional(AnyJson),
    expected: Type.Optional(Type.String()),
    decidedBy: Type.Optional(
      exact(
        {
          seq: Type.Optional(Count),
          at: Type.Optional(MaybeMoment),
          messageId: Type.Optional(Type.String()),
          event: Type.Optional(Type.String()),
        },
        { description: "The newest message that gave the actual value." },
      ),
    ),
    since: Type.Optional(MaybeMoment),
    until: Type.Optional(
      Type.Unsafe({ ...MaybeMoment, description: "When silence alone would change this node, if it would." }),
    ),
    nodes: Type.Optional(listOf(NodeRef)),
    users: Type.Optional(
      exact({ rule: Type.String(), on: Count, of: Count, ids: Type.Optional(listOf(Type.String())) }),
    ),
    account: Type.Optional(exact({ id: Type.String(), flag: Type.String() })),
    toSatisfy: Type.Optional(
      listOf(TurnOut, { description: "At the root, where the rule fails: the fewest rules that would have to turn." }),
    ),
  }),
);

export const ExplanationOut = exact({
  segment: Type.String(),
  user: Type.Optional(Type.String()),
  account: Type.Optional(Type.String()),
  clock: MaybeMoment,
  explanation: ExplainNodeOut,
});
