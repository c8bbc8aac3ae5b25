// Three real nats-servers in one cluster on loopback, each with a store of its own. Every route between two of them leads
// through a proxy, so that a node can be cut off by the network as well as stopped or killed. Beside nats.ts, which runs one.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectNats } from "../../lib/nats/connect.ts";
import { type Names, namesOf } from "../../lib/nats/names.ts";
import { api } from "../../lib/nats/wire.ts";
import { ensureServer } from "../../lib/server/fetch.ts";
import { type RunningServer, startServer } from "../../lib/server/supervise.ts";
import { BINARY_DIR, NATS_CONF } from "./nats.ts";
import { freePorts } from "./ports.ts";
import { TcpProxy } from "./proxy.ts";
import { until } from "./until.ts";

const NODES = 3;
/** Servers tell each other where routes listen; nobody listens here, so that no route gets around its proxy. */
const NOWHERE = "127.0.0.1:1";
const AGREE_MS_MAX = 90_000;
const LEADER_MS_MAX = 60_000;

interface Replica {
  readonly name: string;
  readonly current: boolean;
  readonly offline?: boolean;
}

interface StreamInfo {
  readonly cluster?: { readonly leader?: string; readonly replicas?: readonly Replica[] };
}

/** What one server has of one stream, by its own account. */
interface LocalStream {
  readonly name: string;
  readonly state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number };
}

interface LocalReport {
  readonly meta_cluster?: { readonly leader?: string };
  readonly account_details?: readonly { readonly stream_detail?: readonly LocalStream[] }[];
}

export class ClusterNode {
  readonly name: string;
  private server: RunningServer;
  private readonly start: (port: number) => Promise<RunningServer>;
  private readonly monitorPort: number;

  constructor(
    name: string,
    server: RunningServer,
    monitorPort: number,
    start: (port: number) => Promise<RunningServer>,
  ) {
    this.name = name;
    this.server = server;
    this.monitorPort = monitorPort;
    this.start = start;
  }

  get url(): string {
    return this.server.url;
  }

  async kill9(): Promise<void> {
    this.server.kill("SIGKILL");
    await this.server.exited;
    await this.server.stop();
  }

  /** Same port, same store; stops it first when it runs. Needs a second node to answer. */
  async restart(): Promise<void> {
    const { port } = this.server;
    await this.stop();
    this.server = await this.start(port);
  }

  pause(): void {
    this.server.kill("SIGSTOP");
  }

  resume(): void {
    this.server.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    this.server.kill("SIGCONT");
    await this.server.stop();
  }

  /** Its own view, which needs no quorum. */
  async report(): Promise<LocalReport> {
    const answer = await fetch(`http://127.0.0.1:${this.monitorPort}/jsz?accounts=true&streams=true`);
    return (await answer.json()) as LocalReport;
  }

  /** First and last sequence and the number of messages of every stream that it holds. */
  async streams(): Promise<ReadonlyMap<string, string>> {
    const { account_details = [] } = await this.report();
    const all = account_details.flatMap(({ stream_detail = [] }) => stream_detail);
    return new Map(all.map(({ name, state }) => [name, `${state.first_seq}–${state.last_seq} (${state.messages})`]));
  }
}

export class NatsServerCluster {
  readonly nodes: readonly ClusterNode[];
  readonly names: Names = namesOf("");
  readonly partitions: number;
  private readonly proxies: readonly (readonly (TcpProxy | undefined)[])[];
  private readonly connections: NatsConnection[] = [];
  private readonly dir: string;

  private constructor(
    dir: string,
    partitions: number,
    nodes: readonly ClusterNode[],
    proxies: NatsServerCluster["proxies"],
  ) {
    this.dir = dir;
    this.partitions = partitions;
    this.nodes = nodes;
    this.proxies = proxies;
  }

  static async open({ partitions }: { readonly partitions: number }): Promise<NatsServerCluster> {
    const { binary } = await ensureServer({ dataDir: BINARY_DIR });
    const dir = await mkdtemp(join(tmpdir(), "rollcall-cluster-"));
    const ports = await freePorts(3 * NODES);
    const routePorts = ports.slice(0, NODES);
    const proxies = await proxiesBetween(routePorts);
    const starts = routePorts.map((routePort, index) => {
      const routes = proxies[index]!.flatMap((proxy) => (proxy === undefined ? [] : [proxy.url]));
      const extra = nodeConf(nameOf(index), routePort, ports[NODES + index]!, routes);
      const options = { binary, conf: NATS_CONF, dataDir: join(dir, nameOf(index)), partitions, extra, restart: false };
      return (port: number): Promise<RunningServer> => startServer({ ...options, port });
    });
    const servers = await Promise.all(starts.map((start, index) => start(ports[2 * NODES + index]!)));
    const nodes = servers.map((server, i) => new ClusterNode(nameOf(i), server, ports[NODES + i]!, starts[i]!));
    return new NatsServerCluster(dir, partitions, nodes, proxies);
  }

  /** All addresses, as NATS_URL takes them. */
  get url(): string {
    return this.nodes.map(({ url }) => url).join(",");
  }

  connection(role = "test"): Promise<NatsConnection> {
    return this.connected(this.url, role);
  }

  connectionTo(node: ClusterNode, role = "test"): Promise<NatsConnection> {
    return this.connected(node.url, role);
  }

