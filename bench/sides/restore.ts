// One side of the restore bench: bring a checkpoint's pages back into machines, or read the same bytes and do nothing.
// Restoring makes the calls of actors/partition/restoring.ts without the claim: fetch, check the hash, decode, make resident.
import { jetstream } from "@nats-io/jetstream";
import { hashOf } from "../../actors/partition/manifest.ts";
import { productMachinery } from "../../actors/worker/machinery.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { connectNats } from "../../lib/nats/connect.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { natsWorld } from "../../lib/nats/world.ts";
import { MACHINE_OPTIONS } from "../support/machine.ts";

export interface StoredPage {
  readonly page: number;
  readonly key: string;
  readonly hash: string;
}

export interface StoredPartition {
  readonly metaKey: string;
  readonly pages: readonly StoredPage[];
}

export interface RestoreSpec {
  readonly side: "restore" | "scan";
  readonly url: string;
  readonly partitions: readonly StoredPartition[];
  readonly entries: readonly ControlEntry[];
  /** Messages in the bucket. */
  readonly values: number;
}

export interface RestoreResult {
  readonly ms: number;
  readonly bytes: number;
  /** People known after a restore; 0 of a scan. */
  readonly people: number;
}

export async function restoreSide(spec: RestoreSpec): Promise<RestoreResult> {
  const nc = await connectNats({ url: spec.url }, { role: "bench", instance: spec.side });
  try {
    return spec.side === "scan" ? await scan(nc, spec) : await restore(nc, spec);
  } finally {
    await nc.close();
  }
}

type Connection = Awaited<ReturnType<typeof connectNats>>;

async function restore(nc: Connection, { partitions, entries }: RestoreSpec): Promise<RestoreResult> {
  const world = natsWorld(nc, namesOf(), partitions.length);
  const machinery = productMachinery(DEFAULT_LIMITS);
  const startedMs = performance.now();
  let bytes = 0;
  const people = await Promise.all(
    partitions.map(async ({ metaKey, pages }, partition) => {
      const store = world.partition(partition).pages;
      const need = async (key: string): Promise<Uint8Array> => {
        const found = await store.get(key);
        if (found === undefined) throw new Error(`${key} is missing`);
        bytes += found.length;
        return found;
      };
      const meta = await need(metaKey);
      const machine = machinery.restore(
        { ...MACHINE_OPTIONS, partition, partitions: partitions.length },
        { meta, entries },
      );
      await Promise.all(
        pages.map(async ({ page, key, hash }) => {
          const found = await need(key);
          if (hashOf(found) !== hash) throw new Error(`${key} has other bytes than were written`);
          machine.providePage(page, found);
        }),
      );
      return machine.universe;
    }),
  );
  return { ms: performance.now() - startedMs, bytes, people: people.reduce((sum, one) => sum + one, 0) };
}

async function scan(nc: Connection, { values }: RestoreSpec): Promise<RestoreResult> {
  const js = jetstream(nc);
  const consumer = await js.consumers.get(`KV_${namesOf().checkpointBucket}`);
  // A page is up to half a megabyte; with many more under way the server cuts a reader off.
  const bounds = { max_messages: 64, threshold_messages: 32 };
  const startedMs = performance.now();
  let [count, bytes] = [0, 0];
  return new Promise((resolve, reject) => {
    const running = consumer.consume({
      ...bounds,
      callback: (message) => {
        count += 1;
        bytes += message.data.length;
        if (count < values) return;
        resolve({ ms: performance.now() - startedMs, bytes, people: 0 });
        void running.then((messages) => messages.stop());
      },
    });
    running.catch(reject);
  });
}
