// Where the workers' scenarios are played: one nats-server, a few workers, the load, a subscriber's ear and the auditor.
// A scenario does harm to it; `judge` heals, waits, lets the workers go in good order, and hears the auditor.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { count, counted, duration } from "../../../lib/cli/numbers.ts";
import type { PartitionNo, Seq } from "../../../lib/core/types.ts";
import { storedMessage } from "../../../lib/nats/wire.ts";
import type { Watermark } from "../../../lib/ports/delta-sink.ts";
import type { PartitionStatus } from "../../../lib/ports/questions.ts";
import { Alternation } from "../../support/alternation.ts";
import type { Load } from "../../support/load.ts";
import type { Watched } from "../../support/processes.ts";
import { TcpProxy } from "../../support/proxy.ts";
import { ACCOUNT_SEGMENTS, isOf, RealCluster, SEGMENTS } from "../../support/real-cluster.ts";
import { Dice } from "../../support/seed.ts";
import { until } from "../../support/until.ts";
import type { AuditReport } from "../audit.ts";
import { Auditor, countsOf, examplesOf } from "../auditor.ts";
import type { Observation, ScenarioContext } from "../scenario.ts";

export const PARTITIONS = 16;
export const WORKERS = 3;
/** Many shoppers, so that nobody has a history that the oracle, which looks at all of it each time, takes long over. */
const SHOPPERS = 6_000;
const EVENTS_PER_SECOND = 300;
const ACCOUNTS = 1_200;
/** Whatever is waited for here comes; how soon, a machine with other work decides. So long nobody waits in vain. */
export const HEAL_MS_MAX = 300_000;
const EAR_MS_MAX = 30_000;
const CLI_MS_MAX = 60_000;
const STARTED = /worker: started/;
/** Whoever is just leaving does not answer any more; asking again is quicker than waiting for it. */
const ANSWER_MS_MAX = 500;
const STATUS = JSON.stringify({ op: "status" });

/** Death is noticed soon, checkpoints are many, pages small, and not all of them fit into memory. */
const VARIABLES = {
  ROLLCALL_HEARTBEAT_INTERVAL: "100ms",
  ROLLCALL_HEARTBEAT_EXPIRY: "1s",
  ROLLCALL_CHECKPOINT_INTERVAL: "500ms",
  ROLLCALL_PAGE_BYTES_MAX: "8KB",
  ROLLCALL_PAGE_CACHE_BYTES: "1MB",
};

export interface Judgement {
  readonly held: boolean;
  /** Counts and figures in one line; what went wrong first. */
  readonly seen: string;
  readonly report: AuditReport | undefined;
}

export interface StageOptions {
  /** A proxy before each worker. */
  readonly proxies?: boolean;
  readonly outages?: boolean;
}

interface Place {
  worker: Watched;
  readonly proxy: TcpProxy | undefined;
}

const opened = new Set<RealCluster>();

/** For Ctrl-C: whatever is being played ends, and leaves nothing behind. */
export async function closeAll(): Promise<void> {
  await Promise.all([...opened].map((cluster) => cluster.close()));
}

export class Stage {
  readonly cluster: RealCluster;
  readonly dice: Dice;
  readonly load: Load;
  private readonly name: string;
  private readonly context: ScenarioContext;
  private readonly places: Place[];
  private readonly guests: Watched[] = [];
  private readonly ear: Alternation;
  private readonly auditor: Auditor;
  private readonly startedMs = performance.now();
  /** Servers and connections go away here, so a worker may find nobody when it starts. */
  private readonly outages: boolean;
  private readonly dismissed = new Set<Watched>();
  private readonly deaths: string[] = [];
  private startsInVain = 0;
  private earCuts = 0;
  private edits = 0;
  private editsTaken = 0;

  private constructor(parts: {
    cluster: RealCluster;
    name: string;
    context: ScenarioContext;
    places: Place[];
    load: Load;
    ear: Alternation;
    earConnection: NatsConnection;
    auditor: Auditor;
    outages: boolean;
  }) {
    this.cluster = parts.cluster;
    this.name = parts.name;
    this.context = parts.context;
    this.places = parts.places;
    this.load = parts.load;
    this.ear = parts.ear;
    this.auditor = parts.auditor;
    this.outages = parts.outages;
    this.dice = new Dice(parts.context.seed);
    void this.countCuts(parts.earConnection);
  }

