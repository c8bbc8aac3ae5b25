// The parts of a profile: where the log tells of somebody, orders, visits, until when they stay, what one rule keeps them out
// of, and whom a text finds. What they say after a restart is what they said before.
import { describe, expect, test } from "vitest";
import { TRAIL_MAX } from "../../../lib/core/engine/member/trail.ts";
import type { SearchAsked } from "../../../lib/core/partition.ts";
import { MachineStory } from "./machine-story.ts";

function machineOf(story: MachineStory, id: string) {
  story.rig.provide(story.rig.machine.pageOf(id));
  return story.rig.machine;
}

/** Everybody whom the text finds, in the order of the walk. */
function found(story: MachineStory, asked: SearchAsked, from = 0): string[] {
  const walk = story.rig.machine.search(asked, from);
  while (walk.page !== undefined) {
    story.rig.provide(walk.page);
    walk.look();
  }
  return walk.hits.map(({ kind, id, field }) => `${kind} ${id} by ${field}`);
}

describe("the trail", () => {
  test("names each accepted message of the member, and none of others, across a restart", () => {
    const story = new MachineStory();
    const seqs: number[] = [];
    const said = (run: () => unknown) => {
      run();
      seqs.push(story.rig.machine.position);
    };
    said(() => story.track("10:00", "ann", "A"));
    story.track("10:01", "bob", "A");
    said(() => story.identify("10:02", "ann", { plan: "pro" }));
    // It names no order there is, so it is refused and leaves no trace.
    story.track("10:03", "ann", "Order Refunded", { order_id: "none" });
    expect(story.reasons).toEqual(["unknown-order"]);
    story.restart();
    said(() => story.track("10:04", "ann", "B"));
    const history = machineOf(story, "ann").history("user", "ann")!;
    expect(history).toMatchObject({ trail: seqs, isWhole: true });
    expect(Object.keys(history.traitTimes)).toEqual(["plan"]);
    expect(machineOf(story, "nobody").history("user", "nobody")).toBeUndefined();
  });

  test("keeps the newest of many, and says that there were others", () => {
    const story = new MachineStory();
    for (let event = 0; event < TRAIL_MAX + 7; event += 1) story.track("10:00", "ann", "A");
    story.restart();
    const { trail, isWhole } = machineOf(story, "ann").history("user", "ann")!;
    const last = story.rig.machine.position;
    expect(trail).toEqual(Array.from({ length: TRAIL_MAX }, (_, index) => last - TRAIL_MAX + 1 + index));
    expect(isWhole).toBe(false);
  });
});

test("orders: totals of those that stand, what each comes to by now, page by page", () => {
  const story = new MachineStory();
  story.track("10:00", "ann", "Order Completed", { order_id: "1", total: 10 });
  story.track("10:01", "ann", "Order Completed", { order_id: "2", total: 20.5, products: [{ product_id: "p" }] });
  story.track("10:02", "ann", "Order Completed", { order_id: "3", total: 40 });
  story.track("10:03", "ann", "Order Refunded", { order_id: "2", total: 5 });
  story.track("10:04", "ann", "Order Cancelled", { order_id: "3" });
  const machine = machineOf(story, "ann");
  const first = machine.orders("user", "ann", undefined, 2)!;
  expect(first).toMatchObject({ count: 3, standing: 2, revenue: 25.5, average: 12.75, more: true });
  expect(first.orders).toMatchObject([
    { id: "3", gone: true },
    { id: "2", gone: false, total: 15.5, quantity: 1, products: [{ product_id: "p" }] },
  ]);
  const { at, seq } = first.orders.at(-1)!;
  expect(machine.orders("user", "ann", [at, seq], 2)).toMatchObject({ orders: [{ id: "1", total: 10 }], more: false });
});

test("visits: newest first, one of them under way, page by page", () => {
  const story = new MachineStory();
  for (const time of ["08:00", "08:10", "10:00", "12:00"]) story.event(time, { type: "page", userId: "ann" });
  const machine = machineOf(story, "ann");
  const first = machine.visits("user", "ann", undefined, 2)!;
  expect(first).toMatchObject({ count: 3, more: true });
  expect(first.visits.map(({ underWay, visit }) => [underWay, visit.duration])).toEqual([
    [true, 0],
    [false, 0],
  ]);
  expect(machine.visits("user", "ann", first.visits.at(-1)!.start, 2)).toMatchObject({
    visits: [{ underWay: false, visit: { duration: 600_000 } }],
    more: false,
  });
});

