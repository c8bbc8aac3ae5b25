// What do checkpoints cost while they are made, and how long does it take to come back from one? Guess: three in a hundred of
// the throughput, pauses of two milliseconds and a page; and a restore takes twice as long as reading the same bytes.
import assert from "node:assert/strict";
import { hashOf as blobHash } from "../actors/partition/manifest.ts";
import { OPTIONS } from "../config/options.ts";
import type { ControlEntry } from "../lib/core/control.ts";
import type { PartitionCore } from "../lib/core/engine/core.ts";
import { partitionOf } from "../lib/core/ids.ts";
import { natsWorld } from "../lib/nats/world.ts";
import type { PageStore } from "../lib/ports/page-store.ts";
import type { SideResult } from "./sides/consume.ts";
import { type RestoreResult, type RestoreSpec, restoreSide, type StoredPartition } from "./sides/restore.ts";
import { type Bench, type Progress, type Row, type Sizes, size } from "./support/bench.ts";
import { beside, inChild } from "./support/child.ts";
import { runAlone } from "./support/cli.ts";
import { loadEvents } from "./support/load.ts";
import { drive, machineWith, type Prepared, prepare } from "./support/machine.ts";
import { hashOf, median, millis, quantile, ratioOf, thousands } from "./support/measure.ts";
import { POPULATION_RULES, populationRecords } from "./support/population.ts";
import { filledServer, hashOfDeltas, runSide, steadyPerSecond, storedDeltas } from "./support/rounds.ts";
import { rulesOf } from "./support/rules.ts";
import { startBenchServer } from "./support/server.ts";

const GOALS = {
  throughput: { least: 0.95, aim: 0.97, better: "more" },
  pause: { least: 8, aim: 4, better: "less" },
  restore: { least: 2, aim: 1.3, better: "less" },
} as const;
const NEVER_MS = 10 ** 9;

export const bench: Bench = {
  name: "checkpoint",
  question: "throughput with checkpoints, the pause they add, and the way back",
  sizes: {
    full: {
      events: 200_000,
      users: 100_000,
      segments: 1_000,
      partitions: 32,
      rounds: 3,
      intervalMs: 2_000,
      people: 200_000,
    },
    quick: {
      events: 60_000,
      users: 40_000,
      segments: 1_000,
      partitions: 32,
      rounds: 1,
      intervalMs: 1_000,
      people: 20_000,
    },
    tiny: { events: 300, users: 50, segments: 120, partitions: 2, rounds: 1, intervalMs: 100, people: 300 },
  },
  async run(sizes, progress) {
    const throughput = await measureThroughput(sizes, progress);
    progress("pauses");
    const pause = measurePauses(sizes);
    const restore = await measureRestore(sizes, progress);
    return {
      rows: [throughput.row, pause.row, restore.row],
      checked: [throughput.checked, pause.checked, restore.checked],
      hash: hashOf([throughput.hash, pause.hash, restore.hash]),
    };
  },
};

interface Part {
  readonly row: Row;
  readonly checked: string;
  readonly hash: string;
}

