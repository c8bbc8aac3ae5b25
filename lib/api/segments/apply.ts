// Applying definitions: what differs from what is there, whether the whole stays sound, the control entries, and the wait
// until all is in force everywhere. Used by the command line and by dev.
import { count } from "../../cli/numbers.ts";
import type { ControlEntry } from "../../core/control.ts";
import type { Definition } from "../../core/rules/ast.ts";
import { warningsByVocabulary } from "../../core/rules/checks/check-vocabulary.ts";
import { type Cost, costOf, flagsInForce, questionsInForce } from "../../core/rules/checks/cost.ts";
import { type BatchProblem, checkBatch, type ListKinds } from "../../core/rules/checks/graph.ts";
import type { Json, JsonObject, Limits, MemberId, MemberKind, SegmentId } from "../../core/types.ts";
import type { Vocabulary } from "../../core/vocabulary.ts";
import type { Loaded, LoadedDefinition, LoadedList, PlacedProblem } from "../../definitions/load.ts";
import type { ControlLog } from "../../ports/control-log.ts";
import type { PartitionStatus } from "../../ports/questions.ts";
import { stepsOf } from "./apply-steps.ts";
import type { Catalogue } from "./catalogue.ts";
import { type Preparation, preparationsOf } from "./preparations.ts";

type ApplyEntry = Extract<ControlEntry, { op: "apply" }>;

export interface ApplyPlan {
  readonly created: readonly SegmentId[];
  readonly changed: readonly SegmentId[];
  readonly unchanged: readonly SegmentId[];
  readonly removed: readonly SegmentId[];
  readonly lists: readonly LoadedList[];
  /** One after the other; none when no segment changes, and one unless they ask for each other across account and users. */
  readonly entries: readonly ApplyEntry[];
  readonly problems: readonly PlacedProblem[];
  /** Found only by a look at the data set; the files' own are among what was loaded. */
  readonly warnings: readonly PlacedProblem[];
  /** What a look at the data set finds, by path instead of by place: for programs, who have no files. */
  readonly found: { readonly problems: readonly BatchProblem[]; readonly warnings: readonly BatchProblem[] };
  /** Of what is new or changed. */
  readonly costs: ReadonlyMap<SegmentId, Cost>;
}

export interface ApplyRequest {
  readonly loaded: Pick<Loaded, "definitions" | "lists" | "problems" | "isWhole">;
  readonly remove: readonly SegmentId[];
  readonly limits: Limits;
  /** False while nobody is known yet, so that new questions have no history to be read from. Left out: true. */
  readonly hasHistory?: boolean;
  /** Throws when what the one who asks has seen is no longer so; looked at before each attempt to write. */
  readonly assertStill?: () => void;
}

export function planApply(catalogue: Catalogue, request: ApplyRequest): ApplyPlan {
  const { loaded, remove } = request;
  const existing = definitionsAfterAll(catalogue);
  const defined = completeOnes(loaded.definitions);
  const isNew = ({ definition }: Complete) => !existing.has(definition.id);
  const isSame = ({ definition, source }: Complete) =>
    canonical(existing.get(definition.id)?.source ?? null) === canonical(source);
  const created = defined.filter(isNew);
  const changed = defined.filter((item) => !isNew(item) && !isSame(item));
  const lists = loaded.lists.filter((list) => !sameList(catalogue, list));
  const define = [...created, ...changed];
  const knownLists = new Map([
    ...loaded.lists.map(({ id, kind }): [string, MemberKind] => [id, kind]),
    ...catalogue.listKinds,
  ]);
  const known = new Map([...unreadable(loaded.definitions), ...existing]);
  const found = {
    problems: loaded.isWhole ? batchProblems(known, define, request, knownLists, catalogue) : [],
    warnings: define.flatMap((item) => vocabularyWarnings(item, catalogue)),
  };
  const problems = [
    ...loaded.problems,
    ...loaded.lists.flatMap((list) => listProblems(list, catalogue)),
    ...found.problems.map((problem) => placedIn(define, problem)),
  ];
  return {
    created: created.map(idOf),
    changed: changed.map(idOf),
    unchanged: defined.filter((item) => !define.includes(item)).map(idOf),
    removed: remove,
    lists,
    entries: problems.length > 0 ? [] : entriesOf(define, remove, existing, catalogue),
    problems,
    warnings: found.warnings.map((warning) => placedIn(define, warning)),
    found,
    costs: costsOf(define, catalogue, request.hasHistory ?? true),
  };
}

