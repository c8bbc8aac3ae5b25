// Events into the logs, by the same subjects as any channel: the server hashes the id. Answers lib/ports/intake.ts.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { encodeId, partitionOf } from "../core/ids.ts";
import type { EventIntake, EventToStore, Taken } from "../ports/intake.ts";
import type { Names } from "./names.ts";
import { addTrace } from "./trace-headers.ts";
import { publish } from "./wire.ts";

export class NatsIntake implements EventIntake {
  private readonly nc: NatsConnection;
  private readonly names: Names;
  private readonly partitions: number;
  private waiting: (() => void)[] = [];

  constructor(nc: NatsConnection, names: Names, partitions: number) {
    this.nc = nc;
    this.names = names;
    this.partitions = partitions;
  }

  /**
   * What comes in the same turn of the loop goes out in one write: the client writes once for all that is published without
   * a pause, and a write for each request costs more than everything else that is done for it.
   */
  store(event: EventToStore): Promise<Taken> {
    return new Promise((resolve) => {
      this.waiting.push(() => resolve(this.send(event)));
      if (this.waiting.length === 1) setImmediate(() => this.sendAll());
    });
  }

  private sendAll(): void {
    const turn = this.waiting;
    this.waiting = [];
    for (const send of turn) send();
  }

  private async send({ kind, id, dedupId, body, trace }: EventToStore): Promise<Taken> {
    const mh = headers();
    mh.set("Nats-Msg-Id", dedupId);
    const token = encodeId(id);
    const subject = kind === "event" ? this.names.eventSubject(token) : this.names.accountSubject(token);
    const ended = await publish(this.nc, subject, body, addTrace(mh, trace));
    if (ended.kind !== "stored") return ended;
    return { kind: "stored", partition: partitionOf(id, this.partitions), seq: ended.seq };
  }
}
