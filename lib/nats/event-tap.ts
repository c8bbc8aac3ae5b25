// Hears the subjects of the partitions' logs while somebody watches. Answers lib/ports/event-tap.ts.
// No consumer: what is heard is what arrives, so the streams have nothing to do for it.
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { EventTap, TappedEvent } from "../ports/event-tap.ts";
import type { Names } from "./names.ts";

const KINDS = ["event", "account"] as const;

export class NatsEventTap implements EventTap {
  private readonly nc: NatsConnection;
  private readonly names: Names;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.names = names;
  }

  listen(onEvent: (event: TappedEvent) => void): () => void {
    const partitionToken = this.names.name === "" ? 1 : 2;
    const subscriptions = KINDS.map((kind) =>
      this.nc.subscribe(this.names.logSubject("*", kind), {
        callback: (error, message) => {
          // A worker asks by an empty message where the server's mapping leads; it is no event.
          if (error !== null || message.data.length === 0) return;
          const partition = Number(tokenOf(message, partitionToken));
          onEvent({ partition, kind, at: Date.now(), body: message.data });
        },
      }),
    );
    return () => {
      for (const subscription of subscriptions) subscription.unsubscribe();
    };
  }
}

function tokenOf({ subject }: Msg, index: number): string {
  return subject.split(".", index + 1)[index] ?? "";
}
