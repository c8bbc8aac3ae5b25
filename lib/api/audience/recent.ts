// What happened last, for who begins to look: a few things in memory, and of nobody who was erased.
// Kept by nats-audience.ts and by the sources of the live stream.
import type { Delta, MemberId, MemberKind } from "../../core/types.ts";

/** Tells whether a member is one who was erased; it need not know whom it means. */
export type Meant = (kind: MemberKind, id: MemberId) => boolean;

export interface Whose {
  readonly kind: MemberKind;
  readonly id: MemberId;
}

/** Whom a delta of an erasure means: it is the last that is said of them. */
export function meantBy({ cause, kind, id }: Delta): Meant | undefined {
  return cause.type === "erasure" ? (otherKind, other) => otherKind === kind && other === id : undefined;
}

export class Recent<T> {
  private readonly max: number;
  private readonly whose: (one: T) => readonly Whose[];
  private kept: readonly T[];

  /** `kept`: newest first. */
  constructor(max: number, whose: (one: T) => readonly Whose[], kept: readonly T[] = []) {
    this.max = max;
    this.whose = whose;
    this.kept = kept.slice(0, max);
  }

  get newestFirst(): readonly T[] {
    return this.kept;
  }

  /** Oldest first, as they happened. */
  add(...happened: readonly T[]): void {
    this.kept = [...happened.toReversed(), ...this.kept].slice(0, this.max);
  }

  forget(isMeant: Meant): void {
    this.kept = this.kept.filter((one) => !this.whose(one).some(({ kind, id }) => isMeant(kind, id)));
  }
}
