// Where profiles, search and the catalogue of what was observed get what they show: from the owners of the partitions, and
// from their logs. Put together in listen.ts; tests bring it from memory.
import type { Questions } from "../../nats/questions.ts";
import type { LogLookup } from "../../ports/log-lookup.ts";

export interface PeopleSource {
  readonly partitions: number;
  /** Whether the stamps of the log are the clock, or events' own times. */
  readonly clock: "log" | "event";
  readonly questions: Pick<Questions, "about" | "search">;
  readonly log: LogLookup;
}
