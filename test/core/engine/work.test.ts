// Law 5: the work an event causes follows what it could flip, not how many segments, people or past events there are.
import { expect, test } from "vitest";
import type { ControlEntry } from "../../../lib/core/control.ts";
import { createPartition, type PartitionCore, restorePartition } from "../../../lib/core/engine/core.ts";
import type { PageNo, PartitionOptions } from "../../../lib/core/partition.ts";
import type { LogKind } from "../../../lib/core/types.ts";
import { DEFAULT_LIMITS, type Json, type JsonObject } from "../../../lib/core/types.ts";

const START = Date.UTC(2026, 0, 5);

const OPTIONS: PartitionOptions = {
  partition: 0,
  partitions: 1,
  clockMode: "log",
  clockStepMsMax: 86_400_000,
  limits: DEFAULT_LIMITS,
  pageCacheBytesMax: 1e9,
  pageBytesMax: 65_536,
};

function partition(define: Json[]): {
  machine: PartitionCore;
  send: (kind: LogKind, body: Json, at?: number) => number;
} {
  const machine = createPartition(OPTIONS);
  let seq = 0;
  const send = (kind: LogKind, body: Json, at = START): number => {
    seq += 1;
    const record = { seq, stamp: at, kind, body: new TextEncoder().encode(JSON.stringify(body)) };
    if (machine.needsShadow(record)) {
      const shadow = machine.shadow(1);
      for (let past = 1; past < seq; past += 1) shadow.apply({ ...record, seq: past, kind: "clock" });
      machine.provideShadow(shadow);
    }
    const step = machine.apply(record);
    for (let need = step?.next(); need !== undefined && need.done !== true; need = step?.next());
    return machine.takeDeltas().length;
  };
  send("control", { revision: 1, entry: { op: "apply", define, remove: [] } });
  send("ready", { revision: 1, from: 1 });
  send("control", { revision: 2, entry: { op: "activate", revision: 1 } });
  return { machine, send };
}

const seen = (event: string, userId = "u1"): Json => ({ type: "track", event, userId });

test("an event that concerns one rule evaluates one, beside three thousand others", () => {
  const define = Array.from({ length: 3_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { event: { name: `E${index}`, count: { gte: 2 } } },
  }));
  const { machine, send } = partition(define);
  send("event", seen("E7"));
  const before = { ...machine.work };
  expect(send("event", seen("E7"))).toBe(1);
  expect(machine.work.evaluations - before.evaluations).toBe(1);
  expect(machine.work.touches - before.touches).toBe(1);
});

test("thresholds that a count does not pass are not looked at", () => {
  const define = Array.from({ length: 5_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { event: { name: "A", count: { gte: index + 1 } } },
  }));
  const { machine, send } = partition(define);
  for (let n = 1; n <= 20; n += 1) {
    const before = machine.work.evaluations;
    expect(send("event", seen("A"))).toBe(1);
    expect(machine.work.evaluations - before).toBe(1);
  }
});

test("segments that insist on a trait are not looked at for people who have another", () => {
  const define = Array.from({ length: 3_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { all: [{ trait: { plan: `plan-${index}` } }, { event: { name: "A", count: { gte: 1 } } }] },
  }));
  const { machine, send } = partition(define);
  send("event", { type: "identify", userId: "u1", traits: { plan: "plan-42" } });
  const before = machine.work.evaluations;
  expect(send("event", seen("A"))).toBe(1);
  expect(machine.work.evaluations - before).toBe(1);
});

test("silence wakes only those whom it concerns", () => {
  const { machine, send } = partition([
    { id: "busy", name: "busy", rule: { event: { name: "A", count: { gte: 3 }, window: { last: "10s" } } } },
  ]);
  for (let person = 0; person < 500; person += 1) send("event", seen("A", `idle${person}`));
  for (let n = 0; n < 3; n += 1) send("event", seen("A", "busy"));
  const before = machine.work.wakeUps;
  expect(send("clock", {}, START + 3_600_000)).toBe(1);
  expect(machine.work.wakeUps - before).toBe(1);
});

/** What an event costs beside definitions that have nothing to do with it. */
function workOf(define: Json[], events: readonly Json[]): { readonly touches: number; readonly evaluations: number } {
  const { machine, send } = partition(define);
  const before = { ...machine.work };
  for (const event of events) expect(send("event", event)).toBe(0);
  return {
    touches: machine.work.touches - before.touches,
    evaluations: machine.work.evaluations - before.evaluations,
  };
}

