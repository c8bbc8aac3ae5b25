// The last act of a run: everybody dies, what is stored is harmed in one way, and fresh workers start. Either the partition is
// refused with the right code and says nothing more, or it heals exactly; which of the two follows from protocol.md section 3
// and is worked out here from what was stored before the harm.
import { decodeDirectory, decodeManifest, type Manifest } from "../../actors/partition/manifest.ts";
import { decodeDelta, encodeDelta } from "../../lib/core/deltas.ts";
import type { LogRecord, PartitionNo } from "../../lib/core/types.ts";
import type { MemoryStream } from "../../lib/memory/server.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import type { StoredWatermark, Watermark } from "../../lib/ports/delta-sink.ts";
import { ledgerOf, recordOf } from "../support/erasures.ts";
import { Violation } from "./auditor.ts";
import type { LastAct } from "./plan.ts";
import type { Simulation } from "./simulation.ts";

/** Long enough for every request that was on its way when everybody died. */
const ALL_ARRIVED_MS = 4_000;
const EVENTS_AFTER = 6;
/** By then silence has told who is gone, and everything is claimed and restored. */
const CLAIMED_MS = 3_000;
/** So long a refused partition is watched for a word that it must not say. */
const WATCHED_MS = 3_000;

/** What must come of the harm: the code of the refusal, or undefined for a world that heals. */
type Verdict = string | undefined;

interface Facts {
  readonly watermark: Watermark | undefined;
  readonly log: readonly LogRecord[];
  /** The highest input of which a delta is stored. */
  readonly saidUpTo: number;
  readonly manifest: Manifest;
  /** Position of the newest checkpoint that restore may choose; 0 when it has to begin with the log. */
  readonly checkpoint: number;
}

const text = new TextDecoder();

export class LastActPlay {
  private readonly sim: Simulation;
  private readonly act: LastAct;
  private readonly victim: PartitionNo;
  private readonly old = new Map<string, MemoryStream>();

  constructor(sim: Simulation, act: LastAct) {
    this.sim = sim;
    this.act = act;
    this.victim = Math.floor(act.where[0] * sim.partitions);
  }

  /** One line about what was done and what came of it. Throws the Violation that it finds. */
  async play(): Promise<{ readonly told: string; readonly verdicts: readonly string[] }> {
    const { sim, victim } = this;
    const livesOn = this.act.harm.startsWith("alive-");
    this.keepOldCopies();
    await this.someLife();
    if (livesOn) await sim.until("everybody to have read everything", () => sim.atRest());
    else sim.dieAll();
    if (!livesOn) await sim.advance(ALL_ARRIVED_MS);
    const facts = Array.from({ length: sim.partitions }, (_, partition) => this.factsOf(partition));
    const verdicts = this.harm(facts);
    const told = `${this.act.harm} in partition ${victim}: ${[...verdicts].map(([p, code]) => `${p} ${code ?? "heals"}`).join(", ")}`;
    sim.trace.note(told);
    sim.errorsExpected = true;
    if (!livesOn) sim.start(false);
    // What comes next comes to a world that has made up its mind.
    await sim.advance(CLAIMED_MS);
    this.send(EVENTS_AFTER, 2);
    // An idle owner misses what it said when it next has something to say: here everybody has, if only of a refusal.
    for (const partition of verdicts.keys()) sim.append(partition, "event", "no JSON");
    await this.judge(verdicts, facts);
    return { told, verdicts: [...verdicts.values()].map((code) => code ?? "heals") };
  }

  /** What a backup would hold. */
  private keepOldCopies(): void {
    for (const name of ["SEGMENTS", "CHECKPOINT"]) this.old.set(name, this.sim.network.server.stream(name).copy());
  }

