// A server that leads is killed, and all of them one after the other: the others elect, channels and workers go on.
import type { Scenario } from "../scenario.ts";
import { type ClusterRig, scenarioOf } from "./rig.ts";

const KILLS = 3;

/** Kills who leads the stream, waits for another leader and for events to flow, brings the server back. */
async function killLeader(rig: ClusterRig, stream: string): Promise<number> {
  const leader = await rig.leaderOf(stream);
  const sinceMs = performance.now();
  await leader.kill9();
  await rig.leaderOf(stream, leader);
  await rig.flows();
  const gapMs = performance.now() - sinceMs;
  await leader.restart();
  await rig.calm();
  return gapMs;
}

async function killLeaders(rig: ClusterRig, stream: string, say: (line: string) => void): Promise<string> {
  const gaps: number[] = [];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    say(`kill ${kill} of ${KILLS}: the leader of ${stream}`);
    gaps.push(await killLeader(rig, stream));
  }
  const longestS = (Math.max(...gaps) / 1_000).toFixed(1);
  return `another server led it and a second's events were acknowledged within ${longestS} s each time`;
}

export const segmentsLeader: Scenario = scenarioOf(
  "cluster-segments-leader",
  "the server that leads SEGMENTS is killed",
  "R3: leader of SEGMENTS, kill -9",
  async (rig, { say }) => ({ times: KILLS, what: await killLeaders(rig, rig.segments, say) }),
);

export const logLeader: Scenario = scenarioOf(
  "cluster-log-leader",
  "the server that leads a partition's log is killed",
  "R3: leader of a log, kill -9",
  async (rig, { say }) => ({ times: KILLS, what: await killLeaders(rig, rig.events(2), say) }),
);

export const metaLeader: Scenario = scenarioOf(
  "cluster-meta-leader",
  "the server that leads the cluster itself is killed",
  "R3: meta leader, kill -9",
  async (rig, { say }) => {
    const leaders: string[] = [];
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const leader = await rig.servers.metaLeader();
      say(`kill ${kill} of ${KILLS}: ${leader.name}`);
      leaders.push(leader.name);
      await leader.kill9();
      const [asker] = rig.servers.others(leader);
      await rig.flows();
      await rig.servers.metaLeader(asker);
      await leader.restart();
      await rig.calm();
    }
    return { times: KILLS, what: `meta leaders killed: ${leaders.join(", ")}; events were acknowledged meanwhile` };
  },
);

export const rolling: Scenario = scenarioOf(
  "cluster-rolling",
  "each server killed and restarted in turn",
  "R3: each server in turn, kill -9 and restart",
  async (rig, { say }) => {
    for (const node of rig.servers.nodes) {
      say(node.name);
      await node.kill9();
      await rig.flows();
      await node.restart();
      // The next one may go only when this one has everything again.
      await rig.servers.current(rig.cluster.nc);
      await rig.calm();
    }
    return { times: rig.servers.nodes.length, what: "events were acknowledged while each one was down" };
  },
);
