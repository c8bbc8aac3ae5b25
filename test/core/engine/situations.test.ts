// What a feed says of a place moves the people who are there, with no event of their own; and what ends, ends.
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../../lib/core/types.ts";
import { instant, told } from "../../oracle/story.ts";
import { MachineStory } from "./machine-story.ts";

const PARIS = { country: "FR", region: "Île-de-France", city: "Paris" };
const LYON = { country: "FR", region: "Auvergne-Rhône-Alpes", city: "Lyon" };
const FRANCE = { country: "FR" };

class Feeds extends MachineStory {
  constructor() {
    super({}, 1);
  }

  /** Ann is in Paris, bo as well (his device writes it in its own way), cy in Lyon, and nobody knows where di is. */
  settle(): this {
    this.at("00:01", "ann", PARIS);
    this.at("00:02", "bo", { country: "fr", region: "ÎLE-DE-FRANCE", city: "paris", postal: "75001" });
    this.at("00:03", "cy", LYON);
    this.track("00:04", "di", "A");
    return this;
  }

  at(stamp: string, userId: string, place: Json): string[] {
    return this.event(stamp, { type: "page", userId, context: { place } });
  }

  feed(stamp: string, kind: string, place: Json, values: JsonObject | null, until?: string): string[] {
    return this.control(stamp, this.entry(kind, place, values, until));
  }

  entry(kind: string, place: Json, values: JsonObject | null, until?: string): object {
    const end = until === undefined ? {} : { until: instant(until) };
    return { op: "situation", kind, place, values, ...end };
  }

  /** With the causes: "+rain ann 09:00 feed". */
  caused(stamp: string, entry: object): string[] {
    this.revision += 1;
    const deltas = this.deltas(stamp, "control", { revision: this.revision, entry });
    return told(deltas).map((text, index) => `${text} ${deltas[index]!.cause.type}`);
  }
}

const RAIN = { condition: "rain", temperature: 8 };
const SUN = { condition: "sun", temperature: 21 };

describe("people are moved by what is said of their place", () => {
  test("they join as it is said, with cause feed, and leave as it is cleared; the others stay", () => {
    const story = new Feeds().settle();
    story.define("01:00", "rain: { weather: { condition: rain } }\ncold: { weather: { temperature: { lt: 10 } } }");
    expect(story.caused("09:00", story.entry("weather", PARIS, RAIN))).toEqual([
      "+cold ann 09:00 feed",
      "+rain ann 09:00 feed",
      "+cold bo 09:00 feed",
      "+rain bo 09:00 feed",
    ]);
    // Said again, it moves nobody.
    expect(story.feed("09:10", "weather", { ...PARIS, city: "PARIS" }, { ...RAIN })).toEqual([]);
    expect(story.feed("09:20", "weather", PARIS, { condition: "rain", temperature: 12 })).toEqual([
      "-cold ann 09:20",
      "-cold bo 09:20",
    ]);
    story.restart();
    expect(story.caused("09:30", story.entry("weather", PARIS, null))).toEqual([
      "-rain ann 09:30 feed",
      "-rain bo 09:30 feed",
    ]);
  });

  test("the most specific place that fits counts, and where it is silent the next", () => {
    const story = new Feeds().settle();
    story.define("01:00", "sun: { weather: { condition: sun } }\nrain: { weather: { condition: rain } }");
    expect(story.feed("09:00", "weather", PARIS, RAIN)).toEqual(["+rain ann 09:00", "+rain bo 09:00"]);
    expect(story.feed("09:01", "weather", FRANCE, SUN)).toEqual(["+sun cy 09:01"]);
    expect(story.feed("09:02", "weather", { country: "FR", region: LYON.region }, RAIN)).toEqual([
      "+rain cy 09:02",
      "-sun cy 09:02",
    ]);
    expect(story.feed("09:03", "weather", PARIS, null)).toEqual([
      "-rain ann 09:03",
      "+sun ann 09:03",
      "-rain bo 09:03",
      "+sun bo 09:03",
    ]);
  });

  test("who is nowhere, or nobody knows in which region, is not in a city", () => {
    const story = new Feeds();
    story.define("00:00", "rain: { weather: { condition: rain } }\ndry: { weather: { condition: { ne: rain } } }");
    expect(story.at("01:00", "ann", { country: "FR", city: "Paris" })).toEqual(["+dry ann 01:00"]);
    expect(story.track("01:01", "di", "A")).toEqual(["+dry di 01:01"]);
    expect(story.feed("09:00", "weather", PARIS, RAIN)).toEqual([]);
    expect(story.feed("09:01", "weather", FRANCE, RAIN)).toEqual(["-dry ann 09:01", "+rain ann 09:01"]);
  });

  test("any kind; a number that moves looks at the bounds it passes", () => {
    const story = new Feeds().settle();
    story.define(
      "01:00",
      `
      metro: { situation: { kind: strike, where: { lines: { includesAll: [metro] } } } }
      long: { situation: { kind: strike, where: { any: [{ days: { gte: 3 } }, { open: true }] } } }`,
    );
    expect(story.feed("02:00", "strike", FRANCE, { lines: ["bus"], days: 2 })).toEqual([]);
    expect(story.feed("02:01", "strike", FRANCE, { lines: ["bus", "metro"], days: 3 })).toEqual([
      "+long ann 02:01",
      "+metro ann 02:01",
      "+long bo 02:01",
      "+metro bo 02:01",
      "+long cy 02:01",
      "+metro cy 02:01",
    ]);
    // Weather is another kind.
    expect(story.feed("02:02", "weather", FRANCE, { days: 1 })).toEqual([]);
  });
});

