// The control log folded up to a revision: which definitions are in force, which wait for their activation and what
// history they ask for. All partitions of a process that stand at one revision share the same state and plan.
import { createHash } from "node:crypto";
import type { ControlEntry } from "../control.ts";
import type { Erased } from "../erasure.ts";
import type { Situation } from "../feeds.ts";
import type { Definition } from "../rules/ast.ts";
import { checkFunnels } from "../rules/checks/check-funnels.ts";
import { questionsInForce } from "../rules/checks/cost.ts";
import { orderSegments, references } from "../rules/checks/graph.ts";
import { parseDefinition } from "../rules/parse/parse.ts";
import { questionKeys } from "../rules/questions/questions.ts";
import { vocabularyText } from "../rules/questions/vocabulary-reads.ts";
import type { Limits, MemberId, MemberKind, SegmentId } from "../types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../vocabulary.ts";
import { parseVocabulary } from "../vocabulary-document.ts";
import { FlagBook, flagsOfWord } from "./flags.ts";
import { isSituation, SituationBoard } from "./leaves/situations.ts";
import { KnownItems } from "./member/known-items.ts";
import { compilePlan } from "./plan/compile.ts";
import type { ActiveDefinition, Plan } from "./plan/shapes.ts";

export interface PendingBatch {
  readonly revision: number;
  readonly define: Map<SegmentId, ActiveDefinition>;
  readonly remove: Set<SegmentId>;
  /** Questions that nobody asked before: their counters are folded over the log. Empty when it only waits its turn. */
  readonly questions: readonly string[];
  /** What events mean from its activation on; undefined: as before. */
  readonly vocabulary?: Vocabulary;
}

export interface RemovedSegment extends ActiveDefinition {
  readonly level: number;
}

/** What an entry means for the members of a partition. */
export type ControlOutcome =
  | { readonly type: "nothing" }
  | { readonly type: "rejected"; readonly detail: string }
  | { readonly type: "pending"; readonly revision: number }
  | { readonly type: "sweep"; readonly named: ReadonlySet<SegmentId>; readonly removed: readonly RemovedSegment[] }
  | {
      readonly type: "list";
      readonly id: string;
      readonly kind: MemberKind;
      readonly mode: "add" | "remove" | "replace";
      readonly members: readonly MemberId[];
    }
  | ({ readonly type: "situation" } & Situation)
  | { readonly type: "erase"; readonly erased: Erased };

const NOTHING: ControlOutcome = { type: "nothing" };
const NOBODY: ReadonlySet<SegmentId> = new Set();
const UNSOUND_ON_THE_WAY =
  "it replaces what still waits, and without that a revision between would close a cycle of segments; apply it again once nothing waits";

export class ControlState {
  readonly #limits: Limits;
  revision = 0;
  /** Definitions in force, disabled ones too. */
  active = new Map<SegmentId, ActiveDefinition>();
  pending = new Map<number, PendingBatch>();
  #versions = new Map<SegmentId, number>();
  /** By id; a list keeps the kind of its first entry for as long as it is there. */
  lists = new Map<string, MemberKind>();
  flags = FlagBook.empty;
  /** What events mean by now; each definition is read by the one that it carries. */
  vocabulary: Vocabulary = DEFAULT_VOCABULARY;
  /** Of the entry that said it. */
  #vocabularyRevision = 0;
  catalogue: KnownItems;
  situations = new SituationBoard();
  #levels = new Map<SegmentId, number>();
  readonly #plans = new Map<string, Plans>();
  /** By revision; worked out when it is asked for. */
  readonly #rounds = new Map<number, number>();

  constructor(limits: Limits, catalogue: KnownItems = KnownItems.none()) {
    this.#limits = limits;
    this.catalogue = catalogue;
  }

  static fold(entries: readonly ControlEntry[], limits: Limits, catalogue?: KnownItems): ControlState {
    const state = new ControlState(limits, catalogue);
    for (const entry of entries) state.#take(entry);
    return state;
  }

