// The whole product under the users that `rollcall nats-config --users` prints: a worker, an API process, the command line of
// an operator, a channel, a subscriber. The server must not have had to refuse any of them anything; and what a channel or a
// subscriber tries by way of the server's own answers reaches nothing.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers, type MsgHdrs, type NatsConnection, PermissionViolationError } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningWorker, startWorker } from "../../actors/worker/worker.ts";
import { loadConfig } from "../../config/load.ts";
import { dataSetOf, httpSettingsOf } from "../../config/options.ts";
import { listen, type RunningApi } from "../../lib/api/http/listen.ts";
import { provision } from "../../lib/nats/provision.ts";
import { subscriberApiPrefix } from "../../lib/server/roles.ts";
import { type Ended, typed } from "../support/cli-rig.ts";
import { track } from "../support/listener.ts";
import { PATIENTLY, type TestServer } from "../support/nats.ts";
import { credentialsOf, guardedServer } from "../support/nats-roles.ts";
import { REPOSITORY } from "../support/repository.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;
const CART = "cart-under-100";

let server: TestServer;
let worker: RunningWorker;
let api: RunningApi;
let channel: NatsConnection;
let subscriber: NatsConnection;
let authorization: string;
const logged: object[] = [];

beforeAll(async () => {
  server = await guardedServer({ name: "", partitions: PARTITIONS });
  const { user, password } = credentialsOf("worker");
  const own = {
    natsUrl: server.url,
    natsUser: user,
    natsPassword: password,
    partitions: PARTITIONS,
    logLevel: "silent",
  };
  const { config } = loadConfig(own, {}, server.dataDir);
  await provision(await server.connection("worker", credentialsOf("worker")), dataSetOf(config), { create: true });
  worker = await startWorker(config);
  authorization = `Bearer ${(await operator("keys", "create", "me", "--role", "admin", "--personal")).out.trim()}`;
  const note = (fields: object): number => logged.push(fields);
  api = await listen({
    nc: await server.connection("api", credentialsOf("api")),
    names: server.names,
    partitions: PARTITIONS,
    clock: "log",
    limits: config.limits,
    http: httpSettingsOf(config),
    host: "127.0.0.1",
    port: 0,
    natsUrl: server.url,
    version: "0.0.0",
    log: { warn: note, error: note },
  });
  channel = await server.connection("channel", credentialsOf("channel"));
  subscriber = await server.connection("subscriber", credentialsOf("subscriber"));
});
afterAll(async () => {
  await api?.stop();
  await worker?.drain();
  await server?.stop();
});

async function operator(...args: string[]): Promise<Ended> {
  const { user, password } = credentialsOf("operator");
  const url = server.url.replace("//", `//${user}:${password}@`);
  const ended = await typed(["--nats-url", url, "--config", await optionsFile(), ...args]);
  expect(ended.code, `rollcall ${args.join(" ")}: ${ended.err}${ended.out}`).toBe(0);
  return ended;
}

async function optionsFile(): Promise<string> {
  const path = join(server.dataDir, "rollcall.yaml");
  await writeFile(path, `partitions: ${PARTITIONS}\n`);
  return path;
}

async function http(path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(api.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.status, `${path}: ${text}`).toBe(200);
  return { ...(JSON.parse(text) as object), position: response.headers.get("rollcall-position") };
}

/** Of SEGMENTS and of the logs: how many messages each subject holds. */
async function stored(): Promise<Record<string, number>> {
  const nc = await server.connection("operator", credentialsOf("operator"));
  const streams = [
    "SEGMENTS",
    "DEFINITIONS",
    "AUDIT",
    "REJECTS",
    "KV_KEYS",
    ...Array.from({ length: PARTITIONS }, (_, p) => `EVENTS_${p}`),
  ];
  const counts = await Promise.all(
    streams.map(async (stream) => {
      const message = await nc.request(
        `$JS.API.STREAM.INFO.${stream}`,
        JSON.stringify({ subjects_filter: ">" }),
        PATIENTLY,
      );
      return message.json<{ state: { subjects?: Record<string, number> } }>().state.subjects ?? {};
    }),
  );
  return Object.assign({}, ...counts) as Record<string, number>;
}

const added = (user: string): object => track(user, "Product Added", { product_id: "p1", price: 60 });

