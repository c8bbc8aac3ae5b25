// Jobs, what exports make, and the logs that imports go into, in memory: a write can be refused or lost on its way back, and a
// process can fall silent. Answers lib/ports/jobs.ts and the logs of lib/import.

import type { ImportLogs, ImportWriter, LogLane } from "../../lib/import/log-writer.ts";
import type { RowKind } from "../../lib/import/mapping.ts";
import type { ExportFiles, JobRecord, JobStore, KeptExport, StoredJob } from "../../lib/ports/jobs.ts";
import type { Published } from "../../lib/ports/publishing.ts";

export class JobsInMemory implements JobStore {
  readonly kept = new Map<string, { job: JobRecord; revision: number }>();
  /** Processes that are heard. */
  readonly beats = new Set<string>();
  /** What becomes of the next puts, in order; after the last one all are stored. */
  readonly fates: ("stored" | "lost" | "stored-unheard")[] = [];
  private last = 0;

  async all(): Promise<readonly StoredJob[]> {
    return Array.from(this.kept.values(), (stored) => this.told(stored));
  }

  async get(id: string): Promise<StoredJob | undefined> {
    const stored = this.kept.get(id);
    return stored === undefined ? undefined : this.told(stored);
  }

  async put(job: JobRecord, expected: number): Promise<Published> {
    const fate = this.fates.shift() ?? "stored";
    if (fate === "lost") return { kind: "unknown", reason: "no answer" };
    if ((this.kept.get(job.id)?.revision ?? 0) !== expected) return { kind: "fenced" };
    this.last += 1;
    this.kept.set(job.id, { job, revision: this.last });
    return fate === "stored" ? { kind: "stored", seq: this.last } : { kind: "unknown", reason: "no answer" };
  }

  async remove(id: string): Promise<Published> {
    this.kept.delete(id);
    return { kind: "stored", seq: this.last };
  }

  async beat(process: string): Promise<Published> {
    this.beats.add(process);
    return { kind: "stored", seq: 1 };
  }

  private told(stored: { job: JobRecord; revision: number }): StoredJob {
    return { ...stored, isAlive: this.beats.has(stored.job.process) };
  }
}

export class ExportFilesInMemory implements ExportFiles {
  readonly pieces = new Map<string, Uint8Array[]>();
  chunkBytesMax = 1_024;
  /** Of how many writes to come none is stored. */
  failures = 0;

  async write(id: string, index: number, bytes: Uint8Array): Promise<Published> {
    if (this.failures > 0) {
      this.failures -= 1;
      return { kind: "retry", reason: "no stream listens on this subject just now" };
    }
    const pieces = this.pieces.get(id) ?? [];
    if (pieces[index] !== undefined) return { kind: "fenced" };
    pieces[index] = Uint8Array.from(bytes);
    this.pieces.set(id, pieces);
    return { kind: "stored", seq: 1 };
  }

  async read(id: string, index: number): Promise<Uint8Array | undefined> {
    return this.pieces.get(id)?.[index];
  }

  async kept(): Promise<readonly KeptExport[]> {
    return Array.from(this.pieces, ([id, pieces]) => ({ id, chunks: pieces.length }));
  }

  async erase(id: string): Promise<number> {
    const { length } = this.pieces.get(id) ?? [];
    this.pieces.delete(id);
    return length;
  }

  text(id: string): string {
    return Buffer.concat(this.pieces.get(id) ?? []).toString();
  }
}

export class ImportLogsInMemory implements ImportLogs {
  readonly partitions = 2;
  readonly rows: { readonly mark: string; readonly line: number; readonly kind: RowKind; readonly body: string }[] = [];
  readonly lanes = new Map<string, Map<LogLane, number>>();
  /** Before a row is stored. */
  onAdd: () => Promise<void> = async () => {};

  writer(mark: string): ImportWriter {
    const writer = {
      stored: 0,
      add: async (partition: number, line: number, body: Uint8Array, kind: RowKind = "event") => {
        await this.onAdd();
        this.rows.push({ mark, line, kind, body: Buffer.from(body).toString() });
        this.lanes.set(mark, new Map(this.lanes.get(mark)).set(`${partition}.${kind}`, line));
        writer.stored += 1;
      },
      flush: async () => {},
      stop: async () => {},
    };
    return writer;
  }

  async endWith(mark: string): Promise<boolean> {
    return this.lanes.has(mark);
  }

  async storedUpTo(mark: string): Promise<ReadonlyMap<LogLane, number>> {
    return this.lanes.get(mark) ?? new Map();
  }

  async moveClocks(): Promise<void> {}
}