  /** The state after one more entry, and what it means; this state stays as it is. */
  next(entry: unknown): { readonly state: ControlState; readonly outcome: ControlOutcome } {
    const state = new ControlState(this.#limits, this.catalogue);
    state.revision = this.revision;
    state.active = new Map(this.active);
    state.pending = new Map(
      Array.from(this.pending, ([revision, batch]) => [
        revision,
        { ...batch, define: new Map(batch.define), remove: new Set(batch.remove) },
      ]),
    );
    state.#versions = new Map(this.#versions);
    state.lists = new Map(this.lists);
    state.flags = this.flags;
    state.vocabulary = this.vocabulary;
    state.#vocabularyRevision = this.#vocabularyRevision;
    state.situations = this.situations;
    state.#levels = this.#levels;
    const outcome = state.#take(entry);
    // What is in force did not change, so neither did its plan; nor the one with what waits, as long as all of it does.
    if (outcome.type !== "sweep") {
      for (const [key, plan] of this.#plans) if (state.#waitsFor(key, this.pending)) state.#plans.set(key, plan);
    }
    return { state, outcome };
  }

  /** Revisions that wait for `activate`, lowest first. */
  pendingRevisions(): number[] {
    return [...this.pending.keys()].sort((a, b) => a - b);
  }

  /**
   * The plan of what is in force, with the counters of those pending revisions whose history is folded already, or that
   * asked for none: what they rest on is counted on, though what is activated before them may give it up.
   */
  plans(installed: readonly number[]): Plans {
    const kept = [...this.pending.values()].filter((batch) => isInstalled(batch, installed));
    const lit = this.lit(installed);
    const key = `${lit?.revision ?? ""} ${kept.map(({ revision }) => revision).join(",")}`;
    let plans = this.#plans.get(key);
    if (plans === undefined) {
      const source = {
        active: [...this.active.values()],
        dark: kept.flatMap(({ define }) => [...define.values()]),
        lit: lit === undefined ? [] : [...lit.define.values()],
        flags: this.flags,
      };
      plans = {
        user: compilePlan({ ...source, kind: "user" }),
        account: compilePlan({ ...source, kind: "account" }),
      };
      this.#plans.set(key, plans);
    }
    return plans;
  }

  /** The batch whose flags are evaluated before it is in force: what is to come before it must be there, for it may read that. */
  lit(installed: readonly number[]): PendingBatch | undefined {
    const [lowest] = this.pendingRevisions();
    const batch = lowest === undefined ? undefined : this.pending.get(lowest);
    return batch !== undefined && isInstalled(batch, installed) ? batch : undefined;
  }

  /** Words of a batch are only ever taken away, so as many are the same ones. */
  #waitsFor(key: string, before: ReadonlyMap<number, PendingBatch>): boolean {
    const revisions = key
      .split(/[ ,]/)
      .filter((text) => text !== "")
      .map(Number);
    return revisions.every((revision) => this.pending.get(revision)?.define.size === before.get(revision)?.define.size);
  }

  #take(entry: unknown): ControlOutcome {
    this.revision += 1;
    const read = readEntry(entry);
    if (read === undefined) return rejected(`the entry of revision ${this.revision} is none that is known`);
    switch (read.op) {
      case "apply":
        return this.#takeBatch(read.define, read.remove);
      case "activate": {
        const batch = this.pending.get(read.revision);
        this.pending.delete(read.revision);
        if (batch === undefined) return NOTHING;
        if (batch.vocabulary !== undefined) this.#setVocabulary(batch.vocabulary, read.revision);
        const outcome = this.#activate(batch.define, batch.remove);
        this.#reviewFlags();
        return outcome;
      }
      case "cancel":
        return this.#cancel(read.revision);
      case "list":
        return this.#takeList(read);
      case "removeList": {
        const kind = this.lists.get(read.id) ?? "user";
        this.lists.delete(read.id);
        return { type: "list", id: read.id, kind, mode: "replace", members: [] };
      }
      case "draft":
        return NOTHING;
      case "vocabulary":
        return this.#takeVocabulary(read.vocabulary);
      case "items":
        this.catalogue = this.catalogue.after(this.revision, read);
        return NOTHING;
      case "situation":
        this.situations = SituationBoard.after(this.situations, read);
        return { type: "situation", kind: read.kind, place: read.place };
      case "erase":
        return { type: "erase", erased: read };
    }
  }

