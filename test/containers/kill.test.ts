// Law 3 where the servers are containers: killed and frozen under load, one alone and three of which one at a time. Everything
// that was said is compared with what one machine says about the same logs. Skipped where no container engine answers.
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectNats } from "../../lib/nats/connect.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { provision } from "../../lib/nats/provision.ts";
import { everyReplicaCurrent } from "../contract/nats-world.ts";
import { testDataSet } from "../support/nats.ts";
import { tell } from "../support/real-cluster.ts";
import { ShardsUnderLoad } from "../support/shards-under-load.ts";
import { until } from "../support/until.ts";
import { ContainerServers, imageBuilt } from "./engine.ts";

const PARTITIONS = 2;
const EVENTS = 200;
const RECOVERY_MS_MAX = 120_000;
const names = namesOf("");

interface UnderLoad {
  readonly servers: ContainerServers;
  readonly shards: ShardsUnderLoad;
}

/** Two shards at work; all of it is taken down when the test ends, however it ends. */
async function underLoad(count: 1 | 3): Promise<UnderLoad> {
  const servers = await ContainerServers.start(count, PARTITIONS);
  const connections: NatsConnection[] = [];
  let shards: ShardsUnderLoad | undefined;
  onTestFinished(async () => {
    await shards?.close();
    await Promise.all(connections.map((nc) => nc.close()));
    await servers.stop();
  });
  const connect = async (role: string): Promise<NatsConnection> => {
    const nc = await connectNats({ url: servers.url }, { role, instance: "containers" });
    connections.push(nc);
    return nc;
  };
  await provision(await connect("provision"), testDataSet({ partitions: PARTITIONS, replicas: count }), {
    create: true,
  });
  shards = await ShardsUnderLoad.open({ names, partitions: PARTITIONS, connect });
  await shards.startShard();
  await shards.startShard();
  await shards.heardMore(EVENTS, RECOVERY_MS_MAX);
  return { servers, shards };
}

async function expectNothingLost(what: string, shards: ShardsUnderLoad, kills: number): Promise<void> {
  const figures = await shards.expectNothingLost(RECOVERY_MS_MAX);
  tell(what, { kills, "acknowledged events": shards.sent, "unanswered publishes": shards.timeouts, ...figures });
  expect(figures).toMatchObject({ lost: 0, repeated: 0 });
}

describe.skipIf(!imageBuilt())("under load", () => {
  test("one server killed and frozen loses, repeats and disorders nothing", async () => {
    const { servers, shards } = await underLoad(1);
    for (let kill = 1; kill <= 3; kill += 1) {
      await servers.kill();
      await servers.restart();
      await shards.heardMore(EVENTS, RECOVERY_MS_MAX);
    }
    await shards.leaveUnanswered(servers);
    await shards.heardMore(EVENTS, RECOVERY_MS_MAX);
    await expectNothingLost("one server in a container", shards, 3);
  });

  test("three servers, the leader of SEGMENTS killed and killed again, lose, repeat and disorder nothing", async () => {
    const { servers, shards } = await underLoad(3);
    const manager = await jetstreamManager(shards.client);
    const leaderOf = async (stream: string): Promise<number> => {
      let leader: string | undefined;
      await until(`${stream} to have a leader`, async () => {
        const info = await manager.streams.info(stream).catch(() => undefined);
        leader = info?.cluster?.leader;
        return leader !== undefined && leader !== "";
      });
      return servers.indexOf(leader!);
    };
    const whole = (): Promise<void> =>
      until(
        "every stream to be whole again",
        () => everyReplicaCurrent(manager, 3).catch(() => false),
        RECOVERY_MS_MAX,
      );

    // The leader of what is said, of what is heard, and of what is said again; a shard vanishes in between.
    for (const stream of [names.segmentsStream, names.eventsStream(0), names.segmentsStream]) {
      const leader = await leaderOf(stream);
      await servers.killOne(leader);
      await shards.heardMore(EVENTS, RECOVERY_MS_MAX);
      await servers.startOne(leader);
      await whole();
    }
    await shards.abortShard();
    await shards.startShard();
    await shards.heardMore(EVENTS, RECOVERY_MS_MAX);

    // A leader that is there but silent: the others choose a new one, and it finds itself deposed when it wakes.
    const asleep = await leaderOf(names.segmentsStream);
    await servers.signal("SIGSTOP", [asleep]);
    await shards.heardMore(EVENTS, RECOVERY_MS_MAX);
    await servers.signal("SIGCONT", [asleep]);
    await whole();

    await servers.kill();
    await servers.restart();
    await whole();
    await shards.heardMore(EVENTS, RECOVERY_MS_MAX);
    await expectNothingLost("three servers in containers", shards, 6);
  });
});
