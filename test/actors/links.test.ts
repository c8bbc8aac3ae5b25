// What one partition says to another arrives in order, once, and is what the sender's log says: the sender by itself, with every
// answer that a publish can have, and whole shards that are killed, drained and cut off. Virtual time; a real server: server-faults.
import { describe, expect, test } from "vitest";
import { newCounters } from "../../actors/partition/counters.ts";
import { Links, type LinksOptions } from "../../actors/partition/links.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import { decodeLink, encodeLink, type LinkMessage } from "../../lib/core/links.ts";
import { type Fate, MemoryServer } from "../../lib/memory/server.ts";
import { memoryLogStream, memoryWorld } from "../../lib/memory/world.ts";
import { DigestMismatch, LinkRegressed, type Refusal } from "../../lib/ports/errors.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { VirtualRuntime } from "../support/virtual-runtime.ts";

const FROM = 3;
const TO = 1;

function message(n: number, to = TO, seq = 100 + n, pad = ""): LinkMessage {
  const item = { op: "count" as const, account: `a${n}${pad}`, flag: "1.0", by: 1 };
  return { to, n, seq, body: encodeLink({ from: FROM, n, items: [item] }) };
}

const messages = (first: number, last: number, to = TO): LinkMessage[] =>
  Array.from({ length: last - first + 1 }, (_, index) => message(first + index, to));

class Rig {
  readonly runtime = new VirtualRuntime(7);
  readonly server = new MemoryServer({ runtime: this.runtime, latencyMs: 1, timeoutMs: 500 });
  readonly counters = newCounters();
  fault: Refusal | undefined;
  replaying = false;
  /** Requests in the order in which they were made. */
  readonly calls: string[] = [];
  /** What becomes of the next ones; after them all goes well. */
  readonly fates: Fate[] = [];

  constructor() {
    this.server.fate = (_client, call) => {
      this.calls.push(call);
      return call === "link" ? (this.fates.shift() ?? "ok") : "ok";
    };
  }

  sender(name: string, options: Partial<LinksOptions> = {}): Links {
    return new Links({
      partition: FROM,
      sink: memoryWorld(this.server, name, 4).partition(FROM).links,
      runtime: this.runtime,
      counters: this.counters,
      batchMax: 40,
      replaying: () => this.replaying,
      onProgress: () => undefined,
      onFault: (error) => {
        expect(this.fault).toBeUndefined();
        this.fault = error;
      },
      ...options,
    });
  }

  heard(to = TO): number[] {
    const stored = [...this.server.stream(memoryLogStream(to)).from(1)];
    return stored.map(({ body }) => decodeLink(JSON.parse(new TextDecoder().decode(body)))!.n);
  }

  async untilSaid(links: Links): Promise<void> {
    await this.runtime.until("all to be said", () => links.unsaid === 0 || this.fault !== undefined);
    if (this.fault !== undefined) throw this.fault;
  }

