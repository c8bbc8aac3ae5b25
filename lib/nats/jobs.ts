// Where jobs are written down, the KV bucket JOBS, and what exports have made, the stream EXPORTS. Answers lib/ports/jobs.ts.
// A heartbeat is a key of its own that the server lets expire, so no two clocks are compared to tell who lives.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import {
  type ExportFiles,
  type JobRecord,
  type JobStore,
  JobsMissing,
  type KeptExport,
  type StoredJob,
} from "../ports/jobs.ts";
import type { Published } from "../ports/publishing.ts";
import type { Names } from "./names.ts";
import {
  eraseMessage,
  expectLast,
  isNoStream,
  publish,
  type StoredMessage,
  storedMessage,
  subjectsOf,
} from "./wire.ts";

const ASKED_AT_ONCE_MAX = 50;
const DELETES_UNDER_WAY_MAX = 8;
const SECOND_MS = 1_000;
/** Small beside what a server takes as a message, by default 1 MB, and large beside a row. */
const CHUNK_BYTES_MAX = 256 * 1024;

export class NatsJobStore implements JobStore {
  private readonly nc: NatsConnection;
  private readonly stream: string;
  private readonly prefix: string;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.stream = `KV_${names.jobsBucket}`;
    this.prefix = `$KV.${names.jobsBucket}.`;
  }

  async all(): Promise<readonly StoredJob[]> {
    const subjects = await subjectsOf(this.nc, this.stream, `${this.prefix}>`).catch(missing(this.stream));
    const beats = new Set(subjects);
    const jobs = subjects.filter((subject) => subject.startsWith(`${this.prefix}job.`));
    const found: StoredJob[] = [];
    for (let at = 0; at < jobs.length; at += ASKED_AT_ONCE_MAX) {
      const some = jobs.slice(at, at + ASKED_AT_ONCE_MAX);
      const stored = await Promise.all(some.map((last_by_subj) => this.stored(last_by_subj)));
      for (const message of stored) {
        const job = jobOf(message);
        if (job === undefined) continue;
        found.push({ job, revision: message!.seq, isAlive: beats.has(this.beatSubject(job.process)) });
      }
    }
    return found;
  }

  async get(id: string): Promise<StoredJob | undefined> {
    const message = await this.stored(this.jobSubject(id));
    const job = jobOf(message);
    if (job === undefined) return undefined;
    const beat = await this.stored(this.beatSubject(job.process));
    return { job, revision: message!.seq, isAlive: beat !== undefined };
  }

  put(job: JobRecord, expected: number, keepMs: number): Promise<Published> {
    const subject = this.jobSubject(job.id);
    const mh = expectLast(headers(), subject, expected);
    mh.append("Nats-TTL", ttlOf(keepMs));
    return publish(this.nc, subject, JSON.stringify(job), mh);
  }

  /** An empty value in its place, which goes by itself. */
  remove(id: string): Promise<Published> {
    const mh = headers();
    mh.append("KV-Operation", "DEL");
    mh.append("Nats-TTL", ttlOf(SECOND_MS));
    return publish(this.nc, this.jobSubject(id), "", mh);
  }

  beat(process: string, expiresMs: number): Promise<Published> {
    const mh = headers();
    mh.append("Nats-TTL", ttlOf(expiresMs));
    return publish(this.nc, this.beatSubject(process), "{}", mh);
  }

  private jobSubject(id: string): string {
    return `${this.prefix}job.${id}`;
  }

  private beatSubject(process: string): string {
    return `${this.prefix}process.${process}`;
  }

  private stored(last_by_subj: string): Promise<StoredMessage | undefined> {
    return storedMessage(this.nc, this.stream, { last_by_subj }).catch(missing(this.stream));
  }
}

export class NatsExportFiles implements ExportFiles {
  readonly chunkBytesMax = CHUNK_BYTES_MAX;
  private readonly nc: NatsConnection;
  private readonly names: Names;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.names = names;
  }

  write(id: string, index: number, bytes: Uint8Array): Promise<Published> {
    const subject = this.names.exportSubject(id, String(index));
    return publish(this.nc, subject, bytes, expectLast(headers(), subject, 0));
  }

  async read(id: string, index: number): Promise<Uint8Array | undefined> {
    return (await this.stored(this.names.exportSubject(id, String(index))))?.data;
  }

  async kept(): Promise<readonly KeptExport[]> {
    const chunks = new Map<string, number>();
    for (const subject of await this.subjects("*")) {
      const [id] = subject.split(".").slice(-2) as [string];
      chunks.set(id, (chunks.get(id) ?? 0) + 1);
    }
    return Array.from(chunks, ([id, count]) => ({ id, chunks: count }));
  }

  async erase(id: string): Promise<number> {
    const subjects = await this.subjects(id);
    for (let at = 0; at < subjects.length; at += DELETES_UNDER_WAY_MAX) {
      const some = subjects.slice(at, at + DELETES_UNDER_WAY_MAX);
      await Promise.all(
        some.map(async (subject) => {
          const message = await this.stored(subject);
          if (message !== undefined) await eraseMessage(this.nc, this.names.exportsStream, message.seq);
        }),
      );
    }
    return subjects.length;
  }

  private subjects(id: string): Promise<readonly string[]> {
    const { exportsStream: stream } = this.names;
    return subjectsOf(this.nc, stream, this.names.exportSubject(id, "*")).catch(missing(stream));
  }

  private stored(last_by_subj: string): Promise<StoredMessage | undefined> {
    const { exportsStream: stream } = this.names;
    return storedMessage(this.nc, stream, { last_by_subj }).catch(missing(stream));
  }
}

/** Undefined for what is no job: a removal, or what somebody wrote by hand. */
function jobOf(message: StoredMessage | undefined): JobRecord | undefined {
  if (message === undefined || message.data.length === 0) return undefined;
  try {
    const read = JSON.parse(Buffer.from(message.data).toString()) as Partial<JobRecord> | null;
    const isJob =
      [read?.id, read?.kind, read?.state, read?.process].every((part) => typeof part === "string") &&
      typeof read?.progress === "object";
    return isJob ? (read as JobRecord) : undefined;
  } catch {
    return undefined;
  }
}

function ttlOf(ms: number): string {
  return `${Math.max(1, Math.ceil(ms / SECOND_MS))}s`;
}

function missing(stream: string): (error: unknown) => never {
  return (error) => {
    if (!isNoStream(error)) throw error;
    throw new JobsMissing(
      `The data set keeps no jobs (${stream} is missing): it was made by an older version. ` +
        "A worker of this version makes it at its start, where it may make streams (ROLLCALL_PROVISION=true).",
    );
  };
}
