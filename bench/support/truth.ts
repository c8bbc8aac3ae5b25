// Holds what a bench computed against the oracle, for a sample of people: a fast wrong answer is none.
import assert from "node:assert/strict";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { DEFAULT_LIMITS, type Delta, type JsonObject, type LogRecord } from "../../lib/core/types.ts";
import { Oracle, type OracleOptions } from "../../lib/oracle/oracle.ts";
import { cohortOf, regionOf } from "./load.ts";
import { controlRecords, type Prepared } from "./machine.ts";
import type { Rules } from "./rules.ts";

/** The oracle reads a person's whole history at every step: who did more than this is not asked about. */
const EVENTS_PER_PERSON_MAX = 120;

/** Every `every`th person, the busy ones first, up to so many events together. */
export function sampleOf(prepared: readonly Prepared[], every: number, eventsMax: number): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const { userId } of prepared) counts.set(userId, (counts.get(userId) ?? 0) + 1);
  const people = new Set<string>();
  let events = 0;
  const known = [...counts].filter((_, index) => index % every === 0);
  for (const [userId, count] of known.sort((a, b) => b[1] - a[1])) {
    if (count > EVENTS_PER_PERSON_MAX || events + count > eventsMax) continue;
    people.add(userId);
    events += count;
  }
  return people;
}

export interface TruthOptions {
  readonly prepared: readonly Prepared[];
  readonly people: ReadonlySet<string>;
  /** Definitions that the oracle is asked about: all, or some that no other refers to. */
  readonly definitions: readonly JsonObject[];
  /** What the engine said; of other people and segments, too. */
  readonly deltas: readonly Delta[];
  readonly oracle?: Partial<OracleOptions>;
}

/** Throws at the first delta that differs; else says what was equal. */
export function compareWithOracle(options: TruthOptions): string {
  const { prepared, people, definitions, deltas } = options;
  const ids = new Set(definitions.map(({ id }) => id as string));
  const said = deltas.filter(({ id, segment }) => people.has(id) && ids.has(segment)).map(encodeDelta);
  const expected = oracleDeltas(definitions, prepared, people, options.oracle).map(encodeDelta);
  assert.deepEqual(inOneOrder(said), inOneOrder(expected), "the engine's deltas are not the oracle's");
  const pairs = (people.size * definitions.length).toLocaleString("en-US");
  return `${said.length} deltas of ${pairs} (member, segment) pairs equal the oracle's`;
}

/** Of a mix of rules only what can concern these people: the oracle looks at every segment at every step. */
export function concerning({ definitions, concerns }: Rules, people: ReadonlySet<string>): readonly JsonObject[] {
  const traits = new Set([...people].flatMap((id) => [regionOf(Number(id.slice(1))), cohortOf(Number(id.slice(1)))]));
  return definitions.filter(({ id }) => concerns(id as string, traits));
}

/** Per person as they came; people apart have no order that matters here. */
function inOneOrder(lines: readonly string[]): string[] {
  const numbered = lines.map((line, index) => ({ line, index, id: (JSON.parse(line) as Delta).id }));
  return numbered.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.index - b.index)).map(({ line }) => line);
}

/** Others' events only move the clock, which is all they can do to the sample. */
function oracleDeltas(
  definitions: readonly JsonObject[],
  prepared: readonly Prepared[],
  people: ReadonlySet<string>,
  options: Partial<OracleOptions> = {},
): Delta[] {
  const oracle = new Oracle({
    partition: 0,
    partitions: 1,
    clockMode: "log",
    clockStepMsMax: Number.MAX_SAFE_INTEGER,
    limits: DEFAULT_LIMITS,
    ...options,
  });
  for (const record of controlRecords(definitions)) oracle.apply(record);
  return prepared.flatMap(({ record, userId }) => oracle.apply(people.has(userId) ? record : clockOf(record)));
}

function clockOf({ seq, stamp }: LogRecord): LogRecord {
  return { seq, stamp, kind: "clock", body: Buffer.from(JSON.stringify({ to: stamp })) };
}
