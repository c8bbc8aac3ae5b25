// The deep part: the same laws with many more seeds, and the checks that start whole processes or a browser.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/deep/**/*.test.ts", "test/laws/oracle.test.ts"],
    reporters: ["default", "./test/support/reporter.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    env: { CHECKS: process.env.CHECKS ?? "600000" },
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
});
