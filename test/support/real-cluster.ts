// A cluster of real processes: a nats-server, workers that come and go, the load, and the comparison with the oracle.
// What test/deep and test/end-to-end are told with.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { dataSetMade } from "../../lib/api/operations/data-set.ts";
import type { Finding } from "../../lib/doctor/finding.ts";
import { type ClusterStatus, Questions } from "../../lib/nats/questions.ts";
import { streamState } from "../../lib/nats/wire.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import type { VerifyReport } from "../../lib/verify/verify.ts";
import { Load } from "./load.ts";
import { PATIENTLY, startTestServer, type TestServer } from "./nats.ts";
import { Processes, type Variables, type Watched } from "./processes.ts";
import { REPOSITORY } from "./repository.ts";
import { until } from "./until.ts";

/** The eight of the sample shop, and eight that swing all the time. */
export const SEGMENTS = [
  join(REPOSITORY, "config", "segments", "shop"),
  join(REPOSITORY, "test", "support", "segments"),
];

/** Of accounts, and of people by their account: for a load in which people have any. */
export const ACCOUNT_SEGMENTS = join(REPOSITORY, "test", "support", "account-segments");

const STATUS_PAUSE_MS = 100;
/** So long it is listened for a second one who answers. */
const REPLIES_MS = 2_000;

export interface ClusterOptions {
  readonly partitions?: number;
  readonly variables?: Variables;
}

export interface Examined {
  readonly code: number | null;
  readonly findings: readonly Finding[];
}

/** What is asked of a server, or of several in a cluster. */
export type Serving = Pick<TestServer, "url" | "names" | "partitions" | "connection" | "stop">;

export class RealCluster<S extends Serving = TestServer> {
  readonly server: S;
  readonly processes: Processes;
  readonly nc: NatsConnection;
  readonly questions: Questions;
  readonly variables: Variables;
  private readonly loads: Load[] = [];
  private started = 0;
  /** Of those that serve HTTP so many were started. */
  apis = 0;
  private askedMs = 0;

  private constructor(server: S, processes: Processes, nc: NatsConnection, variables: Variables) {
    this.server = server;
    this.processes = processes;
    this.nc = nc;
    this.questions = new Questions(nc, server.names, server.partitions);
    this.variables = variables;
  }

  static async open({ partitions = 32, variables = {} }: ClusterOptions = {}): Promise<RealCluster> {
    return RealCluster.over(await startTestServer({ partitions }), variables);
  }

  /** The same on servers that run already; they are stopped with it. */
  static async over<T extends Serving>(server: T, variables: Variables = {}): Promise<RealCluster<T>> {
    const processes = await Processes.open();
    const all = { NATS_URL: server.url, ROLLCALL_PARTITIONS: String(server.partitions), ...variables };
    return new RealCluster(server, processes, await server.connection("deep"), all);
  }

  worker(variables: Variables = {}): Watched {
    this.started += 1;
    return this.processes.start(`worker ${this.started}`, "worker.js", [], { ...this.variables, ...variables });
  }

  /** Serves HTTP on a port that was free; `urlOf` waits for it. */
  api(): Watched {
    this.apis += 1;
    return this.processes.start(`api ${this.apis}`, "api.js", [], { ...this.variables, ROLLCALL_HTTP_PORT: "0" });
  }

  /** On a connection of its own, as a channel would have. */
  async load(seed: number, shoppers: number, eventsPerSecond: number, accounts?: number): Promise<Load> {
    const nc = await this.server.connection("load");
    const people = { seed, shoppers, eventsPerSecond, ...(accounts === undefined ? {} : { accounts }) };
    const load = new Load({ nc, names: this.server.names, ...people });
    this.loads.push(load);
    return load;
  }

  async apply(paths: readonly string[] = SEGMENTS): Promise<void> {
    await this.processes.did(["segments", "apply", ...paths], this.variables, 180_000);
  }

  /** Not more often than every so many milliseconds, however often it is asked: the workers have other things to do. */
  async status(): Promise<ClusterStatus> {
    await sleep(Math.max(0, this.askedMs + STATUS_PAUSE_MS - performance.now()));
    this.askedMs = performance.now();
    return this.questions.status();
  }

  /** Every partition is run by somebody; gives what they say. */
  async everyPartitionRuns(timeoutMs = 180_000): Promise<readonly PartitionStatus[]> {
    let last: ClusterStatus = [];
    const runs = async (): Promise<boolean> => {
      last = await this.status();
      return last.every((status) => status?.phase === "running");
    };
    await until("every partition runs", runs, timeoutMs).catch((error: Error) => {
      const phases = last.map((status, p) => `${p}: ${status?.phase ?? "nobody"} ${status?.error?.message ?? ""}`);
      throw new Error(`${error.message}\n${phases.join("\n")}\n${this.processes.lastWords()}`);
    });
    return last as readonly PartitionStatus[];
  }

  /** Of each partition how many say that they run it. */
  owners(): Promise<number[]> {
    const { names, partitions } = this.server;
    const count = async (partition: number): Promise<number> => {
      let running = 0;
      const question = JSON.stringify({ op: "status" });
      const options = { strategy: "timer", maxWait: REPLIES_MS } as const;
      for await (const reply of await this.nc.requestMany(names.askSubject(partition), question, options)) {
        if (reply.json<{ status?: PartitionStatus }>().status?.phase === "running") running += 1;
      }
      return running;
    };
    return Promise.all(Array.from({ length: partitions }, (_, partition) => count(partition)));
  }

