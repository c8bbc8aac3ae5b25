// A cluster in memory under virtual time: production shards over lib/memory, faults from a seed, and the comparison of what
// was said with what one machine says about the same log. Used by test/actors.
import type { Machinery, PartitionLog } from "../../actors/partition/context.ts";
import { decodeDirectory, decodeManifest } from "../../actors/partition/manifest.ts";
import { DEFAULT_PARTITION_SETTINGS, type PartitionSettings } from "../../actors/partition/settings.ts";
import { DEFAULT_SHARD_SETTINGS } from "../../actors/worker/settings.ts";
import { Shard } from "../../actors/worker/shard.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import type { PartitionOptions as MachineOptions, PartitionMachine } from "../../lib/core/partition.ts";
import type { Trace } from "../../lib/core/trace.ts";
import { DEFAULT_LIMITS, type LogKind, type LogRecord, type PartitionNo } from "../../lib/core/types.ts";
import { memoryKindOf } from "../../lib/memory/log-reading.ts";
import { type Fate, MemoryServer } from "../../lib/memory/server.ts";
import { memoryLogStream, memoryWorld } from "../../lib/memory/world.ts";
import type { Watermark } from "../../lib/ports/delta-sink.ts";
import { fakeMachinery, retell, roomyFake, type Told } from "./fake-machine.ts";
import { VirtualRuntime } from "./virtual-runtime.ts";

export interface MemoryClusterOptions {
  readonly seed: number;
  readonly partitions: number;
  /** Default: fake machines that keep two pages in memory. */
  readonly machinery?: Machinery;
  /** The same, with room for everything, for the comparison. */
  readonly roomy?: (partition: PartitionNo) => PartitionMachine;
  readonly machine?: Partial<MachineOptions>;
  readonly settings?: Partial<PartitionSettings>;
  /** Body of one message. */
  readonly payloadBytesMax?: number;
}

const text = new TextDecoder();
const bytes = new TextEncoder();

export class MemoryCluster {
  readonly runtime: VirtualRuntime;
  readonly server: MemoryServer;
  readonly shards = new Map<string, Shard>();
  readonly partitions: number;
  private readonly options: MemoryClusterOptions;
  private names = 0;
  /** Everything that was logged as an error: nothing should be, unless a test spoiled something itself. */
  readonly errors: string[] = [];
  /** What was logged as worth knowing. */
  readonly infos: string[] = [];
  /** What was logged as something that is tried again. */
  readonly warnings: string[] = [];
  private readonly log: PartitionLog = {
    debug: () => undefined,
    info: (_fields, message) => {
      this.infos.push(message);
    },
    warn: (_fields, message) => {
      this.warnings.push(message);
    },
    error: (fields, message) => {
      this.errors.push(`${message} ${String((fields as { err?: unknown }).err)}`);
    },
  };

  constructor(options: MemoryClusterOptions) {
    this.options = options;
    this.partitions = options.partitions;
    this.runtime = new VirtualRuntime(options.seed);
    const { payloadBytesMax } = options;
    this.server = new MemoryServer({
      runtime: this.runtime,
      latencyMs: 1,
      timeoutMs: 500,
      ...(payloadBytesMax === undefined ? {} : { payloadBytesMax }),
    });
  }

  get live(): readonly string[] {
    return [...this.shards.keys()];
  }

  startShard(name = this.newName()): string {
    const shard = new Shard({
      shard: name,
      host: "memory",
      pid: 0,
      world: memoryWorld(this.server, name, this.partitions),
      machinery: this.options.machinery ?? fakeMachinery({ residentMax: 2 }),
      machine: {
        partitions: this.partitions,
        clockMode: "log",
        clockStepMsMax: 1,
        limits: DEFAULT_LIMITS,
        pageCacheBytesMax: 1_000_000,
        pageBytesMax: 1_000,
        ...this.options.machine,
      },
      // One page a turn: whatever can come between two pages of a picture does.
      partitionSettings: {
        ...DEFAULT_PARTITION_SETTINGS,
        checkpointIntervalMs: 700,
        checkpointSliceMsMax: 0,
        ...this.options.settings,
      },
      settings: { ...DEFAULT_SHARD_SETTINGS, heartbeatMs: 200, expiryMs: 1_000, reviewMs: 200 },
      runtime: this.runtime,
      log: this.log,
    });
    this.shards.set(name, shard);
    shard.start();
    return name;
  }

  kill(name: string): void {
    this.shards.get(name)?.abort();
    this.shards.delete(name);
  }

  /** Drains in the background; the shard counts as gone at once. */
  drain(name: string): Promise<void> {
    const shard = this.shards.get(name);
    this.shards.delete(name);
    return shard?.drain() ?? Promise.resolve();
  }

  event(partition: PartitionNo, id: string, trace?: Trace): void {
    this.append(partition, "event", JSON.stringify({ id }), trace);
  }

  append(partition: PartitionNo, kind: LogKind, body: string, trace?: Trace): void {
    const message = { subject: kind, body: bytes.encode(body), headers: { ...trace } };
    this.server.stream(memoryLogStream(partition)).store([message]);
  }

  control(entry: ControlEntry): void {
    this.server.stream("DEFINITIONS").store([{ subject: "definitions", body: bytes.encode(JSON.stringify(entry)) }]);
  }

  faults(probability: number): void {
    const fates: readonly Fate[] = ["request-lost", "reply-lost", "late", "retry"];
    this.server.fate = () => {
      if (this.runtime.random() >= probability) return "ok";
      return fates[Math.floor(this.runtime.random() * fates.length)]!;
    };
  }

