// Somebody is erased: leaves all segments at once and the account, and whoever comes back under the id is new but for the
// numbers of the changes (rules.md 4.10). Every expectation is worked out by hand.
import { describe, expect, test } from "vitest";
import { FLOORS_MAX } from "../../lib/core/control.ts";
import { Unheard } from "../../lib/core/engine/links/unheard.ts";
import { Floors } from "../../lib/core/engine/member/floors.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import type { MemberKind } from "../../lib/core/types.ts";
import { Unheard as OraclesUnheard } from "../../lib/oracle/unheard.ts";
import type { Story } from "./story.ts";
import { TELLERS, WORLDS } from "./tellers.ts";

const ACCOUNT = { kind: "account" };

function erasure(id: string, kind: MemberKind = "user") {
  return { op: "erase", ...erasedOf(kind, id, "a key") };
}

function numbers(story: Story, stamp: string, event: string): string[] {
  const said = story.deltas(stamp, "event", { type: "track", userId: "ann", event });
  return said.map(({ segment, change, n }) => `${change} ${segment} ${n}`);
}

describe.each(TELLERS)("the %s says", (_, Teller) => {
  test("that an erased user leaves every segment, what is nested first, whatever stay says", () => {
    const story = new Teller();
    story.define("00:00", "outer: {segment: {in: [inner]}}\ninner: {event: {name: A}}\nother: {event: {name: B}}");
    story.define("00:00", "long: {event: {name: A}}", { stay: "7d" });
    story.track("00:01", "ann", "A");
    story.track("00:01", "bob", "A");
    const said = story.deltas("00:02", "control", { revision: 5, entry: erasure("ann") });
    expect(said.map(({ segment, change, id, n, cause }) => [segment, change, id, n, cause.type])).toEqual([
      ["inner", "left", "ann", 2, "erasure"],
      ["long", "left", "ann", 2, "erasure"],
      ["outer", "left", "ann", 2, "erasure"],
    ]);
    expect(story.members("inner")).toEqual(["bob"]);
  });

  test("nothing by silence of somebody who is erased", () => {
    const story = new Teller();
    story.define("00:00", "lately: {event: {name: A, window: {last: 10m}}}");
    story.track("00:01", "ann", "A");
    expect(story.control("00:02", erasure("ann"))).toEqual(["-lately ann 00:02"]);
    expect(story.tick("01:00")).toEqual([]);
  });

  test("that whoever comes back knows nothing of before, and goes on with the highest number", () => {
    const story = new Teller();
    story.define("00:00", "twice: {event: {name: A, count: {gte: 2}}}\nonce: {event: {name: B}}");
    for (const minute of ["01", "02"]) story.track(`00:${minute}`, "ann", "A");
    story.control("00:03", erasure("ann"));
    expect(numbers(story, "00:04", "A")).toEqual([]);
    expect(numbers(story, "00:05", "B")).toEqual(["joined once 3"]);
    expect(numbers(story, "00:06", "A")).toEqual(["joined twice 3"]);
    story.control("00:07", erasure("ann"));
    expect(numbers(story, "00:08", "B")).toEqual(["joined once 5"]);
  });

  test("that an account of the same id is somebody else, and so is a stranger", () => {
    const story = new Teller();
    story.define("00:00", "once: {event: {name: A}}");
    story.track("00:01", "ann", "A");
    expect(story.control("00:02", erasure("ann", "account"))).toEqual([]);
    expect(story.control("00:02", erasure("nobody"))).toEqual([]);
    expect(story.members("once")).toEqual(["ann"]);
  });

  test("that no list has an erased user", () => {
    const story = new Teller();
    story.define("00:00", "vip: {list: {in: [vips]}}");
    expect(story.list("00:01", "vips", "add", ["ann"])).toEqual(["+vip ann 00:01"]);
    expect(story.control("00:02", erasure("ann"))).toEqual(["-vip ann 00:02"]);
    expect(story.track("00:03", "ann", "A")).toEqual([]);
  });

  test("that an entry which is not whole is refused", () => {
    const story = new Teller();
    story.control("00:00", { op: "erase", kind: "user", id: "ann" });
    story.control("00:00", { ...erasure("ann"), kind: "list" });
    expect(story.reasons).toEqual(["bad-control", "bad-control"]);
  });
});

