// Parts of profiles, search and catalogue as they go out as JSON: moments are ISO 8601. Beside shapes.ts, for
// lib/api/routes/profiles.ts and search.ts and for the command line.
import type { SearchHit, StandingView, VisitsPage } from "../../core/partition.ts";
import { moment } from "../audience/shapes.ts";
import type { LoggedEvent } from "./log-events.ts";
import type { CampaignShown, NearShown, OrderShown, SeenAt, TraitShown } from "./profile-parts.ts";

export function eventOut(event: LoggedEvent): object {
  const { at, received, seq, index: _, groupId, type, name, ...rest } = event;
  const account = groupId === undefined ? {} : { account: groupId };
  return { at: moment(at), received: moment(received), type, name, seq, ...account, ...rest };
}

export function traitOut({ at, message, ...trait }: TraitShown): object {
  return { ...trait, at: at === null ? null : moment(at), message: message === null ? null : sourceOut(message) };
}

function sourceOut({ seq, received, messageId, channel, user }: LoggedEvent): object {
  return {
    seq,
    received: moment(received),
    ...(messageId === undefined ? {} : { messageId }),
    ...(channel === undefined ? {} : { channel }),
    ...(user === undefined ? {} : { user }),
  };
}

export function orderOut({ at, changes, ...order }: OrderShown): object {
  return { ...order, at: moment(at), changes: changes.map((change) => ({ ...change, at: moment(change.at) })) };
}

export function sessionOut({ start, last, ...visit }: VisitsPage["visits"][number]): object {
  return { start: moment(start), last: moment(last), ...visit };
}

export function standingOut({ segment, in: isIn, n, since, until }: StandingView, name: string): object {
  return {
    segment,
    name,
    in: isIn,
    n,
    // They alternate, and the first is a joining.
    times: Math.ceil(n / 2),
    joined: isIn ? moment(since) : null,
    left: isIn ? null : moment(since),
    until: until === undefined ? null : moment(until),
  };
}

export function nearOut({ segment, rule: { rule, pass, actual, expected } }: NearShown, name: string): object {
  return {
    segment,
    name,
    rule,
    mustPass: !pass,
    ...(actual === undefined ? {} : { actual }),
    ...(expected === undefined ? {} : { expected }),
  };
}

export function campaignOut({ campaign, outcomes, last }: CampaignShown): object {
  const shown = Object.entries(outcomes).map(([name, told]) => [name, { ...told, last: moment(told.last) }]);
  return { campaign, outcomes: Object.fromEntries(shown), last: moment(last) };
}

export function seenOut({ record, visits, last }: SeenAt): object {
  return { record, visits, last: moment(last) };
}

export function foundOut({ kind, id, field, value, name, lastSeen }: Omit<SearchHit, "at">): object {
  return { kind, id, field, value, ...(name === undefined ? {} : { name }), lastSeen: moment(lastSeen) };
}
