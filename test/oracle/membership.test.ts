// rules.md 4.10 and 4.11 as stories: who is known, nesting, activation, edits, stay and cooldown, lists, the control log.
import { describe, expect, test } from "vitest";
import { instant, Story } from "./story.ts";

const VIP = { id: "vip", rule: { trait: { vip: true } } };
const everybody = (id = "all") => ({ id, rule: { not: { list: { in: ["nobody"] } } } });

describe("the universe", () => {
  test("is everybody named by an accepted message, from that step on", () => {
    const story = new Story();
    story.apply("00:00", [everybody()]);
    expect(story.track("00:01", "ann", "A")).toEqual(["+all ann 00:01"]);
    expect(story.identify("00:02", "bob", {})).toEqual(["+all bob 00:02"]);
    expect(story.list("00:03", "l", "add", ["dan", "cid"])).toEqual(["+all cid 00:03", "+all dan 00:03"]);
    expect(story.list("00:04", "l", "remove", ["eve"])).toEqual(["+all eve 00:04"]);
    expect(story.oracle.universe).toBe(5);
  });

  test("a rejected message makes nobody known", () => {
    const story = new Story();
    story.apply("00:00", [everybody()]);
    story.event("00:01", { type: "alias", userId: "ann" });
    expect(story.oracle.universe).toBe(0);
    expect(story.reasons).toEqual(["unsupported-type"]);
  });
});

describe("nesting", () => {
  test("what B sees is A's announced membership of the same step", () => {
    const story = new Story();
    const outer = { id: "a-outer", rule: { segment: { in: ["vip"] } } };
    const other = { id: "a-other", rule: { segment: { notIn: ["vip"] } } };
    story.apply("00:00", [outer, other, VIP]);
    expect(story.identify("00:01", "ann", { vip: true })).toEqual(["+vip ann 00:01", "+a-outer ann 00:01"]);
    expect(story.identify("00:02", "ann", { vip: false })).toEqual([
      "-vip ann 00:02",
      "+a-other ann 00:02",
      "-a-outer ann 00:02",
    ]);
  });

  test("while stay holds somebody in, the outer segment sees them in", () => {
    const story = new Story();
    story.apply("00:00", [
      { ...VIP, stay: "1h" },
      { id: "outer", rule: { segment: { in: ["vip"] } } },
    ]);
    story.identify("00:01", "ann", { vip: true });
    expect(story.identify("00:02", "ann", { vip: false })).toEqual([]);
    expect(story.tick("02:00")).toEqual(["-vip ann 01:01", "-outer ann 01:01"]);
  });

  test("in is a member of one of them, notIn of none", () => {
    const story = new Story();
    story.define(
      "00:00",
      "{a: {trait: {a: 1}}, b: {trait: {b: 1}}, in: {segment: {in: [a, b]}}, out: {segment: {notIn: [a, b]}}}",
    );
    expect(story.identify("00:01", "ann", { b: 1 })).toEqual(["+b ann 00:01", "+in ann 00:01"]);
    expect(story.identify("00:02", "bob", { c: 1 })).toEqual(["+out bob 00:02"]);
  });
});

describe("activation", () => {
  test("announces who is in at that instant, joined then; the past is not played through", () => {
    const story = new Story();
    for (const id of ["zoe", "ann"]) story.track("00:00", id, "A");
    const applied = story.define("05:00", "{did: {event: {name: A}}, lately: {event: {name: A, window: {last: 1h}}}}");
    expect(applied).toEqual(["+did ann 05:00", "+did zoe 05:00"]);
    expect(story.oracle.memberships().get("did")!.get("ann")).toEqual({ in: true, n: 1, since: instant("05:00") });
    expect(story.oracle.memberships().has("lately")).toBe(false);
  });

  test("cause definition, at the position of the entry", () => {
    const story = new Story();
    story.identify("00:00", "ann", { vip: true });
    const entry = { op: "apply", define: [VIP], remove: [] };
    expect(story.deltas("00:01", "control", { revision: 1, entry })).toEqual([
      {
        segment: "vip",
        version: 1,
        kind: "user",
        id: "ann",
        change: "joined",
        n: 1,
        at: instant("00:01"),
        cause: { type: "definition", seq: 2 },
      },
    ]);
  });

  test("what silence changes goes on from there", () => {
    const story = new Story();
    story.track("00:00", "ann", "A");
    story.define("00:30", "lately: {event: {name: A, window: {last: 1h}}}");
    expect(story.tick("02:00")).toEqual(["-lately ann 01:00:01"]);
  });
});

