// Things that people own many of: how many pass, or an aggregate of them; and what dates in them do by silence.
import { describe, expect, test } from "vitest";
import type { Json } from "../../../lib/core/types.ts";
import { MachineStory } from "./machine-story.ts";

const ONE_PAGE = 1;

class Leases extends MachineStory {
  set(stamp: string, id: Json, attributes: Record<string, Json> = {}, type: Json = "lease"): string[] {
    return this.track(stamp, "ann", "Object Set", { type, id, ...attributes });
  }

  remove(stamp: string, id: Json, type: Json = "lease"): string[] {
    return this.track(stamp, "ann", "Object Removed", { type, id });
  }
}

function story(segments: string, header: Record<string, unknown> = {}, limits = {}): Leases {
  const told = new Leases({ limits }, ONE_PAGE);
  told.define("00:00", segments, header);
  return told;
}

describe("how many", () => {
  test("of a type and a where; set, changed, removed", () => {
    const told = story(`
      active: { object: { type: lease, where: { active: true }, count: { gte: 2 } } }
      any: { object: { type: lease } }
      none: { object: { type: lease, count: { eq: 0 } } }`);
    expect(told.set("01:00", "l1", { active: true })).toEqual(["+any ann 01:00"]);
    expect(told.set("01:01", 7, { active: false })).toEqual([]);
    // 7 and "7" are one id, for an id is read as its decimal text.
    expect(told.set("01:02", "7", { active: true })).toEqual(["+active ann 01:02"]);
    expect(told.set("01:03", "l1", { rent: 5 })).toEqual([]);
    expect(told.set("01:04", "l1", { active: null })).toEqual(["-active ann 01:04"]);
    expect(told.set("01:05", "c1", {}, "car")).toEqual([]);
    expect(told.remove("01:06", "l1")).toEqual([]);
    expect(told.remove("01:07", "l9")).toEqual([]);
    expect(told.user("ann").objects).toEqual({
      lease: { "7": { active: true, type: "lease", id: "7" } },
      car: { c1: { type: "car", id: "c1" } },
    });
    expect(told.remove("01:08", 7)).toEqual(["-any ann 01:08", "+none ann 01:08"]);
    // Somebody new owns nothing.
    expect(told.track("01:09", "bo", "A")).toEqual(["+none bo 01:09"]);
  });

  test("they are events too, and belong to whoever sent them", () => {
    const told = story("two: { object: { type: lease, count: 2 } }");
    told.set("01:00", "l1");
    told.track("01:01", "bo", "Object Set", { type: "lease", id: "l2" });
    expect(told.set("01:02", "l2")).toEqual(["+two ann 01:02"]);
  });

  test("without a type or an id it is refused, and more than are kept; nothing of either is left behind", () => {
    const told = story("any: { object: { type: lease } }", {}, { objectsMax: 2 });
    told.set("01:00", "l1", {}, { x: 1 });
    told.set("01:01", true);
    told.remove("01:02", null);
    expect(told.reasons).toEqual(["bad-field", "bad-field", "bad-field"]);
    expect(told.rig.machine.universe).toBe(0);
    told.set("01:03", "l1");
    told.set("01:04", "l2");
    told.set("01:05", "l3", { context: 1 });
    expect(told.reasons.slice(3)).toEqual(["limit"]);
    told.set("01:06", "c1", {}, "car");
    told.set("01:07", "l2", { rent: 5 });
    told.remove("01:08", "l1");
    told.set("01:09", "l3");
    expect(told.reasons).toHaveLength(4);
    expect(told.user("ann").objects).toEqual({
      lease: { l2: { type: "lease", id: "l2", rent: 5 }, l3: { type: "lease", id: "l3" } },
      car: { c1: { type: "car", id: "c1" } },
    });
  });
});

