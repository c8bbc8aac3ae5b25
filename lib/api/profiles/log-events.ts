// What a message of a log says of somebody, as a timeline shows it. A user's message is one event; one that comes to an
// account's log from another partition may tell of several, each by a user of it.
import { decodeAccountMessage, decodeEvent } from "../../core/decode.ts";
import { decodeLink } from "../../core/links.ts";
import type { JsonObject, Limits, LogRecord, MemberId, MemberKind, Millis, Seq } from "../../core/types.ts";

export interface LoggedEvent {
  readonly seq: Seq;
  /** Among those that the same message tells of the same member: 0, 1, 2 … */
  readonly index: number;
  /** When it happened, as the message says. */
  readonly at: Millis;
  /** When the log took it in. */
  readonly received: Millis;
  readonly type: "track" | "identify" | "page" | "screen" | "group";
  /** As rules name it; "" for identify and group. */
  readonly name: string;
  /** Of an account: who did it; absent where nobody did. */
  readonly user?: MemberId;
  readonly messageId?: string;
  readonly channel?: string;
  readonly properties: JsonObject;
  readonly traits: JsonObject;
  readonly context: JsonObject;
  /** Of a group call of a user: the account that they are in from then on; null is none. */
  readonly groupId?: MemberId | null;
}

export interface Whose {
  readonly kind: MemberKind;
  readonly id: MemberId;
}

/** In the order in which it tells them; none where it is about somebody else, or cannot be read. */
export function eventsIn(record: LogRecord, { kind, id }: Whose, limits: Limits): readonly LoggedEvent[] {
  if (kind === "user") return record.kind === "event" ? ofUser(record, id, limits) : [];
  if (record.kind === "account") return ofAccount(record, id, limits);
  return record.kind === "link" ? ofUsersOf(record, id) : [];
}

const NOTHING: JsonObject = Object.freeze({});

function ofUser(record: LogRecord, id: MemberId, limits: Limits): LoggedEvent[] {
  const decoded = decodeEvent(record.body, limits);
  if (!decoded.ok || decoded.value.userId !== id) return [];
  const { type, name, timestamp, messageId, channel, properties, traits, context, groupId } = decoded.value;
  const common = { ...placed(record, timestamp), type, name, properties, traits, context };
  return [{ ...common, ...told(messageId, channel), ...(groupId === undefined ? {} : { groupId }) }];
}

function ofAccount(record: LogRecord, id: MemberId, limits: Limits): LoggedEvent[] {
  const decoded = decodeAccountMessage(record.body, limits);
  if (!decoded.ok || decoded.value.accountId !== id) return [];
  const { type, name, timestamp, messageId, channel, properties, traits, context } = decoded.value;
  return [{ ...placed(record, timestamp), type, name, ...told(messageId, channel), properties, traits, context }];
}

function ofUsersOf(record: LogRecord, id: MemberId): LoggedEvent[] {
  const items = linkItemsOf(record).filter((item) => "account" in item && item.account === id);
  return items.flatMap((item, index): LoggedEvent[] => {
    if (item.op === "event") {
      const { type, name, messageId, channel, properties, context } = item.event;
      const common = { ...placed(record, item.at), index, type, name, user: item.user };
      return [{ ...common, ...told(messageId, channel), properties, traits: NOTHING, context }];
    }
    if (item.op !== "group") return [];
    const common = { ...placed(record, item.at), index, type: "group" as const, name: "", user: item.user };
    return [
      { ...common, ...told(item.messageId, undefined), properties: NOTHING, traits: item.traits, context: NOTHING },
    ];
  });
}

function linkItemsOf({ body }: LogRecord) {
  try {
    return decodeLink(JSON.parse(Buffer.from(body).toString()))?.items ?? [];
  } catch {
    return [];
  }
}

function placed({ seq, stamp }: LogRecord, at: Millis | undefined) {
  return { seq, index: 0, at: at ?? stamp, received: stamp };
}

function told(messageId: string | undefined, channel: string | undefined) {
  return { ...(messageId === undefined ? {} : { messageId }), ...(channel === undefined ? {} : { channel }) };
}