describe("edit, disable, delete", () => {
  test("an edit announces exactly the difference, under the new version; numbers go on", () => {
    const story = new Story();
    story.identify("00:00", "ann", { a: 1 });
    story.identify("00:00", "bob", { a: 1, b: 1 });
    story.identify("00:00", "cid", { b: 1 });
    story.define("00:01", "s: {trait: {a: 1}}");
    const entry = { op: "apply", define: [{ id: "s", rule: { trait: { b: 1 } } }], remove: [] };
    const deltas = story.deltas("00:02", "control", { revision: 3, entry });
    expect(deltas.map(({ id, change, n, version }) => [id, change, n, version])).toEqual([
      ["ann", "left", 2, 2],
      ["cid", "joined", 1, 2],
    ]);
  });

  test("delete: everybody leaves under the version that was active; a new definition goes on counting", () => {
    const story = new Story();
    story.identify("00:00", "ann", { vip: true });
    story.apply("00:01", [VIP]);
    expect(story.apply("00:02", [], ["vip"])).toEqual(["-vip ann 00:02"]);
    expect(story.identify("00:03", "ann", { vip: true })).toEqual([]);
    const entry = { op: "apply", define: [VIP], remove: [] };
    const again = story.deltas("00:04", "control", { revision: 5, entry });
    expect(again.map(({ change, n, version }) => [change, n, version])).toEqual([["joined", 3, 2]]);
  });

  test("disable: everybody leaves, and nobody joins until it is enabled", () => {
    const story = new Story();
    story.identify("00:00", "ann", { vip: true });
    story.apply("00:01", [VIP]);
    expect(story.apply("00:02", [{ ...VIP, enabled: false }])).toEqual(["-vip ann 00:02"]);
    expect(story.identify("00:03", "bob", { vip: true })).toEqual([]);
    expect(story.apply("00:04", [VIP])).toEqual(["+vip ann 00:04", "+vip bob 00:04"]);
  });

  test("one batch, whole: the nested go before the nesting, within each member", () => {
    const story = new Story();
    const outer = { id: "outer", rule: { segment: { in: ["vip"] } } };
    story.identify("00:00", "ann", { vip: true });
    story.identify("00:00", "bob", { vip: true });
    expect(story.apply("00:01", [outer, VIP])).toEqual([
      "+vip ann 00:01",
      "+outer ann 00:01",
      "+vip bob 00:01",
      "+outer bob 00:01",
    ]);
    expect(story.apply("00:02", [], ["vip", "outer"])).toEqual([
      "-vip ann 00:02",
      "-outer ann 00:02",
      "-vip bob 00:02",
      "-outer bob 00:02",
    ]);
  });

  test("ignore stay and cooldown", () => {
    const story = new Story();
    story.identify("00:00", "ann", { vip: true });
    const held = { ...VIP, stay: "1d", cooldown: "1d" };
    story.apply("00:01", [held]);
    expect(story.apply("00:02", [{ ...held, rule: { trait: { vip: "gold" } } }])).toEqual(["-vip ann 00:02"]);
    expect(story.apply("00:03", [held])).toEqual(["+vip ann 00:03"]);
    expect(story.apply("00:04", [], ["vip"])).toEqual(["-vip ann 00:04"]);
  });
});