test("standing: until when silence keeps somebody in; near misses: what one rule keeps them out of", () => {
  const story = new MachineStory();
  story.define(
    "00:00",
    [
      "busy: {event: {name: A, window: {last: 1h}}}",
      "both: {all: [{event: {name: A}}, {trait: {plan: pro}}]}",
      "far: {all: [{event: {name: B}}, {trait: {plan: pro}}]}",
      "once: {trait: {plan: free}}",
    ].join("\n"),
  );
  story.identify("09:00", "ann", { plan: "free" });
  story.identify("09:30", "ann", { plan: "basic" });
  story.track("10:00", "ann", "A");
  const machine = machineOf(story, "ann");
  const standing = machine.standing("user", "ann")!;
  expect(standing.map(({ segment, in: isIn, n }) => [segment, isIn, n])).toEqual([
    ["busy", true, 1],
    ["once", false, 2],
  ]);
  // The instant at which the explanation says it, which the laws hold against what happens.
  expect(standing[0]!.until).toBe(story.explain("busy", "ann").until);
  expect(new Date(standing[0]!.until!).toISOString()).toMatch(/T11:00:01/);
  expect(standing[1]!.until).toBeUndefined();

  const near = machine.near("user", "ann", undefined, 1)!;
  expect(near).toMatchObject({ near: [{ segment: "both", rule: { rule: "trait plan", actual: "basic" } }], looked: 1 });
  const rest = machine.near("user", "ann", near.next!, 10)!;
  expect(rest).toMatchObject({ near: [{ segment: "once" }], looked: 2, next: null });
});

describe("search", () => {
  const told = () => {
    const story = new MachineStory();
    story.identify("10:00", "u-ann", { name: "Ann-Marie van Dyk", email: "ann@shop.example", seats: 120 });
    story.identify("10:01", "u-bob", { name: "Bob Dylan", city: "Düsseldorf" });
    story.event("10:02", { type: "group", userId: "u-bob", groupId: "dynamo", traits: { name: "Dynamo AG" } });
    story.event("10:02", { type: "group", groupId: "dynamo", userId: "u-ann", traits: {} });
    return story;
  };

  test("by the beginning of an id, of a trait, of a word in it; small and capital letters are the same", () => {
    const story = told();
    expect(found(story, { text: "U-A" })).toEqual(["user u-ann by id"]);
    expect(found(story, { text: "ANN@" })).toEqual(["user u-ann by email"]);
    expect(found(story, { text: "düss" })).toEqual(["user u-bob by city"]);
    expect(found(story, { text: "DÜSS" })).toEqual(["user u-bob by city"]);
    expect(found(story, { text: "120" })).toEqual(["user u-ann by seats"]);
    expect(found(story, { text: "dyk" })).toEqual(["user u-ann by name"]);
    expect(found(story, { text: "van dy" })).toEqual(["user u-ann by name"]);
    expect(found(story, { text: "arie" })).toEqual([]);
    expect(found(story, { text: "dy" }).sort()).toEqual([
      "account dynamo by id",
      "user u-ann by name",
      "user u-bob by name",
    ]);
  });

  test("of one field alone; masked, by ids alone that do not speak", () => {
    const story = told();
    expect(found(story, { text: "dy", field: "id" })).toEqual(["account dynamo by id"]);
    expect(found(story, { text: "u", field: "email" })).toEqual([]);
    expect(found(story, { text: "dy", masked: true })).toEqual(["account dynamo by id"]);
    for (const id of ["dyk@shop.example", "Dy Kay", "+4989123456"]) story.track("10:03", id, "A");
    expect(found(story, { text: "dy", masked: true })).toEqual(["account dynamo by id"]);
    expect(found(story, { text: "+49", masked: true })).toEqual([]);
    expect(found(story, { text: "+49" })).toEqual(["user +4989123456 by id"]);
  });

  test("goes on at the place of whom it has not told yet, and meets everybody once", () => {
    const story = new MachineStory({}, 1);
    const ids = Array.from({ length: 900 }, (_, index) => `u${index}`);
    for (const id of ids) story.track("10:00", id, "A");
    const walk = story.rig.machine.search({ text: "u1" }, 0);
    while (walk.page !== undefined) {
      story.rig.provide(walk.page);
      walk.look();
    }
    const expected = ids.filter((id) => id.startsWith("u1"));
    expect(walk.hits.map(({ id }) => id).sort()).toEqual(expected.sort());
    const places = walk.hits.map(({ at }) => at);
    expect(places).toEqual(places.toSorted((left, right) => left - right));
    const middle = walk.hits[Math.floor(walk.hits.length / 2)]!;
    const rest = found(story, { text: "u1" }, middle.at);
    expect(rest).toEqual(walk.hits.filter(({ at }) => at >= middle.at).map(({ id }) => `user ${id} by id`));
  });
});
