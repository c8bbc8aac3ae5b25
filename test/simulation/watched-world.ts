// A worker's world with an eye on what it asks for: one publish of a partition at a time, which can only be seen here, since an
// unanswered request may still be on its way when the next one is allowed, and one to each other partition; and no page before
// the manifest is taken over.
import type { PartitionNo } from "../../lib/core/types.ts";
import type { DeltaSink } from "../../lib/ports/delta-sink.ts";
import type { LinkSink } from "../../lib/ports/link-sink.ts";
import type { PageStore } from "../../lib/ports/page-store.ts";
import type { World } from "../../lib/ports/world.ts";
import { Violation } from "./auditor.ts";

export interface Eye {
  onViolation(violation: Violation): void;
  /** The partition is being restored: nobody else reads the meta of a checkpoint. */
  onRestore(partition: PartitionNo): void;
}

export function watched(world: World, { onViolation, onRestore }: Eye): World {
  return {
    ...world,
    partition: (partition) => {
      const ports = world.partition(partition);
      let outstanding = 0;
      const once = async <T>(publish: () => Promise<T>): Promise<T> => {
        outstanding += 1;
        if (outstanding > 1)
          onViolation(
            new Violation("two-outstanding", `partition ${partition} has ${outstanding} publishes outstanding`),
          );
        try {
          return await publish();
        } finally {
          outstanding -= 1;
        }
      };
      const { sink, links, pages } = ports;
      const speakingTo = new Set<PartitionNo>();
      const eyedLinks: LinkSink = {
        batchMax: links.batchMax,
        last: (to) => links.last(to),
        bounds: (to) => links.bounds(to),
        publish: async (to, expected, bodies, traces) => {
          if (speakingTo.has(to))
            onViolation(
              new Violation("two-outstanding", `partition ${partition} has two publishes to ${to} outstanding`),
            );
          speakingTo.add(to);
          const outcome = await links.publish(to, expected, bodies, traces);
          speakingTo.delete(to);
          return outcome;
        },
      };
      const eyed: DeltaSink = {
        batchMax: sink.batchMax,
        publish: (fence, saying) => once(() => sink.publish(fence, saying)),
        publishBatch: (fence, sayings, watermark) => once(() => sink.publishBatch(fence, sayings, watermark)),
        putWatermark: (fence, watermark) => once(() => sink.putWatermark(fence, watermark)),
        readWatermark: () => sink.readWatermark(),
        scan: (from, to) => sink.scan(from, to),
        bounds: () => sink.bounds(),
      };
      const eyedPages: PageStore = {
        valueBytesMax: pages.valueBytesMax,
        put: (key, bytes) => pages.put(key, bytes),
        get: (key) => {
          if (key.endsWith(".meta")) onRestore(partition);
          return pages.get(key);
        },
        list: () => pages.list(),
        remove: (key) => pages.remove(key),
        readManifest: () => pages.readManifest(),
        putManifest: (expected, bytes) => pages.putManifest(expected, bytes),
      };
      return { ...ports, sink: eyed, links: eyedLinks, pages: eyedPages };
    },
  };
}
