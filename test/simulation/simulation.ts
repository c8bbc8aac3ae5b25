// One run: production shards over lib/memory in virtual time, one thread, everything that happens chosen by the seed. First
// whatever the plan says goes wrong, with the auditor looking on at every message; then it heals, and everything must come right.
import type { PartitionLog } from "../../actors/partition/context.ts";
import { productMachinery } from "../../actors/worker/machinery.ts";
import { DEFAULT_SHARD_SETTINGS, type ShardSettings } from "../../actors/worker/settings.ts";
import { Shard } from "../../actors/worker/shard.ts";
import type { ControlEntry } from "../../lib/core/control.ts";
import { ControlState } from "../../lib/core/engine/control-state.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import {
  DEFAULT_LIMITS,
  type JsonObject,
  type MemberId,
  type MemberKind,
  type PartitionNo,
} from "../../lib/core/types.ts";
import type { MemoryMessage } from "../../lib/memory/server.ts";
import { MemoryQuestionDesk, memoryLogStream, memoryWorld } from "../../lib/memory/world.ts";
import type { OracleOptions } from "../../lib/oracle/oracle.ts";
import type { Answers, PartitionStatus, Reply } from "../../lib/ports/questions.ts";
import { entriesOf } from "../support/erasures.ts";
import { Dice } from "../support/seed.ts";
import { Auditor, Violation } from "./auditor.ts";
import { LastActPlay } from "./last-act.ts";
import { CALM, Network } from "./network.ts";
import { DAY_MS, type Plan, type SentEvent, type Step } from "./plan.ts";
import { Process, Scheduler, ServerClock } from "./scheduler.ts";
import { Trace, type TraceLine } from "./trace.ts";
import { watched } from "./watched-world.ts";

/** Most of what comes from outside bears a trace of its own; nothing else of a run depends on it. */
function traceHeaders(partition: PartitionNo, seq: number): Readonly<Record<string, string>> {
  if (seq % 3 === 0) return {};
  const id = `${`${partition}`.padStart(16, "a")}${`${seq}`.padStart(16, "b")}`;
  return { traceparent: `00-${id}-b7ad6b7169203331-01`, ...(seq % 2 === 0 ? { tracestate: `seq=${seq}` } : {}) };
}

const SHARD_SETTINGS: ShardSettings = {
  ...DEFAULT_SHARD_SETTINGS,
  heartbeatMs: 300,
  expiryMs: 1_000,
  reviewMs: 300,
  outputPollMs: 2_000,
  claimPauseMsMin: 100,
  claimPauseMsMax: 2_000,
};
const WORKERS_MAX = 6;
/** Virtual time in which a healed world must come to rest. */
const REST_MS_MAX = 120_000;
const LOOK_MS = 25;
/** Longer than every short window, so that silence has its say. */
const SILENCE_MS = 12_000;
/** By event time: an hour's step of the server's clock is refused, and told. */
const CLOCK_STEP_MS_MAX = 600_000;
/** Law 6. */
const SILENCE_LATE_MS_MAX = 1_000;
const MEMBERS_MAX = 100_000;
/** Longer than any request is under way. */
const ALL_ARRIVED_MS = 4_000;
const CHECKPOINTS_KEPT = 2;

export interface Outcome {
  readonly seed: number;
  readonly hash: string;
  readonly violation: Violation | undefined;
  /** The step under way when it was found; steps.length when all were taken. */
  readonly step: number;
  readonly virtualMs: number;
  readonly alarms: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Requests at which workers died or were stopped. */
  readonly struck: ReadonlyMap<string, number>;
  /** What the last act did and what came of it, in words and as codes. */
  readonly lastAct: string | undefined;
  readonly verdicts: readonly string[];
  readonly lines: readonly TraceLine[];
}

export interface Worker {
  readonly process: Process;
  readonly shard: Shard;
  /** Told to stop in order; it goes on until it has. */
  leaving: boolean;
}

export class Simulation {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly clock: ServerClock;
  readonly network: Network;
  readonly auditor: Auditor;
  readonly trace: Trace;
  /** Errors in a worker's log are a fault of the product, unless somebody spoiled something on purpose. */
  errorsExpected = false;
  private readonly dice: Dice;
  private readonly workers = new Set<Worker>();
  private readonly oldNames: string[] = [];
  private readonly asker: Process;
  private started = 0;
  private step = 0;
  private fault: Violation | undefined;
  /** Of the entries up to a message of DEFINITIONS. */
  private pending: { readonly of: MemoryMessage | undefined; readonly revisions: readonly number[] } | undefined;
  private readonly seen = { entries: 0, cancelled: 0, audits: 0, forgotten: 0 };
  private lastAct: string | undefined;
  private verdicts: readonly string[] = [];

