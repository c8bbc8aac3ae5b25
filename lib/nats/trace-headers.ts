// Traces as headers of messages, by the names that W3C Trace Context gives them. Beside wire.ts; read for every message of a
// log, so a message without one must cost nothing: the client's own `headers` takes all of them apart.
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { type Trace, traceOf } from "../core/trace.ts";

/** `NATS/1.0`, the name, the shortest value, and the lines' ends: what is shorter holds no trace. */
const HEADER_BYTES_MIN = 10 + "traceparent:".length + 55 + 4;
const PARENT = /\r\ntraceparent:[ \t]*([^\r]*?)[ \t]*\r/i;
const STATE = /\r\ntracestate:[ \t]*([^\r]*?)[ \t]*\r/i;

/** The client's messages know how long they are with their headers, though its types do not say so. */
type Sized = Msg & { size(): number };

/** `data` is the message's own: whoever has taken it apart already need not do so twice. */
export function traceIn(message: Msg, data: Uint8Array = message.data): Trace | undefined {
  // Headers stand before the data, in the same bytes.
  const bytes = (message as Sized).size() - message.subject.length - (message.reply?.length ?? 0) - data.length;
  if (bytes < HEADER_BYTES_MIN || bytes > data.byteOffset) return undefined;
  const lines = Buffer.from(data.buffer, data.byteOffset - bytes, bytes).toString("latin1");
  const parent = PARENT.exec(lines)?.[1];
  return parent === undefined ? undefined : traceOf(parent, STATE.exec(lines)?.[1]);
}

export function addTrace(mh: MsgHdrs, trace: Trace | undefined): MsgHdrs {
  if (trace === undefined) return mh;
  mh.append("traceparent", trace.traceparent);
  if (trace.tracestate !== undefined) mh.append("tracestate", trace.tracestate);
  return mh;
}
