// People as the memory and restore benches want them: sixteen traits and four counters each, one to three tiles a counter.
import type { JsonObject, LogRecord, Millis } from "../../lib/core/types.ts";
import { NAMES, START } from "./load.ts";
import { FIRST_EVENT_SEQ } from "./machine.ts";

export const COUNTED = NAMES.slice(0, 4);
const HOUR: Millis = 3_600_000;

/** A counter each of the four names: a long window in which everything still lies, so that nobody is woken meanwhile. */
export const POPULATION_RULES: readonly JsonObject[] = COUNTED.map((name, index) => ({
  id: `busy-${index}`,
  kind: "user",
  rule: { event: { name, count: { gte: 2 }, window: { last: "7d" } } },
}));

export function traitsOf(user: number): JsonObject {
  const text = (what: string): string => `${what}-${(user * 7919) % 1_000}`;
  return {
    firstName: text("first"),
    lastName: text("last"),
    email: `person-${user}@example.com`,
    phone: `+49 30 ${1_000_000 + (user % 1_000_000)}`,
    city: text("city"),
    country: ["DE", "FR", "NL", "PL"][user % 4]!,
    language: ["de", "fr", "nl", "pl"][user % 4]!,
    plan: ["free", "trial", "pro"][user % 3]!,
    company: text("company"),
    score: user % 997,
    balance: (user % 10_000) / 100,
    age: 18 + (user % 70),
    newsletter: user % 2 === 0,
    verified: user % 5 !== 0,
    createdAt: new Date(START - (user % 1_000) * HOUR).toISOString(),
    renewsAt: new Date(START + (user % 300) * HOUR).toISOString(),
  };
}

/** Who they are, then each name twice: in one hour for some, in two for others. */
export function* populationRecords(users: Iterable<number>): Generator<LogRecord> {
  let seq = FIRST_EVENT_SEQ;
  const list = [...users];
  const record = (user: number, at: Millis, more: JsonObject): LogRecord => {
    const body = Buffer.from(
      JSON.stringify({ userId: `u${user}`, timestamp: new Date(at).toISOString(), channel: "web", ...more }),
    );
    const made: LogRecord = { seq, stamp: at, kind: "event", body };
    seq += 1;
    return made;
  };
  for (const user of list) yield record(user, START, { type: "identify", traits: traitsOf(user) });
  for (const turn of [0, 1]) {
    for (const [index, event] of COUNTED.entries()) {
      for (const user of list) {
        const at = START + (turn * COUNTED.length + index) * (HOUR / 4);
        yield record(user, at, { type: "track", event, properties: { category: "books", value: user % 100 } });
      }
    }
  }
}
