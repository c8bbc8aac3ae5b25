// Who should own a partition: the live shard whose name hashes highest together with it. Everybody who sees the same shards
// comes to the same answer, and one shard more or less moves only its own share. It is a wish; the watermark decides.
import { fnv1a } from "../../lib/core/ids.ts";
import type { PartitionNo } from "../../lib/core/types.ts";
import type { Wishes } from "../../lib/ports/cluster.ts";

/** The same with what people wish: a shard that is named for a partition has it, one that is drained has nothing else. */
export class Wishing {
  private readonly alive: ReadonlySet<string>;
  private readonly free: readonly string[];
  private readonly moves: Wishes["moves"];

  constructor(alive: ReadonlySet<string>, { moves, drained }: Wishes) {
    this.alive = alive;
    this.moves = moves;
    const undrained = [...alive].filter((shard) => !drained.includes(shard));
    // Somebody must hold them, though nobody should.
    this.free = undrained.length > 0 ? undrained : [...alive];
  }

  ownerOf(partition: PartitionNo): string | undefined {
    const named = this.moves[partition];
    return named !== undefined && this.alive.has(named) ? named : wishedOwner(partition, this.free);
  }
}

/** Without what names a shard that is gone; the same object when nothing does. */
export function wishesOfLiving(wishes: Wishes, alive: ReadonlySet<string>): Wishes {
  const moves = Object.entries(wishes.moves).filter(([, shard]) => alive.has(shard));
  const drained = wishes.drained.filter((shard) => alive.has(shard));
  const isSame = moves.length === Object.keys(wishes.moves).length && drained.length === wishes.drained.length;
  return isSame ? wishes : { moves: Object.fromEntries(moves), drained };
}

/** Undefined when nobody lives. */
export function wishedOwner(partition: PartitionNo, shards: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestWeight = -1;
  for (const shard of shards) {
    const weight = weightOf(partition, shard);
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && shard < best)) {
      best = shard;
      bestWeight = weight;
    }
  }
  return best;
}

/** FNV-1a alone leaves names that differ in one letter close together, so its bits are mixed once more. */
function weightOf(partition: PartitionNo, shard: string): number {
  let hash = fnv1a(`${shard}#${partition}`);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