/** What is removed goes last: nobody uses it any more then. */
function entriesOf(
  define: readonly Complete[],
  remove: readonly SegmentId[],
  existing: ReadonlyMap<SegmentId, Definition>,
  catalogue: Catalogue,
): ApplyEntry[] {
  if (define.length === 0 && remove.length === 0) return [];
  const after = new Map(existing);
  for (const id of remove) after.delete(id);
  for (const { definition } of define) after.set(definition.id, definition);
  const sources = new Map(define.map((item) => [idOf(item), item.source]));
  const steps = stepsOf([...sources.keys()], after, vocabulariesAfter(define, catalogue));
  if (steps.length === 0) return [{ op: "apply", define: [], remove }];
  return steps.map((ids, index) => ({
    op: "apply",
    define: ids.map((id) => sources.get(id)!),
    remove: index === steps.length - 1 ? remove : [],
  }));
}

/** By what each is read once the batch has been taken. */
function vocabulariesAfter(define: readonly Complete[], { state }: Catalogue): (id: SegmentId) => Vocabulary {
  const defined = new Set(define.map(idOf));
  const words = state.words();
  return (id) => (defined.has(id) ? undefined : words.get(id)?.vocabulary) ?? state.newestVocabulary;
}

function vocabularyWarnings({ definition }: Complete, { state }: Catalogue): BatchProblem[] {
  return warningsByVocabulary(definition, state.newestVocabulary).map((warning) => ({
    segment: definition.id,
    ...warning,
  }));
}

function costsOf(define: readonly Complete[], { state }: Catalogue, hasHistory: boolean): ReadonlyMap<SegmentId, Cost> {
  const asked = new Set([...questionsInForce(state.active.values()), ...flagsInForce(state.active.values())]);
  return new Map(
    define.map(({ definition }) => [definition.id, costOf(definition, state.newestVocabulary, asked, hasHistory)]),
  );
}

type Complete = LoadedDefinition & { readonly definition: Definition };

/** Each id once: that there are two is among the problems already. */
function completeOnes(definitions: readonly LoadedDefinition[]): Complete[] {
  const first = new Map<SegmentId, Complete>();
  for (const item of definitions) {
    if (item.definition !== undefined && !first.has(item.definition.id))
      first.set(item.definition.id, item as Complete);
  }
  return [...first.values()];
}

/** What cannot be read is there nonetheless, so that those who refer to it are not told that it is not. */
function unreadable(definitions: readonly LoadedDefinition[]): [SegmentId, Definition][] {
  return definitions.flatMap(({ definition, source }) => {
    if (definition !== undefined || typeof source !== "object" || source === null || Array.isArray(source)) return [];
    const { id, kind } = source as Record<string, Json>;
    if (typeof id !== "string") return [];
    return [[id, { ...NOTHING_KNOWN, id, kind: kind === "account" ? kind : "user" }]];
  });
}

const NOTHING_KNOWN: Omit<Definition, "id"> = {
  name: "",
  kind: "user",
  tags: [],
  enabled: true,
  zone: "UTC",
  stayMs: 0,
  cooldownMs: 0,
  rule: { op: "all", rules: [] },
  source: null,
};

function idOf({ definition }: Complete): SegmentId {
  return definition.id;
}

