// An explanation put together for whoever reads: the messages that decided it, some of the users that it counts, and, inside
// what it says of somebody's account, the account's own. Each part is asked where it is known.
import type { ExplainNode } from "../../core/partition.ts";
import type { MemberId, Millis, SegmentId } from "../../core/types.ts";
import type { Questions } from "../../nats/questions.ts";
import type { Whose } from "../profiles/log-events.ts";
import { type Logs, withDecidingEvents } from "./deciding-events.ts";

export interface ExplainingOptions {
  readonly questions: Pick<Questions, "explain" | "accountUsers">;
  /** Where messages that decided something are looked up; absent: they are not. */
  readonly logs?: Logs;
}

export interface Explained {
  readonly clock: Millis;
  /** Null: no such active segment, or nobody knows the id. */
  readonly explain: ExplainNode | null;
}

/** Of a `users` rule so many are named. */
const USERS_NAMED_MAX = 10;
/** A rule about an account may ask about its users, and those about their accounts again: so deep is shown. */
const DEPTH_MAX = 4;

export function explained(options: ExplainingOptions, segment: SegmentId, whose: Whose): Promise<Explained> {
  return explainedTo(DEPTH_MAX, options, segment, whose);
}

async function explainedTo(
  depth: number,
  options: ExplainingOptions,
  segment: SegmentId,
  whose: Whose,
): Promise<Explained> {
  const { id } = whose;
  const { explain, clock } = await options.questions.explain(segment, id);
  if (explain === null) return { clock, explain };
  const { logs } = options;
  const root = logs === undefined ? explain : await withDecidingEvents(explain, whose, logs);
  return { clock, explain: await withOtherSide(root, { ...options, depth, id }) };
}

interface Reach extends ExplainingOptions {
  readonly depth: number;
  /** Whose explanation it is. */
  readonly id: MemberId;
}

async function withOtherSide(node: ExplainNode, reach: Reach): Promise<ExplainNode> {
  const { account, users, nodes } = node;
  if (account !== undefined) return { ...node, ...(await insideAccount(account, reach)) };
  if (users !== undefined) return { ...node, users: await named(users, reach) };
  if (nodes === undefined) return node;
  return { ...node, nodes: await Promise.all(nodes.map((inner) => withOtherSide(inner, reach))) };
}

/** The account is another partition's: an owner that does not answer costs the explanation no more than this part. */
async function insideAccount(
  { flag, id }: NonNullable<ExplainNode["account"]>,
  { depth, ...reach }: Reach,
): Promise<Pick<ExplainNode, "nodes">> {
  if (depth <= 1) return {};
  const { explain } = await explainedTo(depth - 1, reach, flag, { kind: "account", id }).catch(() => ({
    explain: null,
  }));
  return explain === null ? {} : { nodes: [explain] };
}

async function named(
  users: NonNullable<ExplainNode["users"]>,
  { questions, id }: Reach,
): Promise<NonNullable<ExplainNode["users"]>> {
  if (users.on === 0) return users;
  const found = await questions.accountUsers(id, USERS_NAMED_MAX, users.rule).catch(() => undefined);
  return found === undefined ? users : { ...users, ids: found.map((user) => user.id) };
}
