// Search, and the catalogue of what was observed. For lib/api/routes/search.ts and observed.ts.
import Type from "typebox";
import { AnyJson, Count, exact, Kind, listOf, MaybeMoment, Moment, named, nullable, pageOf } from "./common.ts";

const FoundOut = named(
  "Found",
  exact({
    kind: Kind,
    id: Type.String(),
    field: Type.String({ description: "What was found in them: `id`, or the name of an identity or a trait." }),
    value: AnyJson,
    name: Type.Optional(AnyJson),
    lastSeen: MaybeMoment,
  }),
);

export const SearchOut = exact({
  ...pageOf(FoundOut).properties,
  partial: Type.Boolean({
    description: "There may be others besides these and those after `next`: time ran out, or somebody did not answer.",
  }),
  looked: { ...Count, description: "Members that were looked at for this page." },
});

const coverage = {
  coverage: exact(
    {
      read: Count,
      messages: Count,
      approximate: Type.Boolean({ description: "Not every message was read, or something rare was given up." }),
    },
    { description: "How many messages it rests on, of those that the logs hold; each answer reads on." },
  ),
};

export const ObservedEventsOut = exact({
  items: listOf(exact({ name: Type.String(), count: Count, error: Count, last: Moment }), {
    description: "The most frequent first; `count` is too high by `error` at most.",
  }),
  ...coverage,
});

export const ObservedFieldsOut = exact({
  items: listOf(exact({ name: Type.String(), types: listOf(Type.String()), count: Count, last: Moment })),
  ...coverage,
});

export const ObservedValuesOut = exact({
  items: listOf(exact({ value: nullable(AnyJson), count: Count, error: Count, last: Moment }), {
    description: "The most frequent 20 at most; `count` is too high by `error` at most.",
  }),
  ...coverage,
});
