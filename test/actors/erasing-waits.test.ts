// What could stop an erasure, in a cluster in memory: odd messages, long ones, a log that loses its beginning, others that are late.
import { afterEach, expect, test, vi } from "vitest";
import { ErasureScan } from "../../actors/partition/erasure-scan.ts";
import { productMachinery } from "../../actors/worker/machinery.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS, type MemberKind } from "../../lib/core/types.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import {
  type ErasureStep,
  type ErasureWait,
  entryText,
  inChunks,
  LedgerBook,
  type StandIn,
} from "../../lib/ports/erasing.ts";
import { ledgerOf, leftOf, phasesOf } from "../support/erasures.ts";
import { MemoryCluster, type MemoryClusterOptions } from "../support/memory-cluster.ts";

let cluster: MemoryCluster;

afterEach(() => {
  expect(cluster.errors).toEqual([]);
  for (const name of cluster.live) cluster.kill(name);
});

function begin(options: Partial<MemoryClusterOptions> = {}): void {
  const machinery = productMachinery(DEFAULT_LIMITS);
  cluster = new MemoryCluster({ seed: 1, partitions: 1, machinery, settings: { erasureHoldMs: 0 }, ...options });
  cluster.startShard();
}

function send(user: string, body: object | Uint8Array): void {
  const text = body instanceof Uint8Array ? body : JSON.stringify({ userId: user, ...body });
  const message = { subject: "event", body: Buffer.from(text as string) };
  cluster.server.stream(memoryLogStream(partitionOf(user, cluster.partitions))).store([message]);
}

/** Gives the entry's revision. */
function erase(id: string, kind: MemberKind = "user"): number {
  cluster.control({ op: "erase", ...erasedOf(kind, id, "key") });
  return cluster.server.stream("DEFINITIONS").last;
}

function untilGone(...revisions: readonly number[]): Promise<void> {
  const phases = () => revisions.flatMap((revision) => phasesOf(cluster.server, cluster.partitions, revision));
  return cluster.runtime.until("the erasures to be through", () => phases().every((phase) => phase === "deleted"));
}

const left = (...words: readonly string[]): string[] => leftOf(cluster.server, cluster.partitions, words);

/** Texts, and maps and lists of them, as MessagePack. */
function packed(value: string | object): Buffer {
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([0xda, bytes.length >> 8, bytes.length & 0xff]), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([0x90 | value.length]), ...value.map(packed)]);
  const entries = Object.entries(value) as [string, string | object][];
  const parts = entries.flatMap(([key, inner]) => [packed(key), packed(inner)]);
  return Buffer.concat([Buffer.from([0x80 | entries.length]), ...parts]);
}

test("group calls in MessagePack lose what they tell of an erased account, and whoever is erased after it goes, too", async () => {
  begin();
  send("ann", packed({ type: "group", userId: "ann", groupId: "acme", traits: { billing: "pay@acme.example" } }));
  // As JSON it would be longer than events may be.
  const properties = { note: "\u0001".repeat(DEFAULT_LIMITS.eventBytesMax / 2) };
  const traits = { billing: "pay@acme.example" };
  const known = { timezone: "Europe/Paris", externalIds: [{ type: "crm", id: "77" }] };
  const context = { ...known, page: { title: "Settings" } };
  send("bob", packed({ type: "group", userId: "bob", groupId: "acme", properties, traits, context }));
  send("dan", packed({ type: "group", userId: "dan", groupId: "acme", traits, context: { externalIds: properties } }));
  send("cid", { type: "track", event: "Played" });
  await cluster.untilQuiet();
  await untilGone(erase("acme", "account"), erase("cid"));
  await cluster.runtime.advance(5_000);
  expect(left("pay@acme", "cid")).toEqual([]);
  const standIns = ledgerOf(cluster.server, 0)
    .standInsFor(1, 3)!
    .map(({ body }) => JSON.parse(Buffer.from(body).toString()));
  expect(standIns).toEqual([
    { type: "group", userId: "ann", groupId: "acme" },
    // His own zone and ids are known of him as before.
    { type: "group", userId: "bob", groupId: "acme", context: known },
    { type: "group", userId: "dan", groupId: "acme" },
  ]);
});

