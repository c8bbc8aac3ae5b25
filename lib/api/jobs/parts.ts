// A change that is written in several parts, as a job while it takes more than one: the upload of a long list.
// What is written of it stays, also when somebody ends it.

import { NotPossible } from "../segments/not-possible.ts";
import type { ListChange } from "../world/lists.ts";
import { JobEnded, type JobRunner, type JobWish, type RunningJob } from "./runner.ts";

const REST = "What was written by then stays; the same file again does the rest.";

/** `work` calls what it is given when it knows that it takes several, and from then on is seen in the list of jobs. */
export async function inParts<T>(
  runner: JobRunner,
  { target, by, total }: Pick<JobWish, "target" | "by" | "total">,
  work: (parts: NonNullable<ListChange["inParts"]>) => Promise<T>,
): Promise<T> {
  let job: RunningJob | undefined;
  let end: (failure: Error | undefined) => void = () => {};
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve;
  });
  const parts = async (): Promise<(members: number) => void> => {
    const wish = { kind: "import", target, targetKind: "list", by, unit: "ids", total } as const;
    // A data set that keeps no jobs keeps lists all the same.
    job = await runner.begin(wish).catch(() => undefined);
    void job?.run(async () => {
      const failure = await ended;
      if (failure !== undefined) throw failure;
      return {};
    });
    return (members) => {
      job?.signal.throwIfAborted();
      job?.progress(members);
    };
  };
  try {
    const done = await work(parts);
    end(undefined);
    await job?.ended;
    return done;
  } catch (error) {
    end(error as Error);
    await job?.ended;
    if (!(error instanceof JobEnded)) throw error;
    throw new NotPossible("conflict", "job-cancelled", `${error.message} ${REST}`);
  }
}
