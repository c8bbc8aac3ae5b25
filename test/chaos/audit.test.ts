// The auditor against a real nats-server: it finds nothing where an owner worked undisturbed, and names every damage that is
// then done by hand, the way somebody with an owner's permissions could. Each damage stays, so what is compared is the increase.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeManifest } from "../../actors/partition/manifest.ts";
import { storedDeltas } from "../../lib/cli/read-streams.ts";
import { encodeDelta, deltaId as idOf } from "../../lib/core/deltas.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { encodeLink } from "../../lib/core/links.ts";
import type { Delta, PartitionNo } from "../../lib/core/types.ts";
import { NatsControlLog } from "../../lib/nats/control-log.ts";
import { DELTA_ID_HEADER, PARTITION_HEADER } from "../../lib/nats/delta-sink.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { api, publish, storedMessage, streamState } from "../../lib/nats/wire.ts";
import type { Watermark } from "../../lib/ports/delta-sink.ts";
import type { StoredDelta } from "../../lib/verify/verify.ts";
import { PATIENTLY, type Provisioned, provisioned } from "../support/nats.ts";
import { testShard } from "../support/shards.ts";
import { until } from "../support/until.ts";
import { type AuditReport, audit, FINDINGS, type Finding } from "./audit.ts";

const PARTITIONS = 2;
const MEMBERS = 60;
/** The second entry of the control log says that the first is in force. */
const REVISION = 1;

let server: Provisioned;
let nc: NatsConnection;

beforeAll(async () => {
  server = await provisioned({ partitions: PARTITIONS });
  nc = server.nc;
  const { names } = server;
  const worker = await server.connection("worker");
  const shard = testShard({ nc: worker, names, partitions: PARTITIONS, shard: "one" });
  shard.start();
  const rule = { cart: { value: { gt: 0 } } };
  await new NatsControlLog(nc, names).append({ op: "apply", define: [{ id: "carts", rule }], remove: [] }, 0);
  const questions = new Questions(nc, names, PARTITIONS);
  await until("the segment is in force", async () =>
    (await questions.status()).every((status) => (status?.revision ?? 0) >= REVISION),
  );
  for (let member = 0; member < MEMBERS; member += 1) {
    const put = {
      type: "track",
      userId: `u${member}`,
      event: "Product Added",
      properties: { product_id: "p", price: 5 },
    };
    await send(`u${member}`, put);
    if (member % 2 === 0) await send(`u${member}`, { ...put, event: "Order Completed" });
  }
  await until("all deltas are stored", async () => (await deltas()).length === MEMBERS * 1.5);
  await shard.drain();
});

afterAll(() => server.stop());

async function send(userId: string, event: object): Promise<void> {
  await nc.request(`events.${userId}`, JSON.stringify(event), PATIENTLY);
}

async function deltas(): Promise<StoredDelta[]> {
  const all: StoredDelta[] = [];
  for await (const stored of storedDeltas(nc, server.names)) all.push(stored);
  return all;
}

const audited = (): Promise<AuditReport> => audit({ nc, names: server.names, partitions: PARTITIONS, spokenMsMax: 0 });

/** By how much each count rose. */
async function rise(damage: () => Promise<unknown>): Promise<Partial<Record<Finding, number>>> {
  const before = await audited();
  await damage();
  const after = await audited();
  const risen = FINDINGS.map((kind) => [kind, after.findings[kind].count - before.findings[kind].count] as const);
  return Object.fromEntries(risen.filter(([, by]) => by !== 0));
}

interface Forged {
  readonly partition?: PartitionNo;
  /** Whose watermark it is fenced by; undefined for none at all. */
  readonly fencedBy?: PartitionNo | undefined;
}

async function say(delta: Delta, forged: Forged = {}): Promise<void> {
  const own = partitionOf(delta.id, PARTITIONS);
  const { partition = own } = forged;
  const fencedBy = "fencedBy" in forged ? forged.fencedBy : own;
  const mh = headers();
  mh.set(DELTA_ID_HEADER, idOf(delta));
  mh.set(PARTITION_HEADER, `${partition}`);
  if (fencedBy !== undefined) {
    const subject = server.names.watermarkSubject(fencedBy);
    const { seq } = (await storedMessage(nc, server.names.segmentsStream, { last_by_subj: subject }))!;
    mh.set("Nats-Expected-Last-Subject-Sequence", `${seq}`);
    mh.set("Nats-Expected-Last-Subject-Sequence-Subject", subject);
  }
  const outcome = await publish(nc, server.names.deltaSubject(delta.segment, delta.change), encodeDelta(delta), mh);
  expect(outcome.kind).toBe("stored");
}

async function unsay({ seq }: StoredDelta): Promise<void> {
  await api(nc, `STREAM.MSG.DELETE.${server.names.segmentsStream}`, { seq });
}

async function watermark(partition: PartitionNo, change: Partial<Watermark>): Promise<void> {
  const subject = server.names.watermarkSubject(partition);
  const stored = (await storedMessage(nc, server.names.segmentsStream, { last_by_subj: subject }))!;
  const now = JSON.parse(Buffer.from(stored.data).toString()) as Watermark;
  const mh = headers();
  mh.set("Nats-Rollup", "sub");
  mh.set("Nats-TTL", "never");
  const outcome = await publish(nc, subject, JSON.stringify({ ...now, epoch: now.epoch + 1, ...change }), mh);
  expect(outcome.kind).toBe("stored");
}

