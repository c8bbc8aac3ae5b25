// Provisioning against a real server: made once, found again, refused when it differs; the probe leaves no trace.
import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeId, partitionOf } from "../../lib/core/ids.ts";
import { NatsJobStore } from "../../lib/nats/jobs.ts";
import { KeysMissing, NatsKeyStore } from "../../lib/nats/keys.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { type DataSetOptions, MappingMissing, ProvisionMismatch, provision } from "../../lib/nats/provision.ts";
import { api, streamState } from "../../lib/nats/wire.ts";
import { JobsMissing } from "../../lib/ports/jobs.ts";
import { startTestServer, type TestServer, testDataSet } from "../support/nats.ts";

/** One server for all; each test has a data set of its own, and the mapping knows them all. */
const NAMES = ["fresh", "older", "race", "counts", "clocks", "repeats", "lost", "edited", "fence", "heard", "hash"];
const mapped = (name: string, messages: string, kind: string): string =>
  `"${name}.${messages}.*": "${name}.log.{{partition(4,1)}}.${kind}"`;
const MAPPED = [
  ...NAMES.flatMap((name) => [mapped(name, "events", "event"), mapped(name, "accounts", "account")]),
  mapped("people", "events", "event"),
].join("\n");

let server: TestServer;
let nc: NatsConnection;

beforeAll(async () => {
  server = await startTestServer({ extra: `mappings {\n${MAPPED}\n}` });
  nc = await server.connection();
});

afterAll(() => server.stop());

const dataSet = (name: string, more: Partial<DataSetOptions> = {}): DataSetOptions => ({
  ...testDataSet({ name, partitions: 4 }),
  ...more,
});

const make = (name: string, more: Partial<DataSetOptions> = {}) => provision(nc, dataSet(name, more), { create: true });

async function ask(
  subject: string,
  body: string,
  fields: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const sent = headers();
  for (const [key, value] of Object.entries(fields)) sent.set(key, value);
  return (await nc.request(subject, body, { headers: sent, timeout: 5_000 })).json();
}

