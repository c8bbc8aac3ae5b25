// The control log as people see it: which segments there are, in which version, what is being prepared, which lists.
// Follows DEFINITIONS; asked by nats-audience.ts and by the command line.
import type { ControlCopy } from "../core/control.ts";
import { type ControlOutcome, ControlState } from "../core/engine/control-state.ts";
import type { Limits, MemberId, SegmentId } from "../core/types.ts";
import type { ControlLog, Following } from "../ports/control-log.ts";
import type { SegmentDetail } from "./audience.ts";

export type CatalogueEntry = Omit<SegmentDetail, "size">;

export class Catalogue {
  state: ControlState;
  readonly lists = new Map<string, ReadonlySet<MemberId>>();
  /** What each revision meant; `rejected` says why nothing came of it. */
  readonly outcomes = new Map<number, ControlOutcome>();
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
      (copy) => catalogue.take(copy),
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

  segments(): readonly CatalogueEntry[] {
    return [...this.ids()].sort().map((id) => this.entry(id)!);
  }

  entry(id: SegmentId): CatalogueEntry | undefined {
    const active = this.state.active.get(id);
    const next = this.pendingOf(id);
    const shown = active ?? next;
    if (shown === undefined) return undefined;
    const { definition, version } = shown;
    return {
      id,
      name: definition.name,
      description: definition.description ?? "",
      folder: definition.folder ?? null,
      tags: definition.tags,
      version,
      state: active === undefined ? "preparing" : definition.enabled ? "active" : "disabled",
      nextVersion: active !== undefined && next !== undefined ? next.version : null,
      definition: definition.source,
    };
  }

  private ids(): ReadonlySet<SegmentId> {
    const ids = new Set(this.state.active.keys());
    for (const { define } of this.state.pending.values()) for (const id of define.keys()) ids.add(id);
    return ids;
  }

  private pendingOf(id: SegmentId) {
    return [...this.state.pending.values()]
      .map(({ define }) => define.get(id))
      .findLast((found) => found !== undefined);
  }

  private take({ entry }: ControlCopy): void {
    const { state, outcome } = this.state.next(entry);
    this.state = state;
    this.outcomes.set(state.revision, outcome);
    if (outcome.type === "list") this.takeList(outcome);
    if (entry.op === "removeList") this.lists.delete(entry.id);
    const ready = this.waiting.filter(({ until }) => until());
    this.waiting = this.waiting.filter((wait) => !ready.includes(wait));
    for (const { resolve } of ready) resolve();
  }

  private takeList({ id, mode, members }: Extract<ControlOutcome, { type: "list" }>): void {
    const after = new Set(mode === "replace" ? [] : this.lists.get(id));
    for (const member of members) {
      if (mode === "remove") after.delete(member);
      else after.add(member);
    }
    this.lists.set(id, after);
  }

  private fail(error: Error): void {
    this.fault = error;
    for (const { reject } of this.waiting) reject(error);
    this.waiting = [];
  }
}
