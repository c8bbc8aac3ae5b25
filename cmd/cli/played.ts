// Logs played through machines of their own, with a progress bar: for `segments backtest`, `segments try --history` and
// `explain --at`. The playing is lib/backtest/played.ts.
import type { Playing } from "../../lib/backtest/played.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import type { Context } from "./context.ts";

export async function playing<T>(context: Context, play: (playing: Playing) => Promise<T>): Promise<T> {
  const { nc, names, partitions, clock, config } = context;
  const { limits, clockStepMsMax, pageBytesMax } = config;
  const { state } = await context.catalogue();
  const bar = progressBar("playing the logs");
  const onProgress: Playing["onProgress"] = ({ done, total }) =>
    bar.update({ fraction: done / total, done, unit: "messages" });
  try {
    return await play({
      nc,
      names,
      partitions,
      clock,
      limits,
      clockStepMsMax,
      pageBytesMax,
      state,
      onProgress,
    });
  } finally {
    bar.end();
  }
}