test("however long events may be, a group call's stand-in fits into the ledger", () => {
  const limits = { ...DEFAULT_LIMITS, eventBytesMax: 8 * 1024 * 1024 };
  const options = { partition: 0, partitions: 1, clockMode: "log", clockStepMsMax: 1_000, limits } as const;
  const scan = new ErasureScan(1, erasedOf("account", "acme", "key"), {
    ...options,
    pageCacheBytesMax: 0,
    pageBytesMax: 0,
  });
  const call = { type: "group", userId: "bob", groupId: "acme", traits: { plan: "pro" } };
  // Well below a server's million bytes, and as JSON far beyond.
  const packedCall = packed({ ...call, properties: { all: Array(10).fill("\u0001".repeat(60_000)) } });
  scan.take({ seq: 1, stamp: 1, kind: "event", body: packedCall });
  // Neither is JSON as short as it was: a number may come out in more digits.
  const digits = { ...call, properties: { all: "?" } };
  const jsonCall = JSON.stringify(digits).replace('"?"', `[${"1e20,".repeat(100_000)}1]`);
  scan.take({ seq: 2, stamp: 1, kind: "event", body: Buffer.from(jsonCall) });
  const entries = inChunks(scan.standIns).map(entryText);
  expect(scan.standIns.map(({ seq }) => seq)).toEqual([1, 2]);
  expect(Math.max(...entries.map(({ length }) => length))).toBeLessThan(300_000);
});

test("of a list each log keeps the ids that live there; only at home what it said has changed", () => {
  const ids = Array.from({ length: 40 }, (_, index) => `user-${index}`);
  const here = (partition: number) => ids.filter((id) => partitionOf(id, 2) === partition);
  const [ann] = here(1) as [string];
  const copy = (revision: number, members: readonly string[]) =>
    Buffer.from(JSON.stringify({ revision, entry: { op: "list", id: "vips", mode: "replace", members } }));
  const scanOf = (partition: number): ErasureScan => {
    const options = { partitions: 2, clockMode: "log", clockStepMsMax: 1, limits: DEFAULT_LIMITS } as const;
    const scan = new ErasureScan(3, erasedOf("user", ann, "key"), {
      ...options,
      partition,
      pageCacheBytesMax: 0,
      pageBytesMax: 0,
    });
    const bodies = [
      copy(1, ids),
      copy(2, ["nobody else"]),
      Buffer.from('{"revision":3}'),
      copy(4, [ann]),
      copy(1, ids),
    ];
    for (const [index, body] of bodies.entries()) scan.take({ seq: index + 1, stamp: 1, kind: "control", body });
    return scan;
  };
  for (const partition of [0, 1]) {
    const { standIns } = scanOf(partition);
    const kept = here(partition).filter((id) => id !== ann);
    const isAlike = partition === 0;
    expect(standIns.map(({ seq }) => seq)).toEqual([1, 5]);
    for (const standIn of standIns) {
      expect(standIn).toMatchObject({ kind: "control", isAlike });
      expect(JSON.parse(standIn.body)).toEqual(JSON.parse(copy(1, kept).toString()));
    }
    const book = new LedgerBook();
    book.take("entry.3.0", entryText(standIns), 1);
    book.take("phase.3.listed", JSON.stringify({ seq: 3, stamp: 1 }), 2);
    expect([book.isFaithful, book.last]).toEqual(isAlike ? [true, 0] : [false, 5]);
    expect(book.standInsFor(1, 1)![0]).toEqual({ seq: 1, stamp: 1, kind: "control", body: copy(1, kept) });
    expect(book.disagreeing()).toEqual([]);
  }
});

test("one that fails, whatever is wrong with it, lets the others by, and is tried again", async () => {
  begin();
  for (const user of ["ann", "bob"]) send(user, { type: "track", event: "Played" });
  await cluster.untilQuiet();
  const { take } = ErasureScan.prototype;
  let isBroken = true;
  const broken = vi.spyOn(ErasureScan.prototype, "take").mockImplementation(function (this: ErasureScan, record) {
    if (isBroken && (this as unknown as { revision: number }).revision === 1) throw new Error("cannot be read");
    take.call(this, record);
  });
  const [ann, bob] = [erase("ann"), erase("bob")];
  const steps = () => cluster.shards.get(cluster.live[0]!)!.partitions[0]!.status().erasing;
  const isSaid = () => steps().some(({ revision, waits }) => revision === ann && waits === "retry");
  await cluster.runtime.until("it to be said that it has failed", isSaid);
  await untilGone(bob);
  expect(phasesOf(cluster.server, 1, ann)).toEqual([undefined]);
  isBroken = false;
  await untilGone(ann);
  broken.mockRestore();
});

test("whoever takes over goes on with what is half deleted before all others", async () => {
  begin({ settings: { erasureHoldMs: 10_000 } });
  for (const user of ["ann", "bob"]) send(user, { type: "track", event: "Played" });
  await cluster.untilQuiet();
  const phaseOf = (revision: number): unknown => phasesOf(cluster.server, 1, revision)[0];
  const ann = erase("ann");
  await cluster.runtime.until("ann to be cleared", () => phaseOf(ann) === "cleared");
  const [first] = cluster.live;
  cluster.server.fate = (client, call) => (client === first && call === "erase" ? "retry" : "ok");
  const bob = erase("bob");
  await cluster.runtime.until("bob to be listed", () => phaseOf(bob) === "listed");
  await cluster.runtime.advance(10_000);
  // By whose time the next owner knows that ann's deltas have been kept for long enough.
  send("cid", { type: "track", event: "Played" });
  await cluster.runtime.advance(1_000);
  cluster.kill(first!);
  cluster.startShard();
  await untilGone(ann, bob);
  const marks = [...cluster.server.stream("ERASED").from(1)].map(({ subject }) => subject).slice(-3);
  expect(marks).toEqual([`0.phase.${bob}.cleared`, `0.phase.${ann}.deleted`, `0.phase.${bob}.deleted`]);
});

