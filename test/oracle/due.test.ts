// The oracle looks at people only at instants that its rules name. If one were forgotten, a change would be announced
// late; so at random moments everybody is evaluated, and nothing may be found that time had not announced before.
import { afterAll, expect, test } from "vitest";
import { parseDefinition } from "../../lib/core/rules/parse/parse.ts";
import { DEFAULT_LIMITS, type Delta, type JsonObject, type LogRecord } from "../../lib/core/types.ts";
import type { Vocabulary } from "../../lib/core/vocabulary.ts";
import { parseVocabulary } from "../../lib/core/vocabulary-document.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import { definition, History, membersOf } from "../laws/generate.ts";
import { ALL_ROWS, rowsWithout } from "../laws/rows.ts";
import { WEIGHED } from "../laws/rows-journeys.ts";
import { vocabulary } from "../laws/vocabularies.ts";
import { Dice, seeds } from "../support/seed.ts";

const SEEDS = 40;
const MESSAGES = 120;

let byTime = 0;
afterAll(() => {
  if (process.env.SEED === undefined) expect(byTime, "changes by silence alone").toBeGreaterThan(SEEDS);
});

function definitions(dice: Dice): JsonObject[] {
  const sources: JsonObject[] = [];
  while (sources.length < 8) {
    const id = `s${sources.length}`;
    const isWeighed = id === WEIGHED;
    // The weighed one reads no other: what came before it may weigh it, and the two would read each other.
    const others = isWeighed ? [] : sources.map((other) => other.id as string);
    const source = definition(dice, id, others, isWeighed ? rowsWithout("engagement", ALL_ROWS) : ALL_ROWS);
    if (parseDefinition(source, DEFAULT_LIMITS).ok) sources.push(source);
  }
  return sources;
}

function randomVocabulary(dice: Dice): Vocabulary {
  const parsed = parseVocabulary(vocabulary(dice), DEFAULT_LIMITS);
  if (!parsed.ok) throw new Error(`the vocabulary does not parse: ${JSON.stringify(parsed.problems)}`);
  return parsed.vocabulary;
}

test.each(seeds(SEEDS))("everything that silence changes is announced at its own instant, SEED=%i", (seed) => {
  const dice = new Dice(seed);
  const clockMode = dice.pick(["log", "event"] as const);
  const common = { partition: 0, partitions: 1, clockMode } as const;
  const oracle = new Oracle({
    ...common,
    clockStepMsMax: 1e12,
    limits: DEFAULT_LIMITS,
    vocabulary: randomVocabulary(dice),
  });
  const start = Date.UTC(2026, 2, 26, 20);
  const history = new History(dice, { ...common, members: membersOf(6, 0, 1), start });
  const say = (record: LogRecord) => oracle.apply(record);
  let revision = 2;
  say(history.control(1, { op: "apply", define: definitions(dice), remove: [] }));
  say(history.control(2, { op: "activate", revision: 1 }));
  expect(oracle.rejects).toEqual([]);
  const deltas: Delta[] = [];
  for (let message = 0; message < MESSAGES; message += 1) {
    deltas.push(...say(history.next()));
    if (!dice.chance(0.3)) continue;
    // An entry that names none of the segments evaluates everybody and ignores nobody's stay.
    revision += 1;
    const sweep = say(history.control(revision, { op: "apply", define: [], remove: [] }));
    expect(sweep.filter(({ cause }) => cause.type === "definition")).toEqual([]);
    if (!dice.chance(0.3)) continue;
    // A feed evaluates everybody, too, so it comes only where nothing was found.
    revision += 1;
    deltas.push(...say(history.situation(revision)));
  }
  byTime += deltas.filter(({ cause }) => cause.type === "time").length;
});
