import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/deep/**", "test/containers/**", "node_modules/**"],
    reporters: ["default", "./test/support/reporter.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Only so that nobody waits for ever; what a test waits for names itself before.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
