// The questions that a definition asks of history, one canonical text each: same text, same counters.
// Engine, oracle and control log decide by it whether a definition must first be folded over the log (see control.ts).
import type { MemberKind } from "../../types.ts";
import type { Vocabulary } from "../../vocabulary.ts";
import {
  type AccountRule,
  type CampaignRule,
  type Definition,
  type EventRule,
  type ItemRule,
  type OrderRule,
  type Path,
  type Rule,
  rulesInside,
  type UsersRule,
  type VisitRule,
  type Where,
  type Window,
} from "../ast.ts";
import { favoriteKey, itemsAsked, readsViewTime } from "./item-questions.ts";
import {
  changeKey,
  cycleCount,
  funnelKey,
  outcomeNames,
  pastEngagementKey,
  readsEngagementChange,
  sequenceKey,
} from "./journey-questions.ts";
import { canonical, isLocalPath, isLocalWindow, type QuestionScope, whereAsksLocalTime } from "./texts.ts";
import {
  readsDetails,
  readsSource,
  readsVisits,
  referrersDigest,
  sourceKey,
  visitDetailsKey,
  visitsKey,
} from "./visit-questions.ts";

/**
 * One text for each distinct question that needs history: of events and orders what is counted, where and when; of
 * traits how far back a delta looks. Thresholds are no part of it: "at least 3" and "at least 5" read one counter.
 * Plain traits, cart, lists, buckets and segments are kept for everybody and ask nothing. What is asked of accounts has
 * `account ` before it: they keep counters of their own.
 */
export function questionKeys(definition: Definition, vocabulary: Vocabulary): string[] {
  const { user, account } = questionsOf(definition, vocabulary);
  return [...user, ...account.map(ofAccounts)].sort();
}

function ofAccounts(key: string): string {
  return `account ${key}`;
}

/** The same by whom it is asked: rules inside `account` and `users` ask the other side. */
export function questionsOf(definition: Definition, vocabulary: Vocabulary): Record<MemberKind, string[]> {
  const asked: Asked = { user: new Set(), account: new Set() };
  collectBySide(definition.rule, definition.kind, { zone: definition.zone, vocabulary }, asked);
  return { user: [...asked.user].sort(), account: [...asked.account].sort() };
}

type Asked = Readonly<Record<MemberKind, Set<string>>>;

function collectBySide(rule: Rule, side: MemberKind, scope: QuestionScope, asked: Asked): void {
  if (rule.op === "account" || rule.op === "users") {
    const inside = otherSide(rule, scope);
    collectBySide(rule.rule, inside.side, inside.scope, asked);
    return;
  }
  const inner = rulesInside(rule);
  if (inner.length === 0) collectRule(rule, scope, asked[side]);
  for (const one of inner) collectBySide(one, side, scope, asked);
}

/** Who is asked the rule inside, and by what it is read: an account has no zone of its own. */
export function otherSide(
  rule: AccountRule | UsersRule,
  { zone, vocabulary }: QuestionScope,
): { readonly side: MemberKind; readonly scope: QuestionScope } {
  if (rule.op === "users") return { side: "user", scope: { zone, vocabulary } };
  return { side: "account", scope: { zone: zone === "user" ? "UTC" : zone, vocabulary } };
}

/** Of one rule, what it asks of its own side: what `account` and `users` ask of the other is no part of it. */
export function questionsOfRule(rule: Rule, scope: QuestionScope): string[] {
  const keys = new Set<string>();
  collectRule(rule, scope, keys);
  return [...keys].sort();
}

/** Rules whose question is what happened, how often or when. */
export type CountedRule = EventRule | OrderRule | ItemRule | CampaignRule | VisitRule;