  constructor(plan: Plan, keepLines = false) {
    const { seed, world } = plan;
    this.plan = plan;
    this.dice = new Dice(seed * 7 + 3);
    this.scheduler = new Scheduler(new Dice(seed * 3 + 2));
    this.clock = new ServerClock(this.scheduler);
    this.trace = new Trace(this.scheduler, keepLines);
    this.network = new Network(this.scheduler, this.clock, this.dice, this.trace, (process) => this.die(process));
    this.auditor = new Auditor(
      this.network.server,
      world.partitions,
      (partition) => this.oracleOptions(partition),
      () => this.network.writer,
    );
    this.asker = new Process("asker", 0, this.scheduler, new Dice(seed));
  }

  get partitions(): number {
    return this.plan.world.partitions;
  }

  async run(): Promise<Outcome> {
    try {
      await this.play();
    } catch (error) {
      this.fault ??= error instanceof Violation ? error : new Violation("exception", describe(error));
    }
    return this.outcome();
  }

  private async play(): Promise<void> {
    const { steps, world, lastAct } = this.plan;
    this.network.weather = world.weather;
    for (let count = 0; count < world.workers; count += 1) this.start(false);
    for (const step of steps) {
      this.take(step);
      await this.advance(step.waitMs);
      this.auditor.checkStored();
      this.assertNoViolation();
      this.step += 1;
    }
    this.heal();
    await this.untilRest();
    await this.untilSilenceHasSpoken();
    await this.checkAll();
    if (world.erases) await this.untilForgotten();
    if (lastAct === undefined) return;
    const ended = await new LastActPlay(this, lastAct).play();
    this.lastAct = ended.told;
    this.verdicts = ended.verdicts;
  }

  // ── the troubled part ─────────────────────────────────────────────────────────────────────────────────────────────

  private take(step: Step): void {
    this.trace.note(`step ${this.step}: ${step.do}`);
    switch (step.do) {
      case "send":
        for (const event of step.events) this.send(event);
        return;
      case "poison":
        this.append(step.partition % this.partitions, step.kind ?? "event", step.body);
        return;
      case "define":
        this.define(step.entry);
        return;
      case "erase":
        this.erase(step.kind, step.id);
        return;
      case "situation": {
        const { entry, forMs } = step;
        this.define(forMs === undefined ? entry : { ...entry, until: this.clock.wallMs() + forMs });
        return;
      }
      case "cancel":
        this.cancel(step.which);
        return;
      case "start":
        this.start(step.underOldName);
        return;
      case "clock":
        this.clock.step(step.byMs);
        return;
      case "restart":
        this.network.restartServer(step.downMs);
        return;
      case "outage":
        this.outage(step.forMs);
        return;
      default:
        this.trouble(step);
    }
  }

  private trouble(step: Extract<Step, { readonly worker: number }>): void {
    const worker = this.pick(step.worker);
    if (worker === undefined) {
      this.start(false);
      return;
    }
    const { process } = worker;
    switch (step.do) {
      case "kill":
        this.die(process);
        return;
      case "drain":
        this.drain(worker, step.hasty);
        return;
      case "stop":
        process.stop();
        this.scheduler.after(step.forMs, () => process.wake());
        return;
      case "cut":
        this.network.isolate(process.name);
        this.scheduler.after(step.forMs, () => this.network.heal(process.name));
        return;
      case "crash":
      case "stopAt": {
        const { call, when, left } = step;
        const stopMs = step.do === "crash" ? undefined : step.forMs;
        this.network.fatalPoints.push({ process: process.name, call, when, left, stopMs });
        return;
      }
    }
  }

  private erase(kind: MemberKind, id: MemberId): void {
    const revision = this.network.server.stream("DEFINITIONS").last + 1;
    this.define(this.auditor.erasures.entryFor(kind, id, revision));
  }

  send(event: SentEvent): void {
    const { user, kind, lateMs, endsInMs } = event;
    const message = this.plan.world.erases ? this.auditor.erasures.tagged(event) : event.message;
    const timestamp = lateMs === undefined ? {} : { timestamp: new Date(this.clock.wallMs() - lateMs).toISOString() };
    const ends = endsInMs === undefined ? {} : { ends: new Date(this.clock.wallMs() + endsInMs).toISOString() };
    const properties = endsInMs === undefined ? {} : { properties: { ...(message.properties as JsonObject), ...ends } };
    const body = JSON.stringify({ ...message, ...properties, ...timestamp });
    this.append(partitionOf(user, this.partitions), kind ?? "event", body);
  }

