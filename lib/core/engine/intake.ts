// From the bytes of a message to what it says, or to the reason why it is refused, as far as that does not depend on whom
// it concerns.
import { decodeAccountMessage, decodeEvent } from "../decode.ts";
import type { AccountEvent, UserEvent } from "../events.ts";
import { hashOf } from "../ids.ts";
import type { LogRecord, Millis } from "../types.ts";
import type { Room } from "./room.ts";

/** An event, and the hash of whom it concerns. */
export interface Read {
  readonly event: UserEvent;
  readonly hash: number;
}

/** An event that is fit to be applied; else it is refused here. */
export function readEvent(room: Room, record: LogRecord): Read | undefined {
  const decoded = decodeEvent(record.body, room.options.limits);
  if (!decoded.ok) {
    room.refuse(record, decoded.reason, decoded.detail);
    return undefined;
  }
  const event = decoded.value;
  const hash = hashOf(event.userId);
  const isFit =
    isHome(room, record, hash, "events.<the id, percent-encoded>") &&
    isWithinReach(room, record, event.timestamp ?? record.stamp);
  return isFit ? { event, hash } : undefined;
}

export function readAccountMessage(room: Room, record: LogRecord): AccountEvent | undefined {
  const decoded = decodeAccountMessage(record.body, room.options.limits);
  if (!decoded.ok) {
    room.refuse(record, decoded.reason, decoded.detail);
    return undefined;
  }
  const { accountId, timestamp } = decoded.value;
  const isFit =
    isHome(room, record, hashOf(accountId), "accounts.<the id, percent-encoded>") &&
    isWithinReach(room, record, timestamp ?? record.stamp);
  return isFit ? decoded.value : undefined;
}

function isHome(room: Room, record: LogRecord, hash: number, subject: string): boolean {
  const { partition, partitions } = room.options;
  const home = hash % partitions;
  if (home === partition) return true;
  const detail = `this id belongs to partition ${home}, but the message came by the subject of another id (partition ${partition}): publish to ${subject}`;
  room.refuse(record, "wrong-partition", detail);
  return false;
}

function isWithinReach(room: Room, record: LogRecord, at: Millis): boolean {
  const { clockMode, clockStepMsMax } = room.options;
  if (clockMode !== "event" || room.clock === 0 || at <= room.clock + clockStepMsMax) return true;
  const detail = `its time is ${at - room.clock} ms ahead of the clock, more than clockStepMax (${clockStepMsMax} ms): correct it, or move the clock with a clock message`;
  room.refuse(record, "clock-step", detail);
  return false;
}

/** Where an accepted event moves the clock. */
export function clockOfEvent(
  room: Room,
  { timestamp }: { readonly timestamp: Millis | undefined },
  { stamp }: LogRecord,
): Millis {
  return room.clockOf(room.followsLog ? stamp : (timestamp ?? stamp));
}
