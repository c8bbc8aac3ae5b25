// The last block of a log is damaged at its end: a record written in part, or bytes behind it that are none.
import { BOTH, type Case, scenarioOf } from "./cases.ts";

const HARMED = 2;
const UNPROCESSED = 5;
const GARBAGE = Buffer.from("this is no record of a log, and its checksum cannot be right either. ".repeat(4));

const processed: Case[] = BOTH.map((worker) => ({
  fault: "a log's last record torn in half, after it was processed",
  worker,
  play: async (rig, fault) => {
    await rig.letGo();
    await rig.outage((store) => store.tearLast(rig.eventsStream(HARMED)));
    return rig.refused(fault, [HARMED], ["LOG-002"]);
  },
}));

const unprocessed: Case[] = BOTH.map((worker) => ({
  fault: `a log's last record torn in half, the last of ${UNPROCESSED} that nobody has processed`,
  worker,
  play: async (rig, fault) => {
    let before = 0;
    let left = 0;
    await rig.unseen(async () => {
      before = (await rig.fill(HARMED, UNPROCESSED)).at(-1)!;
      await rig.harmed((store) => store.tearLast(rig.eventsStream(HARMED)));
      left = await rig.logEnd(HARMED);
    });
    const row = await rig.healed(fault);
    const lost = `${before - left} acknowledged event lost with the record (the log ends at ${left} instead of ${before})`;
    return { ...row, seen: `${lost}; ${row.seen}`, held: row.held && before - left === 1 };
  },
}));

const garbage: Case[] = BOTH.map((worker) => ({
  fault: `${GARBAGE.length} bytes of garbage behind a log's last record`,
  worker,
  play: async (rig, fault) => {
    const before = await rig.logEnd(HARMED);
    let left = 0;
    await rig.unseen(async () => {
      await rig.harmed((store) => store.appendGarbage(rig.eventsStream(HARMED), GARBAGE));
      left = await rig.logEnd(HARMED);
    });
    const row = await rig.healed(fault);
    return { ...row, seen: `the log ends at ${left}, as before; ${row.seen}`, held: row.held && left === before };
  },
}));

export const torn = scenarioOf("log-torn", "the last block of a log damaged at its end", [
  ...processed,
  ...unprocessed,
  ...garbage,
]);
