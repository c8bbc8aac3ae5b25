// Which segments one person is in now, for a page that is being drawn. For lib/api/routes/decide.ts and the service of the
// same name over NATS.
import Type, { type Static } from "typebox";
import { DECIDE_WAIT_MS_DEFAULT, DECIDE_WAIT_MS_MAX } from "../../ports/questions.ts";
import { exact, listOf, MaybeMoment, named, SegmentIdIn, UserIdIn } from "./common.ts";

const SEGMENTS_MAX = 1_000;
const PARTITION_MAX = 1_023;

/** `partition:sequence`, with commas between. */
const POSITIONS = "^\\d{1,4}:[1-9]\\d{0,14}(,\\d{1,4}:[1-9]\\d{0,14})*$";
const POSITIONS_LENGTH_MAX = 16_384;

const LogSeq = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

export const DecideIn = exact(
  {
    user: UserIdIn,
    segments: Type.Optional(
      listOf(SegmentIdIn, { minItems: 1, maxItems: SEGMENTS_MAX, description: "Of these only; left out: of all." }),
    ),
    after: Type.Optional(
      Type.Union(
        [
          exact({
            partition: Type.Optional(
              Type.Integer({
                minimum: 0,
                maximum: PARTITION_MAX,
                description: "The log's number, when it is at hand: a position of somebody else's log is refused.",
              }),
            ),
            seq: LogSeq,
          }),
          Type.String({
            pattern: POSITIONS,
            maxLength: POSITIONS_LENGTH_MAX,
            description:
              "As the header `rollcall-position` of a route that takes events has it; the user's own log counts.",
          }),
        ],
        { description: "The position that storing an event of this user was acknowledged with: the answer knows it." },
      ),
    ),
    waitMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: DECIDE_WAIT_MS_MAX,
        default: DECIDE_WAIT_MS_DEFAULT,
        description: "How long to wait for `after` at most; then the answer comes with `fresh: false`.",
      }),
    ),
  },
  { examples: [{ user: "u1", after: { seq: 1 }, waitMs: 500 }] },
);

export type DecideAsked = Static<typeof DecideIn>;

export const DecisionOut = named(
  "Decision",
  exact({
    user: Type.String(),
    known: Type.Boolean({ description: "False for an id that no message has named." }),
    fresh: Type.Boolean({
      description: "False: `after` had not been reached in time. True where it was not asked for.",
    }),
    position: exact(
      { partition: Type.Integer({ minimum: 0 }), seq: Type.Integer({ minimum: 0 }) },
      { description: "The last message of the user's log that the answer knows." },
    ),
    segments: listOf(
      exact({
        id: Type.String({ examples: ["cart-under-100"] }),
        n: Type.Integer({ minimum: 1, description: "Which joining it was, as in the delta that told of it." }),
        since: MaybeMoment,
      }),
      { description: "Those that the user is in, by id." },
    ),
  }),
);
