// The events that were taken: of each request that was answered 200, what it holds, by the ids under which the logs keep them.
// In the end it is held against the logs: what was taken is there. fuzz.ts fills it.
import { createHash } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import { logRecords } from "../../lib/cli/read-streams.ts";
import type { Names } from "../../lib/nats/names.ts";
import { streamState } from "../../lib/nats/wire.ts";
import type { Sent } from "./shots.ts";

const PLAIN_ID = /^[\x21-\x7e]{1,200}$/;
const MADE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4/;

export class Ledger {
  /** Under an id of their own. */
  private readonly taken = new Set<string>();
  /** Whose id the door made. */
  withoutId = 0;
  requests = 0;

  get events(): number {
    return this.taken.size + this.withoutId;
  }

  /** Of a request that was answered 200. */
  take({ target, plain }: Sent): void {
    this.requests += 1;
    const body = JSON.parse((plain ?? Buffer.from("{}")).toString().replace(/^\ufeff/, "")) as {
      readonly batch?: unknown[];
    };
    const isBatch = /^\/v1\/(batch|import|b)(\?|$)/.test(target);
    for (const event of isBatch ? body.batch! : [body]) {
      const { messageId } = event as { readonly messageId?: unknown };
      if (messageId === undefined || messageId === null || messageId === "") this.withoutId += 1;
      else this.taken.add(keptId(messageId));
    }
  }

  /** Those that no log holds. */
  missing(stored: Stored): string[] {
    const ids = [...this.taken].filter((id) => !stored.ids.has(id));
    const made = this.withoutId - stored.made;
    return made > 0 ? [...ids, `${made} whose id was made here`] : ids;
  }
}

/** As docs/api.md says it: plain short text as it is, all else as its hash. */
function keptId(messageId: unknown): string {
  const text = typeof messageId === "string" ? messageId : JSON.stringify(messageId);
  return PLAIN_ID.test(text) ? text : createHash("sha256").update(text).digest("hex");
}

export interface Stored {
  readonly ids: ReadonlySet<string>;
  /** With an id that the door made. */
  readonly made: number;
  readonly messages: number;
}

export async function storedIn(nc: NatsConnection, names: Names, partitions: number): Promise<Stored> {
  const ids = new Set<string>();
  let made = 0;
  let messages = 0;
  for (let partition = 0; partition < partitions; partition += 1) {
    const { last } = await streamState(nc, names.eventsStream(partition));
    for await (const { kind, body } of logRecords(nc, names, partition, last)) {
      if (kind !== "event" && kind !== "account") continue;
      const { messageId } = JSON.parse(Buffer.from(body).toString()) as { readonly messageId: unknown };
      messages += 1;
      if (typeof messageId === "string" && MADE_ID.test(messageId)) made += 1;
      ids.add(keptId(messageId));
    }
  }
  return { ids, made, messages };
}
