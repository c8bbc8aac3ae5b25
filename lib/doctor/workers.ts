// What the owners of the partitions say of themselves: who runs, how far behind, what stopped, how old the checkpoints are.
// Pure: judges their answers. audit.ts goes further and holds the answers against the streams.
import { counted, duration } from "../cli/numbers.ts";
import type { PartitionStatus } from "../ports/questions.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const LAG_WARN = 10_000;

export function workerFindings(
  statuses: readonly (PartitionStatus | null)[],
  checkpointIntervalMs: number,
): readonly Finding[] {
  const there = statuses.filter((status): status is PartitionStatus => status !== null);
  const found = [owned(statuses), ...stopped(there)];
  if (there.length === 0) return found;
  return [...found, lag(there), ...outputFindings(there), checkpoints(there, checkpointIntervalMs)];
}

/** None when all goes well: that what there is to say is being stored, the line about the lag tells. */
export function outputFindings(there: readonly Pick<PartitionStatus, "partition" | "problem">[]): readonly Finding[] {
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

function lag(there: readonly PartitionStatus[]): Finding {
  const waiting = there.reduce((sum, status) => sum + status.lag, 0);
  const unsaid = there.reduce((sum, status) => sum + status.unsaid, 0);
  const links = there.reduce((sum, status) => sum + status.unsaidLinks, 0);
  const text = `${counted(waiting, "message")} wait in the logs`;
  if (waiting <= LAG_WARN)
    return ok("lag", `${text}, ${counted(unsaid, "delta")} and ${counted(links, "link message")} to be said`);
  return warn("lag", text, "let it catch up, or run more workers or shards (ROLLCALL_SHARDS)");
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

function checkpoints(there: readonly PartitionStatus[], checkpointIntervalMs: number): Finding {
  // A partition in which nothing happens has nothing to store, however old its checkpoint is.
  const due = there.filter(({ checkpointPosition, position }) => checkpointPosition < position);
  const oldest = Math.max(0, ...due.map(({ checkpointAgeMs }) => checkpointAgeMs ?? 0));
  const behind = due.reduce((sum, { checkpointPosition, position }) => sum + position - checkpointPosition, 0);
  const text =
    due.length === 0
      ? "all that was processed is in a checkpoint"
      : `oldest ${duration(oldest)}, a restart would replay ${counted(behind, "message")}`;
  if (oldest <= 6 * checkpointIntervalMs) return ok("checkpoints", text);
  return warn("checkpoints", text, "look for errors of the checkpoint in the worker's log; is the server's disk full?");
}