/** What is in force once all that is being prepared has taken effect. */
export function definitionsAfterAll({ state }: Catalogue): Map<SegmentId, Definition> {
  const after = new Map([...state.active].map(([id, { definition }]) => [id, definition]));
  for (const revision of state.pendingRevisions()) {
    const { define, remove } = state.pending.get(revision)!;
    for (const id of remove) after.delete(id);
    for (const [id, { definition }] of define) after.set(id, definition);
  }
  return after;
}

function batchProblems(
  existing: ReadonlyMap<SegmentId, Definition>,
  define: readonly Complete[],
  { remove, limits }: ApplyRequest,
  lists: ListKinds,
  catalogue: Catalogue,
): BatchProblem[] {
  const batch = { define: define.map(({ definition }) => definition), remove };
  return checkBatch(existing, batch, lists, limits, vocabulariesAfter(define, catalogue));
}

function placedIn(define: readonly Complete[], { segment, path, message, hint }: BatchProblem): PlacedProblem {
  const place = define.find((item) => idOf(item) === segment)?.placeOf(path);
  const text = path === "" ? message : `${path}: ${message}`;
  const said = place === undefined ? `${segment}: ${text}` : text;
  return { file: "", line: 0, column: 0, ...place, message: said, ...(hint === undefined ? {} : { hint }) };
}

function sameList(catalogue: Catalogue, { id, members }: LoadedList): boolean {
  const known = catalogue.lists.get(id);
  return known !== undefined && known.size === members.length && members.every((member) => known.has(member));
}

function listProblems({ id, kind, place }: LoadedList, catalogue: Catalogue): PlacedProblem[] {
  const held = catalogue.listKinds.get(id);
  if (held === undefined || held === kind) return [];
  return [
    { ...place, message: `the list ${id} holds ${held}s, and keeps its kind; write kind: ${held}, or another id` },
  ];
}

