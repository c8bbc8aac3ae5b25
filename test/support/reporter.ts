// Prints "N passed, N failed" alone on the last line, which is what CI reads; ", N skipped" follows where some were.
// Stands beside Vitest's own reporter.
import type { Reporter, TestModule } from "vitest/node";

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    // A file that could not be loaded has no tests to fail, so it counts as one failure itself.
    let failed = errors.length;
    let skipped = 0;
    for (const module of modules) {
      if (module.errors().length > 0) failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed += 1;
        else if (state === "failed") failed += 1;
        else if (state === "skipped") skipped += 1;
      }
    }
    const more = skipped === 0 ? "" : `, ${skipped} skipped`;
    process.on("exit", () => process.stdout.write(`\n${passed} passed, ${failed} failed${more}\n`));
  }
}
