// Everything at once, by a seed: workers killed, stopped and woken, joining and leaving, the server killed, segments edited,
// deleted and defined again, with hardly any memory for pages and a checkpoint every second. In the end nothing is missing.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Load } from "../support/load.ts";
import type { Watched } from "../support/processes.ts";
import { expectNothingLost, RealCluster } from "../support/real-cluster.ts";
import { Dice, seeds } from "../support/seed.ts";

const SHOPPERS = 4_000;
const EVENTS_PER_SECOND = 2_000;
const WORKERS_MAX = 3;
const BLOWS = 20;
const TRIES_MAX = 20;
const TIGHT = {
  ROLLCALL_PAGE_CACHE_BYTES: "64KB",
  ROLLCALL_PAGE_BYTES_MAX: "8KB",
  ROLLCALL_CHECKPOINT_INTERVAL: "1s",
};
const KINDS = ["kill", "kill", "pause", "join", "leave", "server", "edit", "edit", "edit", "remove"] as const;
type Kind = (typeof KINDS)[number];

let cluster: RealCluster;

afterEach(() => cluster.close());

test.each(seeds(1))("whatever happens, nothing is lost, seed %i", async (seed) => {
  const dice = new Dice(seed);
  cluster = await RealCluster.open({ variables: TIGHT });
  const workers = [cluster.worker(), cluster.worker()];
  await cluster.everyPartitionRuns();
  await cluster.apply();
  const load = await cluster.load(seed, SHOPPERS, EVENTS_PER_SECOND);
  const blows: Kind[] = [];
  let operator = Promise.resolve();
  for (let blow = 0; blow < BLOWS; blow += 1) {
    await load.flows(dice.int(EVENTS_PER_SECOND / 10, EVENTS_PER_SECOND * 2), 120_000);
    const kind = dice.pick(KINDS);
    blows.push(kind);
    // The operator does one thing after the other, but beside everything else.
    if (kind === "edit") operator = chained(operator, edit(blow, dice));
    else if (kind === "remove") operator = chained(operator, remove(dice));
    else await strike(kind, workers, load, dice);
  }
  await operator;
  await cluster.everyPartitionRuns();
  await load.flows(EVENTS_PER_SECOND);
  await expectNothingLost(cluster, load, `seed ${seed}`, { blows: blows.join(" ") });
});

/** A failure is thrown where the chain is awaited, and not before. */
function chained(before: Promise<void>, next: () => Promise<void>): Promise<void> {
  const both = before.then(next);
  both.catch(() => {});
  return both;
}

async function strike(kind: Kind, workers: Watched[], load: Load, dice: Dice): Promise<void> {
  const index = dice.int(0, workers.length - 1);
  const worker = workers[index]!;
  switch (kind) {
    case "kill":
      await worker.kill9();
      workers[index] = cluster.worker();
      return;
    case "pause":
      // Some are woken before anybody has noticed, some after others took over.
      worker.kill("SIGSTOP");
      await load.flows(dice.int(EVENTS_PER_SECOND / 2, EVENTS_PER_SECOND * 6), 120_000);
      worker.kill("SIGCONT");
      return;
    case "join":
      if (workers.length < WORKERS_MAX) workers.push(cluster.worker());
      return;
    case "leave":
      if (workers.length < 2) return;
      workers.splice(index, 1);
      worker.kill("SIGTERM");
      // The second signal stops at once, unless the first was quicker.
      if (dice.chance(0.3)) worker.kill("SIGTERM");
      expect([0, 130]).toContain((await worker.exit(120_000)).code);
      return;
    default:
      await cluster.server.kill9();
      await cluster.server.restart();
  }
}

/** Two segments, one on top of the other, with rules that this edition rolls. */
function edit(edition: number, dice: Dice): () => Promise<void> {
  const window = `window: { last: ${dice.pick(["2s", "5s", "20s"])} }`;
  const rule = dice.pick([
    `event: { name: "*", count: { gte: ${dice.int(2, 6)} }, ${window} }`,
    `event: { name: Product Viewed, distinct: { of: properties.product_id, is: { gte: ${dice.int(2, 5)} } }, ${window} }`,
    `cart: { value: { gt: ${dice.int(10, 200)} } }`,
    `any: [{ segment: { in: [busy-3s] } }, { order: { total: { gte: ${dice.int(50, 500)} } } }]`,
  ]);
  const text = `segments:
  - { id: edited, rule: { ${rule} } }
  - { id: on-top, rule: { all: [{ segment: { in: [edited] } }, { segment: { notIn: [quiet-5s] } }] } }
`;
  const flags = dice.chance(0.3) ? ["--no-wait"] : [];
  return async () => {
    const path = join(cluster.processes.dir, `edition-${edition}.yaml`);
    await writeFile(path, text);
    await insist(["segments", "apply", path, ...flags]);
  };
}

function remove(dice: Dice): () => Promise<void> {
  const flags = dice.chance(0.3) ? ["--no-wait"] : [];
  return () => insist(["segments", "rm", "on-top", "edited", ...flags]);
}

/** As an operator would: again, while the server is away. What is there or gone already needs no second time. */
async function insist(args: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const ran = await cluster.processes.cli(args, cluster.variables, 240_000);
    if (ran.code === 0 || /There is no segment/.test(ran.stderr)) return;
    if (ran.code === 2 || tries === TRIES_MAX)
      throw new Error(`rollcall ${args.join(" ")}: ${ran.code}\n${ran.stderr}`);
  }
}
