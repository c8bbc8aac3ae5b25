// What tells one piece of work from another across programs, as W3C Trace Context has it (https://www.w3.org/TR/trace-context/):
// read where it comes in, from a request or a message, and passed on as it came, with what the work has caused. It decides
// nothing: with it and without it the same is said.

/** No span of ours stands in between: the parent stays whoever sent it. */
export interface Trace {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** By W3C: what every program has to pass on. Of more, members go from the right, the oldest first. */
const STATE_LENGTH_MAX = 512;
const PARENT_LENGTH = 55;
const PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const PLAIN_TEXT = /^[\x20-\x7e]+$/;
/** Of a later version nothing but the flags that are known goes on, under the version that is known. */
const KNOWN_FLAGS = 0b11;

/** Undefined where there is none, or one that cannot be read: who looks on begins a trace anew, and nothing is wrong. */
export function traceOf(traceparent: string | undefined, tracestate?: string): Trace | undefined {
  const parent = traceparent === undefined ? undefined : parentOf(traceparent);
  if (parent === undefined) return undefined;
  const state = tracestate === undefined ? undefined : stateOf(tracestate);
  return state === undefined ? { traceparent: parent } : { traceparent: parent, tracestate: state };
}

export function traceIdOf({ traceparent }: Trace): string {
  return traceparent.slice(3, 35);
}

function parentOf(text: string): string | undefined {
  const known = text.slice(0, PARENT_LENGTH);
  if (!PARENT.test(known)) return undefined;
  if (text.startsWith("00")) return text.length === PARENT_LENGTH ? text : undefined;
  if (text.length > PARENT_LENGTH && text[PARENT_LENGTH] !== "-") return undefined;
  const flags = Number.parseInt(known.slice(-2), 16) & KNOWN_FLAGS;
  return `00${known.slice(2, -2)}0${flags}`;
}

function stateOf(text: string): string | undefined {
  const state = text.trim();
  if (!PLAIN_TEXT.test(state)) return undefined;
  if (state.length <= STATE_LENGTH_MAX) return state;
  const end = state.lastIndexOf(",", STATE_LENGTH_MAX);
  return end <= 0 ? undefined : state.slice(0, end);
}
