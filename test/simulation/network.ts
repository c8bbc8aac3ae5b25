// The network between simulated processes and the server in memory: every request takes time, can be lost on either way, come
// late, be refused, or be the last thing that its sender ever did. Each process sees the server through a Connection.
import { type Fate, MemoryServer, type MemoryStream, TimedOut, Unavailable } from "../../lib/memory/server.ts";
import type { Dice } from "../support/seed.ts";
import type { Process, Scheduler, ServerClock } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

const TIMEOUT_MS = 500;
/** A request that comes late arrives up to so long after its sender gave up. */
const LATE_MS_MAX = 3_000;
/** Probability that a client sends again what it sent to a server that was gone. */
const SENT_AGAIN = 0.5;
/** The requests that compare before they set. */
const COMPARED: readonly string[] = ["watermark", "putManifest", "batch", "link"];
const FATES: readonly Fate[] = ["request-lost", "reply-lost", "late", "retry"];

export interface Weather {
  /** Probability that a request does not simply go well. */
  readonly faults: number;
  /** One way, at most. */
  readonly latencyMsMax: number;
  /** Probability that a compare-and-set takes far longer than other requests. */
  readonly slow: number;
}

export const CALM: Weather = { faults: 0, latencyMsMax: 2, slow: 0 };

/** The process dies, or is stopped, at the named request: before it is sent, or when it is done and the answer is on its way. */
export interface FatalPoint {
  readonly process: string;
  /** Such as `publish`, `batch`, `watermark`, `putManifest`, `put`; `*` for any. */
  readonly call: string;
  readonly when: "before" | "after";
  /** It is woken after so long; undefined: it dies. */
  readonly stopMs: number | undefined;
  /** That many more requests of this name go well. */
  left: number;
}

export class Network {
  readonly server: MemoryServer;
  weather: Weather = CALM;
  /** No more crashes, also of those whose fatal request is on its way. */
  isHealed = false;
  /** Whose request the server works on just now. */
  writer: string | undefined;
  readonly fatalPoints: FatalPoint[] = [];
  /** Where processes died or were stopped: which points were tried. */
  readonly struck = new Map<string, number>();
  private readonly scheduler: Scheduler;
  private readonly dice: Dice;
  private readonly trace: Trace;
  private readonly cut = new Set<string>();
  private readonly returns = new Set<{ process: Process; run: () => void }>();
  /** The server is gone for a while; counts its lives, since no answer outlives the connection that it belongs to. */
  private isDown = false;
  private lives = 0;
  /** What clients send again once it is back. */
  private backlog: (() => void)[] = [];
  private readonly listeners = new Map<string, Set<{ process: Process; run: (payload: never) => void }>>();
  private readonly onCrash: (process: Process) => void;

  constructor(scheduler: Scheduler, clock: ServerClock, dice: Dice, trace: Trace, onCrash: (process: Process) => void) {
    this.scheduler = scheduler;
    this.dice = dice;
    this.trace = trace;
    this.onCrash = onCrash;
    this.server = new MemoryServer({ runtime: clock });
  }

  connect(process: Process): Connection {
    return new Connection(this, process);
  }

  isCut(client: string): boolean {
    return this.cut.has(client);
  }

  /** Nothing of it arrives, and nothing reaches it. */
  isolate(client: string): void {
    this.cut.add(client);
  }

  /** Whoever read begins again from its own position. */
  heal(client: string): void {
    if (this.cut.delete(client)) this.tellReturn(client);
  }

  /** `kill -9` and a restart: what is stored stays; what was on its way is done or not, and nobody is told. */
  restartServer(downMs: number): void {
    if (this.isDown) return;
    this.isDown = true;
    this.lives += 1;
    this.scheduler.after(downMs, () => {
      this.isDown = false;
      const sentAgain = this.backlog;
      this.backlog = [];
      for (const work of sentAgain) work();
      this.tellReturn();
    });
  }

  reaches(client: string): boolean {
    return !this.isDown && !this.cut.has(client);
  }

  onReturn(process: Process, run: () => void): () => void {
    const listener = { process, run };
    this.returns.add(listener);
    return () => {
      this.returns.delete(listener);
    };
  }

  private tellReturn(client?: string): void {
    for (const { process, run } of [...this.returns]) {
      if (client !== undefined && process.name !== client) continue;
      this.scheduler.after(this.latency("connect"), () => process.deliver(run));
    }
  }

  /** A dead process hears nothing any more. */
  forget(process: Process): void {
    for (const one of this.returns) if (one.process === process) this.returns.delete(one);
    for (const set of this.listeners.values()) for (const one of set) if (one.process === process) set.delete(one);
  }

