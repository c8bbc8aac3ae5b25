// The fold of the control log: whom a new vocabulary edits, when it is in force, what is refused; and items that are
// shared by all states and yet read as of each.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { ControlEntry } from "../../../lib/core/control.ts";
import { ControlState, SharedControl } from "../../../lib/core/engine/control-state.ts";
import { DEFAULT_LIMITS as limits } from "../../../lib/core/types.ts";
import { until } from "../../support/until.ts";

const define = (...segments: [id: string, rule: unknown][]): ControlEntry => ({
  op: "apply",
  define: segments.map(([id, rule]) => ({ id, rule })) as never,
  remove: [],
});
const vocabulary = (document: unknown): ControlEntry => ({ op: "vocabulary", vocabulary: document as never });
const activate = (revision: number): ControlEntry => ({ op: "activate", revision });
const cancel = (revision: number): ControlEntry => ({ op: "cancel", revision });

const CART: [string, unknown] = ["cart", { cart: { value: { gt: 0 } } }];
const LINES: [string, unknown] = ["lines", { cart: { lines: { gt: 0 } } }];
const PINGS: [string, unknown] = ["pings", { event: { name: "Ping" } }];
const CLICKS: [string, unknown] = ["clicks", { campaign: { outcome: "clicked" } }];
const ENGAGED: [string, unknown] = ["engaged", { engagement: { score: { gte: 50 } } }];

/** Entry by entry, with what each meant. */
function told(...entries: ControlEntry[]) {
  let state = new ControlState(limits);
  const outcomes = entries.map((entry) => {
    const step = state.next(entry);
    state = step.state;
    return step.outcome;
  });
  return { state, outcome: outcomes.at(-1)!, outcomes };
}

const versionOf = (state: ControlState, id: string) => state.active.get(id)?.version;

