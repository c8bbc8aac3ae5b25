// A stream is deleted through the server, under running workers or before new ones come; or deleted and made again, empty.
import { api } from "../../../lib/nats/wire.ts";
import { BOTH, type Case, scenarioOf } from "./cases.ts";
import type { StorageRig } from "./rig.ts";

const HARMED = 1;

async function remove(rig: StorageRig, stream: string): Promise<object> {
  const { config } = await api<{ config: object }>(rig.cluster.nc, `STREAM.INFO.${stream}`);
  await api(rig.cluster.nc, `STREAM.DELETE.${stream}`);
  return config;
}

async function replace(rig: StorageRig, stream: string): Promise<void> {
  const config = await remove(rig, stream);
  await api(rig.cluster.nc, `STREAM.CREATE.${stream}`, config);
}

const checkpoint: Case[] = BOTH.map((worker) => ({
  fault: "the bucket CHECKPOINT deleted",
  worker,
  play: async (rig, fault) => {
    await rig.misuse(async () => void (await remove(rig, rig.checkpointStream)));
    const row = await rig.healed(fault);
    return { ...row, seen: `${row.seen}; ${await rig.afterwards(rig.checkpointStream)}` };
  },
}));

const checkpointReplaced: Case[] = BOTH.map((worker) => ({
  fault: "the bucket CHECKPOINT deleted and made again, empty",
  worker,
  play: async (rig, fault) => {
    await rig.misuse(() => replace(rig, rig.checkpointStream));
    const row = await rig.healed(fault);
    return { ...row, seen: `${row.seen}; ${await rig.afterwards(rig.checkpointStream)}` };
  },
}));

const segments: Case[] = BOTH.map((worker) => ({
  fault: "the stream SEGMENTS deleted",
  worker,
  play: async (rig, fault) => {
    await rig.misuse(async () => void (await remove(rig, rig.segmentsStream)));
    return rig.saysThatItIsGone(fault, rig.segmentsStream);
  },
}));

const segmentsReplaced: Case[] = BOTH.map((worker) => ({
  fault: "the stream SEGMENTS deleted and made again, empty",
  worker,
  play: async (rig, fault) => {
    await rig.misuse(() => replace(rig, rig.segmentsStream));
    return rig.refused(fault, rig.partitions, worker === "stayed" ? ["SEG-001", "CHK-002"] : ["CHK-002"]);
  },
}));

const log: Case[] = BOTH.map((worker) => ({
  fault: "a log deleted",
  worker,
  play: async (rig, fault) => {
    await rig.misuse(async () => void (await remove(rig, rig.eventsStream(HARMED))));
    return rig.saysThatItIsGone(fault, rig.eventsStream(HARMED));
  },
}));

const logReplaced: Case[] = BOTH.map((worker) => ({
  fault: "a log deleted and made again, empty",
  worker,
  play: async (rig, fault) => {
    await rig.misuse(() => replace(rig, rig.eventsStream(HARMED)));
    return rig.refused(fault, [HARMED], ["LOG-002"]);
  },
}));

export const deleted = scenarioOf("stream-deleted", "a stream deleted, or deleted and made again", [
  ...checkpoint,
  ...checkpointReplaced,
  ...segments,
  ...segmentsReplaced,
  ...log,
  ...logReplaced,
]);
