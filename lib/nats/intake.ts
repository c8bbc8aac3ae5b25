// Events into the logs, by the same subjects as any channel: the server hashes the id. Answers lib/ports/intake.ts.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { encodeId, partitionOf } from "../core/ids.ts";
import type { EventIntake, EventToStore, Taken } from "../ports/intake.ts";
import { AckedPublisher } from "./acked.ts";
import type { Names } from "./names.ts";
import { addTrace } from "./trace-headers.ts";

export class NatsIntake implements EventIntake {
  private readonly publisher: AckedPublisher;
  private readonly names: Names;
  private readonly partitions: number;

  constructor(nc: NatsConnection, names: Names, partitions: number) {
    this.publisher = new AckedPublisher(nc);
    this.names = names;
    this.partitions = partitions;
  }

  async store({ kind, id, dedupId, body, trace }: EventToStore): Promise<Taken> {
    const mh = headers();
    mh.append("Nats-Msg-Id", dedupId);
    const token = encodeId(id);
    const subject = kind === "event" ? this.names.eventSubject(token) : this.names.accountSubject(token);
    const ended = await this.publisher.publish(subject, body, addTrace(mh, trace));
    if (ended.kind !== "stored") return ended;
    return { kind: "stored", partition: partitionOf(id, this.partitions), seq: ended.seq };
  }
}
