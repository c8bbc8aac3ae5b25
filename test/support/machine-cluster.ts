// Machines of all partitions in one place, without a shell: each message is applied where it belongs, and what one says to
// another is carried at once. For tests and benches that count or time the engine's own work.
import type { ControlEntry } from "../../lib/core/control.ts";
import { createPartition, type PartitionCore } from "../../lib/core/engine/core.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { LinkMessage } from "../../lib/core/links.ts";
import type { Need } from "../../lib/core/partition.ts";
import {
  DEFAULT_LIMITS,
  type Delta,
  type Json,
  type JsonObject,
  type LogKind,
  type LogRecord,
} from "../../lib/core/types.ts";

const bytes = new TextEncoder();

export class MachineCluster {
  readonly machines: readonly PartitionCore[];
  readonly deltas: Delta[] = [];
  /** Sees the longest stretch of work between two breaths. */
  readonly #watch: (step: Iterator<Need, void, void>) => void;
  readonly #seqs: number[];
  #revision = 0;
  stamp = Date.UTC(2026, 0, 5);
  /** Told each message as it is applied. */
  onRecord: ((partition: number, record: LogRecord) => void) | undefined;
  /** Told each message of one partition to another as it is carried. */
  onLink: ((link: LinkMessage) => void) | undefined;

  constructor(partitions: number, watch: (step: Iterator<Need, void, void>) => void = drive) {
    this.#watch = watch;
    this.machines = Array.from({ length: partitions }, (_, partition) =>
      createPartition({
        partition,
        partitions,
        clockMode: "log",
        clockStepMsMax: 86_400_000,
        limits: DEFAULT_LIMITS,
        pageCacheBytesMax: 1e12,
        pageBytesMax: 65_536,
      }),
    );
    this.#seqs = this.machines.map(() => 0);
  }

  /** The owner of an id. */
  of(id: string): PartitionCore {
    return this.machines[partitionOf(id, this.machines.length)]!;
  }

  event(user: string, body: JsonObject): void {
    this.#apply(partitionOf(user, this.machines.length), "event", { userId: user, ...body });
    this.#carry();
  }

  /** Definitions without a question to history: in force once their flags are known everywhere. */
  define(define: readonly Json[]): void {
    this.#control({ op: "apply", define, remove: [] });
    const revision = this.#revision;
    const isWaiting = this.machines[0]!.control.pending.has(revision);
    for (const [partition, machine] of this.machines.entries()) {
      if (machine.backfillJobs().length === 0) continue;
      const shadow = machine.shadow(revision);
      for (let seq = 1; seq <= this.#seqs[partition]!; seq += 1) {
        shadow.apply({ seq, stamp: this.stamp, kind: "clock", body: bytes.encode("{}") });
      }
      machine.provideShadow(shadow);
      this.#apply(partition, "ready", { revision, from: 1 });
    }
    this.#carry();
    if (this.machines.some((machine) => machine.unsettled().length > 0))
      throw new Error("a flag is not known everywhere");
    if (isWaiting) this.#control({ op: "activate", revision });
  }

  #control(entry: ControlEntry): void {
    this.#revision += 1;
    for (const partition of this.machines.keys())
      this.#apply(partition, "control", { revision: this.#revision, entry });
    this.#carry();
  }

  #apply(partition: number, kind: LogKind, body: object): void {
    this.#applyBody(partition, kind, JSON.stringify(body));
  }

  #applyBody(partition: number, kind: LogKind, body: string): void {
    const machine = this.machines[partition]!;
    this.#seqs[partition]! += 1;
    const record = { seq: this.#seqs[partition]!, stamp: this.stamp, kind, body: bytes.encode(body) };
    this.onRecord?.(partition, record);
    const step = machine.apply(record);
    if (step !== undefined) this.#watch(step);
    for (const delta of machine.takeDeltas()) this.deltas.push(delta);
    const [reject] = machine.takeRejects();
    if (reject !== undefined) throw new Error(reject.detail);
  }

  #carry(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const machine of this.machines) {
        for (const link of machine.takeLinks()) {
          this.onLink?.(link);
          this.#applyBody(link.to, "link", link.body);
          moved = true;
        }
      }
    }
  }
}

function drive(step: Iterator<Need, void, void>): void {
  for (let need = step.next(); need.done !== true; need = step.next());
}
