// The rules that one side evaluates for the other (`account:`, `users:`), numbered by the control log: who asks one, where
// it is evaluated, and from when on. Every partition derives the same numbers from the same entries.
import type { FlagId } from "../links.ts";
import type { Definition } from "../rules/ast.ts";
import { type Flag, flagsIn } from "../rules/questions/flags.ts";
import type { MemberKind } from "../types.ts";
import type { Vocabulary } from "../vocabulary.ts";

export interface LiveFlag extends Flag {
  readonly id: FlagId;
}

/** The flags of a plan. */
export interface PlanFlags {
  /** Control revision up to which they are known. */
  readonly revision: number;
  /** Of both sides; whoever asks one may still wait. */
  readonly alive: ReadonlySet<FlagId>;
  /** Evaluated by the members of the plan's kind; in order. */
  readonly lit: readonly FlagId[];
}

/** A definition, and the vocabulary by which it is read. */
export interface Word {
  readonly definition: Definition;
  readonly vocabulary: Vocabulary;
}

const asked = new WeakMap<Definition, { readonly vocabulary: Vocabulary; readonly flags: readonly Flag[] }>();

/** Those that a definition asks, inner ones first; most ask none. */
export function flagsOfWord({ definition, vocabulary }: Word): readonly Flag[] {
  const known = asked.get(definition);
  if (known?.vocabulary === vocabulary) return known.flags;
  const flags = flagsIn(definition, vocabulary);
  asked.set(definition, { vocabulary, flags });
  return flags;
}

/** Who asks what: the words in force, and those that wait, lowest revision first. */
export interface Standing {
  readonly active: Iterable<Word>;
  readonly pending: Iterable<readonly [revision: number, words: readonly Word[]]>;
}

/** What carries a flag that words in force ask. */
const IN_FORCE = 0;

/**
 * Immutable: an entry that asks other flags gives another book. A flag lives as long as what carries it: the words in
 * force, else the lowest revision that waits and asks it. Whoever asks it, too, and then carries it alone may not be
 * evaluated yet; so it asks another flag from there on, and nothing is counted twice.
 */
export class FlagBook {
  /** Control revision of the last entry that changed what is asked. */
  readonly revision: number;
  readonly #byKey: ReadonlyMap<string, LiveFlag>;
  readonly #carriers: ReadonlyMap<string, number>;

  private constructor(revision: number, byKey: ReadonlyMap<string, LiveFlag>, carriers: ReadonlyMap<string, number>) {
    this.revision = revision;
    this.#byKey = byKey;
    this.#carriers = carriers;
  }

  static readonly empty = new FlagBook(0, new Map(), new Map());

  /** After an entry; the flags of what it says itself are numbered first. */
  after(revision: number, written: readonly Word[], { active, pending }: Standing): FlagBook {
    const waiting = [...pending].sort(([left], [right]) => left - right);
    const carriers = carriersOf(active, waiting);
    if (carriers.size === 0 && this.isEmpty) return this;
    const byKey = new Map(this.#byKey);
    for (const [key, carrier] of this.#carriers) {
      const now = carriers.get(key);
      if (now !== carrier && now !== IN_FORCE) byKey.delete(key);
    }
    let number = 0;
    for (const word of [...written, ...waiting.flatMap(([, words]) => words)]) {
      for (const flag of flagsOfWord(word)) {
        if (byKey.has(flag.key) || !carriers.has(flag.key)) continue;
        byKey.set(flag.key, { ...flag, id: `${revision}.${number}` });
        number += 1;
      }
    }
    return new FlagBook(revision, byKey, carriers);
  }

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  get ids(): Set<FlagId> {
    return new Set(Array.from(this.#byKey.values(), ({ id }) => id));
  }

  of(key: string): LiveFlag | undefined {
    return this.#byKey.get(key);
  }

  byId(id: FlagId): LiveFlag | undefined {
    return [...this.#byKey.values()].find((flag) => flag.id === id);
  }

  /** Of these words, those that the members of a kind evaluate; each once, in order of their ids. */
  askedBy(words: Iterable<Word>, side: MemberKind): LiveFlag[] {
    const found = new Map<FlagId, LiveFlag>();
    if (this.isEmpty) return [];
    for (const word of words) {
      for (const { key } of flagsOfWord(word)) {
        const flag = this.#byKey.get(key);
        if (flag?.side === side) found.set(flag.id, flag);
      }
    }
    return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

function carriersOf(
  active: Iterable<Word>,
  pending: readonly (readonly [revision: number, words: readonly Word[]])[],
): Map<string, number> {
  const carriers = new Map<string, number>();
  for (const word of active) for (const { key } of flagsOfWord(word)) carriers.set(key, IN_FORCE);
  for (const [revision, words] of pending) {
    for (const { key } of words.flatMap(flagsOfWord)) if (!carriers.has(key)) carriers.set(key, revision);
  }
  return carriers;
}