  /** So that what is stored moves on from the old copies, and everybody dies in the middle of something. */
  private async someLife(): Promise<void> {
    const [, long, short] = this.act.where;
    for (let round = 0; round < 3; round += 1) {
      this.send(4, round);
      await this.sim.advance(100 + long * 1_500);
      // Where SEGMENTS goes back, it is to go back behind owners, too.
      if (this.act.harm === "segments-of-old" && round < 2) await this.changeHands();
    }
    // An entry that is applied, and stands in no checkpoint yet.
    if (this.act.harm === "definitions-cut") this.sim.define({ op: "removeList", id: "nobody-has-it" });
    this.send(6, 1);
    await this.sim.advance(short * (this.act.harm === "definitions-cut" ? 600 : 60));
  }

  private async changeHands(): Promise<void> {
    this.sim.dieAll();
    this.sim.start(false);
    await this.sim.advance(CLAIMED_MS);
  }

  private send(count: number, round: number): void {
    const { users } = this.sim.plan.world;
    for (let index = 0; index < count; index += 1) {
      const user = users[(index * 7 + round * 3) % users.length]!;
      const product = { product_id: "p9", price: 10 + index, quantity: 1 };
      const event = ["Ping", "Product Added", "Cart Cleared"][index % 3]!;
      const properties = event === "Ping" ? { v: 50 } : product;
      this.sim.send({ user, lateMs: undefined, message: { type: "track", event, properties, userId: user } as never });
    }
  }

  // ── what was there ────────────────────────────────────────────────────────────────────────────────────────────────

  private log(partition: PartitionNo): MemoryStream {
    return this.sim.network.server.stream(memoryLogStream(partition));
  }

  private factsOf(partition: PartitionNo): Facts {
    const { server } = this.sim.network;
    const record = server.stream("SEGMENTS").newest(`watermark.${partition}`);
    const watermark =
      record === undefined ? undefined : (JSON.parse(text.decode(record.body)) as StoredWatermark["value"]);
    const stored = server.stream("CHECKPOINT").newest(`${partition}.manifest`);
    const manifest = stored === undefined ? { epoch: 0, generations: [] } : decodeManifest(partition, stored.body);
    const inputs = this.said(partition).map((body) => (JSON.parse(body) as { cause: { seq: number } }).cause.seq);
    return {
      watermark,
      log: [...this.log(partition).from(1)].map(recordOf),
      saidUpTo: Math.max(0, ...inputs),
      manifest,
      checkpoint: newestCheckpoint(manifest, watermark?.done ?? 0),
    };
  }

  private said(partition: PartitionNo): string[] {
    return [...this.sim.network.server.stream("SEGMENTS").from(1)]
      .filter(({ headers }) => headers.partition === `${partition}`)
      .map(({ body }) => text.decode(body));
  }

  // ── the harm, and what must come of it ────────────────────────────────────────────────────────────────────────────

