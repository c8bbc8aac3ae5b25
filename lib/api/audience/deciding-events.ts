// What an explanation names by its place in the log, looked up there: which event it was, under which id, and when.
// The owner answers at once with places; nats-audience.ts and the command line look them up for whoever reads.
import { partitionOf } from "../../core/ids.ts";
import type { DecidedBy, ExplainNode } from "../../core/partition.ts";
import type { Limits, LogRecord, Seq } from "../../core/types.ts";
import type { LogLookup } from "../../ports/log-lookup.ts";
import { eventsIn, type Whose } from "../profiles/log-events.ts";

export interface Logs {
  readonly log: Pick<LogLookup, "at">;
  readonly partitions: number;
  readonly limits: Limits;
}

/** An explanation has as many nodes as its rule; each message is looked up once. */
export async function withDecidingEvents(
  root: ExplainNode,
  whose: Whose,
  { log, partitions, limits }: Logs,
): Promise<ExplainNode> {
  const seqs = [...new Set(seqsIn(root))];
  // A message that is gone, or a server that does not answer, costs the explanation no more than this detail.
  const found = await log.at(partitionOf(whose.id, partitions), seqs).catch(() => []);
  return detailed(root, new Map(seqs.map((seq, index) => [seq, eventOf(found[index], whose, limits)])));
}

type Event = Pick<DecidedBy, "at" | "messageId" | "event">;

function seqsIn({ decidedBy, nodes }: ExplainNode): Seq[] {
  const own = decidedBy?.seq === undefined ? [] : [decidedBy.seq];
  return [...own, ...(nodes ?? []).flatMap(seqsIn)];
}

function eventOf(record: LogRecord | undefined, whose: Whose, limits: Limits): Event {
  if (record === undefined) return {};
  // Of those that one message tells of an account, the one that was done stands last.
  const event = eventsIn(record, whose, limits).at(-1);
  if (event === undefined) return { at: record.stamp };
  const { at, messageId, name, type } = event;
  return { at, ...(messageId === undefined ? {} : { messageId }), event: name === "" ? type : name };
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
