// Takes whoever was erased out of the control log, whose entries put ids on lists. Beside coordinator.ts: any live shard may do it,
// and the lowest name does; each step may be done twice, also by two at once.
//
//   every partition has the erasure's entry ──▶ ledger: a stand-in for each entry that names the member ──▶ the entry deleted ──▶
//   stand-ins from before deleted ──▶ ledger: done

import type { ControlEntry } from "../../lib/core/control.ts";
import { isMeant } from "../../lib/core/erasure.ts";
import { isListEntry, namesErased, withoutIds } from "../../lib/core/list-entries.ts";
import type { PartitionNo } from "../../lib/core/types.ts";
import type { PartitionReport } from "../../lib/ports/cluster.ts";
import type { ControlEraser } from "../../lib/ports/erasing.ts";
import type { Published } from "../../lib/ports/publishing.ts";
import type { Runtime } from "../../lib/ports/runtime.ts";
import type { ControlBook, PartitionLog } from "../partition/context.ts";

interface Job {
  readonly revision: number;
  readonly entry: Extract<ControlEntry, { op: "erase" }>;
}

export class ControlErasing {
  private readonly eraser: ControlEraser;
  private readonly book: ControlBook;
  private readonly partitions: number;
  private readonly runtime: Runtime;
  private readonly log: PartitionLog;
  private looked = 0;
  /** In the order of their entries: what one leaves of an entry, the next begins with. */
  private open: Job[] = [];
  private busy = false;
  private stopped = false;

  constructor(eraser: ControlEraser, book: ControlBook, partitions: number, runtime: Runtime, log: PartitionLog) {
    this.eraser = eraser;
    this.book = book;
    this.partitions = partitions;
    this.runtime = runtime;
    this.log = log;
  }

  /** Goes as far as partitions have come. What fails is tried again the next time. */
  async tend(reports: ReadonlyMap<PartitionNo, PartitionReport>): Promise<void> {
    this.lookForJobs();
    if (this.busy || this.ripe(reports) === undefined) return;
    this.busy = true;
    try {
      const done = await this.eraser.done();
      this.open = this.open.filter(({ revision }) => !done.has(revision));
      for (let job = this.ripe(reports); job !== undefined; job = this.ripe(reports)) {
        await this.clear(job);
        this.open.shift();
      }
    } catch (error) {
      if (!this.stopped)
        this.log.warn({ err: error }, "worker: an erasure from definitions did not get on, trying again");
    } finally {
      this.busy = false;
    }
  }

  stop(): void {
    this.stopped = true;
  }

  private lookForJobs(): void {
    const { entries } = this.book;
    for (; this.looked < entries.length; this.looked += 1) {
      const entry = entries[this.looked];
      if (entry?.op === "erase") this.open.push({ revision: this.looked + 1, entry });
    }
  }

  /** The first that is open, once nobody copies what came before it any more, in words that name the member. */
  private ripe(reports: ReadonlyMap<PartitionNo, PartitionReport>): Job | undefined {
    const [job] = this.open;
    if (job === undefined) return undefined;
    for (let partition = 0; partition < this.partitions; partition += 1) {
      const report = reports.get(partition);
      if (report?.phase !== "running" || report.revision < job.revision) return undefined;
    }
    return job;
  }

  private async clear({ revision, entry: erased }: Job): Promise<void> {
    for (let at = 1; at < revision; at += 1) {
      const written = this.book.entries[at - 1];
      if (!isListEntry(written)) continue;
      if (this.stopped) throw new Error("the worker stops");
      if (namesErased(written, erased)) await this.rewrite(at, erased);
      await this.runtime.breathe();
    }
    await this.eraser.eraseReplaced();
    assertPut(await this.eraser.markDone(revision));
    this.log.info({ revision }, "worker: somebody was erased from definitions");
  }

  /** The book may know the entry as it was written; what stands in for it may be without others who were erased before. */
  private async rewrite(revision: number, erased: Job["entry"]): Promise<void> {
    for (;;) {
      const held = await this.eraser.read(revision);
      if (!isListEntry(held.entry) || !namesErased(held.entry, erased)) break;
      const entry = withoutIds(held.entry, (id) => isMeant(erased, id));
      const outcome = assertPut(await this.eraser.replace(revision, { ...held, entry }));
      if (outcome === "stored") break;
    }
    await this.eraser.erase(revision);
  }
}

/** `fenced`: somebody else was quicker. */
function assertPut(outcome: Published): "stored" | "fenced" {
  if (outcome.kind === "stored" || outcome.kind === "fenced") return outcome.kind;
  throw new Error(outcome.reason);
}
