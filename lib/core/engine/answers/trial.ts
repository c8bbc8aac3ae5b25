// A definition tried on the people there are, without being in force: who would be in, who misses it by one rule, how
// many pass each node. It reads what is kept anyway; what would need history is said to be unknown, never guessed.
import type { TrialPart } from "../../partition.ts";
import type { Definition } from "../../rules/ast.ts";
import type { MemberId, Millis } from "../../types.ts";
import type { Vocabulary } from "../../vocabulary.ts";
import type { Word } from "../control-state.ts";
import type { FlagBook } from "../flags.ts";
import type { Actor } from "../member/actor.ts";
import { compilePlan } from "../plan/compile.ts";
import type { Plan } from "../plan/shapes.ts";
import type { World } from "../world.ts";
import { broughtUp, explainRule } from "./explain.ts";
import { smallestSet } from "./smallest-set.ts";

export class Trial {
  readonly #definition: Definition;
  readonly #vocabulary: Vocabulary;
  readonly #flags: FlagBook;
  readonly #plan: Plan;
  /** What is in force, and so kept. */
  readonly #live: Plan;
  readonly #samplesMax: number;
  readonly part: MutableTrialPart = {
    members: 0,
    in: 0,
    unknown: 0,
    joins: 0,
    leaves: 0,
    nearMisses: 0,
    nodes: [],
    inSample: [],
    joinSample: [],
    leaveSample: [],
    nearSample: [],
  };

  constructor({ definition, vocabulary }: Word, live: Plan, flags: FlagBook, samplesMax: number) {
    this.#definition = definition;
    this.#vocabulary = vocabulary;
    this.#flags = flags;
    this.#plan = compilePlan({ kind: definition.kind, active: [{ definition, version: 0, vocabulary }], flags });
    this.#live = live;
    this.#samplesMax = samplesMax;
  }

  /** Looks at one member; nothing of him changes. */
  look(actor: Actor, now: Millis, world: World): void {
    const { part } = this;
    const root = explainRule(this.#definition.rule, {
      plan: this.#plan,
      actor: broughtUp(actor, this.#plan, now, world),
      now,
      world,
      zone: this.#definition.zone,
      vocabulary: this.#vocabulary,
      flags: this.#flags,
      isKept: (question) => this.#live.asks(question),
    });
    part.members += 1;
    this.#count(root, 0, 0);
    const isIn = actor.memberships.get(this.#definition.id)?.in === true;
    const wouldBe = root.pass && this.#definition.enabled;
    if (root.unknown) {
      part.unknown += 1;
      return;
    }
    if (wouldBe) {
      part.in += 1;
      this.#sample(part.inSample, actor.id);
    }
    if (wouldBe && !isIn) {
      part.joins += 1;
      this.#sample(part.joinSample, actor.id);
    } else if (!wouldBe && isIn) {
      part.leaves += 1;
      this.#sample(part.leaveSample, actor.id);
    }
    if (root.pass) return;
    const missing = smallestSet(root);
    if (missing.length !== 1) return;
    part.nearMisses += 1;
    const [node] = missing;
    if (part.nearSample.length < this.#samplesMax) {
      const { rule, actual = null, expected = "" } = node!;
      part.nearSample.push({ id: actor.id, rule, actual, expected });
    }
  }

  /** Counts a node and those below it, in the order of the tree; returns the number of the next one. */
  #count(node: ReturnType<typeof explainRule>, at: number, depth: number): number {
    const { nodes } = this.part;
    nodes[at] ??= { rule: node.rule, depth, pass: 0, unknown: 0 };
    const counted = nodes[at]!;
    if (node.pass) counted.pass += 1;
    if (node.unknown) counted.unknown += 1;
    let next = at + 1;
    for (const inner of node.nodes ?? []) next = this.#count(inner, next, depth + 1);
    return next;
  }

  #sample(into: MemberId[], id: MemberId): void {
    if (into.length < this.#samplesMax) into.push(id);
  }
}

type MutableTrialPart = { -readonly [Key in keyof TrialPart]: MutableList<TrialPart[Key]> };
type MutableList<T> = T extends readonly (infer Item)[] ? { -readonly [K in keyof Item]: Item[K] }[] : T;
