// Time that passes only when nothing else can happen, and chance from a seed: runs the production actors in one thread so
// that a seed is a bug report. Promises settle between two timers.
import type { Runtime, Timer } from "../../lib/ports/runtime.ts";
import { Alarms, settle } from "./alarms.ts";

/** 2026-01-01, so that stamps look like stamps. */
const EPOCH_MS = 1_767_225_600_000;

export class VirtualRuntime implements Runtime {
  private nowMs = 0;
  private nonces = 0;
  private state: number;
  private readonly alarms = new Alarms();

  constructor(seed: number) {
    this.state = seed >>> 0 || 1;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return EPOCH_MS + this.nowMs;
  }

  /** Mulberry32: small, seeded, good enough to choose faults with. */
  random(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  nonce(): string {
    this.nonces += 1;
    return `nonce-${this.nonces}`;
  }

  after(delayMs: number, run: () => void): Timer {
    const alarm = this.alarms.set(this.nowMs + Math.max(0, delayMs), 0, run);
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

  /** Lets `durationMs` pass. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs;
    await settle();
    while (this.alarms.nextMs <= endMs) {
      const alarm = this.alarms.take();
      this.nowMs = Math.max(this.nowMs, alarm.atMs);
      if (alarm.run === undefined) continue;
      alarm.run();
      await settle();
    }
    this.nowMs = endMs;
  }

  /** Lets time pass until the condition holds; fails with its name after `maxMs`. */
  async until(what: string, holds: () => boolean, maxMs = 120_000): Promise<void> {
    const endMs = this.nowMs + maxMs;
    while (!holds()) {
      if (this.nowMs >= endMs) throw new Error(`waited ${maxMs} virtual ms in vain for: ${what}`);
      await this.advance(10);
    }
  }
}
