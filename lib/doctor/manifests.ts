// Can each partition be restored from its checkpoints? Manifest, positions, the log below them, and the blobs they name.
// Pure: judges the facts of read.ts, which has looked at the blobs. Beside watermarks.ts and gaps.ts.
import { count, counted } from "../cli/numbers.ts";
import { CheckpointAhead, CheckpointCorrupt, LogTruncated } from "../ports/errors.ts";
import { doubtOfPast } from "../ports/log-past.ts";
import type { GenerationFacts, PartitionFacts } from "./facts.ts";
import { page, refused, type Trouble } from "./finding.ts";

/** Why a generation would be passed over at a restore. */
interface Unusable {
  readonly code: "CHK-001" | "CHK-003";
  readonly generation: GenerationFacts;
  readonly why: string;
}

export function manifestTroubles(facts: PartitionFacts): readonly Trouble[] {
  const { manifest } = facts;
  if (manifest.unreadable !== undefined) return [unreadable(facts, manifest.unreadable)];
  return [...ahead(facts), ...otherPast(facts), ...usable(facts)];
}

/** A worker that finds it so ignores all checkpoints. */
function unreadable(facts: PartitionFacts, why: string): Trouble {
  const { partition, log } = facts;
  if (log.first > 1) {
    const text = `${why}, and its log begins at ${log.first}: a restart could not rebuild it`;
    return refused(
      new CheckpointCorrupt(partition, 0, text),
      "restore the bucket CHECKPOINT and the log from a backup",
    );
  }
  const remedy = `restart its worker: it replays the log from the start and writes a new one; ${page("CHK-003")}`;
  return { kind: "unreadable", verdict: "warn", partition, text: why, remedy };
}

function ahead({ partition, manifest, watermark }: PartitionFacts): readonly Trouble[] {
  if (watermark === undefined || manifest.epoch <= watermark.value.epoch) return [];
  const text = `its manifest is of epoch ${manifest.epoch}, its watermark of epoch ${watermark.value.epoch} only: SEGMENTS is older than CHECKPOINT`;
  return [refused(new CheckpointAhead(partition, text), "restore both from the same backup")];
}

/** A restore that finds another message below a checkpoint stops, and tries no other. */
function otherPast({ partition, manifest, log, stamps }: PartitionFacts): readonly Trouble[] {
  for (const { position, stamp } of manifest.generations) {
    const doubt = doubtOfPast(partition, log, { seq: position, stamp }, stamps.get(position));
    // A start that is gone is told with the watermarks.
    if (doubt !== undefined && !(doubt instanceof LogTruncated))
      return [refused(doubt, "stop the workers; restore the log and CHECKPOINT from the same backup")];
  }
  return [];
}

function usable(facts: PartitionFacts): readonly Trouble[] {
  const { generations } = facts.manifest;
  const bad = generations.flatMap((generation) => reasonAgainst(facts, generation) ?? []);
  if (bad.length === 0) return [];
  return [bad.length === generations.length ? noneLeft(facts, bad) : oneLeft(facts, bad[0]!)];
}

function reasonAgainst({ watermark }: PartitionFacts, generation: GenerationFacts): Unusable | undefined {
  const { position, number, bad } = generation;
  const done = watermark?.value.done;
  if (done !== undefined && position > done) {
    const why = `checkpoint ${number} stands at ${position}, but deltas are said up to ${done} only`;
    return { code: "CHK-001", generation, why };
  }
  if (bad.length === 0) return undefined;
  const more = bad.length === 1 ? "" : ` (and ${counted(bad.length - 1, "more blob")})`;
  return { code: "CHK-003", generation, why: `${bad[0]!.key} of checkpoint ${number} ${bad[0]!.what}${more}` };
}

function noneLeft({ partition, log, watermark }: PartitionFacts, bad: readonly Unusable[]): Trouble {
  const { code, why } = bad[0]!;
  const which = bad.length === 1 ? "there is no other checkpoint" : "no older checkpoint can be used, either";
  if (log.first > 1) {
    const text = `${why}; ${which}, and its log begins at ${log.first}: a restart could not rebuild it`;
    const remedy = `restore the bucket CHECKPOINT, or the log, before its worker stops; ${page(code)}`;
    return { kind: `${code} lost`, verdict: "fail", partition, text, remedy };
  }
  const replay = count(watermark?.value.done ?? 0);
  const text = `${why}; ${which}, so a restart replays ${replay} messages from the log's start`;
  const remedy = `restart its worker when that suits: it heals then; look at the server's disk; ${page(code)}`;
  return { kind: `${code} from the start`, verdict: "warn", partition, text, remedy };
}

function oneLeft({ partition, manifest }: PartitionFacts, { code, generation, why }: Unusable): Trouble {
  if (generation.number !== manifest.generations[0]!.number) {
    const text = `${why}; the newest is whole, but there is nothing to fall back on`;
    const remedy = `the next checkpoint takes its place; look at the server's disk; ${page(code)}`;
    return { kind: `${code} older`, verdict: "warn", partition, text, remedy };
  }
  const text = `${why}; the older one is whole`;
  const remedy = `restart its worker: it restores from the older one and stores what differs anew; look at the server's disk; ${page(code)}`;
  return { kind: `${code} newest`, verdict: "warn", partition, text, remedy };
}

/** One line for when all is well. */
export function manifestsText(all: readonly PartitionFacts[]): string {
  const generations = all.reduce((sum, { manifest }) => sum + manifest.generations.length, 0);
  if (generations === 0) return "no checkpoint yet, and every log is there from its start";
  const looked = all.reduce((sum, { manifest }) => sum + manifest.blobsLooked, 0);
  const blobs = all.reduce((sum, { manifest }) => sum + manifest.blobs, 0);
  const share = looked === blobs ? `all ${counted(blobs, "blob")}` : `${count(looked)} of ${counted(blobs, "blob")}`;
  return `${counted(generations, "checkpoint")}, ${share} as written`;
}
