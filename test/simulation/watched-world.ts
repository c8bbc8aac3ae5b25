// A worker's world with an eye on its delta sinks: protocol.md 1.2 allows a partition one publish at a time, and that can only
// be seen where the worker asks, since an unanswered request may still be on its way when the next one is allowed.
import type { DeltaSink } from "../../lib/ports/delta-sink.ts";
import type { World } from "../../lib/ports/world.ts";
import { Violation } from "./auditor.ts";

export function watched(world: World, onViolation: (violation: Violation) => void): World {
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
      const { sink } = ports;
      const eyed: DeltaSink = {
        batchMax: sink.batchMax,
        publish: (fence, saying) => once(() => sink.publish(fence, saying)),
        publishBatch: (fence, sayings, watermark) => once(() => sink.publishBatch(fence, sayings, watermark)),
        putWatermark: (fence, watermark) => once(() => sink.putWatermark(fence, watermark)),
        readWatermark: () => sink.readWatermark(),
        scan: (from, to) => sink.scan(from, to),
        bounds: () => sink.bounds(),
      };
      return { ...ports, sink: eyed };
    },
  };
}