// ── throughput ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function measureThroughput(sizes: Sizes, progress: Progress): Promise<Part> {
  const load = loadEvents({ events: size(sizes, "events"), users: size(sizes, "users") });
  const { definitions } = rulesOf("gated", size(sizes, "segments"));
  const filled = await filledServer(size(sizes, "partitions"), definitions, load, progress);
  const intervalMs = size(sizes, "intervalMs");
  try {
    const [withThem, without]: [SideResult[], SideResult[]] = [[], []];
    const hashes = new Set<string>();
    for (let round = 0; round < size(sizes, "rounds"); round += 1) {
      for (const results of round % 2 === 0 ? [withThem, without] : [without, withThem]) {
        progress(`round ${round + 1}: ${results === withThem ? "with" : "without"} checkpoints`);
        const checkpointIntervalMs = results === withThem ? intervalMs : NEVER_MS;
        results.push(await runSide(filled, "E", { checkpointIntervalMs }));
        hashes.add(hashOfDeltas(await storedDeltas(filled.server)));
      }
    }
    assert.equal(hashes.size, 1, "checkpoints changed what was said");
    const [rates, bare] = [withThem.map(steadyPerSecond), without.map(steadyPerSecond)];
    const last = withThem.at(-1)!;
    const row: Row = {
      question: `throughput with checkpoints every ${intervalMs / 1_000} s ÷ without`,
      goal: GOALS.throughput,
      left: { name: "with", value: thousands(median(rates)) },
      right: { name: "without", value: thousands(median(bare)) },
      ratio: ratioOf(rates, bare),
      notes: [
        `${last.checkpoints} checkpoints of ${last.checkpointPages} pages in the last run (the default is every ${OPTIONS.checkpointIntervalMs.default / 1_000} s, longer than the run)`,
      ],
    };
    return { row, checked: "with and without checkpoints the same deltas are said", hash: [...hashes][0]! };
  } finally {
    await filled.server.stop();
  }
}

// ── pauses ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Events between two slices, as in a turn of actors/partition/running.ts. */
const TURN = 256;

/** One partition of thirty-two, in this process: slices as actors/partition/checkpoint.ts makes them, between turns. */
function measurePauses(sizes: Sizes): Part {
  const { definitions } = rulesOf("gated", size(sizes, "segments"));
  const load = { events: size(sizes, "events") / 4, users: size(sizes, "users") / 2 };
  const prepared = prepare(loadEvents(load));
  const machine = machineWith(definitions);
  const half = Math.floor(prepared.length / 2);
  for (const { record } of prepared.slice(0, half)) drive(machine, record);
  const slices: number[] = [];
  const pages = new Map<number, Uint8Array>();
  let at = half;
  let pictures = 0;
  while (at < prepared.length) {
    const taken = takePicture(machine, prepared, at, slices, pages);
    at = taken.next;
    pictures += 1;
  }
  const sorted = [quantile(slices, 0.5), quantile(slices, 0.99), Math.max(...slices)] as const;
  const row: Row = {
    question: "pause that a checkpoint adds, in milliseconds (p99 of all slices)",
    goal: GOALS.pause,
    left: { name: "p99", value: millis(sorted[1]) },
    right: { name: "longest", value: millis(sorted[2]) },
    ratio: { median: sorted[1], low: sorted[0], high: sorted[2] },
    notes: [
      `${slices.length} slices of ${pictures} pictures, ${machine.universe.toLocaleString("en-US")} people; budget of a slice ${OPTIONS.checkpointSliceMsMax.default} ms; spread is median … longest`,
    ],
  };
  const people = [...pages.values()].length;
  return { row, checked: `every page of the last picture was encoded: ${people}`, hash: String(machine.universe) };
}

function takePicture(
  machine: PartitionCore,
  prepared: readonly Prepared[],
  from: number,
  slices: number[],
  pages: Map<number, Uint8Array>,
): { readonly next: number } {
  const budgetMs = OPTIONS.checkpointSliceMsMax.default;
  let next = from;
  let startedMs = performance.now();
  const frozen = machine.freeze();
  slices.push(performance.now() - startedMs);
  for (let done = false; !done; ) {
    startedMs = performance.now();
    for (;;) {
      const page = frozen.next();
      if (page === undefined) {
        done = true;
        break;
      }
      pages.set(page.page, page.bytes);
      blobHash(page.bytes);
      if (performance.now() - startedMs >= budgetMs) break;
    }
    slices.push(performance.now() - startedMs);
    for (const { record } of prepared.slice(next, next + TURN)) drive(machine, record);
    machine.takeDeltas();
    next += TURN;
  }
  assert.ok(
    frozen.pages.every((page) => pages.has(page)),
    "a page of the picture was never encoded",
  );
  // Between two pictures people go on, so that the next one has changed pages to encode.
  for (const { record } of prepared.slice(next, next + TURN * 8)) drive(machine, record);
  machine.takeDeltas();
  return { next: next + TURN * 8 };
}

