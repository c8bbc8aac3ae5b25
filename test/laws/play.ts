// One history drawn from a seed, played through the engine and through the oracle: delta for delta they must say the same,
// wherever the engine's life is cut (restart, eviction, a checkpoint taken while messages go on). Used by oracle.test.ts
// for a slice, and by run.ts for as many as one has time for.
import { encodeDelta } from "../../lib/core/deltas.ts";
import { DEFAULT_LIMITS, type LogRecord, type Reject } from "../../lib/core/types.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { Dice } from "../support/seed.ts";
import { Definitions } from "./definitions.ts";
import { History, membersOf } from "./generate.ts";
import { Rig } from "./rig.ts";

/** What was compared. */
export interface Tally {
  /** (member, segment) pairs. */
  checks: number;
  deltas: number;
  records: number;
}

export const NOTHING_YET: Readonly<Tally> = { checks: 0, deltas: 0, records: 0 };

/** In the days before clocks change, and before the dates that rules name: Berlin in March and October, New York in November. */
const MARCH = Date.UTC(2026, 2, 26, 20);
const STARTS = [MARCH, MARCH, MARCH, Date.UTC(2026, 2, 28, 22), Date.UTC(2026, 9, 24, 18), Date.UTC(2026, 9, 31, 20)];

/** The two said different things. */
export class Mismatch extends Error {
  override readonly name = "Mismatch";
  readonly seed: number;
  /** The rules of the segments that differ, by the names of their parts. */
  readonly rules: string;

  constructor(seed: number, rules: string, text: string) {
    super(text);
    this.seed = seed;
    this.rules = rules;
  }
}

/** Throws Mismatch at the first difference. */
export function play(seed: number, tally: Tally): void {
  const dice = new Dice(seed);
  const partitions = dice.pick([1, 1, 4]);
  const clockMode = dice.chance(0.8) ? "log" : "event";
  const limits = {
    ...DEFAULT_LIMITS,
    visitsChangeableMax: dice.pick([2, 1000]),
    ordersChangeableMax: dice.pick([2, 1000]),
    objectsMax: dice.pick([2, 1000]),
  };
  const common = {
    partition: 0,
    partitions,
    clockMode,
    clockStepMsMax: 40 * 86_400_000,
    limits,
  } as const;
  const rig = new Rig({
    ...common,
    pageCacheBytesMax: dice.pick([1, 3_000, 100_000_000]),
    pageBytesMax: dice.pick([800, 4_000, 65_536]),
  });
  const oracle = new Oracle(common);
  const members = membersOf(dice.pick([1, 2, 3, 4, 6, 12]), 0, partitions);
  const history = new History(dice, { partition: 0, partitions, clockMode, members, start: dice.pick(STARTS) });
  const shop = new Definitions(dice, history);

  const feed = (record: LogRecord): void => {
    const expected = oracle.apply(record).map(encodeDelta);
    const said = rig.apply(record).map(encodeDelta);
    tally.records += 1;
    tally.deltas += said.length;
    if (said.join() !== expected.join()) throw difference(seed, record, said, expected, shop);
    compareRejects(seed, record, rig.machine.takeRejects(), oracle.rejects.splice(0));
  };
  for (const record of shop.start()) feed(record);
  const length = dice.int(30, 160);
  for (let index = 0; index < length; index += 1) {
    if (dice.chance(0.03)) for (const record of shop.change()) feed(record);
    if (dice.chance(0.05)) feed(shop.situation());
    feed(history.next(rig.machine.deadline));
    if (dice.chance(0.1)) rig.beginCheckpoint();
    if (dice.chance(0.1)) rig.finishCheckpoint();
    if (dice.chance(0.04)) rig.restart();
    if (dice.chance(0.06)) compareMemberships(seed, rig, oracle, shop, tally);
  }
  compareMemberships(seed, rig, oracle, shop, tally);
}

function compareMemberships(seed: number, rig: Rig, oracle: Oracle, shop: Definitions, tally: Tally): void {
  const expected = oracle.memberships();
  if (rig.machine.universe !== oracle.universe) {
    throw new Mismatch(
      seed,
      "universe",
      `SEED=${seed}: ${rig.machine.universe} known, and ${oracle.universe} expected`,
    );
  }
  for (const [segment, members] of rig.memberships()) {
    const wanted = [...(expected.get(segment) ?? [])]
      .filter(([, held]) => held.in)
      .map(([id, held]) => `${id} ${held.n}`);
    const held = [...members].map(([id, n]) => `${id} ${n}`);
    const size = rig.machine.sizes().get(segment);
    if (held.sort().join() !== wanted.sort().join() || size !== wanted.length) {
      const text = `SEED=${seed}: ${segment} holds ${held.join(", ")} (size ${size}), and ${wanted.join(", ")} expected`;
      throw new Mismatch(seed, rulesOf([segment], shop), text);
    }
    tally.checks += oracle.universe;
  }
}

/** Which message was refused, and for what; how it is put is each one's own. */
function compareRejects(seed: number, record: LogRecord, said: readonly Reject[], expected: readonly Reject[]): void {
  const told = (rejects: readonly Reject[]): string => rejects.map(({ seq, reason }) => `${seq} ${reason}`).join(", ");
  if (told(said) === told(expected)) return;
  const listed = (rejects: readonly Reject[]): string =>
    rejects.map(({ seq, reason, detail }) => `${seq} ${reason}: ${detail}`).join("; ") || "nothing";
  const text = [inWords(seed, record), `engine refuses ${listed(said)}`, `oracle refuses ${listed(expected)}`].join(
    "\n",
  );
  throw new Mismatch(seed, "rejects", text);
}

function inWords(seed: number, { seq, kind, stamp, body }: LogRecord): string {
  const text = new TextDecoder().decode(body).slice(0, 600);
  return `SEED=${seed}: at ${seq} (${kind} ${new Date(stamp).toISOString()}) ${text}`;
}

function difference(seed: number, record: LogRecord, said: string[], expected: string[], shop: Definitions): Mismatch {
  const differing = [
    ...said.filter((one) => !expected.includes(one)),
    ...expected.filter((one) => !said.includes(one)),
  ];
  const named = new Set(differing.map((delta) => (JSON.parse(delta) as { segment: string }).segment));
  const text = [
    inWords(seed, record),
    `engine: ${said.join("\n        ")}`,
    `oracle: ${expected.join("\n        ")}`,
    ...[...named].map((id) => JSON.stringify(shop.sources.get(id))),
  ].join("\n");
  return new Mismatch(seed, rulesOf(named, shop), text);
}

/** "event, trait": which rules the definitions are made of. */
function rulesOf(segments: Iterable<string>, shop: Definitions): string {
  const names = new Set<string>();
  const visit = (rule: unknown): void => {
    if (typeof rule !== "object" || rule === null) return;
    for (const [name, body] of Object.entries(rule)) {
      if (Array.isArray(body)) body.forEach(visit);
      else if (name === "not") visit(body);
      else names.add(name);
    }
  };
  for (const id of segments) visit(shop.sources.get(id)?.rule);
  return [...names].sort().join(", ") || "a removed segment";
}