describe("a vocabulary", () => {
  test("that asks nothing of history is in force at once, and edits who reads what changed", () => {
    const { state, outcome } = told(define(CART, LINES), vocabulary({ currency: "EUR" }));
    expect(outcome).toEqual({ type: "sweep", named: new Set(["cart"]), removed: [] });
    expect(state.vocabulary.currency).toBe("EUR");
    expect([versionOf(state, "cart"), versionOf(state, "lines")]).toEqual([2, 1]);
    expect(state.active.get("cart")!.vocabulary.currency).toBe("EUR");
  });

  test("that concerns nobody is in force, and nobody is looked at", () => {
    const { state, outcome } = told(define(LINES), vocabulary({ trusted: [] }));
    expect(outcome).toEqual({ type: "nothing" });
    expect(state.vocabulary.trustedSources).toEqual([]);
  });

  test("that asks history waits with all whom it edits, and the old one stays in force", () => {
    const entries = [define(CLICKS, CART), activate(1), vocabulary({ currency: "EUR", campaigns: { X: "clicked" } })];
    const waiting = told(...entries);
    expect(waiting.outcome).toEqual({ type: "pending", revision: 3 });
    expect([...waiting.state.pending.get(3)!.define.keys()]).toEqual(["cart", "clicks"]);
    expect(waiting.state.pending.get(3)!.questions).toHaveLength(1);
    expect(waiting.state.vocabulary.currency).toBe("USD");
    const { state, outcome } = told(...entries, activate(3));
    expect(outcome).toMatchObject({ type: "sweep", named: new Set(["clicks", "cart"]) });
    expect(state.vocabulary.currency).toBe("EUR");
    expect(state.active.get("clicks")).toMatchObject({ version: 2, vocabulary: { campaigns: { X: "clicked" } } });
  });

  test("waits its turn behind what waits already, and takes over the words that it edits", () => {
    const { state } = told(define(CLICKS, LINES), vocabulary({ campaigns: { X: "clicked" } }));
    expect([...state.pending.get(1)!.define.keys()]).toEqual(["lines"]);
    expect([...state.pending.get(2)!.define]).toMatchObject([["clicks", { version: 2 }]]);
    const only = told(define(CLICKS), vocabulary({ campaigns: { X: "clicked" } })).state;
    expect(only.pendingRevisions()).toEqual([2]);
  });

  test("reads what is applied after it, though it waits; its batch stays when all its words are overtaken", () => {
    const entries = [
      define(CLICKS),
      activate(1),
      vocabulary({ campaigns: { X: "clicked" } }),
      define(["clicks", { campaign: { outcome: "clicked", count: { gte: 2 } } }]),
    ];
    const { state } = told(...entries);
    expect(state.pendingRevisions()).toEqual([3, 4]);
    expect(state.pending.get(3)!.define.size).toBe(0);
    expect(state.pending.get(4)!.define.get("clicks")!.vocabulary.campaigns.X).toBe("clicked");
    const after = told(...entries, activate(3));
    expect(after.outcome).toEqual({ type: "nothing" });
    expect(after.state.vocabulary.campaigns.X).toBe("clicked");
  });

  test("is given up by cancel, and what comes after is read by the one in force", () => {
    const { state } = told(
      define(CLICKS),
      activate(1),
      vocabulary({ campaigns: { X: "clicked" } }),
      cancel(3),
      define(CART),
    );
    expect(state.pending.size).toBe(0);
    expect(state.newestVocabulary.campaigns.X).toBeUndefined();
    expect(versionOf(state, "clicks")).toBe(1);
  });

  test("stays though an older one is activated after it", () => {
    const entries = [
      define(PINGS),
      vocabulary({ visit: { idle: "10m" } }),
      vocabulary({ visit: { idle: "20m" } }),
      activate(3),
    ];
    const after = told(...entries).state;
    expect([after.vocabulary.visitIdleMs, after.newestVocabulary.visitIdleMs]).toEqual([1_200_000, 1_200_000]);
    expect(told(...entries, activate(2)).state.vocabulary.visitIdleMs).toBe(1_200_000);
  });

  test("is compared with the one by which each segment is read", () => {
    const { state, outcomes } = told(define(CART), vocabulary({ currency: "EUR" }), vocabulary({ currency: "EUR" }));
    expect(outcomes.map(({ type }) => type)).toEqual(["sweep", "sweep", "nothing"]);
    expect(versionOf(state, "cart")).toBe(2);
  });

  test.each([
    [vocabulary({ currency: "eur" }), /the vocabulary of revision 1 does not parse: currency: .*ISO 4217/],
    [vocabulary(null), /does not parse: : expected a vocabulary/],
    [define(["f", { funnel: { id: "trial", at: "paid" } }]), /no funnel "trial"/],
  ])("refused: %j", (entry, detail) => {
    const { state, outcome } = told(entry);
    expect(outcome).toEqual({ type: "rejected", detail: expect.stringMatching(detail) });
    expect([state.active.size, state.pending.size]).toEqual([0, 0]);
  });

  test("that drops a funnel in use, or a step, is refused", () => {
    const steps = (...names: string[]) => ({
      funnels: { trial: { steps: names.map((name) => ({ name, order: {} })) } },
    });
    const before = [vocabulary(steps("seen", "paid")), define(["f", { not: { funnel: { id: "trial", at: "paid" } } }])];
    expect(told(...before, vocabulary({})).outcome).toMatchObject({ detail: expect.stringContaining("the segment f") });
    expect(told(...before, vocabulary(steps("seen"))).outcome).toMatchObject({
      type: "rejected",
      detail: expect.stringContaining('no step "paid"'),
    });
    expect(told(...before, vocabulary(steps("paid"))).outcome).toEqual({ type: "pending", revision: 3 });
  });

  test("whose engagement counts a segment orders it before, and cannot close a cycle", () => {
    const parts = (segment: string) => ({ engagement: { parts: [{ weight: 100, segment }] } });
    const { state } = told(define(ENGAGED, CART), activate(1), vocabulary(parts("cart")), activate(3));
    expect([state.levelOf("cart"), state.levelOf("engaged")]).toEqual([0, 1]);
    const over: [string, unknown] = ["over", { segment: { in: ["engaged"] } }];
    const refused = told(define(ENGAGED, CART, over), activate(1), vocabulary(parts("over")));
    expect(refused.outcome).toEqual({ type: "rejected", detail: "the vocabulary would close a cycle of segments" });
    const other = told(define(ENGAGED, CART), activate(1), vocabulary(parts("cart")), define(["cart", over[1]]));
    expect(other.outcome).toEqual({ type: "rejected", detail: "the batch would close a cycle of segments" });
  });
});

test("cancel gives up what waits, unless what came after it rests on it", () => {
  const waits = define(["a", PINGS[1]], ["b", PINGS[1]]);
  expect(told(waits, cancel(1)).state.pending.size).toBe(0);
  expect(told(waits, activate(1), cancel(1)).outcome).toEqual({ type: "nothing" });
  const turned = [
    define(["a", { segment: { in: ["b"] } }], ["b", { bucket: { from: 0, to: 5 } }]),
    define(["a", PINGS[1]]),
    define(["b", { segment: { in: ["a"] } }]),
  ];
  const { state, outcome } = told(...turned, cancel(2));
  expect(outcome).toMatchObject({ type: "rejected", detail: expect.stringContaining("cycle") });
  expect(state.pendingRevisions()).toEqual([2, 3]);
});

test("a newer word that takes an older one away is refused where a revision between rests on that", () => {
  const chained = [
    define(["a", { segment: { in: ["b"] } }], ["b", { bucket: { from: 0, to: 5 } }]),
    define(["a", PINGS[1]]),
    define(["b", { segment: { in: ["a"] } }]),
  ];
  const again = define(["a", { list: { in: ["crm"] } }]);
  const { state, outcome } = told(...chained, again);
  expect(outcome).toMatchObject({ type: "rejected", detail: expect.stringContaining("once nothing waits") });
  expect(state.pendingRevisions()).toEqual([2, 3]);
  // Had it been taken, revision 3 would have met the oldest word about `a`.
  expect(told(...chained, again, activate(2), activate(3), again).outcome.type).toBe("sweep");
});

