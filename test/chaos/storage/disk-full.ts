// The server's disk is full, or the room for checkpoints is: channels are not acknowledged, or checkpoints wait; nothing that
// was acknowledged is lost, and all goes on when there is room again. The disk is a small one in memory.
import { execFile } from "node:child_process";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { api } from "../../../lib/nats/wire.ts";
import { until } from "../../support/until.ts";
import type { Observation, Scenario, ScenarioContext } from "../scenario.ts";
import { type Case, scenarioOf } from "./cases.ts";
import { StorageRig } from "./rig.ts";

const run = promisify(execFile);
const MB = 1024 * 1024;
const DISK_MB = 96;
/** What the load may still fill. */
const LEFT_BYTES = 3 * MB;
const FULL_MS_MAX = 60_000;
const ROOM_MS_MAX = 30_000;

/** Mounts a small file system; says why when that is not allowed here. */
async function smallDisk(): Promise<{ readonly at: string } | { readonly why: string }> {
  const at = await mkdtemp(join(tmpdir(), "rollcall-disk-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "rollcall-chaos", at]);
    return { at };
  } catch (error) {
    await rm(at, { recursive: true });
    return { why: (error as Error).message.trim().split("\n").at(-1) ?? "mount failed" };
  }
}

async function unmount(at: string): Promise<void> {
  await run("umount", ["--lazy", at]);
  await rm(at, { recursive: true, force: true });
}

async function freeBytes(at: string): Promise<number> {
  const { bavail, bsize } = await statfs(at);
  return bavail * bsize;
}

const FULL_DISK = "the server's disk full under load, then emptied";

async function fullDisk(context: ScenarioContext): Promise<readonly Observation[]> {
  const disk = await smallDisk();
  if ("why" in disk)
    return [
      { fault: FULL_DISK, times: 0, seen: `NOT DONE: a file system cannot be mounted here (${disk.why})`, held: true },
    ];
  try {
    const rig = await StorageRig.open({ seed: context.seed, worker: "stayed", under: disk.at });
    try {
      return [await filledUp(rig, disk.at, context)];
    } catch (error) {
      return [
        { fault: FULL_DISK, times: 1, seen: `ended early: ${(error as Error).message.split("\n")[0]}`, held: false },
      ];
    } finally {
      await rig.close();
    }
  } finally {
    await unmount(disk.at);
  }
}

async function filledUp(rig: StorageRig, disk: string, { say }: ScenarioContext): Promise<Observation> {
  const filler = join(disk, "filler");
  await writeFile(filler, Buffer.alloc((await freeBytes(disk)) - LEFT_BYTES, 1));
  const load = await rig.newLoad();
  await until("publishes are refused", () => load.retries > 100, FULL_MS_MAX);
  const atFull = { stored: load.stored, free: await freeBytes(disk) };
  say(`full: ${atFull.free} bytes left, ${load.stored} events acknowledged`);
  const doctor = await rig.doctor();
  await rm(filler);
  const alone = await load.flows(1_000, ROOM_MS_MAX).then(
    () => true,
    () => false,
  );
  const restarted = alone ? "went on by itself" : "did NOT go on before the server was restarted";
  if (!alone) {
    say("the server does not take events again by itself: it is restarted");
    await rig.serverDown("stopped");
    await rig.serverUp();
    await load.flows(1_000);
  }
  await load.stop();
  const row = await rig.healed(FULL_DISK);
  const events = await rig.cluster.eventsStored();
  const acked = rig.acknowledged;
  const kept =
    events === acked ? "every acknowledged event is in a log once" : `${acked} acknowledged, ${events} in the logs`;
  const seen =
    `${atFull.free} bytes left: ${load.retries} tries refused or unanswered; ${doctor}; ` +
    `with room again it ${restarted}; ${kept}; ${row.seen}`;
  return { ...row, seen, held: row.held && events === acked };
}

/** As with a limit on the bucket, or an account that has no more: the logs and SEGMENTS still have room. */
const noRoomForCheckpoints: Case = {
  fault: "no room for checkpoints (a size limit on CHECKPOINT), then lifted",
  worker: "stayed",
  play: async (rig, fault) => {
    const stream = rig.checkpointStream;
    const { config, state } = await api<{ config: object; state: { bytes: number } }>(
      rig.cluster.nc,
      `STREAM.INFO.${stream}`,
    );
    await api(rig.cluster.nc, `STREAM.UPDATE.${stream}`, { ...config, max_bytes: state.bytes });
    const before = await rig.cluster.status();
    const load = await rig.newLoad();
    await load.flows(3_000);
    await load.stop();
    await rig.cluster.caughtUp();
    const during = await rig.cluster.status();
    const advanced = during.filter((status, p) => status!.done > before[p]!.done).length;
    const checkpointed = during.filter((status) => status!.checkpointPosition === status!.position).length;
    await api(rig.cluster.nc, `STREAM.UPDATE.${stream}`, { ...config, max_bytes: -1 });
    await rig.checkpointed();
    const row = await rig.healed(fault);
    const seen = `meanwhile ${advanced} of ${during.length} partitions went on saying deltas, ${checkpointed} had a checkpoint of their position; once lifted all had; ${row.seen}`;
    return { ...row, seen, held: row.held && advanced === during.length && checkpointed < during.length };
  },
};

const limited = scenarioOf("disk-checkpoint", "no room for checkpoints", [noRoomForCheckpoints]);

export const diskFull: Scenario = {
  name: "disk-full",
  about: "the server's disk is full, or the room for checkpoints is",
  run: async (context) => [...(await fullDisk(context)), ...(await limited.run(context))],
};