  #takeList({ id, kind = "user", mode, members }: Extract<ControlEntry, { op: "list" }>): ControlOutcome {
    const held = this.lists.get(id);
    if (held !== undefined && held !== kind) {
      return rejected(
        `the list ${id} holds ids of the kind ${held}, and revision ${this.revision} gives some of the kind ${kind}`,
      );
    }
    this.lists.set(id, kind);
    return { type: "list", id, kind, mode, members };
  }

  #takeBatch(define: readonly unknown[], remove: readonly SegmentId[]): ControlOutcome {
    const vocabulary = this.newestVocabulary;
    const definitions: Definition[] = [];
    for (const source of define) {
      const parsed = parseDefinition(source, this.#limits);
      const problems = parsed.ok ? checkFunnels(parsed.definition, vocabulary) : parsed.problems;
      if (!parsed.ok || problems.length > 0) {
        const { path, message } = problems[0]!;
        return rejected(`a definition of revision ${this.revision} does not parse: ${path}: ${message}`);
      }
      definitions.push(parsed.definition);
    }
    const ids = new Set(definitions.map(({ id }) => id));
    if (ids.size < definitions.length) return rejected("a batch defines one segment twice; keep one of the two");
    const removed = new Set(remove.filter((id) => !ids.has(id)));
    const after = this.words();
    for (const id of removed) after.delete(id);
    for (const definition of definitions) after.set(definition.id, { definition, vocabulary });
    const [used, user] = usedOf(removed, after.values());
    if (used !== undefined) return rejected(`the segment ${used} cannot be removed: ${user} uses it`);
    if (!isSound(after)) return rejected("the batch would close a cycle of segments");
    if (!this.#isSoundOnTheWay(new Set([...ids, ...removed]))) return rejected(UNSOUND_ON_THE_WAY);
    return this.#takeWords(definitions, removed, vocabulary);
  }

  /** A new vocabulary is an edit of every segment that reads what changed, and these are one batch. */
  #takeVocabulary(source: unknown): ControlOutcome {
    const parsed = parseVocabulary(source, this.#limits);
    if (!parsed.ok) {
      const { path, message } = parsed.problems[0]!;
      return rejected(`the vocabulary of revision ${this.revision} does not parse: ${path}: ${message}`);
    }
    const { vocabulary } = parsed;
    const after = this.words();
    for (const { definition } of after.values()) {
      const [problem] = checkFunnels(definition, vocabulary);
      if (problem !== undefined) return rejected(`the segment ${definition.id} is in the way: ${problem.message}`);
    }
    const edited = editedBy(vocabulary, after.values()).sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const definition of edited) after.set(definition.id, { definition, vocabulary });
    if (!isSound(after)) return rejected("the vocabulary would close a cycle of segments");
    if (!this.#isSoundOnTheWay(new Set(edited.map(({ id }) => id)))) return rejected(UNSOUND_ON_THE_WAY);
    return this.#takeWords(edited, new Set(), vocabulary, true);
  }

  /** In force at once when it asks nothing of history and nothing waits before it. */
  #takeWords(
    definitions: readonly Definition[],
    removed: ReadonlySet<SegmentId>,
    vocabulary: Vocabulary,
    isVocabulary = false,
  ): ControlOutcome {
    const questions = this.#newQuestions(definitions, vocabulary);
    const asksFlags = this.#roundsFor(definitions.map((definition) => ({ definition, vocabulary }))) > 0;
    const immediate = this.pending.size === 0 && questions.length === 0 && !asksFlags;
    this.#cancelOlder(new Set([...definitions.map(({ id }) => id), ...removed]));
    const define = new Map(definitions.map((definition) => [definition.id, this.#versioned(definition, vocabulary)]));
    const { revision } = this;
    let outcome: ControlOutcome = { type: "pending", revision };
    if (immediate) {
      if (isVocabulary) this.#setVocabulary(vocabulary, revision);
      outcome = this.#activate(define, removed);
    } else {
      const batch = { revision, define, remove: new Set(removed), questions };
      this.pending.set(revision, isVocabulary ? { ...batch, vocabulary } : batch);
    }
    this.#reviewFlags([...define.values()]);
    return outcome;
  }

  /** Numbers what newly written words ask, and forgets what nobody asks any more. */
  #reviewFlags(written: readonly ActiveDefinition[] = []): void {
    const pending = Array.from(
      this.pending.values(),
      ({ revision, define }) => [revision, [...define.values()]] as const,
    );
    this.flags = this.flags.after(this.revision, written, { active: this.active.values(), pending });
  }

  /**
   * Rounds in which all partitions tell each other that the flags of what waits are evaluated, until they are known
   * everywhere: one more than flags stand inside flags. 0 where it asks none but those in force.
   */
  roundsOf({ revision, define }: PendingBatch): number {
    let rounds = this.#rounds.get(revision);
    if (rounds === undefined) {
      rounds = this.#roundsFor([...define.values()]);
      this.#rounds.set(revision, rounds);
    }
    return rounds;
  }

  #roundsFor(words: readonly Word[]): number {
    const asked = words.flatMap(flagsOfWord);
    if (asked.length === 0) return 0;
    const inForce = new Set([...this.active.values()].flatMap((word) => flagsOfWord(word).map(({ key }) => key)));
    const fresh = asked.filter(({ key }) => !inForce.has(key));
    return fresh.reduce((most, { depth }) => Math.max(most, depth + 1), 0);
  }

  #versioned(definition: Definition, vocabulary: Vocabulary): ActiveDefinition {
    const version = (this.#versions.get(definition.id) ?? 0) + 1;
    this.#versions.set(definition.id, version);
    return { definition, version, vocabulary };
  }

  /** By which an apply is read: the newest word about it, though it may wait. */
  get newestVocabulary(): Vocabulary {
    let newest = this.vocabulary;
    for (const { revision, vocabulary } of this.pending.values()) {
      if (vocabulary !== undefined && revision > this.#vocabularyRevision) newest = vocabulary;
    }
    return newest;
  }

  /** Whatever the order of activations, the newest word about it stays. */
  #setVocabulary(vocabulary: Vocabulary, revision: number): void {
    if (revision < this.#vocabularyRevision) return;
    this.vocabulary = vocabulary;
    this.#vocabularyRevision = revision;
  }

  /**
   * What waits takes effect one revision after the other. A newer word takes those of some segments out of it, and those
   * that came between may have been checked against them: each step must be sound without.
   */
  #isSoundOnTheWay(named: ReadonlySet<SegmentId> = NOBODY): boolean {
    const words = new Map<SegmentId, Word>(this.active);
    for (const { define, remove } of this.pending.values()) {
      for (const id of remove) if (!named.has(id)) words.delete(id);
      for (const [id, word] of define) if (!named.has(id)) words.set(id, word);
      if (!isSound(words)) return false;
    }
    return true;
  }

  /** Definitions, once all that waits has taken effect. */
  words(): Map<SegmentId, Word> {
    const after = new Map<SegmentId, Word>(this.active);
    for (const { define, remove } of this.pending.values()) {
      for (const id of remove) after.delete(id);
      for (const [id, word] of define) after.set(id, word);
    }
    return after;
  }

  /** Gives up what waits. What came after it may rest on it, so the rest must be sound without. */
  #cancel(revision: number): ControlOutcome {
    const batch = this.pending.get(revision);
    if (batch === undefined) return NOTHING;
    const before = this.pending;
    this.pending = new Map([...before].filter(([one]) => one !== revision));
    if (this.#isSoundOnTheWay()) {
      this.#reviewFlags();
      return NOTHING;
    }
    this.pending = before;
    return rejected(`without revision ${revision}, what was applied after it would close a cycle of segments`);
  }

  #newQuestions(definitions: readonly Definition[], vocabulary: Vocabulary): string[] {
    const asked = questionsInForce(this.active.values());
    const wanted = definitions.flatMap((definition) => questionKeys(definition, vocabulary));
    return [...new Set(wanted)].filter((key) => !asked.has(key));
  }

  /** A newer word about a segment cancels older ones that have not taken effect. */
  #cancelOlder(ids: ReadonlySet<SegmentId>): void {
    for (const [revision, { define, remove, vocabulary }] of this.pending) {
      for (const id of ids) {
        define.delete(id);
        remove.delete(id);
      }
      if (define.size === 0 && remove.size === 0 && vocabulary === undefined) this.pending.delete(revision);
    }
  }

  #activate(define: ReadonlyMap<SegmentId, ActiveDefinition>, remove: ReadonlySet<SegmentId>): ControlOutcome {
    // A vocabulary that concerns no segment moves nobody.
    if (define.size === 0 && remove.size === 0) return NOTHING;
    const removed = [...remove].flatMap((id) => {
      const active = this.active.get(id);
      return active === undefined ? [] : [{ ...active, level: this.levelOf(id) }];
    });
    for (const { definition } of removed) this.active.delete(definition.id);
    for (const [id, versioned] of define) this.active.set(id, versioned);
    this.#levels = orderSegments(this.active.values()).levels;
    return { type: "sweep", named: new Set(define.keys()), removed };
  }

  levelOf(id: SegmentId): number {
    return this.#levels.get(id) ?? 0;
  }
}

