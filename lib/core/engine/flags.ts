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
interface Word {
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

/** Immutable: an entry that asks other flags gives another book. */
export class FlagBook {
  /** Control revision of the last entry that changed what is asked. */
  readonly revision: number;
  readonly #byKey: ReadonlyMap<string, LiveFlag>;

  private constructor(revision: number, byKey: ReadonlyMap<string, LiveFlag>) {
    this.revision = revision;
    this.#byKey = byKey;
  }

  static readonly empty = new FlagBook(0, new Map());

  /** With what newly written words ask, in their order; what nobody asks by now has died. */
  after(revision: number, written: Iterable<Word>, words: Iterable<Word>): FlagBook {
    const byKey = new Map(this.#byKey);
    let number = 0;
    for (const word of written) {
      for (const flag of flagsOfWord(word)) {
        if (byKey.has(flag.key)) continue;
        byKey.set(flag.key, { ...flag, id: `${revision}.${number}` });
        number += 1;
      }
    }
    if (byKey.size === 0) return this;
    const alive = new Set<string>();
    for (const word of words) for (const { key } of flagsOfWord(word)) alive.add(key);
    for (const key of byKey.keys()) if (!alive.has(key)) byKey.delete(key);
    return new FlagBook(revision, byKey);
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
