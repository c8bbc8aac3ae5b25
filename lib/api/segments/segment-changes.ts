// The changes of a segment's life, each one function over the control log: definitions that a program gives, drafts, on and
// off, back to an older version, giving up and beginning anew. Used by the HTTP interface and by the command line; the checks
// and the writing of definitions are apply.ts.
import type { Definition } from "../../core/rules/ast.ts";
import { references } from "../../core/rules/checks/graph.ts";
import { parseDefinition } from "../../core/rules/parse/parse.ts";
import { nearest, type Problem } from "../../core/rules/parse/problems.ts";
import type { Json, JsonObject, Limits, SegmentId } from "../../core/types.ts";
import { type Given, givenDefinitions } from "../../definitions/given.ts";
import { inside, type LoadedList } from "../../definitions/load.ts";
import type { ControlLog } from "../../ports/control-log.ts";
import { shown } from "../http/refusals.ts";
import {
  type Applied,
  type ApplyPlan,
  ApplyRefused,
  type ApplyRequest,
  ApplyWritten,
  appendEntry,
  apply,
  definitionsAfterAll,
  planApply,
} from "./apply.ts";
import type { Catalogue } from "./catalogue.ts";
import { ended, NotPossible } from "./not-possible.ts";
import { usesOfSegment } from "./uses.ts";
import type { SegmentVersion } from "./versions.ts";

export interface Desk {
  readonly control: ControlLog;
  readonly catalogue: Catalogue;
  readonly limits: Limits;
}

/** What a program asks to be applied, all as one batch. */
export interface Wanted {
  readonly definitions: readonly Json[];
  readonly lists?: readonly LoadedList[];
  readonly remove?: readonly SegmentId[];
  /** Where each definition stands in what was sent; left out where one is all that was sent. */
  readonly pathOf?: (index: number) => string;
  readonly hasHistory?: boolean;
  readonly assertStill?: () => void;
}

