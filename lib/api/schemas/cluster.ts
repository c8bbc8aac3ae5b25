// Workers and partitions. For lib/api/routes/cluster.ts.
import Type from "typebox";
import { Count, exact, idOf, listOf, named, nullable } from "./common.ts";

const Millis = Type.Integer({ minimum: 0, description: "Milliseconds." });
const Problems = listOf(Type.String(), { description: "One sentence each; empty when all is well." });

export const WorkerOut = named(
  "Worker",
  exact(
    {
      id: Type.String(),
      worker: Type.String({ description: "The process: its shards are called after it, and numbered." }),
      host: Type.String(),
      pid: Type.Integer(),
      alive: Type.Boolean(),
      silentMs: Millis,
      drained: Type.Boolean({ description: "It gives its partitions away, because somebody wishes it." }),
      partitions: listOf(Count),
      lag: Count,
      lagMs: Millis,
      eventsPerSecond: Count,
      process: nullable(exact({ rssBytes: Count, heapBytes: Count, uptimeMs: Millis }), {
        description: "Several shards may share one; null where it does not say.",
      }),
      problems: Problems,
    },
    { description: "A shard: what owns partitions." },
  ),
);
export const WorkersOut = exact({ workers: listOf(WorkerOut) });

export const PartitionOut = named(
  "Partition",
  exact({
    partition: Count,
    owner: nullable(Type.String(), { description: "Null: nobody answers for it." }),
    phase: nullable(Type.String()),
    epoch: nullable(Count),
    position: nullable(Count, { description: "Last message of its log whose step is complete." }),
    lag: nullable(Count, { description: "Messages of its log that are not processed yet." }),
    lagMs: nullable(Millis, { description: "How long the first of them waits, at most; in milliseconds." }),
    eventsPerSecond: nullable(Count),
    unsaid: nullable(Count, { description: "Deltas made but not stored yet." }),
    members: nullable(Count, { description: "People and accounts known." }),
    residentBytes: nullable(Count),
    checkpointAgeMs: nullable(Millis),
    wished: nullable(Type.String(), { description: "The worker that somebody wishes to have it." }),
    problems: Problems,
  }),
);
export const PartitionsOut = exact({ partitions: listOf(PartitionOut) });

export const WorkerIdIn = idOf("worker-b", "A worker, all its shards, or one shard: `worker-b-1`.");
export const PartitionIn = Type.String({ minLength: 1, maxLength: 64, description: "Its number.", examples: ["0"] });
export const MoveIn = exact(
  { to: Type.String({ minLength: 1, maxLength: 200, description: "The shard that shall have it." }) },
  { examples: [{ to: "worker-b-1" }] },
);
