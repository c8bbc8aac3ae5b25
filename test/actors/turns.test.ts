// Partitions of a thread take turns: in rounds of the event loop as Node has them, where all who breathed in one go on in the
// next, one after the other, a slice at a time is counted, and who had it.
import { describe, expect, test } from "vitest";
import type { Machinery } from "../../actors/partition/context.ts";
import { Turns } from "../../actors/partition/turns.ts";
import type { PartitionOptions as MachineOptions, PartitionMachine } from "../../lib/core/partition.ts";
import { fakeMachinery } from "../support/fake-machine.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { VirtualRuntime } from "../support/virtual-runtime.ts";

/** Virtual time in which work takes some, and all who breathe go on together. */
class Rounds extends VirtualRuntime {
  onRound: () => void = () => undefined;
  private workedMs = 0;
  private breathing: (() => void)[] = [];

  work(ms: number): void {
    this.workedMs += ms;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.workedMs;
  }

  override breathe(): Promise<void> {
    return new Promise((resolve) => {
      if (this.breathing.push(resolve) === 1) this.after(0, () => this.next());
    });
  }

  private next(): void {
    const all = this.breathing;
    this.breathing = [];
    this.onRound();
    for (const resolve of all) this.after(0, resolve);
  }
}

describe("whoever asks for a turn", () => {
  /** Who works in each round, when every slice takes so long and each has so many to do. */
  async function worked(
    roundMsMax: number,
    sliceMs: number,
    toDo: Readonly<Record<string, number>>,
  ): Promise<string[]> {
    const runtime = new Rounds(1);
    const turns = new Turns(runtime, roundMsMax);
    const rounds = [""];
    runtime.onRound = () => void rounds.push("");
    const all = Object.entries(toDo).map(async ([who, slices]) => {
      await turns.take();
      for (let slice = 1; slice <= slices; slice += 1) {
        rounds[rounds.length - 1] += who;
        runtime.work(sliceMs);
        if (slice < slices) await turns.takeNext();
      }
    });
    let over = false;
    void Promise.all(all).then(() => {
      over = true;
    });
    await runtime.until("all is done", () => over);
    return rounds.filter((round) => round !== "");
  }

  test("waits where others who came in the same moment were before", async () => {
    expect(await worked(0, 3, { a: 1, b: 1, c: 1, d: 1 })).toEqual(["a", "b", "c", "d"]);
  });

  test("gets it while the round has time", async () => {
    expect(await worked(5, 3, { a: 1, b: 1, c: 1, d: 1, e: 1 })).toEqual(["a", "bc", "de"]);
    expect(await worked(5, 0, { a: 1, b: 1, c: 1, d: 1, e: 1 })).toEqual(["a", "bcde"]);
  });

  test("has it about with one who goes on: neither keeps the other from it", async () => {
    expect(await worked(0, 3, { a: 4, b: 1, c: 1, d: 1 })).toEqual(["a", "b", "a", "c", "a", "d", "a"]);
  });

  test("or goes on gets it no second time before all who go on had it once", async () => {
    const rounds = await worked(0, 3, { a: 9, b: 9, c: 9, d: 9 });
    for (let from = 8; from < 32; from += 4) {
      expect(rounds.slice(from, from + 4).sort()).toEqual(["a", "b", "c", "d"]);
    }
  });
});

test("of what is done beside the live path, one slice a round, also where it begins the round", async () => {
  const runtime = new Rounds(1);
  const turns = new Turns(runtime, 5);
  expect(turns.takeInBackground()).toBe(true);
  expect(turns.takeInBackground()).toBe(false);
  await runtime.advance(1);
  expect(turns.takeInBackground()).toBe(true);
  turns.giveBack();
  expect(turns.takeInBackground()).toBe(true);
});

describe("thirty-two partitions of a thread", () => {
  const PARTITIONS = 32;
  const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

  /** The most of them that apply messages within one round. */
  async function mostInOneRound(roundMsMax: number): Promise<number> {
    const runtime = new Rounds(1);
    const working = new Set<number>();
    let most = 0;
    runtime.onRound = () => {
      most = Math.max(most, working.size);
      working.clear();
    };
    const machinery = watched(fakeMachinery({ residentMax: 8 }), (partition) => void working.add(partition));
    const cluster = new MemoryCluster({
      seed: 1,
      partitions: PARTITIONS,
      runtime,
      machinery,
      settings: { roundMsMax },
    });
    cluster.startShard();
    await cluster.untilQuiet();
    for (const partition of ALL) for (let n = 0; n < 60; n += 1) cluster.event(partition, `u${n % 20}`);
    await cluster.untilQuiet();
    for (const partition of ALL) expect(cluster.said(partition)).toEqual(cluster.expected(partition));
    expect(cluster.errors).toEqual([]);
    return most;
  }

  test("work one a round, where a round has room for one slice", async () => {
    expect(await mostInOneRound(0)).toBe(1);
  });

  test("and many where slices take no time", async () => {
    expect(await mostInOneRound(5)).toBeGreaterThan(PARTITIONS / 4);
  });
});

function watched(machinery: Machinery, onApply: (partition: number) => void): Machinery {
  const watch = (machine: PartitionMachine, { partition }: MachineOptions): PartitionMachine => {
    const apply = machine.apply.bind(machine);
    return Object.assign(machine, {
      apply: (record: Parameters<typeof apply>[0]) => {
        onApply(partition);
        return apply(record);
      },
    });
  };
  return {
    ...machinery,
    create: (options) => watch(machinery.create(options), options),
    restore: (options, source) => watch(machinery.restore(options, source), options),
  };
}
