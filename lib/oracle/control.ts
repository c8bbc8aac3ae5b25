// The fold of the control log: which definitions are in force, which wait for their activation, under which version.
// oracle.ts reads every control message through it and evaluates whom a change concerns.
import type { ControlEntry } from "../core/control.ts";
import type { Definition } from "../core/rules/ast.ts";
import { parseDefinition } from "../core/rules/parse.ts";
import { questionKeys } from "../core/rules/questions.ts";
import type { Limits, MemberId, SegmentId } from "../core/types.ts";
import type { Vocabulary } from "../core/vocabulary.ts";
import { KnownItems } from "./catalogue.ts";
import { levelsOf, type Readable } from "./nesting.ts";
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
  readonly define: Map<SegmentId, Versioned>;
  readonly remove: Set<SegmentId>;
}

/** What a control message asks of the oracle; a rejected one says why. */
export type ControlChange =
  | { readonly type: "nothing" }
  | { readonly type: "rejected"; readonly detail: string }
  | { readonly type: "feed" }
  | { readonly type: "sweep"; readonly named: ReadonlySet<SegmentId>; readonly removed: readonly Active[] }
  | {
      readonly type: "list";
      readonly id: string;
      readonly mode: "add" | "remove" | "replace";
      readonly members: readonly MemberId[];
    };

const NOTHING: ControlChange = { type: "nothing" };

export class Control {
  readonly #limits: Limits;
  /** Items as they are known at this place of the log. */
  catalogue = new KnownItems();
  readonly situations = new Situations();
  #vocabulary: Vocabulary;
  #revision = 0;
  readonly #versions = new Map<SegmentId, number>();
  readonly #pending = new Map<number, Batch>();
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
    return this.#applyEntry(entry);
  }

  #applyEntry(entry: ControlEntry): ControlChange {
    switch (entry.op) {
      case "apply":
        return this.#applyBatch(entry.define, entry.remove);
      case "activate": {
        const batch = this.#pending.get(entry.revision);
        this.#pending.delete(entry.revision);
        return batch === undefined ? NOTHING : this.#takeEffect(batch);
      }
      case "list":
        return { type: "list", id: entry.id, mode: entry.mode, members: entry.members };
      case "removeList":
        return { type: "list", id: entry.id, mode: "replace", members: [] };
      case "items":
        this.catalogue = this.catalogue.after(entry);
        return NOTHING;
      case "draft":
        return NOTHING;
      case "cancel":
        this.#pending.delete(entry.revision);
        return NOTHING;
      case "situation":
        this.situations.apply(entry);
        return { type: "feed" };
      default:
        return rejected(`the entry ${entry.op} of revision ${this.#revision} is not known here`);
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
    if (!this.#isSound(definitions, removed)) return rejected("the batch would close a cycle of segments");
    const isImmediate = this.#pending.size === 0 && this.#asksNothingNew(definitions);
    this.#cancelOlder(new Set([...ids, ...removed]));
    const batch = { define: new Map(definitions.map((one) => [one.id, this.#version(one)])), remove: removed };
    if (isImmediate) return this.#takeEffect(batch);
    this.#pending.set(this.#revision, batch);
    return NOTHING;
  }

  #version(definition: Definition): Versioned {
    const version = (this.#versions.get(definition.id) ?? 0) + 1;
    this.#versions.set(definition.id, version);
    return { definition, version, vocabulary: this.#vocabulary };
  }

  /** No cycle, once everything that waits has taken effect. */
  #isSound(definitions: readonly Definition[], removed: ReadonlySet<SegmentId>): boolean {
    const after = new Map<SegmentId, Readable>(this.#active);
    for (const { define, remove } of this.#pending.values()) {
      for (const id of remove) after.delete(id);
      for (const [id, versioned] of define) after.set(id, versioned);
    }
    for (const id of removed) after.delete(id);
    for (const definition of definitions) after.set(definition.id, { definition, vocabulary: this.#vocabulary });
    return levelsOf(after) !== undefined;
  }

  #asksNothingNew(definitions: readonly Definition[]): boolean {
    const asked = new Set(
      [...this.#active.values()].flatMap(({ definition, vocabulary }) => questionKeys(definition, vocabulary)),
    );
    return definitions.flatMap((one) => questionKeys(one, this.#vocabulary)).every((key) => asked.has(key));
  }

  /** A newer word about a segment cancels older ones that have not taken effect. */
  #cancelOlder(ids: ReadonlySet<SegmentId>): void {
    for (const [revision, { define, remove }] of this.#pending) {
      for (const id of ids) {
        define.delete(id);
        remove.delete(id);
      }
      if (define.size === 0 && remove.size === 0) this.#pending.delete(revision);
    }
  }

  #takeEffect({ define, remove }: Batch): ControlChange {
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
