// The dashboard and the alert rules of examples/monitoring, and the table of docs/operations.md, name metrics that there are; and the
// metrics say what the owners say.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { newCounters } from "../../actors/partition/counters.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { statusOf } from "./status-of.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

let api: ApiInMemory;
let text: string;

beforeAll(async () => {
  api = await apiInMemory();
  const counters = {
    ...newCounters(),
    events: 10,
    rejects: 4,
    eventsRefused: 3,
    deltas: 5,
    joined: 4,
    steps: 20,
    evalMs: 500,
  };
  const folding = { revision: 2, from: 1, position: 25, perSecond: 1, segments: [], failed: null };
  const status: PartitionStatus = statusOf(0, "worker-1", { counters, folding: [folding] });
  api.audience.statuses = [status, null];
  text = (await api.app.inject({ method: "GET", url: "/metrics" })).body;
});
afterAll(() => api.close());

/** What Prometheus would have of them: histograms have three names. */
function namesIn(metrics: string): ReadonlySet<string> {
  return new Set([...metrics.matchAll(/^(rollcall_[a-z_]+)/gm)].map(([, name]) => name!));
}

function usedIn(expression: string): readonly string[] {
  return [...expression.matchAll(/\brollcall_[a-z_]+/g)].map(([name]) => name);
}

test("every expression of the dashboard and of the alerts names metrics that there are", () => {
  const dashboard = JSON.parse(read("examples/monitoring/dashboard.json")) as {
    readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  };
  const alerts = parse(read("examples/monitoring/alerts.yaml")) as {
    readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
  };
  const expressions = [
    ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => [alert, expr] as const)),
  ];
  expect(expressions.length).toBeGreaterThan(20);
  // A scrape is itself a request that the histogram has seen by the second time.
  const there = namesIn(text);
  for (const [where, expression] of expressions) {
    const used = usedIn(expression);
    expect(used.length, where).toBeGreaterThan(0);
    for (const name of used) expect([...there, ...HISTOGRAM], `${where}: ${name}`).toContain(name);
  }
});

const HISTOGRAM = ["rollcall_http_request_duration_seconds_bucket"];

test("the page on operations names metrics that there are, too", () => {
  const there = [...namesIn(text), "rollcall_http_request_duration_seconds"];
  for (const name of usedIn(read("docs/operations.md"))) expect(there, name).toContain(name);
});

test("they say what the owner says, and of a partition without one that it does not run", () => {
  for (const line of [
    'rollcall_events_total{partition="0",outcome="processed"} 7',
    'rollcall_events_total{partition="0",outcome="refused"} 3',
    'rollcall_membership_changes_total{partition="0",direction="joined"} 4',
    'rollcall_membership_changes_total{partition="0",direction="left"} 1',
    'rollcall_eval_duration_seconds_sum{partition="0"} 0.5',
    'rollcall_eval_duration_seconds_count{partition="0"} 20',
    'rollcall_event_lag_seconds{partition="0"} 0.25',
    'rollcall_consumer_pending{partition="0"} 4',
    'rollcall_backfill_progress_ratio{partition="0"} 0.25',
    'rollcall_state_bytes{partition="0"} 4096',
    'rollcall_partition_running{partition="1"} 0',
    'rollcall_segment_size{segment="cart-under-100"} 1234',
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("so many segments and no more have a metric each", async () => {
  const bounded = await apiInMemory({ metricsSegmentsMax: 0 });
  const { body } = await bounded.app.inject({ method: "GET", url: "/metrics" });
  expect(body).not.toContain("rollcall_segment_size{");
  await bounded.close();
});
