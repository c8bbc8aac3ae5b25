// Laws 1, 2, 4 and 6: whatever the rules, whatever the history, wherever it is cut (restart, eviction, a checkpoint
// taken while messages go on), the engine says delta for delta what the slow recomputation says. SEED=n replays a run.
import { expect, test } from "vitest";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { encodeId } from "../../lib/core/ids.ts";
import { parseDefinition } from "../../lib/core/rules/parse.ts";
import {
  DEFAULT_LIMITS,
  DEFAULT_VOCABULARY,
  type Json,
  type JsonObject,
  type LogRecord,
} from "../../lib/core/types.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { Dice, seeds } from "../support/seed.ts";
import { definition, History, LIST_IDS, membersOf } from "./generate.ts";
import { Rig } from "./rig.ts";

const CHECKS_AT_LEAST = 40_000;

interface Tally {
  checks: number;
  deltas: number;
  records: number;
}

function play(seed: number, tally: Tally): void {
  const dice = new Dice(seed);
  const partitions = dice.pick([1, 1, 4]);
  const clockMode = dice.chance(0.8) ? "log" : "event";
  const limits = {
    ...DEFAULT_LIMITS,
    visitsChangeableMax: dice.pick([2, 1000]),
    ordersChangeableMax: dice.pick([2, 1000]),
  };
  const common = {
    partition: 0,
    partitions,
    clockMode,
    clockStepMsMax: 40 * 86_400_000,
    limits,
    vocabulary: DEFAULT_VOCABULARY,
  } as const;
  const rig = new Rig({
    ...common,
    pageCacheBytesMax: dice.pick([1, 3_000, 100_000_000]),
    pageBytesMax: dice.pick([800, 4_000, 65_536]),
  });
  const oracle = new Oracle(common);
  const members = membersOf(dice.int(2, 12), 0, partitions);
  const history = new History(dice, { partition: 0, partitions, clockMode, members, start: Date.UTC(2026, 2, 26, 20) });
  const shop = new Definitions(dice, history);

  const feed = (record: LogRecord): void => {
    const expected = oracle.apply(record).map(encodeDelta);
    const said = rig.apply(record).map(encodeDelta);
    tally.records += 1;
    tally.deltas += said.length;
    if (said.join() !== expected.join()) throw new Error(differenceText(seed, record, said, expected, shop));
  };
  for (const record of shop.start()) feed(record);
  const length = dice.int(30, 160);
  for (let index = 0; index < length; index += 1) {
    if (dice.chance(0.03)) for (const record of shop.change()) feed(record);
    feed(history.next());
    if (dice.chance(0.1)) rig.beginCheckpoint();
    if (dice.chance(0.1)) rig.finishCheckpoint();
    if (dice.chance(0.04)) rig.restart();
    if (dice.chance(0.06)) compareMemberships(seed, rig, oracle, tally);
  }
  compareMemberships(seed, rig, oracle, tally);
}

function compareMemberships(seed: number, rig: Rig, oracle: Oracle, tally: Tally): void {
  const expected = oracle.memberships();
  const actual = rig.memberships();
  expect(rig.machine.universe, `universe, SEED=${seed}`).toBe(oracle.universe);
  for (const [segment, members] of actual) {
    const wanted = [...(expected.get(segment) ?? [])]
      .filter(([, held]) => held.in)
      .map(([id, held]) => `${id} ${held.n}`);
    expect([...members].map(([id, n]) => `${id} ${n}`).sort(), `${segment}, SEED=${seed}`).toEqual(wanted.sort());
    expect(rig.machine.sizes().get(segment), `size of ${segment}, SEED=${seed}`).toBe(wanted.length);
    tally.checks += oracle.universe;
  }
}

function differenceText(
  seed: number,
  record: LogRecord,
  said: string[],
  expected: string[],
  shop: Definitions,
): string {
  const named = new Set([...said, ...expected].map((delta) => (JSON.parse(delta) as { segment: string }).segment));
  const rules = [...named].map((id) => JSON.stringify(shop.sources.get(id)));
  const body = new TextDecoder().decode(record.body).slice(0, 600);
  return [
    `SEED=${seed}: at ${record.seq} (${record.kind} ${new Date(record.stamp).toISOString()}) ${body}`,
    `engine: ${said.join("\n        ")}`,
    `oracle: ${expected.join("\n        ")}`,
    ...rules,
  ].join("\n");
}

