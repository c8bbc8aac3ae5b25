// What was refused. For lib/api/routes/rejects.ts.
import Type from "typebox";
import { Count, Cursor, exact, limitOf, Moment, named, nullable, pageOf } from "./common.ts";

export const REJECTS_MAX = 200;
export const REPLAYED_MAX = 500;

const Replayed = nullable(exact({ at: Moment, partition: Count, seq: Count }), {
  description: "Where it was stored when it was sent again; null: it was not.",
});

const reject = {
  seq: Type.Integer({ minimum: 1, description: "In the stream REJECTS." }),
  at: Moment,
  reason: Type.String({ examples: ["no-type"] }),
  detail: Type.String({ description: "What is wrong, and where." }),
  partition: nullable(Count),
  logSeq: nullable(Count, { description: "In the log of the partition." }),
  bytes: Count,
  traceparent: nullable(Type.String(), { description: "What it was sent with, as W3C Trace Context has it." }),
  replayed: Replayed,
};

export const RejectsOut = pageOf(named("Reject", exact(reject)));
export const RejectOut = exact({
  ...reject,
  text: nullable(Type.String(), { description: "The original, where it is UTF-8." }),
  base64: nullable(Type.String(), { description: "The original bytes; null where they may not be shown." }),
});

const filter = {
  reason: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: "Of this reason alone." })),
  partition: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000, description: "From this log alone." })),
  since: Type.Optional(Type.String({ maxLength: 40, format: "date-time", description: "Told then or later." })),
  until: Type.Optional(Type.String({ maxLength: 40, format: "date-time", description: "Told before." })),
};

export const RejectsQuery = exact({ ...filter, limit: limitOf(REJECTS_MAX, 50), cursor: Cursor });
export const RejectSeqIn = Type.String({ minLength: 1, maxLength: 64, description: "Its `seq`.", examples: ["1"] });

export const ReplayIn = exact(
  { ...filter, limit: limitOf(REPLAYED_MAX, 100), cursor: Cursor },
  { examples: [{ reason: "no-type", limit: 10 }] },
);
export const ReplayOut = exact({ partition: Count, seq: Count });
export const ReplaysOut = exact({
  sent: Count,
  already: Type.Integer({ minimum: 0, description: "Sent again before." }),
  refused: Type.Integer({ minimum: 0, description: "The cause is not gone." }),
  unsure: Type.Integer({ minimum: 0, description: "Nobody knows whether they were stored." }),
  failed: Type.Integer({ minimum: 0, description: "The log did not take them." }),
  next: nullable(Type.String(), { description: "The `cursor` with which to go on; null: nothing is older." }),
});
