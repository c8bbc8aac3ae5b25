// Whether a definition names only funnels and steps that the vocabulary has. The parser does not know the vocabulary; the
// control log and whoever applies ask here.
import type { Vocabulary } from "../../vocabulary.ts";
import type { Definition, FunnelRule, Rule } from "../ast.ts";
import { itemPath, nearest, type Problem, problemOf, quoted } from "../parse/problems.ts";

export function checkFunnels({ rule }: Definition, { funnels }: Vocabulary): Problem[] {
  return funnelRules(rule, "rule").flatMap(({ path, rule: { id, relation, step } }) => {
    const ids = Object.keys(funnels);
    if (!ids.includes(id)) {
      const known = ids.length === 0 ? "it has none" : `its funnels are ${ids.slice(0, 10).join(", ")}`;
      return [problemOf(`${path}.id`, `the vocabulary has no funnel ${quoted(id)}; ${known}`, nearest(id, ids))];
    }
    const steps = funnels[id]!.steps.map(({ name }) => name);
    if (steps.includes(step)) return [];
    const message = `the funnel ${quoted(id)} has no step ${quoted(step)}; its steps are ${steps.join(", ")}`;
    return [problemOf(`${path}.${relation}`, message, nearest(step, steps))];
  });
}

interface Placed {
  readonly path: string;
  readonly rule: FunnelRule;
}

function funnelRules(rule: Rule, path: string): Placed[] {
  switch (rule.op) {
    case "all":
    case "any":
    case "none":
      return rule.rules.flatMap((inner, index) => funnelRules(inner, itemPath(`${path}.${rule.op}`, index)));
    case "not":
    case "account":
      return funnelRules(rule.rule, `${path}.${rule.op}`);
    case "users":
      return funnelRules(rule.rule, `${path}.users.rule`);
    case "funnel":
      return [{ path: `${path}.funnel`, rule }];
    default:
      return [];
  }
}
