// What a command does by itself, shown to operators in the list of jobs while it goes on. For import and export.
import { jobSettingsOf } from "../../config/options.ts";
import { JobRunner, type JobWish, type RunningJob, type Told } from "../../lib/api/jobs/runner.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { NatsJobStore } from "../../lib/nats/jobs.ts";
import { type Context, whoIsHere } from "./context.ts";

/** Undefined where it cannot be written down, which keeps nobody from doing it; the log of changes has it in any case. */
export function ownJob({ nc, names, config }: Context, wish: Omit<JobWish, "by">): Promise<RunningJob | undefined> {
  const runner = new JobRunner(new NatsJobStore(nc, names), jobSettingsOf(config));
  return runner.begin({ ...wish, by: whoIsHere() }).catch(() => undefined);
}

/** What was thrown is thrown on, once it is written down; `rest` is said of one that was told to end. */
export async function inJob<T>(
  job: RunningJob | undefined,
  work: () => Promise<T>,
  toldOf: (done: T) => Told,
  rest = "",
): Promise<T> {
  if (job === undefined) return work();
  let done: T | undefined;
  const { why } = await job.run(async () => {
    done = await work();
    return toldOf(done);
  });
  if (why?.name === "JobEnded") throw new CliError(EXIT.failed, `${why.message}${rest}`);
  if (why !== undefined) throw why;
  return done!;
}