  node(name: string): ClusterNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node is called ${name}`);
    return found;
  }

  others(node: ClusterNode): ClusterNode[] {
    return this.nodes.filter((other) => other !== node);
  }

  /** Every route to and from the node goes silent; its clients stay connected. */
  cutOff(node: ClusterNode): void {
    for (const proxy of this.routesOf(node)) proxy.set("silent");
  }

  heal(node: ClusterNode): void {
    for (const proxy of this.routesOf(node)) proxy.set("flowing");
  }

  /** The node that leads a stream now, once there is one; `than` is one that it shall not be. */
  async leaderOf(nc: NatsConnection, stream: string, than?: ClusterNode): Promise<ClusterNode> {
    let leader = "";
    await until(
      `${stream} has a leader`,
      async () => {
        const info = await api<StreamInfo>(nc, `STREAM.INFO.${stream}`).catch(() => undefined);
        leader = info?.cluster?.leader ?? "";
        return leader !== "" && leader !== than?.name;
      },
      LEADER_MS_MAX,
    );
    return this.node(leader);
  }

  /** As the given node sees it. */
  async metaLeader(asker: ClusterNode = this.nodes[0]!): Promise<ClusterNode> {
    let leader = "";
    await until(
      "the cluster has a meta leader",
      async () => {
        leader = (await asker.report().catch(() => undefined))?.meta_cluster?.leader ?? "";
        return leader !== "";
      },
      LEADER_MS_MAX,
    );
    return this.node(leader);
  }

  /** Waits until every stream has a leader and no replica lags behind it: then the next server may go. */
  async current(nc: NatsConnection): Promise<void> {
    const listed = await this.streamNames(nc);
    const isCurrent = async (stream: string): Promise<boolean> => {
      const { cluster } = await api<StreamInfo>(nc, `STREAM.INFO.${stream}`);
      const { leader = "", replicas = [] } = cluster ?? {};
      return (
        leader !== "" &&
        replicas.length === NODES - 1 &&
        replicas.every(({ current, offline }) => current && offline !== true)
      );
    };
    const all = async (): Promise<boolean> =>
      (await Promise.all(listed.map((stream) => isCurrent(stream).catch(() => false)))).every(Boolean);
    await until("every replica is current", all, AGREE_MS_MAX);
  }

  /** Waits until all three hold the same of every stream, by their own account; what differs else, in words. */
  async agree(): Promise<string | undefined> {
    let differs = "";
    const same = async (): Promise<boolean> => {
      differs = await this.differences().catch((error: Error) => error.message);
      return differs === "";
    };
    return until("the replicas agree", same, AGREE_MS_MAX).then(
      () => undefined,
      () => differs,
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.connections.map((nc) => nc.close()));
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(this.proxies.flat().map((proxy) => proxy?.close()));
    await rm(this.dir, { recursive: true, force: true });
  }

  private async streamNames(nc: NatsConnection): Promise<readonly string[]> {
    let streams: readonly string[] = [];
    await until(
      "the cluster lists its streams",
      async () => {
        streams = await api<{ streams?: readonly string[] }>(nc, "STREAM.NAMES").then(
          ({ streams: found = [] }) => found,
          () => [],
        );
        return streams.length > 0;
      },
      LEADER_MS_MAX,
    );
    return streams;
  }

  private async differences(): Promise<string> {
    const views = await Promise.all(this.nodes.map((node) => node.streams()));
    const names = new Set(views.flatMap((view) => [...view.keys()]));
    // Heartbeats come all the time: two looks at that bucket are never the same.
    names.delete(`KV_${this.names.clusterBucket}`);
    const lines = [...names].flatMap((name) => {
      const held = views.map((view) => view.get(name) ?? "nothing");
      return new Set(held).size === 1 ? [] : [`${name}: ${held.join(" | ")}`];
    });
    return lines.join("; ");
  }

  private routesOf(node: ClusterNode): TcpProxy[] {
    const index = this.nodes.indexOf(node);
    const there = this.proxies[index]!;
    const back = this.proxies.map((row) => row[index]);
    return [...there, ...back].filter((proxy) => proxy !== undefined);
  }

  private async connected(url: string, role: string): Promise<NatsConnection> {
    const nc = await connectNats({ url }, { role, instance: `${process.pid}` });
    this.connections.push(nc);
    return nc;
  }
}

function nameOf(index: number): string {
  return `n${index + 1}`;
}

/** `[from][to]`: what node `from` dials to reach node `to`. */
async function proxiesBetween(ports: readonly number[]): Promise<(TcpProxy | undefined)[][]> {
  return Promise.all(
    ports.map((_, from) =>
      Promise.all(
        ports.map((port, to) =>
          from === to ? Promise.resolve(undefined) : TcpProxy.open({ host: "127.0.0.1", port }),
        ),
      ),
    ),
  );
}

function nodeConf(name: string, routePort: number, monitorPort: number, routes: readonly string[]): string {
  return [
    `server_name: ${name}`,
    `http: "127.0.0.1:${monitorPort}"`,
    "cluster {",
    "  name: rollcall-test",
    `  listen: "127.0.0.1:${routePort}"`,
    "  no_advertise: true",
    `  cluster_advertise: "${NOWHERE}"`,
    `  routes: [${routes.map((route) => `"${route}"`).join(", ")}]`,
    "}",
  ].join("\n");
}
