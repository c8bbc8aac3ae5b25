// What does it cost to have the server flush every message to disk? Guess: a tenth; reading needs no flush, and what is said
// is one message in twenty.
import assert from "node:assert/strict";
import type { SideResult } from "./sides/consume.ts";
import { type Bench, size } from "./support/bench.ts";
import { runAlone } from "./support/cli.ts";
import { loadEvents } from "./support/load.ts";
import { median, ratioOf, thousands } from "./support/measure.ts";
import {
  cpuText,
  filledServer,
  hashOfDeltas,
  runSide,
  steadyPerSecond,
  storedDeltas,
  wholePerSecond,
} from "./support/rounds.ts";
import { rulesOf } from "./support/rules.ts";

const GOAL = { least: 0.88, aim: 0.96, better: "more" } as const;

export const bench: Bench = {
  name: "sync",
  question: "sync_interval: always ÷ default",
  sizes: {
    full: { events: 200_000, users: 100_000, segments: 1_000, partitions: 32, rounds: 3 },
    quick: { events: 60_000, users: 40_000, segments: 1_000, partitions: 32, rounds: 1 },
    tiny: { events: 300, users: 50, segments: 120, partitions: 2, rounds: 1 },
  },
  async run(sizes, progress) {
    const load = loadEvents({ events: size(sizes, "events"), users: size(sizes, "users") });
    const { definitions } = rulesOf("gated", size(sizes, "segments"));
    const filled = await filledServer(size(sizes, "partitions"), definitions, load, progress);
    try {
      const results: Record<"always" | "default", SideResult[]> = { always: [], default: [] };
      const hashes = new Set<string>();
      let said = 0;
      for (let round = 0; round < size(sizes, "rounds"); round += 1) {
        for (const setting of ["default", "always"] as const) {
          progress(`round ${round + 1}: ${setting}`);
          await filled.server.restart({ syncAlways: setting === "always" });
          results[setting].push(await runSide(filled, "E"));
          const deltas = await storedDeltas(filled.server);
          said = deltas.length;
          hashes.add(hashOfDeltas(deltas));
        }
      }
      assert.equal(hashes.size, 1, "the setting changed what was said");
      const rates = (of: (result: SideResult) => number) => [results.always.map(of), results.default.map(of)] as const;
      const [always, usual] = rates(steadyPerSecond);
      const [alwaysWhole, usualWhole] = rates(wholePerSecond);
      const flips = (said / results.default[0]!.messages).toFixed(3);
      return {
        rows: [
          {
            question: "sync_interval: always ÷ default, after the first fifth",
            goal: GOAL,
            left: { name: "always", value: thousands(median(always)) },
            right: { name: "default", value: thousands(median(usual)) },
            ratio: ratioOf(always, usual),
            notes: [
              `always: ${cpuText(results.always.at(-1)!)}; default: ${cpuText(results.default.at(-1)!)}; ${flips} flips an event`,
            ],
          },
          {
            question: "the same, whole run",
            left: { name: "always", value: thousands(median(alwaysWhole)) },
            right: { name: "default", value: thousands(median(usualWhole)) },
            ratio: ratioOf(alwaysWhole, usualWhole),
          },
        ],
        checked: [`every run said the same ${said.toLocaleString("en-US")} deltas`],
        hash: [...hashes][0]!,
      };
    } finally {
      await filled.server.stop();
    }
  },
};

await runAlone(import.meta.url, bench);
