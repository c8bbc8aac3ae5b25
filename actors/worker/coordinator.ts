// Decides when a batch of definitions takes effect: once every partition has folded what it needs of the past, one control
// entry says so. Any live shard may do it; the lowest name does, and compare-and-set keeps two of them from deciding twice.
import { ControlState } from "../../lib/core/engine/control-state.ts";
import type { Limits, PartitionNo } from "../../lib/core/types.ts";
import type { PartitionReport } from "../../lib/ports/cluster.ts";
import type { ControlLog } from "../../lib/ports/control-log.ts";
import type { ControlBook, PartitionLog } from "../partition/context.ts";

export class Coordinator {
  private readonly control: ControlLog;
  private readonly book: ControlBook;
  private readonly partitions: number;
  private readonly log: PartitionLog;
  /** The fold of the book's entries so far. */
  private state: ControlState;
  private busy = false;

  constructor(control: ControlLog, book: ControlBook, partitions: number, limits: Limits, log: PartitionLog) {
    this.control = control;
    this.book = book;
    this.partitions = partitions;
    this.log = log;
    this.state = new ControlState(limits);
  }

  /** Writes `activate` for the lowest pending revision when every partition is ready for it. */
  async tend(reports: ReadonlyMap<PartitionNo, PartitionReport>): Promise<void> {
    if (this.busy) return;
    while (this.state.revision < this.book.revision) {
      this.state = this.state.next(this.book.entries[this.state.revision]).state;
    }
    const [revision] = this.state.pendingRevisions();
    if (revision === undefined || !this.allReady(revision, reports)) return;
    this.busy = true;
    try {
      const outcome = await this.control.append({ op: "activate", revision }, this.state.revision);
      if (outcome.kind === "stored") this.log.info({ revision, entry: outcome.seq }, "worker: definitions activated");
    } finally {
      this.busy = false;
    }
  }

  /**
   * A partition answers for the entries that it has applied. One that changed who carries a flag may have made another flag
   * of what a batch asks, which nobody evaluates yet: whoever has not come to that entry cannot know.
   */
  private allReady(revision: number, reports: ReadonlyMap<PartitionNo, PartitionReport>): boolean {
    const known = Math.max(revision, this.state.flags.revision);
    for (let partition = 0; partition < this.partitions; partition += 1) {
      const report = reports.get(partition);
      if (report === undefined || report.phase !== "running") return false;
      if (report.revision < known || report.folding.includes(revision)) return false;
    }
    return true;
  }
}
