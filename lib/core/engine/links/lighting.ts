// A flag is evaluated from some entry on: everybody is looked at once, and what holds is told.

import type { FlagId } from "../../links.ts";
import type { Need } from "../../partition.ts";
import type { Delta, Seq } from "../../types.ts";
import { hiddenId } from "../member/accounts.ts";
import { KINDS, type Room } from "../room.ts";

/** Evaluates these flags for everybody; what holds of them is told. */
export function* light(room: Room, flags: readonly FlagId[], seq: Seq): Generator<Need, void, void> {
  const hidden = flags.map(hiddenId);
  const said: Delta[] = [];
  yield* room.pages.pass(room.pages.numbers(), (page) => {
    room.pages.willChange(page);
    for (const kind of KINDS) {
      const { plan, evaluation } = room.step[kind];
      const segments = hidden.flatMap((id) => plan.segmentNo.get(id) ?? []);
      if (segments.length === 0) continue;
      for (const actor of page[kind].values()) {
        evaluation.begin(actor, room.clock);
        evaluation.refreshAll();
        for (const segment of segments) evaluation.mark(segment);
        evaluation.flip({ type: "definition", seq }, (delta) => said.push(delta));
        evaluation.arm(true);
      }
    }
    room.pages.reschedule(page);
  });
  yield* room.sayInOrder(said);
}
