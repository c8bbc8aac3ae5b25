// The product under fire: a nats-server, a worker and HTTP in processes of their own, keys of every kind, and an eye on what
// they hold and how long they think. fuzz.ts brings it up and takes it down.
import { join } from "node:path";
import type { Watched } from "../support/processes.ts";
import { illsOf, RealCluster, urlOf } from "../support/real-cluster.ts";
import { until } from "../support/until.ts";
import type { Keys } from "./shots.ts";

const PARTITIONS = 4;
const SEGMENTS = 10;
const PROGRAM = join("test", "fuzz", "watched-main.js");

/** Short, so that what is slow on purpose ends soon; and nobody is told to come back later for having asked too often. */
const VARIABLES = {
  ROLLCALL_HTTP_TIMEOUT: "10s",
  ROLLCALL_HTTP_REQUESTS_PER_MINUTE_MAX: "0",
  ROLLCALL_CHECKPOINT_INTERVAL: "5s",
  LOG_LEVEL: "warn",
};

export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** One turn of a loop that took long. */
export interface Turn {
  readonly ms: number;
  readonly cpuMs: number;
}

export class Rig {
  readonly cluster: RealCluster;
  readonly api: Watched;
  readonly worker: Watched;
  readonly port: number;
  readonly keys: Keys;

  private constructor(cluster: RealCluster, worker: Watched, api: Watched, port: number, keys: Keys) {
    this.cluster = cluster;
    this.worker = worker;
    this.api = api;
    this.port = port;
    this.keys = keys;
  }

  static async open(): Promise<Rig> {
    const cluster = await RealCluster.open({ partitions: PARTITIONS, variables: VARIABLES });
    try {
      return await Rig.over(cluster);
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  private static async over(cluster: RealCluster): Promise<Rig> {
    const { processes, variables } = cluster;
    const worker = processes.program("worker", PROGRAM, ["worker"], variables);
    await cluster.everyPartitionRuns();
    await cluster.apply();
    const key = async (name: string, ...more: string[]): Promise<string> =>
      (await processes.did(["keys", "create", name, ...more], variables)).stdout.trim();
    const keys: Keys = {
      admin: await key("admin", "--role", "admin", "--personal"),
      ingest: await key("ingest", "--role", "ingest"),
      read: await key("read", "--role", "read", "--personal"),
      masked: await key("masked", "--role", "read"),
      revoked: await key("revoked", "--role", "admin"),
    };
    await processes.did(["keys", "revoke", keys.revoked.split("_")[1]!], variables);
    const api = processes.program("api", PROGRAM, ["api"], {
      ...variables,
      ROLLCALL_HTTP_PORT: "0",
      LOG_LEVEL: "info",
    });
    const { port } = new URL(await urlOf(api));
    const rig = new Rig(cluster, worker, api, Number(port), keys);
    await rig.prepare();
    return rig;
  }

  /** What most shots are about is there from the beginning, so that they get further than to be told that it is not. */
  private async prepare(): Promise<void> {
    const segments = Array.from({ length: SEGMENTS }, (_, n) => ({
      id: `fuzz-${n}`,
      rule: { cart: { value: { gt: n } } },
    }));
    const lists = ["crm", "dmp", "vip"].map((id) => ({ id, members: ["u1", "u2"] }));
    const put = async (path: string, body: object): Promise<void> => {
      const { status } = await this.ask("POST", path, body);
      if (status >= 300) throw new Error(`POST ${path} was answered ${status}`);
    };
    await put("/v1/segments/apply", { segments });
    for (const list of lists) await put("/v1/lists", list);
  }

  /** As anybody asks who means well, with an admin's key. */
  async ask(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.keys.admin}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  }

  async memory(watched: Watched): Promise<Memory> {
    const before = toldBy<Memory>(watched, "memory").length;
    watched.kill("SIGUSR2");
    await until(
      `${watched.name} tells its memory`,
      () => toldBy(watched, "memory").length > before || watched.ended !== undefined,
    );
    return toldBy<Memory>(watched, "memory").at(-1)!;
  }

  turns(watched: Watched): Turn[] {
    return toldBy<Turn>(watched, "turn");
  }

  /** A process that is gone is a fault, whatever it said. */
  assertAlive(): void {
    for (const watched of [this.api, this.worker]) {
      if (watched.ended === undefined) continue;
      throw new Error(`${watched.name} ended: ${JSON.stringify(watched.ended)}\n${watched.lastWords()}`);
    }
  }

  /** What the doctor finds wrong. Rejects are what fuzzing is for, and the disk is the machine's. */
  async ills(): Promise<string[]> {
    return illsOf(await this.cluster.doctor("--all"), (check) => check !== "disk" && check !== "rejects");
  }

  close(): Promise<void> {
    return this.cluster.close();
  }
}

function toldBy<T>(watched: Watched, what: string): T[] {
  return Array.from(
    watched.stdout.matchAll(new RegExp(`^${what} (\\{.*\\})$`, "gm")),
    ([, text]) => JSON.parse(text!) as T,
  );
}
