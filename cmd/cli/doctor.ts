// rollcall doctor: one line a thing that can be wrong, each ok, warn or fail, with the remedy where it is not ok.
// It looks only; nothing is changed.
import { statfs } from "node:fs/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Command } from "commander";
import { type Config, dataSetOf, natsSettingsOf } from "../../config/options.ts";
import { Catalogue } from "../../lib/api/catalogue.ts";
import { type DataSetMade, dataSetMade } from "../../lib/api/data-set.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { bytes, count, counted, duration } from "../../lib/cli/numbers.ts";
import { type Style, styleFor } from "../../lib/cli/style.ts";
import type { Format } from "../../lib/cli/table.ts";
import { NatsControlLog } from "../../lib/nats/control-log.ts";
import { type Names, namesOf } from "../../lib/nats/names.ts";
import { MappingMissing, provision } from "../../lib/nats/provision.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { api } from "../../lib/nats/wire.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import { connectOrExplain, optionsOf } from "./context.ts";
import { print, printJson, withOutput } from "./output.ts";

export interface Finding {
  readonly check: string;
  readonly verdict: "ok" | "warn" | "fail";
  readonly text: string;
  readonly remedy?: string;
}

const LAG_WARN = 10_000;
/** Refusals of this age are worth a look; older ones have been looked at, or will never be. */
const REJECTS_WARN_MS = 24 * 3_600_000;
const DISK_FREE_WARN = 0.1;
const DISK_FREE_BYTES_MIN = 512 * 1024 * 1024;

export function addDoctor(program: Command): void {
  withOutput(
    program
      .command("doctor")
      .description("check server, streams, mapping, workers, lag, checkpoints, rejects and disk"),
    ["table", "json"],
  ).action((options: { output: Format }, command: Command) => doctor(command, options.output));
}

async function doctor(command: Command, format: Format): Promise<void> {
  const { config, warnings } = optionsOf(command);
  const findings: Finding[] = warnings.map((text) => ({
    check: "options",
    verdict: "warn",
    text,
    remedy: "unset it, or correct its name",
  }));
  findings.push(...(await examine(config)));
  if (format === "json") printJson(findings);
  else print(findings.map((finding) => line(finding, styleFor(process.stdout))).join("\n"));
  const failed = findings.filter(({ verdict }) => verdict === "fail").length;
  if (failed > 0) throw new CliError(EXIT.failed, `${counted(failed, "check")} failed.`);
}

async function examine(config: Config): Promise<readonly Finding[]> {
  let nc: NatsConnection;
  try {
    nc = await connectOrExplain(config);
  } catch (error) {
    const [text, ...remedy] = (error as Error).message.split("\n");
    return [fail("server", text!, ...remedy), ...(await disk(config))];
  }
  try {
    const found: Finding[] = [ok("server", `nats-server ${nc.info?.version} at ${nc.getServer()}, JetStream on`)];
    const names = namesOf(config.name);
    const made = await dataSetMade(nc, names);
    if (made === undefined) {
      found.push(
        fail(
          "data set",
          `none here (stream ${names.definitionsStream} is missing)`,
          "start a worker, which makes it: rollcall worker",
        ),
      );
      return [...found, ...(await disk(config))];
    }
    found.push(...(await streams(nc, config, made)));
    found.push(...(await workers(new Questions(nc, names, made.partitions), config)));
    found.push(await segments(nc, names, config), await rejects(nc, names), await store(nc));
    return [...found, ...(await disk(config))];
  } finally {
    await nc.close();
  }
}

async function streams(nc: NatsConnection, config: Config, made: DataSetMade): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const asMade = `${made.partitions} partitions, clock ${made.clock}`;
  if (made.partitions !== config.partitions || made.clock !== config.clock) {
    const here = `${config.partitions} partitions, clock ${config.clock}`;
    found.push(
      warn(
        "data set",
        `made with ${asMade}; the configuration here says ${here}`,
        "a worker with this configuration would refuse to start: set ROLLCALL_PARTITIONS and ROLLCALL_CLOCK as made",
      ),
    );
  } else found.push(ok("data set", asMade));
  try {
    const report = await provision(nc, { ...dataSetOf(config), ...made }, { create: false });
    found.push(ok("streams", `${counted(report.found.length, "stream")}, all as they must be`));
    found.push(ok("mapping", `events.* leads into the right log, tried for ${counted(report.probed, "partition")}`));
  } catch (error) {
    const check = error instanceof MappingMissing ? "mapping" : "streams";
    const [text, ...remedy] = (error as Error).message.split("\n");
    found.push(fail(check, text!, remedy.join("\n") || "see `rollcall nats-config`"));
  }
  return found;
}