// ── the way back ────────────────────────────────────────────────────────────────────────────────────────────────────

const RESTORE_SIDE = beside(import.meta.url, "./sides/restore");

async function measureRestore(sizes: Sizes, progress: Progress): Promise<Part> {
  const partitions = size(sizes, "partitions");
  const people = size(sizes, "people");
  const server = await startBenchServer({ partitions, clock: "event" });
  try {
    const stored = await storePeople(natsWorld(server.nc, server.names, partitions), partitions, people, progress);
    const entries: ControlEntry[] = [
      { op: "apply", define: POPULATION_RULES, remove: [] },
      { op: "activate", revision: 1 },
    ];
    const values = stored.reduce((sum, { pages }) => sum + pages.length + 1, 0);
    const results: Record<RestoreSpec["side"], RestoreResult[]> = { restore: [], scan: [] };
    for (let round = 0; round < size(sizes, "rounds"); round += 1) {
      for (const side of ["restore", "scan"] as const) {
        progress(`round ${round + 1}: ${side}`);
        const spec: RestoreSpec = { side, url: server.url, partitions: stored, entries, values };
        results[side].push(await inChild(RESTORE_SIDE, restoreSide, spec));
      }
    }
    for (const result of results.restore) assert.equal(result.people, people, "somebody was lost on the way back");
    assert.equal(results.restore[0]!.bytes, results.scan[0]!.bytes, "the two sides did not read the same bytes");
    const [restored, scanned] = [results.restore, results.scan].map((side) => side.map(({ ms }) => ms)) as [
      number[],
      number[],
    ];
    const bytes = results.restore[0]!.bytes;
    const row: Row = {
      question: `restore of ${people.toLocaleString("en-US")} actors ÷ bare scan of the same bytes (time)`,
      goal: GOALS.restore,
      left: { name: "restore", value: millis(median(restored)) },
      right: { name: "scan", value: millis(median(scanned)) },
      ratio: ratioOf(restored, scanned),
      notes: [
        `${values} values, ${(bytes / 1e6).toFixed(1)} MB, ${Math.round(bytes / people)} bytes an actor (16 traits, 4 counters)`,
      ],
    };
    return {
      row,
      checked: `all ${people.toLocaleString("en-US")} people came back, page by page with the hash that was written`,
      hash: `${people}`,
    };
  } finally {
    await server.stop();
  }
}

type Worlds = { partition(p: number): { readonly pages: PageStore } };

async function storePeople(
  world: Worlds,
  partitions: number,
  people: number,
  progress: Progress,
): Promise<StoredPartition[]> {
  const users: number[][] = Array.from({ length: partitions }, () => []);
  for (let user = 0; user < people; user += 1) users[partitionOf(`u${user}`, partitions)]!.push(user);
  const stored: StoredPartition[] = [];
  for (const [partition, own] of users.entries()) {
    progress(`people of partition ${partition} are stored`);
    const machine = machineWith(POPULATION_RULES, { partition, partitions });
    for (const record of populationRecords(own)) drive(machine, record);
    stored.push(await storePartition(world.partition(partition).pages, partition, machine));
  }
  return stored;
}

async function storePartition(store: PageStore, partition: number, machine: PartitionCore): Promise<StoredPartition> {
  const frozen = machine.freeze();
  const puts: Promise<void>[] = [];
  const pages: { page: number; key: string; hash: string }[] = [];
  for (let next = frozen.next(); next !== undefined; next = frozen.next()) {
    const key = `${partition}.1.1.${next.page}`;
    pages.push({ page: next.page, key, hash: blobHash(next.bytes) });
    puts.push(store.put(key, next.bytes));
  }
  const metaKey = `${partition}.1.1.meta`;
  puts.push(store.put(metaKey, frozen.meta));
  await Promise.all(puts);
  return { metaKey, pages };
}

await runAlone(import.meta.url, bench);