/** Ten thousand definitions are parsed and compiled several times over. */
const MANY_MS_MAX = 300_000;

const many = (rule: (index: number) => Json): Json[] =>
  Array.from({ length: 10_000 }, (_, index) => ({ id: `s${index}`, name: `s${index}`, rule: rule(index) }));

test("ten thousand sequences of other events cost an event nothing", { timeout: MANY_MS_MAX }, () => {
  const define = many((index) => ({
    sequence: {
      steps: [
        { event: { name: `A${index}` } },
        { item: { action: "added", ids: [`p${index}`] } },
        { absent: { order: {} }, within: "1d" },
      ],
      window: { last: "7d" },
    },
  }));
  expect(workOf(define, [seen("Page Read"), seen("A"), seen("Product Viewed")])).toEqual({
    touches: 0,
    evaluations: 0,
  });
});

test("ten thousand changes of other traits cost a write nothing, nor do those of the same trait that stays what it is", {
  timeout: MANY_MS_MAX,
}, () => {
  const define = many((index) => ({
    change: { trait: `t${index}`, from: "a", to: "b", stayed: true, window: { last: "30d" } },
  }));
  const write = { type: "identify", userId: "u1", traits: { plan: "x", seats: 3 } };
  expect(workOf(define, [write, write, seen("A")])).toEqual({ touches: 0, evaluations: 0 });
  const { machine, send } = partition(many((index) => ({ change: { trait: "plan", to: `v${index}` } })));
  expect(send("event", { type: "identify", userId: "u1", traits: { plan: "v7" } })).toBe(1);
  const before = machine.work.evaluations;
  expect(send("event", { type: "identify", userId: "u1", traits: { plan: "v7" } })).toBe(0);
  expect(machine.work.evaluations - before).toBe(0);
});

test("a step costs those alone who have reached the one before", { timeout: MANY_MS_MAX }, () => {
  const define = many((index) => ({
    sequence: { steps: [{ event: { name: `A${index}` } }, { event: { name: "Bought" } }] },
  }));
  const { machine, send } = partition(define);
  const keptOf = (id: string): number => machine.member("user", id)?.kept.size ?? 0;
  expect(send("event", seen("A7"))).toBe(0);
  expect(keptOf("u1")).toBe(1);
  const before = machine.work.evaluations;
  expect(send("event", seen("Bought"))).toBe(1);
  expect(machine.work.evaluations - before).toBe(1);
  expect(send("event", seen("Bought", "u2"))).toBe(0);
  expect(keptOf("u2")).toBe(0);
});

test("the score is looked at when something of it moves, and by nothing else", () => {
  const define = Array.from({ length: 1_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { engagement: { score: { gt: 90 + index / 1_000 } } },
  }));
  const other = { type: "track", event: "Nothing Weighed", userId: "u1", channel: "server" };
  expect(workOf(define, [other, { type: "identify", userId: "u1", traits: { plan: "x" } }])).toEqual({
    touches: 0,
    evaluations: 0,
  });
});

test("what a message says of who somebody is looks at the rules that name it", () => {
  const define = Array.from({ length: 2_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { identity: { [`type${index % 10}`]: `id${index}` } },
  }));
  const { machine, send } = partition(define);
  const known = (id: string): Json => ({
    ...(seen("A") as JsonObject),
    context: { externalIds: [{ type: "type7", id }] },
  });
  send("event", seen("A"));
  const before = { ...machine.work };
  expect(send("event", known("id17"))).toBe(1);
  expect(machine.work.evaluations - before.evaluations).toBe(1);
  // Known already: nothing is looked at.
  expect(send("event", known("id17"))).toBe(0);
  expect(machine.work.touches - before.touches).toBe(1);
});

test("an object looks at the rules on its own type", () => {
  const define = Array.from({ length: 1_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { object: { type: `type${index}` } },
  }));
  const { machine, send } = partition(define);
  send("event", seen("A"));
  const before = { ...machine.work };
  expect(send("event", { ...(seen("Object Set") as JsonObject), properties: { type: "type7", id: "o" } })).toBe(1);
  expect(machine.work.evaluations - before.evaluations).toBe(1);
});

const PARIS = { country: "FR", region: "IDF", city: "Paris" };
const VILLAGE = { country: "FR", region: "IDF", city: "Ury" };
const at = (userId: string, place: Json): Json => ({ type: "page", userId, context: { place } });
const said = (revision: number, place: Json, condition: string): Json => ({
  revision,
  entry: { op: "situation", kind: "weather", place, values: { condition } },
});

