// Segments side by side, and time series of one. For lib/api/routes/compare.ts and series.ts.
import Type from "typebox";
import { STEPS } from "../../series/cells.ts";
import { COMPARED_MAX, COMPARED_MIN } from "../audience/comparing.ts";
import { Count, exact, Kind, listOf, MaybeMoment, Moment, named, nullable, oneOf, pageOf } from "./common.ts";
import { MEMBERS_QUERY, MemberOut } from "./members.ts";

/** Twelve ids and their commas. */
const IDS_LENGTH_MAX = 4_096;

export const SegmentIdsIn = Type.String({
  minLength: 1,
  maxLength: IDS_LENGTH_MAX,
  examples: ["cart-under-100,big-spenders"],
  description: `Ids of ${COMPARED_MIN} to ${COMPARED_MAX} segments of one kind, with commas between.`,
});

const Share = nullable(Type.Number({ minimum: 0, maximum: 1 }));

const profile = {
  members: Count,
  share: Type.Unsafe({ ...Share, description: "Of everybody; null where there is nobody." }),
  activeIn7Days: Count,
  activeIn30Days: Count,
  visits: Type.Integer({ minimum: 0, description: "Of all members together, as far as they are kept." }),
  engagement: nullable(Type.Number(), {
    description: "The mean score; null where it is not kept, because no segment asks for it.",
  }),
  buyers: Type.Integer({ minimum: 0, description: "Members with one order that stands, or more." }),
  orders: Count,
  revenue: Type.Number({ description: "Of those orders, in the vocabulary's currency." }),
  topCategories: listOf(
    exact({
      category: Type.String(),
      members: Type.Integer({ minimum: 0, description: "Who have bought from it." }),
      items: Type.Number(),
    }),
    { description: "Those that most members have bought from." },
  ),
};

const ProfileOut = named("GroupProfile", exact(profile));

export const ComparisonOut = exact({
  kind: Kind,
  clock: MaybeMoment,
  segments: listOf(
    exact({
      segment: Type.String(),
      only: Type.Integer({ minimum: 0, description: "In this one and in no other of those compared." }),
      ...profile,
    }),
  ),
  everybody: ProfileOut,
  pairs: listOf(
    exact({
      a: Type.String(),
      b: Type.String(),
      both: Count,
      either: Count,
      onlyA: Count,
      onlyB: Count,
      jaccard: Type.Unsafe({ ...Share, description: "Both of either; null where both are empty." }),
    }),
  ),
  together: exact({ all: Count, any: Count, jaccard: Share }),
});

export const OverlapQuery = exact({
  in: Type.Unsafe<string>({
    ...SegmentIdsIn,
    description: "Members of all of these; with commas between, at most 12.",
  }),
  out: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: IDS_LENGTH_MAX,
      description: "And of none of these; with commas between, at most 12.",
    }),
  ),
  ...MEMBERS_QUERY,
});

export const OverlapOut = pageOf(MemberOut);

const MomentIn = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 40, description: `${description} ISO 8601.` }));

export const SeriesQuery = exact({
  step: Type.Optional(oneOf(STEPS, { default: "hour", examples: ["hour"], description: "Days are those of UTC." })),
  from: MomentIn("The step that contains it is the first; 60 minutes, 48 hours or 30 days before `to` by default."),
  to: MomentIn("Up to here, exclusive; the step that contains the moment before is the last. Now by default."),
});

const MaybeCount = nullable(Count, { description: "Null: so finely it is not kept any more; ask for a larger step." });

export const SeriesOut = exact({
  segment: Type.String(),
  step: oneOf(STEPS),
  items: listOf(
    exact({
      at: Moment,
      joined: MaybeCount,
      left: MaybeCount,
      size: nullable(Type.Integer(), { description: "At the end of the step." }),
    }),
  ),
  counted: exact({
    seq: Type.Integer({ minimum: 0, description: "The last delta of SEGMENTS that is counted." }),
    behind: Type.Boolean({
      description: "There are deltas that are not counted yet; the past may still be corrected.",
    }),
  }),
});