  append(partition: PartitionNo, kind: "event" | "account" | "clock", body: string): void {
    const bytes = new TextEncoder().encode(body);
    const log = this.network.server.stream(memoryLogStream(partition));
    log.store([{ subject: kind, body: bytes, headers: traceHeaders(partition, log.last + 1) }]);
  }

  define(entry: ControlEntry): void {
    this.seen.entries += 1;
    const body = new TextEncoder().encode(JSON.stringify(entry));
    this.network.server.stream("DEFINITIONS").store([{ subject: "definitions", body }]);
  }

  private cancel(which: number): void {
    const pending = this.pendingRevisions();
    if (pending.length > 0) this.seen.cancelled += 1;
    const revision = pending[which % pending.length] ?? this.network.server.stream("DEFINITIONS").last;
    this.define({ op: "cancel", revision });
  }

  start(underOldName: boolean): void {
    const living = [...this.workers].filter(({ leaving }) => !leaving).length;
    if (living >= WORKERS_MAX) return;
    this.started += 1;
    const name = (underOldName ? this.oldNames.pop() : undefined) ?? `w${this.started}`;
    this.network.heal(name);
    const process = new Process(name, this.started, this.scheduler, new Dice(this.plan.seed * 101 + this.started));
    const { world } = this.plan;
    const shard = new Shard({
      shard: name,
      host: "simulation",
      pid: this.started,
      world: watched(memoryWorld(this.network.connect(process), name, this.partitions), {
        onViolation: (violation) => {
          this.fault ??= violation;
        },
        onRestore: (partition) => this.auditor.lookAtRestore(partition, name),
      }),
      machinery: productMachinery(DEFAULT_LIMITS),
      machine: {
        partitions: this.partitions,
        clockMode: world.clockMode,
        clockStepMsMax: CLOCK_STEP_MS_MAX,
        limits: DEFAULT_LIMITS,
        pageCacheBytesMax: world.pageCacheBytesMax,
        pageBytesMax: world.pageBytesMax,
      },
      partitionSettings: world.settings,
      settings: SHARD_SETTINGS,
      runtime: process,
      log: this.logOf(name),
    });
    this.trace.note(`${name} starts`);
    this.workers.add({ process, shard, leaving: false });
    shard.start();
  }

  private drain(worker: Worker, hasty: boolean): void {
    this.trace.note(`${worker.process.name} drains`);
    worker.leaving = true;
    void worker.shard.drain().then(() => this.die(worker.process));
    if (!hasty) return;
    this.scheduler.after(this.dice.int(0, 200), () => {
      worker.process.deliver(() => {
        worker.shard.abort();
        this.die(worker.process);
      });
    });
  }

  private die(process: Process): void {
    if (process.state === "dead") return;
    this.trace.note(`${process.name} is gone`);
    this.countAudits(process);
    process.kill();
    this.network.forget(process);
    this.oldNames.push(process.name);
    for (const worker of this.workers) if (worker.process === process) this.workers.delete(worker);
  }

  /** As many as those partitions made that it owns just now. */
  private countAudits(process: Process): void {
    for (const worker of this.workers) {
      if (worker.process !== process) continue;
      for (const partition of worker.shard.partitions) this.seen.audits += partition.status().counters.audits;
    }
  }

  dieAll(): void {
    for (const { process } of [...this.workers]) this.die(process);
  }

  private outage(forMs: number): void {
    const cut = [...this.workers].map(({ process }) => process.name);
    for (const name of cut) this.network.isolate(name);
    this.scheduler.after(forMs, () => {
      for (const name of cut) this.network.heal(name);
    });
  }

  private pick(index: number): Worker | undefined {
    const living = [...this.workers].filter(({ leaving }) => !leaving);
    return living[index % living.length];
  }

  private logOf(name: string): PartitionLog {
    return {
      debug: (_fields, message) => this.trace.note(`${name} log: ${message}`),
      info: (fields, message) => this.trace.note(`${name} log: ${message} ${JSON.stringify(fields)}`),
      warn: () => undefined,
      error: (fields, message) => {
        const { err, ...told } = fields as { readonly err?: unknown };
        const why = `${name}: ${message}: ${err === undefined ? JSON.stringify(told) : describe(err)}`;
        this.trace.note(why);
        const rule = message.startsWith("audit:") ? "audit" : "error";
        if (!this.errorsExpected) this.fault ??= new Violation(rule, why);
      },
    };
  }

