// One shard: a share of the partitions on one connection. It shows that it lives, claims what it should own and nobody holds,
// and releases what somebody else should own and asks for. A worker process runs one or several of them.
import type { PartitionOptions as MachineOptions } from "../../lib/core/partition.ts";
import type { PartitionNo } from "../../lib/core/types.ts";
import { type Hearing, type KnownWishes, NO_WISHES, type ProcessFacts } from "../../lib/ports/cluster.ts";
import type { Counters } from "../../lib/ports/questions.ts";
import type { Runtime, Timer } from "../../lib/ports/runtime.ts";
import type { World } from "../../lib/ports/world.ts";
import { BackgroundTurns } from "../partition/background-turns.ts";
import { CheckpointBudget } from "../partition/checkpoint-budget.ts";
import type { Machinery, PartitionLog } from "../partition/context.ts";
import { newCounters } from "../partition/counters.ts";
import { Partition } from "../partition/partition.ts";
import { Recollection } from "../partition/recollection.ts";
import type { PartitionSettings } from "../partition/settings.ts";
import { Backoff } from "../partition/signal.ts";
import { FollowedControlBook } from "./control-book.ts";
import { ControlErasing } from "./control-erasing.ts";
import { Coordinator } from "./coordinator.ts";
import { Neighbours } from "./neighbours.ts";
import { Wishing, wishesOfLiving } from "./rendezvous.ts";
import type { ShardSettings } from "./settings.ts";

export interface ShardOptions {
  /** Unlike any other shard's, now and later, unless it is meant to be the same one come back. */
  readonly shard: string;
  readonly host: string;
  readonly pid: number;
  /** Of the process, at each heartbeat. */
  readonly describeProcess?: () => ProcessFacts;
  readonly world: World;
  readonly machinery: Machinery;
  readonly machine: Omit<MachineOptions, "partition">;
  readonly partitionSettings: PartitionSettings;
  readonly settings: ShardSettings;
  readonly runtime: Runtime;
  readonly log: PartitionLog;
}

const INTRODUCTION_MS = 150;

interface ClaimPause {
  readonly backoff: Backoff;
  untilMs: number;
}

export class Shard {
  private readonly options: ShardOptions;
  private readonly book: FollowedControlBook;
  private readonly coordinator: Coordinator;
  private readonly controlErasing: ControlErasing;
  private readonly neighbours: Neighbours;
  private readonly held = new Map<PartitionNo, Partition>();
  private readonly checkpointBudget: CheckpointBudget;
  private readonly background: BackgroundTurns;
  private readonly recollection = new Recollection();
  private readonly counters = new Map<PartitionNo, Counters>();
  private readonly pauses = new Map<PartitionNo, ClaimPause>();
  /** Partitions that should be ours and are somebody else's. */
  private wants: PartitionNo[] = [];
  private known: KnownWishes = { wishes: NO_WISHES, revision: 0 };
  private readonly wishHearing: Hearing;
  private readonly timers = new Set<Timer>();
  private beats = 0;
  private toldRunning = 0;
  private reviewing = false;
  private reviewAgain = false;
  private stopping = false;
  /** Nothing is claimed before the others had time to hear of us. */
  private introduced = false;

  constructor(options: ShardOptions) {
    const { world, runtime, settings, log, machine, partitionSettings } = options;
    this.options = options;
    this.background = new BackgroundTurns(options.runtime);
    this.checkpointBudget = new CheckpointBudget(
      partitionSettings.checkpointTimeShareMax,
      partitionSettings.checkpointIntervalMs,
    );
    this.book = new FollowedControlBook(world.control, runtime, log);
    this.coordinator = new Coordinator(world.control, this.book, world.partitions, machine.limits, log);
    this.controlErasing = new ControlErasing(world.controlEraser, this.book, world.partitions, runtime, log);
    this.neighbours = new Neighbours(
      world.cluster,
      runtime,
      settings.expiryMs,
      this.recollection,
      () => void this.review(),
    );
    this.wishHearing = world.cluster.hearWishes(() => void this.readWishes());
  }