describe.each(WORLDS)("the %s says", (_, World) => {
  test("that an account has one user less, and everybody hears that this was all about the user", () => {
    const world = new World();
    const [ann, bob, acme] = [world.idIn(0, "ann"), world.idIn(1, "bob"), world.idIn(1, "acme")];
    world.define("00:00", "pair: {users: {rule: {event: {name: A}}, count: {gte: 2}}}", ACCOUNT);
    for (const user of [ann, bob]) world.group("00:01", user, acme);
    for (const user of [ann, bob]) world.track("00:02", user, "A");
    expect(world.deliverAll("00:03")).toEqual([`+pair ${acme} 00:03`]);
    expect(world.control("00:04", erasure(ann))).toEqual([]);
    const leave = { op: "leave", account: acme, user: ann, on: [expect.any(String)] };
    expect(world.onTheWay(0, 1)).toEqual([leave, { op: "erased", revision: 3 }]);
    expect(world.onTheWay(0, 0)).toEqual([{ op: "erased", revision: 3 }]);
    world.deliver("00:05", 0, 0);
    expect(world.onTheWay(0, 0)).toEqual([{ op: "erased", revision: 3, heard: true }]);
    expect(world.deliverAll("00:05")).toEqual([`-pair ${acme} 00:05`]);
  });

  test("that an erased account leaves its segments and still has its users", () => {
    const world = new World();
    const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
    world.define("00:00", "paying: {trait: {plan: pro}}\nquiet: {not: {event: {name: A}}}", ACCOUNT);
    world.define("00:00", "theirs: {account: {trait: {plan: pro}}}");
    world.define("00:00", "peopled: {users: {rule: {event: {name: B}}, atLeast: 1}}", ACCOUNT);
    world.group("00:01", ann, acme, { plan: "pro" });
    world.track("00:01", ann, "A");
    world.track("00:01", ann, "B");
    world.deliverAll("00:02");
    expect(world.control("00:03", erasure(acme, "account"))).toEqual([
      `-paying ${acme} 00:03`,
      `-peopled ${acme} 00:03`,
      `+peopled ${acme} 00:03`,
      `+quiet ${acme} 00:03`,
    ]);
    // The last message of a link tells how far it has come, so something must come after all that goes.
    expect(world.onTheWay(1, 0).at(-1)).toEqual({ op: "erased", revision: 7 });
    world.deliver("00:04", 1, 1);
    expect(world.onTheWay(1, 1)).toEqual([{ op: "erased", revision: 7, heard: true }]);
    expect(world.deliverAll("00:04")).toEqual([`-theirs ${ann} 00:04`]);
  });

  test("that an erased account gets no traits back from who had told them before, and others from who tells them later", () => {
    const world = new World();
    const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
    world.define(
      "00:00",
      "paying: {trait: {plan: pro}}\npeopled: {users: {rule: {event: {name: B}}, atLeast: 1}}",
      ACCOUNT,
    );
    world.track("00:01", ann, "B");
    world.group("00:01", ann, acme, { plan: "pro", tier: "a" });
    world.control("00:02", erasure(acme, "account"));
    // She belongs to it, as she said.
    expect(world.deliver("00:03", 0, 1)).toMatchObject([{ segment: "peopled", change: "joined", id: acme }]);
    world.deliver("00:04", 1, 0);
    world.group("00:05", ann, acme, { plan: "pro", tier: "b" });
    expect(world.deliverAll("00:06")).toEqual([`+paying ${acme} 00:06`]);
    // A fold of all that sees the same.
    const changed = world.define("00:07", "changed: {change: {trait: tier, count: {eq: 1}}}", ACCOUNT);
    expect(changed).toEqual([`+changed ${acme} 00:07`]);
  });
});

describe("the numbers of those who were erased", () => {
  test("are remembered without their ids, one by one up to a bound, and beyond it by the highest", () => {
    const floors = new Floors(undefined, 2);
    floors.keyed("k");
    for (const [id, n] of [
      ["ann", 4],
      ["bob", 8],
      ["cid", 2],
    ] as const)
      floors.raise("user", id, n);
    expect(["ann", "bob", "cid", "new"].map((id) => floors.of("user", id))).toEqual([4, 8, 2, 4]);
    expect(floors.of("account", "bob")).toBe(4);
    expect(JSON.stringify(floors.written)).not.toMatch(/ann|bob|cid/);
    expect(new Floors(floors.written).of("user", "bob")).toBe(8);
    expect(FLOORS_MAX).toBeGreaterThan(1_000);
  });

  test("of the first key are found under no later one", () => {
    const floors = new Floors();
    floors.keyed("first");
    floors.raise("user", "ann", 4);
    floors.keyed("second");
    expect(floors.of("user", "ann")).toBe(4);
  });
});

test("who has not answered yet that an account is erased is remembered, by a hash, until all have", () => {
  const before = new Unheard();
  before.expect(3, erasedOf("account", "acme", "a key"), 2);
  before.heard(3, 0);
  const unheard = new Unheard(before.written);
  expect(JSON.stringify(unheard.written)).not.toContain("acme");
  const call = { op: "group", account: "acme", user: "ann", at: 1, traits: { plan: "pro" } } as const;
  expect(unheard.lessTraits(call, 1)).toEqual({ ...call, traits: {} });
  expect(unheard.lessTraits(call, 0)).toBe(call);
  expect(unheard.lessTraits({ ...call, account: "zoo" }, 1).traits).toEqual({ plan: "pro" });
  unheard.heard(4, 1);
  unheard.heard(3, 1);
  expect(unheard.written).toEqual([]);
});

test("the oracle waits for those alone who have not answered", () => {
  const unheard = new OraclesUnheard();
  unheard.expect(3, erasedOf("account", "acme", "a key"), 2);
  unheard.heard(3, 0);
  expect([0, 1].map((from) => unheard.isOld("acme", from))).toEqual([false, true]);
  expect(unheard.isOld("zoo", 1)).toBe(false);
  unheard.heard(4, 1);
  expect(unheard.isEmpty).toBe(false);
  unheard.heard(3, 1);
  expect(unheard.isEmpty).toBe(true);
});