test("segments by the operator, an event by the channel, the delta at the subscriber, its effect in a decision", async () => {
  await operator("segments", "apply", join(REPOSITORY, "config", "segments", "shop"));
  const heard: string[] = [];
  subscriber.subscribe("segment.>", {
    callback: (_error, message) => void heard.push(`${message.subject} ${message.json<{ id: string }>().id}`),
  });
  await subscriber.flush();
  const ack = (await channel.request("events.ann", JSON.stringify(added("ann")), PATIENTLY)).json<{ seq: number }>();
  const asked = JSON.stringify({ user: "ann", after: { seq: ack.seq }, waitMs: 10_000 });
  const decision = (await channel.request("ask.v1.decide", asked, { timeout: 15_000 })).json<{
    segments: { id: string }[];
  }>();
  expect(decision.segments.map(({ id }) => id)).toContain(CART);
  await until("the delta is heard", () => heard.includes(`segment.${CART}.joined ann`));
});

test("events, decisions and questions over HTTP", async () => {
  const { position } = await http("/v1/track", added("bob"));
  const decision = await http("/v1/decide", { user: "bob", after: position, waitMs: 10_000 });
  expect(decision).toMatchObject({ known: true, fresh: true });
  for (const path of [
    "/v1/segments",
    `/v1/segments/${CART}/members`,
    "/v1/users/bob",
    "/v1/audit",
    "/v1/keys",
    "/readyz",
  ]) {
    await http(path);
  }
  await http(`/v1/explain?segment=${CART}&user=bob`);
  await http("/v1/items", { items: [{ id: "sku-1", price: 4 }] });
  const live = await fetch(`${api.url}/v1/live?topics=sizes,events,operations`, { headers: { authorization } });
  const reader = live.body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).not.toBe("");
  await reader.cancel();
});

test("questions by the service: a subscriber's few, and all of an operator's", async () => {
  const sizes = (await subscriber.request("ask.v1.sizes", "", PATIENTLY)).json<{
    sizes: Record<string, number>;
  }>();
  expect(sizes.sizes[CART]).toBeGreaterThan(0);
  await expect(subscriber.request("ask.v1.user", '{"user":"ann"}', PATIENTLY)).rejects.toThrow(/Permissions/);
  const nc = await server.connection("operator", credentialsOf("operator"));
  expect((await nc.request("ask.v1.user", '{"user":"ann"}', PATIENTLY)).json()).toMatchObject({ id: "ann" });
  expect((await nc.request("$SRV.PING", "", PATIENTLY)).json()).toMatchObject({ name: "rollcall" });
});

test("a subscriber pulls from a consumer that the operator made", async () => {
  const nc = await server.connection("operator", credentialsOf("operator"));
  const manager = await jetstreamManager(nc, { checkAPI: false });
  await manager.consumers.add("SEGMENTS", {
    durable_name: "mailer",
    ack_policy: "explicit",
    filter_subject: `segment.${CART}.*`,
  });
  const consumer = await jetstream(subscriber, { apiPrefix: subscriberApiPrefix("") }).consumers.get(
    "SEGMENTS",
    "mailer",
  );
  const message = await consumer.next({ expires: 5_000 });
  expect(message?.subject).toBe(`segment.${CART}.joined`);
  expect(await message!.ackAck()).toBe(true);
  expect((await manager.consumers.info("SEGMENTS", "mailer")).ack_floor.consumer_seq).toBe(1);
});

test("what an operator does at the command line", async () => {
  const commands = [
    ["segments", "ls"],
    ["members", CART],
    ["user", "ann"],
    ["explain", CART, "ann"],
    ["audit"],
    ["keys", "ls"],
  ];
  for (const command of commands) await operator(...command);
  await operator("replay", "--verify");
  await operator("doctor");
});

test("a backup of every stream but EXPORTS, as `nats stream backup` makes it", async () => {
  const nc = await server.connection("operator", credentialsOf("operator"));
  const { streams } = (await nc.request("$JS.API.STREAM.NAMES", "", PATIENTLY)).json<{ streams: string[] }>();
  expect(streams).toContain("KV_CHECKPOINT");
  for (const stream of streams) if (stream !== "EXPORTS") expect(await backedUp(nc, stream), stream).toBe("whole");
});

