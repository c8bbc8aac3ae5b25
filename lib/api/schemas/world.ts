// What the control log carries besides segments: the vocabulary, items, situations. For the three groups of routes of that
// name; their bodies have parsers of their own (vocabulary.ts, feeds.ts), which say more than a schema can.
import Type from "typebox";
import type { JsonObject } from "../../core/types.ts";
import { VOCABULARY_SCHEMA } from "../../core/vocabulary-schema.ts";
import {
  AnyJson,
  AnyObject,
  Count,
  checkedByRoute,
  exact,
  listOf,
  MaybeMoment,
  Moment,
  named,
  nullable,
  oneOf,
  ProblemOut,
  pageOf,
} from "./common.ts";

const Revision = Type.Integer({ minimum: 0, description: "Of the control log." });

const VocabularyDocument = Type.Unsafe({
  ...AnyObject,
  description: "The whole vocabulary; docs/schemas/vocabulary.schema.json is its schema.",
});

export const VocabularyOut = exact({
  vocabulary: VocabularyDocument,
  waiting: nullable(VocabularyDocument, { description: "A newer one whose history is being read." }),
});

export const VocabularyIn = checkedByRoute(
  Type.Unsafe({
    type: "object",
    properties: Object.fromEntries(
      Object.keys(VOCABULARY_SCHEMA.properties as JsonObject).map((part) => [part, AnyJson]),
    ),
    additionalProperties: false,
    description: "What is left out is as it is by default. docs/schemas/vocabulary.schema.json is the whole schema.",
  }),
  [{ currency: "EUR" }],
);

export const VocabularyPlanOut = exact({
  revision: nullable(Revision, { description: "Null: nothing was written, for nothing differs, or it was a dry run." }),
  changes: listOf(exact({ part: Type.String(), before: AnyJson, after: AnyJson })),
  edited: listOf(Type.String(), { description: "Segments that mean something else by it: each gets a new version." }),
  warnings: listOf(ProblemOut),
});

const vocabularyFields = {
  revision: Revision,
  appliedAt: Moment,
  state: oneOf(["in force", "waiting", "past", "given up"]),
  who: nullable(Type.String(), { description: "From the log of changes; null where it does not say." }),
};

export const VocabulariesOut = pageOf(named("VocabularyVersion", exact(vocabularyFields)));

export const OneVocabularyOut = exact({
  ...vocabularyFields,
  vocabulary: Type.Unsafe({ ...VocabularyDocument, description: "As written; what it leaves out is as by default." }),
});

export const ItemOut = exact({ id: Type.String(), attributes: AnyObject });

const ItemIn = Type.Unsafe({
  type: "object",
  required: ["id"],
  properties: { id: { type: ["string", "number"] } },
  additionalProperties: true,
  description: "Its id; everything else is an attribute, and null takes one away.",
});

export const ItemsIn = checkedByRoute(
  Type.Union([
    exact({ mode: Type.Optional(oneOf(["merge", "replace", "remove"])), items: listOf(ItemIn) }),
    listOf(ItemIn, { description: "The same as mode `merge`." }),
  ]),
  [{ mode: "merge", items: [{ id: "sku-1", price: 5, category: "shoes" }] }],
);

export const ItemsTold = exact({ revision: Revision, written: Count, unchanged: Count, entries: Count });

const Place = exact({
  country: Type.String(),
  region: Type.Optional(Type.String()),
  city: Type.Optional(Type.String()),
});

const SituationIn = exact({
  kind: Type.String({ description: "The feed's kind: `weather`." }),
  place: Type.Union([Place, Type.String({ description: "country/region/city" })]),
  values: nullable(AnyObject, { description: "Null clears them." }),
  until: Type.Optional(Type.Union([Type.String({ format: "date-time" }), Type.Integer({ minimum: 0 })])),
});

export const SituationsIn = checkedByRoute(Type.Union([SituationIn, listOf(SituationIn, { maxItems: 1_000 })]), [
  { kind: "weather", place: { country: "DE", region: "BY" }, values: { condition: "rain" } },
]);

export const SituationsTold = exact({ revision: Revision, written: Count, unchanged: Count });

export const SituationsOut = exact({
  situations: listOf(exact({ kind: Type.String(), place: Place, values: AnyObject, until: MaybeMoment })),
});
