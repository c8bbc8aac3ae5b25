// Tests against nats-servers in containers, one and three, where a container engine answers.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/containers/**/*.test.ts"],
    reporters: ["default", "./test/support/reporter.ts"],
    globalSetup: ["test/support/global-setup.ts", "test/containers/setup.ts"],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});