async function workers(questions: Questions, config: Config): Promise<readonly Finding[]> {
  const statuses = await questions.status();
  const there = statuses.filter((status): status is PartitionStatus => status !== null);
  const found = [owned(statuses), ...stopped(there)];
  if (there.length === 0) return found;
  const lag = there.reduce((sum, status) => sum + status.lag, 0);
  const unsaid = there.reduce((sum, status) => sum + status.unsaid, 0);
  found.push(
    lag > LAG_WARN
      ? warn(
          "lag",
          `${counted(lag, "message")} wait in the logs`,
          "let it catch up, or run more workers or shards (ROLLCALL_SHARDS)",
        )
      : ok("lag", `${counted(lag, "message")} wait in the logs, ${counted(unsaid, "delta")} to be said`),
  );
  return [...found, ...outputFinding(there), checkpoints(there, config)];
}

function owned(statuses: readonly (PartitionStatus | null)[]): Finding {
  const silent = statuses.flatMap((status, partition) => (status === null ? [partition] : []));
  const waiting = statuses.filter((status) => status?.error === null && status.phase !== "running").length;
  const owners = new Set(statuses.flatMap((status) => (status === null ? [] : [status.owner]))).size;
  if (silent.length > 0) {
    const which =
      silent.length === statuses.length
        ? "no partition has an owner"
        : `${silent.length} of ${statuses.length} partitions have no owner (${silent.slice(0, 5).join(", ")}${silent.length > 5 ? " …" : ""})`;
    return fail("workers", which, "start a worker: rollcall worker; after a crash, another takes over within seconds");
  }
  if (waiting > 0)
    return warn(
      "workers",
      `${waiting} of ${statuses.length} partitions are still being restored`,
      "wait a little and look again",
    );
  const refused = statuses.filter((status) => status?.error !== null).length;
  const running = refused === 0 ? `all ${statuses.length}` : `${statuses.length - refused} of ${statuses.length}`;
  return ok("workers", `${running} partitions run, on ${counted(owners, "shard")}`);
}

/** One finding a kind of refusal: the same thing seldom happens to one partition alone. */
function stopped(there: readonly PartitionStatus[]): readonly Finding[] {
  const codes = new Set(there.flatMap(({ error }) => (error === null ? [] : [error.code])));
  return [...codes].map((code) => {
    const same = there.filter(({ error }) => error?.code === code);
    const others = same.length === 1 ? "" : ` (and ${counted(same.length - 1, "other partition")} for the same reason)`;
    return fail("partitions", `${code}: ${same[0]!.error!.message}${others}`, `docs/errors/${code}.md says what to do`);
  });
}

/** Nothing when all goes well: that what there is to say is being stored, the line about the lag tells. */
export function outputFinding(there: readonly Pick<PartitionStatus, "partition" | "problem">[]): readonly Finding[] {
  const held = there.filter(({ problem }) => problem !== null);
  const first = held[0];
  if (first === undefined) return [];
  const which = held.length === 1 ? `partition ${first.partition}` : `${held.length} of ${there.length} partitions`;
  return [
    fail(
      "output",
      `${which} cannot store what there is to say and will try again: ${first.problem}`,
      "look at the server's log and its disk; a server whose disk was full has to be restarted once there is room",
    ),
  ];
}

