// What the control log tells of each segment's past: its versions, since when each was in force, and the draft that
// somebody is at. Catalogue feeds it entry by entry; the command line shows it and goes back to an older version by it.
import type { ControlEntry } from "../../core/control.ts";
import type { ControlOutcome, ControlState } from "../../core/engine/control-state.ts";
import type { Json, Millis, SegmentId } from "../../core/types.ts";

/** `past`: another version took its place. `given up`: cancelled, or overtaken before it was in force. */
export type VersionState = "live" | "disabled" | "backfilling" | "past" | "given up";

export interface SegmentVersion {
  readonly version: number;
  /** Of the entry that brought it. */
  readonly revision: number;
  readonly appliedAt: Millis;
  readonly state: VersionState;
  readonly inForceFrom: Millis | null;
  readonly inForceUntil: Millis | null;
  /** The definition as written. */
  readonly source: Json;
}

interface Kept {
  readonly version: number;
  readonly revision: number;
  readonly appliedAt: Millis;
  readonly source: Json;
  inForceFrom: Millis | null;
  inForceUntil: Millis | null;
}

export class Versions {
  readonly drafts = new Map<SegmentId, Json>();
  private readonly kept = new Map<SegmentId, Kept[]>();

  /** The entry that led to this state, and what it meant. */
  take(entry: ControlEntry, outcome: ControlOutcome, state: ControlState, storedAt: Millis): void {
    if (outcome.type === "rejected") return;
    if (entry.op === "draft") this.takeDraft(entry);
    if (entry.op === "apply") {
      for (const id of [...entry.define.flatMap(idOf), ...entry.remove]) this.drafts.delete(id);
      for (const id of entry.define.flatMap(idOf)) this.note(id, state, storedAt);
    }
    // It edits whatever reads what changed.
    if (entry.op === "vocabulary") for (const id of idsOf(state)) this.note(id, state, storedAt);
    if (outcome.type === "sweep") this.takeSweep(outcome, state, storedAt);
  }

  /** Newest first; empty when there never was such a segment. */
  of(id: SegmentId, state: ControlState): readonly SegmentVersion[] {
    return (this.kept.get(id) ?? []).map((kept) => ({ ...kept, state: stateOf(id, kept, state) })).reverse();
  }

  private takeDraft({ define, discard }: Extract<ControlEntry, { op: "draft" }>): void {
    for (const source of define) for (const id of idOf(source)) this.drafts.set(id, source);
    for (const id of discard) this.drafts.delete(id);
  }

  private note(id: SegmentId, state: ControlState, appliedAt: Millis): void {
    const newest = newestOf(id, state);
    const versions = this.kept.get(id) ?? [];
    if (newest === undefined || versions.at(-1)?.version === newest.version) return;
    const { version, definition } = newest;
    const { revision } = state;
    versions.push({ version, revision, appliedAt, source: definition.source, inForceFrom: null, inForceUntil: null });
    this.kept.set(id, versions);
  }

  private takeSweep(
    { named, removed }: Extract<ControlOutcome, { type: "sweep" }>,
    state: ControlState,
    at: Millis,
  ): void {
    for (const { definition } of removed) this.end(definition.id, at);
    for (const id of named) {
      const active = state.active.get(id);
      this.end(id, at);
      const begins = this.kept.get(id)?.find(({ version }) => version === active?.version);
      if (begins !== undefined) begins.inForceFrom = at;
    }
  }

  private end(id: SegmentId, at: Millis): void {
    const inForce = this.kept
      .get(id)
      ?.find(({ inForceFrom, inForceUntil }) => inForceFrom !== null && inForceUntil === null);
    if (inForce !== undefined) inForce.inForceUntil = at;
  }
}

function idOf(source: Json): SegmentId[] {
  if (typeof source !== "object" || source === null || Array.isArray(source)) return [];
  const { id } = source as Record<string, Json>;
  return typeof id === "string" ? [id] : [];
}

function idsOf({ active, pending }: ControlState): Set<SegmentId> {
  const ids = new Set(active.keys());
  for (const { define } of pending.values()) for (const id of define.keys()) ids.add(id);
  return ids;
}

function newestOf(id: SegmentId, { active, pending }: ControlState) {
  return (
    [...pending.values()].map(({ define }) => define.get(id)).findLast((found) => found !== undefined) ?? active.get(id)
  );
}

function stateOf(id: SegmentId, { version, inForceFrom, inForceUntil }: Kept, state: ControlState): VersionState {
  const active = state.active.get(id);
  if (inForceFrom !== null && inForceUntil === null && active?.version === version) {
    return active.definition.enabled ? "live" : "disabled";
  }
  if (inForceUntil !== null) return "past";
  const waits = [...state.pending.values()].some(({ define }) => define.get(id)?.version === version);
  return waits ? "backfilling" : "given up";
}