/** What the last piece says of the others: the server sends few that are not acknowledged, and then gives up. */
async function backedUp(nc: NatsConnection, stream: string): Promise<string> {
  const inbox = `_INBOX.operator.backup.${stream}`;
  const pieces = nc.subscribe(inbox);
  const wish = JSON.stringify({ deliver_subject: inbox, chunk_size: 1_024, window_size: 1_024 });
  expect((await nc.request(`$JS.API.STREAM.SNAPSHOT.${stream}`, wish, PATIENTLY)).json()).not.toHaveProperty("error");
  let bytes = 0;
  for await (const piece of pieces) {
    if (piece.data.length === 0) {
      const { code, description } = piece.headers ?? { code: 0, description: "" };
      return bytes > 0 && code < 400 ? "whole" : `${bytes} bytes, ${code} ${description}`;
    }
    bytes += piece.data.length;
    piece.respond();
  }
  return "broken off";
}

test("a file that is imported, members that are exported, and jobs", async () => {
  const row = { type: "track", userId: "carl", event: "Product Added", properties: { product_id: "p1", price: 60 } };
  const imported = await fetch(`${api.url}/v1/imports`, {
    method: "POST",
    headers: { authorization, "content-type": "application/x-ndjson" },
    body: JSON.stringify(row),
  });
  expect(imported.status).toBe(200);
  const path = join(server.dataDir, "rows.ndjson");
  await writeFile(path, JSON.stringify({ ...row, userId: "dora" }));
  await operator("import", path);
  await operator("export", CART, "--out", join(server.dataDir, "carts.csv"));
  const begun = await fetch(`${api.url}/v1/exports`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ segment: CART, format: "csv" }),
  });
  const { id } = (await begun.json()) as { id: string };
  await until("the export is done", async () => (await http(`/v1/jobs/${id}`)).state === "done");
  const file = await fetch(`${api.url}/v1/exports/${id}/file`, { headers: { authorization } });
  expect(await file.text()).toContain("ann,1,");
  expect((await operator("jobs", "-o", "json")).out.match(/"id"/g)).toHaveLength(4);
});

test("rejects, time series, partitions, and somebody who is erased", async () => {
  channel.publish("events.bad", "no json");
  await until("it is refused", async () => ((await http("/v1/rejects")).items as object[]).length > 0);
  for (const path of [`/v1/segments/${CART}/series?step=hour`, "/v1/workers", "/v1/partitions", "/v1/search?q=ann"]) {
    await http(path);
  }
  const begun = await fetch(`${api.url}/v1/users/bob`, { method: "DELETE", headers: { authorization } });
  expect(begun.status).toBe(202);
  await until("nothing is left of bob but deltas, which services may still have to hear", async () => {
    const { erasures } = (await http("/v1/erasures")) as unknown as { erasures: { state: string }[] };
    return erasures.length === 1 && erasures[0]!.state !== "under way";
  });
  expect((await operator("erase", "--status")).out).toContain("user");
  const { items } = (await http("/v1/jobs?kind=export&state=done")) as unknown as {
    items: { export: { expiresAt: string | null; link: string | null } }[];
  };
  const kept = items.filter((job) => job.export.expiresAt !== null);
  expect(kept.map((job) => job.export.link)).toEqual([null]);
});

