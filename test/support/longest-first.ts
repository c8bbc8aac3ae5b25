// In which order the files of a run go: those that take longest first, so that no worker is left with one of them at the end.
// Vitest goes by the size of a file where it has not seen it run, and the longest are short texts. For vitest.config.ts.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Ten seconds and more, longest first. */
const LONG = [
  "test/cli/dev.test.ts",
  "test/contract/contract.test.ts",
  "test/simulation/simulation.test.ts",
  "test/end-to-end/bad-input.test.ts",
  "test/laws/oracle.test.ts",
  "test/api/live.test.ts",
  "test/core/engine/work.test.ts",
  "test/laws/accounts/accounts.test.ts",
  "test/end-to-end/dev.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId }: TestSpecification): number => {
      const rank = LONG.findIndex((path) => moduleId.endsWith(`/${path}`));
      return rank === -1 ? LONG.length : rank;
    };
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
