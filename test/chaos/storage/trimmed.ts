// Messages of a log are removed through the server: purged, aged out, or one of them deleted by hand.
import { api, streamState } from "../../../lib/nats/wire.ts";
import { until } from "../../support/until.ts";
import { BOTH, type Case, scenarioOf } from "./cases.ts";
import type { StorageRig } from "./rig.ts";

const HARMED = 3;
const UNPROCESSED = 20;
const NS_PER_S = 1_000_000_000;

export const purged: Case[] = BOTH.map((worker) => ({
  fault: `a log purged past the checkpoint, with messages that nobody has processed`,
  worker,
  play: async (rig, fault) => {
    await rig.unseen(async () => {
      const last = (await rig.fill(HARMED, UNPROCESSED)).at(-1)!;
      await api(rig.cluster.nc, `STREAM.PURGE.${rig.eventsStream(HARMED)}`, { seq: last });
    });
    return rig.refused(fault, [HARMED], ["LOG-001"]);
  },
}));

const aged: Case[] = BOTH.map((worker) => ({
  fault: `a log whose age limit removed messages that nobody has processed`,
  worker,
  play: async (rig, fault) => {
    await rig.unseen(async () => {
      const last = (await rig.fill(HARMED, UNPROCESSED)).at(-1)!;
      await ageLimit(rig, 1);
      const { nc } = rig.cluster;
      await until("all messages aged out", async () => (await streamState(nc, rig.eventsStream(HARMED))).first > last);
      await ageLimit(rig, 0);
    });
    return rig.refused(fault, [HARMED], ["LOG-001"]);
  },
}));

/** As the operator would with `nats stream edit`; 0 is none. */
async function ageLimit(rig: StorageRig, ageS: number): Promise<void> {
  const stream = rig.eventsStream(HARMED);
  const { config } = await api<{ config: object }>(rig.cluster.nc, `STREAM.INFO.${stream}`);
  const window = ageS === 0 ? 120 : ageS;
  const limits = { max_age: ageS * NS_PER_S, duplicate_window: window * NS_PER_S };
  await api(rig.cluster.nc, `STREAM.UPDATE.${stream}`, { ...config, ...limits });
}

const holed: Case[] = BOTH.map((worker) => ({
  fault: "one message deleted from the middle of a log, which nobody has processed",
  worker,
  play: async (rig, fault) => {
    await rig.unseen(async () => {
      const seqs = await rig.fill(HARMED, UNPROCESSED);
      const seq = seqs[Math.floor(seqs.length / 2)]!;
      await api(rig.cluster.nc, `STREAM.MSG.DELETE.${rig.eventsStream(HARMED)}`, { seq });
    });
    return rig.refused(fault, [HARMED], ["LOG-004"]);
  },
}));

const holedBehind: Case[] = [
  {
    fault: "one processed message deleted from a log, and the log must be replayed from its start",
    worker: "fresh",
    play: async (rig, fault) => {
      const end = await rig.logEnd(HARMED);
      await rig.misuse(async () => {
        await api(rig.cluster.nc, `STREAM.MSG.DELETE.${rig.eventsStream(HARMED)}`, { seq: Math.floor(end / 2) });
        await api(rig.cluster.nc, `STREAM.DELETE.${rig.checkpointStream}`);
      });
      return rig.refused(fault, [HARMED], ["LOG-004"]);
    },
  },
];

export const trimmed = scenarioOf("log-trimmed", "messages of a log purged, aged out, or deleted by hand", [
  ...purged,
  ...aged,
  ...holed,
  ...holedBehind,
]);
