// A plan keeps the answer to each question that its definitions ask: a trial and a backfill decide by it what is kept.
import { expect, test } from "vitest";
import { FlagBook } from "../../../lib/core/engine/flags.ts";
import { compilePlan } from "../../../lib/core/engine/plan/compile.ts";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { questionsOf } from "../../../lib/core/rules/questions/questions.ts";
import { RULES } from "../../../lib/core/rules/words/grammar.ts";
import { RULE_EXAMPLES } from "../../../lib/core/rules/words/schema-words.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";
import { DEFAULT_VOCABULARY as vocabulary } from "../../../lib/core/vocabulary.ts";

test.each(RULES)("of %s", (name) => {
  for (const rule of RULE_EXAMPLES[name]) {
    const parsed = parseDefinition({ id: "x", kind: name === "users" ? "account" : "user", rule }, DEFAULT_LIMITS);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const word = { definition: parsed.definition, version: 1, vocabulary };
    const flags = FlagBook.empty.after(1, [word], { active: [word], pending: [] });
    const questions = questionsOf(parsed.definition, vocabulary);
    for (const kind of ["user", "account"] as const) {
      const plan = compilePlan({ kind, active: [word], flags });
      expect(questions[kind].filter((key) => !plan.asks(key))).toEqual([]);
    }
  }
});
