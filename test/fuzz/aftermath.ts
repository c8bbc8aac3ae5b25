// After the fire: whether everything that was taken is stored, a simple story still ends as it should, and the doctor is content.
// fuzz.ts asks, once nobody fires any more.

import { until } from "../support/until.ts";
import { type Ledger, storedIn } from "./ledger.ts";
import type { Rig } from "./rig.ts";

export interface Aftermath {
  readonly stored: number;
  readonly rejected: number;
  /** In words; nothing when all is well. */
  readonly wrong: readonly string[];
}

const QUIET_MS_MAX = 240_000;
const SHOWN_MAX = 5;
const WORDS_SHOWN_MAX = 4_000;
const STORY = "fuzz-story";

export async function aftermath(rig: Rig, ledger: Ledger, say: (line: string) => void): Promise<Aftermath> {
  const { cluster } = rig;
  const { server, nc } = cluster;
  const statuses = await cluster.status();
  const fallen = statuses.flatMap((status, p) =>
    status?.phase === "refused" ? `partition ${p} stands still: ${status.error?.message}` : [],
  );
  // Nobody catches up with a partition that has stopped, and no story is told in it.
  if (fallen.length > 0)
    return { stored: 0, rejected: 0, wrong: [...fallen, rig.worker.stderr.slice(-WORDS_SHOWN_MAX)] };
  await cluster.caughtUp(QUIET_MS_MAX);
  const all = await cluster.everyPartitionRuns();
  const stored = await storedIn(nc, server.names, server.partitions);
  const missing = ledger.missing(stored);
  const wrong =
    missing.length === 0
      ? []
      : [`${missing.length} events were taken and are not stored: ${missing.slice(0, SHOWN_MAX).join(", ")}`];
  say("nothing lost? looked; a story");
  wrong.push(...(await story(rig)));
  say("the doctor comes");
  wrong.push(...(await rig.ills()));
  rig.assertAlive();
  return {
    stored: stored.messages,
    rejected: all.reduce((sum, { counters }) => sum + counters.rejects, 0),
    wrong,
  };
}

/** A cart is filled over HTTP, and its owner is in the segment; whatever was said of words and segments before. */
async function story(rig: Rig): Promise<string[]> {
  const told: string[] = [];
  const must = async (method: string, path: string, body?: object): Promise<string> => {
    const { status, text } = await rig.ask(method, path, body);
    told.push(`${method} ${path}: ${status} ${text.slice(0, 200)}`);
    if (status >= 300) throw new Error("refused");
    return text;
  };
  try {
    await must("PUT", "/v1/vocabulary", {});
    await must("POST", "/v1/segments", { id: STORY, name: "Story", rule: { cart: { value: { gt: 0, lt: 100 } } } });
    await until(
      "the segment is active",
      async () => /"state":"live"/.test((await rig.ask("GET", `/v1/segments/${STORY}`)).text),
      QUIET_MS_MAX,
    );
    const properties = { product_id: "story-1", price: 60, quantity: 1 };
    await must("POST", "/v1/track", { userId: "ann of the story", event: "Product Added", properties });
    await until("she is in it", async () =>
      (
        await rig.ask("POST", "/v1/decide", { user: "ann of the story", segments: [STORY], waitMs: 1_000 })
      ).text.includes(`"${STORY}"`),
    );
    return [];
  } catch (error) {
    return [`the story broke off: ${(error as Error).message}; ${told.join("; ")}`];
  }
}
