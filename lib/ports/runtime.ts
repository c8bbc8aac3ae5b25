// What an actor asks of the machine it runs on: time that passes, timers, chance. Nothing in actors/ takes these elsewhere,
// so a simulator that answers them from a seed runs the very same actors.

export interface Timer {
  /** Harmless when it has fired or was cancelled before. */
  cancel(): void;
}

export interface Runtime {
  /** Milliseconds since some fixed moment; never goes back. Decides everything that waits. */
  monotonicMs(): number;
  /** Wall clock, for people to read. Decides nothing. */
  wallMs(): number;
  after(delayMs: number, run: () => void): Timer;
  /** Gives sockets, timers and the other partitions of this thread their turn. */
  breathe(): Promise<void>;
  /** A text that no other call on any machine gives. */
  nonce(): string;
  /** 0 ≤ x < 1, for jitter only. */
  random(): number;
}

export function pause(runtime: Runtime, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    runtime.after(delayMs, resolve);
  });
}
