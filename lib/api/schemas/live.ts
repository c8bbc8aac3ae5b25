// What a live stream is asked for. For lib/api/routes/live.ts; the topics are read by lib/api/live/topics.ts.
import Type from "typebox";
import { TOPICS_DEFAULT } from "../live/topics.ts";
import { exact } from "./common.ts";

export const LiveQuery = exact({
  topics: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 7_000,
      default: TOPICS_DEFAULT,
      examples: ["sizes,changes"],
      description:
        "With commas between: `sizes`, `changes` (of all segments), `events`, `operations`, `segment:ID`, `user:ID`, `account:ID`. " +
        "The ids are percent-encoded within the list.",
    }),
  ),
});
