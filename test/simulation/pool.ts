// Seeds spread over processes, so that every core plays; results come as they are ready. A child is this very file.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { playSeed, type Summary } from "./play.ts";

/** Seeds handed to a child at once: enough that it never waits, few enough to end together. */
const AHEAD = 2;

export interface Pool {
  /** Plays all seeds; `onSummary` may return false to hear of no more. */
  run(seeds: Iterable<number>, onSummary: (summary: Summary) => boolean): Promise<void>;
}

export function poolOf(jobs: number): Pool {
  return {
    async run(seeds, onSummary) {
      const left = seeds[Symbol.iterator]();
      const children = Array.from({ length: jobs }, () => fork(fileURLToPath(import.meta.url), [CHILD]));
      let isOver = false;
      const feed = (child: ChildProcess): boolean => {
        const next = isOver ? undefined : left.next();
        if (next === undefined || next.done === true) return false;
        child.send(next.value);
        return true;
      };
      const ended = children.map((child) => {
        let waiting = 0;
        return new Promise<void>((resolve, reject) => {
          child.on("message", (summary) => {
            waiting -= 1;
            if (!isOver && !onSummary(summary as Summary)) isOver = true;
            if (feed(child)) waiting += 1;
            if (waiting === 0 || isOver) child.kill("SIGKILL");
          });
          child.once("error", reject);
          child.once("exit", (code, signal) => {
            if (signal === "SIGKILL") resolve();
            else reject(new Error(`a process that plays seeds ended by itself with ${signal ?? code}`));
          });
          while (waiting < AHEAD && feed(child)) waiting += 1;
          if (waiting === 0) child.kill("SIGKILL");
        });
      });
      await Promise.all(ended);
    },
  };
}

const CHILD = "--play";

if (process.argv[2] === CHILD && process.send !== undefined) {
  const send = process.send.bind(process);
  // One at a time: a run has the thread to itself, so that nothing but its seed decides.
  let turn = Promise.resolve();
  process.on("message", (seed) => {
    turn = turn.then(async () => {
      send(await playSeed(seed as number));
    });
  });
  process.once("disconnect", () => process.exit());
}