describe("streams and buckets", () => {
  test("are made once and found again", async () => {
    const first = await make("fresh");
    expect(first.created).toHaveLength(15);
    expect(first.found).toEqual([]);
    const again = await make("fresh");
    expect(again.created).toEqual([]);
    expect(again.found.toSorted()).toEqual(first.created.toSorted());
    expect(again.probed).toBe(4);
    await expect(provision(nc, dataSet("fresh"), { create: false })).resolves.toEqual(again);
  });

  test("are not made by a worker that may not, which says what is missing", async () => {
    const refused = provision(nc, dataSet("unmade"), { create: false });
    await expect(refused).rejects.toThrow(
      /Missing: unmade_DEFINITIONS, unmade_SEGMENTS.*and 9 more.*ROLLCALL_PROVISION/,
    );
  });

  test("that an older version did not know are added to its data set, and nothing else is touched", async () => {
    const names = namesOf("older");
    await make("older");
    const unknown = [names.auditStream, names.exportsStream];
    for (const bucket of [names.keysBucket, names.seriesBucket, names.jobsBucket]) unknown.push(`KV_${bucket}`);
    for (const stream of unknown) await api(nc, `STREAM.DELETE.${stream}`);
    const before = await streamState(nc, names.segmentsStream);
    await expect(new NatsKeyStore(nc, names).all()).rejects.toThrow(KeysMissing);
    await expect(new NatsJobStore(nc, names).all()).rejects.toThrow(JobsMissing);
    const { created } = await make("older");
    expect(created.toSorted()).toEqual(unknown.toSorted());
    expect(await streamState(nc, names.segmentsStream)).toEqual(before);
    expect(await new NatsKeyStore(nc, names).all()).toEqual([]);
    expect(await new NatsJobStore(nc, names).all()).toEqual([]);
  });

  test("hold one secret for cursors, whoever asks for it first; it is no key", async () => {
    await make("older");
    const stores = [1, 2, 3, 4].map(() => new NatsKeyStore(nc, namesOf("older")));
    const secrets = await Promise.all(stores.map(async (store) => Buffer.from(await store.secret()).toString("hex")));
    expect(secrets[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(secrets).size).toBe(1);
    expect(await stores[0]!.all()).toEqual([]);
  });

  test("are made by four workers at once, as by one", async () => {
    const reports = await Promise.all([1, 2, 3, 4].map(() => make("race")));
    expect(reports).toHaveLength(4);
    expect((await make("race")).found).toHaveLength(15);
  });

  test("of workers that disagree: one is told, and the number of logs is the other's", async () => {
    const results = await Promise.allSettled([make("counts", { partitions: 4 }), make("counts", { partitions: 6 })]);
    const refusals = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(refusals.filter((reason) => reason instanceof ProvisionMismatch)).toHaveLength(1);
    const jsm = await jetstreamManager(nc);
    const { config } = await jsm.streams.info("counts_DEFINITIONS");
    const logs = (await jsm.streams.names("counts.log.>").next()).filter((name) => name.startsWith("counts_EVENTS_"));
    expect(logs).toHaveLength(Number(config.metadata?.["rollcall-partitions"]));
  });

  test("are opened by the key-value client, and a heartbeat ends by itself with a marker", async () => {
    await make("fresh");
    const kv = await new Kvm(nc).open("fresh_CLUSTER");
    const watch = await kv.watch({ key: "worker" });
    expect(await ask("$KV.fresh_CLUSTER.worker", "alive", { "Nats-TTL": "1s" })).toMatchObject({ seq: 1 });
    const seen: string[] = [];
    for await (const entry of watch) {
      seen.push(entry.operation);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(["PUT", "PURGE"]);
  });
});

describe("refused, with the difference", () => {
  test("another number of partitions, before anything is made", async () => {
    await make("fresh");
    const refused = make("fresh", { partitions: 8 });
    await expect(refused).rejects.toThrow(/made with partitions 4, but the configuration says 8.*ROLLCALL_PARTITIONS/);
    const jsm = await jetstreamManager(nc);
    await expect(jsm.streams.info("fresh_EVENTS_7")).rejects.toThrow(/not found/);
  });

  test("another clock", async () => {
    await make("clocks");
    await expect(make("clocks", { clock: "event" })).rejects.toThrow(/made with clock log.*ROLLCALL_CLOCK/);
  });

  test("settings that the laws stand on, and those that are the operator's", async () => {
    await make("edited");
    const jsm = await jetstreamManager(nc);
    await jsm.streams.update("edited_EVENTS_2", { max_age: 3_600e9, allow_rollup_hdrs: true });
    const error = await make("edited").catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(ProvisionMismatch);
    expect((error as ProvisionMismatch).differences).toEqual([
      { stream: "edited_EVENTS_2", setting: "max_age", found: "3600000000000", wanted: "0" },
      { stream: "edited_EVENTS_2", setting: "allow_rollup_hdrs", found: "true", wanted: "false" },
    ]);
    expect((error as Error).message).toContain("ROLLCALL_EVENTS_MAX_AGE");
  });

  test("another time for which logs know a repeat", async () => {
    await make("repeats", { repeatsKnownMs: 600_000 });
    const jsm = await jetstreamManager(nc);
    const { config } = await jsm.streams.info("repeats_EVENTS_3");
    expect(config.duplicate_window).toBe(600e9);
    await expect(make("repeats")).rejects.toThrow(/EVENTS_3 +duplicate_window: found 600.*ROLLCALL_REPEATS_KNOWN/s);
  });

  test("a log that was there and is gone; a checkpoint bucket is made again", async () => {
    await make("lost");
    const jsm = await jetstreamManager(nc);
    await jsm.streams.delete("KV_lost_CHECKPOINT");
    expect((await make("lost")).created).toEqual(["KV_lost_CHECKPOINT"]);
    await jsm.streams.delete("lost_EVENTS_1");
    await expect(make("lost")).rejects.toThrow(/lost_EVENTS_1 of this data set is gone.*backup/);
    await jsm.streams.delete("lost_DEFINITIONS");
    await expect(make("lost")).rejects.toThrow(/lost_DEFINITIONS of this data set is gone/);
  });

  test("a server without the mapping, with the lines to add; and nothing is stored", async () => {
    const error = await make("unmapped").catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(MappingMissing);
    expect((error as Error).message).toContain(
      "came out at nowhere instead of unmapped_EVENTS_0 (4 of 4 partitions are wrong)",
    );
    expect((error as Error).message).toContain('"unmapped.events.*": "unmapped.log.{{partition(4,1)}}.event"');
  });

  test("a server that leads events alone, as before there were accounts", async () => {
    const error = await make("people").catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(MappingMissing);
    expect((error as Error).message).toMatch(
      /people\.accounts\.\S+ came out at nowhere instead of people_EVENTS_0 \(4 of 4 partitions are wrong\)/,
    );
    expect((error as Error).message).toContain('"people.accounts.*": "people.log.{{partition(4,1)}}.account"');
  });

  test("a mapping for another number of partitions", async () => {
    await expect(make("hash", { partitions: 5 })).rejects.toThrow(
      /came out at hash_EVENTS_\d instead of hash_EVENTS_\d/,
    );
  });
});

describe("the log", () => {
  test("holds nothing after probing, and what is published lands where our hash says", async () => {
    await make("fresh");
    const jsm = await jetstreamManager(nc);
    const count = async (): Promise<number> => {
      const infos = await Promise.all([0, 1, 2, 3].map((p) => jsm.streams.info(`fresh_EVENTS_${p}`)));
      return infos.reduce((sum, { state }) => sum + state.messages, 0);
    };
    expect(await count()).toBe(0);
    for (const id of ["u1", "ann@example.org", "a b.c*>", "Zoë 🛒"]) {
      const stored = await ask(`fresh.events.${encodeId(id)}`, "{}");
      expect(stored).toMatchObject({ stream: `fresh_EVENTS_${partitionOf(id, 4)}` });
    }
    expect(await count()).toBe(4);
  });

  test("refuses a channel that would roll it up or let a message expire", async () => {
    await make("fresh");
    expect(await ask("fresh.events.u1", "{}", { "Nats-Rollup": "all" })).toMatchObject({ error: { err_code: 10111 } });
    expect(await ask("fresh.events.u1", "{}", { "Nats-TTL": "1s" })).toMatchObject({ error: { err_code: 10166 } });
  });
});

describe("the fence (protocol.md 1.1)", () => {
  const fence = (seq: number) => ({
    "Nats-Expected-Last-Subject-Sequence": String(seq),
    "Nats-Expected-Last-Subject-Sequence-Subject": "heard.watermark.0",
  });
  const own = (seq: number) => ({
    "Nats-Expected-Last-Subject-Sequence": String(seq),
    "Nats-Rollup": "sub",
    "Nats-TTL": "never",
  });
  const batch = (id: string, n: number, last = false) => ({
    "Nats-Batch-Id": id,
    "Nats-Batch-Sequence": String(n),
    ...(last ? { "Nats-Batch-Commit": "1" } : {}),
  });
  const add = (subject: string, body: string, fields: Record<string, string>): void => {
    const sent = headers();
    for (const [key, value] of Object.entries(fields)) sent.set(key, value);
    nc.publish(subject, body, { headers: sent });
  };

  test("a plain subscriber hears what is stored, with its sequence, and never what a stale owner sent", async () => {
    await make("heard");
    const heard: [string, string, string][] = [];
    nc.subscribe("heard.segment.>", {
      callback: (_, msg) => {
        heard.push([msg.subject, msg.string(), msg.headers?.get("Nats-Sequence") ?? ""]);
      },
    });
    // Sequence 1 is the origin, which provisioning stored.
    expect(await ask("heard.watermark.0", "{}", own(0))).toMatchObject({ seq: 2 });
    expect(await ask("heard.delta.vip.joined", "single", fence(2))).toMatchObject({ seq: 3 });
    add("heard.delta.vip.left", "batch 1", batch("a", 1));
    add("heard.delta.big.joined", "batch 2", batch("a", 2));
    expect(await ask("heard.watermark.0", "{}", { ...batch("a", 3, true), ...own(2) })).toMatchObject({ seq: 6 });

    const stale = { error: { err_code: 10071 } };
    expect(await ask("heard.delta.vip.joined", "stale single", fence(2))).toMatchObject(stale);
    add("heard.delta.vip.joined", "stale batch 1", batch("b", 1));
    expect(await ask("heard.watermark.0", "{}", { ...batch("b", 2, true), ...own(2) })).toMatchObject(stale);
    add("heard.delta.vip.joined", "stale batch 2", { ...batch("c", 1), ...fence(2) });
    expect(await ask("heard.watermark.0", "{}", { ...batch("c", 2, true), ...own(6) })).toMatchObject(stale);

    // What is heard after the refusals was published after them, on the same connection: nothing can still be under way.
    expect(await ask("heard.delta.vip.joined", "last", fence(6))).toMatchObject({ seq: 7 });
    await nc.flush();
    expect(heard).toEqual([
      ["heard.segment.vip.joined", "single", "3"],
      ["heard.segment.vip.left", "batch 1", "4"],
      ["heard.segment.big.joined", "batch 2", "5"],
      ["heard.segment.vip.joined", "last", "7"],
    ]);
    const jsm = await jetstreamManager(nc);
    const { state } = await jsm.streams.info("heard_SEGMENTS", { subjects_filter: ">" });
    expect(state.subjects).toEqual({
      "heard.segment.vip.joined": 2,
      "heard.segment.vip.left": 1,
      "heard.segment.big.joined": 1,
      "heard.watermark.0": 1,
      "heard.watermark.origin": 1,
    });
  });
});