  private harm(facts: readonly Facts[]): Map<PartitionNo, Verdict> {
    const { act, sim, victim } = this;
    const { server } = sim.network;
    const everybody = (verdict: (facts: Facts) => Verdict): Map<PartitionNo, Verdict> =>
      new Map(facts.map((one, partition) => [partition, verdict(one)]));
    const alone = (verdict: Verdict): Map<PartitionNo, Verdict> => {
      sim.auditor.exemptLog(victim);
      return new Map([[victim, verdict]]);
    };
    switch (act.harm) {
      case "log-tail-cut":
        return alone(this.cutTail(facts[victim]!, false));
      case "log-tail-cut-and-refilled":
        return alone(this.cutTail(facts[victim]!, true));
      case "log-replaced":
        server.replaceStream(memoryLogStream(victim));
        return alone(processed(facts[victim]!) > 0 ? "LOG-002" : undefined);
      case "log-trimmed":
        return alone(this.trim(facts[victim]!));
      case "log-message-gone":
        return alone(this.drop(facts[victim]!));
      case "log-rewritten":
        return alone(this.rewrite(facts[victim]!));
      case "page-bit-flipped":
      case "manifest-bit-flipped":
        this.flip(facts[victim]!, act.harm === "manifest-bit-flipped");
        sim.auditor.exempt("CHECKPOINT");
        return new Map([[victim, undefined]]);
      case "checkpoints-gone":
        server.replaceStream("CHECKPOINT");
        sim.auditor.exempt("CHECKPOINT");
        // A log with holes says no more what it said.
        return new Map(
          facts.map((_, partition) => [partition, ledgerOf(server, partition).isFaithful ? undefined : "LOG-001"]),
        );
      case "checkpoints-of-old":
        server.putStream("CHECKPOINT", this.old.get("CHECKPOINT")!);
        sim.auditor.exempt("CHECKPOINT");
        return everybody(() => undefined);
      case "segments-gone":
      case "segments-of-old":
        for (const partition of facts.keys()) sim.auditor.exempt(partition);
        if (act.harm === "segments-gone") server.replaceStream("SEGMENTS");
        else server.putStream("SEGMENTS", this.old.get("SEGMENTS")!);
        return everybody(({ manifest }) =>
          act.harm === "segments-gone" && manifest.epoch > 0 ? "CHK-002" : undefined,
        );
      case "alive-log-tail-cut":
        return alone(this.cutTailUnderReaders());
      case "alive-segments-of-old": {
        for (const partition of facts.keys()) sim.auditor.exempt(partition);
        server.putStream("SEGMENTS", this.old.get("SEGMENTS")!);
        const isBehind = (partition: PartitionNo, known: Watermark): boolean => {
          const { watermark } = this.factsOf(partition);
          return watermark === undefined || watermark.done < known.done || watermark.epoch < known.epoch;
        };
        return new Map(facts.map(({ watermark }, p) => [p, isBehind(p, watermark!) ? "SEG-001" : undefined]));
      }
      case "definitions-cut": {
        const definitions = server.stream("DEFINITIONS");
        const [, where, close] = act.where;
        definitions.loseTail(close < 0.5 ? definitions.last - 1 : Math.floor(where * definitions.last));
        return everybody((one) => (lastRevision(one) > definitions.last ? "CTL-001" : undefined));
      }
    }
  }

  /** What nobody had processed may be lost without anybody's harm; all else is missed. */
  private cutTail(facts: Facts, refill: boolean): Verdict {
    const log = this.log(this.victim);
    const before = log.last;
    const [, where, close] = this.act.where;
    // Half of the time just what was said before any watermark knew of it.
    const isClose = close < 0.5 && facts.saidUpTo > (facts.watermark?.done ?? 0);
    const end = isClose ? facts.saidUpTo - 1 : Math.max(0, before - 1 - Math.floor(where * Math.min(8, before)));
    log.loseTail(end);
    const isMissed = log.last < processed(facts);
    while (refill && log.last < before + 2)
      this.sim.append(this.victim, "event", `{"type":"track","event":"Ping","userId":"u${log.last}"}`);
    if (!isMissed) return undefined;
    if (!refill) return "LOG-002";
    return end < (facts.watermark?.done ?? 0) ? "LOG-003" : "DLT-001";
  }

  /** Whoever has read what is gone misses it, though it says nothing to anybody. */
  private cutTailUnderReaders(): Verdict {
    const log = this.log(this.victim);
    const [, where, refills] = this.act.where;
    const before = log.last;
    if (before === 0) return undefined;
    log.loseTail(before - 1 - Math.floor(where * Math.min(4, before - 1)));
    if (refills < 0.5) return "LOG-002";
    while (log.last < before + 1)
      this.sim.append(this.victim, "event", `{"type":"track","event":"Ping","userId":"u${log.last}"}`);
    return "LOG-003";
  }

  private trim(facts: Facts): Verdict {
    const log = this.log(this.victim);
    log.trim(this.near(facts.checkpoint + 2, log.last + 1));
    return log.first > facts.checkpoint + 1 ? "LOG-001" : undefined;
  }

