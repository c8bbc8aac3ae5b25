// The fold of the control log: which definitions are in force, which wait for their activation, under which version.
// oracle.ts reads every control message through it and evaluates whom a change concerns.
import type { ControlEntry } from "../core/control.ts";
import type { Erased } from "../core/erasure.ts";
import type { Definition, FunnelRule, Rule } from "../core/rules/ast.ts";
import { parseDefinition } from "../core/rules/parse/parse.ts";
import { questionKeys } from "../core/rules/questions/questions.ts";
import { vocabularyText } from "../core/rules/questions/vocabulary-reads.ts";
import type { Limits, MemberId, MemberKind, SegmentId } from "../core/types.ts";
import type { Vocabulary } from "../core/vocabulary.ts";
import { parseVocabulary } from "../core/vocabulary-document.ts";
import { KnownItems } from "./catalogue.ts";
import { depthBeyond, Flags } from "./flags.ts";
import { levelsOf, nestedIn, type Readable } from "./nesting.ts";
import { isSituation, Situations } from "./situations.ts";

export interface Versioned {
  readonly definition: Definition;
  readonly version: number;
  /** By which it is read. */
  readonly vocabulary: Vocabulary;
}

/** An active segment; `level` is 0 when it references none, else 1 + the highest level it references. */
export interface Active extends Versioned {
  readonly level: number;
}

interface Batch {
  /** What everything after this batch's entry is read by, unless the entry is cancelled. */
  readonly vocabulary?: Vocabulary;
  readonly define: Map<SegmentId, Versioned>;
  readonly remove: Set<SegmentId>;
  /** It asked nothing of history, or this log's history is folded for it. */
  isReady: boolean;
  /** Its flags are evaluated here. */
  isLit: boolean;
}

/** What a control message asks of the oracle; a rejected one says why. */
export type ControlChange =
  | { readonly type: "nothing" }
  | { readonly type: "rejected"; readonly detail: string }
  | { readonly type: "feed" }
  | { readonly type: "erase"; readonly revision: number; readonly erased: Erased }
  | { readonly type: "sweep"; readonly named: ReadonlySet<SegmentId>; readonly removed: readonly Active[] }
  | {
      readonly type: "list";
      readonly id: string;
      readonly kind: MemberKind;
      readonly mode: "add" | "remove" | "replace";
      readonly members: readonly MemberId[];
    };

const NOTHING: ControlChange = { type: "nothing" };

export class Control {
  readonly #limits: Limits;
  /** Items as they are known at this place of the log. */
  catalogue = new KnownItems();
  readonly situations = new Situations();
  readonly flags = new Flags();
  /** A list is of users or of accounts, as its first entry says. */
  readonly #lists = new Map<string, MemberKind>();
  /** In force: what the vocabulary entries that have taken effect say. */
  #vocabulary: Vocabulary;
  #vocabularyRevision = 0;
  #revision = 0;
  /** Words of the entry that is applied now. */
  #written: readonly Versioned[] = [];
  readonly #versions = new Map<SegmentId, number>();
  #pending = new Map<number, Batch>();
  #active = new Map<SegmentId, Active>();