  async untilFault(): Promise<Refusal> {
    await this.runtime.until("a refusal", () => this.fault !== undefined);
    return this.fault!;
  }
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe("the sender", () => {
  test("reads what was said last before it says anything, once; few go one by one, many together", async () => {
    const rig = new Rig();
    const links = rig.sender("a");
    links.take(messages(1, 2));
    await rig.untilSaid(links);
    expect(rig.calls).toEqual(["readLink", "link", "link"]);
    links.take(messages(3, 50));
    await rig.untilSaid(links);
    // Forty together, and the last eight one by one.
    expect(rig.calls.length).toBe(3 + 1 + 8);
    expect(rig.heard()).toEqual(upTo(50));
    expect(rig.counters.links).toBe(50);
  });

  test("what an owner before has said is left out, and what comes follows it", async () => {
    const rig = new Rig();
    const before = rig.sender("a");
    before.take(messages(1, 30));
    await rig.untilSaid(before);
    before.stop();
    const links = rig.sender("b");
    links.take(messages(21, 33));
    await rig.untilSaid(links);
    expect(rig.heard()).toEqual(upTo(33));
    expect(rig.counters.links).toBe(33);
  });

  test("a replay sends nothing; what was said is forgotten at once, and what was not goes out at its end", async () => {
    const rig = new Rig();
    const before = rig.sender("a");
    before.take(messages(1, 30));
    await rig.untilSaid(before);
    rig.replaying = true;
    const links = rig.sender("b");
    links.take(messages(1, 10));
    expect([links.unsaid, links.asking]).toEqual([10, true]);
    await rig.runtime.advance(50);
    expect([links.unsaid, links.asking]).toEqual([0, false]);
    links.take(messages(11, 35));
    expect([links.unsaid, links.asking]).toEqual([5, false]);
    await rig.runtime.advance(2_000);
    expect(rig.heard()).toEqual(upTo(30));
    rig.replaying = false;
    links.wake();
    await rig.untilSaid(links);
    expect(rig.heard()).toEqual(upTo(35));
  });

  test.each<Fate>(["request-lost", "reply-lost", "late", "retry"])(
    "a publish that is %s is said once",
    async (fate) => {
      for (const size of [1, 30]) {
        const rig = new Rig();
        const links = rig.sender("a");
        rig.fates.push(fate, fate);
        links.take(messages(1, size));
        links.take(messages(size + 1, size + 3));
        await rig.untilSaid(links);
        await rig.runtime.advance(5_000);
        expect(rig.heard()).toEqual(upTo(size + 3));
        expect(rig.counters.publishTimeouts + rig.counters.publishRetries).toBeGreaterThan(0);
        expect(links.problem).toBeUndefined();
      }
    },
  );

  test("two owners who do not know of each other say everything once between them", async () => {
    const rig = new Rig();
    const both = [rig.sender("a"), rig.sender("b")];
    for (let n = 1; n <= 200; n += 5) {
      for (const links of both) links.take(messages(n, n + 4));
      await rig.runtime.advance(n % 3);
    }
    for (const links of both) await rig.untilSaid(links);
    expect(rig.heard()).toEqual(upTo(200));
  });

  test("a target that is silent keeps no other waiting, and what waits there is counted and named", async () => {
    const rig = new Rig();
    const links = rig.sender("a", {
      sink: {
        ...silentTo(2, memoryWorld(rig.server, "a", 4).partition(FROM).links),
      },
    });
    links.take([...messages(1, 3, 2), ...messages(1, 3)]);
    let isSaid = false;
    void links.untilSaid(103).then(() => {
      isSaid = true;
    });
    await rig.runtime.until("the other to hear all", () => rig.heard().length === 3);
    expect([links.unsaid, isSaid]).toEqual([3, false]);
    await links.untilSaid(100);
    await rig.runtime.until("a reason", () => links.problem !== undefined);
  });

  test("where no batch finds room they go one by one, and together again once there is room", async () => {
    const rig = new Rig();
    const { links: sink } = memoryWorld(rig.server, "a", 4).partition(FROM);
    const sizes: number[] = [];
    let hasRoom = false;
    const links = rig.sender("a", {
      sink: {
        ...silentTo(2, sink),
        publish: async (to, expected, bodies, traces) => {
          sizes.push(bodies.length);
          if (bodies.length > 1 && !hasRoom) return { kind: "retry", reason: "too many batches are open" };
          return sink.publish(to, expected, bodies, traces);
        },
      },
    });
    links.take(messages(1, 600));
    await rig.runtime.until("most to be said", () => rig.heard().length >= 550);
    hasRoom = true;
    await rig.untilSaid(links);
    expect(rig.heard()).toEqual(upTo(600));
    expect(sizes.slice(0, 3)).toEqual([40, 1, 1]);
    expect(sizes.filter((size) => size > 1).length).toBeLessThan(6);
    links.take(messages(601, 1_800));
    await rig.untilSaid(links);
    expect(rig.heard()).toEqual(upTo(1_800));
    expect(sizes.at(-9)).toBe(40);
  });

  test("until said: not before the last message of the inputs up to there is stored", async () => {
    const rig = new Rig();
    const links = rig.sender("a");
    const said: number[] = [];
    const note = (seq: number): void => void links.untilSaid(seq).then(() => said.push(seq, rig.heard().length));
    links.take([message(1, TO, 7), message(2, TO, 7), message(3, TO, 9)]);
    for (const seq of [6, 8, 9]) note(seq);
    await rig.untilSaid(links);
    await rig.runtime.advance(1);
    expect(said).toEqual([6, 0, 8, 2, 9, 3]);
  });

  test("a log that holds less than was said, or nothing any more, is refused", async () => {
    for (const lost of [3, 0]) {
      const rig = new Rig();
      const before = rig.sender("a");
      before.take(messages(1, 5));
      await rig.untilSaid(before);
      rig.server.stream(memoryLogStream(TO)).loseTail(lost);
      // Who begins, and who goes on.
      const links = rig.sender("b");
      links.take([message(6)]);
      const fault = await rig.untilFault();
      expect(fault).toBeInstanceOf(LinkRegressed);
      expect(fault.message).toBe(
        `partition 3: the log of partition 1 holds ${lost} messages of this partition, but 5 were said: ` +
          "that stream lost its tail or was replaced; restore it from a backup",
      );
      rig.fault = undefined;
      before.take([message(6)]);
      expect((await rig.untilFault()).code).toBe("LNK-001");
      expect(rig.heard()).toEqual(upTo(lost));
    }
  });

  test("a log that has lost its beginning, by age, is written on", async () => {
    const rig = new Rig();
    const before = rig.sender("a");
    before.take(messages(1, 5));
    await rig.untilSaid(before);
    rig.server.stream(memoryLogStream(TO)).trim(6);
    before.take([message(6)]);
    await rig.untilSaid(before);
    rig.server.stream(memoryLogStream(TO)).trim(7);
    const links = rig.sender("b");
    links.take([message(7)]);
    await rig.untilSaid(links);
    expect(rig.heard()).toEqual([7]);
  });

  test("another message under a number that was said, or something else: refused, whether it is made then or later", async () => {
    const rig = new Rig();
    const before = rig.sender("a");
    before.take(messages(1, 5));
    await rig.untilSaid(before);
    for (const last of [5, 8]) {
      const links = rig.sender(`b${last}`);
      links.take([...messages(3, 4), message(5, TO, 105, "other"), ...messages(6, last)].slice(0, last - 2));
      expect(await rig.untilFault()).toBeInstanceOf(DigestMismatch);
      rig.fault = undefined;
    }
    const late = rig.sender("c");
    late.take(messages(3, 4));
    await rig.untilSaid(late);
    expect(() => late.take([message(5, TO, 105, "other")])).toThrow(
      /input 105 makes message 5 to partition 1, but another was said/,
    );
    rig.server.stream(memoryLogStream(TO)).store([{ subject: `link.${FROM}`, body: new TextEncoder().encode("{}") }]);
    const last = rig.sender("d");
    last.take(messages(6, 6));
    expect((await rig.untilFault()).message).toMatch(/holds something else at 6 than a partition says/);
    expect(rig.server.stream(memoryLogStream(TO)).last).toBe(6);
  });
});

function silentTo(to: number, sink: LinksOptions["sink"]): LinksOptions["sink"] {
  return {
    batchMax: sink.batchMax,
    bounds: (target) => sink.bounds(target),
    last: (target) => (target === to ? Promise.reject(new Error("silent")) : sink.last(target)),
    publish: (...said) => sink.publish(...said),
  };
}

/** The fake machine folds history for it, and waits until all partitions have said that they have. */
function asking(id: string): ControlEntry {
  return { op: "apply", define: [{ id, kind: "user", rule: { event: { name: id, count: 3 } } }], remove: [] };
}

describe("shards", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])("whatever happens to them, seed %i", async (seed) => {
    const cluster = new MemoryCluster({
      seed,
      partitions: 3,
      settings: { linksUnsentMax: seed % 3 === 0 ? 1 : 10_000 },
    });
    const { runtime } = cluster;
    for (let count = 0; count < 3; count += 1) cluster.startShard();
    cluster.control(asking("told-first"));
    cluster.faults(0.04);
    for (let round = 0; round < 60; round += 1) {
      for (let count = Math.floor(runtime.random() * 5); count > 0; count -= 1) {
        const id = `${runtime.random() < 0.6 ? "@" : "u"}${Math.floor(runtime.random() * 9)}`;
        cluster.event(Math.floor(runtime.random() * 3), id);
      }
      if (round === 30) cluster.control(asking("told-second"));
      await runtime.advance(Math.floor(runtime.random() * 200));
      for (const shard of cluster.live) cluster.disturb(shard, runtime.random() * 2);
      if (cluster.live.length < 2) cluster.startShard();
      cluster.checkLinks();
    }
    cluster.calm();
    await runtime.until("both definitions to be in force", () => cluster.server.stream("DEFINITIONS").last === 4);
    await cluster.untilQuiet();
    cluster.checkLinks();
    for (let partition = 0; partition < 3; partition += 1) {
      const told = cluster.told(partition);
      expect(cluster.said(partition)).toEqual(told.said);
      for (let to = 0; to < 3; to += 1)
        expect(cluster.linked(partition, to)).toEqual(
          told.links.filter((link) => link.to === to).map(({ body }) => body),
        );
      expect(told.said.some((body) => body.includes('"id":"~@'))).toBe(true);
      expect(told.said.some((body) => body.includes('"segment":"told-second"'))).toBe(true);
    }
    expect(cluster.errors).toEqual([]);
  });

  test("what waits for a replay goes out at its end, also where that ends with the last delta that was said", async () => {
    const cluster = new MemoryCluster({ seed: 9, partitions: 1, settings: { preloadBytesMax: 0 } });
    const name = cluster.startShard();
    const others = Array.from({ length: 10 }, (_, index) => `u${index}`);
    for (const id of others) cluster.event(0, id);
    await cluster.untilQuiet();
    await cluster.runtime.advance(5_000);
    // No checkpoint either: it would have a watermark written.
    const failing = ["link", "put"];
    cluster.server.fate = (_client, call) => (failing.includes(call) ? "retry" : "ok");
    // The replay waits for pages between them, so that the sender has asked and waits for its end; the last says nothing to it.
    for (const id of ["@1", ...others, "u0"]) cluster.event(0, id);
    // All is said, and no watermark tells of it yet.
    await cluster.runtime.until("the deltas", () => cluster.said(0).length === 5);
    cluster.kill(name);
    cluster.server.fate = () => "ok";
    cluster.startShard();
    await cluster.untilQuiet();
    expect(cluster.linked(0, 0)).toEqual(cluster.told(0).links.map(({ body }) => body));
    expect(cluster.linked(0, 0)).toHaveLength(3);
  });

  test("a partition whose links find no way holds back, remembers nothing that it could not say, and is let go only then", async () => {
    const cluster = new MemoryCluster({ seed: 5, partitions: 2, settings: { linksUnsentMax: 4 } });
    const name = cluster.startShard();
    await cluster.untilQuiet();
    cluster.server.fate = (_client, call) => (call === "link" ? "retry" : "ok");
    for (let count = 0; count < 40; count += 1) cluster.event(0, `@${count}`);
    await cluster.runtime.advance(5_000);
    const [status] = cluster.shards.get(name)!.partitions.map((partition) => partition.status());
    expect(status).toMatchObject({ phase: "running", checkpointPosition: 0, problem: "link: not now" });
    expect(status!.unsaidLinks).toBeGreaterThan(4);
    cluster.checkLinks();
    let isDrained = false;
    void cluster.drain(name).then(() => {
      isDrained = true;
    });
    await cluster.runtime.advance(5_000);
    expect(isDrained).toBe(false);
    cluster.server.fate = () => "ok";
    await cluster.runtime.until("it to be let go", () => isDrained);
    cluster.startShard();
    await cluster.untilQuiet();
    cluster.checkLinks();
    expect(cluster.linked(0, 1).length + cluster.linked(0, 0).length).toBe(120);
  });
});
