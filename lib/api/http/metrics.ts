// Prometheus metrics: what the owners of the partitions report, asked at each scrape, and this process's own requests.
// Served at /metrics by server.ts.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Counters, PartitionStatus } from "../../ports/questions.ts";
import type { Audience } from "../audience/audience.ts";

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  observe(route: string, status: number, seconds: number): void;
}

const COUNTERS: Readonly<Record<string, readonly [keyof Counters, string]>> = {
  rollcall_deltas_total: ["deltas", "Memberships changed"],
  rollcall_links_total: ["links", "Messages between partitions stored, about users and their accounts"],
  rollcall_eval_duration_seconds_count: ["steps", "Messages applied, whatever kind they are of"],
  rollcall_rejects_total: ["rejects", "Messages refused as bad input"],
  rollcall_ticks_total: ["ticks", "Clock messages written because a deadline fell due"],
  rollcall_replayed_total: ["replayed", "Messages processed again after a restore"],
  rollcall_publish_retries_total: ["publishRetries", "Publishes that were refused and sent again"],
  rollcall_publish_timeouts_total: ["publishTimeouts", "Publishes without an answer"],
  rollcall_checkpoints_total: ["checkpoints", "Checkpoints written"],
  rollcall_restores_total: ["restores", "Times the partition was restored"],
  rollcall_wake_ups_total: ["wakeUps", "Members woken by silence"],
  rollcall_idle_wake_ups_total: ["idleWakeUps", "Members woken by silence whom it flipped nowhere"],
  rollcall_audits_total: ["audits", "People recomputed from the log and compared with what is held of them"],
  rollcall_audit_mismatches_total: ["auditMismatches", "People of whom something else is held than the log says"],
  rollcall_audits_passed_over_total: ["auditsPassedOver", "People whose past was too long, or trimmed, to be compared"],
  rollcall_faults_total: ["faults", "Times the partition stopped on a fault"],
};

const GAUGES: Readonly<Record<string, readonly [(status: PartitionStatus) => number, string]>> = {
  rollcall_consumer_pending: [(status) => status.lag, "Messages in the log that are not processed yet"],
  rollcall_event_lag_seconds: [
    (status) => status.lagMs / 1_000,
    "How long the first message waits that is not processed yet, at most",
  ],
  rollcall_backfill_progress_ratio: [
    (status) => progressOf(status),
    "Share of the history that is folded for definitions in preparation; 1 when none is",
  ],
  rollcall_partition_unsaid_deltas: [(status) => status.unsaid, "Deltas made but not stored yet"],
  rollcall_partition_unsaid_links: [
    (status) => status.unsaidLinks,
    "Messages to other partitions made but not stored yet",
  ],
  rollcall_partition_members: [(status) => status.universe, "People and accounts known"],
  rollcall_state_bytes: [(status) => status.residentBytes, "Memory of the pages that are loaded, estimated"],
  rollcall_partition_checkpoint_age_seconds: [
    (status) => (status.checkpointAgeMs ?? Number.NaN) / 1_000,
    "Age of the newest checkpoint of this owner",
  ],
};

/** Of the fold that is furthest behind. */
function progressOf({ folding, position }: PartitionStatus): number {
  const shares = folding.map((fold) => {
    const total = position - fold.from + 1;
    return total <= 0 ? 1 : Math.min(1, Math.max(0, (fold.position - fold.from + 1) / total));
  });
  return Math.min(1, ...shares);
}

export function metricsOf(audience: Audience, segmentsMax: number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "rollcall_api_" });
  const requests = new Histogram({
    name: "rollcall_http_request_duration_seconds",
    help: "Requests by route and status",
    labelNames: ["route", "status"],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5],
    registers: [registry],
  });
  const fill = partitionMetrics(registry);
  const sizes = new Gauge({
    name: "rollcall_segment_size",
    help: "Members of a segment, of at most so many segments (metricsSegmentsMax)",
    labelNames: ["segment"],
    registers: [registry],
  });
  return {
    contentType: registry.contentType,
    observe: (route, status, seconds) => requests.observe({ route, status: String(status) }, seconds),
    async text() {
      fill(await audience.partitions().catch(() => []));
      sizes.reset();
      if (segmentsMax === 0) return registry.metrics();
      const { segments } = await audience.overview().catch(() => ({ segments: [] }));
      for (const { id, size } of segments.slice(0, segmentsMax)) if (size !== null) sizes.set({ segment: id }, size);
      return registry.metrics();
    },
  };
}

/** Counters belong to an owner and begin again with the next one, which is what Prometheus expects of a counter. */
function partitionMetrics(registry: Registry): (statuses: readonly (PartitionStatus | null)[]) => void {
  const labels = { labelNames: ["partition"] as const, registers: [registry] };
  const counters = Object.entries(COUNTERS).map(
    ([name, [key, help]]) => [key, new Counter({ name, help, ...labels })] as const,
  );
  const gauges = Object.entries(GAUGES).map(
    ([name, [read, help]]) => [read, new Gauge({ name, help, ...labels })] as const,
  );
  const events = new Counter({
    name: "rollcall_events_total",
    help: "Events, by what became of them: processed, or refused as bad input",
    labelNames: ["partition", "outcome"],
    registers: [registry],
  });
  const changes = new Counter({
    name: "rollcall_membership_changes_total",
    help: "Memberships changed, stored",
    labelNames: ["partition", "direction"],
    registers: [registry],
  });
  const evaluating = new Counter({
    name: "rollcall_eval_duration_seconds_sum",
    help: "Time spent applying messages, waits for pages included",
    ...labels,
  });
  const owned = new Gauge({
    name: "rollcall_partition_running",
    help: "1 when an owner runs the partition",
    ...labels,
  });
  return (statuses) => {
    for (const metric of [events, changes, evaluating]) metric.reset();
    for (const [, metric] of [...counters, ...gauges]) metric.reset();
    for (const [partition, status] of statuses.entries()) {
      const label = { partition: String(partition) };
      owned.set(label, status?.phase === "running" ? 1 : 0);
      if (status === null) continue;
      const { counters: counted } = status;
      events.inc({ ...label, outcome: "processed" }, counted.events - counted.eventsRefused);
      events.inc({ ...label, outcome: "refused" }, counted.eventsRefused);
      changes.inc({ ...label, direction: "joined" }, counted.joined);
      changes.inc({ ...label, direction: "left" }, counted.deltas - counted.joined);
      evaluating.inc(label, counted.evalMs / 1_000);
      for (const [key, counter] of counters) counter.inc(label, counted[key]);
      for (const [read, gauge] of gauges) gauge.set(label, read(status));
    }
  };
}
