// Events as channels send them, after the Segment spec. Whatever else stands in them is kept: the schema is for readers, and
// envelopes.ts and the partition check. For lib/api/routes/ingest.ts.
import Type, { type TSchema } from "typebox";
import { BATCH_BYTES_MAX, type Call } from "../ingest/envelopes.ts";
import { AnyObject, checkedByRoute, exact, listOf, oneOf } from "./common.ts";

const KB = 1024;

const shared = {
  userId: Type.Optional(Type.Unsafe({ type: ["string", "number", "null"], description: "Who; or `anonymousId`." })),
  anonymousId: Type.Optional(Type.Unsafe({ type: ["string", "number", "null"] })),
  messageId: Type.Optional(
    Type.String({
      description:
        "The same one again within two minutes (the option repeatsKnown) is not stored twice. Made where it is missing.",
    }),
  ),
  timestamp: Type.Optional(Type.Unsafe({ type: ["string", "number"], description: "When it happened." })),
  sentAt: Type.Optional(
    Type.Unsafe({ type: ["string", "number"], description: "By the sender's clock; corrects `timestamp` by ours." }),
  ),
  context: Type.Optional(AnyObject),
  writeKey: Type.Optional(Type.String({ description: "A key of role `ingest`, where no header can be set." })),
};

const track = {
  event: Type.String({ description: "What was done: `Product Added`." }),
  properties: Type.Optional(AnyObject),
};
const traits = { traits: Type.Optional(AnyObject) };
const view = { name: Type.Optional(Type.String()), properties: Type.Optional(AnyObject) };

const OWN: Readonly<Record<Call, Readonly<Record<string, TSchema>>>> = {
  track,
  identify: traits,
  page: view,
  screen: view,
  group: { groupId: Type.Unsafe({ type: ["string", "number", "null"] }), ...traits },
  alias: { previousId: Type.String() },
};

const EXAMPLES: Readonly<Record<Call, object>> = {
  track: { userId: "u1", event: "Product Added", properties: { product_id: "p1", price: 60 } },
  identify: { userId: "u1", traits: { plan: "trial" } },
  page: { userId: "u1", properties: { path: "/shoes" } },
  screen: { userId: "u1", name: "Shoes" },
  group: { userId: "u1", groupId: "acme", traits: { plan: "trial" } },
  alias: { userId: "u1", previousId: "a1" },
};

/** The same schema for both types: browsers send text/plain, which needs no preflight for its type. */
function asJsonOrText(schema: TSchema) {
  return { content: { "application/json": { schema }, "text/plain": { schema } } };
}

export function callIn(call: Call) {
  const schema = Type.Object({ ...shared, ...OWN[call] }, { additionalProperties: true });
  return asJsonOrText(checkedByRoute(schema, [EXAMPLES[call]]));
}

const BatchItem = Type.Object(
  { type: oneOf(["track", "identify", "page", "screen", "group", "alias"]), ...shared },
  { additionalProperties: true },
);

export const BatchIn = asJsonOrText(
  checkedByRoute(
    Type.Object(
      {
        batch: listOf(BatchItem, { description: `At most 2,500, and ${BATCH_BYTES_MAX / KB} KB together.` }),
        context: Type.Optional(Type.Unsafe({ ...AnyObject, description: "For each that does not say it itself." })),
        sentAt: shared.sentAt,
        writeKey: shared.writeKey,
      },
      { additionalProperties: true },
    ),
    [
      {
        batch: [
          { type: "track", ...EXAMPLES.track },
          { type: "identify", ...EXAMPLES.identify },
        ],
      },
    ],
  ),
);

export const IngestTold = exact({ success: Type.Literal(true) });

const Retries = exact({ maxRetryCount: Type.Integer() });

export const SettingsOut = exact({
  integrations: exact({
    "Segment.io": exact({
      apiKey: Type.String(),
      httpConfig: exact({ rateLimitConfig: Retries, backoffConfig: Retries }),
    }),
  }),
  plan: exact({ track: exact({}) }),
  metrics: exact({ sampleRate: Type.Number() }),
});

export const WriteKeyIn = Type.String({
  minLength: 1,
  maxLength: 200,
  description: "A key of role `ingest`; it is the key of this request, too.",
  examples: ["rk_k7x2mq4hza_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
});

/** A message about a user or, where no user is named, about an account, as it travels over NATS. */
export function messageIn(about: "user" | "account") {
  const calls: readonly Call[] =
    about === "user" ? ["track", "identify", "page", "screen", "group"] : ["group", "track"];
  const { writeKey: _, ...fields } = shared;
  return Type.Object(
    { type: oneOf(calls), ...fields, ...optional(OWN.track), ...optional(OWN.group) },
    { additionalProperties: true, examples: examplesOf(about, calls) },
  );
}

function optional(fields: Readonly<Record<string, TSchema>>) {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, Type.Optional(field)]));
}

function examplesOf(about: "user" | "account", calls: readonly Call[]): object[] {
  if (about === "account") return [{ type: "group", groupId: "acme", traits: { plan: "trial" } }];
  return calls.map((type) => ({ type, ...EXAMPLES[type] }));
}
