// One run: the product comes up, is fired at from many connections for as long as wished, and is looked at meanwhile and
// afterwards. shots.ts says what is fired, judge.ts what is wrong with an answer; run.ts is the command line.
//
//   up ─▶ lanes fire, a watcher asks /healthz, memory is weighed ─▶ quiet ─▶ nothing lost? still right? well? ─▶ down
import { setTimeout as sleep } from "node:timers/promises";
import { type Aftermath, aftermath } from "./aftermath.ts";
import { isIngesting } from "./bodies.ts";
import { type Fault, Judge } from "./judge.ts";
import { Ledger } from "./ledger.ts";
import { asked, questionAt } from "./questions.ts";
import { type Memory, Rig, type Turn } from "./rig.ts";
import { type Group, type Shot, Shots } from "./shots.ts";
import { shrunk } from "./shrink.ts";
import { type Outcome, pingMs, Wire } from "./wire.ts";

export interface FuzzOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly groups: readonly Group[];
  /** Whether questions go over NATS, too. */
  readonly questions: boolean;
  /** This one alone. */
  readonly shot?: number;
  say(line: string): void;
}

export interface FoundFault extends Fault {
  times: number;
  /** How to see it again. */
  readonly again: string;
}

export interface FuzzReport {
  readonly seed: number;
  readonly seconds: number;
  /** By route, then by status. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly shots: number;
  readonly refusedBusy: ReadonlyMap<string, number>;
  readonly memory: { readonly api: readonly Memory[]; readonly worker: readonly Memory[] };
  /** Of HTTP. */
  readonly turns: readonly Turn[];
  readonly healthMs: readonly number[];
  readonly taken: { readonly requests: number; readonly events: number };
  readonly after: Aftermath;
  readonly faults: readonly FoundFault[];
}

const LANES = 12;
/** Of their own, so that who waits for a slow body keeps no other waiting. */
const BROKEN_LANES = 3;
const WEIGHED_EVERY_MS = 1_000;
const PROBED_EVERY_MS = 100;
const TOLD_EVERY_MS = 10_000;
const FAULT_KINDS_MAX = 40;
/** A turn of the loop in which the process itself worked that long: others waited for it. */
const TURN_MS_MAX = 1_000;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  options.say("a server, a worker and HTTP come up");
  const rig = await Rig.open();
  try {
    const run = await Run.of(rig, options);
    return await run.play();
  } finally {
    await rig.close();
  }
}

class Run {
  private readonly rig: Rig;
  private readonly options: FuzzOptions;
  private readonly judge: Judge;
  private readonly shots: Shots;
  private readonly ledger = new Ledger();
  private readonly counts = new Map<string, Map<string, number>>();
  private readonly refusedBusy = new Map<string, number>();
  private readonly faults = new Map<string, FoundFault>();
  private readonly toShrink = new Map<string, Shot>();
  private readonly memory = { api: [] as Memory[], worker: [] as Memory[] };
  private readonly healthMs: number[] = [];
  private readonly underWay = new Set<Shot>();
  private readonly startedMs = performance.now();
  private fired = 0;
  private next = { whole: 0, broken: 0 };
  private ending = false;

  private constructor(rig: Rig, options: FuzzOptions, judge: Judge) {
    this.rig = rig;
    this.options = options;
    this.judge = judge;
    const { seed, groups } = options;
    this.shots = new Shots({ seed, port: rig.port, keys: rig.keys, operations: judge.operations, groups });
  }

  static async of(rig: Rig, options: FuzzOptions): Promise<Run> {
    const { text } = await rig.ask("GET", "/openapi.json");
    return new Run(rig, options, new Judge(JSON.parse(text) as Record<string, unknown>));
  }

  async play(): Promise<FuzzReport> {
    const { rig, options } = this;
    if (options.shot !== undefined) await this.fireAlone(options.shot);
    else await this.fireAll();
    this.judgeTurns();
    rig.assertAlive();
    await this.shrinkAll();
    options.say("quiet again: what was taken is looked for, and everything else");
    const after = await aftermath(rig, this.ledger, options.say);
    for (const text of after.wrong) this.found({ kind: `afterwards: ${text.slice(0, 60)}`, text }, "");
    return {
      seed: options.seed,
      seconds: (performance.now() - this.startedMs) / 1_000,
      counts: this.counts,
      shots: this.fired,
      refusedBusy: this.refusedBusy,
      memory: this.memory,
      turns: rig.turns(rig.api),
      healthMs: this.healthMs,
      taken: { requests: this.ledger.requests, events: this.ledger.events },
      after,
      faults: [...this.faults.values()],
    };
  }

