// What the cluster stands on: the streams as they were made, the mapping, definitions, refusals, room in store and on disk.
// Reads and judges in one, since each is one question; cmd/cli/doctor.ts asks them in turn.
import { statfs } from "node:fs/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { DataSetMade } from "../api/operations/data-set.ts";
import { Catalogue } from "../api/segments/catalogue.ts";
import { bytes, counted } from "../cli/numbers.ts";
import type { Limits } from "../core/types.ts";
import { NatsControlLog } from "../nats/control-log.ts";
import type { Names } from "../nats/names.ts";
import { type DataSetOptions, MappingMissing, provision } from "../nats/provision.ts";
import { api } from "../nats/wire.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";
import { type RejectsState, rejectsFinding } from "./rejects.ts";

const DISK_FREE_WARN = 0.1;
const DISK_FREE_BYTES_MIN = 512 * 1024 * 1024;

export async function streams(
  nc: NatsConnection,
  configured: DataSetOptions,
  made: DataSetMade,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const asMade = `${made.partitions} partitions, clock ${made.clock}`;
  if (made.partitions !== configured.partitions || made.clock !== configured.clock) {
    const here = `${configured.partitions} partitions, clock ${configured.clock}`;
    found.push(
      warn(
        "data set",
        `made with ${asMade}; the configuration here says ${here}`,
        "a worker with this configuration would refuse to start: set ROLLCALL_PARTITIONS and ROLLCALL_CLOCK as made",
      ),
    );
  } else found.push(ok("data set", asMade));
  try {
    const report = await provision(nc, { ...configured, ...made }, { create: false });
    found.push(ok("streams", `${counted(report.found.length, "stream")}, all as they must be`));
    const tried = counted(report.probed, "partition");
    found.push(ok("mapping", `events.* and accounts.* lead into the right log, tried for ${tried}`));
  } catch (error) {
    const check = error instanceof MappingMissing ? "mapping" : "streams";
    const [text, ...remedy] = (error as Error).message.split("\n");
    found.push(fail(check, text!, remedy.join("\n") || "see `rollcall nats-config`"));
  }
  return found;
}

export async function segments(nc: NatsConnection, names: Names, limits: Limits): Promise<Finding> {
  const catalogue = await Catalogue.open(new NatsControlLog(nc, names), limits);
  catalogue.stop();
  const all = catalogue.segments();
  const preparing = all.filter(({ state, nextVersion }) => state === "backfilling" || nextVersion !== null).length;
  if (all.length === 0) return warn("segments", "none yet", "rollcall segments apply config/segments");
  return ok("segments", `${counted(all.length, "segment")}${preparing > 0 ? `, ${preparing} in preparation` : ""}`);
}

export async function rejects(nc: NatsConnection, names: Names): Promise<Finding> {
  const subject = names.rejectedSubject("*");
  const { state } = await api<{ state: RejectsState }>(nc, `STREAM.INFO.${names.rejectsStream}`, {
    subjects_filter: subject,
  });
  return rejectsFinding(state, names.rejectsStream, Date.now());
}

interface AccountInfo {
  readonly storage: number;
  readonly reserved_storage?: number;
  readonly limits: { readonly max_storage: number };
}

export async function store(nc: NatsConnection): Promise<Finding> {
  const { storage, limits } = await api<AccountInfo>(nc, "INFO");
  const used = `${bytes(storage)} in JetStream`;
  if (limits.max_storage <= 0) return ok("store", used);
  const share = storage / limits.max_storage;
  const text = `${used} of ${bytes(limits.max_storage)} allowed`;
  return share < 0.9
    ? ok("store", text)
    : warn("store", text, "raise max_file_store of the server, or the account's limit");
}

/** Of this machine; a server that is elsewhere has a disk of its own. */
export async function disk(url: string, dataDir: string): Promise<readonly Finding[]> {
  if (!isLocal(url)) return [];
  const found = await statfs(dataDir).catch(() => undefined);
  if (found === undefined) return [];
  const free = found.bavail * found.bsize;
  const text = `${bytes(free)} free on this machine, under ${dataDir}`;
  if (free < DISK_FREE_BYTES_MIN)
    return [fail("disk", text, "make room: a server that cannot write stops taking events")];
  if (free / (found.blocks * found.bsize) < DISK_FREE_WARN) return [warn("disk", text, "make room soon")];
  return [ok("disk", text)];
}

/** Every address leads to this machine. */
export function isLocal(url: string): boolean {
  return url
    .split(",")
    .every((address) => /^(?:\w+:\/\/)?(?:[^@/]*@)?(?:localhost|127[.\d]+|\[::1\])(?::\d+)?\/?$/.test(address.trim()));
}