test("nobody was refused anything that it needs", async () => {
  const log = await readFile(join(server.dataDir, "nats-server.log"), "utf8");
  const told = log.matchAll(/user:(\w+)" - (Publish|Subscription) Violation - Subject "([^"]+)"/g);
  // The one is what this file has tried.
  expect([...new Set(Array.from(told, ([, user, , subject]) => `${user} ${subject}`))]).toEqual([
    "subscriber ask.v1.user",
  ]);
  expect(logged).toEqual([]);
});

test("an answer that a channel or a subscriber asks for elsewhere reaches no stream", async () => {
  const before = await stored();
  const aims = [
    "watermark.0",
    "delta.vip.joined",
    "log.0.control",
    "log.0.link.1",
    "definitions",
    "audit.keys.create",
    "segment.vip.joined",
  ];
  const heard: string[] = [];
  const nc = await server.connection("operator", credentialsOf("operator"));
  nc.subscribe("segment.>", { callback: (_error, message) => void heard.push(message.subject) });
  await nc.flush();
  for (const reply of aims) {
    channel.publish("events.eve", JSON.stringify({ type: "track", userId: "eve", event: "X" }), { reply });
    channel.publish("ask.v1.decide", JSON.stringify({ user: "eve" }), { reply });
    subscriber.publish("ask.v1.sizes", "", { reply });
    subscriber.publish(`${subscriberApiPrefix("")}.CONSUMER.INFO.SEGMENTS.mailer`, "", { reply });
    subscriber.publish(`${subscriberApiPrefix("")}.CONSUMER.MSG.NEXT.SEGMENTS.mailer`, "", { reply });
  }
  await Promise.all([channel.flush(), subscriber.flush()]);
  const { seq } = (
    await channel.request("events.eve", JSON.stringify({ type: "track", userId: "eve", event: "X" }), PATIENTLY)
  ).json<{ seq: number }>();
  const decision = await channel.request(
    "ask.v1.decide",
    JSON.stringify({ user: "eve", after: { seq }, waitMs: 10_000 }),
    { timeout: 15_000 },
  );
  expect(decision.json()).toMatchObject({ fresh: true });
  const after = await stored();
  const events = Object.keys(after).filter((subject) => /^log\.\d\.(event|clock)$/.test(subject));
  const others = (counts: Record<string, number>) =>
    Object.fromEntries(
      Object.entries(counts).filter(([subject]) => !events.includes(subject) && !subject.startsWith("segment.")),
    );
  expect(others(after)).toEqual(others(before));
  expect(heard.filter((subject) => subject.startsWith("segment.vip."))).toEqual([]);
});

test("what a channel asks of the server by headers changes nothing but its own event", async () => {
  const intruder = await server.connection("channel", credentialsOf("channel"));
  const refused: string[] = [];
  const watching = (async () => {
    for await (const status of intruder.status()) {
      if (status.type !== "error" || !(status.error instanceof PermissionViolationError)) continue;
      refused.push(`${status.error.operation} ${status.error.subject}`);
    }
  })();
  const nc = await server.connection("operator", credentialsOf("operator"));
  const heard: string[] = [];
  nc.subscribe("segment.vip.*", { callback: (_error, message) => void heard.push(message.subject) });
  await nc.flush();
  const before = await stored();
  const event = JSON.stringify({ type: "track", userId: "mallory", event: "X" });
  const send = async (fields: Record<string, string>) => {
    const reply = await intruder.request("events.mallory", event, { headers: headersOf(fields), timeout: 10_000 });
    return reply.json<{ seq: number; error?: { description: string } }>();
  };
  const asked = [
    [{ "Nats-Rollup": "all" }, "rollup not permitted"],
    [{ "Nats-Rollup": "sub" }, "rollup not permitted"],
    [{ "Nats-TTL": "1s" }, "per-message TTL is disabled"],
    [{ "Nats-Incr": "+1" }, "message counters is disabled"],
    [{ "Nats-Schedule": "@every 1s", "Nats-Schedule-Target": "log.0.control" }, "message schedules is disabled"],
  ] as const;
  for (const [fields, why] of asked) expect((await send(fields)).error?.description).toBe(why);
  const aims = ["delta.vip.joined", "segment.vip.joined", "watermark.0"];
  for (const aim of aims)
    for (const only of [{}, { "Nats-Trace-Only": "true" }])
      intruder.publish("events.mallory", event, { headers: headersOf({ "Nats-Trace-Dest": aim, ...only }) });
  // A delta by its headers is an event all the same.
  const dressed = await send({ "Rollcall-Delta-Id": '["vip","user","mallory",1]', "Rollcall-Partition": "0" });
  expect(dressed.error).toBeUndefined();
  await intruder.close();
  await watching;
  expect(new Set(refused)).toEqual(new Set(aims.map((aim) => `publish ${aim}`)));
  const after = await stored();
  // Silence moves people meanwhile.
  const isOfTime = (subject: string): boolean => /clock$|^segment\./.test(subject);
  const moved = Object.keys(after).filter((subject) => after[subject] !== before[subject] && !isOfTime(subject));
  expect(moved.map((subject) => subject.replace(/\d/, "N"))).toEqual(["log.N.event"]);
  expect(after[moved[0]!]).toBe(before[moved[0]!]! + 1);
  await nc.flush();
  expect(heard).toEqual([]);
});

function headersOf(fields: Readonly<Record<string, string>>): MsgHdrs {
  const mh = headers();
  for (const [name, value] of Object.entries(fields)) mh.set(name, value);
  return mh;
}
