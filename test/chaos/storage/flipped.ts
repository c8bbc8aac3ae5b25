// One bit of a log's block file is another one. What the server makes of it depends on whether it reads the block anew;
// whatever that is, a worker that needs the message must refuse, and one that does not may go on.
import { streamState } from "../../../lib/nats/wire.ts";
import { BOTH, type Case, scenarioOf } from "./cases.ts";
import type { StorageRig } from "./rig.ts";

const HARMED = 0;
/** So large that a log closes its first block of 8 MB and compresses it. */
const LARGE_BYTES = 24_000;
const LARGE = 700;
const REFUSED = ["LOG-001", "LOG-002", "LOG-003", "LOG-004"];

interface Damage {
  readonly what: string;
  /** The server does not load the stream at all. */
  readonly fatal?: true;
  readonly how: "stopped" | "killed";
  harm(rig: StorageRig): Promise<void>;
}

const DAMAGES: readonly Damage[] = [
  {
    what: "a bit flipped in the middle of a log's open block, index kept",
    how: "stopped",
    harm: async (rig) => rig.store.flipBit(rig.eventsStream(HARMED), Math.floor(rig.ends[HARMED]! / 2)),
  },
  {
    what: "a bit flipped in the middle of a log's open block, index lost",
    how: "killed",
    harm: async (rig) => {
      await rig.store.flipBit(rig.eventsStream(HARMED), Math.floor(rig.ends[HARMED]! / 2));
      await rig.store.forgetIndex(rig.eventsStream(HARMED));
    },
  },
  {
    what: "a bit flipped in a log's closed, compressed block, index kept",
    how: "stopped",
    harm: async (rig) => rig.store.flipBitInOldestBlock(rig.eventsStream(HARMED)),
  },
  {
    what: "a bit flipped in a log's closed, compressed block, index lost",
    fatal: true,
    how: "killed",
    harm: async (rig) => {
      await rig.store.flipBitInOldestBlock(rig.eventsStream(HARMED));
      await rig.store.forgetIndex(rig.eventsStream(HARMED));
    },
  },
];

async function prepared(rig: StorageRig, { what }: Damage): Promise<void> {
  if (what.includes("closed")) {
    await rig.fill(HARMED, LARGE, LARGE_BYTES);
    await rig.cluster.caughtUp();
    await rig.checkpointed();
  }
  await rig.noteEnds();
}

/** What the server still has of the log, in words. */
async function left(rig: StorageRig): Promise<{ readonly text: string; readonly tailLost: boolean }> {
  const { first, last } = await streamState(rig.cluster.nc, rig.eventsStream(HARMED));
  const before = rig.ends[HARMED]!;
  return { text: `the server says the log is ${first} to ${last} (it was 1 to ${before})`, tailLost: last < before };
}

/** It has a checkpoint behind the damage: the damaged message is not needed, a lost tail is. */
const past: Case[] = DAMAGES.flatMap((damage) =>
  BOTH.map((worker) => ({
    fault: `${damage.what}, before the checkpoint`,
    worker,
    play: async (rig, fault) => {
      await prepared(rig, damage);
      await rig.outage(() => damage.harm(rig), damage.how);
      if (damage.fatal) return rig.saysThatItIsGone(fault, rig.eventsStream(HARMED));
      const { text, tailLost } = await left(rig);
      const row = tailLost ? await rig.refused(fault, [HARMED], REFUSED) : await rig.goesOn(fault);
      return { ...row, seen: `${text}; ${row.seen}` };
    },
  })),
);

/** All checkpoints are gone, so a new worker must read the log from its start. */
export const needed: Case[] = DAMAGES.map((damage) => ({
  fault: `${damage.what}, and the log must be replayed from its start`,
  worker: "fresh",
  play: async (rig, fault) => {
    await prepared(rig, damage);
    await rig.outage(async (store) => {
      await damage.harm(rig);
      await store.remove(rig.checkpointStream);
    }, damage.how);
    if (damage.fatal) return rig.saysThatItIsGone(fault, rig.eventsStream(HARMED));
    const { text } = await left(rig);
    const row = await rig.refused(fault, [HARMED], REFUSED);
    return { ...row, seen: `${text}; ${row.seen}` };
  },
}));

export const flipped = scenarioOf("log-bit", "one bit of a log's block file flipped", [...past, ...needed]);
