// Where API keys are kept, and the secret of the data set: the KV bucket KEYS, through its stream. Answers lib/ports/keys.ts.
// Read through the leader, and followed by a reader that begins again where it stood.
import { randomBytes } from "node:crypto";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { KeyFollowing, KeyRevision, KeyStore, StoredKey } from "../ports/keys.ts";
import type { Published } from "../ports/publishing.ts";
import type { Names } from "./names.ts";
import { StreamReader } from "./stream-reader.ts";
import { isNoStream, publish, storedMessage, subjectsOf } from "./wire.ts";

const IN_FLIGHT_MAX = 64;
/** The name that the secret has there: longer than the id of a key, so it is none. */
const SECRET = "secret-of-cursors";
const SECRET_BYTES = 32;
const ATTEMPTS_MAX = 3;

/** Whether a key is needed cannot be known then, so nothing is opened. */
export class KeysMissing extends Error {
  override readonly name = "KeysMissing";

  constructor(stream: string) {
    super(
      `The data set has no bucket of keys (${stream}): it was made by an older version. ` +
        "A worker of this version makes it at its start, where it may make streams (ROLLCALL_PROVISION=true).",
    );
  }
}

export class NatsKeyStore implements KeyStore {
  private readonly nc: NatsConnection;
  private readonly stream: string;
  private readonly prefix: string;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.stream = `KV_${names.keysBucket}`;
    this.prefix = `$KV.${names.keysBucket}.`;
  }

  async all(): Promise<readonly KeyRevision[]> {
    const subjects = await subjectsOf(this.nc, this.stream, `${this.prefix}>`).catch((error: unknown) => {
      throw isNoStream(error) ? new KeysMissing(this.stream) : error;
    });
    const stored = await Promise.all(
      subjects.map((subject) => storedMessage(this.nc, this.stream, { last_by_subj: subject })),
    );
    return stored.flatMap((message) => {
      const key = message === undefined ? undefined : this.keyIn(message);
      return key === undefined ? [] : [{ key, revision: message!.seq }];
    });
  }

  async secret(): Promise<Uint8Array> {
    const subject = this.prefix + SECRET;
    let ended: Published | undefined;
    for (let attempt = 0; attempt <= ATTEMPTS_MAX; attempt += 1) {
      // What is stored counts, whoever was first, and whatever was answered to the attempt before.
      const stored = await storedMessage(this.nc, this.stream, { last_by_subj: subject });
      if (stored?.data.length === SECRET_BYTES) return stored.data;
      ended = await this.write(subject, randomBytes(SECRET_BYTES), stored?.seq ?? 0);
    }
    const why = ended !== undefined && "reason" in ended ? `: ${ended.reason}` : "";
    throw new Error(`the bucket of keys (${this.stream}) did not take the secret of cursors${why}`);
  }

  put(key: StoredKey, expected: number): Promise<Published> {
    return this.write(this.prefix + key.id, JSON.stringify(key), expected);
  }

  private write(subject: string, payload: string | Uint8Array, expected: number): Promise<Published> {
    const mh = headers();
    mh.set("Nats-Expected-Last-Subject-Sequence", `${expected}`);
    return publish(this.nc, subject, payload, mh);
  }

  follow(onKey: (stored: KeyRevision) => void, onFault: (error: Error) => void): KeyFollowing {
    let last = 0;
    const reader = new StreamReader({
      nc: this.nc,
      stream: this.stream,
      next: () => last + 1,
      room: () => IN_FLIGHT_MAX,
      onMessage: (message, { seq }) => {
        if (seq <= last) return;
        last = seq;
        const key = this.keyIn(message);
        if (key !== undefined) onKey({ key, revision: seq });
      },
      onFault,
    });
    return { stop: () => reader.stop() };
  }

  /**
   * Undefined for the secret. Where a key stood there is one: of what was deleted, or written over by hand, it is known that it
   * opens nothing, and that it keeps the door closed.
   */
  private keyIn({ subject, data }: { readonly subject: string; readonly data: Uint8Array }): StoredKey | undefined {
    const id = subject.slice(this.prefix.length);
    if (id === SECRET) return undefined;
    return keyOf(data) ?? { ...GONE, id };
  }
}

const LONG_AGO = new Date(0).toISOString();
const GONE: Omit<StoredKey, "id"> = {
  name: "deleted from the bucket",
  role: "ingest",
  personal: false,
  hash: "",
  created: LONG_AGO,
  createdBy: "unknown",
  revoked: LONG_AGO,
};

/** Undefined for what is no key: a marker of a deletion, or what somebody wrote by hand. */
function keyOf(data: Uint8Array): StoredKey | undefined {
  try {
    const read = JSON.parse(Buffer.from(data).toString()) as Partial<StoredKey> | null;
    return typeof read?.id === "string" && typeof read.hash === "string" && typeof read.role === "string"
      ? (read as StoredKey)
      : undefined;
  } catch {
    return undefined;
  }
}