  /** All is well when it resolves: every worker runs, definitions are in force, events flow. */
  static async open(
    name: string,
    context: ScenarioContext,
    { proxies = false, outages = false }: StageOptions = {},
  ): Promise<Stage> {
    context.say("starting a nats-server, workers, load and the auditor");
    const cluster = await RealCluster.open({ partitions: PARTITIONS, variables: VARIABLES });
    opened.add(cluster);
    const { server, processes } = cluster;
    try {
      const places = await Promise.all(
        Array.from({ length: WORKERS }, async () => {
          const proxy = proxies ? await TcpProxy.open({ host: "127.0.0.1", port: server.port }) : undefined;
          return { proxy, worker: newWorker(cluster, proxy) };
        }),
      );
      await cluster.everyPartitionRuns();
      const auditor = await Auditor.watching(processes, { url: server.url, partitions: PARTITIONS });
      const earConnection = await server.connection("subscriber");
      const ear = await Alternation.open(earConnection);
      await cluster.apply([...SEGMENTS, ACCOUNT_SEGMENTS]);
      const load = await cluster.load(context.seed, SHOPPERS, EVENTS_PER_SECOND, ACCOUNTS);
      await load.flows(EVENTS_PER_SECOND);
      return new Stage({ cluster, name, context, places, load, ear, earConnection, auditor, outages });
    } catch (error) {
      await closed(cluster);
      throw error;
    }
  }

  get workers(): readonly Watched[] {
    return this.places.map(({ worker }) => worker);
  }

  get proxies(): readonly TcpProxy[] {
    return this.places.flatMap(({ proxy }) => proxy ?? []);
  }

  say(line: string): void {
    this.context.say(line);
  }

  /** The time that was given to this scenario is used up. */
  get overtime(): boolean {
    return performance.now() - this.startedMs > this.context.minutes * 60_000;
  }

  /** It is about to end, and not by itself; `replace` fills its place. */
  dismiss(worker: Watched): void {
    this.dismissed.add(worker);
  }

  /** A new worker in the place of one that is gone. */
  replace(worker: Watched): Watched {
    const place = this.places.find((one) => one.worker === worker);
    if (place === undefined) throw new Error(`${worker.name} has no place here`);
    place.worker = newWorker(this.cluster, place.proxy);
    return place.worker;
  }

  proxyOf(worker: Watched): TcpProxy {
    const proxy = this.places.find((one) => one.worker === worker)?.proxy;
    if (proxy === undefined) throw new Error(`${worker.name} has no proxy before it`);
    return proxy;
  }

  /** It listens for signals and claims; one that is told to stop before just ends, and has nothing to release. */
  async begun(worker: Watched): Promise<void> {
    await worker.says(STARTED, HEAL_MS_MAX);
  }

  /** One more, who has no place and is not missed when it goes. */
  guest(): Watched {
    const guest = this.cluster.worker();
    this.guests.push(guest);
    return guest;
  }

  /** As an orchestrator does: who ended by itself comes back. Whether it may have ended is judged in the end. */
  tend(): void {
    for (const { worker } of this.places) {
      if (worker.ended === undefined || this.dismissed.has(worker)) continue;
      const began = worker.count(STARTED) > 0;
      if (began || !this.outages) this.deaths.push(`${worker.name} ended by itself with ${endOf(worker)}`);
      else this.startsInVain += 1;
      this.replace(worker);
    }
  }