  private drop(facts: Facts): Verdict {
    const log = this.log(this.victim);
    const gone = this.near(facts.checkpoint + 1, log.last);
    log.drop(gone);
    const remembered = [facts.watermark?.done, facts.checkpoint];
    if (gone > 0 && remembered.includes(gone)) return "LOG-003";
    return gone > facts.checkpoint ? "LOG-004" : undefined;
  }

  /** 1 … `last`; half of the time close to a place where something changes. */
  private near(place: number, last: number): number {
    const [, where, close] = this.act.where;
    const at = close < 0.5 ? place - 3 + Math.floor(where * 7) : 1 + Math.floor(where * last);
    return Math.max(1, Math.min(last, at));
  }

  /** Another message under the same number and stamp: noticed when the replay would say something else than was said. */
  private rewrite(facts: Facts): Verdict {
    const log = this.log(this.victim);
    const told = (records: readonly LogRecord[]): string[] => {
      const oracle = new Oracle(this.sim.oracleOptions(this.victim));
      const deltas = records.filter(({ seq }) => seq <= processed(facts)).flatMap((record) => oracle.apply(record));
      return deltas.filter(({ cause }) => cause.seq > facts.checkpoint).map(encodeDelta);
    };
    const body = new TextEncoder().encode("rewritten");
    const rewritten = (at: number): readonly LogRecord[] =>
      facts.log.map((record) => (record.seq === at ? { ...record, body } : record));
    const truth = told(facts.log).join();
    const noticed = facts.log
      .map(({ seq }) => seq)
      .filter((seq) => seq > facts.checkpoint && told(rewritten(seq)).join() !== truth);
    // What says the same and is read again would be a past that nobody can tell from the true one.
    const at = noticed[Math.floor(this.act.where[1] * noticed.length)] ?? facts.checkpoint;
    const message = log.at(at);
    if (message === undefined) return undefined;
    Object.assign(message, { body });
    return at > facts.checkpoint ? "DLT-001" : undefined;
  }

  private flip(facts: Facts, manifest: boolean): void {
    const store = this.sim.network.server.stream("CHECKPOINT");
    const key = manifest ? `${this.victim}.manifest` : this.namedKey(facts, store);
    const stored = key === undefined ? undefined : store.newest(key);
    if (stored === undefined) return;
    const body = new Uint8Array(stored.body);
    const bit = Math.floor(this.act.where[2] * body.length * 8);
    body[bit >> 3]! ^= 1 << (bit & 7);
    Object.assign(stored, { body });
    if (manifest && isReadable(this.victim, body))
      throw new Violation("refusal", `bit ${bit} of a manifest is another, and nobody can tell`);
  }

  /** One of all blobs that the newest checkpoint names. */
  private namedKey({ manifest }: Facts, store: MemoryStream): string | undefined {
    const [newest] = manifest.generations;
    if (newest === undefined) return undefined;
    const rows = store.newest(newest.directory.key)!.body;
    const pages = [...decodeDirectory(this.victim, newest.number, rows).values()];
    const keys = [newest.meta, newest.directory, ...pages].map(({ key }) => key);
    return keys[Math.floor(this.act.where[1] * keys.length)];
  }

  // ── the judgement ─────────────────────────────────────────────────────────────────────────────────────────────────