describe("stay and cooldown", () => {
  const lately = { id: "s", rule: { event: { name: "A", window: { last: "10s" } } } };

  test("once in, in for at least so long: both ends are deadlines", () => {
    const story = new Story();
    story.apply("00:00", [{ ...lately, stay: "1m" }]);
    story.track("00:00", "ann", "A");
    expect(story.tick("01:00")).toEqual(["-s ann 00:01"]);
    story.track("02:00", "ann", "A");
    story.track("02:00:55", "ann", "A");
    expect(story.tick("03:00")).toEqual(["-s ann 02:01:06"]);
  });

  test("once out, out for at least so long", () => {
    const story = new Story();
    story.apply("00:00", [{ ...lately, cooldown: "1m" }]);
    expect(story.track("00:00", "ann", "A")).toEqual(["+s ann 00:00"]);
    // Left at 00:00:11; may join again from 00:01:11.
    expect(story.track("00:00:30", "ann", "A")).toEqual(["-s ann 00:00:11"]);
    expect(story.track("00:01:05", "ann", "A")).toEqual([]);
    expect(story.tick("01:00")).toEqual(["+s ann 00:01:11", "-s ann 00:01:16"]);
  });

  test("are about announced membership and survive edits", () => {
    const story = new Story();
    story.identify("00:00", "ann", { vip: true });
    story.apply("00:00", [{ ...VIP, stay: "10m" }]);
    story.apply("00:05", [{ ...VIP, stay: "20m" }]);
    expect(story.identify("00:06", "ann", { vip: false })).toEqual([]);
    expect(story.tick("01:00")).toEqual(["-vip ann 00:20"]);
  });
});

describe("lists", () => {
  test("add, remove, replace: all of one entry at once, cause list", () => {
    const story = new Story();
    story.define("00:00", "{s: {list: {in: [l, m]}}, not: {list: {notIn: [l]}}}");
    expect(story.list("00:01", "l", "add", ["bob", "ann", "ann"])).toEqual(["+s ann 00:01", "+s bob 00:01"]);
    expect(story.list("00:02", "l", "replace", ["bob", "cid"])).toEqual([
      "+not ann 00:02",
      "-s ann 00:02",
      "+s cid 00:02",
    ]);
    expect(story.list("00:03", "m", "add", ["bob"])).toEqual([]);
    expect(story.list("00:04", "l", "remove", ["bob", "ann"])).toEqual(["+not bob 00:04"]);
    expect(story.control("00:05", { op: "removeList", id: "m" })).toEqual(["-s bob 00:05"]);
    const entry = { op: "list", id: "l", mode: "remove", members: ["cid"] };
    const [delta] = story.deltas("00:06", "control", { revision: 8, entry });
    expect(delta!.cause).toEqual({ type: "list", seq: 8 });
  });

  test("only members of this partition", () => {
    const stories = [0, 1].map((partition) => new Story({ partition, partitions: 2 }));
    for (const story of stories) story.list("00:00", "l", "add", ["ann", "bob", "cid", "dan", "eve"]);
    expect(stories.reduce((sum, { oracle }) => sum + oracle.universe, 0)).toBe(5);
    expect(stories.every(({ oracle }) => oracle.universe > 0)).toBe(true);
  });
});

describe("the control log", () => {
  const apply = (revision: number, define: unknown[], remove: string[] = []) => ({
    revision,
    entry: { op: "apply", define, remove },
  });

  test("exactly the next revision is applied, an older one ignored, a jump is a fault", () => {
    const story = new Story();
    story.identify("00:00", "ann", { vip: true });
    expect(story.deltas("00:01", "control", apply(1, [VIP]))).toHaveLength(1);
    expect(story.deltas("00:02", "control", apply(1, [], ["vip"]))).toEqual([]);
    expect(story.reasons).toEqual([]);
    expect(() => story.deltas("00:03", "control", apply(3, []))).toThrow("control revision 3 follows 1");
  });

  test.each<[unknown, string]>([
    [{ revision: 1, entry: { op: "apply", define: [{ id: "x" }], remove: [] } }, "a definition that does not parse"],
    [{ revision: 1, entry: { op: "apply", define: [VIP, VIP], remove: [] } }, "one id twice"],
    [
      {
        revision: 1,
        entry: {
          op: "apply",
          define: [
            { id: "x", rule: { segment: { in: ["y"] } } },
            { id: "y", rule: { segment: { in: ["x"] } } },
          ],
          remove: [],
        },
      },
      "a cycle",
    ],
    [{ revision: 1, entry: { op: "grow" } }, "an unknown operation"],
    [{ revision: 1, entry: { op: "list", id: "l", mode: "add", members: [7] } }, "a member that is no text"],
  ])("a bad entry is rejected and its revision is used up: %#", (copy) => {
    const story = new Story();
    story.deltas("00:00", "control", copy);
    expect(story.reasons).toEqual(["bad-control"]);
    story.identify("00:01", "ann", { vip: true });
    expect(story.deltas("00:02", "control", apply(2, [VIP]))).toMatchObject([{ version: 1 }]);
  });

  test("a message that is no copy is rejected and uses up nothing", () => {
    const story = new Story();
    story.deltas("00:00", "control", "{");
    story.deltas("00:00", "control", { entry: { op: "activate", revision: 1 } });
    expect(story.reasons).toEqual(["bad-control", "bad-control"]);
    story.identify("00:01", "ann", { vip: true });
    expect(story.deltas("00:02", "control", apply(1, [VIP]))).toHaveLength(1);
  });
});

