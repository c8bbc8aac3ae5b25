// Segments as they are shown: in the list, and one by itself. For lib/api/routes/segments.ts and the live feed.
import Type from "typebox";
import type { JsonObject } from "../../core/types.ts";
import {
  AnyJson,
  AnyObject,
  Count,
  Cursor,
  checkedByRoute,
  exact,
  ID_LENGTH_MAX,
  Kind,
  limitOf,
  listOf,
  MaybeMoment,
  Moment,
  mapOf,
  named,
  nullable,
  oneOf,
  ProblemOut,
  pageOf,
} from "./common.ts";

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

// ── asked for ───────────────────────────────────────────────────────────────────────────────────────────────────────

const STATES = ["draft", "backfilling", "live", "disabled"] as const;

const word = (description: string, example?: string) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: ID_LENGTH_MAX,
      description,
      ...(example === undefined ? {} : { examples: [example] }),
    }),
  );

export const SEGMENTS_MAX = 10_000;

export const SegmentsQuery = exact({
  text: word("In the id, the name, the description or a tag, in any case."),
  tag: word("With this tag."),
  folder: word("In this folder, or in one below it."),
  kind: Type.Optional(Kind),
  state: Type.Optional(oneOf(STATES)),
  hasDraft: Type.Optional(Type.Boolean({ description: "With a draft of what it might become, or without." })),
  usedIn: word("Those that this segment refers to."),
  uses: word("Those that refer to this segment."),
  usesList: word("Those that refer to this list."),
  sort: Type.Optional(
    oneOf(["id", "-id", "name", "-name", "size", "-size", "folder", "-folder", "changed", "-changed"], {
      default: "id",
      description: "`-`: the other way round.",
    }),
  ),
  limit: limitOf(SEGMENTS_MAX, SEGMENTS_MAX),
  cursor: Cursor,
});

export const IfMatch = Type.Object(
  {
    "if-match": Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'The `etag` of what you have seen: `"3"`. Refused when it has moved.',
      }),
    ),
  },
  { additionalProperties: true },
);

/** Written out where it comes in; its own parser says what is wrong with it. */
const definition = (description: string) => Type.Unsafe<JsonObject>({ ...AnyObject, description });

const DEFINITION = "A definition; /v1/schemas/segment.json is its schema.";

export const definitionIn = (example: JsonObject) => checkedByRoute(definition(DEFINITION), [example]);

export const DraftIn = checkedByRoute(definition("A definition, or as much as there is of one yet."), [
  { id: "idea", name: "An idea", rule: {} },
]);

export const CandidateIn = exact(
  { definition: definition(DEFINITION) },
  { examples: [{ definition: { id: "idea", rule: { cart: { value: { gt: 50 } } } } }] },
);

export const CloneIn = exact(
  {
    id: Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX, description: "Of the new one." }),
    name: word("Left out: the id."),
    description: Type.Optional(Type.String({ maxLength: 16_384 })),
    folder: word("Left out: the same."),
    draft: Type.Optional(Type.Boolean({ default: false, description: "Keep it as a draft, to be edited first." })),
  },
  { examples: [{ id: "cart-under-50", name: "Cart under $50" }] },
);

export const RollbackIn = exact(
  { version: Type.Integer({ minimum: 1, description: "One of its versions; it comes back as a new one." }) },
  { examples: [{ version: 1 }] },
);

const ListGivenIn = exact({
  id: Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX }),
  kind: Type.Optional(Kind),
  members: listOf(Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX })),
});

/** As files have them: what `rollcall segments apply` reads. */
export const BatchIn = exact(
  {
    segments: Type.Optional(listOf(definition(DEFINITION), { maxItems: 1_000 })),
    lists: Type.Optional(listOf(ListGivenIn, { maxItems: 100, description: "Written first, each as a whole." })),
    remove: Type.Optional(listOf(Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX }), { maxItems: 1_000 })),
    dryRun: Type.Optional(Type.Boolean({ default: false, description: "Only say what would be done." })),
  },
  { examples: [{ segments: [{ id: "cart-filled", rule: { cart: { quantity: { gte: 1 } } } }] }] },
);

// ── answered ────────────────────────────────────────────────────────────────────────────────────────────────────────

export const SegmentsOut = exact({
  segments: listOf(SegmentSummaryOut),
  universe: nullable(Count, { description: "People and accounts known; null while not every partition answers." }),
  next: nullable(Type.String(), { description: "The `cursor` of the next page; null: this is the last." }),
});

