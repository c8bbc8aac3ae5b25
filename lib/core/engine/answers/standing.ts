// How somebody stands to the segments there are: until when silence alone keeps them where they are, and which segments they
// would be in if one rule turned. Both are read from explanations (explain.ts); the member is brought up once for all.
import { compareIds } from "../../ids.ts";
import type { ExplainNode, NearPage, StandingView } from "../../partition.ts";
import type { SegmentId } from "../../types.ts";
import { flagOf } from "../member/accounts.ts";
import type { Actor } from "../member/actor.ts";
import type { ActiveDefinition } from "../plan/shapes.ts";
import { broughtUp, explainRule, type Reader } from "./explain.ts";
import { smallestSet } from "./smallest-set.ts";

/** Segments explained for one page of near misses: some ten milliseconds. */
const LOOKED_MAX = 200;

type Active = ReadonlyMap<SegmentId, ActiveDefinition>;

export function standingOf(actor: Actor, active: Active, by: Reader): StandingView[] {
  const explain = explainer(actor, by);
  return [...actor.memberships]
    .filter(([segment]) => flagOf(segment) === undefined)
    .sort(([left], [right]) => compareIds(left, right))
    .map(([segment, held]) => {
      const word = active.get(segment);
      const wait = actor.waits?.get(segment);
      // Kept where they are by `stay` or `cooldown`: the rule has turned already.
      const until = wait ?? (held.in && word !== undefined ? explain(word).until : undefined);
      return { segment, ...held, ...(until === undefined ? {} : { until }) };
    });
}

/** Those of the segments after `after`, by id, that they are not in and that one rule keeps them out of. */
export function nearOf(
  actor: Actor,
  active: Active,
  after: SegmentId | undefined,
  limit: number,
  by: Reader,
): NearPage {
  const explain = explainer(actor, by);
  const asked = [...active.values()]
    .filter(({ definition: { id, kind, enabled } }) => {
      const isAsked = kind === actor.kind && enabled && (after === undefined || compareIds(id, after) > 0);
      return isAsked && actor.memberships.get(id)?.in !== true;
    })
    .sort((left, right) => compareIds(left.definition.id, right.definition.id));
  const near: { segment: SegmentId; rule: ExplainNode }[] = [];
  let looked = 0;
  for (const word of asked) {
    if (looked >= LOOKED_MAX || near.length >= limit) break;
    looked += 1;
    const root = explain(word);
    const turns = root.unknown === true ? [] : smallestSet(root);
    if (turns.length === 1) near.push({ segment: word.definition.id, rule: turns[0]! });
  }
  return { near, looked, next: looked < asked.length ? asked[looked - 1]!.definition.id : null };
}

function explainer(actor: Actor, by: Reader): (word: ActiveDefinition) => ExplainNode {
  const brought = broughtUp(actor, by.plan, by.now, by.world);
  return ({ definition, vocabulary }) =>
    explainRule(definition.rule, { ...by, actor: brought, zone: definition.zone, vocabulary });
}
