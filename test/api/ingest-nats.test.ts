// Events by HTTP against a real server and a real worker: what an answer promises, what a repeat does, what a full log and a
// silent server are told as, and what becomes of what cannot be used.

import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { partitionOf } from "../../lib/core/ids.ts";
import type { JsonObject } from "../../lib/core/types.ts";
import { storedMessage, streamState } from "../../lib/nats/wire.ts";
import { type ApiRig, openApiRig } from "../support/api-rig.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 2;
/** The server's bound on an acknowledgement, and what a shared machine may take on top. */
const SILENCE_MS_MAX = 30_000;

let rig: ApiRig;
let nc: NatsConnection;

beforeAll(async () => {
  rig = await openApiRig(PARTITIONS);
  nc = await rig.cli.server.connection();
});
afterAll(() => rig?.close());

function send(path: string, body: object, key = rig.writeKey): Promise<Response> {
  return fetch(`${rig.url}/v1/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(SILENCE_MS_MAX),
  });
}

interface Position {
  readonly partition: number;
  readonly seq: number;
}

function positionsOf(response: Response): Position[] {
  return (response.headers.get("rollcall-position") ?? "").split(",").map((text) => {
    const [partition = Number.NaN, seq = Number.NaN] = text.split(":").map(Number);
    return { partition, seq };
  });
}

async function stored({ partition, seq }: Position): Promise<{ subject: string; message: JsonObject }> {
  const found = await storedMessage(nc, rig.cli.server.names.eventsStream(partition), { seq });
  return { subject: found!.subject, message: JSON.parse(Buffer.from(found!.data).toString()) as JsonObject };
}

function answersWithin(waitMs: number): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => {
    setTimeout(resolve, waitMs, false);
  });
  return Promise.race([nc.flush().then(() => true), late]);
}

const lastOf = async (partition: number): Promise<number> =>
  (await streamState(nc, rig.cli.server.names.eventsStream(partition))).last;

test("an answer says where the log holds it, and the log does", async () => {
  const answer = await send("track", {
    userId: "u1",
    event: "Looked",
    messageId: "here",
    timestamp: "2026-01-01T10:00:00Z",
  });
  expect([answer.status, await answer.json()]).toEqual([200, { success: true }]);
  const [position] = positionsOf(answer);
  expect(position!.partition).toBe(partitionOf("u1", PARTITIONS));
  const { subject, message } = await stored(position!);
  expect(subject).toBe(`log.${position!.partition}.event`);
  expect(message).toEqual({
    type: "track",
    userId: "u1",
    event: "Looked",
    messageId: "here",
    timestamp: "2026-01-01T10:00:00Z",
  });
});

test("a repeat by messageId is answered with the place of the first, and stored once", async () => {
  const event = { userId: "u1", event: "Once", messageId: "once" };
  const [first, second] = [await send("t", event), await send("b", { batch: [{ type: "track", ...event }] })];
  expect([second.status, positionsOf(second)]).toEqual([200, positionsOf(first)]);
  expect(await lastOf(positionsOf(first)[0]!.partition)).toBe(positionsOf(first)[0]!.seq);
});

test("one number of two senders, or about two people of one log, is no repeat", async () => {
  const [first = "", second = ""] = Array.from({ length: 20 }, (_, index) => `w${index}`).filter(
    (id) => partitionOf(id, PARTITIONS) === 0,
  );
  const event = { event: "Bought", messageId: "1001" };
  const answers = [
    await send("track", { ...event, userId: first }),
    await send("track", { ...event, userId: second }),
    await send("track", { ...event, userId: first }, rig.adminKey),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  const messages = await Promise.all(answers.map((answer) => stored(positionsOf(answer)[0]!)));
  expect(messages.map(({ message }) => message.userId)).toEqual([first, second, first]);
  expect(new Set(answers.map((answer) => positionsOf(answer)[0]!.seq)).size).toBe(3);
});

test("the events of a user stand in the log in the order of the batch, whatever stands between them", async () => {
  const users = ["a", "b", "c", "d"];
  const batch = Array.from({ length: 200 }, (_, index) => ({
    type: "track",
    userId: users[(index * 7) % users.length],
    event: "Step",
    properties: { index },
  }));
  const before = [await lastOf(0), await lastOf(1)];
  const answer = await send("batch", { batch });
  expect(answer.status).toBe(200);
  const found = new Map(users.map((user) => [user, [] as number[]]));
  for (const [partition, start] of before.entries()) {
    for (let seq = start + 1; seq <= (await lastOf(partition)); seq += 1) {
      const { message } = await stored({ partition, seq });
      found.get(message.userId as string)?.push((message.properties as { index: number }).index);
    }
  }
  for (const [user, steps] of found) {
    expect(steps, user).toEqual(
      batch.filter(({ userId }) => userId === user).map(({ properties }) => properties.index),
    );
  }
});

test("what can be read and cannot be used is stored, and its partition says why; the rest of the batch counts", async () => {
  const wrong = {
    "unsupported-type": { type: "alias", userId: "u1", previousId: "a1" },
    "no-user-id": { type: "track", event: "Nobody" },
    "bad-id": { type: "track", event: "Long", userId: "x".repeat(300) },
    "no-event-name": { type: "track", userId: "u1" },
    "bad-timestamp": { type: "track", userId: "u1", event: "When", timestamp: "yesterday" },
    "no-group-id": { type: "group", userId: "u1" },
    "bad-field": { type: "track", userId: "u1", event: "Text", properties: "red" },
    "too-large": { type: "track", userId: "u1", event: "Large", properties: { text: "x".repeat(40 * 1024) } },
    "too-deep": { type: "track", userId: "u1", event: "Deep", properties: nested(40) },
  };
  const good = [
    { type: "identify", userId: "good", traits: { plan: "trial" } },
    { type: "group", groupId: "acme", traits: { plan: "gold" } },
  ];
  const heard = new Set<string>();
  const { names } = rig.cli.server;
  const rejects = nc.subscribe(names.rejectedSubject("*"), {
    callback: (_error, message) => void heard.add(message.headers!.get("Rollcall-Reason")),
  });
  await nc.flush();
  expect((await send("batch", { batch: [...Object.values(wrong), ...good] })).status).toBe(200);
  await until("each has been told", () => heard.size >= Object.keys(wrong).length);
  expect([...heard].sort()).toEqual(Object.keys(wrong).sort());
  rejects.unsubscribe();
  const show = async (...asked: string[]): Promise<string> => (await rig.cli.rollcall(...asked, "-o", "json")).out;
  await rig.cli.caughtUp();
  expect(JSON.parse(await show("user", "good"))).toMatchObject({ traits: { plan: "trial" } });
  expect(JSON.parse(await show("account", "acme"))).toMatchObject({ traits: { plan: "gold" } });
});

function nested(depth: number): object {
  return depth === 0 ? {} : { a: nested(depth - 1) };
}

test("a full log is answered 429 with a time to wait; sent again when there is room, each is stored once", async () => {
  const [full, other] = ["u1", ...Array.from({ length: 20 }, (_, index) => `v${index}`)].reduce<[string, string]>(
    ([mine, found], id) => [mine, partitionOf(id, PARTITIONS) === partitionOf(mine, PARTITIONS) ? found : id],
    ["u1", ""],
  );
  const partition = partitionOf(full, PARTITIONS);
  const stream = rig.cli.server.names.eventsStream(partition);
  const jsm = await jetstreamManager(nc);
  const { state } = await jsm.streams.info(stream);
  const batch = ["1", "2", "3"].flatMap((event) =>
    [full, other].map((userId) => ({ type: "track", userId, event, messageId: `${userId} ${event}` })),
  );
  await jsm.streams.update(stream, { max_msgs: state.messages + 1 });
  const refused = await send("batch", { batch });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "15"]);
  expect(((await refused.json()) as { error: { code: string } }).error.code).toBe("queue-full");
  expect(await lastOf(partition)).toBe(state.last_seq + 1);
  await jsm.streams.update(stream, { max_msgs: -1 });
  expect((await send("batch", { batch })).status).toBe(200);
  expect(await lastOf(partition)).toBe(state.last_seq + 3);
  for (const [index, event] of ["1", "2", "3"].entries()) {
    const { message } = await stored({ partition, seq: state.last_seq + 1 + index });
    expect(message).toMatchObject({ userId: full, event });
  }
});

test("a server that does not answer is told as 503; the repeat is stored once", async () => {
  const event = { userId: "u1", event: "Silence", messageId: "silence" };
  rig.cli.server.pause();
  // The signal is only on its way: until it is there, an event is stored as ever.
  await until("the server stands still", async () => !(await answersWithin(200)));
  const silent = await send("track", event).finally(() => rig.cli.server.resume());
  expect(silent.status).toBe(503);
  // As long as the answer was waited for.
  expect(Number(silent.headers.get("retry-after"))).toBeGreaterThan(1);
  // What was on its way when it fell silent is stored as it wakes; the repeat finds it.
  const again = await send("track", event);
  expect(again.status).toBe(200);
  const [{ partition, seq }] = positionsOf(again) as [Position];
  expect((await stored({ partition, seq })).message).toMatchObject(event);
  expect(await lastOf(partition)).toBe(seq);
});