  request<T>(process: Process, name: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (process.state === "dead") return;
      const point = this.pointAt(process, name);
      if (point?.when === "before") {
        this.strike(process, point, `${name} before it was sent`);
        process.deliver(() => void this.request(process, name, work).then(resolve, reject));
        return;
      }
      const fate = this.fateOf(process);
      this.trace.note(`${process.name} ${name}${fate === "ok" ? "" : ` ${fate}`}`);
      const giveUp = process.after(TIMEOUT_MS, () => reject(new TimedOut(`${name}: no answer`)));
      const { lives } = this;
      const answer = (settle: () => void): void => {
        this.scheduler.after(this.latency(name), () => {
          if (lives !== this.lives || !this.reaches(process.name)) return;
          process.deliver(() => {
            giveUp.cancel();
            settle();
          });
        });
      };
      if (fate === "request-lost") return;
      if (fate === "retry") {
        answer(() => reject(new Unavailable(`${name}: not now`)));
        return;
      }
      const onItsWayMs = fate === "late" ? TIMEOUT_MS + this.dice.int(0, LATE_MS_MAX) : this.latency(name);
      const arrive = (): void => {
        if (this.cut.has(process.name)) return;
        const done = this.work(process, name, work);
        if (point !== undefined && !this.isHealed) this.strike(process, point, `${name} after it was done`);
        if (fate !== "reply-lost") answer(() => ("error" in done ? reject(done.error) : resolve(done.value)));
      };
      this.scheduler.after(onItsWayMs, () => this.arrive(arrive));
    });
  }

  /** At a server that is down: lost, or sent again by the client when it is back. */
  private arrive(work: () => void): void {
    if (!this.isDown) work();
    else if (this.dice.chance(SENT_AGAIN)) this.backlog.push(work);
  }

  tell(from: Process, channel: string, payload: unknown): void {
    if (from.state === "dead" || !this.reaches(from.name)) return;
    for (const { process, run } of this.listeners.get(channel) ?? []) {
      this.scheduler.after(this.latency(channel), () => {
        if (this.reaches(process.name)) process.deliver(() => run(payload as never));
      });
    }
  }

  hasListener(channel: string): boolean {
    return (this.listeners.get(channel)?.size ?? 0) > 0;
  }

  listen(process: Process, channel: string, run: (payload: never) => void): () => void {
    const set = this.listeners.get(channel) ?? new Set();
    const listener = { process, run };
    set.add(listener);
    this.listeners.set(channel, set);
    return () => {
      set.delete(listener);
    };
  }

  private work<T>(process: Process, name: string, work: () => T): { value: T } | { error: unknown } {
    this.writer = process.name;
    try {
      const value = work();
      if (typeof value === "number") this.trace.note(`server ${name} of ${process.name}: ${value}`);
      return { value };
    } catch (error) {
      return { error };
    } finally {
      this.writer = undefined;
    }
  }

  private fateOf(process: Process): Fate {
    if (this.cut.has(process.name)) return "request-lost";
    return this.dice.chance(this.weather.faults) ? this.dice.pick(FATES) : "ok";
  }

  private latency(name: string): number {
    const { latencyMsMax, slow } = this.weather;
    const slowly = COMPARED.includes(name) && this.dice.chance(slow);
    return slowly ? this.dice.int(0, TIMEOUT_MS) : this.dice.int(0, latencyMsMax);
  }

  private pointAt(process: Process, name: string): FatalPoint | undefined {
    for (const [index, point] of this.fatalPoints.entries()) {
      if (point.process !== process.name || (point.call !== "*" && point.call !== name)) continue;
      point.left -= 1;
      if (point.left >= 0) continue;
      this.fatalPoints.splice(index, 1);
      return point;
    }
    return undefined;
  }

  private strike(process: Process, { stopMs }: FatalPoint, where: string): void {
    if (process.state !== "running") return;
    this.struck.set(where, (this.struck.get(where) ?? 0) + 1);
    if (stopMs === undefined) {
      this.trace.note(`${process.name} is killed at ${where}`);
      this.onCrash(process);
      return;
    }
    this.trace.note(`${process.name} is stopped at ${where}`);
    process.stop();
    this.scheduler.after(stopMs, () => process.wake());
  }
}

/** The server as one process sees it; lib/memory's ports stand on it as on any other. */
export class Connection extends MemoryServer {
  private readonly network: Network;
  private readonly process: Process;

  constructor(network: Network, process: Process) {
    super({ runtime: process });
    this.network = network;
    this.process = process;
  }

  override stream(name: string): MemoryStream {
    return this.network.server.stream(name);
  }

  override isIsolated(): boolean {
    return this.network.isCut(this.process.name);
  }

  override reaches(): boolean {
    return this.network.reaches(this.process.name);
  }

  override onReturn(_client: string, run: () => void): () => void {
    return this.network.onReturn(this.process, run);
  }

  override call<T>(_client: string, name: string, work: () => T): Promise<T> {
    return this.network.request(this.process, name, work);
  }

  override tell(_client: string, channel: string, payload: unknown): void {
    this.network.tell(this.process, channel, payload);
  }

  override hasListener(channel: string): boolean {
    return this.network.hasListener(channel);
  }

  override listen(_client: string, channel: string, run: (payload: never) => void): () => void {
    return this.network.listen(this.process, channel, run);
  }
}