/** What members of each kind are evaluated by. */
export type Plans = Readonly<Record<MemberKind, Plan>>;

/** Its history is folded in, or it asks for none. */
function isInstalled({ revision, questions }: PendingBatch, installed: readonly number[]): boolean {
  return questions.length === 0 || installed.includes(revision);
}

/** A definition, and the vocabulary by which it is read. */
export type Word = Pick<ActiveDefinition, "definition" | "vocabulary">;

/** The definitions that mean something else by a new vocabulary. */
export function editedBy(vocabulary: Vocabulary, words: Iterable<Word>): Definition[] {
  const edited: Definition[] = [];
  for (const { definition, vocabulary: before } of words) {
    if (vocabularyText(definition, vocabulary) !== vocabularyText(definition, before)) edited.push(definition);
  }
  return edited;
}

/** One of some segments that others read, and one of those. */
function usedOf(ids: ReadonlySet<SegmentId>, words: Iterable<Word>): [SegmentId, SegmentId] | [undefined, undefined] {
  if (ids.size === 0) return [undefined, undefined];
  for (const { definition, vocabulary } of words) {
    const used = references(definition.rule, vocabulary).find((id) => ids.has(id));
    if (used !== undefined) return [used, definition.id];
  }
  return [undefined, undefined];
}

