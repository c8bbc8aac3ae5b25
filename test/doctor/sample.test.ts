// A sample of members, fed to the oracle with what concerns them alone, is told exactly what the whole log tells of them:
// random definitions, lists and histories, both clocks. SEED=n replays a run.
import { expect, test } from "vitest";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { DEFAULT_LIMITS, type LogRecord, type MemberKind } from "../../lib/core/types.ts";
import { rankOf } from "../../lib/doctor/numbering.ts";
import { MemberSample } from "../../lib/doctor/sample.ts";
import { Oracle, type OracleOptions } from "../../lib/oracle/oracle.ts";
import { playAccounts } from "../laws/accounts/play.ts";
import { Definitions } from "../laws/definitions.ts";
import { History, membersOf } from "../laws/generate.ts";
import { NOTHING_YET } from "../laws/play.ts";
import { Dice, seeds } from "../support/seed.ts";

const HISTORIES = 60;

interface Played {
  readonly options: OracleOptions;
  readonly log: readonly LogRecord[];
}

function play(dice: Dice): Played {
  const partitions = dice.pick([1, 4]);
  const clockMode = dice.chance(0.6) ? "log" : "event";
  const options: OracleOptions = {
    partition: 0,
    partitions,
    clockMode,
    // Small enough that some events are refused for it: those must not move the clock.
    clockStepMsMax: dice.pick([2, 40]) * 86_400_000,
    limits: DEFAULT_LIMITS,
  };
  const members = [...membersOf(dice.int(4, 12), 0, partitions), ...(dice.chance(0.3) ? ["somebody elsewhere"] : [])];
  const history = new History(dice, { partition: 0, partitions, clockMode, members, start: Date.UTC(2026, 2, 26, 20) });
  const shop = new Definitions(dice, history);
  const log = [...shop.start()];
  for (let length = dice.int(60, 160); length > 0; length -= 1) {
    if (dice.chance(0.06)) log.push(...shop.change());
    log.push(history.next());
  }
  return { options, log };
}

function told(
  options: OracleOptions,
  records: Iterable<LogRecord>,
  has: (id: string) => boolean,
  kind: MemberKind = "user",
) {
  const oracle = new Oracle(options);
  const deltas: string[] = [];
  for (const record of records) {
    for (const delta of oracle.apply(record)) {
      if (delta.kind === kind && has(delta.id)) deltas.push(encodeDelta(delta));
    }
  }
  const memberships = [...oracle.members(kind)].flatMap(({ id, memberships: held }) =>
    has(id) ? [...held].map(([segment, one]) => `${segment} ${id} ${JSON.stringify(one)}`) : [],
  );
  return { deltas, memberships: memberships.sort(), clock: oracle.clock };
}

function eventsIn(records: readonly LogRecord[]): number {
  return records.filter(({ kind }) => kind === "event").length;
}

test("what the oracle says of sampled members is what it says of them in the whole log", { timeout: 300_000 }, () => {
  const figures = { histories: 0, members: 0, deltas: 0, "events left out": 0 };
  for (const seed of seeds(Number(process.env.HISTORIES ?? HISTORIES))) {
    const dice = new Dice(seed);
    const { options, log } = play(dice);
    const sample = new MemberSample(options, {
      membersMax: dice.int(1, 4),
      eventsPerMemberMax: dice.pick([5, 1_000, 1_000]),
      rank: (id) => rankOf(id, seed),
    });
    for (const record of log) sample.add(record);
    const records = [...sample.records()];
    const has = (id: string): boolean => sample.has(id);
    const sampled = told(options, records, has);
    expect(sampled, `SEED=${seed}`).toEqual(told(options, log, has));
    expect(told(options, records, () => true).deltas, `nobody else, SEED=${seed}`).toEqual(sampled.deltas);
    figures.histories += 1;
    figures.members += sample.members.length;
    figures.deltas += sampled.deltas.length;
    figures["events left out"] += eventsIn(log) - eventsIn(records);
  }
  process.stdout.write(`sampled oracle: ${JSON.stringify(figures)}\n`);
  if (process.env.SEED === undefined) expect(figures.deltas).toBeGreaterThan(HISTORIES);
});

