// Where bad input goes: the stream REJECTS. Answers lib/ports/rejects.ts.
// The original bytes are the body, as far as they fit beside the headers that say why and where from.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { PartitionNo, Reject } from "../core/types.ts";
import type { Rejects } from "../ports/rejects.ts";
import type { Names } from "./names.ts";
import { addTrace } from "./trace-headers.ts";
import { publish } from "./wire.ts";

const CONTROL_CHARACTERS = /\p{Cc}+/gu;
const DETAIL_LENGTH_MAX = 500;
/** Room for the headers beside a body that fills a message: an event that large can be stored, and must be refusable. */
const HEADER_BYTES_SPARE = 4_096;

export class NatsRejects implements Rejects {
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly partition: PartitionNo;

  constructor(nc: NatsConnection, names: Names, partition: PartitionNo) {
    this.nc = nc;
    this.names = names;
    this.partition = partition;
  }

  async tell(rejects: readonly Reject[]): Promise<boolean> {
    const outcomes = await Promise.all(rejects.map((reject) => this.tellOne(reject)));
    return outcomes.every((stored) => stored);
  }

  private async tellOne(reject: Reject): Promise<boolean> {
    const mh = addTrace(headers(), reject.trace);
    const bodyBytesMax = (this.nc.info?.max_payload ?? 1024 * 1024) - HEADER_BYTES_SPARE;
    // Within the stream's window a repeat is not stored again; beyond it readers know it by partition and sequence.
    mh.set("Nats-Msg-Id", `${this.partition}:${reject.seq}`);
    mh.set("Rollcall-Partition", `${this.partition}`);
    mh.set("Rollcall-Seq", `${reject.seq}`);
    mh.set("Rollcall-Stamp", new Date(reject.stamp).toISOString());
    mh.set("Rollcall-Reason", reject.reason);
    mh.set("Rollcall-Detail", headerText(reject.detail));
    const body = reject.body.subarray(0, bodyBytesMax);
    if (body.length < reject.body.length) mh.set("Rollcall-Bytes", `${reject.body.length}`);
    const outcome = await publish(this.nc, this.names.rejectedSubject(reject.reason), body, mh);
    return outcome.kind === "stored";
  }
}

/** A header is one line. What a stranger wrote may stand in a detail, so it is made one. */
function headerText(text: string): string {
  return text.replace(CONTROL_CHARACTERS, " ").slice(0, DETAIL_LENGTH_MAX);
}
