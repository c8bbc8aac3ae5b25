// Who should own a partition: the live shard whose name hashes highest together with it. Everybody who sees the same shards
// comes to the same answer, and one shard more or less moves only its own share. It is a wish; the watermark decides.
import { fnv1a } from "../../lib/core/ids.ts";
import type { PartitionNo } from "../../lib/core/types.ts";

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
