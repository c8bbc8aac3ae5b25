// The real machine: Node's monotonic clock, timers and random bytes. The only place under actors/ that touches them.
import { randomBytes } from "node:crypto";
import type { Runtime } from "../../lib/ports/runtime.ts";

const NONCE_BYTES = 12;

export const systemRuntime: Runtime = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  breathe: () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    }),
  nonce: () => randomBytes(NONCE_BYTES).toString("base64url"),
  random: () => Math.random(),
};