function isSound(words: ReadonlyMap<SegmentId, Word>): boolean {
  try {
    orderSegments(words.values());
    return true;
  } catch {
    return false;
  }
}

function rejected(detail: string): ControlOutcome {
  return { type: "rejected", detail };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readEntry(entry: unknown): ControlEntry | undefined {
  if (!isRecord(entry)) return undefined;
  const known = entry as unknown as ControlEntry;
  switch (entry.op) {
    case "apply":
      return Array.isArray(entry.define) && areIds(entry.remove) ? known : undefined;
    case "draft":
      return Array.isArray(entry.define) && areIds(entry.discard) ? known : undefined;
    case "activate":
    case "cancel":
      return Number.isSafeInteger(entry.revision) ? known : undefined;
    case "list":
      return ["add", "remove", "replace"].includes(entry.mode as string) &&
        [undefined, "user", "account"].includes(entry.kind as string | undefined) &&
        areIds([entry.id]) &&
        areIds(entry.members)
        ? known
        : undefined;
    case "removeList":
      return areIds([entry.id]) ? known : undefined;
    case "vocabulary":
      return known;
    case "items":
      return readItems(entry);
    case "situation":
      return isSituation(entry) ? known : undefined;
    case "erase":
      return readErasure(entry);
    default:
      return undefined;
  }
}

/** An entry of items as it must be to count; undefined for any other. */
export function readItems(entry: unknown): Extract<ControlEntry, { op: "items" }> | undefined {
  if (!isRecord(entry) || entry.op !== "items" || !Array.isArray(entry.items)) return undefined;
  const { mode } = entry;
  if (!["merge", "replace", "remove"].includes(mode as string)) return undefined;
  const areItems = entry.items.every(
    (item: unknown) => isRecord(item) && areIds([item.id]) && (mode === "remove" || isRecord(item.attributes)),
  );
  return areItems ? (entry as unknown as Extract<ControlEntry, { op: "items" }>) : undefined;
}

/** An entry that forgets somebody; undefined for any other. */
export function readErasure(entry: unknown): Extract<ControlEntry, { op: "erase" }> | undefined {
  if (!isRecord(entry) || entry.op !== "erase") return undefined;
  const { kind, hash, mark, key } = entry;
  const isHash = Number.isSafeInteger(hash) && (hash as number) >= 0;
  const isWhole = (kind === "user" || kind === "account") && isHash && areIds([mark, key]);
  return isWhole ? (entry as unknown as Extract<ControlEntry, { op: "erase" }>) : undefined;
}

function areIds(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => typeof id === "string" && id !== "" && isWellFormed(id));
}

