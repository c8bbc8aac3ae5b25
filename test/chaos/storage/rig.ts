// What every storage scenario stands on: a small data set with a history, harm done to the server's store, and a verdict
// in figures: refused with which code and words, or healed and equal to what the oracle says. index.ts lists the scenarios.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { headers } from "@nats-io/transport-node";
import { logRecords, storedDeltas } from "../../../lib/cli/read-streams.ts";
import { partitionOf } from "../../../lib/core/ids.ts";
import { DEFAULT_LIMITS, type PartitionNo } from "../../../lib/core/types.ts";
import { api, publish, storedMessage, streamState } from "../../../lib/nats/wire.ts";
import type { Watermark } from "../../../lib/ports/delta-sink.ts";
import type { PartitionStatus } from "../../../lib/ports/questions.ts";
import { type StoredDelta, type VerifyReport, verifyPartition } from "../../../lib/verify/verify.ts";
import { Alternation } from "../../support/alternation.ts";
import type { Load } from "../../support/load.ts";
import { startTestServer } from "../../support/nats.ts";
import type { Variables, Watched } from "../../support/processes.ts";
import { differencesOf, RealCluster } from "../../support/real-cluster.ts";
import { Store } from "../../support/store.ts";
import { until } from "../../support/until.ts";
import type { Observation } from "../scenario.ts";

const PARTITIONS = 4;
const SHOPPERS = 400;
const EVENTS_PER_SECOND = 2_000;
const EVENTS = 1_600;
/** Enough that every partition gets some. */
const EVENTS_AFTERWARDS = 400;
const CHECKPOINT_INTERVAL = "300ms";
const SETTLE_MS_MAX = 180_000;

const ORACLE = {
  partitions: PARTITIONS,
  clockMode: "log",
  clockStepMsMax: 86_400_000,
  limits: DEFAULT_LIMITS,
} as const;

/** `stayed`: the worker lived through it and remembers. `fresh`: it was killed, and a new one finds what is left. */
export type WorkerWas = "stayed" | "fresh";

export interface RigOptions {
  readonly seed: number;
  readonly worker: WorkerWas;
  readonly variables?: Variables;
  /** Where the server keeps its store; default the system's temporary files. */
  readonly under?: string;
}

export class StorageRig {
  readonly cluster: RealCluster;
  readonly store: Store;
  readonly ear: Alternation;
  readonly backup: string;
  /** Where the logs ended when `noteEnds` was called last. */
  ends: readonly number[] = [];
  private readonly options: RigOptions;
  private worker: Watched;
  private readonly everyLoad: Load[] = [];
  private filled = 0;
  /** Everything said before the harm, a list a partition. */
  private said: string[][] = [];

  private constructor(cluster: RealCluster, worker: Watched, ear: Alternation, backup: string, options: RigOptions) {
    this.cluster = cluster;
    this.store = new Store(cluster.server.dataDir);
    this.worker = worker;
    this.ear = ear;
    this.backup = backup;
    this.options = options;
  }