  /** Of each partition its newest record, straight from the stream. */
  async records(): Promise<readonly { readonly seq: Seq; readonly value: Watermark }[]> {
    const { nc, server } = this.cluster;
    const { names, partitions } = server;
    return Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const which = { last_by_subj: names.watermarkSubject(partition) };
        const stored = await storedMessage(nc, names.segmentsStream, which);
        if (stored === undefined) throw new Error(`partition ${partition} has no watermark`);
        return { seq: stored.seq, value: JSON.parse(Buffer.from(stored.data).toString()) as Watermark };
      }),
    );
  }

  /** How many partitions nobody who is alive owns, by their records: they wait for a take-over. */
  async orphans(): Promise<number> {
    const records = await this.records();
    const alive = [...this.workers, ...this.guests].filter(({ ended }) => ended === undefined);
    const isAlive = (owner: string): boolean => alive.some((worker) => isOf(worker, owner));
    return records.filter(({ value }) => value.owner === null || !isAlive(value.owner)).length;
  }

  /** Every partition's record names somebody who is alive, and who says that it runs. */
  async calm(): Promise<void> {
    const isCalm = async (): Promise<boolean> => {
      this.tend();
      return (await this.orphans()) === 0 && (await this.allRun());
    };
    // While the server is away nobody can tell.
    await until("all is well", () => isCalm().catch(() => false), HEAL_MS_MAX).catch(async () => {
      throw new Error(`after ${duration(HEAL_MS_MAX)} ${await this.whatIsNotWell()}`);
    });
  }

  /** Of each partition that does not run what its owner says, or that there is none. */
  private async whatIsNotWell(): Promise<string> {
    const statuses = await this.cluster.status();
    const words = statuses.flatMap((status, partition) => {
      if (status?.phase === "running") return [];
      const error = status?.error === null || status === null ? "" : ` (${status.error.code}: ${status.error.message})`;
      return [`partition ${partition}: ${status?.phase ?? "nobody answers"}${error}`];
    });
    return words.length === 0 ? "somebody who is gone still stands in a watermark" : words.join(", ");
  }

  private async allRun(): Promise<boolean> {
    const { nc, server } = this.cluster;
    const answers = await Promise.all(
      Array.from({ length: server.partitions }, (_, partition) =>
        nc.request(server.names.askSubject(partition), STATUS, { timeout: ANSWER_MS_MAX }),
      ),
    );
    return answers.every((answer) => answer.json<{ status?: PartitionStatus }>().status?.phase === "running");
  }

  /** A rule is changed while everything goes on: each edit is a sweep, every other one asks the past something new. */
  async edit(): Promise<void> {
    this.edits += 1;
    const { processes, variables } = this.cluster;
    const file = await processes.fileOf(`edit-${this.edits}.yaml`, definitionsOf(this.edits));
    // Whether it is heard is a matter of what is going on; once it is heard, it must be in force everywhere.
    const ran = processes.cli(["segments", "apply", file, "--no-wait"], variables, CLI_MS_MAX);
    const code = await ran.then((ended) => ended.code).catch(() => null);
    if (code === 0) this.editsTaken += 1;
  }

  /** Of every partition whose record names one of them: what their publishes are fenced by. */
  async fencesOf(workers: readonly Watched[]): Promise<Map<PartitionNo, Seq>> {
    const records = await this.records();
    const owned = [...records.entries()].filter(([, { value }]) =>
      workers.some((worker) => isOf(worker, value.owner ?? "")),
    );
    return new Map(owned.map(([partition, { seq }]) => [partition, seq]));
  }

  /** Somebody else's record stands in each of these partitions. */
  async takenOver(workers: readonly Watched[], partitions: readonly PartitionNo[]): Promise<void> {
    await until(
      "others have taken over",
      async () => {
        const records = await this.records().catch(() => undefined);
        if (records === undefined) return false;
        return partitions.every((partition) => {
          const { owner } = records[partition]!.value;
          return owner !== null && !workers.some((worker) => isOf(worker, owner));
        });
      },
      HEAL_MS_MAX,
    );
  }

  /** Ends the load, waits until all is said, drains the workers, and asks the auditor and the ear. */
  async judge(brokeOff?: Error): Promise<Judgement> {
    let report: AuditReport | undefined;
    const faults = brokeOff === undefined ? [] : [brokeOff.message];
    faults.push(...(await faultsOf(() => this.heal())));
    faults.push(...(await faultsOf(() => this.drainAll())), ...this.deaths);
    const audited = async (): Promise<string[]> => {
      this.say("the auditor recomputes everything");
      report = await this.auditor.report();
      this.say(`${count(report.inputs)} messages of the logs audited in ${duration(report.tookMs)}`);
      return this.differencesOf(report);
    };
    faults.push(...(await faultsOf(audited)));
    if (faults.length > 0) await this.keep(faults, report);
    const figures = report === undefined ? [] : this.figuresOf(report);
    const [first, ...rest] = faults.map((fault) => fault.split("\n")[0]!);
    const wrong = first === undefined ? [] : [rest.length === 0 ? first : `${first} (and ${rest.length} more)`];
    return { held: faults.length === 0, seen: [...wrong, ...figures].join("; "), report };
  }

  private async heal(): Promise<string[]> {
    this.say("healing: everything acknowledged must be said");
    this.letGo();
    let acknowledged = false;
    void this.load.stop().then(() => {
      acknowledged = true;
    });
    await until("the load is acknowledged", () => acknowledged, HEAL_MS_MAX);
    await this.calm();
    await this.cluster.caughtUp(HEAL_MS_MAX);
    return [];
  }

  /** Whatever still holds somebody down, after a play that broke off. */
  private letGo(): void {
    this.cluster.server.resume();
    for (const worker of this.workers) worker.kill("SIGCONT");
    for (const proxy of this.proxies) {
      proxy.accept();
      proxy.delay(0);
      proxy.set("flowing");
    }
  }

  private async drainAll(): Promise<string[]> {
    this.say("the workers are stopped in good order");
    // All can be well without one that has only just been started.
    await Promise.all(this.workers.map((worker) => this.begun(worker)));
    for (const worker of this.workers) worker.kill("SIGTERM");
    const ends = await Promise.all(
      this.workers.map(async (worker) => ({ worker, ...(await worker.exit(HEAL_MS_MAX)) })),
    );
    return ends.flatMap(({ worker, code }) =>
      code === 0 ? [] : [`${worker.name} did not drain: it ended with ${endOf(worker)}`],
    );
  }

  private async differencesOf(report: AuditReport): Promise<string[]> {
    const faults = report.held ? [] : [countsOf(report), ...examplesOf(report)];
    if (report.events !== this.load.stored)
      faults.push(`${count(this.load.stored)} events were acknowledged, and ${count(report.events)} stand in the logs`);
    if (this.earCuts > 0) return faults;
    await until("the ear has heard all", () => this.ear.heard >= report.deltas.stored, EAR_MS_MAX).catch(
      () => undefined,
    );
    if (this.ear.heard !== report.deltas.stored)
      faults.push(`a subscriber heard ${count(this.ear.heard)} of ${count(report.deltas.stored)} deltas`);
    return [...faults, ...this.ear.faults.map((fault) => `a subscriber heard ${fault}`)];
  }

  private figuresOf(report: AuditReport): string[] {
    const { deltas, events, links, records, claims, batches } = report;
    return [
      `${count(deltas.stored)} deltas, ${counted(batches, "batch", "batches")}: ${countsOf(report)}`,
      `${count(events)} events acknowledged and stored, ${counted(links, "link message")} between partitions`,
      this.whatTheEarHeard(report),
      `${counted(claims - PARTITIONS, "take-over")} in ${count(records)} watermarks`,
      ...(this.editsTaken === 0 ? [] : [`${counted(this.editsTaken, "edit")} of definitions`]),
      ...(this.startsInVain === 0 ? [] : [`${counted(this.startsInVain, "worker")} started while no server was there`]),
    ];
  }

  private whatTheEarHeard({ deltas }: AuditReport): string {
    if (this.earCuts > 0) return "(a subscriber's own connection was cut, too)";
    const { heard, faults } = this.ear;
    if (faults.length > 0) return `a subscriber heard ${faults[0]!}`;
    return heard === deltas.stored
      ? "a subscriber heard each delta once, in order"
      : `a subscriber heard ${count(heard)} of them`;
  }

  private async countCuts(nc: NatsConnection): Promise<void> {
    for await (const { type } of nc.status()) if (type === "disconnect") this.earCuts += 1;
  }

  /** For whoever looks for the cause; the processes' own words lie beside it. */
  private async keep(faults: readonly string[], report: AuditReport | undefined): Promise<void> {
    const folder = process.env.ROLLCALL_TEST_LOGS;
    if (folder === undefined || folder === "") return;
    await mkdir(folder, { recursive: true });
    const content = { scenario: this.name, seed: this.context.seed, faults, report };
    await writeFile(join(folder, `${this.name}.json`), `${JSON.stringify(content, null, 2)}\n`);
  }

  async close(): Promise<void> {
    await closed(this.cluster);
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
  }
}

