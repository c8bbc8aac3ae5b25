// The parts of a profile, of people and of accounts alike. For lib/api/routes/profiles.ts.
import Type from "typebox";
import {
  AnyJson,
  AnyObject,
  Count,
  exact,
  listOf,
  MaybeMoment,
  Moment,
  mapOf,
  named,
  nullable,
  oneOf,
  pageOf,
} from "./common.ts";

export const NameIn = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 1_024,
    description: "Only events of that name, or of that type: `Product Viewed`, `identify`.",
  }),
);

export const EventOut = named(
  "TimelineEvent",
  exact({
    at: { ...MaybeMoment, description: "When it happened, as the message says." },
    received: Moment,
    type: oneOf(["track", "identify", "page", "screen", "group"]),
    name: Type.String({ description: "As rules name it; empty for identify and group." }),
    seq: Type.Integer({ minimum: 1, description: "Its place in the log of the partition." }),
    messageId: Type.Optional(Type.String()),
    channel: Type.Optional(Type.String()),
    user: Type.Optional(Type.String({ description: "Of an account: who did it." })),
    account: Type.Optional(
      nullable(Type.String(), { description: "Of a group call: where they belong from then on." }),
    ),
    properties: AnyObject,
    traits: AnyObject,
    context: AnyObject,
  }),
);

export const EventsOut = exact({
  ...pageOf(EventOut).properties,
  scanned: Type.Integer({
    minimum: 0,
    description: "Messages that were looked through for this page, others' among them; 0 where every place was known.",
  }),
});

const TraitOut = named(
  "Trait",
  exact({
    name: Type.String(),
    origin: oneOf(["sent", "computed"], { description: "Told by messages, or worked out from what was done." }),
    type: oneOf(["text", "number", "boolean", "list", "object", "none"]),
    value: AnyJson,
    at: nullable(Moment, { description: "When it was written, as its message says; null of what is computed." }),
    message: nullable(
      exact({
        seq: Type.Integer({ minimum: 1 }),
        received: Moment,
        messageId: Type.Optional(Type.String()),
        channel: Type.Optional(Type.String()),
        user: Type.Optional(Type.String({ description: "Of an account: whose message it was." })),
      }),
      { description: "Which message wrote it, where that is among their newest; else null." },
    ),
  }),
);

export const TraitsOut = exact({ items: listOf(TraitOut), timezone: Type.String() });

const OrderOut = named(
  "Order",
  exact({
    id: Type.Optional(Type.String()),
    seq: Type.Integer({ minimum: 1 }),
    messageId: Type.Optional(Type.String()),
    at: MaybeMoment,
    currency: Type.String(),
    placed: nullable(Type.Number(), { description: "What its completion said that it comes to; null: not known." }),
    total: nullable(Type.Number(), { description: "What it comes to by now; null: not known in this currency." }),
    lowered: nullable(Type.Number(), { description: "By how much refunds, cancellations and updates lowered it." }),
    gone: Type.Boolean({ description: "Cancelled, or refunded whole: it counts for nothing." }),
    mayChange: Type.Boolean({ description: "Refunds and updates of it are still taken." }),
    quantity: Type.Number(),
    coupon: Type.Optional(AnyJson),
    products: listOf(AnyObject),
    changes: listOf(
      exact({
        event: Type.String(),
        at: MaybeMoment,
        total: nullable(Type.Number()),
        messageId: Type.Optional(Type.String()),
      }),
      { description: "What has been said of it since, newest first, as far as it is among their newest messages." },
    ),
  }),
);

export const OrdersOut = exact({
  count: { ...Count, description: "All that were ever completed." },
  standing: { ...Count, description: "Neither cancelled nor refunded whole." },
  currency: Type.String({ description: "Of revenue and average." }),
  revenue: Type.Number({ description: "What those that stand come to." }),
  average: nullable(Type.Number()),
  ...pageOf(OrderOut).properties,
});

export const CartOut = exact({
  currency: Type.String(),
  value: Type.Number(),
  quantity: Type.Number(),
  changed: nullable(Type.String(), { description: "When its lines last changed; null while it is empty." }),
  products: listOf(AnyObject),
});

const SessionOut = named(
  "Session",
  exact({
    start: MaybeMoment,
    last: MaybeMoment,
    underWay: Type.Boolean(),
    visit: Type.Unsafe({
      ...AnyObject,
      description:
        "Pages, events, entry, page, channel, source, place, device, duration in milliseconds, as rules read it; what no rule has kept is missing.",
    }),
  }),
);

export const SessionsOut = exact({ count: Count, ...pageOf(SessionOut).properties });

export const AffinitiesOut = exact({
  items: listOf(AnyObject, { description: "By each measure that some `favorite` rule keeps; empty where none does." }),
});

const StandingOut = named(
  "Standing",
  exact({
    segment: Type.String(),
    name: Type.String(),
    in: Type.Boolean(),
    n: { ...Count, description: "Joinings and leavings so far." },
    times: { ...Count, description: "How many times they have joined." },
    joined: nullable(Moment, { description: "Since when they are in; null of those they have left." }),
    left: nullable(Moment),
    until: nullable(Moment, { description: "When silence alone may change it; null: it does not." }),
  }),
);

export const StandingsOut = exact({ items: listOf(StandingOut) });

export const NearOut = exact({
  ...pageOf(
    exact({
      segment: Type.String(),
      name: Type.String(),
      rule: Type.String({ description: "The one rule that keeps them out." }),
      mustPass: Type.Boolean({ description: "False: it passes, below a `not` or a `none`, and must not." }),
      actual: Type.Optional(AnyJson),
      expected: Type.Optional(Type.String()),
    }),
  ).properties,
  looked: { ...Count, description: "Segments looked at for this page." },
});

export const CampaignsOut = exact({
  items: listOf(
    exact({
      campaign: Type.String(),
      outcomes: mapOf(exact({ count: Count, last: MaybeMoment }), { description: "By the vocabulary's outcome." }),
      last: MaybeMoment,
    }),
  ),
  messages: { ...Count, description: "Their newest messages that were looked at for it." },
  complete: Type.Boolean({ description: "They have no others." }),
});

const SeenOut = exact({
  record: AnyObject,
  visits: Count,
  last: MaybeMoment,
});

export const PlacesOut = exact({
  places: listOf(SeenOut, { description: "The newest first; empty where no rule keeps the places of visits." }),
  devices: listOf(SeenOut),
  visits: { ...Count, description: "The newest visits that were looked at for it." },
});
