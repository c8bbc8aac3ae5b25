// A plan keeps the answer to each question that its definitions ask: a trial and a backfill decide by it what is kept.
import { expect, test } from "vitest";
import { compilePlan } from "../../../lib/core/engine/plan.ts";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { questionKeys } from "../../../lib/core/rules/questions/questions.ts";
import { RULES } from "../../../lib/core/rules/words/grammar.ts";
import { RULE_EXAMPLES } from "../../../lib/core/rules/words/schema-words.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";
import { DEFAULT_VOCABULARY as vocabulary } from "../../../lib/core/vocabulary.ts";

test.each(RULES)("of %s", (name) => {
  for (const rule of RULE_EXAMPLES[name]) {
    const parsed = parseDefinition({ id: "x", rule }, DEFAULT_LIMITS);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const { definition } = parsed;
    const plan = compilePlan([{ definition, version: 1, vocabulary }]);
    expect(questionKeys(definition, vocabulary).filter((key) => !plan.asks(key))).toEqual([]);
  }
});
