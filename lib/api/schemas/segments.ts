// Segments as they are shown: in the list, and one by itself. For lib/api/routes/segments.ts and the live feed.
import Type from "typebox";
import { AnyObject, Count, exact, Kind, listOf, named, nullable, oneOf } from "./common.ts";

const summary = {
  id: Type.String({ examples: ["cart-under-100"] }),
  kind: Kind,
  name: Type.String(),
  description: Type.String(),
  folder: nullable(Type.String()),
  tags: listOf(Type.String()),
  version: Count,
  state: oneOf(["draft", "backfilling", "live", "disabled"], {
    description: "`draft` and `backfilling` (its history is being read) have no members yet.",
  }),
  nextVersion: nullable(Count, { description: "A newer version whose history is being read while this one serves." }),
  hasDraft: Type.Boolean({ description: "Somebody keeps a draft of what it might become." }),
  size: nullable(Count, { description: "Null while not every partition answers." }),
};

export const SegmentSummaryOut = named("SegmentSummary", exact(summary));

export const SegmentOut = named(
  "Segment",
  exact({
    ...summary,
    definition: Type.Unsafe({
      ...AnyObject,
      description: "As it was applied; /v1/schemas/segment.json is its schema.",
    }),
    sentence: Type.Optional(Type.String({ description: "The definition in plain words." })),
  }),
);

export const OverviewOut = exact({
  segments: listOf(SegmentSummaryOut),
  universe: nullable(Count, { description: "People and accounts known; null while not every partition answers." }),
});