/** Defines, edits and deletes segments, as a batch that is applied, made ready and activated, or that needs none of it. */
class Definitions {
  readonly #dice: Dice;
  readonly #history: History;
  readonly sources = new Map<string, JsonObject>();
  #revision = 0;
  #next = 0;

  constructor(dice: Dice, history: History) {
    this.#dice = dice;
    this.#history = history;
  }

  *start(): Generator<LogRecord> {
    yield* this.#apply(this.#define(this.#dice.int(2, 9)), []);
  }

  *change(): Generator<LogRecord> {
    const dice = this.#dice;
    const pick = dice.int(0, 9);
    if (pick < 3) yield this.#list();
    else if (pick < 6) yield* this.#apply(this.#define(dice.int(1, 3)), []);
    else if (pick < 8) yield* this.#apply(this.#edit(), []);
    else yield* this.#apply([], this.#remove());
  }

  #list(): LogRecord {
    const dice = this.#dice;
    const members = ["u5", "u6", "u7", "u8", "a.b c*", "new one"].filter(() => dice.chance(0.5));
    const mode = dice.pick(["add", "remove", "replace"] as const);
    this.#revision += 1;
    return this.#history.control(this.#revision, { op: "list", id: dice.pick(LIST_IDS), mode, members });
  }

  #define(count: number): Json[] {
    const made: Json[] = [];
    for (let index = 0; index < count; index += 1) {
      this.#next += 1;
      const source = this.#valid(`s${this.#next}`, [...this.sources.keys()]);
      this.sources.set(source.id as string, source);
      made.push(source);
    }
    return made;
  }

  #valid(id: string, others: readonly string[]): JsonObject {
    for (;;) {
      const source = definition(this.#dice, id, others);
      if (parseDefinition(source, DEFAULT_LIMITS).ok) return source;
    }
  }

  /** A new version may only refer to older segments, so no cycle can arise. */
  #edit(): Json[] {
    const ids = [...this.sources.keys()];
    if (ids.length === 0) return [];
    const id = this.#dice.pick(ids);
    const older = ids.filter((other) => Number(other.slice(1)) < Number(id.slice(1)));
    const source = this.#valid(id, older);
    this.sources.set(id, source);
    return [source];
  }

  #remove(): string[] {
    // What others refer to is never removed: the writer of the control log refuses it.
    const ids = [...this.sources.keys()].filter((id) => !this.#isUsed(id));
    if (ids.length === 0) return [];
    const id = this.#dice.pick(ids);
    this.sources.delete(id);
    return [id];
  }

  #isUsed(id: string): boolean {
    return [...this.sources.values()].some((source) => JSON.stringify(source).includes(`["${id}"]`));
  }

  *#apply(define: Json[], remove: string[]): Generator<LogRecord> {
    this.#revision += 1;
    const { revision } = { revision: this.#revision };
    yield this.#history.control(revision, { op: "apply", define, remove });
    for (let wait = this.#dice.int(0, 6); wait > 0; wait -= 1) yield this.#history.next();
    yield this.#history.ready(revision);
    for (let wait = this.#dice.int(0, 4); wait > 0; wait -= 1) yield this.#history.next();
    this.#revision += 1;
    yield this.#history.control(this.#revision, { op: "activate", revision });
  }
}

test("the engine says what the oracle says", { timeout: 900_000 }, () => {
  const tally: Tally = { checks: 0, deltas: 0, records: 0 };
  const started = seeds(1)[0]!;
  const single = process.env.SEED !== undefined && process.env.SEED !== "";
  const wanted = Number(process.env.CHECKS ?? CHECKS_AT_LEAST);
  let seed = started;
  do {
    play(seed, tally);
    seed += 1;
  } while (!single && tally.checks < wanted);
  process.stdout.write(
    `oracle property: seeds ${started}…${seed - 1}, ${tally.checks} (member, segment) checks, ${tally.deltas} deltas, ${tally.records} messages\n`,
  );
  if (!single) expect(tally.checks).toBeGreaterThanOrEqual(wanted);
  expect(encodeId("u1")).toBe("u1");
});
