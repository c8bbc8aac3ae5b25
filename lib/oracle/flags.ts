// Rules that one side evaluates for the other (`account:`, `users:`): which of them are asked, under which id, and which
// are lit. control.ts tells it every word about segments; evaluate.ts asks for a rule's id, oracle.ts for what is lit.
import type { FlagId } from "../core/links.ts";
import type { AccountRule, Definition, Rule, UsersRule } from "../core/rules/ast.ts";
import { canonical } from "../core/rules/questions/texts.ts";
import { vocabularyText } from "../core/rules/questions/vocabulary-reads.ts";
import type { MemberKind } from "../core/types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../core/vocabulary.ts";
import type { Readable } from "./nesting.ts";

/** A hidden segment: evaluated like one, after all others, and never announced. */
export interface Flag extends Readable {
  readonly id: FlagId;
  readonly key: string;
  /** Those who evaluate it. */
  readonly kind: MemberKind;
}

/** What evaluates a rule besides the rule itself. */
export interface Reader {
  /** A zone's name, or "user". */
  readonly zone: string;
  readonly vocabulary: Vocabulary;
}

/** Words about segments: those in force, and those that wait, by revision, the lowest first. */
export interface Standing {
  readonly active: readonly Readable[];
  readonly pending: readonly (readonly [revision: number, words: readonly Readable[]])[];
}

const IN_FORCE = 0;

type FlagRule = AccountRule | UsersRule;

/** Flags that are asked now, by key. */
export class Flags {
  #alive = new Map<string, Flag>();
  readonly #lit = new Set<string>();
  /** By key: the revision, of those that wait, that keeps it alive, or IN_FORCE. */
  #carriers = new Map<string, number>();

  /** The lit ones of a kind, in the order in which they came. */
  litOf(kind: MemberKind): Flag[] {
    return [...this.#alive.values()].filter((flag) => flag.kind === kind && this.#lit.has(flag.key));
  }

  idOf(rule: FlagRule, reader: Reader): FlagId | undefined {
    return this.#alive.get(keyOf(rule, reader))?.id;
  }

  /**
   * After an entry: who asks for what by now. A flag lives as long as what carries it, the words in force or else the
   * lowest revision that waits and asks for it: what merely asks for it, too, may not be evaluated yet, so it asks for
   * another flag from here on. `written` are the entry's own words, whose flags are numbered first.
   */
  review(revision: number, written: readonly Readable[], { active, pending }: Standing): void {
    const carriers = new Map(active.flatMap(keysOf).map((key) => [key, IN_FORCE]));
    for (const [waiting, words] of pending) {
      for (const key of words.flatMap(keysOf)) if (!carriers.has(key)) carriers.set(key, waiting);
    }
    for (const [key, carrier] of this.#carriers) {
      const now = carriers.get(key);
      if (now === carrier || now === IN_FORCE) continue;
      this.#alive.delete(key);
      this.#lit.delete(key);
    }
    this.#carriers = carriers;
    let next = 0;
    for (const asked of [...written, ...pending.flatMap(([, words]) => words), ...active].flatMap(askedIn)) {
      const key = keyOf(asked.rule, asked.reader);
      if (this.#alive.has(key) || !carriers.has(key)) continue;
      this.#alive.set(key, flagOf(asked, key, `${revision}.${next}`));
      next += 1;
    }
  }

  /** Once lit, a flag stays so until it dies. */
  light(words: readonly Readable[]): void {
    for (const key of words.flatMap(keysOf)) this.#lit.add(key);
  }
}

/** Of the flags of some words, the depth of the deepest that others do not ask for; undefined when there is none. */
export function depthBeyond(words: readonly Readable[], others: readonly Readable[]): number | undefined {
  const asked = new Set(others.flatMap(keysOf));
  const beyond = words.flatMap(askedIn).filter(({ rule, reader }) => !asked.has(keyOf(rule, reader)));
  return beyond.length === 0 ? undefined : Math.max(...beyond.map(({ rule }) => depthOf(rule)));
}

interface Asked {
  readonly rule: FlagRule;
  readonly reader: Reader;
}

/** The flags that a definition asks for, those inside others before these, else in the order written. */
function askedIn({ definition, vocabulary }: Readable): Asked[] {
  return askedBy(definition.rule, { zone: definition.zone, vocabulary });
}

function askedBy(rule: Rule, reader: Reader): Asked[] {
  if ("rules" in rule) return rule.rules.flatMap((inner) => askedBy(inner, reader));
  if (rule.op === "not") return askedBy(rule.rule, reader);
  if (rule.op !== "account" && rule.op !== "users") return [];
  const inner = { ...reader, zone: zoneInside(rule, reader.zone) };
  return [...askedBy(rule.rule, inner), { rule, reader }];
}

/** An account has no zone of its own. */
function zoneInside({ op }: FlagRule, zone: string): string {
  return op === "account" && zone === "user" ? "UTC" : zone;
}

function keysOf(word: Readable): string[] {
  return askedIn(word).map(({ rule, reader }) => keyOf(rule, reader));
}

/** 0 where it asks for no other flag. */
function depthOf({ rule }: FlagRule): number {
  const inner = askedBy(rule, { zone: "UTC", vocabulary: DEFAULT_VOCABULARY }).map((asked) => depthOf(asked.rule));
  return inner.length === 0 ? 0 : 1 + Math.max(...inner);
}

const keys = new WeakMap<FlagRule, WeakMap<Vocabulary, Map<string, string>>>();

/** Rules that mean the same are one flag. */
function keyOf(flag: FlagRule, { zone, vocabulary }: Reader): string {
  const ofFlag = keys.get(flag) ?? new WeakMap<Vocabulary, Map<string, string>>();
  keys.set(flag, ofFlag);
  const ofVocabulary = ofFlag.get(vocabulary) ?? new Map<string, string>();
  ofFlag.set(vocabulary, ofVocabulary);
  const known = ofVocabulary.get(zone);
  if (known !== undefined) return known;
  const definition = hidden(flag, "", zone);
  const key = canonical({
    kind: definition.kind,
    rule: definition.rule,
    zone: definition.zone,
    vocabulary: vocabularyText(definition, vocabulary),
  });
  ofVocabulary.set(zone, key);
  return key;
}

function flagOf({ rule, reader }: Asked, key: string, id: FlagId): Flag {
  const definition = hidden(rule, id, reader.zone);
  return { id, key, kind: definition.kind, definition, vocabulary: reader.vocabulary };
}

/** What evaluates it, as if it were a segment. */
function hidden(flag: FlagRule, id: FlagId, zone: string): Definition {
  return {
    // No segment's id begins so.
    id: `?${id}`,
    name: id,
    kind: flag.op === "account" ? "account" : "user",
    tags: [],
    enabled: true,
    zone: zoneInside(flag, zone),
    stayMs: 0,
    cooldownMs: 0,
    rule: flag.rule,
    source: null,
  };
}