test("what the ledger is told fits into a server's messages, however much it is, and a ledger that takes nothing is told", async () => {
  begin({ payloadBytesMax: 1_000_000 });
  const note = '"'.repeat(DEFAULT_LIMITS.eventBytesMax / 2 - 200);
  const users = Array.from({ length: 50 }, (_, index) => `user-${index}`);
  for (const user of users)
    send(user, { type: "group", groupId: "acme", traits: { billing: "pay@acme.example" }, properties: { note } });
  await cluster.untilQuiet();
  cluster.server.fate = (_client, call) => (call === "ledger" ? "retry" : "ok");
  const revision = erase("acme", "account");
  const complaint = "partition: the ledger of erasures took no entry, trying again";
  await cluster.runtime.until("a complaint", () => cluster.warnings.includes(complaint));
  cluster.calm();
  await untilGone(revision);
  // Of each the call, and what was told to the account.
  expect(ledgerOf(cluster.server, 0).seqsOf(revision)).toHaveLength(users.length * 2);
  expect(left("pay@acme")).toEqual([]);
});

test("the ledger is written in pieces of bounded bytes; one that is too long for that goes alone, as long as its message", () => {
  const standIn = (seq: number, length: number): StandIn => {
    return { seq, stamp: 1, kind: "link", body: JSON.stringify({ said: '"'.repeat(length) }) };
  };
  const [short, long] = [standIn(1, 100), standIn(2, 200_000)] as const;
  expect(inChunks([])).toEqual([]);
  expect(inChunks([short, long, short, short])).toEqual([[short], [long], [short, short]]);
  expect(inChunks(Array.from({ length: 1_001 }, () => short)).map(({ length }) => length)).toEqual([500, 500, 1]);
  expect(entryText([long]).length).toBeLessThan(long.body.length + 50);
  const book = new LedgerBook();
  book.take("entry.1.0", entryText([short, long]), 1);
  book.take("phase.1.listed", JSON.stringify({ seq: 1, stamp: 1 }), 2);
  const read = book.standInsFor(1, 2)!.map(({ body }) => Buffer.from(body).toString());
  expect(read).toEqual([short.body, long.body]);
});

test("a log that loses its beginning while it is read stops nobody: what aged out need not be erased", async () => {
  begin();
  const log = cluster.server.stream(memoryLogStream(0));
  for (let n = 0; n < 40; n += 1) send(n % 2 === 0 ? "ann" : "bob", { type: "track", event: "Played" });
  await cluster.untilQuiet();
  // Whoever asks finds that one more is gone since the last time.
  cluster.server.fate = (_client, call) => {
    if (call === "bounds" && log.first < 20) log.trim(log.first + 1);
    return "ok";
  };
  await untilGone(erase("ann"));
  expect(log.first).toBe(20);
  await cluster.runtime.advance(5_000);
  expect(left("ann")).toEqual([]);
  expect(cluster.server.stream(memoryLogStream(0)).at(20)).toBeDefined();
});

test("an erasure that has to wait reads on where it was: every log once", async () => {
  begin({ partitions: 2 });
  const times = new Map<string, number>();
  const { take } = ErasureScan.prototype;
  const counting = vi.spyOn(ErasureScan.prototype, "take").mockImplementation(function (this: ErasureScan, record) {
    const { options } = this as unknown as { options: { partition: number } };
    const message = `partition ${options.partition}, message ${record.seq}`;
    times.set(message, (times.get(message) ?? 0) + 1);
    take.call(this, record);
  });
  for (let n = 0; n < 20; n += 1) send(`user-${n}`, { type: "group", groupId: `firm-${n % 3}` });
  await cluster.untilQuiet();
  await untilGone(erase("user-1"));
  counting.mockRestore();
  expect(times.size).toBeGreaterThan(40);
  expect([...times].filter(([, count]) => count > 1)).toEqual([]);
});

