// The command line at a server that lets its user do less: one sentence that names the subject and the remedy, and exit 3.
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { runCli } from "../../cmd/cli/program.ts";
import { provision } from "../../lib/nats/provision.ts";
import { inboxOf } from "../../lib/server/roles.ts";
import { type TestServer, testDataSet } from "../support/nats.ts";
import { credentialsOf, guardedServer } from "../support/nats-roles.ts";

const PARTITIONS = 4;
let server: TestServer;
let said: string;

beforeAll(async () => {
  const dataSet = { name: "", partitions: PARTITIONS };
  server = await guardedServer(dataSet);
  const worker = await server.connection("worker", credentialsOf("worker"));
  await provision(worker, testDataSet(dataSet), { create: true });
});
afterAll(() => server.stop());

beforeEach(() => {
  said = "";
  const { user, password } = credentialsOf("subscriber");
  vi.stubEnv("NO_COLOR", "1").stubEnv("NATS_USER", user).stubEnv("NATS_PASSWORD", password);
  vi.stubEnv("NATS_INBOX_PREFIX", inboxOf("subscriber"));
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
  expect(said).toContain("`rollcall nats-config --users`");
  expect(said).not.toContain("    at ");
});

test("an inbox that is another role's", async () => {
  vi.stubEnv("NATS_INBOX_PREFIX", "");
  expect(await runCli(["--nats-url", server.url, "segments", "ls"])).toBe(3);
  expect(said).toMatch(/^rollcall: The server does not let this user hear _INBOX\.operator\./m);
});

test("a wrong password is not taken for a server that does not run", async () => {
  vi.stubEnv("NATS_PASSWORD", "mistyped");
  expect(await runCli(["--nats-url", server.url, "segments", "ls"])).toBe(3);
  expect(said).toContain("Authorization Violation. NATS_USER and NATS_PASSWORD");
  expect(said).not.toContain("npm start");
});