test("what is said of a place looks at the rules that name the value, for those who are there", () => {
  const define = Array.from({ length: 1_000 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    rule: { weather: { condition: `c${index}` } },
  }));
  const { machine, send } = partition(define);
  for (let person = 0; person < 500; person += 1) send("event", at(`p${person}`, PARIS));
  for (let person = 0; person < 3; person += 1) send("event", at(`v${person}`, VILLAGE));
  const before = { ...machine.work };
  expect(send("control", said(3, VILLAGE, "c7"))).toBe(3);
  expect(machine.work.evaluations - before.evaluations).toBe(3);
  // From one to another: two rules for each of the three.
  expect(send("control", said(4, VILLAGE, "c8"))).toBe(6);
  expect(machine.work.evaluations - before.evaluations).toBe(9);
});

test("a page nobody of whom is there stays where it is", () => {
  const define = [{ id: "rain", name: "rain", rule: { weather: { condition: "rain" } } }];
  const { machine, send } = partition(define);
  for (let person = 0; person < 6_000; person += 1) send("event", at(`p${person}`, PARIS));
  for (let person = 0; person < 3; person += 1) send("event", at(`v${person}`, VILLAGE));
  const frozen = machine.freeze();
  const stored = new Map<PageNo, Uint8Array>();
  for (let page = frozen.next(); page !== undefined; page = frozen.next()) stored.set(page.page, page.bytes);
  expect(stored.size).toBeGreaterThan(15);
  // Another worker takes over, and has nobody in memory.
  const entries: ControlEntry[] = [
    { op: "apply", define, remove: [] },
    { op: "activate", revision: 1 },
  ];
  const next = restorePartition(OPTIONS, { meta: frozen.meta, entries });
  let seq = frozen.position;
  /** How many joined, and how many pages had to come for it. */
  const say = (revision: number, place: Json): [number, number] => {
    seq += 1;
    const body = new TextEncoder().encode(JSON.stringify(said(revision, place, "rain")));
    const step = next.apply({ seq, stamp: START, kind: "control", body });
    let asked = 0;
    for (let need = step?.next(); need !== undefined && need.done !== true; need = step?.next()) {
      if (need.value === null) continue;
      asked += 1;
      next.providePage(need.value, stored.get(need.value)!);
    }
    return [next.takeDeltas().length, asked];
  };
  expect(say(3, { country: "DE" })).toEqual([0, 0]);
  expect(say(4, { ...PARIS, city: "Melun" })).toEqual([0, 0]);
  const [joined, asked] = say(5, VILLAGE);
  expect(joined).toBe(3);
  expect(asked).toBeLessThanOrEqual(3);
  expect(say(6, PARIS)).toEqual([6_000, stored.size - asked]);
});

test("the clock wakes people when it moves them, and never else", () => {
  const { machine, send } = partition([
    { id: "weekend", name: "weekend", zone: "Asia/Kathmandu", rule: { clock: { weekday: ["sat", "sun"] } } },
  ]);
  for (let person = 0; person < 100; person += 1) send("event", seen("A", `p${person}`));
  // Two weekends: everybody joins twice, and leaves twice.
  expect(send("clock", {}, START + 14 * 86_400_000)).toBe(400);
  expect(machine.work.wakeUps).toBe(400);
  expect(machine.work.idleWakeUps).toBe(0);
});

/** Segments on visits, sources and places, each of another entry, campaign or city than the next. */
function visitSegments(count: number): Json[] {
  return Array.from({ length: count }, (_, index) => {
    const rules: Json[] = [
      { visit: { where: { entry: `/page-${index}`, pages: { gte: 2 } } } },
      { visit: { count: { gte: index + 3 } } },
      { source: { "latest.campaign": `campaign-${index}` } },
      { source: { "current.campaign": `campaign-${index}` } },
      { place: { city: `city-${index}` } },
      { device: { os: { in: [`os-${index}`, `os-${index}-beta`] } } },
    ];
    return { id: `s${index}`, name: `s${index}`, rule: rules[index % rules.length]! };
  });
}