  // ── the healed part ───────────────────────────────────────────────────────────────────────────────────────────────

  heal(): void {
    this.trace.note("everything heals");
    this.network.weather = CALM;
    this.network.isHealed = true;
    this.network.fatalPoints.length = 0;
    for (const { process } of this.workers) {
      process.wake();
      this.network.heal(process.name);
    }
    if (this.pick(0) === undefined) this.start(false);
  }

  async advance(durationMs: number): Promise<void> {
    await this.scheduler.advance(durationMs, () => this.fault !== undefined || this.auditor.violation !== undefined);
    this.assertNoViolation();
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const endMs = this.scheduler.nowMs + REST_MS_MAX;
    while (!holds()) {
      if (this.scheduler.nowMs >= endMs)
        throw new Violation("liveness", `waited ${REST_MS_MAX} virtual ms in vain for: ${what}\n${this.describe()}`);
      await this.advance(LOOK_MS);
    }
  }

  private untilRest(): Promise<void> {
    return this.until("everything to be heard, said and remembered", () => this.atRest());
  }

  /** Whoever was erased is nowhere: also not in what was stored late, of which the next checkpoint finds that nobody names it. */
  private async untilForgotten(): Promise<void> {
    const { auditor, plan } = this;
    const { erasureHoldMs, checkpointIntervalMs } = plan.world.settings;
    const keepsDeltas = erasureHoldMs >= DAY_MS;
    await this.until("every erasure to be through", () => auditor.erasures.isThrough(keepsDeltas));
    await this.advance(ALL_ARRIVED_MS);
    for (let checkpoint = 0; checkpoint < CHECKPOINTS_KEPT; checkpoint += 1) {
      this.moveClocks();
      await this.advance(checkpointIntervalMs * 2 + LOOK_MS);
      await this.untilRest();
    }
    auditor.checkForgotten(keepsDeltas);
    this.seen.forgotten = auditor.erasures.goneCount;
  }

  /** Law 6: after a long silence nothing that fell due is unsaid, and nothing was said too late. */
  private async untilSilenceHasSpoken(): Promise<void> {
    // Whoever was idle while the server's clock was set learns of it by a message, as it would from any other.
    this.moveClocks();
    await this.untilRest();
    const { last } = this.network.server.stream("SEGMENTS");
    const fromMs = this.clock.wallMs();
    await this.advance(SILENCE_MS);
    await this.untilRest();
    const before = this.clock.wallMs();
    for (let partition = 0; partition < this.partitions; partition += 1) {
      for (const { due, storedMs, body } of this.auditor.silences(partition, last)) {
        if (due >= fromMs && this.plan.world.clockMode === "log" && storedMs - due > SILENCE_LATE_MS_MAX)
          throw new Violation("late-silence", `${body} was due at ${due} and stored ${storedMs - due} ms later`);
      }
    }
    const due = Array.from({ length: this.partitions }, (_, partition) => this.auditor.progress(partition).expected);
    // Nobody else would tell the oracle of a deadline for which no tick came.
    this.moveClocks();
    for (const [partition, expected] of due.entries()) {
      if (this.plan.world.clockMode === "event") continue;
      const forgotten = this.auditor.dueBefore(partition, expected, before - SILENCE_LATE_MS_MAX);
      if (forgotten !== undefined) throw new Violation("late-silence", `${forgotten} was due, and no tick came for it`);
    }
    await this.untilRest();
  }

  /** One message for every log, which moves its clock to the server's; by event time it says so itself. */
  private moveClocks(): void {
    const body = this.plan.world.clockMode === "event" ? JSON.stringify({ to: this.clock.wallMs() }) : "{}";
    for (let partition = 0; partition < this.partitions; partition += 1) this.append(partition, "clock", body);
  }

  statuses(): PartitionStatus[] {
    return [...this.workers].flatMap(({ shard }) => shard.partitions.map((partition) => partition.status()));
  }

  /** Nothing waits but for time. `but`: partitions that need not be looked at. */
  atRest(but: ReadonlySet<PartitionNo> = new Set()): boolean {
    const { last } = this.network.server.stream("DEFINITIONS");
    const resting = new Set(but);
    for (const status of this.statuses()) {
      const { partition, phase, position, done, unsaid, unsaidLinks, folding, unsettled, revision } = status;
      const heard = position === this.network.server.stream(memoryLogStream(partition)).last;
      const said = unsaid === 0 && unsaidLinks === 0 && done === position;
      const ready = folding.length === 0 && unsettled.length === 0 && revision === last;
      if (phase === "running" && heard && said && ready) resting.add(partition);
    }
    // What waits for a partition that is left out may wait.
    return resting.size === this.partitions && (but.size > 0 || this.pendingRevisions().length === 0);
  }

