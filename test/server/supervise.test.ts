// The supervisor against real servers: ready means JetStream answers, a death is followed by a start, data outlives both.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, watch, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connectNats } from "../../lib/nats/connect.ts";
import { ensureServer } from "../../lib/server/fetch.ts";
import { DataDirInUse, isAlive, markOf } from "../../lib/server/lock.ts";
import {
  PortTaken,
  type RunningServer,
  type ServerEvent,
  ServerNotStarted,
  type StartOptions,
  startServer,
} from "../../lib/server/supervise.ts";
import { BINARY_DIR, NATS_CONF, startTestServer } from "../support/nats.ts";

const run = promisify(execFile);
let dataDir: string;
let running: RunningServer[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "rollcall supervise-"));
});

afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  running = [];
  await rm(dataDir, { recursive: true, force: true });
});

async function start(options: Partial<StartOptions> = {}): Promise<RunningServer> {
  const { binary } = await ensureServer({ dataDir: BINARY_DIR });
  const server = await startServer({ binary, conf: NATS_CONF, dataDir, port: 0, ...options });
  running.push(server);
  return server;
}

/** Events in order, and a way to wait for the next of a type. */
function events(): {
  onEvent: (event: ServerEvent) => void;
  next: (type: ServerEvent["type"]) => Promise<ServerEvent>;
} {
  const seen: ServerEvent[] = [];
  const waiting: { type: ServerEvent["type"]; found: (event: ServerEvent) => void }[] = [];
  const onEvent = (event: ServerEvent): void => {
    const at = waiting.findIndex(({ type }) => type === event.type);
    if (at >= 0) waiting.splice(at, 1)[0]?.found(event);
    else seen.push(event);
  };
  const next = (type: ServerEvent["type"]): Promise<ServerEvent> => {
    const at = seen.findIndex((event) => event.type === type);
    if (at >= 0) return Promise.resolve(seen.splice(at, 1)[0] as ServerEvent);
    return new Promise((found) => waiting.push({ type, found }));
  };
  return { onEvent, next };
}

async function storedIn(url: string, add?: string): Promise<number> {
  const nc = await connectNats({ url }, { role: "test", instance: "1" });
  try {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: "KEPT", subjects: ["kept"] }).catch(() => {});
    if (add !== undefined) await jetstream(nc).publish("kept", add);
    return (await jsm.streams.info("KEPT")).state.messages;
  } finally {
    await nc.close();
  }
}

describe("a supervised server", () => {
  test("answers JetStream when start returns, and keeps its data through stop and start", async () => {
    const first = await start();
    expect(await storedIn(first.url, "a")).toBe(1);
    await first.stop();
    expect(await first.exited).toMatchObject({ signal: null });
    const second = await start();
    expect(await storedIn(second.url)).toBe(1);
    expect(await readFile(second.logFile, "utf8")).toContain("Server is ready");
  });

  test("is started again on the same port after a kill -9, with its data", async () => {
    const { onEvent, next } = events();
    const server = await start({ onEvent });
    await next("ready");
    expect(await storedIn(server.url, "a")).toBe(1);
    const { pid, url } = server;
    server.kill("SIGKILL");
    expect(await next("died")).toMatchObject({ exit: { signal: "SIGKILL" }, againInMs: 100 });
    await next("ready");
    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
    expect(await storedIn(server.url)).toBe(1);
  });

  test("stays down when it is stopped while waiting to start again", async () => {
    const { onEvent, next } = events();
    const server = await start({ onEvent });
    server.kill("SIGKILL");
    await next("died");
    await server.stop();
    expect(await server.exited).toMatchObject({ signal: "SIGKILL" });
    expect(isAlive(markOf(server.pid))).toBe(false);
  });

  test("stopped while it is starting again, it leaves nobody behind who runs or writes", async () => {
    const { onEvent, next } = events();
    const server = await start({ onEvent });
    // A start begins by clearing the folder in which the dead server's file lies: that it is gone is the moment.
    const ports = join(dataDir, "ports", `nats-server_${server.pid}.ports`);
    const isThere = () =>
      stat(ports).then(
        () => true,
        () => false,
      );
    expect(await isThere()).toBe(true);
    server.kill("SIGKILL");
    await next("died");
    for await (const _ of watch(dataDir)) if (!(await isThere())) break;
    await server.stop();
    await rm(dataDir, { recursive: true });
    const { stdout } = await run("ps", ["-eo", "args"]);
    expect(stdout).not.toContain(dataDir);
    await expect(stat(dataDir)).rejects.toThrow("ENOENT");
  });
});

describe("refused before anything is started", () => {
  test("a taken port, with the variable that changes it", async () => {
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    const { port } = other.address() as { port: number };
    const refused = start({ port });
    await expect(refused).rejects.toThrow(PortTaken);
    await expect(refused).rejects.toThrow(new RegExp(`Port ${port} on 127.0.0.1 .*ROLLCALL_NATS_PORT`));
    other.close();
    await expect(start({ port })).resolves.toMatchObject({ port });
  });

  test("a data directory in use, with the process that uses it", async () => {
    await start();
    const refused = start();
    await expect(refused).rejects.toThrow(DataDirInUse);
    await expect(refused).rejects.toThrow(new RegExp(`process ${process.pid}.*ROLLCALL_DATA_DIR`));
  });

  test("a configuration the server does not take, in its own words", async () => {
    const refused = start({ extra: "max_payloads: 8MB" });
    await expect(refused).rejects.toThrow(ServerNotStarted);
    await expect(refused).rejects.toThrow(/nats.conf.*unknown field "max_payloads"/);
    await expect(start()).resolves.toBeDefined();
  });
});

describe("what a crash left behind", () => {
  const dead = { pid: 2 ** 22 - 1, began: "1" };

  test("a lock nobody stands behind is taken over", async () => {
    await writeFile(join(dataDir, "nats-server.pid"), JSON.stringify({ holder: dead }));
    await expect(start()).resolves.toBeDefined();
  });

  test("a lock whose process number went to another process is taken over", async () => {
    await writeFile(join(dataDir, "nats-server.pid"), JSON.stringify({ holder: { pid: process.pid, began: "1" } }));
    await expect(start()).resolves.toBeDefined();
  });

  test("a lock that is no JSON is taken over", async () => {
    await writeFile(join(dataDir, "nats-server.pid"), "");
    await expect(start()).resolves.toBeDefined();
  });

  test("a server that outlived its supervisor is ended first", async () => {
    const left = await start({ restart: false });
    const orphan = markOf(left.pid);
    await writeFile(join(dataDir, "nats-server.pid"), JSON.stringify({ holder: dead, server: orphan }));
    const { onEvent, next } = events();
    const server = await start({ onEvent, restart: false });
    expect(await next("orphan-ended")).toEqual({ type: "orphan-ended", pid: orphan.pid });
    expect(isAlive(orphan)).toBe(false);
    expect(await storedIn(server.url, "a")).toBe(1);
  });
});

test("the generated configuration includes nats.conf and is valid on its own", async () => {
  const { binary } = await ensureServer({ dataDir: BINARY_DIR });
  await expect(run(binary, ["-c", NATS_CONF, "-t"])).resolves.toMatchObject({
    stderr: expect.stringContaining("is valid"),
  });
});

test("the test harness: kill -9 and restart keep port and data", async () => {
  const server = await startTestServer();
  await storedIn(server.url, "a");
  await server.kill9();
  await server.restart();
  expect(await storedIn(server.url)).toBe(1);
  await server.stop();
});