function isWellFormed(text: string): boolean {
  try {
    encodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

interface Step {
  readonly state: ControlState;
  readonly outcome: ControlOutcome;
}

/**
 * States by revision, shared by the partitions of one process, so that each entry is compiled once. Held weakly: a
 * state lives as long as some partition stands at it.
 */
export class SharedControl {
  readonly #limits: Limits;
  /** One log of items for all states. */
  readonly #items = KnownItems.none();
  readonly #steps = new Map<number, { readonly print: string; readonly step: WeakRef<Step> }>();
  readonly #folded = new Map<number, { readonly print: string; readonly state: WeakRef<ControlState> }>();
  /** Keeps a step as long as the state that came of it. */
  readonly #alive = new WeakMap<ControlState, Step>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** The state after `from` and an entry: the same object for every partition that comes by. */
  next(from: ControlState, entry: unknown): Step {
    const revision = from.revision + 1;
    const print = printOf(entry);
    const known = this.#steps.get(revision);
    const held = known?.print === print ? known.step.deref() : undefined;
    if (held !== undefined) return held;
    const step = from.next(entry);
    this.#steps.set(revision, { print, step: new WeakRef(step) });
    this.#alive.set(step.state, step);
    return step;
  }

  /** The state after all entries up to a revision. */
  fold(entries: readonly ControlEntry[]): ControlState {
    if (entries.length === 0) return new ControlState(this.#limits, this.#items);
    const print = printOf(entries[entries.length - 1]);
    const known = this.#folded.get(entries.length);
    const held = known?.print === print ? known.state.deref() : undefined;
    if (held !== undefined) return held;
    const state = ControlState.fold(entries, this.#limits, this.#items);
    this.#folded.set(entries.length, { print, state: new WeakRef(state) });
    return state;
  }
}

/** Tells entries apart, and keeps none of them: the ids that one puts on a list are half a megabyte. */
function printOf(entry: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(entry) ?? "")
    .digest("base64");
}
