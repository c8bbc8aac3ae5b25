// What a definition would do before anybody applies it. For lib/api/routes/candidates.ts.
import Type from "typebox";
import type { JsonObject } from "../../core/types.ts";
import {
  AnyJson,
  AnyObject,
  answerOf,
  Count,
  exact,
  Kind,
  listOf,
  Moment,
  named,
  nullable,
  oneOf,
  ProblemOut,
} from "./common.ts";
import { CostOut } from "./segments.ts";

const definition = Type.Unsafe<JsonObject>({
  ...AnyObject,
  description: "A definition; /v1/schemas/segment.json is its schema.",
});
const EXAMPLE = { id: "idea", name: "An idea", rule: { cart: { value: { gt: 50 } } } };

export const CheckIn = exact({ definition }, { examples: [{ definition: EXAMPLE }] });

const SAMPLES_MAX = 100;

export const TryIn = exact(
  {
    definition,
    samples: Type.Optional(
      Type.Integer({ minimum: 0, maximum: SAMPLES_MAX, default: 5, description: "So many people of each kind." }),
    ),
    history: Type.Optional(
      Type.Boolean({ default: false, description: "Read all logs, so that nothing is left unknown; takes longer." }),
    ),
  },
  { examples: [{ definition: EXAMPLE, samples: 3 }] },
);

const DAYS_MAX = 3_650;

export const BacktestIn = exact(
  {
    definition,
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: DAYS_MAX, default: 30, description: "So many days up to now." }),
    ),
  },
  { examples: [{ definition: EXAMPLE, days: 7 }] },
);

export const StreamQuery = exact({
  stream: Type.Optional(
    Type.Boolean({
      default: false,
      description: "Send lines as it goes: `{progress, partial?}` …, then `{result}` or `{error}`.",
    }),
  ),
});

export const SentenceOut = exact({ id: Type.String(), name: Type.String(), kind: Kind, sentence: Type.String() });

export const CheckOut = exact({
  valid: Type.Boolean({ description: "It could be applied as it is." }),
  change: oneOf(["new", "changed", "unchanged", "none"], { description: "`none`: it cannot be read." }),
  problems: listOf(ProblemOut),
  warnings: listOf(ProblemOut, { description: "It can be applied, and perhaps should not be." }),
  cost: nullable(CostOut, { description: "Null where it cannot be read." }),
  sentence: nullable(Type.String()),
});

const Ids = listOf(Type.String());

const TrialOut = named(
  "Trial",
  exact({
    segment: Type.String(),
    kind: Kind,
    against: nullable(Count, { description: "The version in force, which `joins` and `leaves` are reckoned from." }),
    members: Type.Integer({ minimum: 0, description: "Looked at." }),
    in: Type.Integer({ minimum: 0, description: "They would be in, at least." }),
    unknown: Type.Integer({ minimum: 0, description: "Whether they would be depends on history that is not kept." }),
    joins: Count,
    leaves: Count,
    nearMisses: Type.Integer({ minimum: 0, description: "They fail one rule only." }),
    nodes: listOf(exact({ rule: Type.String(), depth: Count, pass: Count, unknown: Count }), {
      description: "The rule's nodes in the order of its tree, and how many pass each.",
    }),
    inSample: Ids,
    joinSample: Ids,
    leaveSample: Ids,
    nearSample: listOf(exact({ id: Type.String(), rule: Type.String(), actual: AnyJson, expected: Type.String() })),
  }),
);

const BacktestOut = named(
  "Backtest",
  exact({
    segment: Type.String(),
    kind: Kind,
    from: Moment,
    to: Moment,
    sizeBefore: Count,
    size: Count,
    universe: Count,
    joined: Count,
    left: Count,
    days: listOf(exact({ day: Type.String({ format: "date" }), joined: Count, left: Count, size: Count })),
    flapping: exact({
      people: Type.Integer({ minimum: 0, description: "Who joined three times or oftener." }),
      most: listOf(exact({ id: Type.String(), joins: Count })),
    }),
    cost: CostOut,
  }),
);

const LINES = "One JSON object a line: `{progress, partial?}` …, then `{result}` or `{error}`.";

/** As a whole, or line by line as it goes. */
function wholeOrLines(schema: typeof TrialOut | typeof BacktestOut) {
  return {
    description: "Done; by `?stream` line by line, as it goes.",
    content: {
      "application/json": { schema },
      ...answerOf("application/x-ndjson", LINES).content,
    },
  };
}

export const TrialAnswer = wholeOrLines(TrialOut);
export const BacktestAnswer = wholeOrLines(BacktestOut as unknown as typeof TrialOut);
