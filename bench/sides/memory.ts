// One side of the memory bench: people in the engine's pages, or the same facts in Maps and Sets; bytes a person.
// In a process of its own, with the collector at hand: what another side left behind would be counted, too.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { decodeEvent } from "../../lib/core/decode.ts";
import { DEFAULT_LIMITS, type Json, type LogRecord, type Millis } from "../../lib/core/types.ts";
import { drive, machineWith } from "../support/machine.ts";
import { COUNTED, POPULATION_RULES, populationRecords } from "../support/population.ts";

export interface MemorySpec {
  readonly side: "engine" | "maps";
  readonly people: number;
}

export interface MemoryResult {
  readonly bytesPerPerson: number;
  /** How many are in each of the four segments. */
  readonly sizes: readonly number[];
}

export async function memorySide({ side, people }: MemorySpec): Promise<MemoryResult> {
  const holder = side === "engine" ? engine() : maps();
  const users = Array.from({ length: people }, (_, user) => user);
  const before = bytesHeld();
  for (const record of populationRecords(users)) holder.take(record);
  const after = bytesHeld();
  return { bytesPerPerson: (after - before) / people, sizes: holder.sizes() };
}

/** The collector, also where the process was not started with it. */
const collect: () => void = (() => {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
})();

interface Holder {
  take(record: LogRecord): void;
  sizes(): number[];
}

function bytesHeld(): number {
  // Twice: what the first collection finds finalizable is gone after the second.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function engine(): Holder {
  const machine = machineWith(POPULATION_RULES);
  return {
    take(record) {
      drive(machine, record);
      machine.takeDeltas();
    },
    sizes: () => COUNTED.map((_, index) => machine.sizes().get(`busy-${index}`) ?? 0),
  };
}

/** What one would write first: an object a person, Maps of traits and of counters, a Map of tiles a counter, a Set of segments. */
interface Person {
  readonly id: string;
  readonly traits: Map<string, { value: Json; at: Millis }>;
  readonly counters: Map<string, Map<Millis, number>>;
  readonly segments: Map<string, { in: boolean; n: number; since: Millis }>;
  readonly visits: { start: Millis; last: Millis }[];
  firstSeen: Millis;
  lastSeen: Millis;
}

const TILE_MS = 3_600_000;
const IDLE_MS = 30 * 60_000;

function maps(): Holder {
  const people = new Map<string, Person>();
  return {
    take(record) {
      const decoded = decodeEvent(record.body, DEFAULT_LIMITS);
      if (!decoded.ok) throw new Error(decoded.detail);
      const { userId, type, name, traits } = decoded.value;
      const at = record.stamp;
      const person = people.get(userId) ?? newPerson(userId, at);
      people.set(userId, person);
      person.lastSeen = at;
      for (const [trait, value] of Object.entries(traits)) person.traits.set(trait, { value, at });
      if (type !== "identify") countOnce(person, name, at);
    },
    sizes: () =>
      COUNTED.map((_, index) => [...people.values()].filter((one) => one.segments.get(`busy-${index}`)?.in).length),
  };
}

function newPerson(id: string, at: Millis): Person {
  return { id, traits: new Map(), counters: new Map(), segments: new Map(), visits: [], firstSeen: at, lastSeen: at };
}

function countOnce(person: Person, name: string, at: Millis): void {
  const visit = person.visits.at(-1);
  if (visit === undefined || at - visit.last >= IDLE_MS) person.visits.push({ start: at, last: at });
  else visit.last = at;
  const tiles = person.counters.get(name) ?? new Map<Millis, number>();
  person.counters.set(name, tiles);
  const tile = Math.floor(at / TILE_MS) * TILE_MS;
  tiles.set(tile, (tiles.get(tile) ?? 0) + 1);
  const total = [...tiles.values()].reduce((sum, count) => sum + count, 0);
  if (total === 2) person.segments.set(`busy-${COUNTED.indexOf(name)}`, { in: true, n: 1, since: at });
}