export const CostOut = named(
  "Cost",
  exact({
    class: oneOf(["light", "stateful", "history"], {
      description:
        "`light`: what it reads is kept already; `stateful`: new counters; `history`: these are made from the past.",
    }),
    why: Type.String(),
  }),
);

export const AppliedOut = named(
  "Applied",
  exact({
    revisions: listOf(Type.Integer({ minimum: 1 }), {
      description: "Of each entry of the control log; none: nothing differs, or it was a dry run.",
    }),
    waits: Type.Boolean({ description: "History is read before it is in force: GET /v1/preparations tells how far." }),
    created: listOf(Type.String()),
    changed: listOf(Type.String()),
    unchanged: listOf(Type.String()),
    removed: listOf(Type.String()),
    lists: listOf(Type.String()),
    versions: mapOf(Count, { description: "The newest of each segment that is named here." }),
    costs: mapOf(CostOut, { description: "Of what is new or changed." }),
    warnings: listOf(ProblemOut),
  }),
);

export const DraftOut = exact({
  id: Type.String(),
  definition: definition("As it was kept."),
  sentence: nullable(Type.String(), { description: "In plain words; null while it cannot be read." }),
  problems: listOf(ProblemOut, { description: "What publishing it would be refused for." }),
  warnings: listOf(ProblemOut),
});

export const DraftGoneOut = exact({ id: Type.String() });

const versionFields = {
  version: Count,
  revision: Count,
  state: oneOf(["live", "disabled", "backfilling", "past", "given up"]),
  appliedAt: Moment,
  inForceFrom: MaybeMoment,
  inForceUntil: MaybeMoment,
};

export const VersionsOut = pageOf(named("SegmentVersion", exact(versionFields)));

export const OneVersionOut = exact({
  ...versionFields,
  definition: definition("As it was applied."),
  sentence: nullable(Type.String()),
});

export const UsesOut = exact({
  segments: listOf(Type.String(), { description: "Whose rules name it." }),
  engagement: Type.Boolean({ description: "The vocabulary's engagement counts it." }),
});

export const CancelledOut = exact({
  revision: Count,
  segments: listOf(Type.String(), { description: "All that it would have brought, or taken away." }),
});

const ShareOut = exact({
  partition: Count,
  state: oneOf(["waiting", "folding", "ready", "failed"]),
  done: Type.Integer({ minimum: 0, description: "Messages folded." }),
  total: Count,
  perSecond: Type.Number({ minimum: 0 }),
  leftMs: nullable(Type.Number({ minimum: 0 }), { description: "Null while nobody knows." }),
  reason: nullable(Type.String(), { description: "Why it failed." }),
});

export const PreparationsOut = exact({
  preparations: listOf(
    named(
      "Preparation",
      exact({
        revision: Count,
        segments: listOf(Type.String()),
        removes: listOf(Type.String()),
        done: Count,
        total: Count,
        perSecond: Type.Number({ minimum: 0 }),
        leftMs: nullable(Type.Number({ minimum: 0 })),
        failed: nullable(Type.String(), { description: "Why it goes no further." }),
        shares: listOf(ShareOut, { description: "Partition by partition." }),
      }),
    ),
  ),
});

export const HistoryOut = pageOf(
  named(
    "SegmentChange",
    exact({
      at: Moment,
      who: Type.String({ description: "The id of a key, `open`, or `cli:` and a name." }),
      what: Type.String({ examples: ["segments.replace"] }),
      versions: listOf(Count, { description: "Of this segment, that it brought." }),
      detail: AnyObject,
    }),
  ),
);

export const DiffQuery = exact({
  from: Type.Integer({ minimum: 1, description: "The older version.", examples: [1] }),
  to: Type.Integer({ minimum: 1, description: "The newer version.", examples: [2] }),
});

/** A tree of itself, so it is referred to before it is there. */
const DiffRef = Type.Unsafe({ $ref: "DiffNode#" });

const DiffNodeOut = named(
  "DiffNode",
  exact({
    path: Type.String({ description: "`rule.all[1].cart`; in the newer one, but for what is removed." }),
    key: Type.String(),
    change: oneOf(["same", "added", "removed", "changed"]),
    before: Type.Optional(AnyJson),
    after: Type.Optional(AnyJson),
    nodes: Type.Optional(listOf(DiffRef)),
  }),
);

export const DiffOut = exact({
  segment: Type.String(),
  from: Count,
  to: nullable(Count, { description: "Null: the definition that was sent." }),
  same: Type.Boolean(),
  tree: DiffNodeOut,
  sentence: exact({
    before: Type.String(),
    after: Type.String(),
    parts: listOf(exact({ change: oneOf(["same", "added", "removed"]), text: Type.String() })),
  }),
});