/** A step that cannot be taken is a fault, too, and the next one is taken all the same. */
async function faultsOf(step: () => Promise<string[]>): Promise<string[]> {
  return step().catch((error: Error) => [error.message]);
}

/** Two segments that change with every edit: one by its threshold alone, one by its window, too. */
function definitionsOf(edit: number): string {
  const often = { event: { name: "*", count: { gte: 2 + (edit % 3) }, window: { last: "10s" } } };
  const lately = {
    event: { name: "Product Viewed", count: { gte: 1 }, window: { last: `${5 + Math.floor(edit / 2)}s` } },
  };
  const segments = [
    { id: "edited-often", rule: often },
    { id: "edited-lately", rule: lately },
  ];
  return JSON.stringify({ segments });
}

function endOf({ ended }: Watched): string {
  return ended?.signal ?? `code ${ended?.code}`;
}

async function closed(cluster: RealCluster): Promise<void> {
  opened.delete(cluster);
  await cluster.close();
}

function newWorker(cluster: RealCluster, proxy: TcpProxy | undefined): Watched {
  return cluster.worker(proxy === undefined ? {} : { NATS_URL: proxy.url });
}

/** Opens a stage, plays on it, and closes it whatever happens. A play that breaks off is judged, too. */
export async function onStage(
  name: string,
  context: ScenarioContext,
  play: (stage: Stage) => Promise<readonly Observation[]>,
  options: StageOptions = {},
): Promise<readonly Observation[]> {
  const stage = await Stage.open(name, context, options);
  try {
    return await play(stage).catch(async (error: Error) => {
      const [why] = error.message.split("\n");
      stage.say(`it broke off: ${why}`);
      const { seen } = await stage.judge(error);
      return [{ fault: `${name}, broken off`, times: 1, seen, held: false }];
    });
  } finally {
    await stage.close();
  }
}
