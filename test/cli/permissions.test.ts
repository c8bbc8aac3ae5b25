// The command line at a server that lets its user do less: one sentence that names the subject and the remedy, and exit 3.
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { runCli } from "../../cmd/cli/program.ts";
import { provision } from "../../lib/nats/provision.ts";
import { natsConfig } from "../../lib/server/conf.ts";
import { startTestServer, type TestServer, testDataSet } from "../support/nats.ts";

const PARTITIONS = 4;
let server: TestServer;
let said: string;

beforeAll(async () => {
  const dataSet = { name: "", partitions: PARTITIONS };
  server = await startTestServer({
    extra: natsConfig(dataSet).replaceAll(/\$([A-Z]+)_PASSWORD/g, '"secret-$1"'),
    credentials: { user: "worker", password: "secret-WORKER" },
  });
  await provision(await server.connection(), testDataSet(dataSet), { create: true });
});
afterAll(() => server.stop());

beforeEach(() => {
  said = "";
  vi.stubEnv("NO_COLOR", "1").stubEnv("NATS_USER", "reader").stubEnv("NATS_PASSWORD", "secret-READER");
  const err = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += text;
    return true;
  });
  return () => {
    err.mockRestore();
    vi.unstubAllEnvs();
  };
});

test.each([[["doctor"]], [["segments", "ls"]], [["api", "--http-port", "0"]]])("rollcall %j", async (args) => {
  expect(await runCli(["--nats-url", server.url, ...args])).toBe(3);
  expect(said).toMatch(/^rollcall: The server does not let this user publish \$JS\.API\.\S+\. /m);
  expect(said).toContain("`rollcall nats-config`");
  expect(said).not.toContain("    at ");
});

test("a wrong password is not taken for a server that does not run", async () => {
  vi.stubEnv("NATS_PASSWORD", "mistyped");
  expect(await runCli(["--nats-url", server.url, "segments", "ls"])).toBe(3);
  expect(said).toContain("Authorization Violation. NATS_USER and NATS_PASSWORD");
  expect(said).not.toContain("npm start");
});
