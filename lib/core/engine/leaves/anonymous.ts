// Whether somebody is known by anything but ids that a channel made up. What he is known by: member/identities.ts.
import { ANONYMOUS_TOPIC, isStranger } from "../member/identities.ts";
import type { Reading } from "../readings.ts";

/** The rule `anonymous`. */
export function anonymousReading(is: boolean): Reading {
  return {
    key: `anonymous ${is}`,
    topics: [ANONYMOUS_TOPIC],
    keep: undefined,
    movesByTime: false,
    holds: (actor) => isStranger(actor.identities) === is,
    // Somebody of whom no message came, a list's member, is a stranger.
    ofNobody: is,
    flips: () => Number.POSITIVE_INFINITY,
    actual: (actor) => {
      const types = Object.keys(actor.identities).filter((type) => type !== "anonymous");
      return types.length === 0 ? "anonymous" : `known by ${types.join(", ")}`;
    },
    expected: is ? "anonymous" : "known",
  };
}
