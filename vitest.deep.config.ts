// The deep part: laws, simulations and their planted faults at length, and the checks that start whole processes or a browser.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/deep/**/*.test.ts"],
    reporters: ["default", "./test/support/reporter.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 300_000,
  },
});
