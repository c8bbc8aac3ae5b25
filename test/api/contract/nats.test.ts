// The contract of the HTTP interface, against a real server and a real worker: the same requests as against memory.
import { afterAll, beforeAll, expect, test } from "vitest";
import { listen, type RunningApi } from "../../../lib/api/http/listen.ts";
import { hashOf } from "../../../lib/api/security/keys.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";
import { NatsCluster } from "../../../lib/nats/cluster.ts";
import { NatsControlLog } from "../../../lib/nats/control-log.ts";
import { NatsExportFiles, NatsJobStore } from "../../../lib/nats/jobs.ts";
import { NatsKeyStore } from "../../../lib/nats/keys.ts";
import { NatsRejects } from "../../../lib/nats/rejects.ts";
import { type CliRig, openCliRig } from "../../support/cli-rig.ts";
import { until } from "../../support/until.ts";
import { HTTP_DEFAULTS } from "../api-in-memory.ts";
import { NAMED, putExports, WAITING, waiting } from "./named.ts";
import type { NamedOperation } from "./operations.ts";
import { Contract } from "./suite.ts";

/** Some 1,500 requests, one after the other, on a machine that does other things meanwhile. */
const ASKING_MS_MAX = 300_000;
const PARTITIONS = 2;
const SEGMENT = "id: cart-under-100\nname: Cart under $100\nrule: { cart: { value: { gt: 0, lt: 100 } } }\n";
const BIG = "id: big-spenders\nname: Big spenders\nrule: { cart: { value: { gte: 100 } } }\n";
const quiet = { warn: () => {}, error: () => {} };

/** It says that it lives and claims nothing, so that what is wished of it moves nothing while routes are asked. */
const IDLE = { shard: "worker-b-1", beat: 1, host: "here", pid: 1, holds: [], wants: [] };

let rig: CliRig;
let beating: NodeJS.Timeout | undefined;
let api: RunningApi;
let contract: Contract;

beforeAll(async () => {
  rig = await openCliRig(PARTITIONS);
  const authorization = `Bearer ${(await rig.rollcall("keys", "create", "me", "--role", "admin", "--personal")).out.trim()}`;
  await whatExamplesName(rig);
  const nc = await rig.server.connection("api");
  const { names, partitions, url: natsUrl } = rig.server;
  api = await listen({
    nc,
    names,
    partitions,
    clock: "log",
    limits: DEFAULT_LIMITS,
    http: { ...HTTP_DEFAULTS, requestsPerMinuteMax: 0 },
    // With a key it may listen wider; loopback is enough here.
    host: "127.0.0.1",
    port: 0,
    natsUrl,
    version: "0.0.0",
    log: quiet,
  });
  contract = await Contract.of({ url: api.url, authorization });
});
afterAll(async () => {
  clearInterval(beating);
  await api?.stop();
  await rig?.close();
});

/** The examples of the document name these; a group of routes adds its own here, as in memory.test.ts. */
async function whatExamplesName({ server, rollcall, fileOf, caughtUp }: CliRig): Promise<void> {
  const nc = await server.connection();
  await putExports(new NatsJobStore(nc, server.names), new NatsExportFiles(nc, server.names), ASKING_MS_MAX);
  const log = new NatsControlLog(nc, server.names);
  for (const entry of NAMED) await log.append(entry, await log.lastRevision());
  await rollcall("segments", "apply", await fileOf("cart.yaml", SEGMENT));
  await rollcall("segments", "apply", await fileOf("big.yaml", BIG));
  const added = { type: "track", userId: "u1", event: "Product Added", properties: { product_id: "p1", price: 60 } };
  nc.publish("events.u1", JSON.stringify(added));
  nc.publish("events.u1", JSON.stringify({ type: "group", userId: "u1", groupId: "acme", traits: { plan: "trial" } }));
  await nc.flush();
  await rollcall("items", "import", await fileOf("items.csv", "id,price\nsku-1,4\n"));
  const [id, created] = ["aaaaaaaaaa", "2026-11-23T10:00:00.000Z"];
  const old = { id, name: "old", role: "read", personal: false, hash: hashOf("x"), created, createdBy: "test" };
  await new NatsKeyStore(nc, server.names).put(old, 0);
  // One whose cause is gone: it can be sent again.
  const body = Buffer.from(JSON.stringify(added));
  await new NatsRejects(nc, server.names, 0).tell([{ seq: 1, stamp: 0, reason: "no-type", detail: "no type", body }]);
  await caughtUp();
  await until("the account is known", async () => (await rollcall("account", "acme")).code === 0);
}

test("every route answers as the document says, when it is asked as its examples say", async () => {
  const [waitingOnes, others] = [true, false].map((one) =>
    contract.operations.filter(({ name }) => Object.hasOwn(WAITING, name) === one),
  ) as [NamedOperation[], NamedOperation[]];
  // First, while there is one worker: a second one that claims nothing would get the partitions of the first, once it goes.
  for (const operation of waitingOnes) await whileItWaits(operation, () => contract.good(operation));
  await beatIdle();
  for (const operation of others) await contract.good(operation);
});

async function beatIdle(): Promise<void> {
  const cluster = new NatsCluster(await rig.server.connection("api"), rig.server.names);
  await cluster.beat(IDLE);
  beating = setInterval(() => void cluster.beat(IDLE), 500);
}

/** What reads its history is there to be asked for while there is no worker. */
async function whileItWaits({ name }: NamedOperation, ask: () => Promise<void>): Promise<void> {
  const id = WAITING[name]!;
  await rig.stopWorker();
  const log = new NatsControlLog(await rig.server.connection(), rig.server.names);
  await log.append(waiting(id), await log.lastRevision());
  await until("it is known that it waits", () => api.audience.catalogue.entry(id) !== undefined);
  await ask();
  await rig.startWorker();
}

test(
  "and refuses in the documented way whatever else it is asked",
  async () => {
    let asked = 0;
    for (const operation of contract.operations) asked += await contract.bad(operation);
    expect(asked).toBeGreaterThan(100);
  },
  ASKING_MS_MAX,
);

test("what was changed stands in the log of changes, by command line and by key", async () => {
  const { out } = await rig.rollcall("audit", "-o", "json");
  const said = (JSON.parse(out) as { who: string; what: string }[]).map(({ who, what }) => [
    who.startsWith("cli:") ? "cli" : "key",
    what,
  ]);
  expect(said).toEqual(
    expect.arrayContaining([
      ["cli", "keys.create"],
      ["cli", "segments.apply"],
      ["cli", "items.merge"],
      ["key", "vocabulary.apply"],
      ["key", "situations.set"],
      ["key", "keys.create"],
      ["key", "keys.revoke"],
    ]),
  );
});
