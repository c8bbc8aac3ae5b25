// What every cluster scenario stands on: three servers, all streams on all three, two workers, a load, and a verdict that
// asks the oracle, the logs and every replica. index.ts lists the scenarios.
import { headers } from "@nats-io/transport-node";
import { logRecords } from "../../../lib/cli/read-streams.ts";
import { publish, streamState } from "../../../lib/nats/wire.ts";
import { Alternation } from "../../support/alternation.ts";
import type { Load } from "../../support/load.ts";
import { type ClusterNode, NatsServerCluster } from "../../support/nats-cluster.ts";
import { ACCOUNT_SEGMENTS, differencesOf, RealCluster, SEGMENTS, total } from "../../support/real-cluster.ts";
import type { Observation, Scenario, ScenarioContext } from "../scenario.ts";

const PARTITIONS = 6;
const SHOPPERS = 600;
const EVENTS_PER_SECOND = 600;
const ACCOUNTS = 200;
const RUNS_MS_MAX = 240_000;

/** Events sent once each, without a second try, so that every answer counts. */
export interface Probed {
  readonly sent: number;
  readonly acked: number;
  /** The server said that it will not. */
  readonly refused: number;
  readonly unanswered: number;
}

/** What was done and seen on the way; `wrong` is what must not have happened. */
export interface Played {
  readonly times: number;
  readonly what: string;
  readonly wrong?: readonly string[];
}

export class ClusterRig {
  readonly servers: NatsServerCluster;
  readonly cluster: RealCluster<NatsServerCluster>;
  readonly load: Load;
  private readonly ear: Alternation;
  private readonly acked = new Set<string>();
  private readonly unacked = new Set<string>();
  private probes = 0;

  private constructor(cluster: RealCluster<NatsServerCluster>, load: Load, ear: Alternation) {
    this.servers = cluster.server;
    this.cluster = cluster;
    this.load = load;
    this.ear = ear;
  }