describe("aggregates", () => {
  test("sums and averages are of amounts, exactly; min and max of numbers; distinct of texts, numbers, booleans", () => {
    const told = story(`
      sum: { object: { type: lease, sum: { of: rent, is: { eq: 0.3 } } } }
      avg: { object: { type: lease, avg: { of: rent, is: { lte: 0.15 } } } }
      min: { object: { type: lease, min: { of: rent, is: 0.1 } } }
      max: { object: { type: lease, max: { of: rent, is: { lt: 1000 } } } }
      towns: { object: { type: lease, distinct: { of: unit.town, is: 2 } } }`);
    expect(told.set("01:00", "l1", { rent: 0.1, unit: { town: "x" } })).toEqual([
      "+avg ann 01:00",
      "+max ann 01:00",
      "+min ann 01:00",
    ]);
    // 0.1 + 0.2 is 0.3 here; 0.3 ÷ 2 is 0.15.
    expect(told.set("01:01", "l2", { rent: 0.2, unit: { town: "y" } })).toEqual(["+sum ann 01:01", "+towns ann 01:01"]);
    // A text is no number, and an object without one does not make the average smaller.
    expect(told.set("01:02", "l3", { rent: "9", unit: { town: "x" } })).toEqual([]);
    expect(told.set("01:03", "l4", { rent: 1_000 })).toEqual(["-avg ann 01:03", "-max ann 01:03", "-sum ann 01:03"]);
    expect(told.explain("sum", "ann")).toMatchObject({ actual: 1_000.3, pass: false });
    expect(told.explain("avg", "ann")).toMatchObject({ actual: 1_000.3 / 3 });
    expect(told.explain("min", "ann")).toMatchObject({ actual: 0.1 });
  });

  test("over none a sum is 0; an average and an extreme are missing, and fail whatever is asked but their complements", () => {
    const told = story(`
      sum: { object: { type: lease, sum: { of: rent, is: 0 } } }
      low: { object: { type: lease, max: { of: rent, is: { lt: 1000 } } } }
      not: { object: { type: lease, avg: { of: rent, is: { ne: 5 } } } }`);
    expect(told.track("01:00", "ann", "A")).toEqual(["+not ann 01:00", "+sum ann 01:00"]);
    expect(told.set("01:01", "l1", { rent: 5 })).toEqual(["+low ann 01:01", "-not ann 01:01", "-sum ann 01:01"]);
    expect(told.remove("01:02", "l1")).toEqual(["-low ann 01:02", "+not ann 01:02", "+sum ann 01:02"]);
  });
});

describe("dates in a where", () => {
  test("move by silence, at their own instant, after a restart too", () => {
    const told = story("ending: { object: { type: lease, where: { ends: { date: { next: 2h } } } } }");
    // It is in the next two hours from 03:00 on; at 05:00 it is past.
    expect(told.set("01:00", "l1", { ends: "2026-11-02T05:00:00Z" })).toEqual([]);
    told.restart();
    expect(told.tick("02:59")).toEqual([]);
    expect(told.tick("04:00")).toEqual(["+ending ann 03:00"]);
    expect(told.explain("ending", "ann").until).toBe(Date.UTC(2026, 10, 2, 5));
    expect(told.set("04:30", "l2", { ends: "2026-11-02T06:00:00Z" })).toEqual([]);
    expect(told.tick("08:00")).toEqual(["-ending ann 06:00"]);
  });

  test("a local day is that of the segment's zone, and of the user's own as it changes", () => {
    // Midnight of 4 November in Kathmandu (+05:45) is 18:15 UTC of the day before.
    const rule = "today: { object: { type: lease, where: { ends: { date: { today: true } } } } }";
    const told = story(rule, { zone: "Asia/Kathmandu" });
    told.set("01:00", "l1", { ends: "2026-11-04" });
    expect(told.tick("+3 00:00")).toEqual(["+today ann +1 18:15", "-today ann +2 18:15"]);
    const own = story(rule, { zone: "user" });
    own.set("01:00", "l1", { ends: "2026-11-04" });
    expect(own.tick("+1 20:00")).toEqual([]);
    expect(own.identify("+1 20:00", "ann", { timezone: "Asia/Kathmandu" })).toEqual(["+today ann +1 20:00"]);
    expect(own.tick("+3 00:00")).toEqual(["-today ann +2 18:15"]);
  });
});