/** Keys in one order: a definition that was only rearranged is the same definition. */
function canonical(value: Json): string {
  return JSON.stringify(value, (_key, inner: Json) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

const ATTEMPTS_MAX = 20;
const UNKNOWN_WAIT_MS = 2_000;

export class ApplyRefused extends Error {
  override readonly name = "ApplyRefused";
  readonly problems: readonly PlacedProblem[];
  /** Of the problems those that a look at the data set found, by path. */
  readonly found: readonly BatchProblem[];

  constructor(message: string, problems: readonly PlacedProblem[], found: readonly BatchProblem[] = []) {
    super(message);
    this.problems = problems;
    this.found = found;
  }
}

export interface Applied {
  readonly plan: ApplyPlan;
  /** Of the entries that were written, in that order; none when there was nothing to write. */
  readonly revisions: readonly number[];
}

/** What has been written of an apply so far: the lists first, then its entries. */
export class ApplyWritten {
  readonly lists: string[] = [];
  /** Of the entries about segments. */
  readonly revisions: number[] = [];
  private readonly created: SegmentId[] = [];
  private readonly changed: SegmentId[] = [];
  private readonly removed: SegmentId[] = [];

  get isNothing(): boolean {
    return this.lists.length === 0 && this.revisions.length === 0;
  }

  get segments(): readonly SegmentId[] {
    return [...this.created, ...this.changed, ...this.removed];
  }

  /** For the log of changes. */
  get detail(): JsonObject {
    const { revisions, created, changed, removed, lists } = this;
    return { revisions, created, changed, removed, lists };
  }

  /** For whoever is told that the rest was not. */
  get outcome(): string {
    if (this.isNothing) return "nothing was applied";
    const parts = [...this.lists.map((id) => `the list ${id}`), ...this.revisions.map((n) => `revision ${n}`)];
    return `not all was applied; what was written stays (${parts.join(", ")})`;
  }

  took(entry: ApplyEntry, revision: number, before: ReadonlySet<SegmentId>): void {
    this.revisions.push(revision);
    for (const source of entry.define) {
      const { id } = source as { readonly id: SegmentId };
      (before.has(id) ? this.changed : this.created).push(id);
    }
    this.removed.push(...entry.remove);
  }
}

/**
 * Checks against everything before, writes, and checks again should somebody else have written in between. `written` is told of each
 * entry, so that it is known when one fails.
 */
export async function apply(
  control: ControlLog,
  catalogue: Catalogue,
  request: ApplyRequest,
  written = new ApplyWritten(),
): Promise<Applied> {
  const { lists } = planned(catalogue, request);
  for (const { id, kind, members } of lists) {
    await appendEntry(control, catalogue, () => listEntry(id, kind, "replace", members));
    written.lists.push(id);
  }
  const before = new Set(definitionsAfterAll(catalogue).keys());
  let plan: ApplyPlan | undefined;
  // What was there to be removed, and is gone after a lost answer, was removed by this very change.
  const askedOf = (isInDoubt: boolean): ApplyRequest => {
    const there = definitionsAfterAll(catalogue);
    return isInDoubt ? { ...request, remove: request.remove.filter((id) => there.has(id)) } : request;
  };
  const first = await appendEntry(control, catalogue, (isInDoubt) => {
    const now = planned(catalogue, askedOf(isInDoubt));
    // After a lost answer nothing differs any more: what moved is this very change, and what was told first was done.
    if (plan !== undefined && now.entries.length === 0) return undefined;
    request.assertStill?.();
    plan = now;
    return now.entries[0];
  });
  if (first !== undefined) written.took(plan!.entries[0]!, first, before);
  // What has been written is no longer a difference, so the next look begins with the next step.
  for (let left = plan!.entries.length - 1; left > 0; left -= 1) {
    let step: ApplyEntry | undefined;
    const next = await appendEntry(control, catalogue, (isInDoubt) => {
      const [entry] = planned(catalogue, askedOf(isInDoubt)).entries;
      step = entry ?? step;
      return entry;
    });
    if (next !== undefined) written.took(step!, next, before);
  }
  return { plan: { ...plan!, lists }, revisions: written.revisions };
}

/** A list of users is written without a kind, as it was before there were accounts. */
export function listEntry(
  id: string,
  kind: MemberKind,
  mode: ListEntry["mode"],
  members: readonly MemberId[],
): ListEntry {
  return { op: "list", id, mode, members, ...(kind === "account" ? { kind } : {}) };
}

type ListEntry = Extract<ControlEntry, { op: "list" }>;

function planned(catalogue: Catalogue, request: ApplyRequest): ApplyPlan {
  const plan = planApply(catalogue, request);
  if (plan.problems.length > 0)
    throw new ApplyRefused("The definitions were not applied.", plan.problems, plan.found.problems);
  return plan;
}

/** One change is one message: it cannot be stored in parts. */
export class EntryTooLarge extends Error {
  override readonly name = "EntryTooLarge";
}

export function assertFits({ entryBytesMax }: ControlLog, entry: ControlEntry): void {
  if (entryBytesMax === undefined) return;
  const size = Buffer.byteLength(JSON.stringify(entry));
  if (size <= entryBytesMax) return;
  const parts =
    entry.op === "list"
      ? "Use `lists add` in several parts"
      : "Apply the files in several parts, those first that others refer to";
  throw new EntryTooLarge(
    `The change has ${count(size)} bytes, and the server takes messages of ${count(entryBytesMax)}. ${parts}, or raise max_payload in the server's configuration.`,
  );
}

/**
 * `make` is asked again after each conflict, and told whether an entry of before may have been stored after all; undefined from
 * it means that nothing is left to say.
 */
export async function appendEntry(
  control: ControlLog,
  catalogue: Catalogue,
  make: (isInDoubt: boolean) => ControlEntry | undefined,
): Promise<number | undefined> {
  let reason = "";
  let isInDoubt = false;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const entry = make(isInDoubt);
    // A lost answer to an entry that was stored after all leaves nothing to say at the second look.
    if (entry === undefined) return attempt === 0 ? undefined : catalogue.state.revision;
    assertFits(control, entry);
    const before = catalogue.state.revision;
    const ended = await control.append(entry, before);
    if (ended.kind === "stored") {
      await catalogue.when(() => catalogue.state.revision >= ended.seq);
      return ended.seq;
    }
    isInDoubt ||= ended.kind === "unknown";
    reason = ended.kind === "fenced" ? "others write to it all the time" : ended.reason;
    // Somebody else's entry, or our own whose answer was lost: either way the next look tells.
    await moved(catalogue, before);
  }
  throw new Error(`the control log did not take the entry in ${ATTEMPTS_MAX} attempts: ${reason}`);
}

async function moved(catalogue: Catalogue, revision: number): Promise<void> {
  const timer = new Promise<void>((resolve) => {
    setTimeout(resolve, UNKNOWN_WAIT_MS).unref();
  });
  await Promise.race([catalogue.when(() => catalogue.state.revision > revision), timer]);
}

export interface ActivationProgress {
  /** 0 … 1 over the history that must be read; 1 when there is none. */
  readonly fraction: number;
  /** Partitions in which the revision is in force, and how many there are. */
  readonly inForce: number;
  readonly partitions: number;
  /** Partitions that nobody answers for. */
  readonly silent: number;
  /** Of the history that must be read; undefined when there is none. */
  readonly preparation: Preparation | undefined;
}

export interface ActivationOptions {
  readonly catalogue: Catalogue;
  readonly status: () => Promise<readonly (PartitionStatus | null)[]>;
  readonly revision: number;
  readonly onProgress: (progress: ActivationProgress) => void;
  readonly pollMs: number;
  readonly signal?: AbortSignal;
}

/** Resolves when the revision is in force in every partition; throws ApplyRefused when nothing will come of it. */
export async function waitUntilActive(options: ActivationOptions): Promise<void> {
  const { catalogue, revision, signal } = options;
  const why = catalogue.rejections.get(revision);
  if (why !== undefined) throw new ApplyRefused(`Revision ${revision} was refused: ${why}.`, []);
  for (;;) {
    signal?.throwIfAborted();
    const statuses = await options.status();
    const failed = preparationsOf(catalogue.state, statuses).find((one) => one.revision === revision)?.failed ?? null;
    if (failed !== null) {
      throw new ApplyRefused(
        `Revision ${revision} cannot be completed: ${failed}. Mend the cause, then \`rollcall segments retry\`; or give it up with \`rollcall segments cancel\`.`,
        [],
      );
    }
    if (catalogue.fateOf(revision) === "given up") {
      throw new ApplyRefused(`Revision ${revision} was given up: cancelled, or overtaken by a newer change.`, []);
    }
    const progress = progressOf(catalogue, revision, statuses);
    options.onProgress(progress);
    if (progress.inForce === progress.partitions) return;
    await new Promise((resolve) => {
      setTimeout(resolve, options.pollMs);
    });
  }
}

function progressOf(
  catalogue: Catalogue,
  revision: number,
  statuses: readonly (PartitionStatus | null)[],
): ActivationProgress {
  const pending = catalogue.state.pending.has(revision);
  // Once it waits for nothing more, it took effect with some entry up to the newest one.
  const inForceFrom = pending ? Number.POSITIVE_INFINITY : catalogue.state.revision;
  const shares = statuses.map((status) => shareFolded(status, revision));
  return {
    fraction: pending ? shares.reduce((sum, share) => sum + share, 0) / shares.length : 1,
    inForce: statuses.filter((status) => status !== null && status.revision >= inForceFrom).length,
    partitions: statuses.length,
    silent: statuses.filter((status) => status === null).length,
    preparation: preparationsOf(catalogue.state, statuses).find((one) => one.revision === revision),
  };
}

function shareFolded(status: PartitionStatus | null, revision: number): number {
  if (status === null || status.revision < revision) return 0;
  const fold = status.folding.find((folding) => folding.revision === revision);
  return fold === undefined ? 1 : Math.min(1, fold.position / Math.max(1, status.position));
}
