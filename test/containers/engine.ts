// nats-servers in containers: one, or several as a cluster, each killed, frozen and started again by its signals. Run by the tests
// beside this file, in the image that setup.ts has built.
import { connect } from "@nats-io/transport-node";
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from "testcontainers";
import { mappings } from "../../lib/server/conf.ts";
import type { NatsServers } from "../contract/nats-world.ts";
import { PAYLOAD_BYTES_MAX } from "../contract/worlds.ts";
import { freePorts } from "../support/ports.ts";
import type { ProxyTarget } from "../support/proxy.ts";
import { until } from "../support/until.ts";

/** Set by setup.ts where a container engine answers. */
export const IMAGE_VARIABLE = "ROLLCALL_TEST_IMAGE";
export const RUN_VARIABLE = "ROLLCALL_TEST_RUN";
export const RUN_LABEL = "rollcall.test.run";
const HOST = "127.0.0.1";
const READY_MS_MAX = 60_000;

export const imageBuilt = (): boolean => process.env[IMAGE_VARIABLE] !== undefined;

export interface ContainerOptions {
  readonly image?: string;
  readonly conf: string;
}

/** On the host's network: a port that the engine maps is another one after every start, and a client would not find back. */
export function startContainer({ image = process.env[IMAGE_VARIABLE]!, conf }: ContainerOptions) {
  return new GenericContainer(image)
    .withNetworkMode("host")
    .withLabels({ [RUN_LABEL]: process.env[RUN_VARIABLE]! })
    .withCopyContentToContainer([{ content: conf, target: "/nats.conf" }])
    .withCommand(["-c", "/nats.conf"])
    .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
    .start();
}

export function serverConf(partitions: number, port: number): string {
  return [
    `listen: "${HOST}:${port}"`,
    `max_payload: ${PAYLOAD_BYTES_MAX}`,
    'jetstream { store_dir: "/data" }',
    mappings({ name: "", partitions }),
  ].join("\n");
}

interface ClusterPorts {
  readonly client: number;
  readonly route: number;
}

export class ContainerServers implements NatsServers {
  readonly partitions: number;
  readonly replicas: number;
  readonly targets: readonly ProxyTarget[];
  private readonly containers: readonly StartedTestContainer[];

  private constructor(partitions: number, containers: readonly StartedTestContainer[], ports: readonly ClusterPorts[]) {
    this.partitions = partitions;
    this.replicas = containers.length;
    this.containers = containers;
    this.targets = ports.map(({ client }) => ({ host: HOST, port: client }));
  }

  static async start(count: 1 | 3, partitions: number): Promise<ContainerServers> {
    const free = await freePorts(count * 2);
    const ports = Array.from({ length: count }, (_, n) => ({ client: free[n]!, route: free[count + n]! }));
    const confs = ports.map(({ client }, n) => {
      const alone = serverConf(partitions, client);
      return count === 1 ? alone : `${alone}\n${clusterConf(n, ports)}`;
    });
    const containers = await Promise.all(confs.map((conf) => startContainer({ conf })));
    const servers = new ContainerServers(partitions, containers, ports);
    await servers.answer();
    return servers;
  }

  get url(): string {
    return this.targets.map(({ host, port }) => `nats://${host}:${port}`).join(",");
  }

  async kill(): Promise<void> {
    await Promise.all(this.containers.map((_, index) => this.killOne(index)));
  }

  async restart(): Promise<void> {
    await Promise.all(this.containers.map((_, index) => this.startOne(index)));
    await this.answer();
  }

  /** `kill -9` of one server; its store stays in its container. */
  async killOne(index: number): Promise<void> {
    const container = await this.dockerContainer(index);
    const gone = container.wait({ condition: "not-running" });
    await container.kill({ signal: "SIGKILL" });
    await gone;
  }

  async startOne(index: number): Promise<void> {
    const container = await this.dockerContainer(index);
    await container.start();
  }

  freeze(): Promise<void> {
    return this.signal("SIGSTOP");
  }

  thaw(): Promise<void> {
    return this.signal("SIGCONT");
  }

  async signal(signal: string, indexes: readonly number[] = [...this.containers.keys()]): Promise<void> {
    await Promise.all(indexes.map(async (index) => (await this.dockerContainer(index)).kill({ signal })));
  }

  async stop(): Promise<void> {
    await Promise.all(this.containers.map((_, index) => this.remove(index)));
  }

  /** The index of a server by the name that it goes by in its cluster. */
  indexOf(serverName: string): number {
    return Number(serverName.slice(SERVER_NAME.length));
  }

  private async remove(index: number): Promise<void> {
    await (await this.dockerContainer(index)).remove({ force: true, v: true });
  }

  private async dockerContainer(index: number) {
    const { container } = await getContainerRuntimeClient();
    return container.getById(this.containers[index]!.getId());
  }

  private async answer(): Promise<void> {
    const answers = async (): Promise<boolean> => {
      const nc = await connect({ servers: this.url.split(","), reconnect: false, timeout: 2_000 });
      try {
        const reply = await nc.request("$JS.API.INFO", undefined, { timeout: 2_000 });
        return reply.json<{ error?: unknown }>().error === undefined;
      } finally {
        await nc.close();
      }
    };
    await until("JetStream to answer", () => answers().catch(() => false), READY_MS_MAX);
  }
}

const SERVER_NAME = "server-";

/** Clients are not told of the other servers: a test wants every line of a client to go where it can spoil it. */
function clusterConf(index: number, ports: readonly ClusterPorts[]): string {
  const routes = ports.map(({ route }) => `"nats-route://${HOST}:${route}"`);
  return [
    `server_name: "${SERVER_NAME}${index}"`,
    "cluster {",
    "  name: rollcall",
    `  listen: "${HOST}:${ports[index]!.route}"`,
    "  no_advertise: true",
    `  routes: [${routes.join(", ")}]`,
    "}",
  ].join("\n");
}
