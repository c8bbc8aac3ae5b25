// The trace that a request came with: what is asked for it goes on with it, and what is logged for it names it. Of a request
// without one nothing is followed, so that it costs nothing.
import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingHttpHeaders } from "node:http";
import { type Trace, traceIdOf, traceOf } from "../../core/trace.ts";

const underWay = new AsyncLocalStorage<Trace | undefined>();

/** A header that came twice is joined, and cannot be read. */
export function traceOfRequest({ traceparent, tracestate }: IncomingHttpHeaders): Trace | undefined {
  return typeof traceparent === "string" ? traceOf(traceparent, textOf(tracestate)) : undefined;
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}

/** Whatever `run` begins, now or later, belongs to the trace; without one, to none. */
export function within<T>(trace: Trace | undefined, run: () => T): T {
  return trace === traceNow() ? run() : underWay.run(trace, run);
}

export function traceNow(): Trace | undefined {
  return underWay.getStore();
}

/** As it stands in a line of the log. */
export function traceField(trace: Trace | undefined): { readonly trace?: string } {
  return trace === undefined ? {} : { trace: traceIdOf(trace) };
}
