// An answer that takes its time, sent line by line while it is made: progress now and then, and at the end the result, or why
// there is none. Whoever hangs up ends the work.
import { PassThrough, type Readable } from "node:stream";
import type { Json } from "../../core/types.ts";

/** The first progress goes out at once; after it, so often at most. */
const EVERY_MS = 500;

export interface LineWork {
  /** What there is to say is made only if it is sent. */
  run(say: (line: () => object) => void): Promise<object>;
  /** Whatever goes wrong, as `{error}`. */
  errorOut(error: unknown): object;
}

export function lines({ run, errorOut }: LineWork): Readable {
  const out = new PassThrough();
  const write = (value: object): void => {
    if (!out.destroyed) out.write(`${JSON.stringify(value satisfies object as Json)}\n`);
  };
  let saidAt = Number.NEGATIVE_INFINITY;
  const say = (line: () => object): void => {
    const now = performance.now();
    if (now - saidAt < EVERY_MS) return;
    saidAt = now;
    write(line());
  };
  run(say).then(
    (result) => {
      write({ result });
      out.end();
    },
    (error: unknown) => {
      write(errorOut(error));
      out.end();
    },
  );
  return out;
}
