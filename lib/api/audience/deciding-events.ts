// What an explanation names by its place in the log, looked up there: which event it was, under which id, and when.
// The owner answers at once with places; nats-audience.ts and the command line look them up for whoever reads.
import type { NatsConnection } from "@nats-io/transport-node";
import type { ExplainNode } from "../../core/partition.ts";
import type { Json, PartitionNo, Seq } from "../../core/types.ts";
import type { Names } from "../../nats/names.ts";
import { storedMessage } from "../../nats/wire.ts";

/** An explanation has as many nodes as its rule; each message is looked up once. */
export async function withDecidingEvents(
  root: ExplainNode,
  { nc, names, partition }: { readonly nc: NatsConnection; readonly names: Names; readonly partition: PartitionNo },
): Promise<ExplainNode> {
  const seqs = [...new Set(seqsIn(root))];
  const stream = names.eventsStream(partition);
  // A message that is gone, or a server that does not answer, costs the explanation no more than this detail.
  const found = await Promise.all(seqs.map((seq) => storedMessage(nc, stream, { seq }).catch(() => undefined)));
  const events = new Map(seqs.map((seq, index) => [seq, eventOf(found[index])]));
  return detailed(root, events);
}

type Event = Pick<NonNullable<ExplainNode["decidedBy"]>, "at" | "messageId" | "event">;

function seqsIn({ decidedBy, nodes }: ExplainNode): Seq[] {
  const own = decidedBy?.seq === undefined ? [] : [decidedBy.seq];
  return [...own, ...(nodes ?? []).flatMap(seqsIn)];
}

function eventOf(message: { readonly data: Uint8Array; readonly stampMs: number } | undefined): Event {
  if (message === undefined) return {};
  try {
    const body = JSON.parse(Buffer.from(message.data).toString()) as Record<string, Json>;
    const said = typeof body.timestamp === "string" ? Date.parse(body.timestamp) : body.timestamp;
    const { messageId, event, type } = body;
    return {
      at: typeof said === "number" && Number.isFinite(said) ? said : message.stampMs,
      ...(typeof messageId === "string" ? { messageId } : {}),
      event: typeof event === "string" ? event : String(type),
    };
  } catch {
    return { at: message.stampMs };
  }
}

function detailed(node: ExplainNode, events: ReadonlyMap<Seq, Event>): ExplainNode {
  const { decidedBy, nodes } = node;
  const event = decidedBy?.seq === undefined ? undefined : events.get(decidedBy.seq);
  return {
    ...node,
    ...(decidedBy === undefined ? {} : { decidedBy: { ...decidedBy, ...event } }),
    ...(nodes === undefined ? {} : { nodes: nodes.map((inner) => detailed(inner, events)) }),
  };
}
