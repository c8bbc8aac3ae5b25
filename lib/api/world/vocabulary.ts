// Applying a vocabulary: which of its parts differ from the newest one, which segments it edits, whether the whole stays
// sound, and one control entry. Used by the command line and by the HTTP interface.
import { editedBy } from "../../core/engine/control-state.ts";
import { checkBatch } from "../../core/rules/checks/graph.ts";
import { type Problem, problemOf, quoted } from "../../core/rules/parse/problems.ts";
import { canonical } from "../../core/rules/questions/texts.ts";
import type { Json, JsonObject, Limits, SegmentId } from "../../core/types.ts";
import type { Vocabulary } from "../../core/vocabulary.ts";
import { parseVocabulary, vocabularyDocument } from "../../core/vocabulary-document.ts";
import type { ControlLog } from "../../ports/control-log.ts";
import { appendEntry } from "../segments/apply.ts";
import type { Catalogue } from "../segments/catalogue.ts";

/** One part that differs; undefined: it is not there. */
export interface PartChange {
  readonly part: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

export interface VocabularyPlan {
  readonly changes: readonly PartChange[];
  /** Segments that mean something else by it: each gets a new version. */
  readonly edited: readonly SegmentId[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export function planVocabulary(catalogue: Catalogue, source: Json, limits: Limits): VocabularyPlan {
  const parsed = parseVocabulary(source, limits);
  if (!parsed.ok) return { changes: [], edited: [], problems: parsed.problems, warnings: [] };
  const { vocabulary } = parsed;
  const { state } = catalogue;
  const words = state.words();
  const define = editedBy(vocabulary, words.values());
  const existing = new Map(Array.from(words, ([id, { definition }]) => [id, definition]));
  const inTheWay = checkBatch(existing, { define, remove: [] }, catalogue.listKinds, limits, () => vocabulary);
  return {
    changes: changedParts(state.newestVocabulary, vocabulary),
    edited: define.map(({ id }) => id).sort(),
    problems: inTheWay.map(({ segment, path, message, hint }) =>
      problemOf("", `the segment ${segment} is in the way: ${path === "" ? "" : `${path}: `}${message}`, hint),
    ),
    warnings: [...parsed.warnings, ...unknownSegments(vocabulary, existing)],
  };
}

/** Nobody may read engagement yet; whoever does will be refused until the segments it counts are there. */
function unknownSegments({ engagement }: Vocabulary, existing: ReadonlyMap<SegmentId, unknown>): Problem[] {
  return engagement.parts.flatMap(({ of }, index) =>
    of.kind === "segment" && !existing.has(of.id)
      ? [problemOf(`engagement.parts[${index}].segment`, `there is no segment ${quoted(of.id)} yet`)]
      : [],
  );
}

export interface VocabularyApplied {
  readonly plan: VocabularyPlan;
  /** Of the entry that was written; undefined when nothing differs. */
  readonly revision: number | undefined;
}

export class VocabularyRefused extends Error {
  override readonly name = "VocabularyRefused";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("The vocabulary was not applied.");
    this.problems = problems;
  }
}

/** Checked again should somebody else have written in between. */
export async function applyVocabulary(
  control: ControlLog,
  catalogue: Catalogue,
  source: Json,
  limits: Limits,
  /** Throws when what the one who asks has seen is no longer so. */
  assertStill: () => void = () => {},
): Promise<VocabularyApplied> {
  let plan: VocabularyPlan | undefined;
  const revision = await appendEntry(control, catalogue, () => {
    const now = planVocabulary(catalogue, source, limits);
    if (now.problems.length > 0) throw new VocabularyRefused(now.problems);
    // After a lost answer nothing differs any more, and what moved is this very change.
    if (plan === undefined || now.changes.length > 0) assertStill();
    // What was told first is what was done.
    if (plan === undefined || now.changes.length > 0) plan = now;
    return now.changes.length === 0 ? undefined : { op: "vocabulary", vocabulary: source };
  });
  return { plan: plan!, revision };
}

// ── what differs ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Part by part, in the order of the document; maps entry by entry. */
export function changedParts(before: Vocabulary, after: Vocabulary): PartChange[] {
  const [old, fresh] = [partsOf(before), partsOf(after)];
  const names = [...fresh.keys(), ...[...old.keys()].filter((name) => !fresh.has(name))];
  return names
    .map((part) => ({ part, before: old.get(part), after: fresh.get(part) }))
    .filter((change) => canonical(change.before ?? null) !== canonical(change.after ?? null));
}

const MAPS = new Set(["items.events", "campaigns", "funnels", "referrers"]);

function partsOf(vocabulary: Vocabulary): Map<string, Json> {
  const parts = new Map<string, Json>();
  for (const [name, value] of Object.entries(vocabularyDocument(vocabulary))) addParts(name, value, parts);
  return parts;
}

/** A map's entries and a table's fields are parts of their own; null in a map takes a default away, so it is none. */
function addParts(name: string, value: Json, parts: Map<string, Json>): void {
  const isTable = ["visit", "items", "engagement", "traits"].includes(name);
  if (!isTable && !MAPS.has(name)) {
    if (value !== null) parts.set(name, value);
    return;
  }
  for (const [key, inner] of Object.entries(value as JsonObject)) {
    if (MAPS.has(name) && inner === null) continue;
    if (MAPS.has(name)) parts.set(`${name}.${key}`, inner);
    else addParts(`${name}.${key}`, inner, parts);
  }
}
