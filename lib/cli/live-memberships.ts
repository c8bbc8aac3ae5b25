// The live memberships of every partition at one position of its log, while events go on.
// The owners answer segment by segment, each answer at a position of its own; a member list plus the deltas after it is the
// next member list (law 4), so the deltas that are stored carry every list to the newest of those positions.
import type { Catalogue } from "../api/segments/catalogue.ts";
import { partitionOf } from "../core/ids.ts";
import type { MemberId, PartitionNo, SegmentId, Seq } from "../core/types.ts";
import type { Questions } from "../nats/questions.ts";
import type { PartitionStatus } from "../ports/questions.ts";
import type { LiveMembership, StoredDelta } from "../verify/verify.ts";
import { CliError, EXIT } from "./errors.ts";

const EVERYBODY = 1_000_000_000;
const SAID_MS_MAX = 60_000;
const POLL_MS = 50;

export interface Standing {
  readonly partition: PartitionNo;
  readonly position: Seq;
  readonly memberships: readonly LiveMembership[];
  /** Of inputs up to the position, as stored. */
  readonly deltas: readonly StoredDelta[];
}

interface Answer {
  readonly segment: SegmentId;
  readonly positions: readonly Seq[];
  readonly members: readonly LiveMembership[];
}

/** `collect` reads all stored deltas, by partition; it is called once everything up to the positions has been said. */
export async function liveMemberships(
  questions: Pick<Questions, "members" | "status">,
  catalogue: Catalogue,
  partitions: number,
  collect: () => Promise<readonly (readonly StoredDelta[])[]>,
): Promise<readonly Standing[]> {
  const answers: Answer[] = [];
  for (const { id } of catalogue.segments().filter(({ state }) => state === "live")) {
    const { members, positions } = await questions.members(id, EVERYBODY);
    const found = members.map(({ id: member, n, since }) => ({ segment: id, id: member, n, since }));
    answers.push({ segment: id, positions: positions.map(({ position }) => position), members: found });
  }
  const reached = await reachedPositions(questions, answers, partitions);
  const deltas = await collect();
  return reached.map((position, partition) => standingOf(partition, position, answers, partitions, deltas[partition]!));
}

/** The newest position of each partition's answers, once all deltas up to it are stored. */
async function reachedPositions(
  questions: Pick<Questions, "status">,
  answers: readonly Answer[],
  partitions: number,
): Promise<readonly Seq[]> {
  const newest = Array.from({ length: partitions }, (_, partition) =>
    Math.max(0, ...answers.map(({ positions }) => positions[partition]!)),
  );
  const until = performance.now() + SAID_MS_MAX;
  for (;;) {
    const statuses = await questions.status();
    const silent = statuses.indexOf(null);
    if (silent !== -1)
      throw new CliError(EXIT.unreachable, `partition ${silent} has no owner that answers; is a worker running?`);
    // Without a segment there is no answer to take a position from; what was processed by now will do.
    const positions = answers.length > 0 ? newest : statuses.map((status) => status!.done);
    const late = statuses.findIndex((status, partition) => !hasSaid(status!, positions[partition]!));
    if (late === -1) return positions;
    if (performance.now() > until) {
      throw new CliError(
        EXIT.failed,
        `partition ${late} has deltas to say and did not get them stored within a minute; see \`rollcall doctor\`.`,
      );
    }
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}

/** `done` moves with the next watermark, which is seconds away where nobody joins or leaves; nothing unsaid is as good. */
export function hasSaid({ done, unsaid, position }: PartitionStatus, upTo: Seq): boolean {
  return done >= upTo || (unsaid === 0 && position >= upTo);
}

function standingOf(
  partition: PartitionNo,
  position: Seq,
  answers: readonly Answer[],
  partitions: number,
  stored: readonly StoredDelta[],
): Standing {
  const deltas = stored.filter(({ delta }) => delta.cause.seq <= position);
  const members = new Map<string, LiveMembership>();
  const answeredAt = new Map<SegmentId, Seq>();
  for (const { segment, positions, members: found } of answers) {
    answeredAt.set(segment, positions[partition]!);
    for (const membership of found) {
      if (partitionOf(membership.id, partitions) === partition) members.set(keyOf(segment, membership.id), membership);
    }
  }
  for (const { delta } of deltas) {
    const { segment, id, n, at, change, cause } = delta;
    if (cause.seq <= (answeredAt.get(segment) ?? Number.POSITIVE_INFINITY)) continue;
    if (change === "joined") members.set(keyOf(segment, id), { segment, id, n, since: at });
    else members.delete(keyOf(segment, id));
  }
  return { partition, position, memberships: [...members.values()], deltas };
}

function keyOf(segment: SegmentId, id: MemberId): string {
  return `${segment}\n${id}`;
}