test("a fold of history that has failed holds no erasure", async () => {
  begin({ settings: { erasureHoldMs: 0, readyWithinMessages: 5 } });
  const log = cluster.server.stream(memoryLogStream(0));
  for (let n = 0; n < 40; n += 1) send(n % 2 === 0 ? "ann" : "bob", { type: "track", event: "Played" });
  await cluster.untilQuiet();
  // After the fold has looked where the log begins, and before its reader has.
  let looks = 0;
  cluster.server.fate = (_client, call) => {
    if (call === "bounds") looks += 1;
    if (call === "bounds" && looks === 2) log.trim(20);
    return "ok";
  };
  const rule = { event: { name: "Played", count: { gte: 2 } } };
  cluster.control({ op: "apply", define: [{ id: "fans", kind: "user", rule }], remove: [] });
  const folding = () => cluster.shards.get(cluster.live[0]!)!.partitions[0]!.status().folding;
  await cluster.runtime.until("the fold to have failed", () => folding().some(({ failed }) => failed !== null));
  expect(cluster.errors.splice(0)).toEqual([expect.stringContaining("backfill failed")]);
  await untilGone(erase("ann"));
  await cluster.runtime.advance(5_000);
  expect(left("ann")).toEqual([]);
});

test("a partition says of each erasure that is not over why it is no further", async () => {
  begin({ partitions: 2, settings: { erasureHoldMs: 10_000 } });
  const home = partitionOf("ann", 2);
  send("ann", { type: "track", event: "Played" });
  await cluster.untilQuiet();
  const stepsAt = (partition: number): readonly ErasureStep[] => {
    const { partitions } = cluster.shards.get(cluster.live[0]!)!;
    return partitions.find((one) => one.partition === partition)!.status().erasing;
  };
  const untilSaid = (...wanted: readonly [number, ErasureWait][]): Promise<void> => {
    const said = () => stepsAt(home).map(({ revision, waits }) => [revision, waits]);
    const isSaid = () => JSON.stringify(said()) === JSON.stringify(wanted);
    return cluster.runtime.until(`${JSON.stringify(wanted)} to be said`, isSaid);
  };
  // Nothing is stored of what partitions say to each other, nor pages, nor that a history is folded.
  const refused = new Set(["link", "put", "append-ready"]);
  cluster.server.fate = (_client, call) => (refused.has(call) ? "retry" : "ok");
  const rule = { event: { name: "Played", count: { gte: 2 } } };
  cluster.control({ op: "apply", define: [{ id: "fans", kind: "user", rule }], remove: [] });
  const [ann, bob] = [erase("ann"), erase("bob")];
  await untilSaid([ann, "others"], [bob, "turn"]);
  refused.delete("link");
  await untilSaid([ann, "checkpoint"], [bob, "turn"]);
  refused.delete("put");
  await untilSaid([ann, "folds"], [bob, "turn"]);
  refused.delete("append-ready");
  refused.add("erase");
  await untilSaid([ann, "work"], [bob, "turn"]);
  refused.clear();
  await cluster.runtime.until("ann's deltas to be kept", () => stepsAt(home).some(({ waits }) => waits === "hold"));
  const { stamp } = ledgerOf(cluster.server, home).noteOf(ann)!;
  expect(stepsAt(home).find(({ revision }) => revision === ann)?.until).toBe(stamp + 10_000);
  await untilGone(ann, bob);
  expect([stepsAt(0), stepsAt(1)]).toEqual([[], []]);
});

test("what was refused goes by what it says, also where an id is a number and where its message has aged out", async () => {
  begin();
  send("12345", { userId: 12345, email: "one@shop.example" });
  send("ann", { email: "two@shop.example" });
  send("ann", packed({ anonymousId: "ann", email: "three@shop.example" }));
  send("bob", { email: "four@shop.example" });
  await cluster.untilQuiet();
  // Refused where the account lives.
  const traits = Object.fromEntries(Array.from({ length: DEFAULT_LIMITS.traitsMax + 1 }, (_, n) => [`trait-${n}`, n]));
  const told = { type: "group", traits: { billing: "pay@acme.example", ...traits } };
  send("dan", { ...told, groupId: "acme" });
  send("eve", { ...told, groupId: "bee", messageId: "eve-1" });
  await cluster.untilQuiet();
  const ofLinks = (word: string): string[] => left(word).filter((place) => place.includes("(rejected.limit)"));
  expect([...ofLinks("acme"), ...ofLinks("eve-1")]).toHaveLength(3);
  await untilGone(erase("12345"));
  expect(left("one@shop")).toEqual([]);
  cluster.server.stream(memoryLogStream(0)).trim(cluster.server.stream(memoryLogStream(0)).last);
  send("ann", { email: "back@shop.example" });
  await untilGone(erase("ann"), erase("acme", "account"), erase("eve"));
  expect([...ofLinks("acme"), ...ofLinks("eve-1")]).toEqual([]);
  send("ann", { email: "later@shop.example" });
  await cluster.untilQuiet();
  expect(left("two@shop", "three@shop", "back@shop")).toEqual([]);
  expect(left("four@shop", "later@shop").filter((place) => place.includes("REJECTS"))).toHaveLength(2);
});