  /** All that stands in the logs now has been processed, and all that had to be said is stored. */
  async caughtUp(timeoutMs = 300_000): Promise<void> {
    const { names, partitions } = this.server;
    const ends = await Promise.all(
      Array.from({ length: partitions }, (_, p) =>
        streamState(this.nc, names.eventsStream(p)).then(({ last }) => last),
      ),
    );
    // Once is enough: what is under way later, ticks and their deltas, is not waited for.
    const behind = new Set(ends.keys());
    await until(
      "the workers have caught up",
      async () => {
        for (const [p, status] of (await this.status()).entries())
          if (status !== null && status.position >= ends[p]! && status.unsaid + status.unsaidLinks === 0)
            behind.delete(p);
        return behind.size === 0;
      },
      timeoutMs,
    );
  }

  /** Events that stand in the logs. */
  async eventsStored(): Promise<number> {
    const { names, partitions } = this.server;
    const counts = await Promise.all(
      Array.from({ length: partitions }, async (_, p) => {
        const subject = names.logSubject(p, "event");
        const reply = await this.nc.request(
          `$JS.API.STREAM.INFO.${names.eventsStream(p)}`,
          JSON.stringify({ subjects_filter: subject }),
          PATIENTLY,
        );
        return reply.json<{ state: { subjects?: Record<string, number> } }>().state.subjects?.[subject] ?? 0;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** What `rollcall replay --verify` says. A difference does not throw: the test shows the report. */
  async verify(timeoutMs = 600_000): Promise<VerifyReport> {
    const ran = await this.processes.cli(["replay", "--verify", "--output", "json"], this.variables, timeoutMs);
    if (ran.code !== 0 && ran.code !== 1) throw new Error(`replay --verify ended with ${ran.code}\n${ran.stderr}`);
    if (ran.stdout.trim() === "") throw new Error(`replay --verify said nothing\n${ran.stderr}`);
    return JSON.parse(ran.stdout) as VerifyReport;
  }

  /** What `rollcall doctor` finds. A machine with other work stores checkpoints late; that is not what is looked for here. */
  async doctor(...args: string[]): Promise<Examined> {
    const variables = { ...this.variables, ROLLCALL_CHECKPOINT_INTERVAL: "10m" };
    const ran = await this.processes.cli(["doctor", "--output", "json", ...args], variables, 300_000);
    if (ran.stdout.trim() === "") throw new Error(`doctor said nothing\n${ran.stderr}`);
    return { code: ran.code, findings: JSON.parse(ran.stdout) as Finding[] };
  }

  async dataSetThere(): Promise<void> {
    const { names } = this.server;
    await until("the data set is there", async () => (await dataSetMade(this.nc, names)) !== undefined);
  }

  async close(): Promise<void> {
    for (const load of this.loads) load.abandon();
    await this.processes.close();
    await this.server.stop();
  }
}

/** Where a process serves HTTP, once it does. */
export async function urlOf(api: Watched): Promise<string> {
  return (await api.says(/"url":"(http:[^"]+)"/))[1]!;
}

/** Whether a shard, by its name, belongs to that process. */
export function isOf(worker: Watched, shard: string): boolean {
  return shard.includes(`-${worker.pid}-`);
}

/** Sums over all partitions of one of the workers' counters. */
export function total(statuses: readonly PartitionStatus[], numberOf: (status: PartitionStatus) => number): number {
  return statuses.reduce((sum, status) => sum + numberOf(status), 0);
}

/** One line a run, and everything that differs. */
export function tell(what: string, figures: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(figures).map(
    ([name, value]) => `${name} ${typeof value === "number" ? value.toLocaleString("en") : value}`,
  );
  process.stdout.write(`${what}: ${text.join(", ")}\n`);
}

export function figuresOf({ inputs, members, memberships, deltas }: VerifyReport): Record<string, number> {
  return {
    inputs,
    members,
    "memberships expected": memberships.expected,
    "memberships live": memberships.actual,
    "memberships missing": memberships.missing.count,
    "memberships extra": memberships.extra.count,
    "deltas expected": deltas.expected,
    "deltas stored": deltas.actual,
    lost: deltas.lost.count,
    repeated: deltas.repeated.count,
    wrong: deltas.wrong.count,
    disordered: deltas.disordered.count,
  };
}

/** What the doctor does not call well, in words. */
export function illsOf({ findings }: Examined, counts: (check: string) => boolean): string[] {
  return findings
    .filter(({ check, verdict }) => verdict !== "ok" && counts(check))
    .map(({ check, verdict, text }) => `${verdict} ${check}: ${text}`);
}

/** What differs, in words; empty when nothing does. */
export function differencesOf({ memberships, deltas }: VerifyReport): string[] {
  const { lost, repeated, wrong, disordered } = deltas;
  const kinds = { missing: memberships.missing, extra: memberships.extra, lost, repeated, wrong, disordered };
  return Object.entries(kinds).flatMap(([kind, { count, examples }]) =>
    count === 0 ? [] : [`${count} ${kind}`, ...examples.slice(0, 5)],
  );
}