  start(): void {
    const { heartbeatMs, reviewMs, outputPollMs } = this.options.settings;
    this.every(heartbeatMs, () => this.beat());
    this.every(reviewMs, () => this.review());
    this.every(outputPollMs, () => this.pollOutput());
    void this.beat();
    void this.readWishes();
    const introduction = this.options.runtime.after(Math.min(heartbeatMs, INTRODUCTION_MS), () => {
      this.timers.delete(introduction);
      this.introduced = true;
      void this.review();
    });
    this.timers.add(introduction);
  }

  /** The partitions that this shard runs, or refused to. */
  get partitions(): readonly Partition[] {
    return [...this.held.values()];
  }

  /** Releases everything in good order. */
  async drain(): Promise<void> {
    this.stopping = true;
    this.wants = [];
    await Promise.all(this.partitions.map((partition) => partition.drain()));
    await this.options.world.cluster.leave(this.options.shard);
    this.stop();
  }

  /** Stops at once; what was said is found by whoever comes next. */
  abort(): void {
    this.stopping = true;
    for (const partition of this.partitions) partition.abort();
    this.stop();
  }

  private stop(): void {
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    this.neighbours.stop();
    this.wishHearing.stop();
    this.book.stop();
    this.controlErasing.stop();
  }

  private every(periodMs: number, run: () => Promise<void>): void {
    const again = (): void => {
      const timer = this.options.runtime.after(periodMs, () => {
        this.timers.delete(timer);
        again();
        void run();
      });
      this.timers.add(timer);
    };
    again();
  }

  private async beat(): Promise<void> {
    const { shard, host, pid, world, describeProcess } = this.options;
    this.beats += 1;
    this.tellHoldings();
    const holds = this.partitions.filter((partition) => !partition.over).map((partition) => partition.report());
    const facts = describeProcess === undefined ? {} : { process: describeProcess() };
    await world.cluster.beat({ shard, beat: this.beats, host, pid, ...facts, holds, wants: this.wants });
  }

  /** One line when taking and giving has come to rest, rather than one a partition. */
  private tellHoldings(): void {
    const { log, world } = this.options;
    const phases = this.partitions.map(({ phase }) => phase);
    const moving = phases.some((phase) => phase !== "running" && phase !== "refused");
    const running = phases.filter((phase) => phase === "running").length;
    if (moving || this.reviewing || this.stopping || running === this.toldRunning) return;
    this.toldRunning = running;
    const refused = phases.length - running;
    log.info(refused === 0 ? {} : { refused }, `worker: holds ${running} of ${world.partitions} partitions`);
  }

  /** Most changes are heard; one that was not is found here. */
  private async readWishes(): Promise<void> {
    const known = await this.options.world.cluster.readWishes().catch(() => undefined);
    if (known === undefined || known.revision <= this.known.revision) return;
    this.known = known;
    await this.review();
  }

  /** Who is gone is not waited for: should it come back under its name, nobody wishes anything of it any more. */
  private async forgetWishesOfGone(alive: ReadonlySet<string>): Promise<void> {
    const { wishes, revision } = this.known;
    const left = wishesOfLiving(wishes, alive);
    if (left === wishes || !this.neighbours.hasListened) return;
    const outcome = await this.options.world.cluster.writeWishes(left, revision);
    if (outcome.kind !== "stored") return;
    this.known = { wishes: left, revision: outcome.seq };
    this.options.log.info({}, "worker: wishes about a worker that is gone are dropped");
  }

  private async pollOutput(): Promise<void> {
    void this.readWishes();
    const [any] = this.held.keys();
    if (any === undefined) return;
    const bounds = await this.options.world
      .partition(any)
      .sink.bounds()
      .catch(() => undefined);
    if (bounds !== undefined) for (const partition of this.held.values()) partition.noteStreamEnd(bounds.last);
  }

  /** Looks at every partition once; asked again meanwhile, it looks once more. */
  private async review(): Promise<void> {
    this.reviewAgain = true;
    if (this.reviewing) return;
    this.reviewing = true;
    try {
      while (this.reviewAgain && !this.stopping && this.introduced) {
        this.reviewAgain = false;
        await this.reviewAll();
      }
    } finally {
      this.reviewing = false;
    }
  }

