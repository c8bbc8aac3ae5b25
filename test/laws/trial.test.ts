// A trial tells what applying would do: for random rules after random histories, those it says would be in are in once
// the definition is in force, and those it says nothing of are the only others that can be.
import { expect, test } from "vitest";
import type { TrialPart } from "../../lib/core/partition.ts";
import { vocabularyText } from "../../lib/core/rules/questions/vocabulary-reads.ts";
import { DEFAULT_LIMITS, type Json } from "../../lib/core/types.ts";
import { Dice, seeds } from "../support/seed.ts";
import { lived } from "./lived.ts";
import { Rig } from "./rig.ts";

const CANDIDATES = 6;
const SAMPLES = 3;

function played(seed: number) {
  const dice = new Dice(seed);
  const rig = new Rig({
    partition: 0,
    partitions: 1,
    clockMode: "log",
    clockStepMsMax: 40 * 86_400_000,
    limits: DEFAULT_LIMITS,
    pageCacheBytesMax: dice.pick([1, 100_000_000]),
    pageBytesMax: dice.pick([800, 65_536]),
  });
  return { rig, shop: lived(dice, rig).shop };
}

/** All slices of one trial; a page that is not in memory is provided, as the owner's desk does. */
function tried(rig: Rig, source: Json): TrialPart {
  const walk = rig.machine.tryOut(source, 0, SAMPLES);
  while (walk.page !== undefined) {
    rig.provide(walk.page);
    walk.look();
    rig.evict();
  }
  return walk.part;
}

function isInForceAsWritten(source: Json): boolean {
  const { stay, cooldown, enabled } = source as { stay?: string; cooldown?: string; enabled?: boolean };
  return stay === undefined && cooldown === undefined && enabled !== false;
}

/** A vocabulary that waits is what an apply would be read by, so the trial is right to see a change. */
function isReadAnew(rig: Rig, id: string): boolean {
  const { active, newestVocabulary } = rig.machine.control;
  const { definition, vocabulary } = active.get(id)!;
  return vocabularyText(definition, vocabulary) !== vocabularyText(definition, newestVocabulary);
}

test.each(seeds(60))("what is in force changes nobody, and what is new takes in whom it said, seed %i", (seed) => {
  const { rig, shop } = played(seed);
  const sizes = rig.machine.sizes();
  // Of what was applied last some may wait, or have been given up.
  for (const [id, { definition: inForce }] of rig.machine.control.active) {
    const { source } = inForce;
    if (!isInForceAsWritten(source) || isReadAnew(rig, id)) continue;
    const part = tried(rig, source);
    expect({ id, source: JSON.stringify(source), ...part }).toMatchObject({
      id,
      members: rig.machine.universe,
      unknown: 0,
      joins: 0,
      leaves: 0,
    });
    expect(part.in, id).toBe(sizes.get(id));
    expect(part.inSample.length).toBe(Math.min(SAMPLES, part.in));
    expect(part.nearMisses).toBeLessThanOrEqual(part.members - part.in);
    expect(part.nodes[0]?.pass ?? 0).toBe(part.in);
  }
  for (let index = 0; index < CANDIDATES; index += 1) {
    const source = shop.valid(`new${index}`);
    if (!isInForceAsWritten(source)) continue;
    const part = tried(rig, source);
    expect(part.joins).toBe(part.in);
    const size = shop.sizeOnceInForce(rig, source);
    if (size === undefined) continue;
    expect(size, `SEED=${seed} ${JSON.stringify(source)}`).toBeGreaterThanOrEqual(part.in);
    expect(size, `SEED=${seed} ${JSON.stringify(source)}`).toBeLessThanOrEqual(part.in + part.unknown);
  }
});
