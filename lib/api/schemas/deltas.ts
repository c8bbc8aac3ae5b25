// What goes out over NATS: who joined and who left, and what was refused. For the AsyncAPI document.
import Type from "typebox";
import { exact, Kind, Moment, oneOf } from "./common.ts";

export const DeltaOut = exact(
  {
    segment: Type.String(),
    version: Type.Integer({ minimum: 1, description: "Of the definition by which it happened." }),
    kind: Kind,
    id: Type.String({ description: "Whose: a user's id, or an account's." }),
    change: oneOf(["joined", "left"]),
    n: Type.Integer({
      minimum: 1,
      description:
        "1, 2, 3 … for each member and segment, joined and left in turn: a repeat shows. After an erasure it goes on after the highest.",
    }),
    at: Moment,
    cause: exact({
      type: oneOf(["event", "time", "definition", "list", "feed", "erasure"]),
      seq: Type.Integer({ minimum: 0, description: "The message of the log that made it." }),
      messageId: Type.Optional(Type.String()),
      late: Type.Optional(Type.Boolean()),
    }),
  },
  {
    examples: [
      {
        segment: "cart-under-100",
        version: 1,
        kind: "user",
        id: "u1",
        change: "joined",
        n: 1,
        at: "2026-11-23T10:00:00.000Z",
        cause: { type: "event", seq: 7, messageId: "m-1" },
      },
    ],
  },
);
