// How a publish can end when thousands share one inbox, against a real server: each is told of its own, and none waits for ever.
import { headers, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AckedPublisher } from "../../lib/nats/acked.ts";
import { expectLast, streamState } from "../../lib/nats/wire.ts";
import type { Published } from "../../lib/ports/publishing.ts";
import { type Provisioned, provisioned } from "../support/nats.ts";
import { credentialsOf, guardedServer } from "../support/nats-roles.ts";
import { until } from "../support/until.ts";

const PAYLOAD_BYTES_MAX = 64 * 1024;
/** Far beyond a test's time: what ends before was not ended by the clock. */
const NEVER_MS = 600_000;
const LOG = 0;

let server: Provisioned;
let publisher: AckedPublisher;
let subject: string;

beforeAll(async () => {
  server = await provisioned({ partitions: 2, extra: `max_payload: ${PAYLOAD_BYTES_MAX}` });
  publisher = new AckedPublisher(server.nc, NEVER_MS);
  subject = server.names.logSubject(LOG, "event");
});
afterAll(() => server.stop());

function dedup(id: string): MsgHdrs {
  const mh = headers();
  mh.append("Nats-Msg-Id", id);
  return mh;
}

const lastSeq = async (): Promise<number> => (await streamState(server.nc, server.names.eventsStream(LOG))).last;

/** Hears what is sent to `silent`, and says nothing; resolves once the server knows of it. */
async function silentListener(
  nc: NatsConnection,
  silent: string,
  onMessage: (message: Msg) => void = () => undefined,
): Promise<void> {
  nc.subscribe(silent, { callback: (_error, message) => onMessage(message) });
  await nc.flush();
}

test("of many in one turn each is told its own place, in the order in which they were said", async () => {
  const before = await lastSeq();
  const ends = await Promise.all(
    Array.from({ length: 500 }, (_, index) => publisher.publish(subject, `{"n":${index}}`, headers())),
  );
  expect(ends).toEqual(ends.map((_, index) => ({ kind: "stored", seq: before + index + 1 })));
  expect(await lastSeq()).toBe(before + 500);
});

test("a repeat is answered with the place of the first, a fence and a size that do not fit are said as such", async () => {
  const first = await publisher.publish(subject, "{}", dedup("once"));
  const fence = expectLast(headers(), subject, 1);
  const ends = await Promise.all([
    publisher.publish(subject, "{}", dedup("once")),
    publisher.publish(subject, "{}", fence),
    publisher.publish(subject, "x".repeat(PAYLOAD_BYTES_MAX + 1), headers()),
    publisher.publish("nobody.is.here", "{}", headers()),
  ]);
  expect(ends).toEqual([
    first,
    { kind: "fenced" },
    { kind: "retry", reason: expect.stringContaining("raise max_payload") },
    { kind: "retry", reason: "no stream listens on this subject just now" },
  ]);
});

test("an answer that stays away is given up in its time, and no other with it", async () => {
  const nc = await server.connection();
  await silentListener(nc, "silent.late");
  const asked: Msg[] = [];
  await silentListener(nc, "silent.slow", (message) => asked.push(message));
  const [patient, impatient] = [new AckedPublisher(nc, NEVER_MS), new AckedPublisher(nc, 50)];
  const slow = patient.publish("silent.slow", "{}", headers());
  const late = impatient.publish("silent.late", "{}", headers());
  expect(await late).toEqual({ kind: "unknown", reason: "no answer within 50 ms" });
  await until("the slow one is asked", () => asked.length > 0);
  asked[0]!.respond('{"stream":"SLOW","seq":7}');
  expect(await slow).toEqual({ kind: "stored", seq: 7 });
  // The clock goes on for those that come later.
  expect(await impatient.publish("silent.late", "{}", headers())).toMatchObject({ kind: "unknown" });
});

test("a connection that was lost ends what was under way, and the next is stored", async () => {
  const nc = await server.connection();
  const heard = new Set<string>();
  await silentListener(server.nc, "silent.lost", (message) => heard.add(message.subject));
  const own = new AckedPublisher(nc, NEVER_MS);
  const lost = own.publish("silent.lost", "{}", headers());
  await until("it is under way", () => heard.size > 0);
  await nc.reconnect();
  expect(await lost).toEqual({ kind: "unknown", reason: "the connection was lost before the answer came" });
  expect(await own.publish(subject, "{}", headers())).toMatchObject({ kind: "stored" });
});

test("a connection that was closed for good says so", async () => {
  const nc = await server.connection();
  const own = new AckedPublisher(nc, NEVER_MS);
  await nc.close();
  expect(await own.publish(subject, "{}", headers())).toMatchObject({ kind: "unknown" });
});

test("what the server does not permit ends at once; what it does permit goes on", async () => {
  const guarded = await guardedServer({ name: "", partitions: 2 });
  try {
    const own = new AckedPublisher(await guarded.connection("api", credentialsOf("api")), NEVER_MS);
    const allowed = own.publish(guarded.names.eventSubject("u1"), "{}", headers());
    const denied = await own.publish(guarded.names.deltaSubject("vip", "joined"), "{}", headers());
    expect(denied).toEqual<Published>({ kind: "unknown", reason: expect.stringContaining("Permissions Violation") });
    // No stream was made yet: the inbox hears the server say so, which it could not under another role's prefix.
    expect(await allowed).toMatchObject({ kind: "retry" });
  } finally {
    await guarded.stop();
  }
});
