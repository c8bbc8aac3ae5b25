// Where a partition remembers: the KV bucket CHECKPOINT, through its stream. Answers lib/ports/page-store.ts.
// The KV client reads by direct get, which a lagging replica may answer; pages and manifests are read through the leader.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { PartitionNo } from "../core/types.ts";
import { assertValueFits, type PageStore, type StoredManifest } from "../ports/page-store.ts";
import type { Published } from "../ports/publishing.ts";
import type { Gate } from "./gate.ts";
import type { Names } from "./names.ts";
import { ApiError, api, eraseMessage, publish, storedMessage, subjectsOf } from "./wire.ts";

const MANIFEST = "manifest";
/** Room for a message's headers and subject below the server's own limit. */
const ENVELOPE_BYTES = 4_096;
const VALUE_BYTES_MAX = 512 * 1024;

export class NatsPageStore implements PageStore {
  readonly valueBytesMax: number;
  private readonly nc: NatsConnection;
  private readonly partition: PartitionNo;
  private readonly stream: string;
  private readonly prefix: string;
  private readonly requests: Gate;
  /** Where the pages are that were put from here, so that deleting one does not read it first. */
  private readonly places = new Map<string, number>();

  /** `requests` bounds how many pages are under way to or from this process. */
  constructor(nc: NatsConnection, names: Names, partition: PartitionNo, requests: Gate) {
    this.nc = nc;
    this.partition = partition;
    this.stream = `KV_${names.checkpointBucket}`;
    this.prefix = `$KV.${names.checkpointBucket}.`;
    this.requests = requests;
    this.valueBytesMax = Math.min(VALUE_BYTES_MAX, (nc.info?.max_payload ?? VALUE_BYTES_MAX) - ENVELOPE_BYTES);
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    assertValueFits(key, bytes, this.valueBytesMax);
    const outcome = await this.requests.run(() => publish(this.nc, this.prefix + key, bytes));
    if (outcome.kind === "stored") {
      this.places.set(key, outcome.seq);
      return;
    }
    const why = outcome.kind === "fenced" ? "refused" : outcome.reason;
    throw new Error(`page ${key} was not stored: ${why}`);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const stored = await this.requests.run(() =>
      storedMessage(this.nc, this.stream, { last_by_subj: this.prefix + key }),
    );
    return stored?.data;
  }

  async list(): Promise<readonly string[]> {
    const manifest = this.manifestSubject;
    const subjects = await subjectsOf(this.nc, this.stream, `${this.prefix}${this.partition}.>`);
    return subjects.filter((subject) => subject !== manifest).map((subject) => subject.slice(this.prefix.length));
  }

  /** Overwritten, for somebody on it may be erased one day. Where the bucket does not allow that, a purge only forgets where it is. */
  remove(key: string): Promise<void> {
    return this.requests.run(async () => {
      const subject = this.prefix + key;
      const known = this.places.get(key);
      this.places.delete(key);
      const seq = known ?? (await storedMessage(this.nc, this.stream, { last_by_subj: subject }))?.seq;
      if (seq === undefined) return;
      try {
        await eraseMessage(this.nc, this.stream, seq);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        await api(this.nc, `STREAM.PURGE.${this.stream}`, { filter: subject });
      }
    });
  }

  async readManifest(): Promise<StoredManifest | undefined> {
    const stored = await storedMessage(this.nc, this.stream, { last_by_subj: this.manifestSubject });
    return stored === undefined ? undefined : { revision: stored.seq, bytes: stored.data };
  }

  putManifest(expected: number, bytes: Uint8Array): Promise<Published> {
    const mh = headers();
    mh.set("Nats-Expected-Last-Subject-Sequence", `${expected}`);
    return publish(this.nc, this.manifestSubject, bytes, mh);
  }

  private get manifestSubject(): string {
    return `${this.prefix}${this.partition}.${MANIFEST}`;
  }
}
