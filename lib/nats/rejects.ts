// Where bad input goes: the stream REJECTS. Answers lib/ports/rejects.ts.
// The original bytes are the body; why and where from stand in the headers.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { PartitionNo, Reject } from "../core/types.ts";
import type { Rejects } from "../ports/rejects.ts";
import type { Names } from "./names.ts";
import { publish } from "./wire.ts";

const CONTROL_CHARACTERS = /\p{Cc}+/gu;
const DETAIL_LENGTH_MAX = 500;

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
    const mh = headers();
    // Within the stream's window a repeat is not stored again; beyond it readers know it by partition and sequence.
    mh.set("Nats-Msg-Id", `${this.partition}:${reject.seq}`);
    mh.set("Rollcall-Partition", `${this.partition}`);
    mh.set("Rollcall-Seq", `${reject.seq}`);
    mh.set("Rollcall-Stamp", new Date(reject.stamp).toISOString());
    mh.set("Rollcall-Reason", reject.reason);
    mh.set("Rollcall-Detail", headerText(reject.detail));
    const outcome = await publish(this.nc, this.names.rejectedSubject(reject.reason), reject.body, mh);
    return outcome.kind === "stored";
  }
}

/** A header is one line. What a stranger wrote may stand in a detail, so it is made one. */
function headerText(text: string): string {
  return text.replace(CONTROL_CHARACTERS, " ").slice(0, DETAIL_LENGTH_MAX);
}