  private async reviewAll(): Promise<void> {
    const { world, shard, log } = this.options;
    const alive = new Set([...this.neighbours.alive(), shard]);
    const mine: PartitionNo[] = [];
    const wishing = new Wishing(alive, this.known.wishes);
    for (let partition = 0; partition < world.partitions; partition += 1) {
      const wished = wishing.ownerOf(partition);
      if (wished === shard) mine.push(partition);
      else this.releaseIfAsked(partition, wished);
    }
    const held = await Promise.all(mine.map((partition) => this.claimIfFree(partition)));
    await this.ask(mine.filter((_, index) => held[index]));
    if ([...alive].sort()[0] === shard) {
      await this.forgetWishesOfGone(alive);
      await this.coordinator.tend(this.neighbours.reports()).catch((error: unknown) => {
        log.error({ err: error }, "worker: coordination failed, trying again");
      });
      void this.controlErasing.tend(this.neighbours.reports());
    }
  }

  /** A new wish is told at once; the next heartbeat would do as well. */
  private async ask(wants: PartitionNo[]): Promise<void> {
    const isNew = wants.some((partition) => !this.wants.includes(partition));
    this.wants = wants;
    if (isNew) await this.beat();
  }

  private releaseIfAsked(partition: PartitionNo, wished: string | undefined): void {
    const held = this.held.get(partition);
    if (held === undefined) return;
    if (held.phase === "refused") {
      // Not ours to worry about any more: whoever should own it finds the same.
      held.close();
      this.held.delete(partition);
    } else if (wished !== undefined && !held.over && this.neighbours.wanting(partition).includes(wished))
      void held.drain();
  }

  /** True when somebody else holds what should be ours. */
  private async claimIfFree(partition: PartitionNo): Promise<boolean> {
    if (this.held.has(partition) || this.stopping) return false;
    const { runtime, world, shard } = this.options;
    if (runtime.monotonicMs() < (this.pauses.get(partition)?.untilMs ?? 0)) return false;
    const record = await world
      .partition(partition)
      .sink.readWatermark()
      .catch(() => null);
    if (record === null || this.stopping || this.held.has(partition)) return false;
    const owner = record?.value.owner ?? null;
    if (owner !== null && owner !== shard && !this.neighbours.hasLetGo(owner, partition)) return true;
    this.claim(partition);
    return false;
  }

  private claim(partition: PartitionNo): void {
    const { world, machinery, machine, partitionSettings, runtime, shard, log } = this.options;
    const counters = this.counters.get(partition) ?? newCounters();
    this.counters.set(partition, counters);
    const claimed = new Partition({
      partition,
      shard,
      world: world.partition(partition),
      book: this.book,
      machinery,
      machine: { ...machine, partition },
      settings: partitionSettings,
      checkpointBudget: this.checkpointBudget,
      background: this.background,
      recollection: this.recollection,
      runtime,
      counters,
      log,
    });
    this.held.set(partition, claimed);
    void claimed.start().then(() => this.ended(partition, claimed));
  }

  /** Lost: not at once again, and with growing pauses, so that two workers never bump epochs at each other for ever. */
  private ended(partition: PartitionNo, ended: Partition): void {
    this.recollection.note(partition, ended.report());
    if (ended.phase === "refused") return;
    ended.close();
    if (this.held.get(partition) === ended) this.held.delete(partition);
    this.checkpointBudget.forget(partition);
    if (ended.phase === "lost") {
      const { settings, runtime } = this.options;
      const pause = this.pauses.get(partition) ?? {
        backoff: new Backoff(settings.claimPauseMsMin, settings.claimPauseMsMax),
        untilMs: 0,
      };
      pause.untilMs = runtime.monotonicMs() + pause.backoff.next(runtime.random());
      this.pauses.set(partition, pause);
    } else this.pauses.delete(partition);
    if (this.stopping) return;
    void this.beat();
    void this.review();
  }
}