test("a visit with ten thousand unrelated segments on visits, sources and places evaluates as many as with ten", {
  timeout: MANY_MS_MAX,
}, () => {
  const worked = [10, 10_000].map((count) => {
    const { machine, send } = partition(visitSegments(count));
    const page = (minute: number, index: number, path: string): number => {
      const context = {
        campaign: { name: `campaign-${index}` },
        place: { city: `city-${index}` },
        device: { os: `os-${index}` },
      };
      const body = { type: "page", userId: "u1", properties: { path }, context };
      return send("event", body, START + minute * 60_000);
    };
    const deltas: number[] = [];
    const before = { ...machine.work };
    // In: the city at once, and the page on which the visit began once there are two.
    for (let minute = 0; minute < 5; minute += 1) deltas.push(page(minute, 4, "/page-0"));
    // Another campaign of the same visit changes no source; another place does.
    deltas.push(page(6, 3, "/page-6"), send("clock", {}, START + 3_600_000), page(120, 3, "/page-0"));
    const { evaluations, touches, flips, wakeUps } = machine.work;
    const work = { evaluations, touches, flips, wakeUps };
    return { deltas, work: Object.entries(work).map(([name, value]) => value - before[name as keyof typeof work]) };
  });
  expect(worked[1]).toEqual(worked[0]);
  // city-4; /page-0 with two pages; city-4 left; and at 02:00 the current campaign-3.
  expect(worked[0]!.deltas).toEqual([1, 1, 0, 0, 0, 1, 0, 1]);
});

/** So many segments, each about another item or campaign. */
function crowd(length: number, rule: (index: number) => Json): Json[] {
  return Array.from({ length }, (_, index) => ({ id: `s${index}`, name: `s${index}`, rule: rule(index) }));
}

const about = (event: string, properties: Json): Json => ({ type: "track", event, userId: "u1", properties });

test.each<[number, string, (index: number) => Json, Json]>([
  [
    10_000,
    "items by id",
    (index) => ({ item: { action: "viewed", type: "category", ids: [`c${index}`], count: { gte: 2 } } }),
    about("Product Viewed", { product_id: "p", category: "c7", brand: "c8" }),
  ],
  [
    3_000,
    "items by type",
    (index) => (index === 7 ? { item: { action: "viewed", count: { gte: 2 } } } : { item: { action: `a${index}` } }),
    about("Product Viewed", { product_id: "p" }),
  ],
  [
    3_000,
    "view times",
    (index) => ({ item: { action: "viewed", ids: [`c${index}`], sum: { of: "time", is: { gte: "5s" } } } }),
    about("Product Viewed", { product_id: "c7", seconds: 3 }),
  ],
  [
    10_000,
    "campaigns",
    (index) => ({ campaign: { outcome: "clicked", id: `c${index}`, count: { gte: 2 } } }),
    about("Campaign Clicked", { campaign_id: "c7", experience_id: "c8" }),
  ],
  [
    3_000,
    "experiences of one campaign",
    (index) => ({ campaign: { outcome: "clicked", id: "x", experience: `c${index}`, count: { gte: 2 } } }),
    about("Campaign Clicked", { campaign_id: "x", experience_id: "c7" }),
  ],
])("%i rules about other %s cost an event nothing", { timeout: MANY_MS_MAX }, (length, _name, rule, event) => {
  const { machine, send } = partition(crowd(length, rule));
  send("event", event);
  const before = { ...machine.work };
  expect(send("event", event)).toBe(1);
  expect(machine.work.evaluations - before.evaluations).toBe(1);
  expect(machine.work.touches - before.touches).toBe(1);
});

test("a favourite that moves touches those whose standing it changes, of 3,000 values with a rule each", {
  timeout: MANY_MS_MAX,
}, () => {
  const { machine, send } = partition(
    crowd(3_000, (index) => ({ favorite: { type: "category", ids: [`c${index}`], by: "views" } })),
  );
  const view = (category: string) => send("event", about("Product Viewed", { product_id: "p", category }));
  const evaluated = (category: string): [number, number] => {
    const before = machine.work.evaluations;
    return [view(category), machine.work.evaluations - before];
  };
  // All tie in front, until one is ahead of them: they leave together, and nobody stirs where it gets further ahead.
  for (let index = 0; index < 200; index += 1) expect(evaluated(`c${index}`)).toEqual([1, 1]);
  expect(evaluated("c7")).toEqual([199, 199]);
  expect(evaluated("c7")).toEqual([0, 0]);
  // One more of those behind: it goes ahead of 198, one is still ahead of it, and all of them stay out.
  expect(evaluated("c8")).toEqual([0, 0]);
  expect(evaluated("c8")).toEqual([1, 1]);
});