function collectRule(rule: Rule, scope: QuestionScope, keys: Set<string>): void {
  switch (rule.op) {
    case "all":
    case "any":
    case "none":
      for (const inner of rule.rules) collectRule(inner, scope, keys);
      return;
    case "not":
      collectRule(rule.rule, scope, keys);
      return;
    case "event":
    case "order":
    case "item":
    case "campaign":
    case "visit":
      keys.add(occurrenceKey(rule, scope));
      for (const key of visitKeys(rule, scope)) keys.add(key);
      return;
    case "favorite":
      keys.add(favoriteKey(rule, scope));
      if (rule.window?.kind === "visit") keys.add(visitsKey(scope.vocabulary.visitIdleMs));
      return;
    case "source":
      keys.add(sourceKey(scope.vocabulary));
      keys.add(visitsKey(scope.vocabulary.visitIdleMs));
      keys.add(visitDetailsKey(scope.vocabulary.visitIdleMs));
      return;
    case "trait":
      collectDeltas(rule.where, keys);
      return;
    case "change":
      keys.add(changeKey(rule, scope.zone));
      return;
    case "sequence":
      keys.add(sequenceKey(rule, scope.zone, scope.vocabulary));
      if (rule.window?.kind === "visit") keys.add(visitsKey(scope.vocabulary.visitIdleMs));
      return;
    case "funnel": {
      const { funnels } = scope.vocabulary;
      const steps = Object.hasOwn(funnels, rule.id) ? funnels[rule.id]!.steps : [];
      keys.add(funnelKey(steps, scope.zone, scope.vocabulary));
      return;
    }
    case "engagement": {
      const { engagement } = scope.vocabulary;
      for (const part of engagement.parts) {
        const counted = cycleCount(part, engagement.cycleMs);
        if (counted !== undefined) collectRule(counted, scope, keys);
      }
      if (readsEngagementChange(rule.where)) keys.add(pastEngagementKey(scope.vocabulary));
      return;
    }
    default:
      return;
  }
}

/** The question that one rule about what happened asks. */
export function occurrenceKey(rule: CountedRule, scope: QuestionScope): string {
  const { measure, window, where } = rule;
  const tested = "in" in measure ? measure.in : window;
  return canonical({
    op: rule.op,
    ...whichAsked(rule, scope.vocabulary),
    ...(where === undefined ? {} : { where }),
    measure: measure.kind,
    ...("of" in measure ? { of: measure.of } : {}),
    ...(window === undefined ? {} : { window }),
    ...(asksLocalTime(rule, tested) ? { zone: scope.zone } : {}),
    ...(readsVisits(rule) ? { visitIdle: scope.vocabulary.visitIdleMs } : {}),
  });
}

/** What is asked for, with what the vocabulary says of it: so an edit of the vocabulary asks history anew. */
function whichAsked(rule: CountedRule, vocabulary: Vocabulary): Record<string, unknown> {
  switch (rule.op) {
    case "order":
      return {};
    case "visit":
      return readsSource(rule) ? { referrers: referrersDigest(vocabulary.referrers) } : {};
    case "event":
      return { names: rule.names === "*" ? "*" : [...new Set(rule.names)].sort() };
    case "campaign":
      return { names: outcomeNames(rule.outcome, vocabulary), id: rule.id, experience: rule.experience };
    case "item":
      return {
        ...itemsAsked(rule, rule, vocabulary),
        ...(readsViewTime(rule) ? { idle: vocabulary.visitIdleMs } : {}),
      };
  }
}

/** What such a rule asks of the visits that are kept. */
function visitKeys(rule: CountedRule, { zone, vocabulary }: QuestionScope): string[] {
  if (!readsVisits(rule)) return [];
  const { visitIdleMs } = vocabulary;
  return asksDetails(rule, zone) ? [visitsKey(visitIdleMs), visitDetailsKey(visitIdleMs)] : [visitsKey(visitIdleMs)];
}

export function asksDetails(rule: CountedRule, zone: string): boolean {
  const { measure, window } = rule;
  const local = asksLocalTime(rule, "in" in measure ? measure.in : window);
  return rule.op === "visit" && readsDetails(rule, zone, local);
}

export function asksLocalTime(rule: CountedRule, window: Window | undefined): boolean {
  if (rule.measure.kind === "days" || (window !== undefined && isLocalWindow(window))) return true;
  if ("of" in rule.measure && isLocalPath(rule.measure.of)) return true;
  return rule.where !== undefined && whereAsksLocalTime(rule.where);
}

function collectDeltas(where: Where, keys: Set<string>): void {
  if (where.op !== "test") {
    for (const inner of where.op === "not" ? [where.where] : where.wheres) collectDeltas(inner, keys);
    return;
  }
  for (const part of where.test) {
    if (part.op === "delta") keys.add(deltaKey(where.path, part.overMs));
  }
}

/** The question that a `delta` on a trait asks. */
export function deltaKey(path: Path, overMs: number): string {
  return canonical({ op: "delta", path, overMs });
}
