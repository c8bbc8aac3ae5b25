// What was refused, in memory: for tests of the HTTP interface. What is published again can be made to fail.
import type { Seq } from "../../lib/core/types.ts";
import type { Taken } from "../../lib/ports/intake.ts";
import type { Published } from "../../lib/ports/publishing.ts";
import type {
  KnownMark,
  RejectFilter,
  RejectLog,
  RejectPage,
  Replayed,
  ReplayMark,
  StoredReject,
} from "../../lib/ports/reject-log.ts";

const AT = Date.UTC(2026, 10, 23, 10);
/** Its cause is gone. */
const GOOD = '{"type":"track","event":"Product Added","userId":"u1"}';

export class RejectsInMemory implements RejectLog {
  readonly stored: StoredReject[] = [];
  readonly marks = new Map<Seq, KnownMark>();
  readonly sent: Replayed[] = [];
  /** How the next attempts to publish end. */
  readonly fates: Taken[] = [];

  constructor() {
    this.add(GOOD, { reason: "no-type" });
  }

  add(body: string | Uint8Array, more: Partial<StoredReject> = {}): StoredReject {
    const bytes = Buffer.from(body as string);
    const seq = this.stored.length + 1;
    const reject: StoredReject = {
      seq,
      at: AT + seq * 1_000,
      reason: "not-json",
      detail: "found ann@shop.example",
      partition: 0,
      logSeq: 7,
      stamp: null,
      body: bytes,
      bytes: bytes.length,
      ...more,
    };
    this.stored.push(reject);
    return reject;
  }

  async page(filter: RejectFilter, limit: number, before = Number.POSITIVE_INFINITY): Promise<RejectPage> {
    const { reason, partition, since = 0, until = Number.POSITIVE_INFINITY } = filter;
    const found = this.stored
      .filter((one) => one.seq < before && one.at >= since && one.at < until)
      .filter((one) => (reason ?? one.reason) === one.reason && (partition ?? one.partition) === one.partition)
      .reverse();
    const items = found.slice(0, limit);
    return { items, before: found.length > limit ? items.at(-1)!.seq : null };
  }

  async get(seq: Seq) {
    return this.stored.find((one) => one.seq === seq);
  }

  async mark(seq: Seq) {
    return this.marks.get(seq);
  }

  async putMark(seq: Seq, mark: ReplayMark, expected: Seq): Promise<Published> {
    const revision = this.marks.get(seq)?.revision ?? 0;
    if (revision !== expected) return { kind: "fenced" };
    this.marks.set(seq, { mark, revision: revision + 1, at: Date.now() });
    return { kind: "stored", seq: revision + 1 };
  }

  async publishAgain(replayed: Replayed): Promise<Taken> {
    const fate = this.fates.shift();
    if (fate !== undefined && fate.kind !== "unknown") return fate;
    // As the log does within its window: a repeat is answered with the first.
    const known = this.sent.findIndex(({ seq }) => seq === replayed.seq);
    if (known < 0) this.sent.push(replayed);
    return fate ?? { kind: "stored", partition: 0, seq: known < 0 ? this.sent.length : known + 1 };
  }
}