  private async judge(verdicts: ReadonlyMap<PartitionNo, Verdict>, facts: readonly Facts[]): Promise<void> {
    const { sim } = this;
    const refused = new Map([...verdicts].filter(([, verdict]) => verdict !== undefined));
    const wordsBefore = new Map([...refused.keys()].map((partition) => [partition, this.said(partition).length]));
    for (const [partition, code] of refused) {
      await sim.until(`partition ${partition} to be refused with ${code}`, () => this.codeOf(partition) !== undefined);
      const found = this.codeOf(partition);
      // Where only the log knows of an entry, the partition runs by it until it is sure that DEFINITIONS does not.
      const { last } = sim.network.server.stream("DEFINITIONS");
      const isTold = (facts[partition]!.watermark?.revision ?? 0) > last;
      if (code === "CTL-001" && !isTold) wordsBefore.set(partition, this.said(partition).length);
      if (found !== code)
        throw new Violation(
          "refusal",
          `after ${this.act.harm} partition ${partition} was refused with ${found}, not ${code}`,
        );
    }
    const silenced = new Set(refused.keys());
    for (const partition of silenced) sim.auditor.exempt(partition);
    await sim.until("the others to come to rest", () => sim.atRest(silenced));
    await sim.advance(WATCHED_MS);
    await sim.until("the others to come to rest again", () => sim.atRest(silenced));
    for (const [partition, words] of wordsBefore) {
      if (this.said(partition).length !== words)
        throw new Violation(
          "refusal",
          `partition ${partition} is refused with ${refused.get(partition)} and went on speaking`,
        );
    }
    sim.auditor.checkComplete();
    for (const [partition, verdict] of verdicts)
      if (verdict === undefined) this.assertHealed(partition, facts[partition]!);
  }

  private codeOf(partition: PartitionNo): string | undefined {
    const status = this.sim.statuses().find((one) => one.partition === partition && one.phase === "refused");
    return status?.error?.code;
  }

  /** The whole past, as it is now, against all that is stored. */
  private assertHealed(partition: PartitionNo, facts: Facts): void {
    const now = [...this.log(partition).from(1)].map(recordOf);
    const first = now[0]?.seq ?? facts.log.length + 1;
    // Where a message is gone, or another, the true past is the one from before the harm.
    const isSpoiled = this.act.harm === "log-message-gone" || this.act.harm === "log-rewritten";
    const { auditor, plan } = this.sim;
    const unharmed = isSpoiled ? merged(now, facts.log) : [...facts.log.slice(0, first - 1), ...now];
    const past = plan.world.erases ? auditor.history(partition) : unharmed;
    const oracle = new Oracle(this.sim.oracleOptions(partition));
    const isKept = (body: string): boolean => !auditor.erasures.isForgotten(decodeDelta(body));
    const expected = past.flatMap((record) => oracle.apply(record).map(encodeDelta)).filter(isKept);
    const { epoch } = this.factsOf(partition).watermark!;
    const isOwnedAnew = !this.act.harm.startsWith("alive-");
    if (epoch < facts.manifest.epoch || (isOwnedAnew && epoch === facts.manifest.epoch))
      throw new Violation(
        "epoch",
        `after ${this.act.harm} partition ${partition} has epoch ${epoch}, its manifest had ${facts.manifest.epoch}`,
      );
    const said = this.said(partition).filter(isKept);
    const at = expected.findIndex((body, index) => body !== said[index]);
    if (at >= 0 || said.length !== expected.length)
      throw new Violation(
        "lost-delta",
        `after ${this.act.harm} partition ${partition} said ${said[at] ?? said.length} where ${expected[at] ?? expected.length} is due`,
      );
  }
}

/** Every input up to here was processed for sure, by what SEGMENTS tells. */
function processed({ watermark, saidUpTo }: Facts): number {
  return Math.max(watermark?.done ?? 0, saidUpTo);
}

/** What was applied, or will be by whoever reads the log. */
function lastRevision({ watermark, log }: Facts): number {
  const copies = log.filter(({ kind }) => kind === "control");
  const revisions = copies.map(({ body }) => (JSON.parse(text.decode(body)) as { revision: number }).revision);
  return Math.max(watermark?.revision ?? 0, ...revisions);
}

function isReadable(partition: PartitionNo, manifest: Uint8Array): boolean {
  try {
    decodeManifest(partition, manifest);
    return true;
  } catch {
    return false;
  }
}

function newestCheckpoint({ generations }: Manifest, done: number): number {
  return generations.find(({ position }) => position <= done)?.position ?? 0;
}

/** In order; where both have a message, that of `truer`. */
function merged(records: readonly LogRecord[], truer: readonly LogRecord[]): LogRecord[] {
  const bySeq = new Map([...records, ...truer].map((record) => [record.seq, record]));
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
