// What goes out as JSON, over HTTP and from the command line: moments are ISO 8601, as in the deltas. Inside they are
// milliseconds. Used by the routes, the live stream and cmd/cli.
import { encodeDelta } from "../../core/deltas.ts";
import type { AccountUser, AccountView, DecidedBy, ExplainNode, MemberView, UserView } from "../../core/partition.ts";
import type { Delta, Json, MemberId, Millis } from "../../core/types.ts";
import type { Series } from "../../series/reading.ts";
import type { AccountUsers, Decision, Explanation, MemberList } from "./audience.ts";
import type { Comparison } from "./comparing.ts";
import type { ListedMember } from "./members.ts";

const MOMENT_MAX = 8.64e15;

/** Null for what no calendar reaches. */
export function moment(at: Millis): string | null {
  return Math.abs(at) <= MOMENT_MAX ? new Date(at).toISOString() : null;
}

function withSince<T extends { readonly since: Millis }>(held: T): Omit<T, "since"> & { since: string | null } {
  return { ...held, since: moment(held.since) };
}

/** `next` as whoever asks is given it. */
export function membersOut({ segment, kind, size, items }: MemberList, next: string | null): object {
  return { segment, kind, size, items: items.map(memberOut), next };
}

export function memberOut({ row = { id: "" }, ...member }: ListedMember): object {
  const { firstSeen, lastSeen } = row;
  return {
    ...row,
    ...withSince(member),
    ...(typeof firstSeen === "number" ? { firstSeen: moment(firstSeen) } : {}),
    ...(typeof lastSeen === "number" ? { lastSeen: moment(lastSeen) } : {}),
  };
}

export function comparisonOut({ clock, ...rest }: Comparison): object {
  return { ...rest, clock: moment(clock) };
}

export function seriesOut({ segment, step, points, counted, isBehind }: Series): object {
  const items = points.map(({ at, ...moves }) => ({ at: moment(at), ...moves }));
  return { segment, step, items, counted: { seq: counted, behind: isBehind } };
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
    online: view.visits.newest?.underWay === true,
    visits: visitsOut(view.visits),
    memberships: view.memberships.map(withSince),
    firstSeen: moment(view.firstSeen),
    lastSeen: moment(view.lastSeen),
  };
}

export function decisionOut(user: MemberId, { known, fresh, partition, position, segments }: Decision): object {
  return { user, known, fresh, position: { partition, seq: position }, segments: segments.map(withSince) };
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

/** Users of an account, with their role and when they were last seen. */
export function accountUsersOut({ users, ...found }: AccountUsers): object {
  return { ...found, users: users.map(accountUserOut) };
}

export function accountUserOut({ since, lastSeen, ...user }: AccountUser): object {
  return {
    ...user,
    ...(since === undefined ? {} : { since: moment(since) }),
    ...(lastSeen === undefined ? {} : { lastSeen: moment(lastSeen) }),
  };
}