describe("define, ready, activate", () => {
  const did = (id: string, gte: number) => ({ id, rule: { event: { name: "A", count: { gte } } } });
  const apply = (define: unknown[], remove: string[] = []) => ({ op: "apply", define, remove });

  test("what asks something new of history waits for its activation; meanwhile the old version serves", () => {
    const story = new Story();
    story.track("00:00", "ann", "A");
    story.identify("00:00", "bob", { vip: true });
    story.apply("00:01", [VIP]);
    expect(story.control("00:02", apply([did("vip", 1)]))).toEqual([]);
    expect(story.members("vip")).toEqual(["bob"]);
    expect(story.control("00:03", { op: "activate", revision: 3 })).toEqual(["+vip ann 00:03", "-vip bob 00:03"]);
  });

  test("what is asked already takes effect at its own entry: thresholds are no new question", () => {
    const story = new Story();
    story.track("00:00", "ann", "A");
    story.apply("00:01", [did("one", 1)]);
    expect(story.control("00:02", apply([did("also", 1), did("two", 2), { ...VIP, rule: { not: VIP.rule } }]))).toEqual(
      ["+also ann 00:02", "+vip ann 00:02"],
    );
  });

  test("nothing overtakes a batch that waits", () => {
    const story = new Story();
    story.track("00:00", "ann", "A");
    expect(story.control("00:01", apply([did("one", 1)]))).toEqual([]);
    expect(story.control("00:02", apply([everybody()]))).toEqual([]);
    expect(story.control("00:03", { op: "activate", revision: 1 })).toEqual(["+one ann 00:03"]);
    expect(story.control("00:04", { op: "activate", revision: 2 })).toEqual(["+all ann 00:04"]);
    expect(story.control("00:05", { op: "activate", revision: 2 })).toEqual([]);
  });

  test("a newer definition cancels an older one that waits; versions count all", () => {
    const story = new Story();
    story.track("00:00", "ann", "A");
    story.control("00:01", apply([did("one", 1), did("other", 1)]));
    story.control("00:02", apply([did("one", 2)]));
    expect(story.control("00:03", { op: "activate", revision: 1 })).toEqual(["+other ann 00:03"]);
    story.control("00:04", { op: "activate", revision: 2 });
    const [delta] = story.deltas("00:05", "event", { type: "track", userId: "ann", event: "A" });
    expect(delta).toMatchObject({ segment: "one", version: 2, n: 1 });
  });

  test("what waits stays where a later revision rests on it: by a cancel as by a newer definition", () => {
    const within = (id: string, other: string) => ({ id, kind: "user", rule: { segment: { in: [other] } } });
    const story = new Story();
    story.track("00:00", "ann", "A");
    story.control("00:01", apply([within("a", "b"), { ...everybody(), id: "b" }]));
    story.control("00:02", apply([did("a", 1)]));
    story.control("00:03", apply([within("b", "a")]));
    story.control("00:04", { op: "cancel", revision: 2 });
    story.control("00:05", apply([{ ...everybody(), id: "a" }]));
    expect(story.control("00:06", { op: "activate", revision: 2 })).toEqual([]);
    expect(story.control("00:07", { op: "activate", revision: 3 })).toEqual([]);
    expect(story.track("00:08", "bob", "A")).toEqual(["+a bob 00:08", "+b bob 00:08"]);
  });

  test("a batch that a newer one has emptied waits no more", () => {
    const story = new Story();
    story.track("00:00", "ann", "A");
    story.control("00:01", apply([did("one", 1)]));
    story.control("00:02", apply([], ["one"]));
    story.control("00:03", { op: "activate", revision: 2 });
    expect(story.control("00:04", apply([everybody()]))).toEqual(["+all ann 00:04"]);
    expect(story.control("00:05", { op: "activate", revision: 1 })).toEqual([]);
  });
});
