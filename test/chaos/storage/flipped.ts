// One bit of a block file is another one, most of all in a log. What the server makes of it depends on whether it reads the block anew;
// whatever that is, a worker that needs the message must refuse, and one that does not may go on.
import { streamState } from "../../../lib/nats/wire.ts";
import { BOTH, type Case, scenarioOf } from "./cases.ts";
import type { StorageRig } from "./rig.ts";

const HARMED = 0;
/** So large that a log closes its first block of 8 MB and compresses it. */
const LARGE_BYTES = 24_000;
const LARGE = 450;
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

/** Without its index SEGMENTS ends at the damage when the server is back; what was said last is beyond it. */
const output: Case[] = BOTH.map((worker) => ({
  fault: "a bit flipped in a delta in the middle of SEGMENTS, index lost",
  worker,
  play: async (rig, fault) => {
    await rig.outage(async (store) => {
      await store.flipBitOf(rig.segmentsStream, "segment.");
      await store.forgetIndex(rig.segmentsStream);
    });
    // A worker that knows what it has said says so. A new one makes the rest again from the logs, delta by delta the same.
    if (worker === "stayed") return rig.refused(fault, rig.partitions, ["SEG-001", "CHK-002"]);
    return rig.healed(fault, { repeatsHeard: true });
  },
}));

/** One delta cannot be read any more. Nobody needs it to go on, and whoever reads SEGMENTS misses a number. */
const unreadableDelta: Case[] = BOTH.map((worker) => ({
  fault: "a bit flipped in a delta in the middle of SEGMENTS, index kept",
  worker,
  play: async (rig, fault) => {
    await rig.outage((store) => store.flipBitOf(rig.segmentsStream, "segment."), "stopped");
    const row = await rig.goesOn(fault, { lacks: true });
    const report = await rig.verified();
    const { lost, repeated, wrong } = report.deltas;
    const others = repeated.count + wrong.count + report.memberships.missing.count + report.memberships.extra.count;
    const seen = `${row.seen}; verify finds ${lost.count} delta lost, nothing else: ${lost.examples[0] ?? ""}`;
    return { ...row, seen, held: row.held && lost.count === 1 && others === 0 };
  },
}));

const checkpoints: Case[] = DAMAGES.slice(0, 2).flatMap(({ how }) =>
  BOTH.map((worker) => ({
    fault: `a bit flipped in the middle of CHECKPOINT, index ${how === "stopped" ? "kept" : "lost"}`,
    worker,
    play: async (rig, fault) => {
      await rig.outage(async (store) => {
        await store.flipBitOf(rig.checkpointStream, "$KV.");
        if (how === "killed") await store.forgetIndex(rig.checkpointStream);
      }, how);
      return rig.healed(fault);
    },
  })),
);

export const flipped = scenarioOf("log-bit", "one bit of a log's block file flipped", [...past, ...needed]);

export const flippedElsewhere = scenarioOf("store-bit", "one bit of SEGMENTS' or CHECKPOINT's block file flipped", [
  ...output,
  ...unreadableDelta,
  ...checkpoints,
]);