function checkpoints(there: readonly PartitionStatus[], config: Config): Finding {
  // A partition in which nothing happens has nothing to store, however old its checkpoint is.
  const due = there.filter(({ checkpointPosition, position }) => checkpointPosition < position);
  const oldest = Math.max(0, ...due.map(({ checkpointAgeMs }) => checkpointAgeMs ?? 0));
  const behind = due.reduce((sum, { checkpointPosition, position }) => sum + position - checkpointPosition, 0);
  const text =
    due.length === 0
      ? "all that was processed is in a checkpoint"
      : `oldest ${duration(oldest)}, a restart would replay ${counted(behind, "message")}`;
  if (oldest <= 6 * config.checkpointIntervalMs) return ok("checkpoints", text);
  return warn("checkpoints", text, "look for errors of the checkpoint in the worker's log; is the server's disk full?");
}

async function segments(nc: NatsConnection, names: Names, config: Config): Promise<Finding> {
  const catalogue = await Catalogue.open(new NatsControlLog(nc, names), config.limits);
  catalogue.stop();
  const all = catalogue.segments();
  const preparing = all.filter(({ state, nextVersion }) => state === "preparing" || nextVersion !== null).length;
  if (all.length === 0) return warn("segments", "none yet", "rollcall segments apply config/segments");
  return ok("segments", `${counted(all.length, "segment")}${preparing > 0 ? `, ${preparing} in preparation` : ""}`);
}

async function rejects(nc: NatsConnection, names: Names): Promise<Finding> {
  const subject = names.rejectedSubject("*");
  const { state } = await api<{ state: RejectsState }>(nc, `STREAM.INFO.${names.rejectsStream}`, {
    subjects_filter: subject,
  });
  return rejectsFinding(state, names.rejectsStream, Date.now());
}

/** What the server says of the stream REJECTS: messages by subject, when the first and the last of them came. */
export interface RejectsState {
  readonly subjects?: Readonly<Record<string, number>>;
  readonly first_ts: string;
  readonly last_ts: string;
}

export function rejectsFinding(state: RejectsState, stream: string, nowMs: number): Finding {
  const reasons = Object.entries(state.subjects ?? {}).map(
    ([token, number]) => [token.split(".").at(-1)!, number] as const,
  );
  const total = reasons.reduce((sum, [, number]) => sum + number, 0);
  if (total === 0) return ok("rejects", "no message was refused");
  const shown = reasons
    .sort((a, b) => b[1] - a[1])
    .map(([reason, number]) => `${reason} ${count(number)}`)
    .join(", ");
  const ageMs = nowMs - Date.parse(state.last_ts);
  const since = new Date(state.first_ts).toISOString().slice(0, 10);
  const text = `${counted(total, "message")} refused since ${since}, the last ${duration(ageMs)} ago: ${shown}`;
  if (ageMs > REJECTS_WARN_MS) return ok("rejects", text);
  return warn("rejects", text, `nats stream view ${stream} shows them, each with the reason in its headers`);
}

interface AccountInfo {
  readonly storage: number;
  readonly reserved_storage?: number;
  readonly limits: { readonly max_storage: number };
}

async function store(nc: NatsConnection): Promise<Finding> {
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
async function disk(config: Config): Promise<readonly Finding[]> {
  if (!isLocal(natsSettingsOf(config).url)) return [];
  const found = await statfs(config.dataDir).catch(() => undefined);
  if (found === undefined) return [];
  const free = found.bavail * found.bsize;
  const text = `${bytes(free)} free on this machine, under ${config.dataDir}`;
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

function ok(check: string, text: string): Finding {
  return { check, verdict: "ok", text };
}

function warn(check: string, text: string, remedy: string): Finding {
  return { check, verdict: "warn", text, remedy };
}

/** Without a remedy where the text has it. */
function fail(check: string, text: string, remedy?: string): Finding {
  return { check, verdict: "fail", text, ...(remedy === undefined ? {} : { remedy }) };
}

function line({ check, verdict, text, remedy }: Finding, style: Style): string {
  const paint = { ok: style.green, warn: style.yellow, fail: style.red }[verdict];
  const first = `${paint(verdict.padEnd(4))}  ${check.padEnd(12)} ${text}`;
  return remedy === undefined
    ? first
    : `${first}\n${remedy
        .split("\n")
        .map((part) => `      ${" ".repeat(12)} ${style.dim(`→ ${part}`)}`)
        .join("\n")}`;
}
