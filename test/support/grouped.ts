// Traffic in which people belong to accounts: whoever is new joins one, some change theirs, and now and then somebody leaves.
// Stands before load.ts, which sends what comes out of it.
import type { JsonObject } from "../../lib/core/types.ts";
import type { SceneEvent } from "../../lib/scenes/scene.ts";
import { Dice } from "./seed.ts";

const MOVES = 0.03;
const LEAVES = 0.005;
const PLANS = ["trial", "team", "enterprise"];

/** The same traffic, with a group call before some of its messages. */
export function* grouped(traffic: Iterable<SceneEvent>, accounts: number, seed: number): Generator<SceneEvent, never> {
  const dice = new Dice(seed * 17 + 4);
  const known = new Set<string>();
  for (const one of traffic) {
    const isNew = !known.has(one.subjectToken);
    known.add(one.subjectToken);
    if (one.subject === "events" && (isNew || dice.chance(MOVES))) yield joining(one, accounts, dice);
    else if (one.subject === "events" && dice.chance(LEAVES)) yield calling(one, { groupId: null });
    yield one;
  }
  throw new Error("the traffic has come to an end");
}

function joining(one: SceneEvent, accounts: number, dice: Dice): SceneEvent {
  const traits = dice.chance(0.5) ? { traits: { plan: dice.pick(PLANS), seats: dice.int(1, 200) } } : {};
  return calling(one, { groupId: `org-${dice.int(1, accounts)}`, ...traits });
}

/** By the same person, on the same channel, at the same time. */
function calling({ subject, subjectToken, event }: SceneEvent, said: JsonObject): SceneEvent {
  const { messageId, timestamp, channel, userId, anonymousId } = event;
  const who = userId === undefined ? { anonymousId: anonymousId! } : { userId };
  return {
    subject,
    subjectToken,
    event: { type: "group", messageId: `${messageId}-group`, timestamp, channel, ...who, ...said },
  };
}
