// Which parts of the vocabulary a definition reads, as one canonical text: where two vocabularies give the same text, a
// definition means the same by both. The control log decides by it whom a new vocabulary edits.
import type { Vocabulary } from "../../vocabulary.ts";
import {
  type CampaignWhich,
  type Definition,
  type FavoriteRule,
  type ItemWhich,
  type Measure,
  type Path,
  type Rule,
  rulesInside,
  type StepWhich,
  type Where,
  type Window,
} from "../ast.ts";
import { canonical } from "./texts.ts";

/** Traits' classes and trusted sources are read by no rule. */
export function vocabularyText({ rule }: Definition, vocabulary: Vocabulary): string {
  return vocabularyTextOfRule(rule, vocabulary);
}

/** The same of one rule, with all that it holds, of users and of accounts. */
export function vocabularyTextOfRule(rule: Rule, vocabulary: Vocabulary): string {
  const reads = new Reads(vocabulary);
  reads.rule(rule);
  return canonical(Object.fromEntries(reads.parts));
}

/** True where a rule reads the engagement's score, of users or of accounts, and with it the segments that its parts name. */
export function readsEngagement(rule: Rule): boolean {
  return rule.op === "engagement" || rulesInside(rule).some(readsEngagement);
}

/** What is both a where and a path that an aggregate takes. */
interface Fields {
  readonly where?: Where;
  readonly measure?: Measure;
}

const MONEY: ReadonlySet<Measure["kind"]> = new Set(["total", "average", "largest"]);

class Reads {
  readonly parts = new Map<string, unknown>();
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  rule(rule: Rule): void {
    switch (rule.op) {
      case "all":
      case "any":
      case "none":
        for (const inner of rule.rules) this.rule(inner);
        return;
      case "not":
      case "account":
      case "users":
        this.rule(rule.rule);
        return;
      case "event":
      case "change":
        this.#measured(rule);
        return;
      case "order":
        this.#measured(rule);
        // Even a count: whether refunds have taken an order away is a matter of its money.
        this.#currency();
        return;
      case "item":
        this.#measured(rule);
        this.#item(rule, rule);
        if (readsField(rule, ["time"])) this.#visits();
        return;
      case "visit":
        this.#measured(rule);
        this.#visits();
        if (readsField(rule, ["source"])) this.#referrers();
        return;
      case "campaign":
        this.#measured(rule);
        this.#campaign(rule);
        return;
      case "source":
        this.#visits();
        this.#referrers();
        return;
      case "cart":
        if (readsField(rule, ["value", "products", "changed"])) this.#currency();
        return;
      case "engagement":
        this.#engagement();
        return;
      case "favorite":
        this.#favorite(rule);
        return;
      case "funnel":
        this.#funnel(rule.id);
        return;
      case "sequence":
        this.#window(rule.window);
        for (const { which } of rule.steps) this.#step(which);
        return;
      default:
        return;
    }
  }

  #measured({ measure, window }: { readonly measure: Measure; readonly window?: Window }): void {
    this.#window("in" in measure ? measure.in : window);
    if (measure.kind === "visits") this.#visits();
  }

  #window(window: Window | undefined): void {
    if (window?.kind === "visit") this.#visits();
  }

  #visits(): void {
    this.parts.set("visit.idle", this.#vocabulary.visitIdleMs);
  }

  #currency(): void {
    this.parts.set("currency", this.#vocabulary.currency);
  }

  #referrers(): void {
    this.parts.set("referrers", this.#vocabulary.referrers);
  }

  /** Events of the action; and of the types, all where an event may bring an item of any, else whether its own is one. */
  #item({ action, type }: ItemWhich, fields: Fields): void {
    const { items } = this.#vocabulary;
    const events = Object.entries(items.events).filter(([, event]) => event.action === action);
    this.parts.set(`items.${action}`, Object.fromEntries(events.map(([name, { of }]) => [name, of])));
    if (events.some(([, { of }]) => of === "item")) this.parts.set("items.types", [...items.types].sort());
    else this.parts.set(`items.type.${type}`, items.types.includes(type));
    if (readsField(fields, ["price", "value"])) this.#currency();
  }

  #orderMoney(fields: Fields): void {
    if (readsField(fields, ["total"]) || (fields.measure !== undefined && MONEY.has(fields.measure.kind))) {
      this.#currency();
    }
  }

  #campaign({ outcome }: CampaignWhich): void {
    const names = Object.entries(this.#vocabulary.campaigns).filter(([, means]) => means === outcome);
    this.parts.set(`campaigns.${outcome}`, names.map(([name]) => name).sort());
  }

  #favorite({ by, type, window }: FavoriteRule): void {
    this.#window(window);
    this.#item({ action: by === "views" || by === "time" ? "viewed" : "purchased", type }, {});
    if (by === "time") this.#visits();
    if (by === "revenue") this.#currency();
  }

  #funnel(id: string): void {
    const { funnels } = this.#vocabulary;
    const steps = Object.hasOwn(funnels, id) ? funnels[id]!.steps : undefined;
    this.parts.set(`funnels.${id}`, steps?.map(({ name, which }) => ({ name, which })) ?? null);
    for (const { which } of steps ?? []) this.#step(which);
  }

  /** A step reads an item's time as the event gives it, so it asks for no visits. */
  #step(which: StepWhich): void {
    if (which.op === "item") this.#item(which, which);
    else if (which.op === "order") this.#orderMoney(which);
    else if (which.op === "campaign") this.#campaign(which);
  }

  /** Order is part of it: the score is a sum of doubles. */
  #engagement(): void {
    const { engagement } = this.#vocabulary;
    this.parts.set("engagement", engagement);
    if (engagement.parts.some(({ of }) => of.kind === "visits")) this.#visits();
  }
}

function readsField({ where, measure }: Fields, names: readonly string[]): boolean {
  const isOne = (path: Path): boolean => names.includes(path[0]!);
  return (
    (measure !== undefined && "of" in measure && isOne(measure.of)) ||
    (where !== undefined && wherePaths(where).some(isOne))
  );
}

function wherePaths(where: Where): Path[] {
  if (where.op === "test") return [where.path];
  return where.op === "not" ? wherePaths(where.where) : where.wheres.flatMap(wherePaths);
}
