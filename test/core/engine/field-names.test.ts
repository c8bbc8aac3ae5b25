// Fields whose names mean something to programs: people may send them, and they are kept like all others. A library that called
// what it found under such a name ended the partition at its next checkpoint, and at each one after a restart.
import { expect, test } from "vitest";
import { MachineStory } from "./machine-story.ts";

const NAMED = { toJSON: 1, valueOf: 3, toString: 4, hasOwnProperty: 6, length: -1 };

test("traits of such names come through a checkpoint and a restart", () => {
  const story = new MachineStory();
  story.define("00:00", "s: {trait: {plan: x}}");
  story.identify("01:00", "ann", { ...NAMED, nested: NAMED });
  story.restart();
  expect(story.user("ann").traits).toEqual({ ...NAMED, nested: NAMED });
  expect(story.identify("02:00", "ann", { plan: "x" })).toEqual(["+s ann 02:00"]);
  expect(story.rejects).toEqual([]);
});

test("attributes of items, too, which stand in the checkpoint's own part", () => {
  const story = new MachineStory();
  story.define("00:00", "s: {item: {action: viewed, type: brand, ids: [Acme]}}");
  story.control("00:01", { op: "items", mode: "merge", items: [{ id: "a", attributes: { ...NAMED, brand: "Acme" } }] });
  story.restart();
  expect(story.track("01:00", "ann", "Product Viewed", { product_id: "a" })).toEqual(["+s ann 01:00"]);
});