  /** A worker that has processed some history, said what followed from it and made checkpoints. */
  static async open(options: RigOptions): Promise<StorageRig> {
    const variables = { ROLLCALL_CHECKPOINT_INTERVAL: CHECKPOINT_INTERVAL, ...options.variables };
    const server = await startTestServer({
      partitions: PARTITIONS,
      ...(options.under === undefined ? {} : { under: options.under }),
    });
    const cluster = await RealCluster.over(server, variables);
    try {
      const worker = cluster.worker();
      await cluster.everyPartitionRuns();
      const ear = await Alternation.open(await cluster.server.connection("subscriber"), { loose: true });
      await cluster.apply();
      const backup = await mkdtemp(join(tmpdir(), "rollcall-backup-"));
      const rig = new StorageRig(cluster, worker, ear, backup, options);
      await rig.history();
      return rig;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  get partitions(): readonly PartitionNo[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => partition);
  }

  eventsStream(partition: PartitionNo): string {
    return this.cluster.server.names.eventsStream(partition);
  }

  get segmentsStream(): string {
    return this.cluster.server.names.segmentsStream;
  }

  get checkpointStream(): string {
    return `KV_${this.cluster.server.names.checkpointBucket}`;
  }

  get definitionsStream(): string {
    return this.cluster.server.names.definitionsStream;
  }

  /** More events; all of them processed, all that follows said, and, where they are made often, a checkpoint of it. */
  async history(events = EVENTS): Promise<void> {
    const load = await this.newLoad();
    await load.flows(events);
    await load.stop();
    await this.cluster.caughtUp();
    if (this.cluster.variables.ROLLCALL_CHECKPOINT_INTERVAL === CHECKPOINT_INTERVAL) await this.checkpointed();
  }

  /** Every partition has a checkpoint of where it is now, and a watermark that says as much; time goes on meanwhile. */
  async checkpointed(): Promise<void> {
    const positions = (await this.cluster.everyPartitionRuns()).map(({ position }) => position);
    const covered = (status: PartitionStatus | null, p: number): boolean =>
      status !== null && status.checkpointPosition >= positions[p]! && status.done >= positions[p]!;
    await until("checkpoints cover all", async () => (await this.cluster.status()).every(covered), SETTLE_MS_MAX);
  }

  /** A worker that will be replaced stops in order: what it has said then reaches to the very end of the logs. */
  async letGo(): Promise<void> {
    if (this.options.worker === "stayed") return;
    this.worker.kill("SIGTERM");
    await this.worker.exit();
  }

  /** Sequence up to which the partition has said everything, as SEGMENTS holds it. */
  async watermark(partition: PartitionNo): Promise<Watermark> {
    const { nc, server } = this.cluster;
    const stored = await storedMessage(nc, server.names.segmentsStream, {
      last_by_subj: server.names.watermarkSubject(partition),
    });
    return JSON.parse(Buffer.from(stored!.data).toString("utf8")) as Watermark;
  }

  async logEnd(partition: PartitionNo): Promise<number> {
    return (await streamState(this.cluster.nc, this.eventsStream(partition))).last;
  }

  async noteEnds(): Promise<void> {
    this.ends = await Promise.all(this.partitions.map((partition) => this.logEnd(partition)));
  }

  /** Stops the server in order, which leaves an index, or kills it. */
  async serverDown(how: "stopped" | "killed"): Promise<void> {
    const { server } = this.cluster;
    if (how === "killed") return server.kill9();
    process.kill(server.pid, "SIGTERM");
    await until("the server is gone", () => !isAlive(server.pid));
  }

  /** Back, and our own connection with it. */
  async serverUp(): Promise<void> {
    const { server, nc } = this.cluster;
    await server.restart();
    const answers = (): Promise<boolean> =>
      api(nc, "INFO").then(
        () => true,
        () => false,
      );
    await until("the server answers", answers);
  }

  /** The server goes down, its store is harmed, it comes back; the worker lives through it or is a new one afterwards. */
  async outage(harm: (store: Store) => Promise<void>, how: "stopped" | "killed" = "killed"): Promise<void> {
    await this.quietly(() => this.serverDown(how));
    await harm(this.store);
    await this.serverUp();
    this.newWorkerIfFresh();
  }

  /** Harm that the running server itself is asked for, while the worker runs. */
  async misuse(harm: () => Promise<void>): Promise<void> {
    await this.quietly(harm);
    this.newWorkerIfFresh();
  }

  /** Between the look at what was said and the harm nothing is said: the worker is gone, or holds its breath. */
  private async quietly(what: () => Promise<void>): Promise<void> {
    if (this.options.worker === "fresh") await this.worker.kill9();
    else this.worker.kill("SIGSTOP");
    await this.remember();
    await what();
    this.worker.kill("SIGCONT");
  }

  /** The worker sees nothing of what happens meanwhile: it is stopped and goes on, or is gone and a new one comes. */
  async unseen(what: () => Promise<void>): Promise<void> {
    if (this.options.worker === "fresh") await this.worker.kill9();
    else {
      this.worker.kill("SIGSTOP");
      // What the server has sent already would wait in the worker's socket.
      await this.serverDown("killed");
      await this.serverUp();
    }
    await this.remember();
    await what();
    this.worker.kill("SIGCONT");
    this.newWorkerIfFresh();
  }

  /** Harm to the store while the server is down, for use inside `unseen`. */
  async harmed(harm: (store: Store) => Promise<void>, how: "stopped" | "killed" = "killed"): Promise<void> {
    await this.serverDown(how);
    await harm(this.store);
    await this.serverUp();
  }

  /** Acknowledged events of one partition; gives the sequences. A view of nobody's product changes nobody's membership. */
  async fill(partition: PartitionNo, count: number, paddingBytes = 0): Promise<number[]> {
    const { nc, server } = this.cluster;
    const seqs: number[] = [];
    const padding = "x".repeat(paddingBytes);
    for (let index = 0; seqs.length < count; index += 1) {
      const userId = `filler-${this.filled}-${index}`;
      if (partitionOf(userId, PARTITIONS) !== partition) continue;
      const event = { type: "track", userId, event: "Nothing Of Interest", properties: { padding } };
      const mh = headers();
      mh.set("Nats-Msg-Id", userId);
      await until(`${userId} is stored`, async () => {
        const outcome = await publish(nc, server.names.eventSubject(userId), JSON.stringify(event), mh);
        if (outcome.kind === "stored") seqs.push(outcome.seq);
        return outcome.kind === "stored";
      });
    }
    this.filled += 1;
    return seqs;
  }

  /** A copy of streams, as they lie on the disk now, while nothing runs on them. */
  async backUp(streams: readonly string[]): Promise<void> {
    await this.serverDown("killed");
    await this.store.copy(streams, this.backup);
    await this.serverUp();
    await this.cluster.everyPartitionRuns();
  }

  /** Whatever is said, it may be said by a new worker. */
  newWorkerIfFresh(): void {
    if (this.options.worker === "fresh") this.worker = this.cluster.worker();
  }

  /** What the partitions of `harmed` do must be one of `codes`, and the others must go on. */
  async refused(fault: string, harmed: readonly PartitionNo[], codes: readonly string[]): Promise<Observation> {
    const shouldRefuse = new Set(harmed);
    const settled = await this.settled((p, status) =>
      shouldRefuse.has(p) ? status.phase === "refused" : status.phase === "running",
    );
    const flowed = harmed.length === PARTITIONS ? 0 : await this.othersGoOn(shouldRefuse);
    const statuses = await this.cluster.status();
    const { text, known } = await this.wordsOf(statuses);
    const more = await this.saidSince();
    const newlySaid = harmed.reduce((sum, p) => sum + (more[p]?.added ?? 0), 0);
    const changed = harmed.reduce((sum, p) => sum + (more[p]?.differs ?? 0), 0);
    const right = newlySaid > 0 && (await this.saidRight(harmed, statuses));
    const others = PARTITIONS - harmed.length;
    const found = harmed.map((p) => statuses[p]?.error?.code ?? statuses[p]?.phase ?? "nobody");
    const held =
      settled &&
      known &&
      (newlySaid === 0 || right) &&
      changed === 0 &&
      this.heardWell &&
      found.every((code) => codes.includes(code)) &&
      (others === 0 || flowed > 0);
    const rest = others === 0 ? "" : `; the other ${others} went on (${flowed} events later all caught up)`;
    const went = right
      ? `${newlySaid} deltas said before it stopped, all right by the oracle`
      : `${newlySaid} deltas said by it, ${changed} differ`;
    const said = newlySaid + changed === 0 ? "nothing more was said by it" : went;
    return { fault, times: 1, seen: `${text}${rest}; ${said}; ${this.heard()}`, held };
  }

  /** All partitions run again by themselves, and everything is equal to what the oracle makes of the logs. */
  async healed(
    fault: string,
    { repeatsHeard = false }: { readonly repeatsHeard?: boolean } = {},
  ): Promise<Observation> {
    const runs = await this.settled((_, status) => status.phase === "running");
    if (!runs) {
      const { text } = await this.wordsOf(await this.cluster.status());
      return { fault, times: 1, seen: `not healed: ${text}`, held: false };
    }
    const load = await this.newLoad();
    await load.flows(EVENTS_AFTERWARDS);
    await load.stop();
    await this.cluster.caughtUp();
    const report = await this.verified();
    const events = await this.cluster.eventsStored();
    const replayed = (await this.cluster.status()).reduce((sum, status) => sum + (status?.counters.replayed ?? 0), 0);
    const differences = differencesOf(report);
    const figures = `${report.deltas.actual} deltas, lost ${report.deltas.lost.count}, repeated ${report.deltas.repeated.count}, wrong ${report.deltas.wrong.count}; ${events} events in the logs; ${replayed} messages replayed; ${this.heard()}`;
    const seen =
      differences.length === 0 ? `healed, verify equal: ${figures}` : `NOT equal: ${differences.join(" | ")}`;
    return { fault, times: 1, seen, held: report.equal && (repeatsHeard || this.heardWell) };
  }

  /**
   * All partitions run and process new events; what is left of the logs may not be enough to recompute everything.
   * `lacks`: SEGMENTS lacks something by now.
   */
  async goesOn(fault: string, { lacks = false }: { readonly lacks?: boolean } = {}): Promise<Observation> {
    const runs = await this.settled((_, status) => status.phase === "running");
    const flowed = runs ? await this.othersGoOn(new Set()) : 0;
    const { text } = await this.wordsOf(await this.cluster.status());
    const since = await this.saidSince();
    const differs = lacks ? 0 : since.reduce((sum, one) => sum + one.differs, 0);
    const unchanged = lacks ? "" : ", nothing said before changed";
    const went = `all partitions went on, ${flowed} events later all caught up${unchanged}; ${this.heard()}`;
    const held = runs && flowed > 0 && differs === 0 && this.heardWell;
    return { fault, times: 1, seen: held ? went : `${text}; ${flowed} events later; ${this.heard()}`, held };
  }

  /**
   * A stream is missing: nothing is said any more, and `rollcall doctor` names the stream and what to do. A worker that runs
   * goes on asking; a new one ends with the same words.
   */
  async saysThatItIsGone(fault: string, stream: string): Promise<Observation> {
    const said = new RegExp(`${stream} of this data set is gone, while the rest is there[^\n]*`);
    const ended = this.options.worker === "fresh" ? await this.worker.exit().then(({ code }) => code) : undefined;
    const doctor = await this.cluster.processes.cli(["doctor"], this.cluster.variables);
    const words = said.exec(doctor.stdout)?.[0];
    const byWorker =
      ended === undefined
        ? "the worker runs on and asks again"
        : `the worker ended with code ${ended} and ${said.test(this.worker.stderr) ? "the same words" : "other words"}`;
    const phases = (await this.cluster.status()).map((status) => status?.error?.code ?? status?.phase ?? "no owner");
    const held =
      words !== undefined &&
      doctor.code !== 0 &&
      (ended === undefined || said.test(this.worker.stderr)) &&
      this.heardWell;
    const seen = `doctor: "${words ?? doctor.stdout.trim().split("\n").join(" / ")}"; ${byWorker}; partitions: ${phases.join(", ")}; ${this.heard()}`;
    return { fault, times: 1, seen, held };
  }

  /** What `rollcall doctor` finds wrong, in one line. */
  async doctor(): Promise<string> {
    const { stdout, code } = await this.cluster.processes.cli(["doctor"], this.cluster.variables);
    const bad = stdout
      .split("\n")
      .filter((line) => /^\s*(fail|warn)/i.test(line))
      .map((line) => line.trim().replaceAll(/\s+/g, " "));
    return `doctor (exit ${code}): ${bad.length === 0 ? "nothing wrong" : bad.join(" / ")}`;
  }

  /** Events that were acknowledged in all. */
  get acknowledged(): number {
    return this.everyLoad.reduce((sum, { stored }) => sum + stored, 0);
  }

  /** Whether a stream that was deleted is there again, and who would make it. */
  async afterwards(stream: string): Promise<string> {
    const there = await streamState(this.cluster.nc, stream).then(
      () => true,
      () => false,
    );
    if (there) await this.checkpointed();
    else {
      this.cluster.worker();
      await until("a new worker has made checkpoints", () =>
        this.checkpointed().then(
          () => true,
          () => false,
        ),
      );
    }
    return there
      ? "checkpoints are made"
      : `${stream} stayed away until another worker started; then checkpoints were made`;
  }

  async apply(paths: readonly string[]): Promise<void> {
    await this.cluster.apply(paths);
  }

  async close(): Promise<void> {
    await this.cluster.close();
    await rm(this.backup, { recursive: true, force: true });
  }

  /** Traffic that goes on while harm is done; the caller stops it. */
  async newLoad(): Promise<Load> {
    const seed = this.options.seed * 100 + this.everyLoad.length;
    const load = await this.cluster.load(seed, SHOPPERS, EVENTS_PER_SECOND);
    this.everyLoad.push(load);
    return load;
  }

  private async settled(holds: (partition: PartitionNo, status: PartitionStatus) => boolean): Promise<boolean> {
    const look = async (): Promise<boolean> =>
      (await this.cluster.status()).every((status, p) => status !== null && holds(p, status));
    return until("the partitions to settle", look, SETTLE_MS_MAX).then(
      () => true,
      () => false,
    );
  }

  /** Events for everybody; those of the partitions that run are processed. Gives how many were stored. */
  private async othersGoOn(harmed: ReadonlySet<PartitionNo>): Promise<number> {
    const load = await this.newLoad();
    await load.flows(EVENTS_AFTERWARDS).catch(() => undefined);
    load.abandon();
    const ends = await Promise.all(this.partitions.map((p) => (harmed.has(p) ? 0 : this.logEnd(p))));
    const caughtUp = async (): Promise<boolean> =>
      (await this.cluster.status()).every(
        (status, p) =>
          harmed.has(p) || (status?.phase === "running" && status.position >= ends[p]! && status.unsaid === 0),
      );
    return until("the others have caught up", caughtUp, SETTLE_MS_MAX).then(
      () => load.stored,
      () => 0,
    );
  }

  /** What the workers say, and whether `rollcall doctor` says the same and names a page that explains it. */
  private async wordsOf(statuses: readonly (PartitionStatus | null)[]): Promise<{ text: string; known: boolean }> {
    const stopped = statuses.flatMap((status) => (status?.error == null ? [] : [status]));
    const first = stopped[0];
    if (first?.error == null) {
      const phases = statuses.map((status, p) => `${p} ${status?.phase ?? "has no owner"}`);
      return { text: `nobody refused (${phases.join(", ")})`, known: false };
    }
    const codes = [...new Set(stopped.map(({ error }) => error!.code))];
    const doctor = await this.cluster.processes.cli(["doctor"], this.cluster.variables);
    const known = codes.every(
      (code) => doctor.stdout.includes(`${code}: `) && doctor.stdout.includes(`docs/errors/${code}.md`),
    );
    const which = stopped.map(({ partition }) => partition).join(", ");
    const told = known ? "doctor says so" : "doctor does NOT say so";
    return { text: `partition ${which} refused: ${codes.join(", ")} "${first.error.message}" (${told})`, known };
  }

  /** What a plain subscriber heard; it may miss what is said while it is not connected, and nothing else. */
  private heard(): string {
    const { faults, missed, again } = this.ear;
    const away = missed === 0 ? "" : `, and missed ${missed} while away`;
    const repeats = again + faults.length === 0 ? "nothing twice" : `${again} a second time`;
    const odd = faults.length === 0 ? "" : `, and ${faults.length} or more out of line (${faults[0]})`;
    return `a listener heard ${repeats}${away}${odd}`;
  }

  /** Nobody who only listens was told anything twice, or anything wrong. */
  private get heardWell(): boolean {
    return this.ear.faults.length === 0 && this.ear.again === 0;
  }

  /** A partition may be changing hands just then; that is a reason to ask again, and no difference. */
  async verified(): Promise<VerifyReport> {
    let report: VerifyReport | undefined;
    let why = "";
    const tried = async (): Promise<boolean> => {
      await this.cluster.everyPartitionRuns();
      report = await this.cluster.verify().catch((error: Error) => {
        why = error.message;
        return undefined;
      });
      return report !== undefined;
    };
    await until("verify answers", tried, SETTLE_MS_MAX).catch((error: Error) => {
      throw new Error(`${error.message}; ${why}`);
    });
    return report!;
  }

  /** What stopped partitions said, though maybe not all of it, is what the oracle makes of their logs, up to where they stopped. */
  private async saidRight(
    harmed: readonly PartitionNo[],
    statuses: readonly (PartitionStatus | null)[],
  ): Promise<boolean> {
    const { nc, server } = this.cluster;
    const stored: StoredDelta[][] = this.partitions.map(() => []);
    for await (const one of storedDeltas(nc, server.names)) stored[partitionOf(one.delta.id, PARTITIONS)]!.push(one);
    for (const partition of harmed) {
      const { first, last } = await streamState(nc, this.eventsStream(partition));
      // One that was refused before it ran stands nowhere; what it finds was said by the worker before.
      const upTo = statuses[partition]?.position || last;
      if (first > 1 || upTo > last) return false;
      const { deltas } = await verifyPartition({
        options: { ...ORACLE, partition },
        records: logRecords(nc, server.names, partition, upTo),
        deltas: stored[partition]!,
        memberships: [],
      });
      const wrong = deltas.repeated.count + deltas.wrong.count + deltas.disordered.count;
      if (wrong > 0) return false;
    }
    return true;
  }

  private async remember(): Promise<void> {
    this.said = await this.saidNow();
  }

  private async saidNow(): Promise<string[][]> {
    const said: string[][] = this.partitions.map(() => []);
    const { nc, server } = this.cluster;
    for await (const { delta } of storedDeltas(nc, server.names))
      said[partitionOf(delta.id, PARTITIONS)]!.push(JSON.stringify(delta));
    return said;
  }

  /** Against what was said before the harm: deltas beyond it, and those that are other ones. */
  private async saidSince(): Promise<{ added: number; differs: number }[]> {
    const exists = await streamState(this.cluster.nc, this.segmentsStream).then(
      () => true,
      () => false,
    );
    if (!exists) return [];
    const now = await this.saidNow();
    return now.map((deltas, p) => {
      const before = this.said[p]!;
      const differs = deltas.slice(0, before.length).filter((delta, index) => delta !== before[index]).length;
      return { added: Math.max(0, deltas.length - before.length), differs };
    });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
