// Where jobs are written down, and what exports have made: the bucket JOBS and the stream EXPORTS. A backfill is no record
// here: its partitions say how far they are. Answered by lib/nats/jobs.ts; used by lib/api/jobs.
import type { Published } from "./publishing.ts";

export const JOB_STATES = ["waiting", "running", "done", "failed", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];
export type TargetKind = "segment" | "list" | "file";
export const EXPORT_FORMATS = ["csv", "ndjson"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface JobProgress {
  readonly done: number;
  /** Null while nobody knows. */
  readonly total: number | null;
  /** What is counted: `members`, `bytes`, `ids`. */
  readonly unit: string;
}

export interface ExportMade {
  readonly format: ExportFormat;
  /** As they were asked for. */
  readonly columns: readonly string[];
  /** Whether personal data stands in it in the clear. */
  readonly personal: boolean;
  /** The newest erasure that every partition had heard of when it began: those before name nobody in it. */
  readonly erasures: number;
  readonly rows: number;
  readonly bytes: number;
  /** Of the whole content, hexadecimal; null before it is whole. */
  readonly sha256: string | null;
  /** Pieces that are kept; 0: none is, or none any more. */
  readonly chunks: number;
  /** ISO 8601; null: the content is kept by whoever asked for it, or nowhere. */
  readonly expiresAt: string | null;
}

export interface ImportMade {
  readonly stored: number;
  readonly refused: number;
  /** Rows that an earlier import of the same file had stored. */
  readonly skipped: number;
}

export interface JobRecord {
  readonly id: string;
  readonly kind: "import" | "export";
  /** A segment, a list, a file, by its name. */
  readonly target: string;
  readonly targetKind: TargetKind;
  readonly state: JobState;
  readonly progress: JobProgress;
  readonly perSecond: number;
  /** Moments are ISO 8601. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
  /** As the log of changes names them. */
  readonly by: string;
  /** The process that runs it, by the name of its heartbeat. */
  readonly process: string;
  /** Somebody wishes it to end. */
  readonly cancelAsked: boolean;
  /** Why it has failed, or what became of its content: for people, with what helps. */
  readonly problem: string | null;
  readonly export: ExportMade | null;
  readonly import: ImportMade | null;
}

export interface StoredJob {
  readonly job: JobRecord;
  readonly revision: number;
  /** False: the process that ran it gives no sign of life. */
  readonly isAlive: boolean;
}

export interface JobStore {
  /** In no order. Throws JobsMissing where the data set has no bucket for it. */
  all(): Promise<readonly StoredJob[]>;
  get(id: string): Promise<StoredJob | undefined>;
  /** Stored only while the record's newest revision is `expected` (0: there is none); else `fenced`. Forgotten after `keepMs`. */
  put(job: JobRecord, expected: number, keepMs: number): Promise<Published>;
  remove(id: string): Promise<Published>;
  /** A process says that it lives; after `expiresMs` without another word it does not. */
  beat(process: string, expiresMs: number): Promise<Published>;
}

export interface KeptExport {
  readonly id: string;
  readonly chunks: number;
}

/** Content of exports, in pieces numbered from 0. */
export interface ExportFiles {
  /** A piece may be so large. */
  readonly chunkBytesMax: number;
  /** `fenced`: that piece is there already. */
  write(id: string, index: number, bytes: Uint8Array): Promise<Published>;
  read(id: string, index: number): Promise<Uint8Array | undefined>;
  /** Which there are pieces of. */
  kept(): Promise<readonly KeptExport[]>;
  /** Overwrites every piece, so that no byte of it is left in the store. How many there were. */
  erase(id: string): Promise<number>;
}

/** The data set was made by an older version. */
export class JobsMissing extends Error {
  override readonly name = "JobsMissing";
}
