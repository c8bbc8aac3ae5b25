// Several partitions that the engine hears and not the oracle, each with its history folded in before what is applied is
// activated. Expectations are worked out by hand from rules.md.
import type { LogRecord } from "../../../lib/core/types.ts";
import { Rig } from "../../laws/rig.ts";
import { type Hearer, World } from "../../oracle/world.ts";

export class MachineWorld extends World {
  protected override hearerOf(partition: number): Hearer {
    const rig = new Rig({
      partition,
      partitions: this.partitions,
      clockMode: this.clockMode,
      clockStepMsMax: 366 * 86_400_000,
      limits: this.limits,
      pageCacheBytesMax: 1e9,
      pageBytesMax: 65_536,
    });
    const hear = (record: LogRecord) => {
      const deltas = rig.apply(record);
      rig.machine.takeRejects();
      return deltas;
    };
    return { hear, takeLinks: () => rig.takeLinks() };
  }
}
