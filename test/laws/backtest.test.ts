// A back-test ends where applying would: for random rules over random histories, whoever is in once the past has been
// played is in once the definition is in force. And its days add up.
import { expect, test } from "vitest";
import { Backtest, reportOf } from "../../lib/backtest/backtest.ts";
import { DEFAULT_LIMITS, type Json } from "../../lib/core/types.ts";
import type { Vocabulary } from "../../lib/core/vocabulary.ts";
import { vocabularyDocument } from "../../lib/core/vocabulary-document.ts";
import { Dice, seeds } from "../support/seed.ts";
import { lived } from "./lived.ts";
import { Rig } from "./rig.ts";

const CANDIDATES = 5;
const DAY_MS = 86_400_000;

const common = {
  partition: 0,
  partitions: 1,
  clockMode: "log",
  clockStepMsMax: 40 * DAY_MS,
  limits: DEFAULT_LIMITS,
  pageCacheBytesMax: 100_000_000,
  pageBytesMax: 65_536,
} as const;

/** Nothing of the test but what it says itself is in force: it stands alone, and does not wait. */
function isAlone(source: Json, { engagement }: Vocabulary): boolean {
  const text = JSON.stringify(source);
  const { stay, cooldown, enabled } = source as Record<string, Json>;
  const weighsSegment = text.includes('"engagement"') && engagement.parts.some(({ of }) => of.kind === "segment");
  const isNested = weighsSegment || text.includes('"segment"');
  return stay === undefined && cooldown === undefined && enabled !== false && !isNested;
}

test.each(seeds(60))("the past played and the definition applied give the same people, seed %i", (seed) => {
  const dice = new Dice(seed);
  const rig = new Rig(common);
  const { shop, start } = lived(dice, rig);
  for (let index = 0; index < CANDIDATES; index += 1) {
    const source = shop.valid(`new${index}`);
    if (!isAlone(source, rig.machine.control.newestVocabulary)) continue;
    const past = [...rig.log];
    const size = shop.sizeOnceInForce(rig, source);
    if (size === undefined) continue;
    const { id, zone = "UTC" } = source as { id: string; zone?: string };
    const from = start + dice.int(0, 3) * DAY_MS;
    const vocabulary = vocabularyDocument(rig.machine.control.newestVocabulary);
    const run = new Backtest({ partition: common, id, sources: [source], vocabulary, zone, from });
    for (const record of past) run.apply(record);
    const part = run.endAt(rig.machine.clock);
    expect(part.size, `SEED=${seed} ${JSON.stringify(source)}`).toBe(size);
    expect(run.trial(3)).toMatchObject({ in: size, unknown: 0, joins: 0, leaves: 0, members: rig.machine.universe });
    const report = reportOf([part], { from, to: rig.machine.clock, zone });
    if (from <= rig.machine.clock) expect(report.sizeBefore + report.joined - report.left).toBe(size);
    expect(report.days.at(-1)?.size ?? size).toBe(size);
  }
});
