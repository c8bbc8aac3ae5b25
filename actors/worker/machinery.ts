// The product's own machines: partitions of one shard that stand at one revision share what they compiled.

import { encodeDelta } from "../../lib/core/deltas.ts";
import { SharedControl } from "../../lib/core/engine/control-state.ts";
import { createPartition, restorePartition } from "../../lib/core/engine/core.ts";
import type { Limits } from "../../lib/core/types.ts";
import type { Machinery } from "../partition/context.ts";

export function productMachinery(limits: Limits): Machinery {
  const shared = new SharedControl(limits);
  return {
    create: (options) => createPartition(options, shared),
    restore: (options, source) => restorePartition(options, source, shared),
    encodeDelta,
  };
}
