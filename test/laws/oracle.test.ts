// Laws 1, 2, 4 and 6: whatever the rules, whatever the history, wherever it is cut (restart, eviction, a checkpoint
// taken while messages go on), the engine says delta for delta what the slow recomputation says. SEED=n replays a run.
import { expect, test } from "vitest";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { encodeId } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS, type LogRecord } from "../../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../../lib/core/vocabulary.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { Dice, seeds } from "../support/seed.ts";
import { Definitions } from "./definitions.ts";
import { History, membersOf } from "./generate.ts";
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