  static async open({ seed }: ScenarioContext): Promise<ClusterRig> {
    const servers = await NatsServerCluster.open({ partitions: PARTITIONS });
    const cluster = await RealCluster.over(servers, { ROLLCALL_REPLICAS: "3", ROLLCALL_CHECKPOINT_INTERVAL: "1s" });
    try {
      // One after the other: the first one makes the streams.
      cluster.worker();
      await cluster.everyPartitionRuns();
      cluster.worker();
      const ear = await Alternation.open(await servers.connection("subscriber"), { loose: true });
      await cluster.apply([...SEGMENTS, ACCOUNT_SEGMENTS]);
      const load = await cluster.load(seed, SHOPPERS, EVENTS_PER_SECOND, ACCOUNTS);
      const rig = new ClusterRig(cluster, load, ear);
      await rig.flows();
      return rig;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  get segments(): string {
    return this.servers.names.segmentsStream;
  }

  events(partition: number): string {
    return this.servers.names.eventsStream(partition);
  }

  /** Channels are acknowledged again, a second's worth. */
  async flows(): Promise<void> {
    await this.load.flows(EVENTS_PER_SECOND, RUNS_MS_MAX);
  }

  leaderOf(stream: string, than?: ClusterNode): Promise<ClusterNode> {
    return this.servers.leaderOf(this.cluster.nc, stream, than);
  }

  /** All streams have a leader, and nobody lags. */
  async calm(): Promise<void> {
    await this.cluster.everyPartitionRuns(RUNS_MS_MAX);
    await this.flows();
  }

  /** Publishes through the one node, to every partition; waits for all answers. */
  async probe(node: ClusterNode, count: number): Promise<Probed> {
    return (await this.probing(node, count)).answers;
  }

  /** The same, with the answers still to come; `before` runs once the connection stands. */
  async probing(
    node: ClusterNode,
    count: number,
    before: () => void = () => undefined,
  ): Promise<{ readonly answers: Promise<Probed> }> {
    const nc = await this.servers.connectionTo(node, "probe");
    before();
    this.probes += 1;
    const answers = Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const userId = `probe-${this.probes}-${index}`;
        const mh = headers();
        mh.set("Nats-Msg-Id", userId);
        const event = JSON.stringify({ type: "track", userId, event: "Probed", messageId: userId });
        const { kind } = await publish(nc, this.servers.names.eventSubject(userId), event, mh);
        (kind === "stored" ? this.acked : this.unacked).add(userId);
        return kind;
      }),
    ).then((kinds) => {
      const of = (kind: string): number => kinds.filter((one) => one === kind).length;
      return { sent: count, acked: of("stored"), refused: of("retry") + of("fenced"), unanswered: of("unknown") };
    });
    return { answers };
  }

  /** Everything is well again: nothing lost, nothing twice, all three servers hold the same. */
  async verdict(fault: string, { times, what, wrong = [] }: Played): Promise<Observation> {
    const { cluster, load, ear } = this;
    await load.stop();
    const statuses = await cluster.everyPartitionRuns(RUNS_MS_MAX);
    await cluster.caughtUp();
    const report = await cluster.verify();
    const events = await cluster.eventsStored();
    const probes = await this.probesStored();
    const differs = await this.servers.agree();
    const missing = [...this.acked].filter((id) => probes.get(id) !== 1).length;
    const late = [...this.unacked].filter((id) => probes.has(id)).length;
    const twice = [...probes.values()].filter((count) => count > 1).length;
    const expected = load.stored + probes.size;
    const problems = [
      ...wrong,
      ...differencesOf(report),
      ...(events === expected ? [] : [`${events} events in the logs, ${expected} expected`]),
      ...(missing === 0 ? [] : [`${missing} acknowledged probes are not in the logs once`]),
      ...(twice === 0 ? [] : [`${twice} probes are in the logs twice`]),
      ...(differs === undefined ? [] : [`replicas differ: ${differs}`]),
      ...ear.faults.map((text) => `a listener heard ${text}`),
    ];
    const unacked =
      this.unacked.size === 0 ? "" : `, of ${this.unacked.size} unacknowledged probes ${late} are stored, none twice`;
    const takeOvers = total(statuses, ({ epoch }) => epoch - 1);
    const figures =
      `${load.stored} events acknowledged (${load.retries} tries refused or unanswered), ${events} in the logs${unacked}; ` +
      `${report.deltas.actual} deltas, lost ${report.deltas.lost.count}, repeated ${report.deltas.repeated.count}, wrong ${report.deltas.wrong.count}, ` +
      `a plain listener missed ${ear.missed} while not connected and heard ${ear.again} stored ones again; ${takeOvers} take-overs; all three servers hold the same`;
    const seen = problems.length === 0 ? `${what}; ${figures}` : `${what}; NOT well: ${problems.join(" | ")}`;
    return { fault, times, seen, held: report.equal && problems.length === 0 };
  }

  /** How often each probe stands in the logs. */
  private async probesStored(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    if (this.probes === 0) return found;
    const { nc, server } = this.cluster;
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const { last } = await streamState(nc, this.events(partition));
      for await (const { body } of logRecords(nc, server.names, partition, last)) {
        const id = /"messageId":"(probe-[^"]+)"/.exec(Buffer.from(body).toString("utf8"))?.[1];
        if (id !== undefined) found.set(id, (found.get(id) ?? 0) + 1);
      }
    }
    return found;
  }
}

export function scenarioOf(
  name: string,
  about: string,
  fault: string,
  play: (rig: ClusterRig, context: ScenarioContext) => Promise<Played>,
): Scenario {
  return {
    name,
    about,
    run: async (context) => {
      context.say("three servers, two workers, all streams on all three");
      const rig = await ClusterRig.open(context);
      try {
        const played = await play(rig, context);
        context.say("all is whole again: comparing");
        return [await rig.verdict(fault, played)];
      } catch (error) {
        const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
        return [{ fault, times: 1, seen: `ended early: ${why}`, held: false }];
      } finally {
        await rig.cluster.close();
      }
    },
  };
}