describe("people move", () => {
  test("into what is said of a place, and out of it", () => {
    const story = new Feeds().settle();
    story.define("01:00", "rain: { weather: { condition: rain } }\nfree: { not: { weather: { condition: rain } } }");
    story.feed("09:00", "weather", PARIS, RAIN);
    expect(story.at("10:00", "cy", PARIS)).toEqual(["-free cy 10:00", "+rain cy 10:00"]);
    expect(story.at("10:01", "ann", LYON)).toEqual(["+free ann 10:01", "-rain ann 10:01"]);
    // What a server says of a place is no visit.
    const body = { type: "page", userId: "ann", channel: "server", context: { place: PARIS } };
    expect(story.event("10:02", body)).toEqual([]);
    expect(story.at("10:03", "new", PARIS)).toEqual(["+rain new 10:03"]);
    expect(story.feed("10:04", "weather", PARIS, null)).toEqual([
      "+free bo 10:04",
      "-rain bo 10:04",
      "+free cy 10:04",
      "-rain cy 10:04",
      "+free new 10:04",
      "-rain new 10:04",
    ]);
  });

  test("a rule that is new knows what was said before it", () => {
    const story = new Feeds().settle();
    story.feed("09:00", "weather", PARIS, RAIN, "11:00");
    expect(story.define("10:00", "rain: { weather: { condition: rain } }")).toEqual([
      "+rain ann 10:00",
      "+rain bo 10:00",
    ]);
    expect(story.tick("12:00")).toEqual(["-rain ann 11:00", "-rain bo 11:00"]);
  });
});

describe("until", () => {
  test("it ends by itself, in time's name, after a restart too, and what it hid is there again", () => {
    const story = new Feeds().settle();
    story.define("01:00", "rain: { weather: { condition: rain } }\nsun: { weather: { condition: sun } }");
    story.feed("09:00", "weather", FRANCE, SUN);
    story.feed("09:10", "weather", PARIS, RAIN, "10:00");
    expect(story.rig.machine.deadline).toBe(instant("10:00"));
    expect(story.explain("rain", "ann")).toMatchObject({ pass: true, actual: "rain", until: instant("10:00") });
    expect(story.user("ann").situations).toEqual({ weather: RAIN });
    story.restart();
    expect(story.rig.machine.deadline).toBe(instant("10:00"));
    expect(story.tick("09:59:59.999")).toEqual([]);
    const deltas = story.deltas("10:30", "clock", {});
    expect(told(deltas)).toEqual(["-rain ann 10:00", "+sun ann 10:00", "-rain bo 10:00", "+sun bo 10:00"]);
    expect(new Set(deltas.map(({ cause }) => cause.type))).toEqual(new Set(["time"]));
    expect(story.user("ann").situations).toEqual({ weather: SUN });
    expect(story.rig.machine.deadline).toBe(Number.POSITIVE_INFINITY);
    story.restart();
    expect(story.tick("11:00")).toEqual([]);
  });

  test("one that is past clears; one that is said anew lasts as long as that says", () => {
    const story = new Feeds().settle();
    story.define("01:00", "rain: { weather: { condition: rain } }");
    story.feed("09:00", "weather", PARIS, RAIN, "10:00");
    story.feed("09:30", "weather", PARIS, RAIN, "11:00");
    expect(story.tick("10:30")).toEqual([]);
    expect(story.feed("10:40", "weather", PARIS, RAIN, "10:39")).toEqual(["-rain ann 10:40", "-rain bo 10:40"]);
    expect(story.tick("12:00")).toEqual([]);
  });

  test("at one instant, with deadlines of other people: by member over all, each segment once", () => {
    const story = new Feeds().settle();
    story.define(
      "01:00",
      `
      due: { object: { type: lease, where: { ends: { date: { next: 1h } } } } }
      either: { any: [{ weather: { condition: rain } }, { object: { type: lease, where: { ends: { date: { next: 1h } } } } }] }
      rain: { weather: { condition: rain } }`,
    );
    // They end at 11:00, so that the hour before begins at 10:00, when the rain is over.
    for (const id of ["bo", "aa", "zz"]) {
      story.track("01:01", id, "Object Set", { type: "lease", id: "l", ends: "2026-11-02T11:00:00Z" });
    }
    story.feed("09:00", "weather", PARIS, RAIN, "10:00");
    expect(story.tick("10:00")).toEqual([
      "+due aa 10:00",
      "+either aa 10:00",
      "-either ann 10:00",
      "-rain ann 10:00",
      "+due bo 10:00",
      "-rain bo 10:00",
      "+due zz 10:00",
      "+either zz 10:00",
    ]);
  });

  test("dates in what is said move by silence", () => {
    const story = new Feeds().settle();
    story.define("01:00", "soon: { situation: { kind: match, where: { starts: { date: { next: 2h } } } } }");
    expect(story.feed("09:00", "match", PARIS, { starts: "2026-11-02T20:00:00Z" })).toEqual([]);
    story.restart();
    expect(story.tick("21:00")).toEqual(["+soon ann 18:00", "+soon bo 18:00", "-soon ann 20:00", "-soon bo 20:00"]);
  });
});

test("an entry that is none is refused, and changes nothing", () => {
  const story = new Feeds().settle();
  story.define("01:00", "rain: { weather: { condition: rain } }");
  const odd: object[] = [
    story.entry("", PARIS, RAIN),
    story.entry("weather", {}, RAIN),
    story.entry("weather", { country: "FR", city: "Paris" }, RAIN),
    { ...story.entry("weather", PARIS, RAIN), values: ["rain"] },
    { ...story.entry("weather", PARIS, RAIN), until: "10:00" },
  ];
  for (const entry of odd) expect(story.control("02:00", entry)).toEqual([]);
  expect(story.reasons).toEqual(odd.map(() => "bad-control"));
});