  /** One of the things that happen to a shard, or nothing; `roll` in 0 … 1 chooses. */
  disturb(shard: string, roll: number): void {
    if (roll < 0.03) this.kill(shard);
    else if (roll < 0.06) void this.drain(shard);
    else if (roll < 0.1) this.server.isolate(shard);
    else if (roll < 0.2) this.server.heal(shard);
  }

  /** No more faults; somebody is there to do the work. */
  calm(): void {
    this.faults(0);
    for (const name of this.live) this.server.heal(name);
    if (this.live.length === 0) this.startShard();
  }

  records(partition: PartitionNo): LogRecord[] {
    return [...this.server.stream(memoryLogStream(partition)).from(1)].map(({ seq, stamp, subject, body }) => ({
      seq,
      stamp,
      kind: memoryKindOf(subject),
      body,
    }));
  }

  said(partition: PartitionNo): string[] {
    return [...this.server.stream("SEGMENTS").from(1)]
      .filter(({ headers }) => headers.partition === `${partition}`)
      .map(({ body }) => text.decode(body));
  }

  expected(partition: PartitionNo): string[] {
    return this.told(partition).said;
  }

  /** All that the log of that partition says must be said. */
  told(partition: PartitionNo): Told {
    const machine = this.options.roomy?.(partition) ?? roomyFake(partition, this.partitions);
    return retell(this.records(partition), machine);
  }

  /** What a partition has said in the log of another. */
  linked(from: PartitionNo, to: PartitionNo): string[] {
    const stored = [...this.server.stream(memoryLogStream(to)).from(1)];
    return stored.filter(({ subject }) => subject === `link.${from}`).map(({ body }) => text.decode(body));
  }

  /** At any moment: links are a beginning of what their sender's log says, and a checkpoint covers none that is not stored. */
  checkLinks(): void {
    for (let from = 0; from < this.partitions; from += 1) {
      const { links } = this.told(from);
      const manifest = this.server.stream("CHECKPOINT").newest(`${from}.manifest`);
      const generations = manifest === undefined ? [] : decodeManifest(from, manifest.body).generations;
      const covered = Math.max(0, ...generations.map(({ position }) => position));
      for (let to = 0; to < this.partitions; to += 1) {
        const made = links.filter((link) => link.to === to);
        const linked = this.linked(from, to);
        const at = linked.findIndex((body, index) => body !== made[index]?.body);
        if (at >= 0) throw new Error(`partition ${from} said ${linked[at]} to ${to} where ${made[at]?.body} is due`);
        const unsaid = made.slice(linked.length).find(({ seq }) => seq <= covered);
        if (unsaid !== undefined)
          throw new Error(`partition ${from} remembers input ${covered}, but ${unsaid.body} to ${to} was never said`);
      }
    }
  }

  /** What must hold at any moment, whoever dies: a checkpoint covers only what was said, and what it names is there. */
  checkInvariants(): void {
    for (let partition = 0; partition < this.partitions; partition += 1) {
      const store = this.server.stream("CHECKPOINT");
      const stored = store.newest(`${partition}.manifest`);
      const said = this.server.stream("SEGMENTS").newest(`watermark.${partition}`);
      if (stored === undefined || said === undefined) continue;
      const { epoch, generations } = decodeManifest(partition, stored.body);
      const watermark = JSON.parse(text.decode(said.body)) as Watermark;
      if (epoch > watermark.epoch) throw new Error(`manifest of epoch ${epoch} under watermark of ${watermark.epoch}`);
      for (const { number, position, meta, directory } of generations) {
        if (position > watermark.done) throw new Error(`checkpoint at ${position}, said up to ${watermark.done}`);
        const rows = store.newest(directory.key);
        if (rows === undefined) throw new Error(`checkpoint ${number} names ${directory.key}, which is gone`);
        const pages = [...decodeDirectory(partition, number, rows.body).values()];
        for (const { key } of [meta, ...pages]) {
          if (store.newest(key) === undefined) throw new Error(`checkpoint ${number} names ${key}, which is gone`);
        }
      }
    }
  }

  /** Everything heard, everything said, nothing waits for time. */
  isQuiet(): boolean {
    const last = (partition: PartitionNo): number => this.server.stream(memoryLogStream(partition)).last;
    const owned = new Set<PartitionNo>();
    for (const shard of this.shards.values()) {
      for (const partition of shard.partitions) {
        const { phase, position, unsaid, unsaidLinks, deadline, folding, unsettled } = partition.status();
        const waits = folding.length + unsettled.length;
        const settled = unsaid === 0 && unsaidLinks === 0 && deadline === null && waits === 0;
        if (phase === "running" && position === last(partition.partition) && settled) owned.add(partition.partition);
      }
    }
    return owned.size === this.partitions;
  }

  async untilQuiet(): Promise<void> {
    await this.runtime
      .until("everything to be heard and said", () => this.isQuiet())
      .catch((error: Error) => {
        throw new Error(`${error.message}\n${this.describe()}`, { cause: error });
      });
  }

  /** Where everybody stands, for a failed test to print. */
  describe(): string {
    const lines = [...this.shards].flatMap(([name, shard]) =>
      shard.partitions.map((partition) => {
        const { counters: _counters, owner: _owner, ...status } = partition.status();
        return `${name}: ${JSON.stringify(status)}`;
      }),
    );
    const ends = Array.from({ length: this.partitions }, (_, p) => this.server.stream(memoryLogStream(p)).last);
    return [...lines, `logs end at ${ends.join(", ")}`].join("\n");
  }

  private newName(): string {
    this.names += 1;
    return `shard-${this.names}`;
  }
}
