// A delta as the bytes that go out: JSON with its keys in one order, so that a replay gives the same bytes.
import type { Delta } from "./types.ts";

export function encodeDelta(delta: Delta): string {
  const { segment, version, kind, id, change, n, cause } = delta;
  const at = new Date(delta.at).toISOString();
  return JSON.stringify({ segment, version, kind, id, change, n, at, cause: orderedCause(cause) });
}

function orderedCause(cause: Delta["cause"]): object {
  const { type, seq, messageId, late } = cause;
  return {
    type,
    seq,
    ...(messageId === undefined ? {} : { messageId }),
    ...(late === undefined ? {} : { late }),
  };
}

/** A delta's identity: what tells a repeat from the next change. */
export function deltaId(delta: Pick<Delta, "segment" | "kind" | "id" | "n">): string {
  return JSON.stringify([delta.segment, delta.kind, delta.id, delta.n]);
}

/** Reads what encodeDelta wrote. Throws SyntaxError on bytes that are no JSON. */
export function decodeDelta(body: string): Delta {
  const read = JSON.parse(body) as Omit<Delta, "at"> & { readonly at: string };
  return { ...read, at: Date.parse(read.at) };
}
