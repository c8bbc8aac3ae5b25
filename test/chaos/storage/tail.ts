// The end of a log is gone: what a power cut leaves of a log whose server had not flushed. Beside torn.ts and flipped.ts.
import { BOTH, type Case, scenarioOf } from "./cases.ts";

const HARMED = 1;
const LOST = 12;

export const cut: Case[] = BOTH.map((worker) => ({
  fault: `the last ${LOST} messages of a log cut off its block file`,
  worker,
  play: async (rig, fault) => {
    await rig.letGo();
    await rig.outage((store) => store.cutTail(rig.eventsStream(HARMED), LOST));
    return rig.refused(fault, [HARMED], ["LOG-002"]);
  },
}));

export const refilled: Case[] = BOTH.map((worker) => ({
  fault: `the last ${LOST} messages of a log cut off, and ${2 * LOST} others in their place before a worker looks`,
  worker,
  play: async (rig, fault) => {
    await rig.letGo();
    await rig.unseen(async () => {
      await rig.harmed((store) => store.cutTail(rig.eventsStream(HARMED), LOST));
      await rig.fill(HARMED, 2 * LOST);
    });
    return rig.refused(fault, [HARMED], ["LOG-003"]);
  },
}));

/** No checkpoint covers them and no delta followed from them, so nothing that is stored remembers them. */
const unremembered: Case[] = BOTH.map((worker) => ({
  fault: `the last ${LOST} messages cut off, processed, but not in a checkpoint yet and without a delta`,
  worker,
  variables: { ROLLCALL_CHECKPOINT_INTERVAL: "1h" },
  play: async (rig, fault) => {
    await rig.fill(HARMED, LOST);
    await rig.cluster.caughtUp();
    const { done } = await rig.watermark(HARMED);
    const end = await rig.logEnd(HARMED);
    await rig.outage((store) => store.cutTail(rig.eventsStream(HARMED), Math.min(LOST, end - done)));
    if (worker === "stayed") return rig.refused(fault, [HARMED], ["LOG-002"]);
    const row = await rig.healed(fault);
    return {
      ...row,
      seen: `nothing stored remembers them (said up to ${done}, log ended at ${end}), so nobody can know; ${row.seen}`,
    };
  },
}));

export const tail = scenarioOf("log-tail", "the end of a log is gone, or gone and filled up again", [
  ...cut,
  ...refilled,
  ...unremembered,
]);
