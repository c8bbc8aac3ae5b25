// `npm start` as a newcomer meets it: the compiled program in a process of its own, a plain NATS client beside it.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ensureServer } from "../../lib/server/fetch.ts";
import { BINARY_DIR, startTestServer } from "../support/nats.ts";
import { until } from "../support/until.ts";

/** All of it is loaded and started: the longest that anybody waits for here. */
const START_MS_MAX = 150_000;

const run = promisify(execFile);
let folder: string;
let binary: string;
const started: Dev[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-dev-"));
  binary = (await ensureServer({ dataDir: BINARY_DIR })).binary;
  // A build of its own: the one in dist/ may be older than what is tested.
  await mkdir(join(folder, "dist"));
  for (const name of ["package.json", "nats.conf", "config", "examples", "node_modules"]) {
    await symlink(resolve(name), join(folder, name));
  }
  const info = join(folder, "dist", ".tsbuildinfo");
  await run("node_modules/.bin/tsc", [
    "-p",
    "tsconfig.json",
    "--outDir",
    join(folder, "dist"),
    "--tsBuildInfoFile",
    info,
  ]);
});

afterEach(async () => {
  for (const dev of started.splice(0)) await dev.stop("SIGTERM");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

class Dev {
  out = "";
  err = "";
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(data: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const ports = { ROLLCALL_HTTP_PORT: "0", ROLLCALL_NATS_PORT: "0" };
    const all = {
      ...process.env,
      ...ports,
      ROLLCALL_NATS_SERVER: binary,
      ROLLCALL_DATA_DIR: data,
      NO_COLOR: "1",
      ...env,
    };
    this.child = spawn(process.execPath, [join(folder, "dist/cmd/dev.js"), ...args], { cwd: folder, env: all });
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.out += text;
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.err += text;
    });
    this.ended = new Promise((end) => this.child.once("close", end));
    started.push(this);
  }

  async ready(): Promise<{ http: string; nats: string }> {
    await until("rollcall is ready", () => this.out !== "" || this.child.exitCode !== null, START_MS_MAX);
    const found = /^rollcall ready (http:\/\/127\.0\.0\.1:\d+) (nats:\/\/127\.0\.0\.1:\d+)\n$/.exec(this.out);
    if (found === null) throw new Error(`no ready line; it said:\n${this.out}${this.err}`);
    return { http: found[1]!, nats: found[2]! };
  }

  async stop(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}

interface Heard {
  readonly id: string;
  readonly change: string;
  readonly n: number;
  readonly cause: { readonly type: string };
}

async function listener(url: string): Promise<{ nc: NatsConnection; heard: Heard[] }> {
  const nc = await connect({ servers: url });
  const heard: Heard[] = [];
  for (const change of ["joined", "left"]) {
    nc.subscribe(`segment.cart-under-100.${change}`, {
      callback: (_error, message) => void heard.push(message.json()),
    });
  }
  await nc.flush();
  return { nc, heard };
}

function add(nc: NatsConnection, product: string): void {
  const properties = { product_id: product, price: 60 };
  nc.publish("events.u1", JSON.stringify({ type: "track", event: "Product Added", userId: "u1", properties }));
}

const shown = (heard: readonly Heard[]) => heard.map(({ id, change, n }) => `${id} ${change} ${n}`);

describe("npm start -- --no-demo", () => {
  test("the cart of a plain client; a stop that is clean; a second start that goes on where it stopped", async () => {
    const data = join(folder, "cart");
    const first = new Dev(data, ["--no-demo"]);
    const { http, nats } = await first.ready();
    const { nc, heard } = await listener(nats);
    add(nc, "p1");
    await until("joined", () => heard.length === 1);
    add(nc, "p2");
    await until("left", () => heard.length === 2);
    expect(shown(heard)).toEqual(["u1 joined 1", "u1 left 2"]);
    expect(await (await fetch(`${http}/readyz`)).json()).toEqual({ ready: true, reasons: [] });
    expect(await (await fetch(http)).text()).toContain("Cart under $100");
    await nc.close();
    expect(await first.stop("SIGTERM")).toBe(0);
    expect(first.out.split("\n")).toHaveLength(2);
    await expect(connect({ servers: nats, reconnect: false })).rejects.toThrow();

    const second = new Dev(data, ["--no-demo"]);
    const again = await listener((await second.ready()).nats);
    expect(second.err).not.toContain("example segments applied");
    again.nc.publish(
      "events.u1",
      JSON.stringify({ type: "track", event: "Cart Cleared", userId: "u1", properties: {} }),
    );
    add(again.nc, "p3");
    await until("joined again", () => again.heard.length === 1);
    expect(shown(again.heard)).toEqual(["u1 joined 3"]);
    await again.nc.close();
  });

  test("a killed worker is started again, and what was sent meanwhile is not lost", async () => {
    // It comes back under its name, so it need not wait until it counts as gone; else this test would.
    const dev = new Dev(join(folder, "killed"), ["--no-demo"], { ROLLCALL_HEARTBEAT_EXPIRY: "1h" });
    const { nc, heard } = await listener((await dev.ready()).nats);
    const { stdout } = await run("ps", ["-eo", "pid,args"]);
    const worker = stdout.split("\n").find((line) => line.includes(`${folder}/dist/cmd/rollcall.js worker`));
    process.kill(Number.parseInt(worker!, 10), "SIGKILL");
    await until("its death is told", () => dev.err.includes("the worker died, starting it again"));
    add(nc, "p1");
    await until("joined", () => heard.length === 1);
    expect(shown(heard)).toEqual(["u1 joined 1"]);
    await nc.close();
  });
});

test("a server that NATS_URL names is used, and said to be; none is started", async () => {
  const server = await startTestServer({ partitions: 4 });
  const data = join(folder, "elsewhere");
  const env = { NATS_URL: server.url, ROLLCALL_PARTITIONS: "4" };
  const dev = new Dev(data, ["--no-demo"], env);
  expect((await dev.ready()).nats).toBe(server.url);
  expect(dev.err).toContain("NATS_URL names a server, so this one is used and none is started");
  await until("the worker says what it holds", () => dev.err.includes("worker: holds 4 of 4 partitions"));
  expect(dev.err).not.toContain("restored");
  await expect(access(data)).rejects.toThrow();
  await dev.stop("SIGTERM");
  await server.stop();
});

test("with the sample shop, deltas flow by themselves, some of them by silence", async () => {
  const dev = new Dev(join(folder, "shop"), []);
  const nc = await connect({ servers: (await dev.ready()).nats });
  const heard: Heard[] = [];
  nc.subscribe("segment.*.*", { callback: (_error, message) => void heard.push(message.json()) });
  await until("somebody joins", () => heard.some(({ change }) => change === "joined"));
  await until("somebody leaves by silence", () =>
    heard.some(({ cause, change }) => change === "left" && cause.type === "time"),
  );
  await nc.close();
});

describe("what is in the way is said before anything starts", () => {
  async function taken<T>(work: (port: number) => Promise<T>): Promise<T> {
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    try {
      return await work((other.address() as { port: number }).port);
    } finally {
      other.close();
    }
  }

  test.each(["ROLLCALL_HTTP_PORT", "ROLLCALL_NATS_PORT"])(
    "%s is taken: exit 2, the variable that changes it, no data",
    async (variable) => {
      const data = join(folder, variable);
      await taken(async (port) => {
        const dev = new Dev(data, ["--no-demo"], { [variable]: String(port) });
        expect(await dev.ended).toBe(2);
        expect(dev.err).toContain(`Port ${port} on 127.0.0.1 is taken`);
        expect(dev.err).toContain(variable);
        expect(dev.out).toBe("");
      });
      await expect(access(data)).rejects.toThrow();
    },
  );

  test("a data directory that another instance uses, a flag that does not exist, and --help", async () => {
    const data = join(folder, "twice");
    const first = new Dev(data, ["--no-demo"]);
    await first.ready();
    const second = new Dev(data, ["--no-demo"]);
    expect(await second.ended).toBe(2);
    expect(second.err).toContain(`The data directory ${data} is in use`);
    const mistyped = new Dev(data, ["--no-dem"]);
    expect(await mistyped.ended).toBe(2);
    expect(mistyped.err).toContain("--no-demo");
    const help = new Dev(data, ["--help"]);
    expect(await help.ended).toBe(0);
    expect(help.out).toContain("ROLLCALL_HTTP_PORT");
    expect(await readFile(join(data, "nats-server.log"), "utf8")).toContain("Server is ready");
  });
});
