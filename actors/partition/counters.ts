// What a partition has done, counted; the API shows it in Prometheus form.
import type { Counters } from "../../lib/ports/questions.ts";

export function newCounters(): Counters {
  return {
    events: 0,
    deltas: 0,
    eventsRefused: 0,
    joined: 0,
    steps: 0,
    evalMs: 0,
    rejects: 0,
    ticks: 0,
    controls: 0,
    singles: 0,
    batches: 0,
    watermarks: 0,
    links: 0,
    publishRetries: 0,
    publishTimeouts: 0,
    checkpoints: 0,
    checkpointPages: 0,
    checkpointBytes: 0,
    checkpointMs: 0,
    restores: 0,
    replayed: 0,
    pagesLoaded: 0,
    pagesSpilled: 0,
    faults: 0,
    wakeUps: 0,
    idleWakeUps: 0,
    audits: 0,
    auditMismatches: 0,
    auditsPassedOver: 0,
  };
}
