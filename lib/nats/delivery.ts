// Sequence, stamp and backlog of a delivered message, read from its reply subject by hand: the client's own `info` costs
// more than everything else we do with a message. Used by stream-reader.ts.
//
//   v1  $JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<nanoseconds>.<pending>
//   v2  $JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<nanoseconds>.<pending>.<random>

export interface Delivery {
  seq: number;
  stampMs: number;
  /** Messages that wait behind this one. */
  pending: number;
}

const DOT = 46;
const ZERO = 48;
const NANOS_DIGITS_BELOW_MS = 6;
const V1_TOKENS = 9;

/** Length of everything before `<delivered>`; constant for one consumer. Counted from the left, since v2 appends a token. */
export function headLength(reply: string): number {
  const tokens = reply.split(".");
  const headTokens = tokens.length === V1_TOKENS ? 4 : 6;
  let length = 0;
  for (let index = 0; index < headTokens; index += 1) length += tokens[index]!.length + 1;
  return length;
}

/** Fills `into`, to spare an object a message. */
export function readDelivery(reply: string, head: number, into: Delivery): void {
  let at = reply.indexOf(".", head) + 1;
  let seq = 0;
  for (let char = reply.charCodeAt(at); char !== DOT; char = reply.charCodeAt(++at)) seq = seq * 10 + (char - ZERO);
  at = reply.indexOf(".", at + 1) + 1;
  const nanosEnd = reply.indexOf(".", at);
  const msEnd = nanosEnd - NANOS_DIGITS_BELOW_MS;
  let stampMs = 0;
  for (; at < msEnd; at += 1) stampMs = stampMs * 10 + (reply.charCodeAt(at) - ZERO);
  let pending = 0;
  for (at = nanosEnd + 1; at < reply.length; at += 1) {
    const char = reply.charCodeAt(at);
    if (char === DOT) break;
    pending = pending * 10 + (char - ZERO);
  }
  into.seq = seq;
  into.stampMs = stampMs;
  into.pending = pending;
}