  // ── firing ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async fireAll(): Promise<void> {
    const { minutes, questions, say, groups } = this.options;
    const untilMs = performance.now() + minutes * 60_000;
    const over = (): boolean => this.ending || performance.now() > untilMs || this.faults.size >= FAULT_KINDS_MAX;
    const broken = groups.includes("broken");
    const lanes = [
      ...Array.from({ length: groups.some((one) => one !== "broken") ? LANES : 0 }, () => this.lane(over, false)),
      ...Array.from({ length: broken ? BROKEN_LANES : 0 }, () => this.lane(over, true)),
      ...(questions ? [this.questionLane(over)] : []),
    ];
    const probing = new Wire(this.rig.port);
    const watchers = [
      this.every(PROBED_EVERY_MS, over, () => this.probe(probing)),
      this.every(WEIGHED_EVERY_MS, over, () => this.weigh()),
    ];
    const telling = setInterval(() => say(this.progress(untilMs)), TOLD_EVERY_MS);
    try {
      await Promise.all([...lanes, ...watchers]);
    } finally {
      clearInterval(telling);
      this.ending = true;
    }
  }

  /** One connection, one shot after the other. */
  private async lane(over: () => boolean, isBroken: boolean): Promise<void> {
    const wire = new Wire(this.rig.port);
    while (!over()) {
      const shot = this.nextShot(isBroken);
      await this.fire(wire, shot);
    }
    wire.close();
  }

  /** The numbers go up; each lane takes the next one that is for it. */
  private nextShot(isBroken: boolean): Shot {
    const key = isBroken ? "broken" : "whole";
    while ((this.shots.groupAt(this.next[key]) === "broken") !== isBroken) this.next[key] += 1;
    this.next[key] += 1;
    return this.shots.at(this.next[key] - 1);
  }

  private async fire(wire: Wire, shot: Shot): Promise<void> {
    this.underWay.add(shot);
    const outcome = await wire.send(shot).catch((error: Error) => {
      if (!this.ending) throw this.gone(error);
      return undefined;
    });
    // What others had under way when it died is no fault of theirs.
    if (outcome === undefined || this.ending || this.rig.api.ended !== undefined) return;
    this.underWay.delete(shot);
    this.fired += 1;
    this.note(shot, outcome);
    for (const fault of this.judge.faultsOf(shot, outcome)) this.foundBy(shot, fault, outcome);
  }

  /** Whichever of those under way it was: fired alone, with --shot, it does it again. */
  private gone(error: Error): Error {
    this.ending = true;
    const shots = [...this.underWay].map((shot) => `--shot ${shot.index}\n${shown(shot)}`).join("\n");
    return new Error(
      `${error.message}; under way with seed ${this.options.seed}:\n${shots}\n${this.rig.api.lastWords()}`,
    );
  }

  private note(shot: Shot, { answers, end }: Outcome): void {
    const { requests } = shot;
    if (answers.length === 0) this.count(`broken: ${shot.name}`, shot.hangUp === true ? "hung up" : end);
    for (const [index, { status, text }] of answers.entries()) {
      const sent = requests[index];
      const route = sent === undefined ? undefined : this.judge.routeOf(sent);
      this.count(sent === undefined ? `broken: ${shot.name}` : (route?.name ?? "no route"), String(status));
      if (status === 503) this.countBusy(text);
      if (status === 200 && sent?.method === "GET") this.shots.noteCursor(text);
      if (status === 200 && sent !== undefined && route !== undefined && route.method === "POST" && isIngesting(route))
        this.ledger.take(sent);
    }
  }

  private count(route: string, status: string): void {
    const known = this.counts.get(route) ?? new Map<string, number>();
    this.counts.set(route, known.set(status, (known.get(status) ?? 0) + 1));
  }

  private countBusy(text: string): void {
    const code = /"code":"([^"]+)","message":"([^"]{0,60})/.exec(text);
    const what = code === null ? text.slice(0, 60) : `${code[1]}: ${code[2]}`;
    this.refusedBusy.set(what, (this.refusedBusy.get(what) ?? 0) + 1);
  }

  private async questionLane(over: () => boolean): Promise<void> {
    const { server } = this.rig.cluster;
    const nc = await server.connection("fuzz");
    for (let index = 0; !over(); index += 1) {
      const question = questionAt(this.options.seed, index, server.names, server.partitions);
      const { code, fault } = await asked(nc, question);
      this.count(
        `nats: ${question.subject.replace(/^ask\.\d+$/, "ask.<partition>").replace(/^\$SRV.*/, "$SRV")}`,
        code,
      );
      if (fault !== undefined) this.found(fault, "");
    }
  }

  private async fireAlone(index: number): Promise<void> {
    const shot = this.shots.at(index);
    const wire = new Wire(this.rig.port);
    this.options.say(shown(shot));
    await this.fire(wire, shot);
    for (const [route, statuses] of this.counts) this.options.say(`${route}: ${[...statuses.keys()].join(", ")}`);
    wire.close();
  }

  // ── looking on ────────────────────────────────────────────────────────────────────────────────────────────────────

  private async every(pauseMs: number, over: () => boolean, look: () => Promise<void>): Promise<void> {
    while (!over()) {
      await look();
      await sleep(pauseMs);
    }
  }

  private async probe(wire: Wire): Promise<void> {
    this.healthMs.push(await pingMs(wire));
    this.rig.assertAlive();
  }

  private async weigh(): Promise<void> {
    const { api, worker } = this.rig;
    this.memory.api.push(await this.rig.memory(api));
    this.memory.worker.push(await this.rig.memory(worker));
  }

  private judgeTurns(): void {
    const longest = this.rig.turns(this.rig.api).sort((a, b) => b.cpuMs - a.cpuMs)[0];
    if (longest === undefined || longest.cpuMs < TURN_MS_MAX || longest.ms < TURN_MS_MAX) return;
    this.found(
      {
        kind: "blocked",
        text: `HTTP did nothing else for ${Math.round(longest.ms)} ms (${Math.round(longest.cpuMs)} ms of work)`,
      },
      "",
    );
  }

  // ── faults ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private foundBy(shot: Shot, fault: Fault, { answers }: Outcome): void {
    const again = `npm run fuzz -- --seed ${this.options.seed} --only ${this.options.groups.join()} --shot ${shot.index}\n${shown(shot)}`;
    if (!this.faults.has(fault.kind) && shot.requests.length === 1) this.toShrink.set(fault.kind, shot);
    this.found(
      { ...fault, text: `${fault.text}\n  answered: ${answers.map(({ status }) => status).join(", ") || "nothing"}` },
      again,
    );
  }

  private found(fault: Fault, again: string): void {
    const known = this.faults.get(fault.kind);
    if (known !== undefined) known.times += 1;
    else {
      this.faults.set(fault.kind, { ...fault, again, times: 1 });
      this.options.say(`FAULT ${fault.kind}`);
    }
  }

  private async shrinkAll(): Promise<void> {
    for (const [kind, shot] of this.toShrink) {
      const smaller = await shrunk(shot, kind, this.judge, this.rig.port);
      const known = this.faults.get(kind)!;
      if (smaller !== undefined)
        this.faults.set(kind, { ...known, again: `${known.again}\n  smaller: ${shown(smaller)}` });
    }
  }

  private progress(untilMs: number): string {
    const { heapUsed = 0, rss = 0 } = this.memory.api.at(-1) ?? {};
    const mb = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;
    const left = Math.max(0, Math.round((untilMs - performance.now()) / 1_000));
    return `${this.fired} shots, ${this.ledger.events} events taken, heap ${mb(heapUsed)}, rss ${mb(rss)}, ${this.faults.size} kinds of faults, ${left} s left`;
  }
}

const BYTES_SHOWN_MAX = 3_000;

/** Printable, whatever it holds. */
export function shown({ name, pieces }: Shot): string {
  const bytes = Buffer.concat(pieces.map((piece) => piece.bytes));
  const text = bytes.subarray(0, BYTES_SHOWN_MAX).toString("latin1");
  const more = bytes.length > BYTES_SHOWN_MAX ? ` and ${bytes.length - BYTES_SHOWN_MAX} more bytes` : "";
  return `  ${name}: ${JSON.stringify(text)}${more}`;
}
