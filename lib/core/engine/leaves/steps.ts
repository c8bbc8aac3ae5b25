// A step of a sequence or a funnel: which events it hears, and whether one of them completes it. What has been completed
// so far is kept in registers.ts.
import type { UserEvent } from "../../events.ts";
import type { StepWhich, Where } from "../../rules/ast.ts";
import { actionNames, outcomeNames } from "../../rules/questions/journey-questions.ts";
import { whereAsksLocalTime } from "../../rules/questions/texts.ts";
import { recordOf } from "../event-record.ts";
import { campaignMatches, interactionMatches, interactionsOf } from "../member/interactions.ts";
import type { RuleScope } from "../plan/shapes.ts";
import { zoneFor } from "../reading.ts";
import type { Heard } from "../readings.ts";
import { whereHolds } from "../values.ts";
import { orderPasses } from "./listed.ts";

export interface Step {
  /** Names of the events that may complete it; "*" is every track, page and screen. */
  readonly names: readonly string[] | "*";
  completes(event: UserEvent, heard: Heard): boolean;
}

export function stepOf(which: StepWhich, scope: RuleScope): Step {
  const { zone, vocabulary } = scope;
  switch (which.op) {
    case "event": {
      const names = which.names === "*" ? "*" : new Set(which.names);
      const passes = eventPasses(which.where, zone);
      return {
        names: which.names,
        completes: (event, heard) => (names === "*" || names.has(event.name)) && passes(event, heard),
      };
    }
    case "order":
      return {
        names: ["Order Completed"],
        completes: (_event, heard) => completesOrder(which.where, { zone, currency: vocabulary.currency }, heard),
      };
    case "item": {
      const names = actionNames(which.action, vocabulary);
      const completes = (event: UserEvent, heard: Heard): boolean => {
        if (!names.includes(event.name)) return false;
        const context = { now: heard.clock, zone: zoneFor(zone, heard.actor) };
        return interactionsOf(event, vocabulary, heard.world.catalogue).some((interaction) =>
          interactionMatches(which, which.where, interaction, context),
        );
      };
      return { names, completes };
    }
    case "campaign": {
      const passes = eventPasses(which.where, zone);
      return {
        names: outcomeNames(which.outcome, vocabulary),
        completes: (event, heard) => campaignMatches(which, event, vocabulary) && passes(event, heard),
      };
    }
  }
}

function eventPasses(where: Where | undefined, zoneName: string): Step["completes"] {
  if (where === undefined) return () => true;
  const localTime = whereAsksLocalTime(where);
  return (event, { at, clock, actor }) => {
    const zone = zoneFor(zoneName, actor);
    return whereHolds(recordOf(event, actor, at, localTime ? zone : undefined), where, { now: clock, zone });
  };
}

/** A message makes an order when one stands at its place in the log: that of an order that was known is an earlier one. */
function completesOrder(
  where: Where | undefined,
  read: { readonly zone: string; readonly currency: string },
  { seq, actor }: Heard,
): boolean {
  const made = actor.orders.find((order) => order.seq === seq);
  return made !== undefined && orderPasses(made, where, read);
}