/** A member's first delta, which has none after it, somewhere in the middle. */
async function lonelyDelta(): Promise<StoredDelta> {
  const all = await deltas();
  const alone = all.filter(({ delta }) => all.filter((other) => other.delta.id === delta.id).length === 1);
  return alone[Math.floor(alone.length / 2)]!;
}

test("nothing is found where nothing happened, and everything was looked at", async () => {
  const report = await audited();
  expect(FINDINGS.flatMap((kind) => report.findings[kind].examples)).toEqual([]);
  expect(report).toMatchObject({ held: true, events: MEMBERS * 1.5, deltas: { expected: 90, stored: 90 }, records: 2 });
  expect(report.blobs).toBeGreaterThanOrEqual(PARTITIONS * 3);
  expect(report.singles + report.batches).toBeGreaterThan(0);
});

test("a delta that is gone is lost", async () => {
  const gone = await lonelyDelta();
  expect(await rise(() => unsay(gone))).toEqual({ lost: 1 });
});

test("a delta said twice is repeated, and stands out of order and of number", async () => {
  const { delta } = (await deltas())[3]!;
  expect(await rise(() => say(delta))).toMatchObject({ repeated: 1, misnumbered: 1, misplaced: 1 });
});

test("a delta that was moved is disordered", async () => {
  const moved = await lonelyDelta();
  const risen = await rise(async () => {
    await unsay(moved);
    await say(moved.delta);
  });
  expect(risen).toMatchObject({ disordered: 1, misplaced: 1 });
  expect(risen).not.toHaveProperty("lost");
});

test("a delta that nobody had to say is wrong", async () => {
  const { delta } = await lonelyDelta();
  const risen = await rise(() => say({ ...delta, n: 2, change: "left", at: delta.at + 1 }));
  expect(risen).toMatchObject({ wrong: 1 });
  expect(risen).not.toHaveProperty("lost");
});

test("a delta with another content is wrong, and the one that was due is lost", async () => {
  const changed = await lonelyDelta();
  const risen = await rise(async () => {
    await unsay(changed);
    await say({ ...changed.delta, at: changed.delta.at + 1 });
  });
  expect(risen).toMatchObject({ wrong: 1, lost: 1 });
});

test("a delta without a fence, or under another partition's, is told", async () => {
  const { delta } = await lonelyDelta();
  expect(await rise(() => say(delta, { fencedBy: undefined }))).toMatchObject({ unfenced: 1 });
  const other = 1 - partitionOf(delta.id, PARTITIONS);
  expect(await rise(() => say(delta, { fencedBy: other }))).toMatchObject({ unfenced: 1 });
});

test("a delta that names another partition is told", async () => {
  const { delta } = await lonelyDelta();
  expect(await rise(() => say(delta, { partition: 7 }))).toMatchObject({ mislabelled: 1 });
});

test("a page that was changed or removed is told", async () => {
  const { names } = server;
  const bucket = `$KV.${names.checkpointBucket}`;
  const stored = await storedMessage(nc, `KV_${names.checkpointBucket}`, { last_by_subj: `${bucket}.0.manifest` });
  const { key } = decodeManifest(0, stored!.data).generations[0]!.meta;
  expect(await rise(() => publish(nc, `${bucket}.${key}`, "other bytes"))).toEqual({ checkpoints: 1 });
  const gone = decodeManifest(0, stored!.data).generations[0]!.directory.key;
  const purge = (): Promise<unknown> =>
    api(nc, `STREAM.PURGE.KV_${names.checkpointBucket}`, { filter: `${bucket}.${gone}` });
  expect(await rise(purge)).toEqual({ checkpoints: 1 });
});

test("a watermark that says too little, too much or something else is told, and the checkpoint ahead of it", async () => {
  const { last } = await streamState(nc, server.names.eventsStream(1));
  const toldOf = async (change: Partial<Watermark>): Promise<string> => {
    await watermark(1, change);
    const { watermarks, checkpoints } = (await audited()).findings;
    return [...watermarks.examples, ...checkpoints.examples].join("\n");
  };
  expect(await toldOf({ digest: "0123456789abcdef" })).toMatch(/partition 1: .*digest 0123456789abcdef, the logs make/);
  expect(await toldOf({ done: last + 10 })).toContain(`done ${last + 10}, and the log ends at ${last}`);
  expect(await toldOf({ done: last, fingerprint: 1 })).toContain(`input ${last} has another stamp`);
  expect(await toldOf({ done: 1 })).toContain("is ahead of the watermark, which says 1");
});

test("what one partition is made to say to another, and its log does not, is told", async () => {
  const forged = encodeLink({ from: 1, n: 1, items: [] });
  expect(await rise(() => publish(nc, server.names.linkSubject(0, 1), forged))).toEqual({ links: 1 });
});

test("an event that was acknowledged and never judged is told", async () => {
  const userId = Array.from({ length: MEMBERS }, (_, member) => `u${member}`).find(
    (id) => partitionOf(id, PARTITIONS) === 0,
  );
  expect(await rise(() => send(userId!, { type: "track", userId, event: "Late" }))).toEqual({ unspoken: 1 });
});
