// rules.md 4.8 as stories that the engine hears: changes of a trait, counted like events.
import { expect, test } from "vitest";
import { MachineStory } from "./machine-story.ts";

function defined(segments: string, header: Record<string, unknown> = {}): MachineStory {
  const story = new MachineStory();
  story.define("00:00", segments, header);
  expect(story.rejects).toEqual([]);
  return story;
}

test("the first value is a change from missing, the same value again is none, and null is a removal", () => {
  const story = defined(`
    any: {change: {trait: plan, count: {gte: 2}}}
    gone: {change: {trait: plan, to: {exists: false}}}
    first: {change: {trait: plan, from: {exists: false}, to: trial}}`);
  expect(story.identify("01:00", "ann", { plan: "trial" })).toEqual(["+first ann 01:00"]);
  expect(story.identify("02:00", "ann", { plan: "trial" })).toEqual([]);
  expect(story.identify("03:00", "ann", { plan: null })).toEqual(["+any ann 03:00", "+gone ann 03:00"]);
  expect(story.identify("03:00", "ann", { plan: null, other: 1 })).toEqual([]);
});

test("equality is deep, whatever the order of keys", () => {
  const story = defined("two: {change: {trait: address, count: {gte: 2}}}");
  story.identify("01:00", "ann", { address: { city: "Ulm", zip: [1, 2] } });
  expect(story.identify("02:00", "ann", { address: { zip: [1, 2], city: "Ulm" } })).toEqual([]);
  expect(story.identify("03:00", "ann", { address: { zip: [2, 1], city: "Ulm" } })).toEqual(["+two ann 03:00"]);
});

test("a path into a trait changes when the value there does", () => {
  const story = defined("moved: {change: {trait: address.city, from: Ulm}}");
  story.identify("01:00", "ann", { address: { city: "Ulm", zip: 1 } });
  expect(story.identify("02:00", "ann", { address: { city: "Ulm", zip: 2 } })).toEqual([]);
  expect(story.identify("03:00", "ann", { address: { zip: 2 } })).toEqual(["+moved ann 03:00"]);
});

test("a write that is refused for a newer one is no change; one that is late counts at its own time", () => {
  const story = defined(`
    two: {change: {trait: plan, count: {gte: 2}}}
    soon: {change: {trait: plan, to: b, window: {last: 1h}}}`);
  story.identify("05:00", "ann", { plan: "a" }, { at: "02:00" });
  expect(story.identify("05:01", "ann", { plan: "x" }, { at: "01:00" })).toEqual([]);
  // At 04:10, so it turns 1 h old at the end of its second.
  expect(story.identify("05:02", "ann", { plan: "b" }, { at: "04:10" })).toEqual(["+soon ann 05:02", "+two ann 05:02"]);
  expect(story.tick("05:11")).toEqual(["-soon ann 05:10:01"]);
});

test("stayed: only the latest change can match, and a window ends it by silence", () => {
  const story = defined("paying: {change: {trait: life, from: trial, to: paying, stayed: true, window: {last: 30d}}}");
  story.identify("01:00", "ann", { life: "trial" });
  expect(story.identify("02:00", "ann", { life: "paying" })).toEqual(["+paying ann 02:00"]);
  expect(story.identify("03:00", "ann", { life: "gone" })).toEqual(["-paying ann 03:00"]);
  story.identify("04:00", "ann", { life: "trial" });
  expect(story.identify("05:00", "ann", { life: "paying" })).toEqual(["+paying ann 05:00"]);
  expect(story.identify("06:00", "ann", { life: "paying", seats: 2 })).toEqual([]);
  // Tiles of 30 days are hours: from 05:00 to 06:00, then 30 days.
  expect(story.tick("+30 06:00")).toEqual(["-paying ann +30 06:00"]);
});

test("stayed with a count of none: whoever has changed since", () => {
  const story = defined("left: {change: {trait: life, to: paying, stayed: true, count: {eq: 0}}}");
  expect(story.identify("01:00", "ann", { life: "trial" })).toEqual(["+left ann 01:00"]);
  expect(story.identify("02:00", "ann", { life: "paying" })).toEqual(["-left ann 02:00"]);
  expect(story.identify("03:00", "ann", { life: "trial" })).toEqual(["+left ann 03:00"]);
});

test("numbers of from and to are measured", () => {
  const story = defined(`
    sum: {change: {trait: seats, sum: {of: to, is: {gte: 8.3}}}}
    avg: {change: {trait: seats, avg: {of: from, is: {eq: 4}}}}
    max: {change: {trait: seats, max: {of: to, is: {gt: 5}}}}
    distinct: {change: {trait: seats, distinct: {of: to, is: {gte: 3}}}}
    risen: {change: {trait: seats, where: {all: [{from: {gte: 3}}, {to: {gte: 5}}]}}}`);
  expect(story.identify("01:00", "ann", { seats: 3 })).toEqual([]);
  expect(story.identify("02:00", "ann", { seats: 5.3 })).toEqual([
    "+max ann 02:00",
    "+risen ann 02:00",
    "+sum ann 02:00",
  ]);
  // From 3 and 5.3: 4.15 on average; then 3, 5.3 and 3.7, which is 4.
  expect(story.identify("03:00", "ann", { seats: 3.7 })).toEqual(["+distinct ann 03:00"]);
  expect(story.identify("04:00", "ann", { seats: "many" })).toEqual(["+avg ann 04:00"]);
});

test("days are local, also where the zone comes in the same message; visits count nothing", () => {
  const story = defined(
    `
    days: {change: {trait: plan, days: {gte: 2}}}
    today: {change: {trait: plan, window: {today: true}}}
    visits: {change: {trait: plan, visits: {gte: 1}}}
    visit: {change: {trait: plan, window: {visit: current}}}`,
    { zone: "user" },
  );
  // 20:00 UTC on Monday is Tuesday, 05:00 in Tokyo.
  expect(story.identify("20:00", "ann", { plan: "a", timezone: "Asia/Tokyo" })).toEqual(["+today ann 20:00"]);
  expect(story.identify("22:00", "ann", { plan: "b" })).toEqual([]);
  expect(story.tick("+1 15:00")).toEqual(["-today ann +1 15:00"]);
  expect(story.identify("+1 15:00", "ann", { plan: "c" })).toEqual(["+days ann +1 15:00", "+today ann +1 15:00"]);
});

test("first and latest", () => {
  const story = defined(`
    first: {change: {trait: plan, first: {last: 1h}}}
    latest: {change: {trait: plan, to: b, latest: {last: 1h}}}`);
  expect(story.identify("01:00", "ann", { plan: "a" })).toEqual(["+first ann 01:00"]);
  expect(story.identify("01:30", "ann", { plan: "b" })).toEqual(["+latest ann 01:30"]);
  expect(story.tick("03:00")).toEqual(["-first ann 02:00:01", "-latest ann 02:30:01"]);
});

test("changes before the definition are found in history", () => {
  const story = new MachineStory();
  story.identify("01:00", "ann", { life: "trial" });
  story.identify("02:00", "ann", { life: "paying" });
  story.identify("02:00", "bob", { life: "paying" });
  expect(story.define("03:00", "won: {change: {trait: life, from: trial, to: paying}}")).toEqual(["+won ann 03:00"]);
});

test("explain says how many changes there are, and until when", () => {
  const story = defined("won: {change: {trait: life, to: paying, count: {gte: 1}, window: {last: 1h}}}");
  story.identify("02:00", "ann", { life: "paying" });
  expect(story.explain("won", "ann")).toMatchObject({ pass: true, actual: 1, until: Date.UTC(2026, 10, 2, 3, 0, 1) });
});