  private pendingRevisions(): readonly number[] {
    const stream = this.network.server.stream("DEFINITIONS");
    const newest = stream.at(stream.last);
    // Asked again and again while everything comes to rest, and reading them all takes a while.
    if (this.pending?.of !== newest) {
      const revisions = ControlState.fold(entriesOf(this.network.server), DEFAULT_LIMITS).pendingRevisions();
      this.pending = { of: newest, revisions };
    }
    return this.pending?.revisions ?? [];
  }

  private async checkAll(): Promise<void> {
    this.auditor.checkStored();
    this.assertNoViolation();
    this.auditor.checkComplete();
    for (let partition = 0; partition < this.partitions; partition += 1) await this.checkMemberships(partition);
  }

  /** What the owner answers is what the oracle knows; asked again when the log, or the owner, went on meanwhile. */
  async checkMemberships(partition: PartitionNo): Promise<void> {
    for (const segment of this.auditor.oracle(partition).memberships().keys()) {
      for (let isCompared = false; !isCompared; ) {
        const answer = await this.ask(partition, segment);
        isCompared = answer?.position === this.network.server.stream(memoryLogStream(partition)).last;
        const differs = isCompared ? this.difference(partition, segment, answer!) : "";
        if (differs !== "") throw new Violation("membership", differs);
        if (!isCompared) await this.advance(LOOK_MS);
      }
    }
  }

  private difference(partition: PartitionNo, segment: string, answer: Answers["members"]): string {
    const members = this.auditor.oracle(partition).memberships().get(segment) ?? new Map();
    const standing = [...members].filter(([, membership]) => membership.in);
    const expected = standing.map(([id, { n, since }]) => JSON.stringify({ id, n, since })).sort();
    const actual = answer.members.map(({ id, n, since }) => JSON.stringify({ id, n, since })).sort();
    if (expected.join() === actual.join() && answer.size === expected.length) return "";
    return `partition ${partition}: ${segment} has ${actual.join(" ")} (size ${answer.size}), the log says ${expected.join(" ")}`;
  }

  /** Undefined while the partition is on its way from one owner to another. */
  private async ask(partition: PartitionNo, segment: string): Promise<Answers["members"] | undefined> {
    let reply: Reply | undefined;
    let isAnswered = false;
    const desk = new MemoryQuestionDesk(this.network.connect(this.asker), this.asker.name, partition);
    await this.until(`an owner of partition ${partition}`, () => this.atRest());
    void desk.ask({ op: "members", segment, limit: MEMBERS_MAX }).then((answer) => {
      reply = answer;
      isAnswered = true;
    });
    await this.until(`the members of ${segment} in partition ${partition}`, () => isAnswered);
    return reply?.ok === true ? (reply as unknown as Answers["members"]) : undefined;
  }

  oracleOptions(partition: PartitionNo): OracleOptions {
    return {
      partition,
      partitions: this.partitions,
      clockMode: this.plan.world.clockMode,
      clockStepMsMax: CLOCK_STEP_MS_MAX,
      limits: DEFAULT_LIMITS,
    };
  }

  private assertNoViolation(): void {
    const violation = this.fault ?? this.auditor.violation;
    if (violation !== undefined) throw violation;
  }

  private describe(): string {
    const lines = this.statuses().map(({ counters: _, ...status }) => JSON.stringify(status));
    const ends = Array.from({ length: this.partitions }, (_, p) => this.network.server.stream(memoryLogStream(p)).last);
    return [
      ...lines,
      `logs end at ${ends.join(", ")}; definitions at ${this.network.server.stream("DEFINITIONS").last}`,
    ].join("\n");
  }

  private outcome(): Outcome {
    const { scheduler, auditor, trace, network } = this;
    for (const { process } of this.workers) this.countAudits(process);
    return {
      seed: this.plan.seed,
      hash: trace.digest(),
      violation: this.fault ?? auditor.violation,
      step: this.step,
      virtualMs: scheduler.nowMs,
      alarms: scheduler.steps,
      counts: { ...auditor.counts, ...this.seen, erasures: auditor.erasures.count },
      struck: network.struck,
      lastAct: this.lastAct,
      verdicts: this.verdicts,
      lines: trace.lines,
    };
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
