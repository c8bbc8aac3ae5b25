// The control log as people see it: which segments there are, in which version, what is being prepared, which lists.
// Follows DEFINITIONS; asked by nats-audience.ts and by the command line.
import type { ControlCopy } from "../../core/control.ts";
import { type ControlOutcome, ControlState } from "../../core/engine/control-state.ts";
import type { Erased } from "../../core/erasure.ts";
import type { Json, Limits, MemberKind, Millis, SegmentId } from "../../core/types.ts";
import type { ControlLog, Following } from "../../ports/control-log.ts";
import type { SegmentDetail } from "../audience/audience.ts";
import { ListMembers } from "../world/list-members.ts";
import { VocabularyHistory, type VocabularyVersion } from "../world/vocabulary-history.ts";
import { type SegmentVersion, Versions } from "./versions.ts";

export type CatalogueEntry = Omit<SegmentDetail, "size">;

export interface KnownErasure extends Erased {
  readonly revision: number;
  readonly at: Millis;
}

export class Catalogue {
  state: ControlState;
  readonly lists = new Map<string, ListMembers>();
  /** Whose is not said; oldest first. */
  readonly erasures: KnownErasure[] = [];
  /** Why nothing came of a revision. What the others meant is not kept: they name whom they put on lists. */
  readonly rejections = new Map<number, string>();
  private readonly fates = new Map<number, "in force" | "given up">();
  private readonly versionsOf = new Versions();
  private readonly vocabularyHistory = new VocabularyHistory();
  private readonly erasureListeners = new Set<(erased: Erased) => void>();
  private following: Following | undefined;
  private fault: Error | undefined;
  private waiting: {
    readonly until: () => boolean;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  }[] = [];

  private constructor(limits: Limits) {
    this.state = new ControlState(limits);
  }

  /** Reads the control log to its present end, and follows it from there until `stop`. */
  static async open(control: ControlLog, limits: Limits): Promise<Catalogue> {
    const catalogue = new Catalogue(limits);
    const revision = await control.lastRevision();
    catalogue.following = control.follow(
      (copy, storedAt) => catalogue.take(copy, storedAt),
      (error) => catalogue.fail(error),
    );
    await catalogue.when(() => catalogue.state.revision >= revision);
    return catalogue;
  }

  stop(): void {
    this.following?.stop();
  }

  /** Resolves once the condition holds; looked at after every entry. */
  when(until: () => boolean): Promise<void> {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    if (until()) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiting.push({ until, resolve, reject }));
  }

  /** Calls for every erasure from now on, for as long as the catalogue follows. */
  onErased(listener: (erased: Erased) => void): void {
    this.erasureListeners.add(listener);
  }

  segments(): readonly CatalogueEntry[] {
    return [...this.ids()].sort().map((id) => this.entry(id)!);
  }

  /** Every version that was applied, newest first. */
  versions(id: SegmentId): readonly SegmentVersion[] {
    return this.versionsOf.of(id, this.state);
  }

  /** Every one that was put, newest first. */
  vocabularies(): readonly VocabularyVersion[] {
    return this.vocabularyHistory.all(this.state, (revision) => this.fateOf(revision) === "given up");
  }

  /** Of the newest one, in force or waiting; 0: nobody has put any. */
  get vocabularyRevision(): number {
    return this.vocabularies().find(({ state }) => state !== "given up")?.revision ?? 0;
  }

  /** Whose ids each list holds. */
  get listKinds(): ReadonlyMap<string, MemberKind> {
    return this.state.lists;
  }

  get drafts(): ReadonlyMap<SegmentId, Json> {
    return this.versionsOf.drafts;
  }

  entry(id: SegmentId): CatalogueEntry | undefined {
    const active = this.state.active.get(id);
    const next = this.pendingOf(id);
    const shown = active ?? next;
    if (shown === undefined) return this.draftEntry(id);
    const { definition, version } = shown;
    return {
      id,
      kind: definition.kind,
      name: definition.name,
      description: definition.description ?? "",
      folder: definition.folder ?? null,
      tags: definition.tags,
      version,
      state: active === undefined ? "backfilling" : definition.enabled ? "live" : "disabled",
      nextVersion: active !== undefined && next !== undefined ? next.version : null,
      hasDraft: this.drafts.has(id),
      definition: definition.source,
    };
  }

  /** A draft may be anything that has an id: what it says of itself is shown as far as it can be read. */
  private draftEntry(id: SegmentId): CatalogueEntry | undefined {
    const source = this.drafts.get(id);
    if (source === undefined) return undefined;
    const { kind, name, description, folder, tags } = source as Record<string, Json>;
    const text = (value: Json | undefined): string | undefined => (typeof value === "string" ? value : undefined);
    return {
      id,
      kind: kind === "account" ? "account" : "user",
      name: text(name) ?? id,
      description: text(description) ?? "",
      folder: text(folder) ?? null,
      tags: Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === "string") : [],
      version: 0,
      state: "draft",
      nextVersion: null,
      hasDraft: true,
      definition: source,
    };
  }

  private ids(): ReadonlySet<SegmentId> {
    const ids = new Set([...this.state.active.keys(), ...this.drafts.keys()]);
    for (const { define } of this.state.pending.values()) for (const id of define.keys()) ids.add(id);
    return ids;
  }

  private pendingOf(id: SegmentId) {
    return [...this.state.pending.values()]
      .map(({ define }) => define.get(id))
      .findLast((found) => found !== undefined);
  }

  /** What became of a batch that had to wait; undefined while it waits, and for those that never had to. */
  fateOf(revision: number): "in force" | "given up" | undefined {
    return this.fates.get(revision);
  }

  /** An entry that is no JSON comes as null: it is rejected like any that nobody knows. */
  private take({ entry }: ControlCopy, storedAt: Millis): void {
    const before = this.state;
    const { state, outcome } = before.next(entry);
    this.state = state;
    for (const revision of before.pending.keys()) {
      if (state.pending.has(revision)) continue;
      this.fates.set(revision, entry?.op === "activate" && entry.revision === revision ? "in force" : "given up");
    }
    if (entry !== null) this.versionsOf.take(entry, outcome, state, storedAt);
    if (entry !== null) this.vocabularyHistory.take(entry, outcome, state, storedAt);
    if (outcome.type === "rejected") this.rejections.set(state.revision, outcome.detail);
    if (outcome.type === "list") this.takeList(outcome);
    if (outcome.type === "erase") {
      this.forget(outcome.erased);
      this.erasures.push({ revision: state.revision, at: storedAt, ...outcome.erased });
      for (const listener of this.erasureListeners) listener(outcome.erased);
    }
    if (entry?.op === "removeList") this.lists.delete(entry.id);
    const ready = this.waiting.filter(({ until }) => until());
    this.waiting = this.waiting.filter((wait) => !ready.includes(wait));
    for (const { resolve } of ready) resolve();
  }

  private takeList({ id, mode, members }: Extract<ControlOutcome, { type: "list" }>): void {
    let list = this.lists.get(id);
    if (list === undefined) {
      list = new ListMembers();
      this.lists.set(id, list);
    }
    list.change(mode, members);
  }

  private forget(erased: Erased): void {
    for (const [id, list] of this.lists) if (this.state.lists.get(id) === erased.kind) list.forget(erased);
  }

  private fail(error: Error): void {
    this.fault = error;
    for (const { reject } of this.waiting) reject(error);
    this.waiting = [];
  }
}