test("what others read is not removed, unless they go or read something else with it", () => {
  const within: [string, unknown] = ["within", { segment: { in: ["cart"] } }];
  const remove = (ids: string[], ...segments: [string, unknown][]): ControlEntry =>
    ({ ...define(...segments), remove: ids }) as ControlEntry;
  const refused = told(define(CART, within), remove(["cart"]));
  expect(refused.outcome).toEqual({ type: "rejected", detail: "the segment cart cannot be removed: within uses it" });
  expect(refused.state.active.has("cart")).toBe(true);
  for (const entry of [remove(["cart", "within"]), remove(["cart"], ["within", LINES[1]])]) {
    const { outcome, state } = told(define(CART, within), entry);
    expect(outcome.type).toBe("sweep");
    expect(state.active.has("cart")).toBe(false);
  }
});

describe("items", () => {
  const items = (mode: "merge" | "replace" | "remove", id: string, attributes = {}): ControlEntry => ({
    op: "items",
    mode,
    items: [{ id, attributes }],
  });
  const STORY: ControlEntry[] = [
    items("merge", "a", { brand: "x", price: 5 }),
    items("merge", "a", { price: 6, color: null }),
    define(CART),
    items("merge", "a", { brand: null }),
    items("replace", "a", { category: "c" }),
    items("remove", "a"),
    items("merge", "a", { price: 1 }),
  ];
  const AFTER = [
    { brand: "x", price: 5 },
    { brand: "x", price: 6 },
    { brand: "x", price: 6 },
    { price: 6 },
    { category: "c" },
    undefined,
    { price: 1 },
  ];

  function walked(shared: SharedControl, entries = STORY): ControlState[] {
    const states = [shared.fold([])];
    for (const entry of entries) states.push(shared.next(states.at(-1)!, entry).state);
    return states.slice(1);
  }

  test("are as of each state, however far the log has gone on", () => {
    const states = walked(new SharedControl(limits));
    expect(states.map(({ catalogue }) => catalogue.attributesOf("a"))).toEqual(AFTER);
    expect(states.at(-1)!.catalogue.attributesOf("b")).toBeUndefined();
  });

  test("a fold gives the same as entry by entry, in one process and in another", () => {
    for (const shared of [undefined, new SharedControl(limits)]) {
      if (shared !== undefined) walked(shared);
      const folds = STORY.map((_, index) => (shared ?? new SharedControl(limits)).fold(STORY.slice(0, index + 1)));
      expect(folds.map(({ catalogue }) => catalogue.attributesOf("a"))).toEqual(AFTER);
    }
  });

  test("another history goes on for itself", () => {
    const shared = new SharedControl(limits);
    const one = walked(shared);
    const other = one[1]!.next(items("replace", "a", { other: true })).state;
    expect(other.catalogue.attributesOf("a")).toEqual({ other: true });
    expect(other.next(items("merge", "a", { more: 1 })).state.catalogue.attributesOf("a")).toEqual({
      other: true,
      more: 1,
    });
    expect(one.map(({ catalogue }) => catalogue.attributesOf("a"))).toEqual(AFTER);
  });

  test("an id twice in one entry is taken in as written", () => {
    const entry = {
      op: "items",
      mode: "merge",
      items: [
        { id: "a", attributes: { x: 1 } },
        { id: "a", attributes: { y: 2 } },
      ],
    };
    const before = new ControlState(limits);
    const { state } = before.next(entry);
    expect(state.catalogue.attributesOf("a")).toEqual({ x: 1, y: 2 });
    expect(before.catalogue.attributesOf("a")).toBeUndefined();
  });

  test.each([
    { op: "items", mode: "merge" },
    { op: "items", mode: "add", items: [] },
    { op: "items", mode: "merge", items: [{ id: "", attributes: {} }] },
    { op: "items", mode: "replace", items: [{ id: "a" }] },
    { op: "items", mode: "merge", items: [{ id: "a", attributes: [] }] },
  ])("%j is none that is known", (entry) => {
    expect(new ControlState(limits).next(entry).outcome).toMatchObject({ type: "rejected" });
  });
});

describe("states that partitions share", () => {
  const list = (part: number, members: readonly string[]): ControlEntry => ({
    op: "list",
    id: `crm-${part}`,
    mode: "add",
    members,
  });

  test("are made once for each entry, and anew for another entry of the same number", () => {
    const shared = new SharedControl(limits);
    const start = shared.fold([]);
    const { state } = shared.next(start, list(1, ["ann"]));
    expect(shared.next(start, list(1, ["ann"])).state).toBe(state);
    expect(shared.next(start, list(2, ["ann"])).state.lists).toEqual(new Map([["crm-2", "user"]]));
  });

  test("keep nobody of a list that was long", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const heap = (): number => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    const shared = new SharedControl(limits);
    const ids = (part: number) => Array.from({ length: 5_000 }, (_, index) => `somebody-of-part-${part}-${index}`);
    let state = shared.fold([]);
    const before = heap();
    // 6 MB of text.
    for (let part = 0; part < 40; part += 1) ({ state } = shared.next(state, list(part, ids(part))));
    await until("the text is let go", () => heap() - before < 3_000_000);
    expect(state.lists.size).toBe(40);
  });
});