export interface Considered {
  readonly plan: ApplyPlan;
  /** By path, in what was sent. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** What would come of it. */
export function considered({ catalogue, limits }: Desk, wanted: Wanted): Considered {
  const { request, given } = requestOf(limits, wanted);
  const plan = planApply(catalogue, request);
  const { problems, warnings } = told(wanted, given, plan.found);
  const others = plan.problems.length - plan.found.problems.length - given.problems.length;
  // What is wrong with lists has no path of its own.
  const ofLists = others > 0 ? plan.problems.slice(given.problems.length, given.problems.length + others) : [];
  return {
    plan,
    problems: [...problems, ...ofLists.map(({ message }) => ({ path: "lists", message }))],
    warnings,
  };
}

export interface Done extends Applied {
  readonly warnings: readonly Problem[];
}

/** Throws NotPossible with every problem by its path. */
export async function applied(desk: Desk, wanted: Wanted, written = new ApplyWritten()): Promise<Done> {
  const { problems } = considered(desk, wanted);
  if (problems.length > 0) throw refused(problems, written);
  const { request, given } = requestOf(desk.limits, wanted);
  try {
    const done = await apply(desk.control, desk.catalogue, request, written);
    return { ...done, warnings: told(wanted, given, done.plan.found).warnings };
  } catch (error) {
    if (!(error instanceof ApplyRefused)) throw error;
    throw refused(told(wanted, given, { problems: error.found, warnings: [] }).problems, written);
  }
}

function requestOf(limits: Limits, wanted: Wanted): { readonly request: ApplyRequest; readonly given: Given } {
  const { definitions, lists = [], remove = [], pathOf = () => "", hasHistory = true, assertStill } = wanted;
  const given = givenDefinitions(definitions, lists, limits, pathOf);
  const request = { loaded: given, remove, limits, hasHistory, ...(assertStill === undefined ? {} : { assertStill }) };
  return { request, given };
}

function told({ pathOf = () => "" }: Wanted, { found, definitions }: Given, batch: ApplyPlan["found"]): Given["found"] {
  const inWhole = ({ segment, path, message, hint }: ApplyPlan["found"]["problems"][number]): Problem => {
    const index = definitions.findIndex(({ definition }) => definition?.id === segment);
    const at = index < 0 ? "" : inside(pathOf(index), path);
    return { path: at, message, ...(hint === undefined ? {} : { hint }) };
  };
  return {
    problems: [...found.problems, ...batch.problems.map(inWhole)],
    warnings: [...found.warnings, ...batch.warnings.map(inWhole)],
  };
}

function refused(problems: readonly Problem[], { outcome }: ApplyWritten): NotPossible {
  const first = problems[0]!;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  const at = first.path === "" ? "" : `${first.path}: `;
  const what = `${outcome[0]!.toUpperCase()}${outcome.slice(1)}: ${at}${ended(first.message, more)}`;
  return new NotPossible("bad", "bad-definition", what, problems);
}

// ── as somebody has last seen it ────────────────────────────────────────────────────────────────────────────────────

/** The newest version, in force or on its way there; 0: there is none, but perhaps a draft. */
export function newestVersion({ catalogue }: Pick<Desk, "catalogue">, id: SegmentId): number {
  const entry = catalogue.entry(id);
  return entry === undefined ? 0 : (entry.nextVersion ?? entry.version);
}

/** Undefined: any will do. */
export function assertVersion(desk: Pick<Desk, "catalogue">, id: SegmentId, seen: number | undefined): void {
  const newest = newestVersion(desk, id);
  if (seen === undefined || seen === newest) return;
  const waits = (desk.catalogue.entry(id)?.nextVersion ?? null) !== null;
  const where = waits ? ", which is not in force yet and stands among its versions" : "";
  const is = newest === 0 ? "is not there any more" : `is at version ${newest}${where}`;
  throw new NotPossible("moved", "version-moved", `${id} ${is}, and you saw version ${seen}: look again, then decide.`);
}

export function assertNew(desk: Desk, id: SegmentId): void {
  if (newestVersion(desk, id) === 0) return;
  throw new NotPossible(
    "conflict",
    "segment-exists",
    `There is a segment ${id} already: give another id, or replace that one.`,
  );
}

/** Who uses it is named one by one. */
export function assertUnused({ catalogue }: Desk, id: SegmentId, verb: "deleted" | "disabled"): void {
  const { segments, engagement } = usesOfSegment(catalogue, id);
  const words = catalogue.state.words();
  // What is off itself does not mind.
  const minding = verb === "deleted" ? segments : segments.filter((user) => words.get(user)!.definition.enabled);
  const users = minding.map((user) => ({ path: user, message: `the segment ${user} names it` }));
  const counted = engagement && verb === "deleted" ? [ENGAGEMENT] : [];
  const problems = [...users, ...counted];
  if (problems.length === 0) return;
  const named = problems.map(({ path }) => path).slice(0, USERS_NAMED_MAX);
  const more = problems.length > named.length ? ` and ${problems.length - named.length} more` : "";
  throw new NotPossible(
    "conflict",
    "segment-in-use",
    `${id} cannot be ${verb}: it is used by ${named.join(", ")}${more}; change those first.`,
    problems,
  );
}

const USERS_NAMED_MAX = 10;
const ENGAGEMENT: Problem = { path: "vocabulary.engagement", message: "the vocabulary's engagement counts it" };

// ── versions ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function versionOf(catalogue: Catalogue, id: SegmentId, version: number): SegmentVersion {
  const versions = catalogue.versions(id);
  const found = versions.find((one) => one.version === version);
  if (found !== undefined) return found;
  const there = versions.map((one) => one.version).reverse();
  const message = `${id} has no version ${version}; there are ${there.join(", ") || "none"}.`;
  throw new NotPossible("unknown", "unknown-version", message);
}

/** One that is being deleted is there until it has taken effect, and cannot be changed any more. */
export function assertStays({ catalogue }: Pick<Desk, "catalogue">, id: SegmentId): void {
  if (definitionsAfterAll(catalogue).has(id)) return;
  const message = `${shown(id)} is being deleted already; its progress tells how far that is.`;
  throw new NotPossible("conflict", "segment-leaving", message);
}

/** The newest definition, in force or on its way there, on or off; and that it is still the newest. */
export function switched(
  desk: Pick<Desk, "catalogue">,
  id: SegmentId,
  enabled: boolean,
): { readonly definition: Json; assertStill(): void } {
  assertStays(desk, id);
  const version = newestVersion(desk, id);
  const { enabled: _, ...rest } = definitionsAfterAll(desk.catalogue).get(id)!.source as JsonObject;
  const assertStill = (): void => {
    assertStays(desk, id);
    assertVersion(desk, id, version);
  };
  return { definition: enabled ? rest : { ...rest, enabled }, assertStill };
}