  constructor(limits: Limits, vocabulary: Vocabulary) {
    this.#limits = limits;
    this.#vocabulary = vocabulary;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Active segments, what is referenced before what references it. */
  get active(): readonly Active[] {
    return [...this.#active.values()];
  }

  apply(body: Uint8Array): ControlChange {
    const copy = readCopy(body);
    if (copy === undefined) return rejected("a control message is JSON {revision, entry}; publish it again as such");
    if (copy.revision <= this.#revision) return NOTHING;
    if (copy.revision > this.#revision + 1) {
      throw new Error(`control revision ${copy.revision} follows ${this.#revision}: an entry is missing in this log`);
    }
    this.#revision = copy.revision;
    const entry = readEntry(copy.entry);
    if (entry === undefined) return rejected(`the entry of revision ${copy.revision} is none that is known`);
    this.#written = [];
    const change = this.#applyEntry(entry);
    const active = [...this.#active.values()];
    const pending = [...this.#pending].map(([revision, { define }]) => [revision, [...define.values()]] as const);
    this.flags.review(this.#revision, this.#written, { active, pending });
    return change;
  }

  /** The log's history is folded for what waits under that revision. */
  ready(revision: number): void {
    const batch = this.#pending.get(revision);
    if (batch !== undefined) batch.isReady = true;
  }

  /** Lights what is to be lit from here on; the revision of which all others are to hear it, if there is one. */
  light(): number | undefined {
    this.flags.light([...this.#active.values()]);
    const lowest = Math.min(...this.#pending.keys());
    const batch = this.#pending.get(lowest);
    if (batch === undefined || !batch.isReady) return undefined;
    this.flags.light([...batch.define.values()]);
    if (batch.isLit || this.flagDepth(lowest) === undefined) return undefined;
    batch.isLit = true;
    return lowest;
  }

  /** Of the flags that a revision waits with and that are not in force, the depth of the deepest; undefined without any. */
  flagDepth(revision: number): number | undefined {
    const batch = this.#pending.get(revision);
    return batch && depthBeyond([...batch.define.values()], [...this.#active.values()]);
  }

  get pendingRevisions(): readonly number[] {
    return [...this.#pending.keys()];
  }

  #applyEntry(entry: ControlEntry): ControlChange {
    switch (entry.op) {
      case "apply":
        return this.#applyBatch(entry.define, entry.remove);
      case "activate": {
        const batch = this.#pending.get(entry.revision);
        this.#pending.delete(entry.revision);
        return batch === undefined ? NOTHING : this.#takeEffect(batch, entry.revision);
      }
      case "list":
        return this.#changeList(entry.id, entry.mode, entry.members, entry.kind ?? "user");
      case "removeList": {
        const effect = this.#changeList(entry.id, "replace", [], this.#lists.get(entry.id) ?? "user");
        // Whoever makes one of that name again may make one of the other kind.
        this.#lists.delete(entry.id);
        return effect;
      }
      case "vocabulary":
        return this.#changeVocabulary(entry.vocabulary);
      case "items":
        this.catalogue = this.catalogue.after(entry);
        return NOTHING;
      case "draft":
        return NOTHING;
      case "cancel":
        return this.#cancel(entry.revision);
      case "situation":
        this.situations.apply(entry);
        return { type: "feed" };
      case "erase":
        return { type: "erase", revision: this.#revision, erased: entry };
    }
  }

  #applyBatch(define: readonly unknown[], remove: readonly SegmentId[]): ControlChange {
    const definitions: Definition[] = [];
    for (const source of define) {
      const parsed = parseDefinition(source, this.#limits);
      if (!parsed.ok) {
        const { path, message } = parsed.problems[0]!;
        return rejected(`a definition of revision ${this.#revision} does not parse: ${path}: ${message}`);
      }
      definitions.push(parsed.definition);
    }
    const ids = new Set(definitions.map(({ id }) => id));
    if (ids.size < definitions.length) return rejected("a batch defines one segment twice; keep one of the two");
    const removed = new Set(remove.filter((id) => !ids.has(id)));
    const vocabulary = this.#newestVocabulary;
    if (this.#leavesSomebodyWithout(definitions, removed)) {
      return rejected("the batch would remove a segment that another one uses");
    }
    if (!this.#isSound(definitions, removed, vocabulary)) {
      return rejected("the batch would close a cycle of segments");
    }
    if (!definitions.every((one) => knowsFunnels(one, vocabulary))) {
      return rejected("a definition names a funnel or a step that the vocabulary does not know");
    }
    return this.#word(definitions, removed, vocabulary);
  }

  #changeList(
    id: string,
    mode: "add" | "remove" | "replace",
    members: readonly MemberId[],
    kind: MemberKind,
  ): ControlChange {
    const held = this.#lists.get(id) ?? kind;
    if (held !== kind) return rejected(`the list ${id} is one of ${held}s; name another for ${kind}s`);
    this.#lists.set(id, kind);
    return { type: "list", id, kind, mode, members };
  }

  /** Later entries were checked against what is given up here, and may rest on it. */
  #cancel(revision: number): ControlChange {
    const before = this.#pending;
    this.#pending = new Map([...before].filter(([waiting]) => waiting !== revision));
    if (this.#staysSound(new Set())) return NOTHING;
    this.#pending = before;
    return rejected(`what was applied after revision ${revision} would close a cycle of segments without it`);
  }

  /** A newer word about segments, and about the vocabulary where there is a new one. */
  #word(
    definitions: readonly Definition[],
    remove: Set<SegmentId>,
    vocabulary: Vocabulary,
    isNew: { readonly vocabulary?: Vocabulary } = {},
  ): ControlChange {
    const words = definitions.map((definition) => ({ definition, vocabulary }));
    const isReady = this.#asksNothingNew(definitions, vocabulary);
    const asksNewFlags = depthBeyond(words, [...this.#active.values()]) !== undefined;
    const isImmediate = this.#pending.size === 0 && isReady && !asksNewFlags;
    this.#cancelOlder(new Set([...definitions.map(({ id }) => id), ...remove]));
    const define = new Map(definitions.map((one) => [one.id, this.#version(one, vocabulary)]));
    this.#written = [...define.values()];
    const batch: Batch = { ...isNew, define, remove, isReady, isLit: false };
    if (isImmediate) return this.#takeEffect(batch, this.#revision);
    this.#pending.set(this.#revision, batch);
    return NOTHING;
  }

  /** Edits every segment that reads what has changed: the newest word about it, pending or active. */
  #changeVocabulary(written: unknown): ControlChange {
    const parsed = parseVocabulary(written, this.#limits);
    if (!parsed.ok) {
      const { path, message } = parsed.problems[0]!;
      return rejected(`the vocabulary of revision ${this.#revision} does not parse: ${path}: ${message}`);
    }
    const { vocabulary } = parsed;
    const words = [...this.#newestWords().values()];
    if (!words.every(({ definition }) => knowsFunnels(definition, vocabulary))) {
      return rejected("the vocabulary drops a funnel or a step that a segment names");
    }
    const edited = words.filter(
      (word) => vocabularyText(word.definition, word.vocabulary) !== vocabularyText(word.definition, vocabulary),
    );
    const definitions = edited.map(({ definition }) => definition).sort((a, b) => (a.id < b.id ? -1 : 1));
    if (!this.#isSound(definitions, new Set(), vocabulary)) {
      return rejected("the vocabulary would close a cycle: engagement weighs a segment that reads engagement");
    }
    return this.#word(definitions, new Set(), vocabulary, { vocabulary });
  }

  /** Of the last vocabulary entry that stands, whether it has taken effect or not. */
  get #newestVocabulary(): Vocabulary {
    const later = [...this.#pending].filter(([revision]) => revision > this.#vocabularyRevision);
    return later.findLast(([, { vocabulary }]) => vocabulary !== undefined)?.[1].vocabulary ?? this.#vocabulary;
  }

  /** What stands of each segment once everything that waits has taken effect. */
  #newestWords(): Map<SegmentId, Versioned> {
    const words = new Map<SegmentId, Versioned>(this.#active);
    for (const { define, remove } of this.#pending.values()) {
      for (const id of remove) words.delete(id);
      for (const [id, word] of define) words.set(id, word);
    }
    return words;
  }

  #version(definition: Definition, vocabulary: Vocabulary): Versioned {
    const version = (this.#versions.get(definition.id) ?? 0) + 1;
    this.#versions.set(definition.id, version);
    return { definition, version, vocabulary };
  }

  /** Whether a segment that stays reads one that goes. */
  #leavesSomebodyWithout(definitions: readonly Definition[], removed: ReadonlySet<SegmentId>): boolean {
    const after = new Map<SegmentId, Readable>(this.#newestWords());
    for (const id of removed) after.delete(id);
    for (const definition of definitions) after.set(definition.id, { definition, vocabulary: this.#newestVocabulary });
    return [...after.values()].some((word) => nestedIn(word).some((id) => removed.has(id)));
  }

  /** No cycle, once everything that waits has taken effect. */
  #isSound(definitions: readonly Definition[], removed: ReadonlySet<SegmentId>, vocabulary: Vocabulary): boolean {
    const after = new Map<SegmentId, Readable>(this.#newestWords());
    for (const id of removed) after.delete(id);
    for (const definition of definitions) after.set(definition.id, { definition, vocabulary });
    const replaced = new Set([...removed, ...definitions.map(({ id }) => id)]);
    return levelsOf(after) !== undefined && this.#staysSound(replaced);
  }

  /** No cycle at any of the activations to come, when what waits about these segments is gone. */
  #staysSound(replaced: ReadonlySet<SegmentId>): boolean {
    const words = new Map<SegmentId, Readable>(this.#active);
    return [...this.#pending.values()].every(({ define, remove }) => {
      for (const id of remove) if (!replaced.has(id)) words.delete(id);
      for (const [id, word] of define) if (!replaced.has(id)) words.set(id, word);
      return levelsOf(words) !== undefined;
    });
  }

  #asksNothingNew(definitions: readonly Definition[], vocabulary: Vocabulary): boolean {
    const asked = new Set(
      [...this.#active.values()].flatMap((active) => questionKeys(active.definition, active.vocabulary)),
    );
    return definitions.flatMap((one) => questionKeys(one, vocabulary)).every((key) => asked.has(key));
  }

  /** A newer word about a segment cancels older ones that have not taken effect. */
  #cancelOlder(ids: ReadonlySet<SegmentId>): void {
    for (const [revision, { vocabulary, define, remove }] of this.#pending) {
      for (const id of ids) {
        define.delete(id);
        remove.delete(id);
      }
      if (vocabulary === undefined && define.size === 0 && remove.size === 0) this.#pending.delete(revision);
    }
  }

  #takeEffect({ vocabulary, define, remove }: Batch, revision: number): ControlChange {
    if (vocabulary !== undefined && revision > this.#vocabularyRevision) {
      this.#vocabulary = vocabulary;
      this.#vocabularyRevision = revision;
    }
    const removed = [...remove].flatMap((id) => this.#active.get(id) ?? []);
    const after = new Map<SegmentId, Versioned>(this.#active);
    for (const { definition } of removed) after.delete(definition.id);
    for (const [id, versioned] of define) after.set(id, versioned);
    const levels = levelsOf(after);
    if (levels === undefined) throw new Error("a batch that was sound when it was applied closes a cycle of segments");
    const active = [...after].map(([id, one]) => ({ ...one, level: levels.get(id)! }));
    active.sort((a, b) => a.level - b.level || (a.definition.id < b.definition.id ? -1 : 1));
    this.#active = new Map(active.map((one) => [one.definition.id, one]));
    return { type: "sweep", named: new Set(define.keys()), removed };
  }
}

/** Whether the vocabulary has every funnel and step that a definition names. */
function knowsFunnels({ rule }: Definition, vocabulary: Vocabulary): boolean {
  return funnelsIn(rule).every(({ id, step }) => {
    const funnel = Object.hasOwn(vocabulary.funnels, id) ? vocabulary.funnels[id] : undefined;
    return funnel?.steps.some(({ name }) => name === step) ?? false;
  });
}

function funnelsIn(rule: Rule): FunnelRule[] {
  if ("rules" in rule) return rule.rules.flatMap(funnelsIn);
  if ("rule" in rule) return funnelsIn(rule.rule);
  return rule.op === "funnel" ? [rule] : [];
}

function rejected(detail: string): ControlChange {
  return { type: "rejected", detail };
}

function readCopy(body: Uint8Array): { readonly revision: number; readonly entry: unknown } | undefined {
  const copy = readJson(body);
  if (!isObject(copy) || !Number.isSafeInteger(copy.revision)) return undefined;
  return { revision: copy.revision as number, entry: copy.entry };
}

/** The value of JSON bytes; undefined when they are none. */
export function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readEntry(entry: unknown): ControlEntry | undefined {
  if (!isObject(entry)) return undefined;
  switch (entry.op) {
    case "apply":
      return Array.isArray(entry.define) && isTexts(entry.remove) ? (entry as unknown as ControlEntry) : undefined;
    case "draft":
      return Array.isArray(entry.define) && isTexts(entry.discard) ? (entry as unknown as ControlEntry) : undefined;
    case "vocabulary":
      return isObject(entry.vocabulary) ? (entry as unknown as ControlEntry) : undefined;
    case "activate":
    case "cancel":
      return Number.isSafeInteger(entry.revision) ? (entry as unknown as ControlEntry) : undefined;
    case "list": {
      const isMode = ["add", "remove", "replace"].includes(entry.mode as string);
      return isMode && isTexts([entry.id]) && isTexts(entry.members) ? (entry as unknown as ControlEntry) : undefined;
    }
    case "items": {
      const isMode = ["merge", "replace", "remove"].includes(entry.mode as string);
      return isMode && areItems(entry.items, entry.mode) ? (entry as unknown as ControlEntry) : undefined;
    }
    case "situation":
      return isSituation(entry) ? (entry as unknown as ControlEntry) : undefined;
    case "erase": {
      const isKind = entry.kind === "user" || entry.kind === "account";
      const isHash = Number.isSafeInteger(entry.hash) && Number(entry.hash) >= 0;
      return isKind && isHash && isTexts([entry.mark, entry.key]) ? (entry as unknown as ControlEntry) : undefined;
    }
    case "removeList":
      return isTexts([entry.id]) ? (entry as unknown as ControlEntry) : undefined;
    default:
      return undefined;
  }
}

function areItems(items: unknown, mode: unknown): boolean {
  if (!Array.isArray(items)) return false;
  return items.every((item) => {
    return isObject(item) && isTexts([item.id]) && (mode === "remove" || isObject(item.attributes));
  });
}

/** A list of texts that can be ids: not empty, and valid Unicode. */
function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string" && text !== "" && isWellFormed(text));
}

function isWellFormed(text: string): boolean {
  return Buffer.from(text, "utf8").toString("utf8") === text;
}
