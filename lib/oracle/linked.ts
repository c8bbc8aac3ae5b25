// What stands in a link message, turned into what an account has done; and an event of a user as his account hears it.
// oracle.ts takes it in like anybody's events.
import type { AccountEvent, UserEvent } from "../core/events.ts";
import type { LinkedEvent, LinkItem, UserItem } from "../core/links.ts";
import type { MemberId } from "../core/types.ts";

/** The parts of an event that an account's rules read. */
export function linkedOf({ type, name, channel, messageId, properties, context }: UserEvent): LinkedEvent {
  return {
    type: type as LinkedEvent["type"],
    name,
    ...(channel === undefined ? {} : { channel }),
    ...(messageId === undefined ? {} : { messageId }),
    properties,
    context,
  };
}

/** Items about accounts, by account in the order of ids. */
export function byAccount(items: readonly LinkItem[]): (readonly [MemberId, readonly UserItem[]])[] {
  const found = new Map<MemberId, UserItem[]>();
  for (const item of items) {
    if (item.op === "flip" || item.op === "answer" || item.op === "lit" || item.op === "erased") continue;
    const ofAccount = found.get(item.account) ?? [];
    ofAccount.push(item);
    found.set(item.account, ofAccount);
  }
  return [...found].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** An account's own message, as if the account were a person who sent it. */
export function asSent({ accountId, type, ...rest }: AccountEvent): UserEvent {
  const sender = { userId: accountId, anonymousId: undefined, isAnonymous: false };
  return { ...rest, ...sender, type: type === "group" ? "identify" : type };
}

/** What one of its users did, as if the account had done it. */
export function asDone(item: Extract<UserItem, { readonly op: "group" | "event" }>): UserEvent {
  const sender = { userId: item.account, anonymousId: undefined, isAnonymous: false, timestamp: item.at };
  if (item.op === "group") {
    const { traits, messageId } = item;
    return {
      ...sender,
      type: "identify",
      name: "",
      channel: undefined,
      messageId,
      properties: {},
      context: {},
      traits,
    };
  }
  const { channel, messageId } = item.event;
  return { ...item.event, ...sender, channel, messageId, traits: {} };
}