// ── drafts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export async function keepDrafts({ control, catalogue }: Desk, define: readonly Json[]): Promise<number | undefined> {
  return appendEntry(control, catalogue, () => ({ op: "draft", define, discard: [] }));
}

export async function discardDrafts(
  { control, catalogue }: Desk,
  ids: readonly SegmentId[],
): Promise<number | undefined> {
  for (const id of ids) draftOf(catalogue, id);
  return appendEntry(control, catalogue, () => ({ op: "draft", define: [], discard: ids }));
}

export function draftOf({ drafts }: Catalogue, id: SegmentId): Json {
  const draft = drafts.get(id);
  if (draft !== undefined) return draft;
  const there = [...drafts.keys()];
  const meant = nearest(id, there);
  const hint =
    meant === undefined ? `There are ${there.length === 0 ? "none" : there.join(", ")}.` : `Did you mean ${meant}?`;
  throw new NotPossible("unknown", "unknown-draft", `There is no draft of "${id}". ${hint}`);
}

// ── what waits for its history ──────────────────────────────────────────────────────────────────────────────────────

/** The first batch that brings a segment, or takes it away; undefined: nothing waits for it. */
export function waitingFor({ state }: Catalogue, id: SegmentId): number | undefined {
  return state.pendingRevisions().find((revision) => {
    const { define, remove } = state.pending.get(revision)!;
    return define.has(id) || [...remove].includes(id);
  });
}

/** What was in force before goes on. */
export async function cancelled({ control, catalogue }: Desk, revision: number): Promise<readonly SegmentId[]> {
  const batch = catalogue.state.pending.get(revision);
  if (batch === undefined) throw tooLate(revision);
  assertNobodyWaitsFor(catalogue, revision);
  await appendEntry(control, catalogue, () =>
    catalogue.state.pending.has(revision) ? { op: "cancel", revision } : undefined,
  );
  if (catalogue.fateOf(revision) === "in force") throw tooLate(revision);
  return [...batch.define.keys(), ...batch.remove];
}

function tooLate(revision: number): NotPossible {
  return new NotPossible("conflict", "too-late", `Too late: revision ${revision} is in force already.`);
}

/** A later batch may lead to a segment that only this one brings. */
function assertNobodyWaitsFor({ state }: Catalogue, revision: number): void {
  const brought = new Set([...state.pending.get(revision)!.define.keys()].filter((id) => !state.active.has(id)));
  const others = [...state.pending.values()].filter((batch) => batch.revision !== revision);
  for (const { define } of others) {
    for (const [id, { definition }] of define) {
      const used = references(definition.rule).find((reference) => brought.has(reference));
      if (used === undefined) continue;
      const message = `${id}, which waits, too, refers to ${used}: cancel ${id} first.`;
      throw new NotPossible("conflict", "waited-for", message);
    }
  }
}

export interface BegunAnew {
  /** Undefined: it is in force, or was given up, meanwhile. */
  readonly revision: number | undefined;
  readonly segments: readonly SegmentId[];
}

export async function retried({ control, catalogue }: Desk, revision: number): Promise<BegunAnew> {
  const batch = catalogue.state.pending.get(revision);
  if (batch === undefined) throw tooLate(revision);
  const define = Array.from(batch.define.values(), ({ definition }) => definition.source);
  const begun = await appendEntry(control, catalogue, () =>
    catalogue.state.pending.has(revision) ? { op: "apply", define, remove: [...batch.remove] } : undefined,
  );
  return { revision: begun, segments: [...batch.define.keys()] };
}

// ── a definition by itself ──────────────────────────────────────────────────────────────────────────────────────────

/** One that can be read; else NotPossible with every place. */
export function readable(source: Json, limits: Limits): Definition {
  const parsed = parseDefinition(source, limits);
  if (parsed.ok) return parsed.definition;
  const { path, message } = parsed.problems[0]!;
  const more = parsed.problems.length > 1 ? ` (and ${parsed.problems.length - 1} more)` : "";
  const at = path === "" ? "" : `${path}: `;
  throw new NotPossible("bad", "bad-definition", `${at}${ended(message, more)}`, parsed.problems);
}