test.each(seeds(8))("the same of users and of accounts where partitions tell each other, seed %i", (seed) => {
  const dice = new Dice(seed);
  for (const { options, rig } of playAccounts(seed, { ...NOTHING_YET }).partitions) {
    for (const kind of ["user", "account"] as const) {
      const sample = new MemberSample(options, {
        kind,
        membersMax: dice.int(1, 3),
        eventsPerMemberMax: dice.pick([5, 1_000, 1_000]),
        rank: (id) => rankOf(id, seed),
      });
      for (const record of rig.log) sample.add(record);
      const has = (id: string): boolean => sample.has(id);
      const sampled = told(options, sample.records(), has, kind);
      expect(sampled, `SEED=${seed}`).toEqual(told(options, rig.log, has, kind));
      const everybody = told(options, sample.records(), () => true, kind);
      expect(everybody.deltas, `nobody else, SEED=${seed}`).toEqual(sampled.deltas);
    }
  }
});

const OPTIONS: OracleOptions = {
  partition: 0,
  partitions: 1,
  clockMode: "log",
  clockStepMsMax: 1_000,
  limits: DEFAULT_LIMITS,
};

function recordsOf(bodies: readonly (readonly [LogRecord["kind"], unknown])[]): LogRecord[] {
  return bodies.map(([kind, body], index) => ({
    seq: index + 1,
    stamp: 1_000 * (index + 1),
    kind,
    body: Buffer.from(JSON.stringify(body)),
  }));
}

const seen = (userId: string) => ["event", { type: "track", event: "A", userId }] as const;

/** In the order in which they are named here. */
const ranks = (...ids: string[]) => ({ rank: (id: string) => ids.indexOf(id) });

test("the lowest ranks are taken, whoever comes first, and those whom only a list names can be among them", () => {
  const list = { op: "list", id: "crm", mode: "add", members: ["b", "d"] };
  const sample = new MemberSample(OPTIONS, { ...ranks("a", "b", "c", "d"), membersMax: 2, eventsPerMemberMax: 10 });
  for (const record of recordsOf([seen("c"), ["control", { revision: 1, entry: list }], seen("d"), seen("a")]))
    sample.add(record);
  expect([...sample.members].sort()).toEqual(["a", "b"]);
  const entries = [...sample.records()].filter(({ kind }) => kind === "control");
  expect(entries.map(({ body }) => JSON.parse(Buffer.from(body).toString()).entry.members)).toEqual([["b"]]);
});

test("an erased account is nobody there, so that no partition's word about it is waited for", () => {
  const erased = erasedOf("account", "acme", "a key");
  const sample = new MemberSample(OPTIONS, {
    ...ranks("acme", "bee"),
    kind: "account",
    membersMax: 2,
    eventsPerMemberMax: 9,
  });
  const about = (groupId: string) => ["account", { type: "group", groupId, traits: { plan: "pro" } }] as const;
  const entry = { op: "erase", ...erased };
  const log = recordsOf([about("acme"), about("bee"), ["control", { revision: 1, entry }], about("acme")]);
  for (const record of log) sample.add(record);
  expect(sample.members).toEqual(["bee"]);
  const kept = [...sample.records()].filter(({ kind }) => kind === "control");
  const entries = kept.map(({ body }) => JSON.parse(Buffer.from(body).toString()));
  expect(entries).toEqual([{ revision: 1, entry: { ...entry, kind: "user" } }]);
});

test("whoever has done too much is left out and counted, and is not taken again", () => {
  const sample = new MemberSample(OPTIONS, { ...ranks("a", "b", "c"), membersMax: 2, eventsPerMemberMax: 2 });
  for (const record of recordsOf(["a", "b", "a", "c", "a", "a", "c"].map(seen))) sample.add(record);
  expect(sample.members).toEqual(["b"]);
  expect(sample.leftOut).toBe(1);
});
