// A definition tried on everybody: slices asked of every partition's owner and added up. Nothing is changed by it.
// The command line and the HTTP interface show it; the owners answer from what they keep (lib/core/engine/answers/trial.ts).
import type { NearMiss, TrialNode, TrialPart } from "../../core/partition.ts";
import type { Json, MemberId, PartitionNo } from "../../core/types.ts";
import type { Answers } from "../../ports/questions.ts";
import { askedEach } from "../audience/asking.ts";

export interface TrialOptions {
  readonly partitions: number;
  readonly samples: number;
  readonly ask: (partition: PartitionNo, cursor: number) => Promise<Answers["try"]>;
  readonly onProgress: (progress: TrialProgress) => void;
  readonly signal?: AbortSignal;
}

export interface TrialProgress {
  readonly looked: number;
  readonly universe: number;
  /** What has been looked at by now, added up. */
  readonly soFar: () => TrialPart;
}

/** Throws what `ask` throws: a partition that nobody answers for makes the whole unknown. */
export async function runTrial({ partitions, samples, ask, onProgress, signal }: TrialOptions): Promise<TrialPart> {
  const parts = new Map<PartitionNo, TrialPart>();
  const universes = new Map<PartitionNo, number>();
  let looked = 0;
  const askOne = async (partition: PartitionNo, until: AbortSignal): Promise<void> => {
    for (let cursor: number | null = 0; cursor !== null; ) {
      until.throwIfAborted();
      const answer: Answers["try"] = await ask(partition, cursor);
      parts.set(partition, merged(parts.get(partition), answer.part, samples));
      universes.set(partition, answer.universe);
      looked += answer.part.members;
      const soFar = (): TrialPart => addedUp([...parts.values()], samples);
      onProgress({ looked, universe: estimateOf(universes, partitions), soFar });
      cursor = answer.cursor;
    }
  };
  await askedEach(
    Array.from({ length: partitions }, (_, partition) => partition),
    askOne,
    signal,
  );
  return addedUp(
    Array.from({ length: partitions }, (_, partition) => parts.get(partition)!),
    samples,
  );
}

/** At least one part. */
export function addedUp(parts: readonly TrialPart[], samples: number): TrialPart {
  return parts.reduce((sum, part) => merged(sum, part, samples));
}

/** Partitions that have not answered yet are taken to be as large as the others. */
function estimateOf(universes: ReadonlyMap<PartitionNo, number>, partitions: number): number {
  const known = [...universes.values()].reduce((sum, size) => sum + size, 0);
  return Math.round((known / universes.size) * partitions);
}

function merged(sum: TrialPart | undefined, part: TrialPart, samples: number): TrialPart {
  if (sum === undefined) return part;
  const ids = (key: "inSample" | "joinSample" | "leaveSample"): MemberId[] =>
    [...sum[key], ...part[key]].slice(0, samples);
  return {
    members: sum.members + part.members,
    in: sum.in + part.in,
    unknown: sum.unknown + part.unknown,
    joins: sum.joins + part.joins,
    leaves: sum.leaves + part.leaves,
    nearMisses: sum.nearMisses + part.nearMisses,
    nodes: mergedNodes(sum.nodes, part.nodes),
    inSample: ids("inSample"),
    joinSample: ids("joinSample"),
    leaveSample: ids("leaveSample"),
    nearSample: [...sum.nearSample, ...part.nearSample].slice(0, samples),
  };
}

/** A part without members has no nodes. */
function mergedNodes(left: readonly TrialNode[], right: readonly TrialNode[]): readonly TrialNode[] {
  if (left.length === 0 || right.length === 0) return left.length === 0 ? right : left;
  return left.map((node, index) => ({
    ...node,
    pass: node.pass + right[index]!.pass,
    unknown: node.unknown + right[index]!.unknown,
  }));
}

/** As it goes to programs. */
export function trialOut(part: TrialPart): Json {
  const { nodes, nearSample, ...rest } = part;
  return {
    ...rest,
    nodes: nodes.map((node) => ({ ...node })),
    nearSample: nearSample.map((miss: NearMiss) => ({ ...miss })),
  };
}
