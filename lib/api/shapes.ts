// What goes out as JSON, over HTTP and from the command line: moments are ISO 8601, as in the deltas. Inside they are
// milliseconds. Used by server.ts, live.ts and cmd/cli.
import { encodeDelta } from "../core/deltas.ts";
import type { AccountView, DecidedBy, ExplainNode, MemberView, UserView } from "../core/partition.ts";
import type { Delta, Json, Millis } from "../core/types.ts";
import type { MemberEntry } from "../ports/questions.ts";
import type { Explanation, MemberList } from "./audience.ts";

const MOMENT_MAX = 8.64e15;

/** Null for what no calendar reaches. */
function moment(at: Millis): string | null {
  return Math.abs(at) <= MOMENT_MAX ? new Date(at).toISOString() : null;
}

function withSince<T extends { readonly since: Millis }>(held: T): Omit<T, "since"> & { since: string | null } {
  return { ...held, since: moment(held.since) };
}

export function membersOut({ segment, kind, size, members }: MemberList): object {
  return { segment, kind, size, members: members.map(memberOut) };
}

function memberOut(member: MemberEntry): object {
  return withSince(member);
}

export function userOut(user: UserView): object {
  const { account } = user;
  return {
    ...memberViewOut(user),
    ...(account === undefined ? {} : { account: accountOfOut(account) }),
  };
}

function accountOfOut({ id, since }: NonNullable<UserView["account"]>): object {
  return { id, ...(since === undefined ? {} : { since: moment(since) }) };
}

export function accountOut(account: AccountView): object {
  return memberViewOut(account);
}

function memberViewOut(view: MemberView): object {
  return {
    ...view,
    visits: visitsOut(view.visits),
    memberships: view.memberships.map(withSince),
    firstSeen: moment(view.firstSeen),
    lastSeen: moment(view.lastSeen),
  };
}

function visitsOut({ count, newest }: MemberView["visits"]): object {
  if (newest === undefined) return { count };
  return { count, newest: { ...newest, start: moment(newest.start), last: moment(newest.last) } };
}

/** The id stands under the word for what it is: `user` or `account`. */
export function explanationOut({ segment, kind, id, clock, explanation }: Explanation): object {
  return { segment, [kind]: id, clock: moment(clock), explanation: nodeOut(explanation) };
}

function nodeOut(node: ExplainNode): object {
  const { until, since, nodes, decidedBy, toSatisfy, ...rest } = node;
  return {
    ...rest,
    ...(decidedBy === undefined ? {} : { decidedBy: decidedByOut(decidedBy) }),
    ...(since === undefined ? {} : { since: moment(since) }),
    ...(until === undefined ? {} : { until: moment(until) }),
    ...(nodes === undefined ? {} : { nodes: nodes.map(nodeOut) }),
    ...(toSatisfy === undefined ? {} : { toSatisfy: toSatisfy.map(turnOut) }),
  };
}

function decidedByOut({ at, ...rest }: DecidedBy): object {
  return { ...rest, ...(at === undefined ? {} : { at: moment(at) }) };
}

/** A rule that would have to turn: one that passes now must fail. */
function turnOut({ rule, actual, expected, pass }: ExplainNode): object {
  return {
    rule,
    mustPass: !pass,
    ...(actual === undefined ? {} : { actual }),
    ...(expected === undefined ? {} : { expected }),
  };
}

/** As the stream has it. */
export function deltaOut(delta: Delta): Json {
  return JSON.parse(encodeDelta(delta)) as Json;
}
