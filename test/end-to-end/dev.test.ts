// The first promise of the README, with real processes: one command and one line, and a plain NATS client hears who joined
// and who left; the second start goes on where the first one stopped; what is in the way is said clearly.
import { createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { namesOf } from "../../lib/nats/names.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { Listener, track } from "../support/listener.ts";
import { freePorts } from "../support/ports.ts";
import { Processes, type Variables, type Watched } from "../support/processes.ts";

const PARTITIONS = 32;
const CART = "cart-under-100";
/** All of it is loaded and started: the longest that anybody waits for here. */
const START_MS_MAX = 150_000;

let processes: Processes;
let httpPort: number;
let natsPort: number;
let variables: Variables;
let dev: Watched;
let client: Listener;

beforeAll(async () => {
  processes = await Processes.open();
  [httpPort, natsPort] = (await freePorts(2)) as [number, number];
  variables = {
    ROLLCALL_HTTP_PORT: String(httpPort),
    ROLLCALL_NATS_PORT: String(natsPort),
    ROLLCALL_DATA_DIR: `${processes.dir}/data`,
  };
});

afterAll(async () => {
  await client.close();
  await processes.close();
});

async function start(): Promise<void> {
  dev = processes.start("dev", "dev.js", ["--no-demo"], variables);
  await dev.says(/^rollcall ready/m, START_MS_MAX);
  client = await Listener.open(`nats://127.0.0.1:${natsPort}`);
}

async function stop(): Promise<void> {
  await client.close();
  dev.kill("SIGTERM");
  expect(await dev.exit()).toEqual({ code: 0, signal: null });
}

function added(user: string, product: string, price: number): object {
  return track(user, "Product Added", { product_id: product, price });
}

async function get(path: string): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${httpPort}${path}`)).json();
}

test("one command prints one line, and a cart that passes $100 is told to a plain NATS client", async () => {
  await start();
  expect(dev.stdout).toBe(`rollcall ready http://127.0.0.1:${httpPort} nats://127.0.0.1:${natsPort}\n`);
  await client.send("u1", added("u1", "p1", 60));
  const joined = await client.delta(CART, "u1", 1);
  expect(joined).toMatchObject({ subject: `segment.${CART}.joined`, kind: "user", change: "joined", version: 1 });
  expect(joined.cause).toMatchObject({ type: "event" });
  await client.send("u1", added("u1", "p2", 60));
  const left = await client.delta(CART, "u1", 2);
  expect(left).toMatchObject({ subject: `segment.${CART}.left`, change: "left" });
  expect(Date.parse(left.at)).toBeGreaterThanOrEqual(Date.parse(joined.at));
  await client.send("u2", added("u2", "p1", 30));
  await client.delta(CART, "u2", 1);
  expect(client.of("u1", CART)).toHaveLength(2);
});

test("HTTP and the command line say the same", async () => {
  expect(await get("/readyz")).toMatchObject({ ready: true });
  expect(await get(`/v1/segments/${CART}`)).toMatchObject({ id: CART, size: 1 });
  expect(await get(`/v1/segments/${CART}/members`)).toMatchObject({ size: 1, items: [{ id: "u2", n: 1 }] });
  const nats = { NATS_URL: `nats://127.0.0.1:${natsPort}` };
  const members = await processes.did(["members", CART, "--output", "json"], nats);
  expect(members.stdout).toContain('"u2"');
  expect(members.stdout).not.toContain('"u1"');
  const explained = await processes.did(["explain", CART, "u1"], nats);
  expect(explained.stdout).toContain("120");
  const page = await (await fetch(`http://127.0.0.1:${httpPort}/`)).text();
  expect(page).toContain(CART);
});

test("a taken port is a clear error, told before anything is started", async () => {
  const other = { ...variables, ROLLCALL_DATA_DIR: `${processes.dir}/other` };
  const [free] = await freePorts(1);
  const onHttp = processes.start(
    "dev on a taken HTTP port",
    "dev.js",
    ["--no-demo", "--nats-port", String(free)],
    other,
  );
  expect(await onHttp.exit()).toEqual({ code: 2, signal: null });
  expect(onHttp.stderr).toMatch(
    new RegExp(`Port ${httpPort} on 127\\.0\\.0\\.1 is taken.*ROLLCALL_HTTP_PORT or --http-port`),
  );
  const onNats = processes.start(
    "dev on a taken NATS port",
    "dev.js",
    ["--no-demo", "--http-port", String(free)],
    other,
  );
  expect(await onNats.exit()).toEqual({ code: 2, signal: null });
  expect(onNats.stderr).toMatch(
    new RegExp(`Port ${natsPort} on 127\\.0\\.0\\.1 is taken.*ROLLCALL_NATS_PORT or --nats-port`),
  );
  for (const refused of [onHttp, onNats]) {
    expect(refused.stdout).toBe("");
    expect(refused.stderr.trim().split("\n"), "one sentence, no stack").toHaveLength(1);
  }
});

test("a second instance on the same data is refused, and the first one does not notice", async () => {
  const [http, nats] = await freePorts(2);
  const args = ["--no-demo", "--http-port", String(http), "--nats-port", String(nats)];
  const second = processes.start("a second dev", "dev.js", args, variables);
  expect(await second.exit()).toEqual({ code: 2, signal: null });
  expect(second.stderr).toMatch(/in use by another instance \(process \d+\).*ROLLCALL_DATA_DIR or --data-dir/);
  expect(await get("/readyz")).toMatchObject({ ready: true });
});

test("SIGTERM stops in order, and the next start continues without a replay", async () => {
  await stop();
  await expect(fetch(`http://127.0.0.1:${httpPort}/healthz`)).rejects.toThrow();
  await start();
  expect(dev.stdout).toBe(`rollcall ready http://127.0.0.1:${httpPort} nats://127.0.0.1:${natsPort}\n`);
  const statuses = await new Questions(client.nc, namesOf(""), PARTITIONS).status();
  expect(statuses.map((status) => status?.phase)).toEqual(Array.from({ length: PARTITIONS }, () => "running"));
  expect(statuses.map((status) => status?.counters.replayed)).toEqual(Array.from({ length: PARTITIONS }, () => 0));
  expect(await get(`/v1/segments/${CART}/members`)).toMatchObject({ size: 1, items: [{ id: "u2", n: 1 }] });
  await client.send("u1", track("u1", "Product Removed", { product_id: "p2" }));
  const again = await client.delta(CART, "u1", 3);
  expect(again).toMatchObject({ change: "joined", n: 3 });
  await client.send("u2", added("u2", "p9", 90));
  expect(await client.delta(CART, "u2", 2)).toMatchObject({ change: "left" });
  expect(
    client.heard
      .filter(({ segment }) => segment === CART)
      .map(({ id, n }) => `${id} ${n}`)
      .sort(),
    "nothing is told twice",
  ).toEqual(["u1 3", "u2 2"]);
});

test("a port that is taken by a program that is none of ours is said all the same", async () => {
  const stranger = createServer();
  await new Promise<void>((listening) => stranger.listen(0, "127.0.0.1", listening));
  const { port } = stranger.address() as { port: number };
  const refused = processes.start("dev", "dev.js", ["--http-port", String(port)], {
    ...variables,
    ROLLCALL_NATS_PORT: "0",
    ROLLCALL_DATA_DIR: `${processes.dir}/third`,
  });
  expect(await refused.exit()).toEqual({ code: 2, signal: null });
  expect(refused.stderr).toContain(`Port ${port} on 127.0.0.1 is taken`);
  await new Promise((closed) => stranger.close(closed));
});
