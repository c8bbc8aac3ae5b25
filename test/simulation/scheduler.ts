// Virtual time and the processes that live in it. Time passes only when nothing else can happen; what falls on one instant
// comes in an order that the seed chooses. A process has clocks of its own, and can be stopped, woken and killed like a real one.
// Above it: network.ts, which carries requests between processes and the server.
import type { Runtime, Timer } from "../../lib/ports/runtime.ts";
import { type Alarm, Alarms, settle } from "../support/alarms.ts";
import type { Dice } from "../support/seed.ts";

/** 2026-01-01, so that stamps look like stamps. */
const EPOCH_MS = 1_767_225_600_000;
const RANKS = 1_000_000;
/** Timers of a busy process go off a little late. */
const LATENESS_MS_MAX = 3;

export class Scheduler {
  nowMs = 0;
  /** Alarms that went off: how much happened. */
  steps = 0;
  private readonly alarms = new Alarms();
  private readonly dice: Dice;

  constructor(dice: Dice) {
    this.dice = dice;
  }

  after(delayMs: number, run: () => void): Alarm {
    return this.alarms.set(this.nowMs + Math.max(0, delayMs), this.dice.int(0, RANKS), run);
  }

  /** Lets `durationMs` pass, or less when `stopped` says so. */
  async advance(durationMs: number, stopped: () => boolean): Promise<void> {
    const endMs = this.nowMs + durationMs;
    await settle();
    while (this.alarms.nextMs <= endMs && !stopped()) {
      const alarm = this.alarms.take();
      this.nowMs = Math.max(this.nowMs, alarm.atMs);
      if (alarm.run === undefined) continue;
      this.steps += 1;
      alarm.run();
      await settle();
    }
    if (!stopped()) this.nowMs = endMs;
  }
}

/** The server's own clock: what it stamps on messages. It can be set, as an operator or NTP sets one. */
export class ServerClock implements Runtime {
  private readonly scheduler: Scheduler;
  private offsetMs = 0;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  step(byMs: number): void {
    this.offsetMs += byMs;
  }

  wallMs(): number {
    return EPOCH_MS + this.scheduler.nowMs + this.offsetMs;
  }

  monotonicMs(): number {
    return this.scheduler.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const alarm = this.scheduler.after(delayMs, run);
    return {
      cancel: () => {
        alarm.run = undefined;
      },
    };
  }

  breathe(): Promise<void> {
    return new Promise((resolve) => {
      this.after(0, resolve);
    });
  }

  nonce(): string {
    throw new Error("a server makes no nonces");
  }

  random(): number {
    throw new Error("a server takes no chances");
  }
}

export type ProcessState = "running" | "stopped" | "dead";

/** One worker's process: its timers, its clocks, its chance. What happens while it is stopped waits until it is woken. */
export class Process implements Runtime {
  readonly name: string;
  state: ProcessState = "running";
  private readonly scheduler: Scheduler;
  private readonly dice: Dice;
  private readonly startedMs: number;
  private readonly skewMs: number;
  private held: (() => void)[] = [];
  private nonces = 0;
  private readonly number: number;

  constructor(name: string, number: number, scheduler: Scheduler, dice: Dice) {
    this.name = name;
    this.number = number;
    this.scheduler = scheduler;
    this.dice = dice;
    this.startedMs = scheduler.nowMs;
    // Its wall clock is wrong by up to a day, which must not matter.
    this.skewMs = dice.int(-86_400_000, 86_400_000);
  }

  monotonicMs(): number {
    return this.scheduler.nowMs - this.startedMs;
  }

  wallMs(): number {
    return EPOCH_MS + this.scheduler.nowMs + this.skewMs;
  }

  after(delayMs: number, run: () => void): Timer {
    let wanted = true;
    const late = this.dice.chance(0.3) ? this.dice.int(0, LATENESS_MS_MAX) : 0;
    this.scheduler.after(Math.max(0, delayMs) + late, () => this.deliver(() => wanted && run()));
    return {
      cancel: () => {
        wanted = false;
      },
    };
  }

  breathe(): Promise<void> {
    return new Promise((resolve) => {
      this.after(0, resolve);
    });
  }

  nonce(): string {
    this.nonces += 1;
    return `${this.number}-${this.nonces}`;
  }

  random(): number {
    return this.dice.next();
  }

  /** Something reaches the process: now, when it is woken, or never. */
  deliver(run: () => void): void {
    if (this.state === "running") run();
    else if (this.state === "stopped") this.held.push(run);
  }

  /** SIGSTOP. */
  stop(): void {
    if (this.state === "running") this.state = "stopped";
  }

  /** SIGCONT: what waited comes at once, in any order in which it could have come. */
  wake(): void {
    if (this.state !== "stopped") return;
    this.state = "running";
    const held = this.held;
    this.held = [];
    for (const run of held) this.scheduler.after(0, () => this.deliver(run));
  }

  /** SIGKILL: not one more line of it runs. */
  kill(): void {
    this.state = "dead";
    this.held = [];
  }
}
