// The rule mixes. Both ask the same questions of the same counters; they differ in what keeps a segment from being looked at.
//
//   gated     100 segments for everybody, the rest behind `region` or `cohort` is X: three segments a value
//   ungated   no equality anywhere: a count or a sum, and a `score` that the more people are below, the more segments there are
//
// In both, the number of segments that a person can be in does not grow with the number of segments, so flips stay equal.
import type { Json, JsonObject } from "../../lib/core/types.ts";
import { CATEGORIES, COHORTS, NAMES, REGIONS, randomFrom, SCORE_MAX } from "./load.ts";

export type Mix = "gated" | "ungated";

export interface Rules {
  readonly definitions: readonly JsonObject[];
  /** Segments that concern a person with these traits: what an oracle needs to be asked about them. */
  concerns(id: string, traits: ReadonlySet<string>): boolean;
}

const GLOBAL_SEGMENTS = 100;
const SEGMENTS_PER_VALUE = 3;
const WINDOWS = ["1h", "1d", "3d", "7d"];
/** Of the ungated segments so many have their least score below that of the middle person, however many there are. */
const WITHIN_REACH = 60;
/** Of those that nobody reaches, an oracle is asked about some. */
const UNREACHED_ASKED_EVERY = 500;

export function rulesOf(mix: Mix, count: number, seed = 7): Rules {
  const random = randomFrom(seed);
  return mix === "gated" ? gated(count, random) : ungated(count, random);
}

function gated(count: number, random: () => number): Rules {
  const many = count > GLOBAL_SEGMENTS + REGIONS * SEGMENTS_PER_VALUE;
  const [trait, letter, values] = many ? (["cohort", "k", COHORTS] as const) : (["region", "r", REGIONS] as const);
  const gates = new Map<string, string>();
  const definitions = Array.from({ length: count }, (_, index): JsonObject => {
    const parts = [occurrences(random), occurrences(random)];
    if (index < Math.min(GLOBAL_SEGMENTS, count)) return segment(`g${index}`, { all: parts });
    const value = `${letter}${(index - GLOBAL_SEGMENTS) % values}`;
    gates.set(`s${index}`, value);
    const kept = random() < 0.5 ? parts.slice(1) : parts;
    return segment(`s${index}`, { all: [{ trait: { [trait]: value } }, ...kept] });
  });
  return {
    definitions,
    concerns: (id, traits) => {
      const gate = gates.get(id);
      return gate === undefined || traits.has(gate);
    },
  };
}

function ungated(count: number, random: () => number): Rules {
  const highest = (SCORE_MAX / 2) * (count / WITHIN_REACH);
  const asked = new Set<string>();
  const definitions = Array.from({ length: count }, (_, index): JsonObject => {
    const least = Math.floor(random() * highest);
    const id = `s${index}`;
    if (least <= SCORE_MAX || index % UNREACHED_ASKED_EVERY === 0) asked.add(id);
    return segment(id, { all: [occurrences(random), { trait: { score: { gte: least } } }] });
  });
  return { definitions, concerns: (id) => asked.has(id) };
}

function segment(id: string, rule: Json): JsonObject {
  return { id, kind: "user", rule };
}

/** One leaf about what happened: mostly how often in a window, at times how much, or of one category. */
function occurrences(random: () => number): JsonObject {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const name = pick(NAMES);
  const kind = random();
  if (kind < 0.7) return { event: { name, count: { gte: threshold(random) }, window: { last: pick(WINDOWS) } } };
  if (kind < 0.85) {
    const least = Math.floor(threshold(random) * 50 * (0.5 + random())) + random();
    return {
      event: {
        name,
        sum: { of: "properties.value", is: { gte: Math.round(least * 100) / 100 } },
        window: { last: "7d" },
      },
    };
  }
  if (kind < 0.95) return { event: { name, count: { gte: threshold(random) } } };
  const at = Math.floor(random() * CATEGORIES.length);
  const where = { "properties.category": CATEGORIES[at]! };
  return { event: { name: NAMES[at]!, where, count: { gte: threshold(random) }, window: { last: "7d" } } };
}

/** Small numbers more often than large ones, as people write them. */
function threshold(random: () => number): number {
  return Math.floor(2 * 40 ** random());
}
