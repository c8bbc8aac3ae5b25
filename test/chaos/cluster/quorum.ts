// Servers that cannot reach a majority, or have missed an election: what is published through them must count for nothing,
// unless it was acknowledged.
import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";
import { type Probed, scenarioOf } from "./rig.ts";

const PROBES = 60;
const PAUSES = 3;
/** Longer than a worker waits in silence (12 s) before it asks anew, so that its questions lie in the socket, too. */
const LONG_PAUSE_MS = 16_000;

function wordsOf({ sent, acked, refused, unanswered }: Probed): string {
  return `${sent} sent, ${acked} acknowledged, ${refused} refused, ${unanswered} unanswered`;
}

export const minority: Scenario = scenarioOf(
  "cluster-minority",
  "a server that leads is cut off from the other two, with clients on it",
  "R3: one server, a leader, cut off with its clients",
  async (rig, { say }) => {
    const node = await rig.leaderOf(rig.events(0));
    const [other] = rig.servers.others(node);
    const watcher = await rig.servers.connectionTo(other!, "watcher");
    say(`${node.name} is cut off`);
    rig.servers.cutOff(node);
    const first = await rig.probe(node, PROBES);
    for (const stream of [rig.events(0), rig.segments]) await rig.servers.leaderOf(watcher, stream, node);
    const second = await rig.probe(node, PROBES);
    const majority = await rig.probe(other!, PROBES);
    say(`${node.name} is reached again`);
    rig.servers.heal(node);
    await rig.servers.current(watcher);
    await rig.calm();
    const what =
      `through it, before an election: ${wordsOf(first)}; after: ${wordsOf(second)}; ` +
      `through the other two meanwhile: ${wordsOf(majority)}`;
    return { times: 1, what, wrong: first.acked + second.acked === 0 ? [] : ["a minority acknowledged"] };
  },
);

export const noQuorum: Scenario = scenarioOf(
  "cluster-no-quorum",
  "two of three servers are down",
  "R3: two of three servers down",
  async (rig, { say }) => {
    const [one, ...down] = rig.servers.nodes;
    say(`${down.map(({ name }) => name).join(" and ")} are killed`);
    await Promise.all(down.map((node) => node.kill9()));
    const first = await rig.probe(one!, PROBES);
    const acknowledged = rig.load.stored;
    const second = await rig.probe(one!, PROBES);
    const slipped = rig.load.stored - acknowledged;
    say("both come back");
    await Promise.all(down.map((node) => node.restart()));
    await rig.servers.current(rig.cluster.nc);
    await rig.calm();
    const what = `through the one left, at once: ${wordsOf(first)}; later: ${wordsOf(second)}; the load got ${slipped} acknowledgements meanwhile`;
    const wrong = first.acked + second.acked + slipped === 0 ? [] : ["one of three acknowledged"];
    return { times: 1, what, wrong };
  },
);

export const staleLeader: Scenario = scenarioOf(
  "cluster-stale-leader",
  "a server that leads is stopped past an election, and wakes",
  "R3: a leader stopped (SIGSTOP) past an election, woken",
  async (rig, { say }) => {
    let refused = 0;
    let sent = 0;
    let acked = 0;
    for (let pause = 1; pause <= PAUSES; pause += 1) {
      const node = await rig.leaderOf(pause % 2 === 1 ? rig.segments : rig.events(1));
      const [other] = rig.servers.others(node);
      const watcher = await rig.servers.connectionTo(other!, "watcher");
      // They wait in its socket, and it reads them when it wakes, still taking itself for the leader.
      const probing = await rig.probing(node, PROBES, () => node.pause());
      const stoppedMs = performance.now();
      say(`${node.name} is stopped, pause ${pause} of ${PAUSES}`);
      for (const stream of [rig.segments, rig.events(1)]) await rig.servers.leaderOf(watcher, stream, node);
      if (pause === PAUSES) await sleep(LONG_PAUSE_MS - (performance.now() - stoppedMs));
      node.resume();
      const answers = await probing.answers;
      sent += answers.sent;
      acked += answers.acked;
      refused += answers.refused + answers.unanswered;
      await rig.servers.current(watcher);
      await rig.calm();
    }
    const what = `others were elected each time; ${sent} events lay in its socket: ${acked} acknowledged, ${refused} refused or unanswered`;
    return { times: PAUSES, what };
  },
);
